/*
 * Unit tests of the two-phase commit core. Folder: coordinator
 *
 * Method: feed events, render the actions as text, compare with the expected trace, so that a
 * failure prints the protocol exchange and not a field. Then random schedules: participants that
 * vote, lose answers and answer twice, timers at any moment, and a crash of the coordinator with
 * recovery from the log, against the properties of atomic commitment (Bernstein, Hadzilacos,
 * Goodman 1987, ch. 7).
 */
#include "base/random.h"
#include "coordinator/twopc_core.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SCHEDULES 150000
#define STEPS_MAX 2000

static const char *const action_names[TWOPC_ACTION_TYPES] = {
    [TWOPC_ACT_EXECUTE] = "execute",
    [TWOPC_ACT_PREPARE] = "prepare",
    [TWOPC_ACT_EXECUTE_PREPARE] = "execute+prepare",
    [TWOPC_ACT_RELEASE] = "release",
    [TWOPC_ACT_LOG_COMMIT] = "force-commit",
    [TWOPC_ACT_COMMIT] = "commit",
    [TWOPC_ACT_ROLLBACK] = "rollback",
    [TWOPC_ACT_PROVE] = "prove",
    [TWOPC_ACT_TELL_HEURISTIC] = "heuristic",
    [TWOPC_ACT_TELL_LOST] = "lost",
    [TWOPC_ACT_REPLY_EVERYWHERE] = "ok-everywhere",
    [TWOPC_ACT_REPLY_DECIDED] = "ok-decided",
    [TWOPC_ACT_REPLY_ABORTED] = "aborted",
    [TWOPC_ACT_REPLY_UNKNOWN] = "unknown",
    [TWOPC_ACT_SET_TIMER] = "timer",
    [TWOPC_ACT_SET_RETRY] = "retry",
    [TWOPC_ACT_LOG_END] = "end",
    [TWOPC_ACT_FORGET] = "forget",
    [TWOPC_ACT_TELL_BROKEN] = "broken",
};

/* --- traces ----------------------------------------------------------------------------------- */

static bool addressed(enum twopc_action_type a)
{
    return a <= TWOPC_ACT_RELEASE || (a >= TWOPC_ACT_COMMIT && a <= TWOPC_ACT_TELL_LOST) ||
           a == TWOPC_ACT_SET_RETRY;
}

static void render(const struct twopc_actions *out, char *buf, size_t size)
{
    size_t used = 0;

    buf[0] = '\0';
    for (unsigned i = 0; i < out->n; i++) {
        const struct twopc_action *a = &out->item[i];

        used +=
            (size_t)snprintf(buf + used, size - used, "%s%s", i ? " " : "", action_names[a->type]);
        if (addressed(a->type))
            used += (size_t)snprintf(buf + used, size - used, ":%u", a->participant);
        if (a->delay_us > 0)
            used += (size_t)snprintf(buf + used, size - used, "@%lldms",
                                     (long long)(a->delay_us / 1000));
        assert_true(used < size);
    }
}

static void expect(struct twopc_txn *t, struct twopc_event ev, const char *trace)
{
    struct twopc_actions out;
    char got[256];

    assert_int_equal(twopc_step(t, &ev, &out), 0);
    render(&out, got, sizeof got);
    assert_string_equal(got, trace);
}

static struct twopc_txn begun(unsigned n, uint32_t readers, enum twopc_lock_order order)
{
    struct twopc_txn t;
    struct twopc_options options = {.n_participants = n, .readers = readers, .lock_order = order};

    twopc_init(&t, &options);
    return t;
}

static struct twopc_event about(enum twopc_event_type type, unsigned participant,
                                enum twopc_answer answer)
{
    return (struct twopc_event){.type = type, .participant = participant, .answer = answer};
}

