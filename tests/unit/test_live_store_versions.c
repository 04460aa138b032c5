/*
 * Folder: stores
 * Versioned writes against every kind of store that can take part in two-phase commit: whatever
 * the order in which they come, the highest version is what the key holds, and all are journalled.
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

#define CASE(f) cmocka_unit_test_setup(f, live_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_lower_version_is_journalled_and_changes_nothing),
        CASE(large_versions_are_told_apart),
        CASE(what_has_no_version_takes_effect_and_leaves_it),
        CASE(a_prepared_write_keeps_its_version),
    };

    return live_run_tests(tests, sizeof tests / sizeof tests[0]);
}
