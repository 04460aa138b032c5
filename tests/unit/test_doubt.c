/*
 * Folder: coordinator
 * The operator's view, joined from lists that are written down here. A transaction renders as
 * "r1 commit: pg1 prepared, pg2 unreachable".
 */
#include "coordinator/doubt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COMMITTED   STORE_VIEW_COMMITTED_BY_HAND
#define ROLLED_BACK STORE_VIEW_ROLLED_BACK_BY_HAND

static struct doubt doubt;
static char text[2048];

static int begin(void **state)
{
    static const char *const stores[] = {"pg1", "pg2"};

    (void)state;
    doubt_init(&doubt, stores, 2);
    return 0;
}

static int end(void **state)
{
    (void)state;
    doubt_done(&doubt);
    return 0;
}

/* --- what comes in ---------------------------------------------------------------------------- */

static void prepared(unsigned store, const char *gid, int64_t age_us, unsigned n_waiters)
{
    struct store_view view = {.age_us = age_us, .horizon = 7, .n_waiters = n_waiters};

    (void)snprintf(view.gid, sizeof view.gid, "%s", gid);
    doubt_take_views(&doubt, store, &view, 1);
}

static void by_hand(unsigned store, const char *gid, enum store_view_state outcome)
{
    struct store_view view = {.state = outcome, .age_us = 1};

    (void)snprintf(view.gid, sizeof view.gid, "%s", gid);
    doubt_take_views(&doubt, store, &view, 1);
}

static void nothing(unsigned store)
{
    doubt_take_views(&doubt, store, NULL, 0);
}

static void epoch(const char *coordinator, int64_t number)
{
    doubt_take_log(&doubt, coordinator);
    doubt_take_decision(&doubt, &(struct decision){.kind = DECISION_EPOCH, .epoch = number});
}

/* Epochs 1 to n of serve1, record by record; that of epoch 1 was drawn `incarnation` + 1. */
static void refused_starts(int n, uint64_t incarnation)
{
    doubt_take_log(&doubt, "serve1");
    for (int i = 1; i <= n; i++)
        doubt_take_decision(&doubt, &(struct decision){.kind = DECISION_EPOCH,
                                                       .sequence = (uint64_t)i,
                                                       .epoch = i,
                                                       .incarnation = incarnation + (uint64_t)i});
}

static void record(enum decision_kind kind, const char *gid)
{
    struct decision decision = {.kind = kind, .n_participants = 2, .participant = {"pg1", "pg2"}};

    (void)snprintf(decision.gid, sizeof decision.gid, "%s", gid);
    doubt_take_decision(&doubt, &decision);
}

/* --- what comes out --------------------------------------------------------------------------- */

__attribute__((format(printf, 1, 2))) static void append(const char *format, ...)
{
    size_t used = strlen(text);
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(text + used, sizeof text - used, format, ap);
    va_end(ap);
}

