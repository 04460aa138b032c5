/*
 * roles.h - the roles of a run as the harness holds them: started through the keeper, each with a
 * connection to its control socket while it lives.
 */
#ifndef SYNCBED_HARNESS_RUN_ROLES_H
#define SYNCBED_HARNESS_RUN_ROLES_H

#include "base/error.h"
#include "base/rpc.h"
#include "model/topology.h"
#include "servers/keeper.h"

#include <event2/event.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define ROLES_ARGS_MAX 32

struct role_process {
    char name[ROLE_NAME_SIZE];
    enum role_kind kind;
    bool foreign; /* a program of somebody else's: without a control socket */
    bool running;
    struct rpc_client *control; /* NULL while it does not run, and of a foreign one */
};

struct roles {
    struct event_base *base;
    struct keeper *keeper;
    char folder[PATH_MAX];                   /* the run's: topology.yaml, control/, logs/ */
    void (*event)(void *arg, json_t *event); /* of any role, as rpc_client_handlers; or NULL */
    void *arg;
    unsigned n;
    struct role_process role[ROLES_MAX];
};

void roles_init(struct roles *roles, struct event_base *base, struct keeper *keeper,
                const char *folder);
/* Closes the connections; the processes are the keeper's. */
void roles_done(struct roles *roles);

/*
 * Start `syncbed VERB --topology … --name NAME` with more arguments (a list that ends with NULL)
 * and wait until it is ready.
 */
__attribute__((warn_unused_result)) int roles_start(struct roles *roles, const char *name,
                                                    enum role_kind kind, const char *const *more,
                                                    struct errctx *err);

/* Start a program of somebody else's, of which only the ready line is expected; an absolute path.
 */
__attribute__((warn_unused_result)) int roles_start_program(struct roles *roles, const char *name,
                                                            enum role_kind kind,
                                                            const char *program,
                                                            struct errctx *err);

struct role_process *roles_find(struct roles *roles, const char *name); /* or NULL */

bool roles_running(const struct roles *roles, const char *name);

/* Its control connection; NULL when there is none: no such role, foreign, or it does not run. */
struct rpc_client *roles_control(struct roles *roles, const char *name);

/* The keeper says that `name` ended; no role of ours is fine. */
void roles_exited(struct roles *roles, const char *name);

/* It was restarted and is ready: connect again. No role of ours is fine. */
__attribute__((warn_unused_result)) int roles_restarted(struct roles *roles, const char *name,
                                                        struct errctx *err);

/* Why a role or server ended unasked, in the keeper's words: "killed by signal 11" … */
void roles_why(struct keeper *keeper, const char *name, char *ret_why, size_t size);

/* End every running role of this kind in an orderly way (SIGTERM). */
__attribute__((warn_unused_result)) int roles_stop(struct roles *roles, enum role_kind kind,
                                                   struct errctx *err);

#endif
