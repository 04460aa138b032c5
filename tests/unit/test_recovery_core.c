/*
 * Unit tests of the core of recovery. Folder: coordinator
 *
 * Method: feed events, render the actions as text, compare with the expected trace.
 */
#include "coordinator/recovery_core.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OURS "sb1:serve1:2:7:c1-7"

static const char *const action_names[RECOVERY_ACTION_TYPES] = {
    [RECOVERY_ACT_END_SESSIONS] = "end-sessions",
    [RECOVERY_ACT_FENCE] = "fence",
    [RECOVERY_ACT_MARK] = "mark",
    [RECOVERY_ACT_LIST] = "list",
    [RECOVERY_ACT_COMMIT] = "commit",
    [RECOVERY_ACT_ROLLBACK] = "rollback",
    [RECOVERY_ACT_SET_RETRY] = "retry",
    [RECOVERY_ACT_CANCEL_RETRY] = "no-retry",
    [RECOVERY_ACT_TELL_SETTLED] = "settled",
    [RECOVERY_ACT_TELL_CONTRADICTED] = "contradicted",
    [RECOVERY_ACT_TELL_LOST] = "lost",
    [RECOVERY_ACT_PROVE] = "prove",
    [RECOVERY_ACT_FORGET] = "forget",
    [RECOVERY_ACT_REVIEW_DECISIONS] = "review",
    [RECOVERY_ACT_LOG_END] = "end",
    [RECOVERY_ACT_PROGRESS] = "progress",
    [RECOVERY_ACT_FAIL] = "fail",
    [RECOVERY_ACT_TELL_BROKEN] = "broken",
};

static void render(const struct recovery_actions *out, char *buf, size_t size)
{
    size_t used = 0;

    buf[0] = '\0';
    for (unsigned i = 0; i < out->n; i++) {
        const struct recovery_action *a = &out->item[i];

        used +=
            (size_t)snprintf(buf + used, size - used, "%s%s", i ? " " : "", action_names[a->type]);
        if (a->type == RECOVERY_ACT_FENCE)
            used += (size_t)snprintf(buf + used, size - used, ":%lld+%lld",
                                     (long long)a->epoch / (RECOVERY_FENCE_TRIES_MAX + 1),
                                     (long long)a->epoch % (RECOVERY_FENCE_TRIES_MAX + 1));
        if (a->delay_us > 0)
            used += (size_t)snprintf(buf + used, size - used, "@%lldms",
                                     (long long)(a->delay_us / 1000));
        assert_true(used < size);
    }
}

static void expect(struct recovery_core *core, struct recovery_event ev, const char *trace)
{
    struct recovery_actions out;
    char got[256];

    assert_int_equal(recovery_step(core, &ev, &out), 0);
    render(&out, got, sizeof got);
    assert_string_equal(got, trace);
}