#define BEGIN                 about(TWOPC_EV_BEGIN, 0, TWOPC_YES)
#define LOGGED                about(TWOPC_EV_LOGGED, 0, TWOPC_YES)
#define TIMEOUT               about(TWOPC_EV_TIMEOUT, 0, TWOPC_YES)
#define RETRY(p)              about(TWOPC_EV_RETRY, (p), TWOPC_YES)
#define EXECUTED(p)           about(TWOPC_EV_EXECUTED, (p), TWOPC_YES)
#define REFUSED(p)            about(TWOPC_EV_EXECUTED, (p), TWOPC_NO)
#define YES(p)                about(TWOPC_EV_PREPARED, (p), TWOPC_YES)
#define NO(p)                 about(TWOPC_EV_PREPARED, (p), TWOPC_NO)
#define LOST_VOTE(p)          about(TWOPC_EV_PREPARED, (p), TWOPC_UNKNOWN)
#define RELEASED(p)           about(TWOPC_EV_RELEASED, (p), TWOPC_YES)
#define NOT_HELD(p)           about(TWOPC_EV_RELEASED, (p), TWOPC_UNKNOWN)
#define ACK(p)                about(TWOPC_EV_ACK, (p), TWOPC_YES)
#define ACK_LOST(p)           about(TWOPC_EV_ACK, (p), TWOPC_UNKNOWN)
#define NOTA(p)               about(TWOPC_EV_ACK, (p), TWOPC_NOTA)
#define PROVED_COMMITTED(p)   about(TWOPC_EV_PROVED, (p), TWOPC_COMMITTED)
#define PROVED_ROLLED_BACK(p) about(TWOPC_EV_PROVED, (p), TWOPC_ROLLED_BACK)
#define PROVED_LOST(p)        about(TWOPC_EV_PROVED, (p), TWOPC_LOST)
#define PROVED_UNKNOWN(p)     about(TWOPC_EV_PROVED, (p), TWOPC_UNKNOWN)

/* The client hears "ok" only once the commit record is durable and every participant has it. */
static void commits_when_all_vote_yes(void **state)
{
    struct twopc_txn t = begun(3, 0, TWOPC_PARALLEL);

    (void)state;
    expect(&t, BEGIN, "execute+prepare:0 execute+prepare:1 execute+prepare:2");
    expect(&t, YES(1), "");
    expect(&t, YES(0), "");
    expect(&t, YES(2), "force-commit");
    expect(&t, LOGGED, "commit:0 commit:1 commit:2 timer@1000ms");
    expect(&t, ACK(2), "");
    expect(&t, ACK(0), "");
    expect(&t, ACK(1), "ok-everywhere end forget");
}

/* In a log that others write to: somebody took over and aborted it first. */
static void aborts_when_its_commit_stands_behind_an_abort(void **state)
{
    struct twopc_txn t = begun(2, 0, TWOPC_PARALLEL);

    (void)state;
    expect(&t, BEGIN, "execute+prepare:0 execute+prepare:1");
    expect(&t, YES(0), "");
    expect(&t, YES(1), "force-commit");
    expect(&t, about(TWOPC_EV_LOGGED, 0, TWOPC_NO), "aborted rollback:0 rollback:1");
    expect(&t, ACK(0), "");
    expect(&t, ACK(1), "forget");
    assert_int_equal(t.state, TWOPC_DONE);
}

static void sorted_lets_the_first_participant_lock_alone(void **state)
{
    struct twopc_txn t = begun(3, 0, TWOPC_SORTED);

    (void)state;
    expect(&t, BEGIN, "execute:0");
    expect(&t, EXECUTED(0), "prepare:0 execute+prepare:1 execute+prepare:2");
    expect(&t, EXECUTED(0), ""); /* delivered twice */
    expect(&t, YES(2), "");
    expect(&t, YES(1), "");
    expect(&t, YES(0), "force-commit");
}

static void sends_nothing_else_when_the_first_participant_refuses(void **state)
{
    struct twopc_txn t = begun(3, 0, TWOPC_SORTED);

    (void)state;
    expect(&t, BEGIN, "execute:0");
    expect(&t, REFUSED(0), "aborted forget");
    assert_int_equal(t.state, TWOPC_DONE);
}

static void readers_hold_their_locks_until_all_votes_are_in(void **state)
{
    struct twopc_txn t = begun(3, 0x2, TWOPC_PARALLEL);

    (void)state;
    expect(&t, BEGIN, "execute:1 execute+prepare:0 execute+prepare:2");
    expect(&t, EXECUTED(1), "");
    expect(&t, YES(0), "");
    expect(&t, YES(2), "release:1");
    expect(&t, RELEASED(1), "force-commit");
    expect(&t, LOGGED, "commit:0 commit:2 timer@1000ms");
    expect(&t, ACK(0), "");
    expect(&t, ACK(2), "ok-everywhere end forget");
}

/* Its session died between its vote and the last lock: another may have written what it read. */
static void a_reader_that_lost_its_locks_aborts(void **state)
{
    struct twopc_txn t = begun(2, 0x1, TWOPC_SORTED);

    (void)state;
    expect(&t, BEGIN, "execute:0");
    expect(&t, EXECUTED(0), "execute+prepare:1");
    expect(&t, YES(1), "release:0");
    expect(&t, NOT_HELD(0), "aborted rollback:1");
    expect(&t, ACK(1), "forget");
}

static void only_readers_log_nothing(void **state)
{
    struct twopc_txn t = begun(2, 0x3, TWOPC_SORTED);

    (void)state;
    expect(&t, BEGIN, "execute:0");
    expect(&t, EXECUTED(0), "execute:1");
    expect(&t, EXECUTED(1), "release:0 release:1");
    expect(&t, RELEASED(1), "");
    expect(&t, RELEASED(0), "ok-everywhere forget");
}

