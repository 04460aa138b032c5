/* Opening our coordinator, and what it is given to do; see the header. */
#include "bench/ours/our_coordinator.h"

#include "base/clock.h"
#include "base/loop.h"
#include "stores/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME     "bench"
#define START_US (30 * US_PER_S)

static void on_ready(void *arg)
{
    *(bool *)arg = true;
}

static void on_failed(void *arg, const struct errctx *err)
{
    (void)arg;
    contender_fail("%s", err->message);
}

static void open_stores(struct event_base *base, struct coordinator *coordinator,
                        const struct contender_options *o, unsigned sessions)
{
    const struct store_options options = {.application = coordinator_application(coordinator),
                                          .sessions = sessions,
                                          .no_journal = true};
    struct store *store[CONTENDER_SERVERS_MAX];
    struct errctx err;

    for (unsigned i = 0; i < o->n_servers; i++) {
        struct topology_store where = {.kind = STORE_POSTGRES};

        (void)snprintf(where.name, sizeof where.name, "pg%u", i + 1);
        (void)snprintf(where.user, sizeof where.user, "%s", o->user);
        (void)snprintf(where.database, sizeof where.database, "%s", o->database);
        (void)snprintf(where.address.host, sizeof where.address.host, "127.0.0.1");
        where.address.port = (uint16_t)strtoul(o->port[i], NULL, 10);
        if (store_open(base, &where, &where.address, &options, &store[i], &err) < 0)
            contender_fail("%s", err.message);
    }
    coordinator_start(coordinator, store, o->n_servers);
}

struct coordinator *our_coordinator_open(struct event_base *base, const struct contender_options *o,
                                         enum twopc_reply_rule reply_rule, unsigned sessions,
                                         bool *ret_ready)
{
    const struct coordinator_options options = {
        .name = NAME, .dir = o->folder, .lock_order = TWOPC_PARALLEL, .reply_rule = reply_rule};
    const struct coordinator_handlers handlers = {on_ready, on_failed, ret_ready};
    struct coordinator *coordinator;
    struct errctx err;

    if (coordinator_open(base, &options, &handlers, &coordinator, &err) < 0)
        contender_fail("%s", err.message);
    open_stores(base, coordinator, o, sessions);
    return coordinator;
}

struct awaited {
    const struct coordinator *coordinator;
    const bool *ready;
};

static bool is_recovered(void *arg)
{
    const struct awaited *a = arg;
    struct coordinator_counters counters;

    coordinator_counters(a->coordinator, &counters);
    return *a->ready && counters.not_recovered == 0;
}

void our_coordinator_await(struct event_base *base, struct coordinator *coordinator,
                           const bool *ready)
{
    struct awaited awaited = {coordinator, ready};

    if (loop_until(base, is_recovered, &awaited, START_US) < 0)
        contender_fail("the coordinator is not ready");
}

void our_transfer(struct txn *txn, const struct contender_options *o, unsigned client,
                  uint64_t sequence, uint64_t *random)
{
    txn->n_ops = o->n_servers;
    /* With the process: the log remembers the requests of earlier runs, and answers them. */
    (void)snprintf(txn->request, sizeof txn->request, "b%d-%u-%" PRIu64, getpid(), client,
                   sequence);
    for (unsigned i = 0; i < o->n_servers; i++) {
        struct op *op = &txn->op[i];

        op->kind = OP_INCR;
        op->delta = contender_amount(i, o->n_servers);
        (void)snprintf(op->store, sizeof op->store, "pg%u", i + 1);
        (void)snprintf(op->key, sizeof op->key, "acct:%u", contender_account(o, i, random));
    }
}
