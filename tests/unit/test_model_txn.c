/*
 * Unit tests of txn.h and outcome.h: names, limits, the journal's text and its fold.
 * Folder: model
 */
#include "model/outcome.h"
#include "model/txn.h"
#include "model/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* `n` times 'x' and then `tail`. */
static const char *long_text(size_t n, const char *tail)
{
    static char text[512];

    memset(text, 'x', n);
    (void)snprintf(text + n, sizeof text - n, "%s", tail);
    return text;
}

static void names_are_found_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OP_KINDS; i++) {
        enum op_kind kind;

        assert_true(op_kind_find(op_kind_name((enum op_kind)i), &kind));
        assert_int_equal(kind, i);
    }
    for (unsigned i = 0; i < OUTCOMES; i++) {
        enum outcome outcome;

        assert_true(outcome_find(outcome_name((enum outcome)i), &outcome));
        assert_int_equal(outcome, i);
    }
    for (unsigned i = CODE_NONE + 1; i < CODES; i++) {
        enum code code;

        assert_true(code_find(code_name((enum code)i), &code));
        assert_int_equal(code, i);
    }
    for (unsigned i = 0; i < LEVELS; i++) {
        enum level level;

        assert_true(level_find(level_name((enum level)i), &level));
        assert_int_equal(level, i);
    }
}

static void other_names_are_not(void **state)
{
    enum op_kind kind = OP_INCR;
    enum code code;
    enum outcome outcome;
    enum level level;

    (void)state;
    assert_false(op_kind_find("R", &kind));
    assert_false(op_kind_find("", &kind));
    assert_int_equal(kind, OP_INCR);
    assert_false(code_find("", &code));
    assert_false(code_find("bad_request", &code));
    assert_false(outcome_find("done", &outcome));
    assert_false(level_find("", &level));
}

static void three_codes_are_indefinite(void **state)
{
    (void)state;
    for (unsigned i = CODE_NONE + 1; i < CODES; i++) {
        enum code code = (enum code)i;
        bool indefinite = code == CODE_TIMEOUT || code == CODE_PARTIAL || code == CODE_UNKNOWN;

        assert_int_equal(code_definite(code), !indefinite);
    }
}

static void limits_of_names(void **state)
{
    (void)state;
    assert_true(request_id_valid("c3-17"));
    assert_true(request_id_valid("A.b_c-9"));
    assert_true(request_id_valid(long_text(32, "")));
    assert_false(request_id_valid(long_text(33, "")));
    assert_false(request_id_valid(""));
    assert_false(request_id_valid("a b"));
    assert_false(request_id_valid("a:b"));
    assert_false(request_id_valid("\xc3\xbc"));

    assert_true(store_name_valid("pg1"));
    assert_true(store_name_valid(long_text(15, "")));
    assert_false(store_name_valid(long_text(16, "")));
    assert_false(store_name_valid(""));
    assert_false(store_name_valid("Pg1"));
    assert_false(store_name_valid("pg_1"));

    assert_true(key_valid("user:42"));
    assert_true(key_valid("~!\\{}[]$"));
    assert_true(key_valid(long_text(64, "")));
    assert_false(key_valid(long_text(65, "")));
    assert_false(key_valid(""));
    assert_false(key_valid("a b"));
    assert_false(key_valid("a\"b"));
    assert_false(key_valid("a'b"));
    assert_false(key_valid("a\x7f"));
    assert_false(key_valid("Z\xc3\xbcrich"));
}

static void values_are_utf8_without_control_characters(void **state)
{
    (void)state;
    assert_true(value_valid(""));
    assert_true(value_valid("Z\xc3\xbcrich \"\\ \xe2\x82\xac \xf0\x9f\x98\x80"));
    assert_true(value_valid("\xc2\xa0"));
    assert_true(value_valid(long_text(256, "")));
    assert_true(value_valid(long_text(254, "\xc3\xbc")));
    assert_false(value_valid(long_text(255, "\xc3\xbc")));
    assert_false(value_valid(long_text(257, "")));
    assert_false(value_valid("\n"));
    assert_false(value_valid("a\x1f"));
    assert_false(value_valid("a\x7f"));
    assert_false(value_valid("\xc2\x80"));         /* C1 */
    assert_false(value_valid("\xc3"));             /* cut */
    assert_false(value_valid("\xc0\x80"));         /* overlong NUL */
    assert_false(value_valid("\xe0\x80\x80"));     /* overlong */
    assert_false(value_valid("\xed\xa0\x80"));     /* surrogate */
    assert_false(value_valid("\xf4\x90\x80\x80")); /* above U+10FFFF */
    assert_false(value_valid("\xf8\x88\x80\x80"));
    assert_false(value_valid("\x80"));
}

