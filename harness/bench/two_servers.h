/*
 * two_servers.h - the participants of `bench 2pc`: two (or more) PostgreSQL servers of our keeper,
 * each with accounts "acct:0" … and write-ahead log that is recycled, as it is at a server that has
 * run for a while (a new server zero-fills its log while it is measured, and two-phase commit is
 * three times slower).
 *
 * PostgreSQL is spoken to directly and blocking, past stores/: what is measured there must not be
 * what measures.
 */
#ifndef SYNCBED_HARNESS_BENCH_TWO_SERVERS_H
#define SYNCBED_HARNESS_BENCH_TWO_SERVERS_H

#include "base/error.h"
#include "model/topology.h"
#include "servers/keeper.h"

#include <limits.h>
#include <stdint.h>

#define BENCH_ACCOUNTS 10000
#define BENCH_BALANCE  1000000 /* of each account at first */

struct two_servers {
    struct event_base *base;
    struct keeper *keeper;
    keeper_event event;
    void *arg; /* of `event` */
    unsigned n_started;
    unsigned n; /* of these, taking part: the first ones; all at first */
    struct topology topology;
    void *conn[STORES_MAX];          /* PGconn */
    char folder[PATH_MAX];           /* on a real disk, for decision logs */
    int64_t n_transfers[STORES_MAX]; /* that a server's accounts have seen, until the last check */
};

/*
 * Start `n` servers ("pg1" …), make the tables, fill in the accounts, recycle the log. `event`: as
 * keeper_start(). Frees nothing on failure: call two_servers_stop().
 */
__attribute__((warn_unused_result)) int two_servers_start(struct two_servers *servers, unsigned n,
                                                          keeper_event event, void *arg,
                                                          struct errctx *err);
void two_servers_stop(struct two_servers *servers);

/* The statement that adds $2 to account $1, as our store says it without a journal. */
const char *two_servers_statement(void);

/* Before a measurement: nobody is connected but us, and no checkpoint is due. */
__attribute__((warn_unused_result)) int two_servers_settle(struct two_servers *servers,
                                                           struct errctx *err);

/* Flushes of the write-ahead logs so far, of all servers together, once their sessions have ended
 * (a session tells its own when it does). */
__attribute__((warn_unused_result)) int
two_servers_flushes(struct two_servers *servers, double *ret_flushes, struct errctx *err);

/*
 * After a measurement in which `committed` transfers were told to be so: -EIO unless each server's
 * accounts have seen exactly as many, the balances add up to what they were, and nothing is
 * prepared.
 */
__attribute__((warn_unused_result)) int two_servers_check(struct two_servers *servers,
                                                          int64_t committed, struct errctx *err);

/* How many transactions are prepared at server `i`. */
__attribute__((warn_unused_result)) int two_servers_prepared(const struct two_servers *servers,
                                                             unsigned i, unsigned *ret_n,
                                                             struct errctx *err);

#endif
