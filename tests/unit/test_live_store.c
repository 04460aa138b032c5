/*
 * Folder: stores
 * The same cases against every kind of store that can take part in two-phase commit, on real
 * servers that this program starts on directories of its own.
 */
#include "live_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct live live;

static void executes_and_journals(void **state)
{
    struct txn one = live_txn("r1", "w a v1", NULL);
    struct txn two = live_txn("r2", "w a v2", "incr b -3", "append c x", "insert d y", NULL);

    (void)state;
    assert_int_equal(live_execute(&live, live.store, &one), STORE_OK);
    assert_string_equal(live_peek(&live, "a"), "v1 n=1: 1 r1 0 w v1");
    assert_int_equal(live_execute(&live, live.store, &two), STORE_OK);
    assert_string_equal(live_peek(&live, "a"), "v2 n=2: 1 r1 0 w v1; 2 r2 0 w v2");
    assert_string_equal(live_peek(&live, "b"), "-3 n=1: 1 r2 1 incr -3");
    assert_string_equal(live_peek(&live, "c"), "x n=1: 1 r2 2 append x");
    assert_string_equal(live_peek(&live, "d"), "y n=1: 1 r2 3 insert y");
}

static void commits_a_prepared_branch(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", "r b", NULL);
    struct answer answer;
    struct store_branch *branch =
        live_begin(&live, live.store, &txn, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &answer);

    (void)state;
    assert_string_equal(answer.reply.detail, "");
    assert_int_equal(answer.reply.status, STORE_OK);
    assert_false(answer.reply.read[1].found);
    assert_string_equal(live_peek(&live, "a"), "none");
    assert_string_equal(live_in_doubt(&live, "sb1:t:", NULL), "sb1:t:1:1:r1");
    assert_int_equal(live_branch(&live, branch, store_branch_commit), STORE_OK);
    assert_string_equal(live_peek(&live, "a"), "v1 n=1: 1 r1 0 w v1");
    store_branch_free(branch);
}

static int empty(void **state)
{
    (void)state;
    live_reset(&live);
    return 0;
}

#define CASE(f) cmocka_unit_test_setup(f, empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(executes_and_journals),
        CASE(commits_a_prepared_branch),
    };
    int failed;

    live_new(&live, STORE_POSTGRES);
    failed = cmocka_run_group_tests_name("postgres", tests, NULL, NULL);
    live_free(&live);
    live_new(&live, STORE_REDIS);
    failed += cmocka_run_group_tests_name("redis", tests, NULL, NULL);
    live_free(&live);
    return failed;
}