static void text_is_cut_between_characters(void **state)
{
    (void)state;
    assert_int_equal(utf8_cut("abc", 5), 3);
    assert_int_equal(utf8_cut("abc", 2), 2);
    assert_int_equal(utf8_cut("a\xe2\x82\xac", 3), 1);
    assert_int_equal(utf8_cut("a\xe2\x82\xac", 4), 4);
    assert_int_equal(utf8_cut("\xe2\x82\xac", 1), 0);
}

static struct op make_op(enum op_kind kind, const char *store, const char *value, int64_t delta)
{
    struct op op = {.kind = kind, .delta = delta};

    (void)snprintf(op.store, sizeof op.store, "%s", store);
    (void)snprintf(op.key, sizeof op.key, "k");
    (void)snprintf(op.value, sizeof op.value, "%.*s", VALUE_SIZE - 1, value);
    return op;
}

static void operations_are_found_by_store(void **state)
{
    struct txn txn = {.n_ops = 3};

    (void)state;
    txn.op[0] = make_op(OP_READ, "pg1", "", 0);
    txn.op[1] = make_op(OP_READ, "redis", "", 0);
    txn.op[2] = make_op(OP_READ, "pg1", "", 0);
    assert_int_equal(txn_ops_of(&txn, "pg1"), 5);
    assert_int_equal(txn_ops_of(&txn, "redis"), 2);
    assert_int_equal(txn_ops_of(&txn, "pg"), 0);
    assert_false(txn_writes(&txn, 7));
    txn.op[1].kind = OP_APPEND;
    assert_true(txn_writes(&txn, 7));
    assert_true(txn_writes(&txn, txn_ops_of(&txn, "redis")));
    assert_false(txn_writes(&txn, txn_ops_of(&txn, "pg1")));
}

static void the_journals_text_reads_back(void **state)
{
    static const struct {
        enum op_kind kind;
        const char *value;
        int64_t number; /* delta or version */
        const char *text;
    } cases[] = {
        {OP_WRITE, "c3-17", 0, "w c3-17"},
        {OP_WRITE, "", 0, "w "},
        {OP_WRITE, "two words", 0, "w two words"},
        {OP_WRITE, "c3-17", 1234, "w@1234 c3-17"},
        {OP_WRITE, "@1 w", INT64_MAX, "w@9223372036854775807 @1 w"},
        {OP_INSERT, "x", 0, "insert x"},
        {OP_INCR, "", -30, "incr -30"},
        {OP_INCR, "", INT64_MIN, "incr -9223372036854775808"},
        {OP_APPEND, "w x", 0, "append w x"},
    };

    (void)state;
    for (unsigned i = 0; i < TXN_OPS_MAX; i++) {
        size_t c = i % (sizeof cases / sizeof *cases);
        struct txn txn = {.n_ops = i + 1};
        char text[JOURNAL_OP_SIZE], expected[JOURNAL_OP_SIZE];
        unsigned index;
        struct op op;

        txn.op[i] = make_op(cases[c].kind, "pg1", cases[c].value, cases[c].number);
        if (cases[c].kind == OP_WRITE)
            txn.op[i].version = cases[c].number;
        txn_journal_op(&txn, i, text);
        (void)snprintf(expected, sizeof expected, "%u %s", i, cases[c].text);
        assert_string_equal(text, expected);
        assert_true(journal_op_parse(text, &index, &op));
        assert_int_equal(index, i);
        assert_int_equal(op.kind, cases[c].kind);
        assert_string_equal(op.value, cases[c].value);
        assert_true((op.kind == OP_WRITE ? op.version : op.delta) == cases[c].number);
    }
}

static void the_longest_operation_fits(void **state)
{
    struct txn txn = {.n_ops = TXN_OPS_MAX};
    char text[JOURNAL_OP_SIZE];
    unsigned index;
    struct op op;

    (void)state;
    txn.op[15] = make_op(OP_WRITE, "pg1", long_text(256, ""), 0);
    txn.op[15].version = INT64_MAX;
    txn_journal_op(&txn, 15, text);
    assert_true(journal_op_parse(text, &index, &op));
    assert_string_equal(op.value, long_text(256, ""));
    assert_true(op.version == INT64_MAX);
}

