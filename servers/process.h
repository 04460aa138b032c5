/*
 * process.h - one server or role under the keeper: its life as a state machine.
 *
 *            start                  made            probe ok / ready line
 *   STOPPED ------> INITIALISING ---------> STARTING ---------> READY <---> PAUSED
 *      ^  \_______________(made before, or a role)___^             |           |
 *      |                      \                |                   | term      |
 *      |                       \               |                   v           |
 *      |                        \              |               STOPPING        |
 *      |                         v             v                   |           |
 *      +---- asked for ------------------- KILLING <---------------+-----------+
 *   FAILED <- not asked for -----------------+      kill, 5 s, or it ended by itself
 *
 * KILLING sweeps the whole tree, since a main process that ended may have left others; only when
 * none is left (shared memory and locks are free then) it is STOPPED or FAILED and may be started
 * again. Everything is asynchronous on the keeper's loop; what is asked for is answered by a
 * callback, which may come from inside the call.
 */
#ifndef SYNCBED_SERVERS_PROCESS_H
#define SYNCBED_SERVERS_PROCESS_H

#include "base/error.h"
#include "servers/keeper.h"
#include "servers/kind.h"

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

struct process; /* one of them, by name */

/* Where processes live; outlives them. */
struct process_env {
    struct event_base *base;
    const char *folder; /* the keeper's: NAME/, NAME.log, and marks are below it */
    /* `what`: "ready" (after a start), "exited" (STOPPED or FAILED). */
    void (*event)(void *arg, const char *what, const struct process *process);
    void *arg;
};

/* `kind` NULL: a role. `ports` in the order of kind->port_name. */
struct process *process_new(const struct process_env *env, const char *name,
                            const struct server_kind *kind, const uint16_t *ports,
                            unsigned n_ports);
void process_free(struct process *process); /* nothing of it may run; who waits gets an error */

/* What to run as a role: argv ends with NULL, argv[0] is this executable. Only while none runs. */
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
const struct server_kind *process_kind(const struct process *process); /* NULL: a role */
enum process_state process_state(const struct process *process);
bool process_runs(const struct process *process);        /* anything but STOPPED and FAILED */
int64_t process_since_us(const struct process *process); /* when it came into its state */
pid_t process_pid(const struct process *process);        /* of the main process, 0: none */
uint16_t process_port(const struct process *process);    /* its first one, 0: none */
const char *process_log(const struct process *process);
int64_t process_rss_kb(const struct process *process);
const char *process_why(const struct process *process); /* FAILED: the reason, else "" */

#endif
