/* Presumed-abort two-phase commit; see the header for the contract and the state diagram. */
#include "coordinator/twopc_core.h"

#include "coordinator/backoff.h"

#include <assert.h>
#include <errno.h>

_Static_assert(TWOPC_PARTICIPANTS_MAX < 32, "participants are kept as bits of a uint32_t");

static uint32_t bit(unsigned i)
{
    return UINT32_C(1) << i;
}

static uint32_t everyone(const struct twopc_txn *t)
{
    return bit(t->options.n_participants) - 1;
}

static uint32_t updaters(const struct twopc_txn *t)
{
    return everyone(t) & ~t->options.readers;
}

static void set_state(struct twopc_txn *t, enum twopc_state state)
{
    static const uint32_t legal[TWOPC_STATES] = {
        [TWOPC_IDLE] = 1U << TWOPC_LOCKING | 1U << TWOPC_VOTING,
        [TWOPC_LOCKING] = 1U << TWOPC_VOTING | 1U << TWOPC_ABORTING,
        [TWOPC_VOTING] = 1U << TWOPC_RELEASING | 1U << TWOPC_LOGGING | 1U << TWOPC_ABORTING,
        [TWOPC_RELEASING] = 1U << TWOPC_LOGGING | 1U << TWOPC_ABORTING | 1U << TWOPC_DONE,
        [TWOPC_LOGGING] = 1U << TWOPC_COMMITTING | 1U << TWOPC_ABORTING,
        [TWOPC_COMMITTING] = 1U << TWOPC_DONE,
        [TWOPC_ABORTING] = 1U << TWOPC_DONE,
    };

    assert(legal[t->state] & 1U << state);
    t->state = state;
}

static void emit(struct twopc_actions *out, struct twopc_action a)
{
    assert(out->n < TWOPC_ACTIONS_MAX);
    out->item[out->n++] = a;
}

static void act(struct twopc_actions *out, enum twopc_action_type type)
{
    emit(out, (struct twopc_action){.type = type});
}

static void send_to(const struct twopc_txn *t, uint32_t whom, enum twopc_action_type type,
                    struct twopc_actions *out)
{
    for (unsigned i = 0; i < t->options.n_participants; i++) {
        if (whom & bit(i))
            emit(out, (struct twopc_action){.type = type, .participant = i});
    }
}

static void reply(struct twopc_txn *t, enum twopc_action_type type, struct twopc_actions *out)
{
    if (t->replied)
        return;
    t->replied = true;
    act(out, type);
}

/* Is this the place of its mistake? */
static bool broken(const struct twopc_txn *t, enum twopc_break mistake, struct twopc_actions *out)
{
    if (t->options.broken != mistake)
        return false;
    act(out, TWOPC_ACT_TELL_BROKEN);
    return true;
}

/* --- towards the decision --------------------------------------------------------------------- */

/* Everybody who may be prepared, or become so, hears of it; who voted no has rolled back itself. */
static void decide_abort(struct twopc_txn *t, uint32_t rolled_back, struct twopc_actions *out)
{
    set_state(t, TWOPC_ABORTING);
    t->settled |= rolled_back | (everyone(t) & ~t->begun);
    reply(t, TWOPC_ACT_REPLY_ABORTED, out);
    send_to(t, everyone(t) & ~t->settled, TWOPC_ACT_ROLLBACK, out);
    if (t->settled == everyone(t)) {
        set_state(t, TWOPC_DONE);
        act(out, TWOPC_ACT_FORGET);
    }
}

static void force_commit(struct twopc_txn *t, struct twopc_actions *out)
{
    uint32_t first = updaters(t) & (~updaters(t) + 1); /* its lowest bit */

    set_state(t, TWOPC_LOGGING);
    if (broken(t, TWOPC_COMMIT_BEFORE_DECISION, out))
        send_to(t, first, TWOPC_ACT_COMMIT, out);
    else
        act(out, TWOPC_ACT_LOG_COMMIT);
}

