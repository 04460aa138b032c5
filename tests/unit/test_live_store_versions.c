/*
 * Folder: stores
 * What lets a write be sent again, against every kind of store that can take part in two-phase
 * commit. Versioned writes: whatever the order in which they come, the highest version is what the
 * key holds, and all are journalled. Requests executed once: whoever sends them how often.
 */
#include "live_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void a_lower_version_is_journalled_and_changes_nothing(void **state)
{
    struct txn high = live_txn("r1", "w@7 a high", NULL);
    struct txn low = live_txn("r2", "w@6 a low", NULL);
    struct txn again = live_txn("r3", "w@7 a again", NULL);
    struct txn higher = live_txn("r4", "w@10 a higher", NULL);

    (void)state;
    assert_int_equal(live_execute(live.store, &high), STORE_OK);
    assert_int_equal(live_execute(live.store, &low), STORE_OK);
    assert_int_equal(live_execute(live.store, &again), STORE_OK);
    assert_string_equal(live_peek("a"),
                        "high n=3: 1 r1 0 w@7 high; 2 r2 0 w@6 low; 3 r3 0 w@7 again");
    assert_int_equal(live_execute(live.store, &higher), STORE_OK);
    assert_string_equal(live_peek("a"), "higher n=4: 1 r1 0 w@7 high; 2 r2 0 w@6 low; "
                                        "3 r3 0 w@7 again; 4 r4 0 w@10 higher");
    live_check_folds();
}

/* Versions are whole 64-bit numbers everywhere: these two are one number to a double. */
static void large_versions_are_told_apart(void **state)
{
    struct txn high = live_txn("r1", "w@9223372036854775807 a high", NULL);
    struct txn low = live_txn("r2", "w@9223372036854775806 a low", NULL);

    (void)state;
    assert_int_equal(live_execute(live.store, &low), STORE_OK);
    assert_int_equal(live_execute(live.store, &high), STORE_OK);
    assert_int_equal(live_execute(live.store, &low), STORE_OK);
    assert_memory_equal(live_peek("a"), "high n=3:", 9);
    live_check_folds();
}

static void what_has_no_version_takes_effect_and_leaves_it(void **state)
{
    struct txn versioned = live_txn("r1", "w@7 a versioned", NULL);
    struct txn plain = live_txn("r2", "w a plain", "incr b 5", "w@3 b text", "incr b 1", NULL);
    struct txn low = live_txn("r3", "w@7 a low", NULL);

    (void)state;
    assert_int_equal(live_execute(live.store, &versioned), STORE_OK);
    assert_int_equal(live_execute(live.store, &plain), STORE_OK);
    assert_int_equal(live_execute(live.store, &low), STORE_OK);
    assert_memory_equal(live_peek("a"), "plain n=3:", 10);
    assert_memory_equal(live_peek("b"), "6 n=3:", 6);
    live_check_folds();
}

static void a_prepared_write_keeps_its_version(void **state)
{
    struct txn high = live_txn("r1", "w@7 a high", NULL);
    struct txn low = live_txn("r2", "w@6 a low", NULL);
    struct answer answer;
    struct store_branch *branch;

    (void)state;
    assert_int_equal(live_execute(live.store, &high), STORE_OK);
    branch = live_begin(live.store, &low, "sb1:t:1:1:r2", STORE_UNTIL_PREPARED, &answer);
    assert_int_equal(answer.reply.status, STORE_OK);
    assert_int_equal(live_branch(branch, store_branch_commit), STORE_OK);
    store_branch_free(branch);
    assert_string_equal(live_peek("a"), "high n=2: 1 r1 0 w@7 high; 2 r2 0 w@6 low");
}

static enum store_status execute_again(struct store *store, const struct txn *txn, bool *ret_again)
{
    struct answer answer = {0};

    store_execute(store, txn, live_deadline(), answer_done, &answer);
    (void)live_await(&answer);
    *ret_again = answer.reply.again;
    return answer.reply.status;
}

static void a_request_is_executed_once_by_whoever_sends_it(void **state)
{
    struct store *one = live_open_once("one:1");
    struct store *two = live_open_once("two:1");
    struct txn txn = live_txn("r1", "incr a 5", NULL);
    struct txn other = live_txn("r2", "incr a 5", "r a", NULL);
    bool again;

    (void)state;
    assert_int_equal(execute_again(one, &txn, &again), STORE_OK);
    assert_false(again);
    assert_int_equal(execute_again(two, &txn, &again), STORE_OK);
    assert_true(again);
    assert_int_equal(execute_again(two, &other, &again), STORE_OK);
    assert_false(again);
    assert_int_equal(execute_again(one, &other, &again), STORE_OK);
    assert_true(again);
    assert_string_equal(live_peek("a"), "10 n=2: 1 r1 0 incr 5; 2 r2 0 incr 5");
    store_free(one);
    store_free(two);
}

static void what_was_refused_may_be_sent_again(void **state)
{
    struct store *store = live_open_once("one:1");
    struct txn bounded = live_txn("r1", "incr a -5 0", NULL);
    struct txn fill = live_txn("r2", "incr a 7", NULL);
    bool again;

    (void)state;
    assert_int_equal(execute_again(store, &bounded, &again), STORE_CONSTRAINT);
    assert_int_equal(execute_again(store, &fill, &again), STORE_OK);
    assert_int_equal(execute_again(store, &bounded, &again), STORE_OK);
    assert_false(again);
    assert_string_equal(live_peek("a"), "2 n=2: 1 r2 0 incr 7; 2 r1 0 incr -5");
    store_free(store);
}

/* Reads change nothing, so they are done as often as they are asked for. */
static void reads_are_not_remembered(void **state)
{
    struct store *store = live_open_once("one:1");
    struct txn read = live_txn("r1", "r a", "r b", NULL);
    bool again;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(execute_again(store, &read, &again), STORE_OK);
        assert_false(again);
    }
    store_free(store);
}

/* Sent many times at once, as after a lost answer: the first may still be under way. */
static void a_request_under_way_is_not_executed_beside_itself(void **state)
{
    struct store *store = live_open_once("one:1");
    struct txn txn = live_txn("r1", "append a x", "incr b 1", NULL);
    struct answer answer[4] = {{0}};
    unsigned n_first = 0;

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        store_execute(store, &txn, live_deadline(), answer_done, &answer[i]);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(live_await(&answer[i]), STORE_OK);
        n_first += !answer[i].reply.again;
    }
    assert_int_equal(n_first, 1);
    assert_string_equal(live_peek("b"), "1 n=1: 1 r1 1 incr 1");
    store_free(store);
}

#define CASE(f) cmocka_unit_test_setup(f, live_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_lower_version_is_journalled_and_changes_nothing),
        CASE(large_versions_are_told_apart),
        CASE(what_has_no_version_takes_effect_and_leaves_it),
        CASE(a_prepared_write_keeps_its_version),
        CASE(a_request_is_executed_once_by_whoever_sends_it),
        CASE(what_was_refused_may_be_sent_again),
        CASE(reads_are_not_remembered),
        CASE(a_request_under_way_is_not_executed_beside_itself),
    };

    return live_run_tests(tests, sizeof tests / sizeof tests[0]);
}