static void aborts_on_the_first_no(void **state)
{
    struct twopc_txn t = begun(3, 0, TWOPC_PARALLEL);

    (void)state;
    expect(&t, BEGIN, "execute+prepare:0 execute+prepare:1 execute+prepare:2");
    expect(&t, YES(0), "");
    expect(&t, NO(1), "aborted rollback:0 rollback:2");
    expect(&t, YES(2), ""); /* its vote crossed our rollback */
    expect(&t, NO(1), "");
    expect(&t, ACK(0), "");
    expect(&t, ACK(2), "forget");
}

/* A lost vote may have been a yes: that participant must hear the abort. */
static void a_lost_vote_aborts_and_is_rolled_back_everywhere(void **state)
{
    struct twopc_txn t = begun(2, 0, TWOPC_PARALLEL);

    (void)state;
    expect(&t, BEGIN, "execute+prepare:0 execute+prepare:1");
    expect(&t, LOST_VOTE(1), "aborted rollback:0 rollback:1");
    expect(&t, ACK(0), "");
    expect(&t, ACK(1), "forget");
}

static void aborts_at_the_deadline(void **state)
{
    struct twopc_txn t = begun(2, 0, TWOPC_PARALLEL);

    (void)state;
    expect(&t, BEGIN, "execute+prepare:0 execute+prepare:1");
    expect(&t, YES(0), "");
    expect(&t, TIMEOUT, "aborted rollback:0 rollback:1");
    expect(&t, TIMEOUT, "");
}

static void cannot_abort_once_the_record_may_be_durable(void **state)
{
    struct twopc_txn t = begun(2, 0, TWOPC_PARALLEL);

    (void)state;
    expect(&t, BEGIN, "execute+prepare:0 execute+prepare:1");
    expect(&t, YES(0), "");
    expect(&t, YES(1), "force-commit");
    expect(&t, NO(1), "");
    expect(&t, TIMEOUT, "unknown"); /* nobody can say yet */
    expect(&t, LOGGED, "commit:0 commit:1");
    expect(&t, ACK(0), "");
    expect(&t, ACK(1), "end forget"); /* answered already */
}

static void answers_decided_when_a_participant_stays_away(void **state)
{
    struct twopc_txn t = begun(2, 0, TWOPC_PARALLEL);

    (void)state;
    expect(&t, BEGIN, "execute+prepare:0 execute+prepare:1");
    expect(&t, YES(0), "");
    expect(&t, YES(1), "force-commit");
    expect(&t, LOGGED, "commit:0 commit:1 timer@1000ms");
    expect(&t, ACK(0), "");
    expect(&t, ACK_LOST(1), "retry:1@50ms");
    expect(&t, RETRY(1), "commit:1");
    expect(&t, ACK_LOST(1), "retry:1@100ms");
    expect(&t, TIMEOUT, "ok-decided");
    expect(&t, RETRY(1), "commit:1");
    expect(&t, ACK(1), "end forget");
}

static struct twopc_txn committing_two(void)
{
    struct twopc_txn t = begun(2, 0, TWOPC_PARALLEL);

    expect(&t, BEGIN, "execute+prepare:0 execute+prepare:1");
    expect(&t, YES(0), "");
    expect(&t, YES(1), "force-commit");
    expect(&t, LOGGED, "commit:0 commit:1 timer@1000ms");
    return t;
}

/* Our COMMIT whose answer was lost, or somebody's hand: the same for everybody. */
static void what_is_not_there_any_more_has_to_be_proven_committed(void **state)
{
    struct twopc_txn t = committing_two();

    (void)state;
    expect(&t, NOTA(0), "prove:0");
    expect(&t, NOTA(0), ""); /* delivered twice */
    expect(&t, ACK(1), "");
    expect(&t, PROVED_COMMITTED(0), "ok-everywhere end forget");
    expect(&t, PROVED_COMMITTED(0), "");
}

/* Neither `everywhere` nor an END would be true. */
static void a_commit_rolled_back_by_hand_is_told_and_leaves_the_decision_open(void **state)
{
    struct twopc_txn t = begun(2, 0, TWOPC_PARALLEL);

    (void)state;
    expect(&t, BEGIN, "execute+prepare:0 execute+prepare:1");
    expect(&t, YES(0), "");
    expect(&t, YES(1), "force-commit");
    expect(&t, LOGGED, "commit:0 commit:1 timer@1000ms");
    expect(&t, NOTA(0), "prove:0");
    expect(&t, PROVED_ROLLED_BACK(0), "heuristic:0");
    expect(&t, ACK_LOST(1), "retry:1@50ms");
    expect(&t, RETRY(1), "commit:1");
    expect(&t, ACK(1), "unknown forget");
}

