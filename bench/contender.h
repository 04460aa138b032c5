/*
 * contender.h - what every program of `syncbed bench 2pc` has in common, whoever it is by: its
 * options, and the line of JSON that it ends with.
 *
 * A contender keeps `clients` transfers in flight, each of which follows the one before it at once
 * (closed loop): -1 on a random account of the first server, +1 on one of the second, or of each
 * other one. It begins to measure after the warm-up:
 *
 *   {"committed":N, "tps":…, "p50_ms":…, "p99_ms":…, "cpu_us_per_txn":…, "fsyncs_per_txn":…}
 *
 * `committed` counts from the start to the end, so that it can be set against what the servers
 * count; the others are of the measured window. What a contender does not know it leaves out.
 */
#ifndef SYNCBED_BENCH_CONTENDER_H
#define SYNCBED_BENCH_CONTENDER_H

#include <stddef.h>
#include <stdint.h>

#define CONTENDER_CLIENTS_MAX 256
#define CONTENDER_SERVERS_MAX 8

struct contender_options {
    const char *mode;
    unsigned clients;
    int64_t warm_up_ms;
    int64_t measure_ms;
    const char *folder; /* exists; for its log */
    const char *user;
    const char *database;
    unsigned n_servers;
    const char *port[CONTENDER_SERVERS_MAX]; /* on 127.0.0.1 */
    const char *statement;                   /* adds $2 to account $1; returns rows, or none */
    int accounts;                            /* "acct:0" … of each server */
    unsigned hot_percent;                    /* of the transfers take from the first's "acct:0" */
    const char *door;                        /* port of a front door; NULL: not given */
    const char *process;                     /* whose processor time counts; NULL: our own */
};

/* From the command line; a wrong one ends the program with status 2 and a word. */
struct contender_options contender_options(int argc, char *const *argv);

/* Say why and end the program. */
__attribute__((format(printf, 1, 2))) _Noreturn void contender_fail(const char *fmt, ...);

int64_t contender_now_us(void);

/* The measured window. What ends in it is measured; at its end clients stop. */
struct contender_window {
    int64_t from_us, to_us;
};
struct contender_window contender_window(const struct contender_options *options);

/* What one client, or several of one thread, did. Zeroed at first; `took_us` is the
 * caller's to free. */
struct contender_samples {
    uint64_t committed; /* in the window or not */
    size_t n, capacity;
    int64_t *took_us; /* of those that ended in the window */
};
void contender_add(struct contender_samples *samples, const struct contender_window *window,
                   int64_t began_us, int64_t ended_us);

/* What goes on with the process itself: taken at both ends of the window. */
struct contender_use {
    double cpu_us;
    uint64_t fsyncs;
};

/* Processor time so far of process `pid` (text), or of ourselves (NULL). */
double contender_cpu_us(const char *pid);

/* Print the line. `fsyncs` of both uses at 0: not known. */
void contender_report(const struct contender_options *options,
                      const struct contender_samples *samples, unsigned n_samples,
                      const struct contender_use *from, const struct contender_use *to);

/*
 * The next transfer of a client: which account of server `i`, and what is added to it. The first
 * server gives one to each of the others. `random` begins at the client's number.
 */
unsigned contender_account(const struct contender_options *options, unsigned i, uint64_t *random);
int contender_amount(unsigned i, unsigned n_servers);

#endif
