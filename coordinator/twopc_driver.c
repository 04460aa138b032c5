/*
 * Carries out what the two-phase commit core decides: branches at the stores, the decision log,
 * timers, the client's answer. It decides nothing itself. What the stores answer to it comes in by
 * twopc_answers.c.
 *
 * Every event goes through twopc_driver_feed(), every action through carry_out(). Between the two
 * stand the crash points (base/crash_point.h): a transaction that is held at one keeps its actions
 * undone and its further events waiting until it is let go.
 */
#include "coordinator/coordinator_private.h"

#include "base/broken.h"
#include "base/clock.h"
#include "base/log.h"
#include "coordinator/twopc_answers.h"
#include "model/names.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* --- timers and the log ----------------------------------------------------------------------- */

static void retry_due(evutil_socket_t fd, short what, void *arg)
{
    const struct branch *b = arg;

    (void)fd;
    (void)what;
    b->transaction->co->counters.retries++;
    twopc_driver_feed(b->transaction,
                      (struct twopc_event){.type = TWOPC_EV_RETRY, .participant = b->index});
}

void twopc_driver_timeout(struct transaction *t)
{
    if (t->core.state < TWOPC_LOGGING || t->core.options.broken == TWOPC_TIMEOUT_IS_ABORT)
        transaction_refused(t, CODE_ABORTED, NULL, "not prepared everywhere by its deadline");
    twopc_driver_feed(t, (struct twopc_event){.type = TWOPC_EV_TIMEOUT});
}

static void decision_durable(void *arg)
{
    struct transaction *t = arg;

    if (t->ticket.lost) {
        transaction_refused(t, CODE_ABORTED, NULL, "another coordinator took over and aborted it");
        twopc_driver_feed(t, (struct twopc_event){.type = TWOPC_EV_LOGGED, .answer = TWOPC_NO});
        return;
    }
    t->decided = true;
    t->request->outcome = OUTCOME_COMMITTED;
    t->request->level = LEVEL_DECIDED;
    forgetting_durable(&t->co->forgetting, t->ends_before);
    twopc_driver_feed(t, (struct twopc_event){.type = TWOPC_EV_LOGGED});
}

static void write_log(void *arg)
{
    decision_log_write(arg);
}

/* Who is prepared takes part in it. */
static void describe_commit(const struct transaction *t, struct decision *ret_commit)
{
    *ret_commit = (struct decision){.kind = DECISION_COMMIT};
    memcpy(ret_commit->gid, t->gid, sizeof ret_commit->gid);
    memcpy(ret_commit->request, t->txn.request, sizeof ret_commit->request);
    for (unsigned i = 0; i < t->n_branches; i++) {
        const struct branch *b = &t->branch[i];
        unsigned n = ret_commit->n_participants;

        if (!(t->core.prepared >> i & 1U))
            continue;
        (void)snprintf(ret_commit->participant[n], STORE_NAME_SIZE, "%s", store_name(b->store));
        memcpy(ret_commit->memo[n], b->memo, STORE_MEMO_SIZE);
        ret_commit->n_participants++;
    }
}

static void log_commit(struct transaction *t)
{
    struct decision commit;

    describe_commit(t, &commit);
    t->ends_before = forgetting_mark(&t->co->forgetting);
    t->ticket.durable = decision_durable;
    t->ticket.arg = t;
    decision_log_commit(t->co->log, &commit, &t->ticket);
    soon_add(t->co->soon, &t->co->log_due, write_log, t->co->log);
}

/* --- actions ---------------------------------------------------------------------------------- */

/* Branches as bits of its decision's participants. */
static uint32_t of_participants(const struct transaction *t, uint32_t branches)
{
    uint32_t bits = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < t->n_branches; i++) {
        if (t->core.prepared >> i & 1U)
            bits |= (branches >> i & 1U) << n++;
    }
    return bits;
}

static void leave_open(const struct transaction *t)
{
    struct decision commit;

    describe_commit(t, &commit);
    recovery_leave_open(t->co->recovery, &commit, of_participants(t, t->core.heuristic),
                        of_participants(t, t->core.lost));
}

/*
 * Nothing of it is left: stores that remember its outcome need not any more (of a commit: once that
 * it has ended is durable); but they shall while it is open who settled it elsewhere, and how.
 */
static void finish(struct transaction *t)
{
    bool open = (t->core.heuristic | t->core.lost) != 0;

    if (t->decided && open)
        leave_open(t);
    for (unsigned i = 0; i < t->n_branches && !t->decided && !open; i++) {
        if (t->branch[i].told)
            forget_at(t->branch[i].store, t->gid);
    }
    transaction_over(t, t->request->outcome);
}

static void log_end(struct transaction *t)
{
    t->request->level = LEVEL_EVERYWHERE;
    if (!decision_log_end(t->co->log, t->gid))
        return;
    for (unsigned i = 0; i < t->n_branches; i++) {
        if (t->branch[i].told)
            forgetting_add(&t->co->forgetting, t->branch[i].store, t->gid);
    }
}