static void a_store_that_remembers_tells_it_without_a_proof(void **state)
{
    struct twopc_txn t = committing_two();

    (void)state;
    expect(&t, ACK(1), "");
    expect(&t, about(TWOPC_EV_ACK, 0, TWOPC_ROLLED_BACK), "heuristic:0 unknown forget");
}

static void a_branch_that_its_participant_has_lost_leaves_the_decision_open(void **state)
{
    struct twopc_txn t = committing_two();

    (void)state;
    expect(&t, ACK(1), "");
    expect(&t, NOTA(0), "prove:0");
    expect(&t, PROVED_LOST(0), "lost:0 unknown forget");
}

static void without_a_proof_the_decision_is_sent_again(void **state)
{
    struct twopc_txn t = committing_two();

    (void)state;
    expect(&t, ACK(1), "");
    expect(&t, NOTA(0), "prove:0");
    expect(&t, PROVED_UNKNOWN(0), "retry:0@50ms"); /* still prepared, or no answer */
    expect(&t, TIMEOUT, "ok-decided");
    expect(&t, RETRY(0), "commit:0");
    expect(&t, NOTA(0), "prove:0");
    expect(&t, PROVED_COMMITTED(0), "end forget");
}

/* Committed by somebody else while it aborts: the client has heard, nothing was logged. */
static void an_abort_that_was_committed_by_hand_is_told(void **state)
{
    struct twopc_txn t = begun(3, 0, TWOPC_PARALLEL);

    (void)state;
    expect(&t, BEGIN, "execute+prepare:0 execute+prepare:1 execute+prepare:2");
    expect(&t, YES(0), "");
    expect(&t, NO(1), "aborted rollback:0 rollback:2");
    expect(&t, NOTA(0), "prove:0");
    expect(&t, PROVED_COMMITTED(0), "heuristic:0");
    expect(&t, NOTA(2), "forget"); /* it never said yes: nothing to prove */
    assert_int_equal(t.heuristic, 1);
}

static void an_abort_needs_no_proof_of_more_than_that_it_did_not_commit(void **state)
{
    struct twopc_txn t = begun(2, 0, TWOPC_PARALLEL);

    (void)state;
    expect(&t, BEGIN, "execute+prepare:0 execute+prepare:1");
    expect(&t, YES(0), "");
    expect(&t, NO(1), "aborted rollback:0");
    expect(&t, NOTA(0), "prove:0");
    expect(&t, PROVED_LOST(0), "forget");
}

static void the_early_rule_answers_with_the_decision(void **state)
{
    struct twopc_options options = {
        .n_participants = 2, .lock_order = TWOPC_PARALLEL, .reply_rule = TWOPC_AFTER_DECISION};
    struct twopc_txn t;

    (void)state;
    twopc_init(&t, &options);
    expect(&t, BEGIN, "execute+prepare:0 execute+prepare:1");
    expect(&t, YES(0), "");
    expect(&t, YES(1), "force-commit");
    expect(&t, LOGGED, "ok-decided commit:0 commit:1");
    expect(&t, ACK(0), "");
    expect(&t, ACK(1), "end forget");
}

static void sends_an_abort_again_until_acknowledged(void **state)
{
    struct twopc_txn t = begun(2, 0, TWOPC_PARALLEL);

    (void)state;
    expect(&t, BEGIN, "execute+prepare:0 execute+prepare:1");
    expect(&t, NO(0), "aborted rollback:1");
    for (int delay = 50; delay <= 800; delay *= 2) {
        char trace[32];

        (void)snprintf(trace, sizeof trace, "retry:1@%dms", delay);
        expect(&t, ACK_LOST(1), trace);
        expect(&t, ACK_LOST(1), ""); /* delivered twice: one timer is enough */
        expect(&t, RETRY(1), "rollback:1");
        expect(&t, RETRY(1), "");
    }
    expect(&t, ACK_LOST(1), "retry:1@1000ms");
    expect(&t, ACK(1), "forget"); /* the first answer, late */
    expect(&t, RETRY(1), "");
}

static void expect_rejected(struct twopc_txn *t, struct twopc_event ev)
{
    struct twopc_actions out;
    enum twopc_state before = t->state;

    assert_int_equal(twopc_step(t, &ev, &out), -EPROTO);
    assert_int_equal(out.n, 0);
    assert_int_equal(t->state, before);
}

