/*
 * Unit tests of envelope.h: the documented record to the byte, every refusal, partitions, and
 * random mutations.
 * Folder: model
 */
#include "base/buf.h"
#include "base/random.h"
#include "model/envelope.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MUTATIONS 50000

static const char *const records[] = {
    "{\"v\":1,\"id\":\"serve1-1:17\",\"request\":\"c3-17\",\"source\":\"serve1\",\"position\":0,"
    "\"lamport\":42,\"ops\":[{\"store\":\"pg1\",\"key\":\"user:42\",\"op\":\"w\",\"value\":"
    "\"c3-17\",\"old\":null}]}",
    "{\"v\":1,\"id\":\"a\",\"request\":\"b\",\"source\":\"c\",\"position\":9,\"lamport\":0,\"ops\":"
    "[{\"store\":\"pg1\",\"key\":\"k\\\\\",\"op\":\"incr\",\"value\":-30,\"min\":0,\"old\":null},"
    "{\"store\":\"pg2\",\"key\":\"k\",\"op\":\"r\",\"value\":null,\"old\":null},"
    "{\"store\":\"pg2\",\"key\":\"k\",\"op\":\"append\",\"value\":\"\xc3\xbc \\\"\",\"old\":null},"
    "{\"store\":\"pg2\",\"key\":\"k\",\"op\":\"insert\",\"value\":\"\",\"old\":null}]}",
    "{\"v\":1,\"id\":\"a\",\"request\":\"b\",\"source\":\"c\",\"position\":0,\"lamport\":0,\"ops\":"
    "[{\"store\":\"pg1\",\"key\":\"k\",\"op\":\"w\",\"value\":\"v\",\"version\":7,\"old\":null}]}",
    "{\"v\":1,\"marker\":\"settle-7\"}",
};

#define N_RECORDS (sizeof records / sizeof *records)

static struct envelope envelope, again; /* large */

static int decode(const char *text, size_t size, struct envelope *ret_envelope)
{
    struct errctx err = {0};
    int r = envelope_decode(text, size, ret_envelope, &err);

    if (r < 0) {
        assert_int_equal(r, -EBADMSG);
        assert_true(err.message[0]);
    }
    return r;
}

static void records_stand_as_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_RECORDS; i++) {
        struct buf out = {0};

        assert_int_equal(decode(records[i], strlen(records[i]), &envelope), 0);
        envelope_encode(&out, &envelope);
        assert_string_equal(buf_str(&out), records[i]);
        buf_done(&out);
    }
    assert_int_equal(envelope.kind, ENVELOPE_MARKER);
    assert_string_equal(envelope.id, "settle-7");
    assert_int_equal(envelope.txn.n_ops, 0);
}

static void a_record_is_taken_apart(void **state)
{
    (void)state;
    assert_int_equal(decode(records[1], strlen(records[1]), &envelope), 0);
    assert_int_equal(envelope.kind, ENVELOPE_TXN);
    assert_string_equal(envelope.txn.request, "b");
    assert_string_equal(envelope.source, "c");
    assert_int_equal(envelope.source_position, 9);
    assert_int_equal(envelope.txn.n_ops, 4);
    assert_true(envelope.txn.op[0].delta == -30);
    assert_true(envelope.txn.op[0].has_min);
    assert_int_equal(envelope.txn.op[2].kind, OP_APPEND);
    assert_string_equal(envelope.txn.op[2].value, "\xc3\xbc \"");
}

static void unknown_fields_are_ignored_and_later_versions_refused(void **state)
{
    static const char later[] = "{\"v\":2,\"marker\":\"m\"}";
    static const char more[] = "{\"v\":1,\"marker\":\"m\",\"why\":[\"x\"]}";
    struct errctx err;

    (void)state;
    assert_int_equal(decode(more, sizeof more - 1, &envelope), 0);
    assert_int_equal(envelope_decode(later, sizeof later - 1, &envelope, &err), -EBADMSG);
    assert_string_equal(err.message, "version 2 is above ours, 1");
}

