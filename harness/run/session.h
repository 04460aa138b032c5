/*
 * session.h - what the runs of an experiment share: the event loop, the keeper with its servers,
 * connections for administration, signals, progress and times.
 */
#ifndef SYNCBED_HARNESS_RUN_SESSION_H
#define SYNCBED_HARNESS_RUN_SESSION_H

#include "base/error.h"
#include "harness/experiment.h"
#include "harness/run/phases.h"
#include "harness/run/progress.h"
#include "logsync/log_admin.h"
#include "model/topology.h"
#include "servers/keeper.h"
#include "stores/store_set.h"

#include <event2/event.h>
#include <limits.h>
#include <stdbool.h>

#define SESSION_STORE_TIMEOUT_US (10 * US_PER_S)
#define SESSION_LOG_TIMEOUT_MS   10000

struct session {
    const struct experiment *experiment;
    char out[PATH_MAX];
    bool keep; /* leave the front doors' data and the servers' output in the run folders */

    struct event_base *base;
    struct event *on_sigint;
    struct event *on_sigterm;
    int signal; /* the one that came; 0: none */

    struct keeper *keeper;
    bool keeper_lost; /* it was killed, and all servers and roles with it */
    int turn;         /* the lock that makes two sessions at one keeper impossible; -1: none */
    /* Whom to tell that a child of the keeper ended: the run that goes on. */
    void (*exited)(void *arg, const char *name, const struct keeper_end *end);
    void *exited_arg;

    struct topology servers; /* the experiment's stores, and the log; no roles */
    struct address log_of[ROLE_KINDS];
    struct store_set stores;  /* of `servers` */
    bool claimed[STORES_MAX]; /* attached, and our place in it is taken: attach.h */
    struct log_admin *log;    /* NULL when no approach uses it */

    /* Runs that broke off: the keeper's last answers go there. Freed behind the keeper. */
    size_t n_broken_off, broken_off_capacity;
    void **broken_off;

    bool warmed[EXPERIMENT_APPROACHES_MAX]; /* no more once the broker it uses has ended */
    struct progress progress;
    struct phases phases;
};

/*
 * Catch SIGINT and SIGTERM, find the keeper that `up` left or start one, bring the servers up that
 * are not attached, and take our place in those that are.
 * The session must not be moved afterwards; give it to session_close() in any case.
 */
__attribute__((warn_unused_result)) int session_open(struct session *session,
                                                     const struct experiment *experiment,
                                                     const char *out, struct errctx *err);

/* Go on with another experiment over the same servers, or fewer. */
void session_take_up(struct session *session, const struct experiment *experiment);

/* Ends everything that this session started, and leaves what is attached; complains on stderr. */
void session_close(struct session *session);

/* Copy what the servers have said so far into FOLDER/logs. */
__attribute__((warn_unused_result)) int session_keep_logs(struct session *session,
                                                          const char *folder, struct errctx *err);

/* Take over the memory of a run that broke off, with whatever was still under way in it. */
void session_bury(struct session *session, void *broken_off);

/*
 * After a run that broke off: kill its roles, let go what it had paused, and reset. An error says
 * that no other run can follow.
 */
__attribute__((warn_unused_result)) int session_recover(struct session *session,
                                                        struct errctx *err);

/* Every server up, also those that a fault left dead, and every store empty. */
__attribute__((warn_unused_result)) int session_reset(struct session *session, struct errctx *err);

#endif
