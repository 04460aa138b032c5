/*
 * Unit tests of what a log can carry (Folder: approaches). The rest of the approach is glue between
 * the door and the log client, and is tested live (test_live_logsync.c).
 */
#include "approaches/log.h"
#include "model/envelope.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h> /* own block: must follow the three above, and clang-format sorts in blocks */

#define PARTITIONS 4

static struct op *add(struct txn *txn, enum op_kind kind, const char *key)
{
    struct op *op = &txn->op[txn->n_ops++];

    op->kind = kind;
    (void)snprintf(op->store, sizeof op->store, "pg1");
    (void)snprintf(op->key, sizeof op->key, "%s", key);
    return op;
}

/* A key that is not in the partition of `other`. */
static void elsewhere(const char *other, char ret_key[KEY_SIZE])
{
    unsigned i = 0;

    do
        (void)snprintf(ret_key, KEY_SIZE, "k%u", i++);
    while (envelope_partition(ret_key, PARTITIONS) == envelope_partition(other, PARTITIONS));
}

static void expect_unsupported(const struct txn *txn)
{
    const char *why = NULL;

    assert_int_equal(log_partition(txn, PARTITIONS, &why), -ENOTSUP);
    assert_non_null(why);
}

static void goes_to_the_partition_of_its_first_key(void **state)
{
    struct txn txn = {0};
    const char *why;

    (void)state;
    add(&txn, OP_WRITE, "user:42");
    add(&txn, OP_APPEND, "user:42");
    assert_int_equal(log_partition(&txn, PARTITIONS, &why),
                     envelope_partition("user:42", PARTITIONS));
}

static void refuses_what_a_store_might_refuse(void **state)
{
    struct txn read = {0}, insert = {0}, bounded = {0};

    (void)state;
    add(&read, OP_READ, "a");
    expect_unsupported(&read);
    add(&insert, OP_INSERT, "a");
    expect_unsupported(&insert);
    add(&bounded, OP_INCR, "a")->has_min = true;
    expect_unsupported(&bounded);
}

static void crosses_partitions_only_with_what_commutes(void **state)
{
    struct txn writes = {0}, increments = {0}, mixed = {0};
    char other[KEY_SIZE];
    const char *why;

    (void)state;
    elsewhere("a", other);
    add(&writes, OP_WRITE, "a");
    add(&writes, OP_WRITE, other);
    expect_unsupported(&writes);
    add(&increments, OP_INCR, "a");
    add(&increments, OP_INCR, other);
    assert_int_equal(log_partition(&increments, PARTITIONS, &why),
                     envelope_partition("a", PARTITIONS));
    add(&mixed, OP_INCR, "a");
    add(&mixed, OP_INCR, other);
    add(&mixed, OP_WRITE, "a");
    expect_unsupported(&mixed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_to_the_partition_of_its_first_key),
        cmocka_unit_test(refuses_what_a_store_might_refuse),
        cmocka_unit_test(crosses_partitions_only_with_what_commutes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
