/*
 * Folder: stores
 * A participant that dies at each step of a branch (rows P1 to P5 of docs/two-phase-commit.md), or
 * whose branch somebody else ends (P14), on every kind: what it answered stays so, what it did not
 * answer is there or not, and can be ended and proven either way. Several moments of a kill each,
 * since nobody knows which one falls into the flush.
 */
#include "live_store.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MOMENTS 4
#define STEP_US 400

static void kill_and_restart(void)
{
    live_server_kill(&live.server);
    live_await_alive(live.store, false);
    live_server_start(&live.server);
    live_await_alive(live.store, true);
}

static void assert_free(const char *key)
{
    char words[64];
    struct txn txn;

    (void)snprintf(words, sizeof words, "append %s x", key);
    txn = live_txn("free", words, NULL);
    assert_int_equal(live_execute(live.store, &txn), STORE_OK);
}

/* P1: what was executed and not prepared is no vote, and gone with the server or rolled back. */
static void dies_before_prepare(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct answer answer;
    struct store_branch *branch =
        live_begin(live.store, &txn, "sb1:t:1:1:r1", STORE_UNTIL_EXECUTED, &answer);
    enum store_status status;

    (void)state;
    assert_int_equal(answer.reply.status, STORE_OK);
    kill_and_restart();
    status = live_branch(branch, store_branch_prepare);
    assert_true(status == STORE_UNKNOWN || status == STORE_UNAVAILABLE);
    assert_true(live_nothing_left(live_insist(branch, store_branch_rollback)));
    store_branch_free(branch);
    assert_string_equal(live_in_doubt("", NULL), "");
    assert_string_equal(live_peek("a"), "none");
    assert_free("a");
    assert_int_equal(store_restored(live.store), 0); /* it is no older copy of itself */
}

/* P2, P3: killed while PREPARE is under way. A yes is there again; no answer may be, too. */
static void dies_in_prepare(void **state)
{
    unsigned n_yes = 0, n_there = 0;

    for (unsigned moment = 0; moment < MOMENTS; moment++) {
        struct txn txn = live_txn("r1", "w a v1", "append b x", NULL);
        struct answer answer = {0};
        struct store_branch *branch =
            store_branch_begin(live.store, &txn, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED,
                               live_deadline(), answer_done, &answer);
        bool yes, there;

        live_turn((int64_t)moment * STEP_US);
        kill_and_restart();
        yes = live_await(&answer) == STORE_OK;
        there = strcmp(live_in_doubt("", NULL), "sb1:t:1:1:r1") == 0;
        assert_true(yes || answer.reply.status == STORE_UNKNOWN);
        assert_true(there || !yes);
        assert_true(live_nothing_left(live_insist(branch, store_branch_rollback)));
        store_branch_free(branch);
        assert_string_equal(live_in_doubt("", NULL), "");
        assert_string_equal(live_peek("a"), "none");
        assert_free("a");
        n_yes += yes;
        n_there += there;
        assert_int_equal(live_empty(state), 0);
    }
    print_message("%u of %u prepared, %u of them had said so\n", n_there, MOMENTS, n_yes);
}

/* P4, and with its reads: nobody changes what it has read before it is over. */
static void dies_while_prepared_and_keeps_its_locks(void **state)
{
    struct txn base = live_txn("r0", "w read v0", NULL);
    struct txn txn = live_txn("r1", "w a v1", "r read", "r absent", NULL);
    struct txn change = live_txn("r2", "w read v2", NULL);
    struct txn make = live_txn("r3", "insert absent v3", NULL);
    struct txn overwrite = live_txn("r4", "w a v4", NULL);
    struct answer answer;
    struct store_branch *branch;

    (void)state;
    assert_int_equal(live_execute(live.store, &base), STORE_OK);
    branch = live_begin(live.store, &txn, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &answer);
    assert_int_equal(answer.reply.status, STORE_OK);
    for (unsigned killed = 0; killed < 2; killed++) {
        assert_int_equal(live_execute(live.store, &change), STORE_CONFLICT);
        assert_int_equal(live_execute(live.store, &make), STORE_CONFLICT);
        assert_int_equal(live_execute(live.store, &overwrite), STORE_CONFLICT);
        if (!killed)
            kill_and_restart();
    }
    assert_int_equal(live_prove("sb1:t:1:1:r1", answer.reply.memo), STORE_OUTCOME_PREPARED);
    assert_int_equal(live_insist(branch, store_branch_commit), STORE_OK);
    store_branch_free(branch);
    assert_string_equal(live_peek("a"), "v1 n=1: 1 r1 0 w v1");
    assert_string_equal(live_peek("absent"), "none");
    assert_int_equal(live_execute(live.store, &change), STORE_OK);
    assert_int_equal(live_execute(live.store, &make), STORE_OK);
    live_check_folds();
}