static void rejects_what_it_did_not_ask_for(void **state)
{
    struct twopc_txn t = begun(2, 0, TWOPC_SORTED);

    (void)state;
    expect_rejected(&t, LOGGED);
    expect(&t, BEGIN, "execute:0");
    expect_rejected(&t, BEGIN);
}

/* --- broken variants: what each mistake is, as far as the core makes it ----------------------- */

static struct twopc_txn begun_broken(enum twopc_break mistake)
{
    struct twopc_txn t;
    const struct twopc_options options = {
        .n_participants = 2, .lock_order = TWOPC_PARALLEL, .broken = mistake};

    twopc_init(&t, &options);
    expect(&t, BEGIN, "execute+prepare:0 execute+prepare:1");
    return t;
}

static void broken_acknowledges_before_the_decision(void **state)
{
    struct twopc_txn t = begun_broken(TWOPC_ACK_BEFORE_DECISION);

    (void)state;
    expect(&t, YES(0), "broken ok-everywhere");
    expect(&t, NO(1), "rollback:0");
}

static void broken_commits_before_the_decision(void **state)
{
    struct twopc_txn t = begun_broken(TWOPC_COMMIT_BEFORE_DECISION);

    (void)state;
    expect(&t, YES(0), "");
    expect(&t, YES(1), "broken commit:0");
    expect(&t, ACK(0), "force-commit");
    expect(&t, LOGGED, "commit:1 timer@1000ms");
    expect(&t, ACK(1), "ok-everywhere end forget");
}

static void broken_takes_a_no_for_a_yes(void **state)
{
    struct twopc_txn t = begun_broken(TWOPC_NO_IS_YES);

    (void)state;
    expect(&t, NO(0), "broken");
    expect(&t, YES(1), "force-commit");
    expect(&t, LOGGED, "commit:1 timer@1000ms");
    expect(&t, ACK(1), "ok-everywhere end forget");
}

static void broken_ends_when_every_no_was_taken_for_a_yes(void **state)
{
    struct twopc_txn t = begun_broken(TWOPC_NO_IS_YES);

    (void)state;
    expect(&t, NO(0), "broken");
    expect(&t, NO(1), "broken force-commit");
    expect(&t, LOGGED, "ok-everywhere end forget");
}

static void broken_says_aborted_of_what_is_decided(void **state)
{
    struct twopc_txn t = begun_broken(TWOPC_TIMEOUT_IS_ABORT);

    (void)state;
    expect(&t, YES(0), "");
    expect(&t, YES(1), "force-commit");
    expect(&t, LOGGED, "commit:0 commit:1"); /* no patience: the deadline's timer goes on */
    expect(&t, TIMEOUT, "broken aborted");
    expect(&t, ACK(0), "");
    expect(&t, ACK(1), "end forget");
}

/* --- random schedules ------------------------------------------------------------------------- */

enum branch { NONE, EXECUTED_ONLY, PREPARED, COMMITTED, ROLLED_BACK, LOST_FOR_GOOD };

/* One transaction, its participants and the network between them. */
struct world {
    uint64_t seed;
    struct rng rng;
    struct twopc_txn t;
    unsigned n;
    enum branch branch[TWOPC_PARTICIPANTS_MAX];
    bool voted_yes[TWOPC_PARTICIPANTS_MAX];
    bool acked[TWOPC_PARTICIPANTS_MAX];
    bool released[TWOPC_PARTICIPANTS_MAX];
    bool first_locked;
    bool forced, durable;
    unsigned n_replies;
    enum twopc_action_type reply;
    unsigned n_ends;
    uint32_t meddled; /* somebody's hand, or a restore, has ended it there */
    uint32_t told;    /* … and it was told */
    unsigned n_pending;
    struct twopc_event pending[64]; /* on their way to the coordinator */
};

static bool chance(struct world *w, unsigned one_in)
{
    return rng_below(&w->rng, one_in) == 0;
}

static void violated(const struct world *w, const char *what)
{
    fail_msg("%s; again: SEED=%llu test_twopc_core", what, (unsigned long long)w->seed);
}

static void deliver_later(struct world *w, enum twopc_event_type type, unsigned i,
                          enum twopc_answer answer)
{
    assert_true(w->n_pending < 64);
    w->pending[w->n_pending++] = about(type, i, answer);
}

static bool reader(const struct world *w, unsigned i)
{
    return w->t.options.readers >> i & 1U;
}

/* A participant gets as far as `to`, or refuses, or its answer is lost on either side of that. */
static void participant_works(struct world *w, enum twopc_event_type answer_type, unsigned i,
                              enum branch to)
{
    unsigned dice = (unsigned)rng_below(&w->rng, 40);

