/*
 * keeper.h - the process that parents every server and role of a run, and ends them all.
 *
 * The keeper is a process of ours (`syncbed keeper`): child subreaper, one control socket
 * (base/rpc.h), an event loop. It allocates ports, makes data directories, knows how to initialise,
 * start, probe, pause and kill each kind of server, and starts roles. It ends everything when its
 * owner's connection closes - so also when the owner was killed by SIGKILL - or, when it was
 * started by `syncbed up`, when `down` says so; roles end with the last connection in any case, and
 * what is paused then goes on. Its children die with it (parent-death signal).
 *
 * This header is the client's side; it blocks by running the caller's event loop (rpc_call).
 */
#ifndef SYNCBED_SERVERS_KEEPER_H
#define SYNCBED_SERVERS_KEEPER_H

#include "base/error.h"
#include "base/rpc.h"
#include "model/topology.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct keeper; /* a connection to a keeper */

enum keeper_lifetime {
    KEEPER_OF_CALLER, /* ends everything when this connection closes */
    KEEPER_UNTIL_DOWN /* stays until keeper_down() */
};

/* How a server or role ended. */
struct keeper_end {
    const char *why; /* in words, with its last lines, when nobody asked for it; else "" */
    int signal;      /* that ended its main process; 0: none */
};

/*
 * Told of what happens, may be NULL. `what`: "ready" (a server or role, after each start), "exited"
 * (nothing of it is left, asked for or not: `end` tells; it is NULL otherwise), "lost" (the keeper
 * itself is gone; `name` is "").
 */
typedef void (*keeper_event)(void *arg, const char *what, const char *name,
                             const struct keeper_end *end);

/* Start a keeper process and connect. */
__attribute__((warn_unused_result)) int
keeper_start(struct event_base *base, enum keeper_lifetime lifetime, keeper_event event, void *arg,
             struct keeper **ret_keeper, struct errctx *err);
/* Connect to the one that `syncbed up` left; -ENOENT when there is none. */
__attribute__((warn_unused_result)) int keeper_attach(struct event_base *base, keeper_event event,
                                                      void *arg, struct keeper **ret_keeper,
                                                      struct errctx *err);
/* Close the connection; ends a KEEPER_OF_CALLER keeper and waits until all of it is gone. */
void keeper_free(struct keeper *keeper);

/* End everything and the keeper itself; returns when nothing is left. */
__attribute__((warn_unused_result)) int keeper_down(struct keeper *keeper, struct errctx *err);

/*
 * Make the servers named here run and ready ("pg1", "pg2", "redis", "kafka": the kind is the name
 * without its digits), those that already do included. In parallel, within 10 s on an idle machine;
 * after 30 s it is an error, which quotes the server's last lines.
 */
__attribute__((warn_unused_result)) int
keeper_servers_up(struct keeper *keeper, const char *const *names, unsigned n, struct errctx *err);

/*
 * The stores that are up, and the log (port 0: none), as a topology without roles; each kind of
 * role has a listener of its own at Kafka: keeper_log_address(keeper, ROLE_SINK).
 */
__attribute__((warn_unused_result)) int
keeper_topology(struct keeper *keeper, struct topology *ret_topology, struct errctx *err);
__attribute__((warn_unused_result)) int keeper_log_address(struct keeper *keeper,
                                                           enum role_kind kind,
                                                           struct address *ret_address,
                                                           struct errctx *err);

/* A loopback port that stays ours, under this name, while the keeper lives. */
__attribute__((warn_unused_result)) int keeper_port(struct keeper *keeper, const char *name,
                                                    uint16_t *ret_port, struct errctx *err);
/* A folder below the keeper's own, on a real disk, made if need be. `path` has PATH_MAX bytes. */
__attribute__((warn_unused_result)) int keeper_folder(struct keeper *keeper, const char *name,
                                                      char *ret_path, struct errctx *err);

/*
 * Start a role: argv[0] is the absolute path of a program, or any other word for this executable.
 * Returns when it has said {"ready":true,"port":…} on its standard output (its port, 0 if it has
 * none), or fails with its last lines. Standard error is appended to `log_path`. A role that was
 * killed is started again by keeper_restart().
 */
__attribute__((warn_unused_result)) int keeper_start_role(struct keeper *keeper, const char *name,
                                                          const char *const *argv,
                                                          const char *log_path, uint16_t *ret_port,
                                                          struct errctx *err);

enum keeper_signal {
    KEEPER_KILL,     /* SIGKILL to the whole process tree, stopped first so that none escapes */
    KEEPER_TERM,     /* ask it to end, by its own way; SIGKILL after 5 s */
    KEEPER_PAUSE,    /* SIGSTOP to the whole tree */
    KEEPER_CONTINUE, /* SIGCONT */
};

/*
 * Returns when it is done: after KILL and TERM, when nothing of the tree is left (0 also when
 * nothing ran). PAUSE and CONTINUE of what does not run are errors.
 */
__attribute__((warn_unused_result)) int keeper_signal(struct keeper *keeper, const char *name,
                                                      enum keeper_signal signal,
                                                      struct errctx *err);

/* Start a server or role that is not running, as it was started before; returns when it is ready.
 */
__attribute__((warn_unused_result)) int keeper_restart(struct keeper *keeper, const char *name,
                                                       struct errctx *err);

/*
 * The same three without waiting, for the fault scheduler; `done` gets NULL or the message.
 */
typedef void (*keeper_done)(void *arg, const char *error);
void keeper_signal_async(struct keeper *keeper, const char *name, enum keeper_signal signal,
                         keeper_done done, void *arg);
void keeper_restart_async(struct keeper *keeper, const char *name, keeper_done done, void *arg);

/* Everything it parents, for `syncbed ps`: the caller's JSON array of {name, kind, pid, state,
 * port, since_us, rss_kb, log, why}. */
__attribute__((warn_unused_result)) int keeper_list(struct keeper *keeper, json_t **ret_list,
                                                    struct errctx *err);

#endif