static void count_votes(struct twopc_txn *t, struct twopc_actions *out)
{
    if (t->executed != t->options.readers || t->prepared != updaters(t))
        return;
    if (t->options.readers == 0) {
        force_commit(t, out);
        return;
    }
    set_state(t, TWOPC_RELEASING);
    t->settled |= t->options.readers;
    send_to(t, t->options.readers, TWOPC_ACT_RELEASE, out);
}

/* All branches that have not begun, and the PREPARE of one that has executed ahead of them. */
static void begin_all(struct twopc_txn *t, struct twopc_actions *out)
{
    uint32_t rest = everyone(t) & ~t->begun;

    set_state(t, TWOPC_VOTING);
    send_to(t, t->begun & ~t->options.readers, TWOPC_ACT_PREPARE, out);
    send_to(t, rest & t->options.readers, TWOPC_ACT_EXECUTE, out);
    send_to(t, rest & ~t->options.readers, TWOPC_ACT_EXECUTE_PREPARE, out);
    t->begun = everyone(t);
}

static void on_begin(struct twopc_txn *t, struct twopc_actions *out)
{
    if (t->options.lock_order == TWOPC_PARALLEL) {
        begin_all(t, out);
        return;
    }
    set_state(t, TWOPC_LOCKING);
    t->begun = bit(0);
    send_to(t, bit(0), TWOPC_ACT_EXECUTE, out);
}

static void on_executed(struct twopc_txn *t, unsigned i, enum twopc_answer answer,
                        struct twopc_actions *out)
{
    uint32_t expected = t->state == TWOPC_LOCKING  ? t->begun
                        : t->state == TWOPC_VOTING ? t->options.readers & ~t->executed
                                                   : 0;

    if (!(expected & bit(i)))
        return;
    if (answer != TWOPC_YES) {
        decide_abort(t, answer == TWOPC_NO ? bit(i) : 0, out);
        return;
    }
    t->executed |= bit(i) & t->options.readers;
    if (t->state == TWOPC_LOCKING)
        begin_all(t, out);
    count_votes(t, out);
}

static void on_prepared(struct twopc_txn *t, unsigned i, enum twopc_answer answer,
                        struct twopc_actions *out)
{
    if (t->state != TWOPC_VOTING || !(updaters(t) & ~t->prepared & bit(i)))
        return;
    if (answer == TWOPC_NO && broken(t, TWOPC_NO_IS_YES, out)) {
        t->settled |= bit(i); /* nothing is left there that could be committed */
        answer = TWOPC_YES;
    }
    if (answer != TWOPC_YES) {
        decide_abort(t, answer == TWOPC_NO ? bit(i) : 0, out);
        return;
    }
    t->prepared |= bit(i);
    if (broken(t, TWOPC_ACK_BEFORE_DECISION, out))
        reply(t, TWOPC_ACT_REPLY_EVERYWHERE, out);
    count_votes(t, out);
}

static void on_released(struct twopc_txn *t, unsigned i, enum twopc_answer answer,
                        struct twopc_actions *out)
{
    if (t->state != TWOPC_RELEASING || !(t->options.readers & bit(i)))
        return;
    if (answer != TWOPC_YES) {
        decide_abort(t, 0, out);
        return;
    }
    t->released |= bit(i);
    if (t->released != t->options.readers)
        return;
    if (updaters(t) != 0) {
        force_commit(t, out);
        return;
    }
    set_state(t, TWOPC_DONE); /* nothing was changed: there is nothing to decide */
    reply(t, TWOPC_ACT_REPLY_EVERYWHERE, out);
    act(out, TWOPC_ACT_FORGET);
}

/* --- after it --------------------------------------------------------------------------------- */

/* Some branch has ended against the decision to commit, or its participant has lost it. */
static bool mixed(const struct twopc_txn *t)
{
    return t->state == TWOPC_COMMITTING && (t->heuristic | t->lost) != 0;
}