static void other_texts_are_none_of_ours(void **state)
{
    static const char *const texts[] = {
        "",
        "w x",
        "0",
        "0 w",
        " 0 w x",
        "16 w x",
        "00 w x",
        "01 w x",
        "100 w x",
        "-1 w x",
        "0  w x",
        "0 r x",
        "0 write x",
        "0 incr",
        "0 incr ",
        "0 incr +1",
        "0 incr 01",
        "0 incr 1 ",
        "0 incr x",
        "0 incr 9223372036854775808",
        "0 w \n",
        "0 w \xff",
        "0 insertinsert x",
        "x w y",
        "0 w@ x",
        "0 w@0 x",
        "0 w@01 x",
        "0 w@-1 x",
        "0 w@1@1 x",
        "0 w@9223372036854775808 x",
        "0 insert@1 x",
        "0 incr@1 1",
    };
    unsigned index = 7;
    struct op op;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (journal_op_parse(texts[i], &index, &op))
            fail_msg("taken: \"%s\"", texts[i]);
    }
    assert_int_equal(index, 7);
}

static void fold_all(struct folded *folded, const char *const *entries, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned index;
        struct op op;

        assert_true(journal_op_parse(entries[i], &index, &op));
        journal_fold(folded, &op);
    }
}

static void a_keys_state_is_the_fold_of_its_journal(void **state)
{
    static const char *const writes[] = {"0 insert a", "0 w b", "1 w c"};
    static const char *const incrs[] = {"0 incr 5", "0 incr -30", "1 incr 5"};
    static const char *const appends[] = {"0 append a", "0 append b", "1 append "};
    struct folded w = {0}, i = {0}, a = {0};

    (void)state;
    fold_all(&w, writes, 3);
    assert_string_equal(w.value, "c");
    assert_int_equal(w.n, 3);
    fold_all(&i, incrs, 3);
    assert_true(i.number == -20);
    assert_string_equal(i.value, "-20");
    fold_all(&a, appends, 3);
    assert_string_equal(a.value, "a,b,");
    assert_true(a.exists);
}

/* Whatever the order in which a store got them, the highest version is what it holds. */
static void of_versioned_writes_the_highest_stays(void **state)
{
    static const char *const orders[][3] = {
        {"0 w@5 a", "0 w@7 b", "0 w@6 c"},
        {"0 w@7 b", "0 w@6 c", "0 w@5 a"},
        {"0 w@6 c", "0 w@5 a", "0 w@7 b"},
    };
    static const char *const plain[] = {"0 w@7 b", "0 w c", "0 w@7 d", "0 w@6 e"};
    struct folded folded;

    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        folded = (struct folded){0};
        fold_all(&folded, orders[i], 3);
        assert_string_equal(folded.value, "b");
        assert_int_equal(folded.n, 3);
    }
    folded = (struct folded){0};
    fold_all(&folded, plain, 4);
    assert_string_equal(folded.value, "c"); /* a write without version leaves the version */
    assert_int_equal(folded.n, 4);
}

static void a_fold_neither_overflows_nor_splits_a_character(void **state)
{
    struct folded folded = {0};
    struct op big = make_op(OP_INCR, "pg1", "", INT64_MAX);
    struct op append = make_op(OP_APPEND, "pg1", long_text(127, "\xc3\xbc"), 0);

    (void)state;
    journal_fold(&folded, &big);
    journal_fold(&folded, &big);
    assert_true(folded.number == INT64_MAX);
    folded = (struct folded){0};
    journal_fold(&folded, &append);
    journal_fold(&folded, &append); /* 129 + 1 + 127 bytes: the last character would be cut */
    assert_true(folded.exists);
    assert_true(value_valid(folded.value));
    assert_int_equal(strlen(folded.value), 256);
    journal_fold(&folded, &append);
    assert_int_equal(strlen(folded.value), 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_again),
        cmocka_unit_test(other_names_are_not),
        cmocka_unit_test(three_codes_are_indefinite),
        cmocka_unit_test(limits_of_names),
        cmocka_unit_test(values_are_utf8_without_control_characters),
        cmocka_unit_test(text_is_cut_between_characters),
        cmocka_unit_test(operations_are_found_by_store),
        cmocka_unit_test(the_journals_text_reads_back),
        cmocka_unit_test(the_longest_operation_fits),
        cmocka_unit_test(other_texts_are_none_of_ours),
        cmocka_unit_test(a_keys_state_is_the_fold_of_its_journal),
        cmocka_unit_test(of_versioned_writes_the_highest_stays),
        cmocka_unit_test(a_fold_neither_overflows_nor_splits_a_character),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