static const char *view(void)
{
    text[0] = '\0';
    doubt_conclude(&doubt);
    for (size_t i = 0; i < doubt.n_txns; i++) {
        const struct doubt_txn *txn = doubt.txn[i];

        append("%s%s %s:", i > 0 ? "; " : "", txn->name.request,
               doubt_decision_word(txn->decision));
        for (unsigned s = 0; s < doubt.n_stores; s++)
            append("%s %s %s", s > 0 ? "," : "", doubt.store[s].name,
                   doubt_state_word(txn->branch[s].state));
        if (txn->heuristic != DOUBT_NO_HAND)
            append(", hand %s", doubt_heuristic_word(txn->heuristic));
    }
    return text;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void joins_the_branches_of_a_transaction_and_its_decision(void **state)
{
    (void)state;
    prepared(0, "sb1:serve1:1:7:r1", 5, 0);
    prepared(1, "sb1:serve1:1:7:r1", 9, 0);
    epoch("serve1", 1);
    record(DECISION_COMMIT, "sb1:serve1:1:7:r1");
    assert_string_equal(view(), "r1 commit: pg1 prepared, pg2 prepared");
    assert_int_equal(doubt.txn[0]->age_us, 9);
    assert_int_equal(doubt.txn[0]->n_prepared, 2);
}

static void a_store_that_cannot_be_asked_is_not_one_with_nothing(void **state)
{
    (void)state;
    prepared(0, "sb1:serve1:1:7:r1", 5, 0);
    doubt_cannot_reach(&doubt, 1, "connection refused");
    assert_string_equal(view(), "r1 not known: pg1 prepared, pg2 unreachable");
    assert_string_equal(doubt.store[1].why, "connection refused");
}

static void without_its_log_nothing_is_presumed(void **state)
{
    (void)state;
    prepared(0, "sb1:serve1:1:7:r1", 5, 0);
    nothing(1);
    epoch("serve10", 3);
    assert_string_equal(view(), "r1 not known: pg1 prepared, pg2 nothing");
}

static void abort_is_presumed_by_the_log_of_a_later_incarnation_only(void **state)
{
    (void)state;
    prepared(0, "sb1:serve1:1:7:r1", 9, 0);
    prepared(0, "sb1:serve1:2:1:r2", 5, 0);
    nothing(1);
    epoch("serve1", 2);
    assert_string_equal(view(), "r1 abort (presumed): pg1 prepared, pg2 nothing; "
                                "r2 none yet: pg1 prepared, pg2 nothing");
}

static void a_log_older_than_the_branch_presumes_nothing(void **state)
{
    (void)state;
    prepared(0, "sb1:serve1:3:1:r1", 9, 0);
    prepared(0, "sb1:serve2:1:1:r2", 5, 0);
    nothing(1);
    epoch("serve1", 2);
    doubt_take_log(&doubt, "serve2");
    assert_string_equal(view(), "r1 not known: pg1 prepared, pg2 nothing; "
                                "r2 not known: pg1 prepared, pg2 nothing");
}

/* Each start that is refused raises the epoch of the log that it is refused for. */
static void a_lost_log_presumes_nothing_however_often_it_was_refused(void **state)
{
    const struct store_mark of_lost = {.epoch = 1, .incarnation = 11, .sequence = 9};
    const char *why;

    (void)state;
    prepared(0, "sb1:serve1:1:7:r1", 9, 0);
    nothing(1);
    refused_starts(3, 20);
    assert_string_equal(view(), "r1 abort (presumed): pg1 prepared, pg2 nothing");
    doubt_take_mark(&doubt, "serve1", 1, &of_lost);
    assert_string_equal(view(), "r1 not known: pg1 prepared, pg2 nothing");
    assert_false(doubt_may_settle(doubt.txn[0], false, &why));
}

/* An old copy of epoch 1, which had ended with record 9 when pg1 was told. */
static void an_old_copy_presumes_nothing_however_often_it_was_refused(void **state)
{
    const struct store_mark told = {.epoch = 1, .incarnation = 11, .sequence = 9};
    const struct store_mark of_copy = {.epoch = 1, .incarnation = 11, .sequence = 1};

    (void)state;
    prepared(0, "sb1:serve1:1:7:r1", 9, 0);
    nothing(1);
    refused_starts(2, 10);
    doubt_take_mark(&doubt, "serve1", 1, &of_copy);
    doubt_take_mark(&doubt, "serve10", 1, &told);
    assert_string_equal(view(), "r1 abort (presumed): pg1 prepared, pg2 nothing");
    doubt_take_mark(&doubt, "serve1", 1, &told);
    assert_string_equal(view(), "r1 not known: pg1 prepared, pg2 nothing");
}

static void the_oldest_comes_first(void **state)
{
    (void)state;
    prepared(0, "sb1:serve1:1:1:young", 5, 0);
    prepared(0, "sb1:serve1:1:2:old", 500, 0);
    nothing(1);
    prepared(1, "sb1:serve1:1:3:middle", 50, 0);
    assert_string_equal(view(), "old not known: pg1 prepared, pg2 nothing; "
                                "middle not known: pg1 nothing, pg2 prepared; "
                                "young not known: pg1 prepared, pg2 nothing");
}

static void a_store_adds_up_what_is_in_doubt_there(void **state)
{
    (void)state;
    prepared(0, "sb1:serve1:1:1:r1", 5, 1);
    prepared(0, "sb1:serve1:1:2:r2", 500, 2);
    by_hand(0, "sb1:serve1:1:3:r3", COMMITTED);
    nothing(1);
    (void)view();
    assert_int_equal(doubt.store[0].n_prepared, 2);
    assert_int_equal(doubt.store[0].oldest_us, 500);
    assert_int_equal(doubt.store[0].n_waiters, 3);
    assert_int_equal(doubt.store[0].horizon, 7);
    assert_int_equal(doubt.store[1].n_prepared, 0);
}

static void a_decision_that_a_store_away_may_wait_for_is_shown_until_it_has_ended(void **state)
{
    (void)state;
    nothing(0);
    doubt_cannot_reach(&doubt, 1, "down");
    epoch("serve1", 1);
    record(DECISION_COMMIT, "sb1:serve1:1:1:open");
    record(DECISION_COMMIT, "sb1:serve1:1:2:over");
    record(DECISION_END, "sb1:serve1:1:2:over");
    assert_string_equal(view(), "open commit: pg1 nothing, pg2 unreachable");
    assert_int_equal(doubt.txn[0]->age_us, -1);
}

static void a_decision_of_which_nothing_is_left_is_no_news(void **state)
{
    (void)state;
    nothing(0);
    nothing(1);
    epoch("serve1", 1);
    record(DECISION_COMMIT, "sb1:serve1:1:1:r1");
    assert_string_equal(view(), "");
}

static void a_hand_is_compared_with_the_decision(void **state)
{
    (void)state;
    by_hand(0, "sb1:serve1:1:1:r1", COMMITTED);
    by_hand(0, "sb1:serve1:1:2:r2", ROLLED_BACK);
    by_hand(0, "sb1:serve1:1:3:r3", COMMITTED);
    by_hand(0, "sb1:serve1:1:4:r4", ROLLED_BACK);
    by_hand(0, "sb1:other:1:5:r5", COMMITTED);
    nothing(1);
    epoch("serve1", 2);
    record(DECISION_COMMIT, "sb1:serve1:1:1:r1");
    record(DECISION_COMMIT, "sb1:serve1:1:2:r2");
    assert_string_equal(
        view(), "r5 not known: pg1 committed by hand, pg2 nothing, hand undecided; "
                "r1 commit: pg1 committed by hand, pg2 nothing, hand agrees; "
                "r2 commit: pg1 rolled back by hand, pg2 nothing, hand contradicts; "
                "r3 abort (presumed): pg1 committed by hand, pg2 nothing, hand contradicts; "
                "r4 abort (presumed): pg1 rolled back by hand, pg2 nothing, hand agrees");
}

static void what_is_not_prepared_any_more_is_told_where_it_can_be_proven(void **state)
{
    (void)state;
    prepared(0, "sb1:serve1:1:1:r1", 9, 0);
    prepared(0, "sb1:serve1:1:2:r2", 8, 0);
    prepared(0, "sb1:serve1:1:3:r3", 7, 0);
    prepared(0, "sb1:serve1:2:4:r4", 6, 0);
    nothing(1);
    epoch("serve1", 2);
    record(DECISION_COMMIT, "sb1:serve1:1:1:r1");
    record(DECISION_COMMIT, "sb1:serve1:1:2:r2");
    record(DECISION_COMMIT, "sb1:serve1:1:3:r3");
    doubt_conclude(&doubt);
    assert_true(doubt_needs_proof(&doubt, doubt.txn[0], 1));
    assert_false(doubt_needs_proof(&doubt, doubt.txn[0], 0)); /* it is prepared */
    assert_false(doubt_needs_proof(&doubt, doubt.txn[3], 1)); /* nobody knows that it took part */
    doubt_take_proof(&doubt, "sb1:serve1:1:1:r1", 1, STORE_OUTCOME_COMMITTED);
    doubt_take_proof(&doubt, "sb1:serve1:1:2:r2", 1, STORE_OUTCOME_ROLLED_BACK);
    doubt_take_proof(&doubt, "sb1:serve1:1:3:r3", 1, STORE_OUTCOME_UNKNOWN);
    assert_string_equal(
        view(), "r1 commit: pg1 prepared, pg2 committed; "
                "r2 commit: pg1 prepared, pg2 rolled back, hand contradicts; "
                "r3 commit: pg1 prepared, pg2 nothing; r4 none yet: pg1 prepared, pg2 nothing");
}

/* ROLLBACK PREPARED in psql: no store lists it, and without END it is there until forgotten. */
static void an_open_decision_that_went_otherwise_is_shown_though_no_store_lists_it(void **state)
{
    const char *why;

    (void)state;
    nothing(0);
    nothing(1);
    epoch("serve1", 2);
    for (int i = 0; i < 3; i++)
        record(DECISION_COMMIT, (const char *const[]){"sb1:serve1:1:1:r1", "sb1:serve1:1:2:r2",
                                                      "sb1:serve1:1:3:r3"}[i]);
    assert_string_equal(view(), "");
    for (struct doubt_txn *txn = doubt.by_gid; txn; txn = txn->hh.next) {
        assert_true(doubt_needs_proof(&doubt, txn, 0));
        doubt_take_proof(&doubt, txn->gid, 0, STORE_OUTCOME_COMMITTED);
    }
    doubt_take_proof(&doubt, "sb1:serve1:1:1:r1", 1, STORE_OUTCOME_ROLLED_BACK);
    doubt_take_proof(&doubt, "sb1:serve1:1:2:r2", 1, STORE_OUTCOME_LOST);
    doubt_take_proof(&doubt, "sb1:serve1:1:3:r3", 1, STORE_OUTCOME_COMMITTED);
    assert_string_equal(view(), "r1 commit: pg1 committed, pg2 rolled back, hand contradicts; "
                                "r2 commit: pg1 committed, pg2 lost, hand contradicts");
    assert_true(doubt_may_forget(&doubt, doubt.txn[0], &why));
    assert_true(doubt_may_forget(&doubt, doubt.txn[1], &why));
}

static bool is_that(void *arg, const char *gid)
{
    return strcmp(arg, gid) == 0;
}

/* Between the log and the proofs r1 has ended, and then a store has forgotten it. */
static void what_has_ended_meanwhile_is_forgotten_and_not_lost(void **state)
{
    char still_open[] = "sb1:serve1:1:2:r2";

    (void)state;
    by_hand(0, "sb1:serve1:1:3:r3", COMMITTED);
    nothing(1);
    epoch("serve1", 2);
    record(DECISION_COMMIT, "sb1:serve1:1:1:r1");
    record(DECISION_COMMIT, still_open);
    record(DECISION_COMMIT, "sb1:serve1:1:3:r3");
    doubt_conclude(&doubt);
    for (struct doubt_txn *txn = doubt.by_gid; txn; txn = txn->hh.next)
        doubt_take_proof(&doubt, txn->gid, 1, STORE_OUTCOME_LOST);
    doubt_take_ends(&doubt, 0, is_that, still_open);
    assert_string_equal(view(), "r3 commit: pg1 committed by hand, pg2 nothing, hand agrees; "
                                "r2 commit: pg1 nothing, pg2 lost, hand contradicts");
}

/* Its ENDs are written late: the coordinator says so ahead of any proof. */
static void what_its_coordinator_knows_to_have_ended_needs_no_proof(void **state)
{
    char still_open[] = "sb1:serve1:1:2:r2";

    (void)state;
    nothing(0);
    nothing(1);
    epoch("serve1", 2);
    record(DECISION_COMMIT, "sb1:serve1:1:1:r1");
    record(DECISION_COMMIT, still_open);
    doubt_take_ends(&doubt, 0, is_that, still_open);
    doubt_conclude(&doubt);
    assert_int_equal(HASH_COUNT(doubt.by_gid), 1);
    assert_string_equal(doubt.by_gid->gid, still_open);
}

static void one_way_here_and_the_other_there_is_against_any_decision(void **state)
{
    (void)state;
    by_hand(0, "sb1:serve1:1:1:r1", COMMITTED);
    by_hand(1, "sb1:serve1:1:1:r1", ROLLED_BACK);
    assert_string_equal(
        view(), "r1 not known: pg1 committed by hand, pg2 rolled back by hand, hand contradicts");
}

static void only_what_is_known_to_be_decided_may_be_settled_unasked(void **state)
{
    const char *why;
    bool several;

    (void)state;
    prepared(0, "sb1:serve1:1:1:decided", 5, 0);
    prepared(0, "sb1:serve1:1:2:presumed", 5, 0);
    prepared(0, "sb1:serve1:2:3:running", 5, 0);
    prepared(0, "sb1:other:1:1:foreign", 5, 0);
    epoch("serve1", 2);
    record(DECISION_COMMIT, "sb1:serve1:1:1:decided");
    doubt_conclude(&doubt);
    assert_true(doubt_may_settle(doubt_find(&doubt, "decided", &several), true, &why));
    assert_false(doubt_may_settle(doubt_find(&doubt, "decided", &several), false, &why));
    assert_string_equal(why, "its coordinator has decided to commit");
    assert_true(doubt_may_settle(doubt_find(&doubt, "presumed", &several), false, &why));
    assert_false(doubt_may_settle(doubt_find(&doubt, "presumed", &several), true, &why));
    assert_false(doubt_may_settle(doubt_find(&doubt, "running", &several), false, &why));
    assert_false(doubt_may_settle(doubt_find(&doubt, "running", &several), true, &why));
    assert_false(doubt_may_settle(doubt_find(&doubt, "foreign", &several), false, &why));
}

/* Forgotten, it would be rolled back where it is still prepared. */
static void an_open_decision_is_not_forgotten_while_a_store_does_not_tell(void **state)
{
    static const char *const gid = "sb1:serve1:1:1:r1";
    const char *why = "";

    (void)state;
    by_hand(0, gid, COMMITTED);
    doubt_cannot_reach(&doubt, 1, "down");
    epoch("serve1", 2);
    record(DECISION_COMMIT, gid);
    assert_string_equal(view(), "r1 commit: pg1 committed by hand, pg2 unreachable, hand agrees");
    assert_false(doubt_may_forget(&doubt, doubt.txn[0], &why));
    assert_non_null(strstr(why, "may still be prepared"));
    record(DECISION_END, gid);
    assert_true(doubt_may_forget(&doubt, doubt.txn[0], &why));
}

static void an_open_decision_is_forgotten_once_each_store_has_told(void **state)
{
    static const char *const gid = "sb1:serve1:1:1:r1";
    const char *why;

    (void)state;
    by_hand(0, gid, ROLLED_BACK);
    nothing(1);
    epoch("serve1", 2);
    record(DECISION_COMMIT, gid);
    doubt_conclude(&doubt);
    assert_false(doubt_may_forget(&doubt, doubt.txn[0], &why)); /* no proof of pg2 */
    doubt_take_proof(&doubt, gid, 1, STORE_OUTCOME_COMMITTED);
    doubt_conclude(&doubt);
    assert_true(doubt_may_forget(&doubt, doubt.txn[0], &why));
}

static void an_open_decision_is_not_forgotten_without_all_of_its_stores(void **state)
{
    struct decision commit = {.kind = DECISION_COMMIT,
                              .gid = "sb1:serve1:1:1:r1",
                              .n_participants = 2,
                              .participant = {"pg1", "pg9"}};
    const char *why = "";

    (void)state;
    by_hand(0, commit.gid, COMMITTED);
    nothing(1);
    epoch("serve1", 2);
    doubt_take_decision(&doubt, &commit);
    doubt_conclude(&doubt);
    assert_false(doubt_may_forget(&doubt, doubt.txn[0], &why));
    assert_non_null(strstr(why, "not at hand"));
}

static void what_was_never_decided_is_forgotten_unless_it_is_prepared(void **state)
{
    const char *why;

    (void)state;
    by_hand(0, "sb1:serve1:1:1:r1", ROLLED_BACK);
    prepared(1, "sb1:serve1:1:2:r2", 9, 0);
    epoch("serve1", 2);
    doubt_conclude(&doubt);
    assert_true(doubt_may_forget(&doubt, doubt.txn[1], &why));
    assert_false(doubt_may_forget(&doubt, doubt.txn[0], &why));
}

static void is_found_by_gid_or_by_a_request_that_is_there_once(void **state)
{
    bool several;

    (void)state;
    prepared(0, "sb1:serve1:1:1:r1", 5, 0);
    prepared(0, "sb1:serve1:1:2:r2", 5, 0);
    prepared(1, "sb1:serve2:1:1:r2", 5, 0);
    doubt_conclude(&doubt);
    assert_string_equal(doubt_find(&doubt, "r1", &several)->gid, "sb1:serve1:1:1:r1");
    assert_false(several);
    (void)doubt_find(&doubt, "r2", &several);
    assert_true(several);
    assert_string_equal(doubt_find(&doubt, "sb1:serve2:1:1:r2", &several)->gid,
                        "sb1:serve2:1:1:r2");
    assert_false(several);
    assert_null(doubt_find(&doubt, "r3", &several));
}

static void json_has_null_for_what_nobody_tells(void **state)
{
    char *json;
    json_t *all;

    (void)state;
    prepared(0, "sb1:serve1:1:7:r1", 5, 0);
    doubt_cannot_reach(&doubt, 1, "down");
    epoch("serve1", 1);
    record(DECISION_COMMIT, "sb1:serve1:1:8:r2");
    doubt_conclude(&doubt);
    all = doubt_to_json(&doubt);
    json = json_dumps(all, JSON_COMPACT);
    assert_string_equal(
        json,
        "{\"stores\":[{\"store\":\"pg1\",\"reachable\":true,\"prepared\":1,\"oldest_us\":5,"
        "\"horizon\":7,\"waiters\":0},{\"store\":\"pg2\",\"reachable\":false,\"why\":\"down\"}],"
        "\"transactions\":[{\"gid\":\"sb1:serve1:1:7:r1\",\"request\":\"r1\","
        "\"coordinator\":\"serve1\",\"epoch\":1,\"age_us\":5,\"decision\":\"none yet\","
        "\"heuristic\":\"none\",\"branches\":[{\"store\":\"pg1\",\"state\":\"prepared\","
        "\"age_us\":5,\"keys\":[],\"horizon\":7,\"n_waiters\":0,\"waiters\":[]},"
        "{\"store\":\"pg2\",\"state\":\"unreachable\"}]},"
        "{\"gid\":\"sb1:serve1:1:8:r2\",\"request\":\"r2\",\"coordinator\":\"serve1\","
        "\"epoch\":1,\"age_us\":null,\"decision\":\"commit\",\"heuristic\":\"none\","
        "\"branches\":[{\"store\":\"pg1\",\"state\":\"nothing\"},"
        "{\"store\":\"pg2\",\"state\":\"unreachable\"}]}]}");
    free(json);
    json_decref(all);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(joins_the_branches_of_a_transaction_and_its_decision),
        CASE(a_store_that_cannot_be_asked_is_not_one_with_nothing),
        CASE(without_its_log_nothing_is_presumed),
        CASE(abort_is_presumed_by_the_log_of_a_later_incarnation_only),
        CASE(a_log_older_than_the_branch_presumes_nothing),
        CASE(a_lost_log_presumes_nothing_however_often_it_was_refused),
        CASE(an_old_copy_presumes_nothing_however_often_it_was_refused),
        CASE(the_oldest_comes_first),
        CASE(a_store_adds_up_what_is_in_doubt_there),
        CASE(a_decision_that_a_store_away_may_wait_for_is_shown_until_it_has_ended),
        CASE(a_decision_of_which_nothing_is_left_is_no_news),
        CASE(a_hand_is_compared_with_the_decision),
        CASE(what_is_not_prepared_any_more_is_told_where_it_can_be_proven),
        CASE(an_open_decision_that_went_otherwise_is_shown_though_no_store_lists_it),
        CASE(what_has_ended_meanwhile_is_forgotten_and_not_lost),
        CASE(what_its_coordinator_knows_to_have_ended_needs_no_proof),
        CASE(one_way_here_and_the_other_there_is_against_any_decision),
        CASE(only_what_is_known_to_be_decided_may_be_settled_unasked),
        CASE(an_open_decision_is_not_forgotten_while_a_store_does_not_tell),
        CASE(an_open_decision_is_forgotten_once_each_store_has_told),
        CASE(an_open_decision_is_not_forgotten_without_all_of_its_stores),
        CASE(what_was_never_decided_is_forgotten_unless_it_is_prepared),
        CASE(is_found_by_gid_or_by_a_request_that_is_there_once),
        CASE(json_has_null_for_what_nobody_tells),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