static bool can_write_down(const struct transaction *t, unsigned i)
{
    return !(t->core.options.readers >> i & 1U) && store_kind(t->branch[i].store) != STORE_REDIS;
}

/* Where the request's id is written: at the same store whoever attempts it. */
static bool is_home(const struct branch *b)
{
    const struct transaction *t = b->transaction;
    unsigned i = 0;

    while (i < t->n_branches && !can_write_down(t, i))
        i++;
    return t->co->requests_at_stores && b->index == i;
}

static void begin_branch(struct branch *b, enum store_branch_until until, store_done done)
{
    struct transaction *t = b->transaction;

    b->handle = (is_home(b) ? store_branch_begin_once : store_branch_begin)(
        b->store, &t->txn, t->gid, until, t->deadline_us, done, b);
}

/* This attempt is; what becomes of the request another one decides. */
static void reply_aborted(struct transaction *t)
{
    t->request->outcome = t->again       ? OUTCOME_COMMITTED
                          : t->elsewhere ? OUTCOME_UNKNOWN
                                         : OUTCOME_ABORTED;
    if (t->again)
        transaction_answer(t, CODE_NONE, LEVEL_DECIDED);
    else
        transaction_answer_refused(t);
}

static void reply_unknown(struct transaction *t)
{
    if (t->request->mixed)
        transaction_refused(t, CODE_UNKNOWN, NULL,
                            "decided to commit, and settled otherwise or lost at some store");
    else
        transaction_refused(t, CODE_TIMEOUT, NULL, "its decision is being written");
    transaction_answer_refused(t);
}

static void set_timer(struct event *timer, int64_t delay_us)
{
    struct timeval delay = clock_timeval(delay_us);

    (void)evtimer_add(timer, &delay);
}

static void act(struct transaction *t, const struct twopc_action *a)
{
    struct branch *b = &t->branch[a->participant];

    switch (a->type) {
    case TWOPC_ACT_EXECUTE:
        begin_branch(b, STORE_UNTIL_EXECUTED, twopc_executed);
        break;
    case TWOPC_ACT_EXECUTE_PREPARE:
        begin_branch(b, STORE_UNTIL_PREPARED, twopc_executed_and_prepared);
        break;
    case TWOPC_ACT_PREPARE:
        store_branch_prepare(b->handle, twopc_prepared, b);
        break;
    case TWOPC_ACT_RELEASE:
        store_branch_release(b->handle, twopc_released, b);
        break;
    case TWOPC_ACT_LOG_COMMIT:
        log_commit(t);
        break;
    case TWOPC_ACT_COMMIT:
        b->told = true;
        store_branch_commit(b->handle, twopc_committed, b);
        break;
    case TWOPC_ACT_ROLLBACK:
        b->told = true;
        store_branch_rollback(b->handle, twopc_rolled_back, b);
        break;
    case TWOPC_ACT_PROVE:
        twopc_prove(b);
        break;
    case TWOPC_ACT_TELL_HEURISTIC:
        twopc_tell_heuristic(b);
        break;
    case TWOPC_ACT_TELL_LOST:
        twopc_tell_lost(b);
        break;
    case TWOPC_ACT_REPLY_EVERYWHERE:
        t->request->outcome = OUTCOME_COMMITTED; /* where only reads leave no decision */
        transaction_answer(t, CODE_NONE, LEVEL_EVERYWHERE);
        break;
    case TWOPC_ACT_REPLY_DECIDED:
        transaction_answer(t, CODE_NONE, LEVEL_DECIDED);
        break;
    case TWOPC_ACT_REPLY_ABORTED:
        reply_aborted(t);
        break;
    case TWOPC_ACT_REPLY_UNKNOWN:
        reply_unknown(t);
        break;
    case TWOPC_ACT_SET_TIMER:
        set_timer(&t->timer, a->delay_us);
        break;
    case TWOPC_ACT_SET_RETRY:
        set_timer(&b->retry, a->delay_us);
        break;
    case TWOPC_ACT_LOG_END:
        log_end(t);
        break;
    case TWOPC_ACT_FORGET:
        finish(t);
        break;
    case TWOPC_ACT_TELL_BROKEN:
        broken_made();
        break;
    case TWOPC_ACTION_TYPES:
        break;
    }
}

/* --- crash points ----------------------------------------------------------------------------- */

/* Where the transaction stands when the core has gone from one state to another, before any of the
 * actions. */
