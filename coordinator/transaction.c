/* The life of a transaction around its engine: see the header. */
#include "coordinator/transaction.h"

#include "base/clock.h"
#include "base/mem.h"
#include "coordinator/coordinator_private.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

/* --- answers ---------------------------------------------------------------------------------- */

static void count_answer(struct coordinator_counters *c, enum code code, enum level level)
{
    c->answered_decided += code == CODE_NONE && level == LEVEL_DECIDED;
    c->conflicts += code == CODE_CONFLICT;
    c->constraints += code == CODE_CONSTRAINT;
    c->unavailable += code == CODE_UNAVAILABLE;
    c->answered_unknown += code != CODE_NONE && !code_definite(code);
}

void transaction_join(struct transaction *t, coordinator_done done, void *arg)
{
    struct waiter *w = mem_alloc(sizeof *w);

    w->done = done;
    w->arg = arg;
    if (t->waiters)
        t->co->n_joined++;
    LL_APPEND(t->waiters, w);
}

void transaction_answer(struct transaction *t, enum code code, enum level level)
{
    struct waiter *w = t->waiters;

    if (!w)
        return;
    t->waiters = NULL;
    t->reply.code = code;
    t->reply.level = level;
    t->request->code = code;
    if (code == CODE_NONE)
        t->request->level = level;
    count_answer(&t->co->counters, code, level);
    while (w) {
        struct waiter *next = w->next;

        w->done(w->arg, &t->reply);
        free(w);
        w = next;
        if (w)
            t->co->n_joined--;
    }
}

void transaction_refused(struct transaction *t, enum code code, const struct store *store,
                         const char *detail)
{
    if (t->reply.code != CODE_NONE)
        return;
    t->reply.code = code;
    (void)snprintf(t->reply.detail, sizeof t->reply.detail, "%s%s%s",
                   store ? store_name(store) : "", store ? " " : "", detail);
}

void transaction_answer_refused(struct transaction *t)
{
    assert(t->reply.code != CODE_NONE);
    t->reply.has_reads = false;
    transaction_answer(t, t->reply.code, LEVEL_NONE);
}

void transaction_take_reads(struct transaction *t, const struct store *store,
                            const struct store_reply *reply)
{
    uint32_t ops = txn_ops_of(&t->txn, store_name(store));

    for (unsigned i = 0; i < t->txn.n_ops; i++) {
        if (!(ops >> i & 1U) || t->txn.op[i].kind != OP_READ)
            continue;
        t->reply.has_reads = true;
        t->reply.read[i] = reply->read[i];
    }
}

/* --- begin ------------------------------------------------------------------------------------ */

static void give_up(struct transaction *t, enum code code, const char *detail)
{
    transaction_refused(t, code, NULL, detail);
    transaction_answer_refused(t);
    transaction_over(t, OUTCOME_ABORTED);
}

/* Room for its decision comes before anything is sent. Who only reads decides nothing. */
static int reserve(struct transaction *t, struct errctx *err)
{
    if (!txn_writes(&t->txn, (UINT32_C(1) << t->txn.n_ops) - 1))
        return 0;
    return decision_log_reserve(t->co->log, &t->ticket, err);
}

/* So does a slot at every store that it writes to. */
static int check_slots(const struct transaction *t, struct errctx *err)
{
    for (unsigned i = 0; i < t->n_branches; i++) {
        const struct store *store = t->branch[i].store;

        if (store_slots_left(store) == 0 &&
            txn_writes(&t->txn, txn_ops_of(&t->txn, store_name(store))))
            return err_set(err, EBUSY, ERR_RETRY,
                           "%s has no slot left for one more prepared transaction",
                           store_name(store));
    }
    return 0;
}

static void refuse(struct transaction *t, const struct errctx *err)
{
    t->co->counters.refused++;
    give_up(t, CODE_REFUSED, err->message);
}

static void begin(void *arg)
{
    struct transaction *t = arg;
    char why_not[PROTOCOL_DETAIL_SIZE];
    struct errctx err;
    bool all;

    assert(t->state == TRANSACTION_GRANTED);
    t->state = TRANSACTION_RUNNING;
    if (!coordinator_can_reach(t->co, coordinator_participants(t->co, &t->txn, &all), why_not))
        give_up(t, CODE_UNAVAILABLE, why_not);
    else if (t->n_branches == 1)
        one_phase_begin(t);
    else if (check_slots(t, &err) < 0 || reserve(t, &err) < 0)
        refuse(t, &err);
    else
        twopc_driver_begin(t);
}