/* Nobody has to be told any more. */
static void conclude(struct twopc_txn *t, struct twopc_actions *out)
{
    if (mixed(t)) {
        reply(t, TWOPC_ACT_REPLY_UNKNOWN, out);
    } else if (t->state == TWOPC_COMMITTING) {
        reply(t, TWOPC_ACT_REPLY_EVERYWHERE, out);
        act(out, TWOPC_ACT_LOG_END);
    }
    set_state(t, TWOPC_DONE);
    act(out, TWOPC_ACT_FORGET);
}

static void on_logged(struct twopc_txn *t, enum twopc_answer answer, struct twopc_actions *out)
{
    if (answer == TWOPC_NO) {
        decide_abort(t, 0, out);
        return;
    }
    set_state(t, TWOPC_COMMITTING);
    if (t->options.reply_rule == TWOPC_AFTER_DECISION)
        reply(t, TWOPC_ACT_REPLY_DECIDED, out);
    send_to(t, everyone(t) & ~t->settled, TWOPC_ACT_COMMIT, out);
    if (t->settled == everyone(t))
        conclude(t, out);
    else if (!t->replied && t->options.broken != TWOPC_TIMEOUT_IS_ABORT)
        emit(out,
             (struct twopc_action){.type = TWOPC_ACT_SET_TIMER, .delay_us = TWOPC_PATIENCE_US});
}

static void settle(struct twopc_txn *t, unsigned i, struct twopc_actions *out)
{
    t->settled |= bit(i);
    if (t->settled == everyone(t))
        conclude(t, out);
}

static void tell(const struct twopc_txn *t, unsigned i, uint32_t *mask, enum twopc_action_type type,
                 struct twopc_actions *out)
{
    *mask |= bit(i);
    send_to(t, bit(i), type, out);
}

/* How the branch has ended, whoever has ended it. */
static void ended(struct twopc_txn *t, unsigned i, enum twopc_answer how, struct twopc_actions *out)
{
    bool commits = t->state == TWOPC_COMMITTING;

    if (how == (commits ? TWOPC_ROLLED_BACK : TWOPC_COMMITTED))
        tell(t, i, &t->heuristic, TWOPC_ACT_TELL_HEURISTIC, out);
    else if (how == TWOPC_LOST && commits) /* an abort wanted nothing else */
        tell(t, i, &t->lost, TWOPC_ACT_TELL_LOST, out);
    settle(t, i, out);
}

static void send_again_later(struct twopc_txn *t, unsigned i, struct twopc_actions *out)
{
    if (t->retrying & bit(i))
        return;
    t->retrying |= bit(i);
    emit(out, (struct twopc_action){.type = TWOPC_ACT_SET_RETRY,
                                    .participant = i,
                                    .delay_us = backoff_delay_us(t->retries[i]++)});
}

/* Who never said yes has nothing to prove: its rollback found what it wanted. */
static void not_prepared_there(struct twopc_txn *t, unsigned i, struct twopc_actions *out)
{
    if (!(t->prepared & bit(i))) {
        settle(t, i, out);
    } else if (!(t->proving & bit(i))) {
        t->proving |= bit(i);
        send_to(t, bit(i), TWOPC_ACT_PROVE, out);
    }
}

static void on_ack(struct twopc_txn *t, unsigned i, enum twopc_answer answer,
                   struct twopc_actions *out)
{
    if (t->state == TWOPC_LOGGING && t->options.broken == TWOPC_COMMIT_BEFORE_DECISION) {
        t->settled |= answer == TWOPC_YES ? bit(i) : 0;
        act(out, TWOPC_ACT_LOG_COMMIT);
        return;
    }
    if ((t->state != TWOPC_COMMITTING && t->state != TWOPC_ABORTING) || t->settled & bit(i))
        return;
    switch (answer) {
    case TWOPC_YES:
        settle(t, i, out);
        break;
    case TWOPC_NOTA:
        not_prepared_there(t, i, out);
        break;
    case TWOPC_COMMITTED:
    case TWOPC_ROLLED_BACK:
        ended(t, i, answer, out);
        break;
    case TWOPC_NO:
    case TWOPC_LOST:
    case TWOPC_UNKNOWN:
        send_again_later(t, i, out);
        break;
    }
}