    if (w->branch[i] == ROLLED_BACK) { /* barred */
        deliver_later(w, answer_type, i, TWOPC_NO);
        return;
    }
    if (dice == 0)
        w->branch[i] = ROLLED_BACK;
    else if (dice != 1)
        w->branch[i] = to;
    deliver_later(w, answer_type, i, dice == 0 ? TWOPC_NO : dice <= 2 ? TWOPC_UNKNOWN : TWOPC_YES);
}

/* Somebody settles it by hand, or its participant is restored from an older copy. */
static void meddle(struct world *w, unsigned i)
{
    static const enum branch to[] = {COMMITTED, ROLLED_BACK, LOST_FOR_GOOD};

    w->branch[i] = to[rng_below(&w->rng, 3)];
    w->meddled |= UINT32_C(1) << i;
}

static void participant_decides(struct world *w, unsigned i, enum branch to)
{
    unsigned dice = (unsigned)rng_below(&w->rng, 8);
    enum twopc_answer answer = TWOPC_YES;
    bool meddled = w->meddled >> i & 1U;

    if (w->acked[i])
        violated(w, "a decision was sent again after its acknowledgement");
    if (w->branch[i] == PREPARED && chance(w, 20))
        meddle(w, i);
    meddled = w->meddled >> i & 1U;
    if (to == COMMITTED && w->branch[i] != PREPARED && w->branch[i] != COMMITTED && !meddled)
        violated(w, "commit at a participant that is not prepared");
    if (to == ROLLED_BACK && w->branch[i] == COMMITTED && !meddled)
        violated(w, "rollback at a participant that has committed");
    if (meddled || (w->branch[i] == to && to == COMMITTED))
        answer = TWOPC_NOTA;
    else if (dice != 0)
        w->branch[i] = to;
    deliver_later(w, TWOPC_EV_ACK, i, dice <= 1 ? TWOPC_UNKNOWN : answer);
}

static void participant_proves(struct world *w, unsigned i)
{
    enum twopc_answer how = w->branch[i] == COMMITTED       ? TWOPC_COMMITTED
                            : w->branch[i] == ROLLED_BACK   ? TWOPC_ROLLED_BACK
                            : w->branch[i] == LOST_FOR_GOOD ? TWOPC_LOST
                                                            : TWOPC_UNKNOWN;

    deliver_later(w, TWOPC_EV_PROVED, i, chance(w, 4) ? TWOPC_UNKNOWN : how);
}

static void participant_is_told_of(struct world *w, unsigned i, bool wrong)
{
    if (!(w->meddled >> i & 1U) || !wrong)
        violated(w, "an outcome was told that there was not");
    w->told |= UINT32_C(1) << i;
}

static void check_commit(struct world *w)
{
    if (!w->durable)
        violated(w, "commit sent before its record was durable");
    for (unsigned i = 0; i < w->n; i++) {
        if (!w->voted_yes[i])
            violated(w, "commit without every yes");
    }
}

static void check_readers_held(const struct world *w)
{
    for (unsigned i = 0; i < w->n; i++) {
        if (reader(w, i) && !w->released[i])
            violated(w, "decided before a reader was known to have held its locks");
    }
}

static void check_all_committed(const struct world *w)
{
    for (unsigned i = 0; i < w->n; i++) {
        if (!reader(w, i) && w->branch[i] != COMMITTED)
            violated(w, "ended, and not committed everywhere");
    }
}

