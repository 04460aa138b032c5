/*
 * Folder: stores
 * What a read keeps others from, against every kind of store that can take part in two-phase
 * commit: until its transaction is over nobody changes what it found, or makes what it did not.
 */
#include "live_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct store_branch *begin(const struct txn *txn, const char *gid,
                                  enum store_branch_until until)
{
    struct answer answer;
    struct store_branch *branch = live_begin(live.store, txn, gid, until, &answer);

    assert_int_equal(answer.reply.status, STORE_OK);
    return branch;
}

static void nobody_makes_what_a_branch_did_not_find(void **state)
{
    struct txn read = live_txn("r1", "r a", NULL);
    struct txn write = live_txn("r2", "w a v", NULL);
    struct store_branch *branch = begin(&read, "sb1:t:1:1:r1", STORE_UNTIL_EXECUTED);

    (void)state;
    assert_int_equal(live_execute(live.store, &write), STORE_CONFLICT);
    assert_int_equal(live_branch(branch, store_branch_release), STORE_OK);
    assert_int_equal(live_execute(live.store, &write), STORE_OK);
    assert_string_equal(live_peek("a"), "v n=1: 1 r2 0 w v");
    store_branch_free(branch);
}

/* Nor while it is prepared; and afterwards nothing is there that nobody wrote. */
static void what_was_not_found_is_locked_until_the_commit(void **state)
{
    struct txn mixed = live_txn("r1", "r a", "r a", "w b v", NULL);
    struct txn write = live_txn("r2", "insert a v", NULL);
    struct answer answer;
    struct store_branch *branch =
        live_begin(live.store, &mixed, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &answer);

    (void)state;
    assert_int_equal(answer.reply.status, STORE_OK);
    assert_false(answer.reply.read[0].found);
    assert_false(answer.reply.read[1].found);
    assert_int_equal(live_execute(live.store, &write), STORE_CONFLICT);
    assert_int_equal(live_branch(branch, store_branch_commit), STORE_OK);
    store_branch_free(branch);
    assert_string_equal(live_peek("a"), "none");
    assert_int_equal(live_execute(live.store, &write), STORE_OK);
    live_check_folds();
}

static void reads_before_each_kind_of_change_find_nothing(void **state)
{
    struct txn txn = live_txn("r1", "r a", "w a v", "r b", "append b x", "r c", "incr c -2", "r d",
                              "insert d y", "r e", "w@3 e z", NULL);
    struct answer answer = {0};

    (void)state;
    store_execute(live.store, &txn, live_deadline(), answer_done, &answer);
    assert_int_equal(live_await(&answer), STORE_OK);
    for (unsigned i = 0; i < txn.n_ops; i += 2)
        assert_false(answer.reply.read[i].found);
    assert_string_equal(live_peek("a"), "v n=1: 1 r1 1 w v");
    assert_string_equal(live_peek("b"), "x n=1: 1 r1 3 append x");
    assert_string_equal(live_peek("c"), "-2 n=1: 1 r1 5 incr -2");
    assert_string_equal(live_peek("d"), "y n=1: 1 r1 7 insert y");
    assert_string_equal(live_peek("e"), "z n=1: 1 r1 9 w@3 z");
}

static void reads_of_a_local_transaction_leave_nothing(void **state)
{
    struct txn read = live_txn("r1", "r a", "r b", NULL);
    struct txn mixed = live_txn("r2", "r a", "w b v", NULL);

    (void)state;
    assert_int_equal(live_execute(live.store, &read), STORE_OK);
    assert_int_equal(live_execute(live.store, &mixed), STORE_OK);
    assert_string_equal(live_peek("a"), "none");
    assert_string_equal(live_peek("b"), "v n=1: 1 r2 1 w v");
}

/* Alone it takes what is committed; among several it must not stand before and behind a branch. */
static void only_a_read_alone_passes_a_prepared_write(void **state)
{
    struct txn write = live_txn("r1", "w a v", NULL);
    struct txn alone = live_txn("r2", "r a", NULL);
    struct txn several = live_txn("r3", "r a", "r b", NULL);
    struct store_branch *branch = begin(&write, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED);

    (void)state;
    assert_int_equal(live_execute(live.store, &alone), STORE_OK);
    assert_int_equal(live_execute(live.store, &several), STORE_CONFLICT);
    assert_int_equal(live_branch(branch, store_branch_commit), STORE_OK);
    assert_int_equal(live_execute(live.store, &several), STORE_OK);
    store_branch_free(branch);
}

/* PostgreSQL's readers share; an intent's do not. */
static void readers_share_what_they_find_where_the_store_can(void **state)
{
    struct txn write = live_txn("r1", "w a v", NULL);
    struct txn one = live_txn("r2", "r a", NULL);
    struct txn two = live_txn("r3", "r a", NULL);
    struct store_branch *first;
    struct store_branch *second;
    struct answer answer;

    (void)state;
    assert_int_equal(live_execute(live.store, &write), STORE_OK);
    first = begin(&one, "sb1:t:1:1:r2", STORE_UNTIL_EXECUTED);
    second = live_begin(live.store, &two, "sb1:t:1:2:r3", STORE_UNTIL_EXECUTED, &answer);
    assert_int_equal(answer.reply.status, live_is_redis() ? STORE_CONFLICT : STORE_OK);
    assert_int_equal(live_branch(first, store_branch_release), STORE_OK);
    store_branch_free(first);
    store_branch_free(second);
}

#define CASE(f) cmocka_unit_test_setup(f, live_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nobody_makes_what_a_branch_did_not_find),
        CASE(what_was_not_found_is_locked_until_the_commit),
        CASE(reads_before_each_kind_of_change_find_nothing),
        CASE(reads_of_a_local_transaction_leave_nothing),
        CASE(only_a_read_alone_passes_a_prepared_write),
        CASE(readers_share_what_they_find_where_the_store_can),
    };

    return live_run_tests(tests, sizeof tests / sizeof tests[0]);
}