static void on_proved(struct twopc_txn *t, unsigned i, enum twopc_answer answer,
                      struct twopc_actions *out)
{
    if (!(t->proving & bit(i)) || t->settled & bit(i))
        return;
    t->proving &= ~bit(i);
    if (answer == TWOPC_COMMITTED || answer == TWOPC_ROLLED_BACK || answer == TWOPC_LOST)
        ended(t, i, answer, out);
    else
        send_again_later(t, i, out);
}

static void on_retry(struct twopc_txn *t, unsigned i, struct twopc_actions *out)
{
    if (!(t->retrying & bit(i)))
        return;
    t->retrying &= ~bit(i);
    if (t->settled & bit(i))
        return;
    send_to(t, bit(i), t->state == TWOPC_COMMITTING ? TWOPC_ACT_COMMIT : TWOPC_ACT_ROLLBACK, out);
}

/* What to say when time is up behind the decision. */
static enum twopc_action_type late_reply(const struct twopc_txn *t, enum twopc_action_type sound,
                                         struct twopc_actions *out)
{
    return broken(t, TWOPC_TIMEOUT_IS_ABORT, out) ? TWOPC_ACT_REPLY_ABORTED : sound;
}

static void on_timeout(struct twopc_txn *t, struct twopc_actions *out)
{
    switch (t->state) {
    case TWOPC_LOCKING:
    case TWOPC_VOTING:
    case TWOPC_RELEASING:
        decide_abort(t, 0, out);
        break;
    case TWOPC_LOGGING: /* the record may already be durable: too late to abort */
        reply(t, late_reply(t, TWOPC_ACT_REPLY_UNKNOWN, out), out);
        break;
    case TWOPC_COMMITTING:
        reply(t, late_reply(t, mixed(t) ? TWOPC_ACT_REPLY_UNKNOWN : TWOPC_ACT_REPLY_DECIDED, out),
              out);
        break;
    case TWOPC_IDLE:
    case TWOPC_ABORTING:
    case TWOPC_DONE:
    case TWOPC_STATES:
        break;
    }
}

/* ---------------------------------------------------------------------------------------------- */

void twopc_init(struct twopc_txn *t, const struct twopc_options *options)
{
    assert(options->n_participants >= 1);
    assert(options->n_participants <= TWOPC_PARTICIPANTS_MAX);
    *t = (struct twopc_txn){.state = TWOPC_IDLE, .options = *options};
    assert((options->readers & ~everyone(t)) == 0);
}

int twopc_step(struct twopc_txn *t, const struct twopc_event *ev, struct twopc_actions *ret_actions)
{
    unsigned i = ev->participant;

    assert(i < t->options.n_participants);
    ret_actions->n = 0;

    switch (ev->type) {
    case TWOPC_EV_BEGIN:
        if (t->state != TWOPC_IDLE)
            return -EPROTO;
        on_begin(t, ret_actions);
        return 0;
    case TWOPC_EV_EXECUTED:
        on_executed(t, i, ev->answer, ret_actions);
        return 0;
    case TWOPC_EV_PREPARED:
        on_prepared(t, i, ev->answer, ret_actions);
        return 0;
    case TWOPC_EV_RELEASED:
        on_released(t, i, ev->answer, ret_actions);
        return 0;
    case TWOPC_EV_LOGGED:
        if (t->state != TWOPC_LOGGING)
            return -EPROTO;
        on_logged(t, ev->answer, ret_actions);
        return 0;
    case TWOPC_EV_ACK:
        on_ack(t, i, ev->answer, ret_actions);
        return 0;
    case TWOPC_EV_PROVED:
        on_proved(t, i, ev->answer, ret_actions);
        return 0;
    case TWOPC_EV_RETRY:
        on_retry(t, i, ret_actions);
        return 0;
    case TWOPC_EV_TIMEOUT:
        on_timeout(t, ret_actions);
        return 0;
    }
    return -EPROTO;
}
