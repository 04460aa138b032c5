/*
 * process.h - one server or role under the keeper: its life as a state machine.
 *
 *   STOPPED or FAILED
 *      |   start: a server whose data were never made
 *      |-----------------------> INITIALISING
 *      |   start: others              | made
 *      |------------------------> STARTING
 *                                     | probe, or ready line
 *                                   READY <---> PAUSED
 *                                     | term (of STARTING and PAUSED, too)
 *                                 STOPPING
 *                                     | ended, or 5 s are over
 *   any of these: kill, failed, ended by itself
 *      |------------------------> KILLING
 *                                     | nothing is left
 *                             STOPPED if it was asked to end, else FAILED
 *
 * KILLING sweeps the whole tree, since a main process that ended may have left others; only when
 * none is left (shared memory and locks are free then) it is STOPPED or FAILED and may be started
 * again. Everything is asynchronous on the keeper's loop; what is asked for is answered by a
 * callback, which may come from inside the call.
 */
#ifndef SYNCBED_SERVERS_PROCESS_H
#define SYNCBED_SERVERS_PROCESS_H

#include "base/buf.h"
#include "servers/keeper.h"
#include "servers/program.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum process_state {
    PROCESS_STOPPED,      /* nothing runs: never started, or ended because it was asked to */
    PROCESS_INITIALISING, /* a program that makes the server's data runs */
    PROCESS_STARTING,     /* the main process runs and is probed, or its ready line awaited */
    PROCESS_READY,
    PROCESS_PAUSED,   /* its tree is stopped (SIGSTOP) */
    PROCESS_STOPPING, /* asked to end by its own way */
    PROCESS_KILLING,  /* its tree is being killed until nothing is left of it */
    PROCESS_FAILED,   /* nothing runs: it ended unasked, or never became ready */
    PROCESS_STATES
};

const char *process_state_name(enum process_state state);

struct process;
struct child_output;
struct waiter;

/* Where processes live; outlives them. */
struct process_env {
    struct event_base *base;
    const char *folder; /* the keeper's: NAME/, NAME.log, and marks are below it */
    /* `what`: "ready" (after a start), "exited" (STOPPED or FAILED). */
    void (*event)(void *arg, const char *what, const struct process *process);
    /* Its ports by the order of kind->port_name, each free now. */
    int (*free_ports)(void *arg, const struct process *process, uint16_t *ret_port,
                      struct errctx *err);
    void *arg;
};

/* To be read by all, changed in process.c only. */
struct process {
    const struct process_env *env;
    struct program program; /* its name, ports, log; kind NULL: a role */
    enum process_state state;
    int64_t since_us;    /* when it came into its state */
    pid_t pid;           /* of the main process, or of a step of initialising; 0: none */
    pid_t probe;         /* of the tool that asks whether it is ready; 0: none */
    bool initialised;    /* its data were made */
    bool has_ports;      /* it listened at its ports, so others may know them */
    unsigned init_step;  /* INITIALISING: from 0 */
    int64_t deadline_us; /* STARTING: to be ready by then */
    struct event *timer; /* STARTING: next probe; STOPPING: patience is over; KILLING: look again */
    struct child_output *output; /* a role's; NULL for a server */
    struct buf why;   /* the reason of an end nobody asked for: KILLING leads to FAILED then */
    int signal;       /* that ended the main process; 0: none, or it has not ended */
    bool start_again; /* asked for while it was being ended */
    struct waiter *waiters;
};

/* `kind` NULL: a role. `ports` in the order of kind->port_name. */
struct process *process_new(const struct process_env *env, const char *name,
                            const struct server_kind *kind, const uint16_t *ports,
                            unsigned n_ports);
void process_free(struct process *process); /* nothing of it may run; who waits gets an error */

/* What to run as a role: argv as keeper_start_role(). Only when startable. */
void process_set_role(struct process *process, const char *const *argv, const char *log_path);

/* `error` NULL: done. */
typedef void (*process_done)(void *arg, const char *error);

/* Answered when it is ready, also when that was so before; one that is being ended starts anew. */
void process_start(struct process *process, process_done done, void *arg);

/*
 * KILL and TERM are answered when nothing of it is left, also when nothing ran. PAUSE and CONTINUE
 * of what is neither ready nor paused is an error.
 */
void process_signal(struct process *process, enum keeper_signal signal, process_done done,
                    void *arg);

/* A child of the keeper ended; false when it is not one of this process's. */
bool process_reaped(struct process *process, pid_t pid, int status);

const char *process_name(const struct process *process);
bool process_runs(const struct process *process);      /* anything but STOPPED and FAILED */
bool process_startable(const struct process *process); /* none runs, or it is being ended */
int64_t process_rss_kb(const struct process *process); /* of its tree */

#endif