static void each_malformed_record_is_refused(void **state)
{
    static const char head[] = "{\"v\":1,\"id\":\"a\",\"request\":\"b\",\"source\":\"c\","
                               "\"position\":0,\"lamport\":0,\"ops\":";
    static const char *const ops[] = {
        "{}",
        "[]",
        "[1]",
        "[{}]",
        "[{\"store\":\"pg1\",\"key\":\"k\",\"op\":\"x\",\"value\":\"v\"}]",
        "[{\"store\":\"PG\",\"key\":\"k\",\"op\":\"w\",\"value\":\"v\"}]",
        "[{\"store\":\"pg1\",\"key\":\"\",\"op\":\"w\",\"value\":\"v\"}]",
        "[{\"store\":\"pg1\",\"key\":\"k\",\"op\":\"w\",\"value\":7}]",
        "[{\"store\":\"pg1\",\"key\":\"k\",\"op\":\"w\"}]",
        "[{\"store\":\"pg1\",\"key\":\"k\",\"op\":\"w\",\"value\":\"v\",\"version\":0}]",
        "[{\"store\":\"pg1\",\"key\":\"k\",\"op\":\"r\",\"value\":\"v\"}]",
        "[{\"store\":\"pg1\",\"key\":\"k\",\"op\":\"incr\",\"value\":\"1\"}]",
        "[{\"store\":\"pg1\",\"key\":\"k\",\"op\":\"incr\",\"value\":1,\"min\":\"0\"}]",
    };
    static const char *const others[] = {
        "",
        "[]",
        "{}",
        "{\"v\":0,\"marker\":\"m\"}",
        "{\"v\":1}",
        "{\"v\":1,\"marker\":\"\"}",
        "{\"v\":1,\"marker\":7}",
        "{\"v\":\"1\",\"marker\":\"m\"}",
        "{\"v\":1,\"marker\":\"mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm\"}",
        "{\"v\":1,\"id\":\"a\",\"request\":\"b b\",\"source\":\"c\",\"position\":0,\"lamport\":0}",
        "{\"v\":1,\"id\":\"a\",\"request\":\"b\",\"source\":\"\",\"position\":0,\"lamport\":0}",
        "{\"v\":1,\"id\":\"a\",\"request\":\"b\",\"source\":\"c\",\"position\":-1,\"lamport\":0}",
        "{\"v\":1,\"id\":\"a\",\"request\":\"b\",\"source\":\"c\",\"position\":0,\"lamport\":1.5}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        struct buf line = {0};

        buf_printf(&line, "%s%s}", head, ops[i]);
        if (decode(line.data, line.size, &envelope) == 0)
            fail_msg("taken: %s", line.data);
        buf_done(&line);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (decode(others[i], strlen(others[i]), &envelope) == 0)
            fail_msg("taken: %s", others[i]);
    }
}

static void mutated_records_are_refused_or_read_back_the_same(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < MUTATIONS; seed++) {
        struct rng rng = rng_new(seed, "mutation");
        struct buf mutant = {0}, encoded = {0};

        buf_append_str(&mutant, records[rng_below(&rng, N_RECORDS)]);
        for (uint64_t n = rng_below(&rng, 3); n < 3; n++)
            mutant.data[rng_below(&rng, mutant.size)] = (char)rng_below(&rng, 256);
        if (decode(mutant.data, mutant.size, &envelope) == 0) {
            envelope_encode(&encoded, &envelope);
            if (decode(encoded.data, encoded.size, &again) < 0 ||
                memcmp(&envelope, &again, sizeof again) != 0)
                fail_msg("seed %llu: taken for something else: %s", (unsigned long long)seed,
                         mutant.data);
        }
        buf_done(&mutant);
        buf_done(&encoded);
    }
}

static void a_key_has_its_partition_for_ever(void **state)
{
    unsigned seen[4] = {0};

    (void)state;
    assert_int_equal(envelope_partition("user:42", 1), 0);
    assert_int_equal(envelope_partition("123456789", 4), 0xe3069283 % 4); /* as RFC 3720 has it */
    for (int i = 0; i < 4000; i++) {
        char key[KEY_SIZE];

        (void)snprintf(key, sizeof key, "user:%d", i);
        seen[envelope_partition(key, 4)]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(seen[i], 900, 1100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_stand_as_documented),
        cmocka_unit_test(a_record_is_taken_apart),
        cmocka_unit_test(unknown_fields_are_ignored_and_later_versions_refused),
        cmocka_unit_test(each_malformed_record_is_refused),
        cmocka_unit_test(mutated_records_are_refused_or_read_back_the_same),
        cmocka_unit_test(a_key_has_its_partition_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
