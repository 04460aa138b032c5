/*
 * Carries out what the two-phase commit core decides: branches at the stores, the decision log,
 * timers, the client's answer. It decides nothing itself.
 *
 * Every event goes through feed(), every action through carry_out(). Between the two stand the
 * crash points (base/crash_point.h): a transaction that is held at one keeps its actions undone and
 * its further events waiting until it is let go.
 */
#include "coordinator/coordinator_private.h"

#include "base/broken.h"
#include "base/clock.h"
#include "base/log.h"
#include "coordinator/proof.h"
#include "model/names.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define PROOF_DEADLINE_US (2 * US_PER_S)

static void feed(struct transaction *t, struct twopc_event ev);

/* --- the stores' answers ---------------------------------------------------------------------- */

/*
 * Of execute, prepare and release: a NO means that the store has surely rolled back and needs not
 * be told. What is in no table of the store's errors (FATAL) may be anything.
 */
static enum twopc_answer vote_of(enum store_status status)
{
    switch (status) {
    case STORE_OK:
        return TWOPC_YES;
    case STORE_UNKNOWN:
    case STORE_HEURISTIC:
    case STORE_FATAL:
        return TWOPC_UNKNOWN;
    case STORE_CONSTRAINT:
    case STORE_CONFLICT:
    case STORE_BARRED:
    case STORE_AGAIN:
    case STORE_ELSEWHERE:
    case STORE_UNAVAILABLE:
    case STORE_NOTA:
    case STORE_RETRY:
    case STORE_FENCED:
    case STORE_STATUSES:
        break;
    }
    return TWOPC_NO;
}

/* Its session goes back to the others. */
static void free_branch(struct branch *b)
{
    store_branch_free(b->handle);
    b->handle = NULL;
}

static void voted(struct branch *b, enum twopc_event_type type, const struct store_reply *reply)
{
    struct transaction *t = b->transaction;
    enum twopc_answer answer = vote_of(reply->status);

    if (answer != TWOPC_YES) {
        enum code code = store_status_code(reply->status);

        if (code == CODE_UNAVAILABLE && t->core.state != TWOPC_LOCKING)
            code = CODE_ABORTED; /* others were sent theirs */
        t->again |= reply->status == STORE_AGAIN;
        t->elsewhere |= reply->status == STORE_ELSEWHERE;
        if (!code_definite(code) && reply->status != STORE_ELSEWHERE)
            code = CODE_ABORTED; /* what it is at this store is not known, the decision is */
        transaction_refused(t, code, b->store, reply->detail);
    }
    if (answer == TWOPC_NO || type == TWOPC_EV_RELEASED)
        free_branch(b);
    feed(t, (struct twopc_event){.type = type, .participant = b->index, .answer = answer});
}

static void take_found(struct branch *b, const struct store_reply *reply)
{
    if (reply->status != STORE_OK)
        return;
    transaction_take_reads(b->transaction, b->store, reply);
    memcpy(b->memo, reply->memo, sizeof b->memo);
}

static void executed(void *arg, const struct store_reply *reply)
{
    take_found(arg, reply);
    voted(arg, TWOPC_EV_EXECUTED, reply);
}

static void prepared(void *arg, const struct store_reply *reply)
{
    voted(arg, TWOPC_EV_PREPARED, reply);
}

static void executed_and_prepared(void *arg, const struct store_reply *reply)
{
    take_found(arg, reply);
    voted(arg, TWOPC_EV_PREPARED, reply);
}

static void released(void *arg, const struct store_reply *reply)
{
    voted(arg, TWOPC_EV_RELEASED, reply);
}

/* Nobody has to be told there any more. */
static void leave_if_settled(struct branch *b)
{
    struct transaction *t = b->transaction;

    if (t->state == TRANSACTION_OVER || !(t->core.settled >> b->index & 1U))
        return;
    free_branch(b);
    transaction_leave_keys(t, store_name(b->store));
}

static void acked(struct branch *b, enum twopc_event_type type, enum twopc_answer answer)
{
    feed(b->transaction,
         (struct twopc_event){.type = type, .participant = b->index, .answer = answer});
    leave_if_settled(b);
}

static void keep_words(struct branch *b, const struct store_reply *reply)
{
    (void)snprintf(b->words, sizeof b->words, "%s", reply->detail);
}

/* What no waiting mends is logged, but not each of the tries that go on for ever. */
static void not_settled(struct branch *b, const struct store_reply *reply)
{
    bool mends = reply->status != STORE_FATAL && reply->status != STORE_FENCED;

    if (!mends && !b->complained)
        log_error("%s at %s: %s, %s; sent again and again", b->transaction->gid,
                  store_name(b->store), store_status_name(reply->status), reply->detail);
    b->complained = !mends;
    acked(b, TWOPC_EV_ACK, TWOPC_UNKNOWN);
}

/* `contradicted`: what a store means that remembers how somebody else has ended it. */
static void ended(struct branch *b, const struct store_reply *reply, enum twopc_answer contradicted)
{
    if (reply->status == STORE_OK) {
        acked(b, TWOPC_EV_ACK, TWOPC_YES);
    } else if (reply->status == STORE_NOTA) {
        acked(b, TWOPC_EV_ACK, TWOPC_NOTA);
    } else if (reply->status == STORE_HEURISTIC) {
        keep_words(b, reply);
        acked(b, TWOPC_EV_ACK, contradicted);
    } else {
        not_settled(b, reply);
    }
}

