/*
 * operator.h - what a person does about transactions in doubt: look, settle by hand, forget.
 *
 * Works on the servers of a topology (a run's, or those that "syncbed up" left), beside whoever
 * else uses them, and reads decision logs without touching them. Only forgetting a decision writes
 * to a log, under the lock that keeps its coordinator away.
 */
#ifndef SYNCBED_HARNESS_OPERATOR_OPERATOR_H
#define SYNCBED_HARNESS_OPERATOR_OPERATOR_H

#include "base/error.h"
#include "coordinator/doubt.h"
#include "harness/run/await.h"
#include "model/topology.h"
#include "servers/keeper.h"
#include "stores/store_set.h"

#include <event2/event.h>
#include <limits.h>
#include <stdbool.h>

#define OPERATOR_TIMEOUT_US INT64_C(3000000) /* for a store to answer: then it is unreachable */

struct operator_log {
    char coordinator[ROLE_NAME_SIZE];
    char dir[PATH_MAX];
};

/* What a store was told of a log. */
struct operator_mark {
    struct await *await;
    bool known;
    int64_t fence; /* its epoch */
    struct store_mark mark;
};

struct operator_desk {
    struct event_base *base;
    struct keeper *keeper;     /* NULL: the topology came from a file */
    struct topology *topology; /* owned */
    struct store_set stores;
    unsigned n_logs;
    struct operator_log log[ROLES_MAX];
    struct operator_mark mark[ROLES_MAX][STORES_MAX]; /* by log and store */
    bool looked;
    struct doubt doubt; /* after operator_look() */
};

/*
 * `topology_path` NULL: the servers of "syncbed up". The topology's front doors whose data are
 * there have their logs at hand. -ENOENT: nothing is up. Give it to operator_close() in any case.
 */
__attribute__((warn_unused_result)) int
operator_open(struct operator_desk *op, const char *topology_path, struct errctx *err);
void operator_close(struct operator_desk *op);

/* One more log: "serve1=DIR". */
__attribute__((warn_unused_result)) int operator_add_log(struct operator_desk *op,
                                                         const char *name_dir, struct errctx *err);

/* Ask all stores, read the logs, conclude. A log that cannot be read is said and not at hand. */
__attribute__((warn_unused_result)) int operator_look(struct operator_desk *op, struct errctx *err);

/* What came of one store. */
struct operator_done {
    bool asked;
    enum store_status status;
    char detail[STORE_DETAIL_SIZE];
};

/* Commit or roll back by hand at those stores of `at` (bits) where it is prepared. */
__attribute__((warn_unused_result)) int
operator_settle(struct operator_desk *op, const struct doubt_txn *txn, uint32_t at, bool commit,
                struct operator_done ret_done[STORES_MAX], struct errctx *err);

/* Forget at every store that this gid was settled by hand. */
__attribute__((warn_unused_result)) int operator_forget(struct operator_desk *op, const char *gid,
                                                        struct operator_done ret_done[STORES_MAX],
                                                        struct errctx *err);

/*
 * End the decision of `gid` in its coordinator's log at hand, so that the next incarnation does not
 * bring it up again. ret_ended: there was an open one. -EBUSY: the coordinator runs, and has to be
 * asked itself.
 */
__attribute__((warn_unused_result)) int operator_end_decision(struct operator_desk *op,
                                                              const char *gid, bool *ret_ended,
                                                              struct errctx *err);

#endif