static enum crash_point before_actions(enum twopc_state from, enum twopc_state to)
{
    if (from == to)
        return CRASH_NONE;
    switch (to) {
    case TWOPC_VOTING:
        return from == TWOPC_LOCKING ? CRASH_XA_FIRST_LOCKED : CRASH_NONE;
    case TWOPC_LOGGING:
        return CRASH_XA_VOTED;
    case TWOPC_COMMITTING:
        return CRASH_XA_DECIDED;
    case TWOPC_ABORTING:
        return CRASH_XA_ABORTING;
    case TWOPC_DONE:
        return from == TWOPC_COMMITTING ? CRASH_XA_ALL_ACKED : CRASH_NONE;
    case TWOPC_IDLE:
    case TWOPC_LOCKING:
    case TWOPC_RELEASING:
    case TWOPC_STATES:
        break;
    }
    return CRASH_NONE;
}

/* … and after them. */
static enum crash_point after_actions(const struct transaction *t)
{
    if (t->core.state == TWOPC_VOTING)
        return CRASH_XA_PREPARE_SENT;
    if (t->core.state == TWOPC_LOGGING)
        return CRASH_XA_LOGGING;
    if (t->core.state == TWOPC_COMMITTING)
        return t->core.settled == t->core.options.readers ? CRASH_XA_COMMIT_SENT
                                                          : CRASH_XA_FIRST_ACKED;
    return CRASH_NONE;
}

static void resume(void *arg);

static void carry_out(struct transaction *t)
{
    enum crash_point point;

    t->done_todo = true;
    for (unsigned i = 0; i < t->todo.n; i++)
        act(t, &t->todo.item[i]);
    point = after_actions(t);
    if (point != CRASH_NONE && point != t->stand.at)
        (void)crash_point_reach(&t->stand, point, resume, t); /* held: feed() sees it */
}

/* Of those that commit; whoever aborts is in none of the counts. */
static void note_phase(struct transaction *t, enum twopc_state before)
{
    struct coordinator_counters *c = &t->co->counters;
    enum twopc_state now = t->core.state;
    int64_t now_us = clock_now_us();

    if (now == TWOPC_LOGGING)
        histogram_add(&c->vote_time, now_us - t->phase_us);
    else if (now == TWOPC_COMMITTING)
        histogram_add(&c->decide_time, now_us - t->phase_us);
    else if (now == TWOPC_DONE && before == TWOPC_COMMITTING)
        histogram_add(&c->commit_time, now_us - t->phase_us);
    if (before == TWOPC_IDLE || now >= TWOPC_LOGGING)
        t->phase_us = now_us;
}

void twopc_driver_feed(struct transaction *t, struct twopc_event ev)
{
    enum twopc_state before = t->core.state;
    enum crash_point point;
    int rc;

    if (t->stand.held) {
        assert(t->n_held < HELD_EVENTS_MAX);
        t->held[t->n_held++] = ev;
        return;
    }
    rc = twopc_step(&t->core, &ev, &t->todo);
    assert(rc == 0);
    t->done_todo = false;
    if (t->core.state != before)
        note_phase(t, before);
    point = before_actions(before, t->core.state);
    if (point != CRASH_NONE && crash_point_reach(&t->stand, point, resume, t))
        return;
    carry_out(t);
}

static void resume(void *arg)
{
    struct transaction *t = arg;

    if (!t->done_todo)
        carry_out(t);
    while (t->n_held > 0 && !t->stand.held && t->state != TRANSACTION_OVER) {
        struct twopc_event ev = t->held[0];

        t->n_held--;
        memmove(&t->held[0], &t->held[1], t->n_held * sizeof t->held[0]);
        twopc_driver_feed(t, ev);
    }
}

/* ---------------------------------------------------------------------------------------------- */

static uint32_t readers(const struct transaction *t)
{
    uint32_t only_read = 0;

    for (unsigned i = 0; i < t->n_branches; i++) {
        uint32_t ops = txn_ops_of(&t->txn, store_name(t->branch[i].store));

        if (!txn_writes(&t->txn, ops))
            only_read |= UINT32_C(1) << i;
    }
    return only_read;
}

void twopc_driver_begin(struct transaction *t)
{
    struct coordinator *co = t->co;
    struct twopc_options options = {.n_participants = t->n_branches,
                                    .readers = readers(t),
                                    .lock_order = co->lock_order,
                                    .reply_rule = co->reply_rule,
                                    .broken = co->broken};
    struct gid gid = {.epoch = decision_log_epoch(co->log), .seq = ++co->seq};

    memcpy(gid.coordinator, co->name, sizeof gid.coordinator);
    memcpy(gid.request, t->txn.request, sizeof gid.request);
    gid_format(t->gid, &gid);
    for (unsigned i = 0; i < t->n_branches; i++)
        (void)evtimer_assign(&t->branch[i].retry, co->base, retry_due, &t->branch[i]);
    twopc_init(&t->core, &options);
    twopc_driver_feed(t, (struct twopc_event){.type = TWOPC_EV_BEGIN});
}

void twopc_driver_done(struct transaction *t)
{
    for (unsigned i = 0; i < t->n_branches; i++) {
        twopc_free_branch(&t->branch[i]);
        if (event_initialized(&t->branch[i].retry))
            (void)evtimer_del(&t->branch[i].retry);
    }
}