#define EV(what, i) ((struct recovery_event){.type = RECOVERY_EV_##what, .participant = (i)})
#define ANSWER(what, i, how)                                                                       \
    ((struct recovery_event){                                                                      \
        .type = RECOVERY_EV_##what, .participant = (i), .answer = RECOVERY_##how})
#define FOUND(i, text, d)                                                                          \
    ((struct recovery_event){                                                                      \
        .type = RECOVERY_EV_FOUND, .participant = (i), .gid = (text), .decision = (d)})
#define RESOLVED(i, how, d, yes)                                                                   \
    ((struct recovery_event){.type = RECOVERY_EV_RESOLVED,                                         \
                             .participant = (i),                                                   \
                             .answer = RECOVERY_##how,                                             \
                             .decision = (d),                                                      \
                             .committed = (yes)})
#define REVIEW(i, d)                                                                               \
    ((struct recovery_event){.type = RECOVERY_EV_REVIEW, .participant = (i), .decision = (d)})
#define PROVED(i, how, d)                                                                          \
    ((struct recovery_event){.type = RECOVERY_EV_PROVED,                                           \
                             .participant = (i),                                                   \
                             .answer = RECOVERY_##how,                                             \
                             .decision = (d)})

/* Epoch 3 of serve1, at pg1 and pg2. */
static struct recovery_core make_core(enum twopc_break broken)
{
    struct recovery_core core;

    recovery_core_init(&core, "serve1", 3, broken);
    recovery_core_add(&core, "pg1");
    recovery_core_add(&core, "pg2");
    return core;
}

/* … and participant `i` is to list what is in doubt there. */
static void go_to_listing(struct recovery_core *core, unsigned i)
{
    expect(core, EV(START, i), "fence:3+1");
    expect(core, EV(FENCED, i), "end-sessions");
    expect(core, EV(ENDED, i), "mark");
    expect(core, EV(MARKED, i), "list");
}

static struct open_decision decided_at_both(void)
{
    return (struct open_decision){.gid = OURS, .n_participants = 2, .participant = {"pg1", "pg2"}};
}

static void fences_ends_sessions_and_marks_before_it_lists(void **state)
{
    struct recovery_core core = make_core(TWOPC_SOUND);

    (void)state;
    expect(&core, EV(START, 0), "fence:3+1");
    assert_false(core.participant[0].fenced);
    expect(&core, EV(FENCED, 0), "end-sessions");
    assert_false(core.participant[0].fenced);
    expect(&core, EV(ENDED, 0), "mark");
    assert_true(core.participant[0].fenced);
    expect(&core, EV(MARKED, 0), "list");
    expect(&core, EV(LISTED, 0), "review");
    expect(&core, EV(REVIEWED, 0), "progress");
    assert_false(recovery_core_complete(&core));
    go_to_listing(&core, 1);
    expect(&core, EV(LISTED, 1), "review");
    assert_false(recovery_core_complete(&core));
    expect(&core, EV(REVIEWED, 1), "progress");
    assert_true(recovery_core_complete(&core));
}

static void commits_what_the_log_has_and_rolls_back_the_rest(void **state)
{
    struct recovery_core core = make_core(TWOPC_SOUND);
    struct open_decision d = decided_at_both();

    (void)state;
    go_to_listing(&core, 0);
    expect(&core, FOUND(0, OURS, &d), "commit");
    expect(&core, FOUND(0, "sb1:serve1:1:9:c1-2", NULL), "rollback");
    expect(&core, EV(LISTED, 0), "");
    expect(&core, RESOLVED(0, OK, &d, true), "settled");
    expect(&core, RESOLVED(0, OK, NULL, false), "settled forget list");
    expect(&core, EV(LISTED, 0), "review");
}

static void leaves_alone_what_is_not_left_over_from_itself(void **state)
{
    static const char *const others[] = {
        "sb1:serve10:2:7:c1-7", /* another's name that begins like ours */
        "sb1:serve1:3:7:c1-7",  /* of this incarnation */
        "sb1:serve1:4:7:c1-7",  "sb2:serve1:2:7:c1-7", "", "somebody's",
    };
    struct recovery_core core = make_core(TWOPC_SOUND);

    (void)state;
    go_to_listing(&core, 0);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        expect(&core, FOUND(0, others[i], NULL), "");
    expect(&core, EV(LISTED, 0), "review");
}

static void each_step_is_tried_again_with_back_off(void **state)
{
    struct recovery_core core = make_core(TWOPC_SOUND);

    (void)state;
    expect(&core, EV(START, 0), "fence:3+1");
    expect(&core, ANSWER(FENCED, 0, AGAIN), "retry@50ms");
    expect(&core, EV(RETRY, 0), "fence:3+2");
    expect(&core, EV(RETRY, 0), "");
    expect(&core, ANSWER(FENCED, 0, AGAIN), "retry@100ms");
    expect(&core, EV(ALIVE, 0), "no-retry fence:3+3");
    expect(&core, EV(ALIVE, 0), "");
    expect(&core, EV(FENCED, 0), "end-sessions");
    expect(&core, ANSWER(ENDED, 0, AGAIN), "retry@50ms");
    expect(&core, EV(RETRY, 0), "end-sessions");
    expect(&core, EV(ENDED, 0), "mark");
    expect(&core, EV(RETRY, 0), ""); /* tried again by who marks */
    expect(&core, EV(ALIVE, 0), "");
    expect(&core, EV(MARKED, 0), "list");
    expect(&core, ANSWER(LISTED, 0, AGAIN), "retry@50ms");
    expect(&core, EV(RETRY, 0), "list");
}

static void what_could_not_be_settled_is_listed_again_later(void **state)
{
    struct recovery_core core = make_core(TWOPC_SOUND);

    (void)state;
    go_to_listing(&core, 0);
    expect(&core, FOUND(0, OURS, NULL), "rollback");
    expect(&core, EV(LISTED, 0), "");
    expect(&core, RESOLVED(0, AGAIN, NULL, false), "retry@50ms");
    expect(&core, EV(RETRY, 0), "list");
    expect(&core, FOUND(0, OURS, NULL), "rollback");
    expect(&core, EV(LISTED, 0), "");
    expect(&core, RESOLVED(0, GONE, NULL, false), "list");
}

static void a_participant_that_saw_a_later_incarnation_ends_this_one(void **state)
{
    struct recovery_core core = make_core(TWOPC_SOUND);

    (void)state;
    expect(&core, EV(START, 0), "fence:3+1");
    expect(&core, ANSWER(FENCED, 0, STALE), "fail"); /* and no session of the later one is ended */
    assert_false(core.participant[0].fenced);
}

static void a_decision_ends_when_all_its_participants_have_committed(void **state)
{
    struct recovery_core core = make_core(TWOPC_SOUND);
    struct open_decision d = decided_at_both();

    (void)state;
    go_to_listing(&core, 0);
    expect(&core, FOUND(0, OURS, &d), "commit");
    expect(&core, EV(LISTED, 0), "");
    expect(&core, RESOLVED(0, OK, &d, true), "settled list");
    expect(&core, EV(LISTED, 0), "review");
    expect(&core, REVIEW(0, &d), ""); /* we have committed it ourselves */
    expect(&core, EV(REVIEWED, 0), "progress");
    go_to_listing(&core, 1);
    expect(&core, EV(LISTED, 1), "review");
    expect(&core, REVIEW(1, &d), "prove"); /* that it is not prepared here proves nothing */
    expect(&core, EV(REVIEWED, 1), "");
    expect(&core, PROVED(1, OK, &d), "end progress");
}

static void the_last_commit_ends_the_decision_at_the_next_review(void **state)
{
    struct recovery_core core = make_core(TWOPC_SOUND);
    struct open_decision d = decided_at_both();

    (void)state;
    d.committed = 0x2;
    go_to_listing(&core, 0);
    expect(&core, FOUND(0, OURS, &d), "commit");
    expect(&core, EV(LISTED, 0), "");
    expect(&core, RESOLVED(0, OK, &d, true), "settled list");
    expect(&core, EV(LISTED, 0), "review");
    expect(&core, REVIEW(0, &d), "end");
}

static void what_cannot_be_proven_is_asked_again(void **state)
{
    struct recovery_core core = make_core(TWOPC_SOUND);
    struct open_decision d = decided_at_both();

    (void)state;
    go_to_listing(&core, 0);
    expect(&core, EV(LISTED, 0), "review");
    expect(&core, REVIEW(0, &d), "prove");
    expect(&core, PROVED(0, AGAIN, &d), ""); /* before all were asked */
    expect(&core, EV(REVIEWED, 0), "retry@50ms");
    expect(&core, EV(RETRY, 0), "review");
    expect(&core, REVIEW(0, &d), "prove");
    expect(&core, EV(REVIEWED, 0), "");
    expect(&core, PROVED(0, OK, &d), "progress");
}

static void a_decision_at_a_store_that_is_not_there_stays_open(void **state)
{
    struct recovery_core core = make_core(TWOPC_SOUND);
    struct open_decision d = decided_at_both();

    (void)state;
    (void)snprintf(d.participant[1], sizeof d.participant[1], "pg3");
    go_to_listing(&core, 0);
    expect(&core, EV(LISTED, 0), "review");
    expect(&core, REVIEW(0, &d), "prove");
    expect(&core, EV(REVIEWED, 0), "");
    expect(&core, PROVED(0, OK, &d), "progress");
    go_to_listing(&core, 1);
    expect(&core, EV(LISTED, 1), "review");
    expect(&core, REVIEW(1, &d), "");
    expect(&core, EV(REVIEWED, 1), "progress");
}

static void a_decision_that_somebody_contradicted_stays_open(void **state)
{
    struct recovery_core core = make_core(TWOPC_SOUND);
    struct open_decision d = decided_at_both();

    (void)state;
    go_to_listing(&core, 0);
    expect(&core, FOUND(0, OURS, &d), "commit");
    expect(&core, EV(LISTED, 0), "");
    expect(&core, RESOLVED(0, OTHER_WAY, &d, true), "contradicted list");
    expect(&core, EV(LISTED, 0), "review");
    expect(&core, REVIEW(0, &d), "");
    expect(&core, EV(REVIEWED, 0), "progress");
    go_to_listing(&core, 1);
    expect(&core, EV(LISTED, 1), "review");
    expect(&core, REVIEW(1, &d), "prove");
    expect(&core, PROVED(1, OK, &d), "");
    expect(&core, EV(REVIEWED, 1), "progress");
}

/* Rolled back by hand while we were away; restored from an older copy. */
static void a_proof_that_it_is_otherwise_is_told_and_the_decision_stays_open(void **state)
{
    struct recovery_core core = make_core(TWOPC_SOUND);
    struct open_decision d = decided_at_both();

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        go_to_listing(&core, i);
        expect(&core, EV(LISTED, i), "review");
        expect(&core, REVIEW(i, &d), "prove");
        expect(&core, EV(REVIEWED, i), "");
    }
    expect(&core, PROVED(0, OTHER_WAY, &d), "contradicted progress");
    expect(&core, PROVED(1, LOST, &d), "lost progress");
    assert_true(recovery_core_complete(&core));
}

/* Restored since it was asked what it knows: what is prepared there may have been committed. */
static void a_restored_participant_is_not_even_listed(void **state)
{
    struct recovery_core core = make_core(TWOPC_SOUND);
    struct recovery_event ev = EV(MARKED, 0);
    struct recovery_actions out;

    (void)state;
    expect(&core, EV(START, 0), "fence:3+1");
    expect(&core, EV(FENCED, 0), "end-sessions");
    expect(&core, EV(ENDED, 0), "mark");
    expect(&core, EV(RESTORED, 0), "");
    expect(&core, EV(RESTORED, 0), "");
    expect(&core, EV(RETRY, 0), "");
    expect(&core, EV(ALIVE, 0), "");
    assert_int_equal(recovery_step(&core, &ev, &out), -EPROTO);
    assert_false(recovery_core_complete(&core));
    go_to_listing(&core, 1); /* the other one goes on */
}

static void what_is_under_way_when_a_restore_shows_is_the_last(void **state)
{
    struct recovery_core core = make_core(TWOPC_SOUND);
    struct open_decision d = decided_at_both();
    struct recovery_event ev = RESOLVED(0, OK, NULL, false);
    struct recovery_actions out;

    (void)state;
    go_to_listing(&core, 0);
    expect(&core, FOUND(0, OURS, &d), "commit");
    expect(&core, FOUND(0, "sb1:serve1:1:9:c1-2", NULL), "rollback");
    expect(&core, EV(LISTED, 0), "");
    expect(&core, EV(RESTORED, 0), "");
    expect(&core, RESOLVED(0, OK, &d, true), "settled"); /* and not `list` */
    expect(&core, RESOLVED(0, AGAIN, NULL, false), "");
    assert_int_equal(d.committed, 0);
    assert_int_equal(recovery_step(&core, &ev, &out), -EPROTO);
    go_to_listing(&core, 1);
    expect(&core, EV(RESTORED, 1), "");
    expect(&core, FOUND(1, OURS, NULL), "");
    expect(&core, EV(LISTED, 1), "");
}

static void no_proof_of_a_restored_participant_counts(void **state)
{
    struct recovery_core core = make_core(TWOPC_SOUND);
    struct open_decision d = decided_at_both();
    struct open_decision other = decided_at_both();

    (void)state;
    d.committed = 0x2; /* at the other one: a proof would end it */
    go_to_listing(&core, 0);
    expect(&core, EV(LISTED, 0), "review");
    expect(&core, REVIEW(0, &d), "prove");
    expect(&core, REVIEW(0, &other), "prove");
    expect(&core, EV(RESTORED, 0), "");
    expect(&core, EV(REVIEWED, 0), "");
    expect(&core, PROVED(0, OK, &d), "lost");
    expect(&core, PROVED(0, AGAIN, &other), "");
    assert_int_equal(d.lost, 0x1);
    assert_int_equal(other.lost, 0);
}

static void a_restore_that_shows_late_ends_all_tries(void **state)
{
    struct recovery_core core = make_core(TWOPC_SOUND);

    (void)state;
    go_to_listing(&core, 0);
    expect(&core, ANSWER(LISTED, 0, AGAIN), "retry@50ms");
    expect(&core, EV(RESTORED, 0), "no-retry");
    expect(&core, EV(RETRY, 0), "");
    go_to_listing(&core, 1);
    expect(&core, EV(LISTED, 1), "review");
    expect(&core, EV(REVIEWED, 1), "progress");
    expect(&core, EV(RESTORED, 1), "");
    assert_false(recovery_core_complete(&core));
}

static void rejects_what_it_did_not_ask_for(void **state)
{
    struct recovery_core core = make_core(TWOPC_SOUND);
    struct recovery_event ev = EV(LISTED, 0);
    struct recovery_actions out;

    (void)state;
    assert_int_equal(recovery_step(&core, &ev, &out), -EPROTO);
    assert_int_equal(out.n, 0);
    expect(&core, EV(START, 0), "fence:3+1");
    ev = EV(START, 0);
    assert_int_equal(recovery_step(&core, &ev, &out), -EPROTO);
    expect(&core, ANSWER(FENCED, 0, AGAIN), "retry@50ms");
    ev = EV(FENCED, 0);
    assert_int_equal(recovery_step(&core, &ev, &out), -EPROTO);
}

static void broken_presumes_commit(void **state)
{
    struct recovery_core core = make_core(TWOPC_PRESUME_COMMIT);

    (void)state;
    go_to_listing(&core, 0);
    expect(&core, FOUND(0, OURS, NULL), "broken commit");
}

static void broken_forgets_when_the_first_is_settled(void **state)
{
    struct recovery_core core = make_core(TWOPC_FORGET_EARLY);
    struct open_decision d = decided_at_both();

    (void)state;
    go_to_listing(&core, 0);
    expect(&core, EV(LISTED, 0), "review");
    expect(&core, REVIEW(0, &d), "prove");
    expect(&core, EV(REVIEWED, 0), "");
    expect(&core, PROVED(0, OK, &d), "progress");
    go_to_listing(&core, 1);
    expect(&core, EV(LISTED, 1), "review");
    expect(&core, REVIEW(1, &d), "broken end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fences_ends_sessions_and_marks_before_it_lists),
        cmocka_unit_test(commits_what_the_log_has_and_rolls_back_the_rest),
        cmocka_unit_test(leaves_alone_what_is_not_left_over_from_itself),
        cmocka_unit_test(each_step_is_tried_again_with_back_off),
        cmocka_unit_test(what_could_not_be_settled_is_listed_again_later),
        cmocka_unit_test(a_participant_that_saw_a_later_incarnation_ends_this_one),
        cmocka_unit_test(a_decision_ends_when_all_its_participants_have_committed),
        cmocka_unit_test(the_last_commit_ends_the_decision_at_the_next_review),
        cmocka_unit_test(what_cannot_be_proven_is_asked_again),
        cmocka_unit_test(a_decision_at_a_store_that_is_not_there_stays_open),
        cmocka_unit_test(a_decision_that_somebody_contradicted_stays_open),
        cmocka_unit_test(a_proof_that_it_is_otherwise_is_told_and_the_decision_stays_open),
        cmocka_unit_test(a_restored_participant_is_not_even_listed),
        cmocka_unit_test(what_is_under_way_when_a_restore_shows_is_the_last),
        cmocka_unit_test(no_proof_of_a_restored_participant_counts),
        cmocka_unit_test(a_restore_that_shows_late_ends_all_tries),
        cmocka_unit_test(rejects_what_it_did_not_ask_for),
        cmocka_unit_test(broken_presumes_commit),
        cmocka_unit_test(broken_forgets_when_the_first_is_settled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