/* P5: killed while an end is under way. Asked again it is done, and stays so over another kill. */
static void dies_in_the_end_of_a_branch(bool commit)
{
    branch_verb end = commit ? store_branch_commit : store_branch_rollback;

    for (unsigned moment = 0; moment < MOMENTS; moment++) {
        struct txn txn = live_txn("r1", "w a v1", NULL);
        struct answer answer, ended = {0};
        struct store_branch *branch =
            live_begin(live.store, &txn, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &answer);
        enum store_status status;

        assert_int_equal(answer.reply.status, STORE_OK);
        end(branch, answer_done, &ended);
        live_turn((int64_t)moment * STEP_US);
        kill_and_restart();
        status = live_await(&ended);
        assert_true(status == STORE_OK || status == STORE_UNKNOWN || status == STORE_UNAVAILABLE);
        if (status == STORE_OK) /* said, so it is so */
            assert_string_equal(live_in_doubt("", NULL), "");
        status = live_insist(branch, end);
        assert_true(status == STORE_OK || status == STORE_NOTA);
        assert_int_equal(live_prove("sb1:t:1:1:r1", answer.reply.memo),
                         commit ? STORE_OUTCOME_COMMITTED : STORE_OUTCOME_ROLLED_BACK);
        if (moment + 1 == MOMENTS)
            kill_and_restart();
        assert_string_equal(live_in_doubt("", NULL), "");
        assert_string_equal(live_peek("a"), commit ? "v1 n=1: 1 r1 0 w v1" : "none");
        store_branch_free(branch);
        assert_int_equal(live_empty(NULL), 0);
    }
}

static void dies_in_commit(void **state)
{
    (void)state;
    dies_in_the_end_of_a_branch(true);
}

static void dies_in_rollback(void **state)
{
    (void)state;
    dies_in_the_end_of_a_branch(false);
}

/* P14: by another hand while its own session is there still. What comes later is told, or proven.
 */
static void somebody_else_ends_it(void **state)
{
    (void)state;
    for (unsigned by_hand = 0; by_hand < 2; by_hand++) {
        struct txn txn = live_txn("r1", "w a v1", NULL);
        struct answer answer;
        struct store_branch *branch =
            live_begin(live.store, &txn, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &answer);
        enum store_status status;

        assert_int_equal(live_resolve("sb1:t:1:1:r1", by_hand), STORE_OK);
        status = live_insist(branch, by_hand ? store_branch_rollback : store_branch_commit);
        assert_true(status == STORE_HEURISTIC || status == STORE_NOTA);
        assert_int_equal(live_prove("sb1:t:1:1:r1", answer.reply.memo),
                         by_hand ? STORE_OUTCOME_COMMITTED : STORE_OUTCOME_ROLLED_BACK);
        assert_string_equal(live_peek("a"), by_hand ? "v1 n=1: 1 r1 0 w v1" : "none");
        store_branch_free(branch);
        assert_int_equal(live_empty(state), 0);
    }
}

#define CASE(f) cmocka_unit_test_setup(f, live_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(dies_before_prepare),
        CASE(dies_in_prepare),
        CASE(dies_while_prepared_and_keeps_its_locks),
        CASE(dies_in_commit),
        CASE(dies_in_rollback),
        CASE(somebody_else_ends_it),
    };

    return live_run_tests(tests, sizeof tests / sizeof tests[0]);
}