static void committed(void *arg, const struct store_reply *reply)
{
    ended(arg, reply, TWOPC_ROLLED_BACK);
}

static void rolled_back(void *arg, const struct store_reply *reply)
{
    ended(arg, reply, TWOPC_COMMITTED);
}

/* --- proofs ----------------------------------------------------------------------------------- */

static void proved(void *arg, const struct store_reply *reply, enum store_outcome outcome)
{
    static const enum twopc_answer answers[STORE_OUTCOMES] = {
        [STORE_OUTCOME_UNKNOWN] = TWOPC_UNKNOWN,
        [STORE_OUTCOME_PREPARED] = TWOPC_UNKNOWN,
        [STORE_OUTCOME_COMMITTED] = TWOPC_COMMITTED,
        [STORE_OUTCOME_ROLLED_BACK] = TWOPC_ROLLED_BACK,
        [STORE_OUTCOME_LOST] = TWOPC_LOST,
    };
    struct branch *b = arg;

    if (!b->handle) /* given back: the coordinator is being closed */
        return;
    keep_words(b, reply);
    acked(b, TWOPC_EV_PROVED, answers[outcome]);
}

static void prove(struct branch *b)
{
    struct coordinator *co = b->transaction->co;

    co->counters.proofs++;
    proof_ask(co->watermark, b->store, b->transaction->gid, b->memo,
              clock_now_us() + PROOF_DEADLINE_US, proved, b);
}

/* Neither committed nor aborted would be true of it, now or when it is asked for again. */
static void has_no_one_outcome(struct transaction *t)
{
    t->request->outcome = OUTCOME_UNKNOWN;
    t->request->mixed = true;
}

static void tell_heuristic(struct branch *b)
{
    struct transaction *t = b->transaction;
    bool commits = t->decided;

    if (commits)
        has_no_one_outcome(t);
    t->co->counters.heuristic++;
    log_error("%s at %s: %s by somebody else, though it was decided to %s%s%s; it stays so", t->gid,
              store_name(b->store), commits ? "rolled back" : "committed",
              commits ? "commit it" : "roll it back", b->words[0] ? ": " : "", b->words);
}

static void tell_lost(struct branch *b)
{
    b->transaction->co->counters.lost++;
    has_no_one_outcome(b->transaction);
    log_error("%s at %s: lost, though it was decided to commit it: %s. Its decision stays open",
              b->transaction->gid, store_name(b->store), b->words);
}

/* --- timers and the log ----------------------------------------------------------------------- */

static void retry_due(evutil_socket_t fd, short what, void *arg)
{
    const struct branch *b = arg;

    (void)fd;
    (void)what;
    b->transaction->co->counters.retries++;
    feed(b->transaction, (struct twopc_event){.type = TWOPC_EV_RETRY, .participant = b->index});
}

void twopc_driver_timeout(struct transaction *t)
{
    if (t->core.state < TWOPC_LOGGING || t->core.options.broken == TWOPC_TIMEOUT_IS_ABORT)
        transaction_refused(t, CODE_ABORTED, NULL, "not prepared everywhere by its deadline");
    feed(t, (struct twopc_event){.type = TWOPC_EV_TIMEOUT});
}

static void decision_durable(void *arg)
{
    struct transaction *t = arg;

    if (t->ticket.lost) {
        transaction_refused(t, CODE_ABORTED, NULL, "another coordinator took over and aborted it");
        feed(t, (struct twopc_event){.type = TWOPC_EV_LOGGED, .answer = TWOPC_NO});
        return;
    }
    t->decided = true;
    t->request->outcome = OUTCOME_COMMITTED;
    t->request->level = LEVEL_DECIDED;
    forgetting_durable(&t->co->forgetting, t->ends_before);
    feed(t, (struct twopc_event){.type = TWOPC_EV_LOGGED});
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
        begin_branch(b, STORE_UNTIL_EXECUTED, executed);
        break;
    case TWOPC_ACT_EXECUTE_PREPARE:
        begin_branch(b, STORE_UNTIL_PREPARED, executed_and_prepared);
        break;
    case TWOPC_ACT_PREPARE:
        store_branch_prepare(b->handle, prepared, b);
        break;
    case TWOPC_ACT_RELEASE:
        store_branch_release(b->handle, released, b);
        break;
    case TWOPC_ACT_LOG_COMMIT:
        log_commit(t);
        break;
    case TWOPC_ACT_COMMIT:
        b->told = true;
        store_branch_commit(b->handle, committed, b);
        break;
    case TWOPC_ACT_ROLLBACK:
        b->told = true;
        store_branch_rollback(b->handle, rolled_back, b);
        break;
    case TWOPC_ACT_PROVE:
        prove(b);
        break;
    case TWOPC_ACT_TELL_HEURISTIC:
        tell_heuristic(b);
        break;
    case TWOPC_ACT_TELL_LOST:
        tell_lost(b);
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

static void feed(struct transaction *t, struct twopc_event ev)
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
        feed(t, ev);
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
    feed(t, (struct twopc_event){.type = TWOPC_EV_BEGIN});
}

void twopc_driver_done(struct transaction *t)
{
    for (unsigned i = 0; i < t->n_branches; i++) {
        free_branch(&t->branch[i]);
        if (event_initialized(&t->branch[i].retry))
            (void)evtimer_del(&t->branch[i].retry);
    }
}