/* --- keys ------------------------------------------------------------------------------------- */

/* They begin from the loop; if a deadline ends one before, the call that frees it takes this one's
 * place. */
static void grant(struct coordinator *co, struct key_ticket *ready)
{
    for (; ready; ready = ready->next) {
        struct transaction *t = ready->arg;

        t->state = TRANSACTION_GRANTED;
        soon_add(co->soon, &t->soon, begin, t);
    }
}

void transaction_leave_keys(struct transaction *t, const char *store)
{
    grant(t->co, key_queue_leave(&t->co->keys, &t->keys, store));
}

/* --- from the first to the last --------------------------------------------------------------- */

static void timer_due(evutil_socket_t fd, short what, void *arg)
{
    struct transaction *t = arg;

    (void)fd;
    (void)what;
    switch (t->state) {
    case TRANSACTION_QUEUED:
    case TRANSACTION_GRANTED:
        give_up(t, CODE_CONFLICT, "waited for its keys until its deadline");
        break;
    case TRANSACTION_RUNNING:
        if (t->n_branches > 1) /* one store answers at the deadline by itself */
            twopc_driver_timeout(t);
        break;
    case TRANSACTION_OVER:
        break;
    }
}

static void queue_for_keys(void *arg)
{
    struct transaction *t = arg;
    struct timeval left = clock_timeval(t->deadline_us - clock_now_us());

    (void)evtimer_add(&t->timer, &left);
    t->keys.arg = t;
    if (key_queue_enter(&t->co->keys, &t->keys, &t->txn))
        grant(t->co, &t->keys);
}

void transaction_new(struct coordinator *co, const struct txn *txn, int64_t deadline_us,
                     coordinator_done done, void *arg)
{
    struct transaction *t = mem_alloc(sizeof *t);
    bool all;
    uint32_t participants = coordinator_participants(co, txn, &all);

    t->co = co;
    t->txn = *txn;
    t->stand.request = t->txn.request;
    t->deadline_us = deadline_us;
    t->request = requests_begin(&co->requests, txn->request, t);
    for (unsigned i = 0; i < co->n_stores; i++) {
        struct branch *b = &t->branch[t->n_branches];

        if (!(participants >> i & 1U))
            continue;
        b->transaction = t;
        b->index = t->n_branches++;
        b->store = co->store[i];
    }
    (void)evtimer_assign(&t->timer, co->base, timer_due, t);
    transaction_join(t, done, arg);
    DL_APPEND(co->transactions, t);
    co->n_in_flight++;
    if (!crash_point_reach(&t->stand, CRASH_XA_RECEIVED, queue_for_keys, t))
        queue_for_keys(t);
}

static void free_over(void *arg)
{
    transaction_free(arg);
}

void transaction_over(struct transaction *t, enum outcome outcome)
{
    struct coordinator *co = t->co;

    assert(t->state != TRANSACTION_OVER);
    assert(!t->waiters);
    t->state = TRANSACTION_OVER;
    (void)evtimer_del(&t->timer);
    twopc_driver_done(t);
    decision_log_unreserve(co->log, &t->ticket);
    crash_point_leave(&t->stand);
    transaction_leave_keys(t, NULL);
    co->counters.committed += outcome == OUTCOME_COMMITTED;
    co->counters.aborted += outcome == OUTCOME_ABORTED;
    t->request->outcome = outcome;
    requests_end(&co->requests, t->request);
    co->n_in_flight--;
    soon_add(co->soon, &t->soon, free_over, t);
}

void transaction_drop_waiters(struct transaction *t)
{
    while (t->waiters) {
        struct waiter *w = t->waiters;

        t->waiters = w->next;
        free(w);
    }
}

void transaction_free(struct transaction *t)
{
    (void)evtimer_del(&t->timer);
    crash_point_leave(&t->stand);
    transaction_drop_waiters(t);
    DL_DELETE(t->co->transactions, t);
    free(t);
}