static void carry_out(struct world *w, const struct twopc_action *a)
{
    unsigned i = a->participant;

    if (a->type <= TWOPC_ACT_EXECUTE_PREPARE && i > 0 && !w->first_locked &&
        w->t.options.lock_order == TWOPC_SORTED)
        violated(w, "a branch was sent before the first had its locks");
    switch (a->type) {
    case TWOPC_ACT_EXECUTE:
        participant_works(w, TWOPC_EV_EXECUTED, i, EXECUTED_ONLY);
        break;
    case TWOPC_ACT_PREPARE:
    case TWOPC_ACT_EXECUTE_PREPARE:
        participant_works(w, TWOPC_EV_PREPARED, i, PREPARED);
        break;
    case TWOPC_ACT_RELEASE:
        for (unsigned k = 0; k < w->n; k++) {
            if (!w->voted_yes[k])
                violated(w, "locks released before all votes were in");
        }
        participant_works(w, TWOPC_EV_RELEASED, i, ROLLED_BACK);
        break;
    case TWOPC_ACT_LOG_COMMIT:
        check_readers_held(w);
        w->forced = true;
        deliver_later(w, TWOPC_EV_LOGGED, 0, TWOPC_YES);
        break;
    case TWOPC_ACT_COMMIT:
        check_commit(w);
        participant_decides(w, i, COMMITTED);
        break;
    case TWOPC_ACT_ROLLBACK:
        if (w->forced)
            violated(w, "rollback after the record was forced");
        participant_decides(w, i, ROLLED_BACK);
        break;
    case TWOPC_ACT_PROVE:
        participant_proves(w, i);
        break;
    case TWOPC_ACT_TELL_HEURISTIC:
        participant_is_told_of(w, i, w->branch[i] == (w->durable ? ROLLED_BACK : COMMITTED));
        break;
    case TWOPC_ACT_TELL_LOST:
        participant_is_told_of(w, i, w->durable && w->branch[i] == LOST_FOR_GOOD);
        break;
    case TWOPC_ACT_REPLY_EVERYWHERE:
    case TWOPC_ACT_REPLY_DECIDED:
    case TWOPC_ACT_REPLY_ABORTED:
    case TWOPC_ACT_REPLY_UNKNOWN:
        w->n_replies++;
        w->reply = a->type;
        if (a->type == TWOPC_ACT_REPLY_EVERYWHERE)
            check_all_committed(w);
        break;
    case TWOPC_ACT_SET_RETRY:
        deliver_later(w, TWOPC_EV_RETRY, i, TWOPC_YES);
        break;
    case TWOPC_ACT_LOG_END:
        w->n_ends++;
        check_all_committed(w);
        break;
    case TWOPC_ACT_TELL_BROKEN:
        violated(w, "a mistake that nobody had built in");
        break;
    case TWOPC_ACT_SET_TIMER:
    case TWOPC_ACT_FORGET:
    case TWOPC_ACTION_TYPES:
        break;
    }
}

static void note(struct world *w, const struct twopc_event *ev)
{
    bool yes = ev->answer == TWOPC_YES;

    if (ev->type == TWOPC_EV_EXECUTED && yes && ev->participant == 0)
        w->first_locked = true;
    if ((ev->type == TWOPC_EV_PREPARED && yes) ||
        (ev->type == TWOPC_EV_EXECUTED && yes && reader(w, ev->participant)))
        w->voted_yes[ev->participant] = true;
    if (ev->type == TWOPC_EV_RELEASED && yes)
        w->released[ev->participant] = true;
    if (ev->type == TWOPC_EV_LOGGED)
        w->durable = true;
    if (ev->type == TWOPC_EV_ACK && yes)
        w->acked[ev->participant] = true;
}

static void step(struct world *w, struct twopc_event ev)
{
    struct twopc_actions out;

    note(w, &ev);
    if (twopc_step(&w->t, &ev, &out) != 0)
        violated(w, "a legal event was rejected");
    for (unsigned k = 0; k < out.n; k++)
        carry_out(w, &out.item[k]);
}

/* The next event: any that is on its way, sometimes delivered twice; now and then the timer. */
static struct twopc_event next_event(struct world *w)
{
    unsigned k;
    struct twopc_event ev;

    if (w->n_pending == 0 || chance(w, 60))
        return TIMEOUT;
    k = (unsigned)rng_below(&w->rng, w->n_pending);
    ev = w->pending[k];
    if (ev.type == TWOPC_EV_LOGGED || w->n_pending > 32 || !chance(w, 8))
        w->pending[k] = w->pending[--w->n_pending];
    return ev;
}

/* The coordinator has died: what is prepared is settled by what the log holds. */
static void recover(struct world *w)
{
    bool decided = w->durable || (w->forced && chance(w, 2));

    for (unsigned i = 0; i < w->n; i++) {
        if (w->branch[i] == PREPARED)
            w->branch[i] = decided ? COMMITTED : ROLLED_BACK;
        else if (w->branch[i] == EXECUTED_ONLY)
            w->branch[i] = ROLLED_BACK; /* its session is gone */
    }
}

/* Where nobody has meddled; at the others it was told. */
static void check_outcome(const struct world *w)
{
    unsigned n_updaters = 0;
    unsigned n_committed = 0;

    for (unsigned i = 0; i < w->n; i++) {
        if (w->meddled >> i & 1U)
            continue;
        n_updaters += !reader(w, i);
        n_committed += w->branch[i] == COMMITTED;
    }
    if (n_committed != 0 && n_committed != n_updaters)
        violated(w, "committed at some participants only");
    if (w->n_replies == 0)
        return;
    if (w->reply == TWOPC_ACT_REPLY_ABORTED && n_committed > 0)
        violated(w, "answered aborted, and committed");
    if ((w->reply == TWOPC_ACT_REPLY_EVERYWHERE || w->reply == TWOPC_ACT_REPLY_DECIDED) &&
        n_committed != n_updaters)
        violated(w, "answered ok, and not committed");
}

