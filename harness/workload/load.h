/*
 * load.h - the role `load`: the clients of a run, open loop, as a process of its own.
 *
 * It draws the plan, connects, says ready and waits for its one command. What happens then is in
 * generator.h. Commands on its control socket, besides every role's:
 *
 *   start {at_us}   begin the plan at this instant (CLOCK_MONOTONIC, µs)
 *   progress
 *     {"planned":N,"invoked":N,"acknowledged":N,"fail":N,"info":N,"in_flight":N,"done":false}
 *                   `counters` has them, too
 *
 * When the last operation has ended and the history is closed, every connection gets
 * {"event":"finished","name":"load"}, or {"event":"failed","name":"load","why":…} when the history
 * could not be written (where its disk is full, the log's may be, too). The process stays until
 * SIGTERM, and goes on to look for the probes that were not seen yet. A SIGTERM that comes earlier
 * closes the history as it stands, with the operations that are open left open.
 */
#ifndef SYNCBED_HARNESS_WORKLOAD_LOAD_H
#define SYNCBED_HARNESS_WORKLOAD_LOAD_H

struct load_options {
    const char *topology;   /* path */
    const char *name;       /* this role's name in it */
    const char *config;     /* path; of it `workload` and `seed` are read */
    const char *history;    /* path, made anew */
    const char *probes;     /* likewise; NULL: nobody looks for probes */
    const char *token_file; /* path; NULL: none */
};

/* The process' exit status: 0, 1 (the history could not be written), 2 (bad options). */
int load_main(const struct load_options *options);

#endif