/* Nothing is left, and what has ended otherwise was told, where its yes had been heard. */
static void check_ended(const struct world *w)
{
    for (unsigned i = 0; i < w->n; i++) {
        enum branch wanted = w->durable ? COMMITTED : ROLLED_BACK;
        bool lost_abort = !w->durable && w->branch[i] == LOST_FOR_GOOD;
        bool heard = w->t.prepared >> i & 1U;

        if (w->branch[i] == PREPARED)
            violated(w, "ended with a branch in doubt");
        if (w->meddled >> i & 1U && heard && w->branch[i] != wanted && !lost_abort &&
            !(w->told >> i & 1U))
            violated(w, "ended otherwise, and nobody was told");
    }
}

static struct world make_world(uint64_t seed)
{
    struct world w = {.seed = seed, .rng = rng_new(seed, "twopc")};
    struct twopc_options options;

    w.n = 1 + (unsigned)rng_below(&w.rng, TWOPC_PARTICIPANTS_MAX);
    options = (struct twopc_options){
        .n_participants = w.n,
        .readers = chance(&w, 2) ? 0 : (uint32_t)rng_below(&w.rng, UINT64_C(1) << w.n),
        .lock_order = chance(&w, 2) ? TWOPC_SORTED : TWOPC_PARALLEL,
        .reply_rule = chance(&w, 4) ? TWOPC_AFTER_DECISION : TWOPC_AFTER_PHASE_TWO};
    twopc_init(&w.t, &options);
    return w;
}

static void run_schedule(uint64_t seed)
{
    struct world w = make_world(seed);
    unsigned crash_at = chance(&w, 3) ? (unsigned)rng_below(&w.rng, 50) : STEPS_MAX;
    unsigned steps = 1;

    step(&w, BEGIN);
    for (; w.t.state != TWOPC_DONE && steps < crash_at; steps++)
        step(&w, next_event(&w));
    if (steps == STEPS_MAX)
        violated(&w, "does not end");
    if (w.n_replies > 1)
        violated(&w, "two replies");
    if (w.t.state != TWOPC_DONE) {
        recover(&w);
    } else {
        if (w.n_replies != 1)
            violated(&w, "ended without a reply");
        if (w.n_ends != (w.durable && w.told == 0))
            violated(&w, "an END record for each commit of which nothing was told");
        check_ended(&w);
    }
    check_outcome(&w);
}

static void random_schedules_are_safe_and_end(void **state)
{
    const char *only = getenv("SEED");

    (void)state;
    if (only) {
        run_schedule(strtoull(only, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= SCHEDULES; seed++)
        run_schedule(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commits_when_all_vote_yes),
        cmocka_unit_test(aborts_when_its_commit_stands_behind_an_abort),
        cmocka_unit_test(sorted_lets_the_first_participant_lock_alone),
        cmocka_unit_test(sends_nothing_else_when_the_first_participant_refuses),
        cmocka_unit_test(readers_hold_their_locks_until_all_votes_are_in),
        cmocka_unit_test(a_reader_that_lost_its_locks_aborts),
        cmocka_unit_test(only_readers_log_nothing),
        cmocka_unit_test(aborts_on_the_first_no),
        cmocka_unit_test(a_lost_vote_aborts_and_is_rolled_back_everywhere),
        cmocka_unit_test(aborts_at_the_deadline),
        cmocka_unit_test(cannot_abort_once_the_record_may_be_durable),
        cmocka_unit_test(answers_decided_when_a_participant_stays_away),
        cmocka_unit_test(what_is_not_there_any_more_has_to_be_proven_committed),
        cmocka_unit_test(a_commit_rolled_back_by_hand_is_told_and_leaves_the_decision_open),
        cmocka_unit_test(a_store_that_remembers_tells_it_without_a_proof),
        cmocka_unit_test(a_branch_that_its_participant_has_lost_leaves_the_decision_open),
        cmocka_unit_test(without_a_proof_the_decision_is_sent_again),
        cmocka_unit_test(an_abort_that_was_committed_by_hand_is_told),
        cmocka_unit_test(an_abort_needs_no_proof_of_more_than_that_it_did_not_commit),
        cmocka_unit_test(the_early_rule_answers_with_the_decision),
        cmocka_unit_test(sends_an_abort_again_until_acknowledged),
        cmocka_unit_test(rejects_what_it_did_not_ask_for),
        cmocka_unit_test(broken_acknowledges_before_the_decision),
        cmocka_unit_test(broken_commits_before_the_decision),
        cmocka_unit_test(broken_takes_a_no_for_a_yes),
        cmocka_unit_test(broken_ends_when_every_no_was_taken_for_a_yes),
        cmocka_unit_test(broken_says_aborted_of_what_is_decided),
        cmocka_unit_test(random_schedules_are_safe_and_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
