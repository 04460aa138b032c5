/*
 * What a matrix calls shown: whom a fault caught, by journals; and its rows.
 * Folder: harness
 *
 * A run of xa with three writes at serve1 and the fault at 100 ms, built in code. "3 caught: 1
 * committed, 1 rolled back, 1 mixed".
 */
#include "harness/matrix/caught.h"

#include "base/clock.h"
#include "base/file.h"
#include "harness/verbs.h"
#include "run_builder.h"
#include "temp_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct built built;
static char dir[64];
static struct schedule schedule;

static void add_fault_line(int64_t at_ms, const char *t, const char *more)
{
    buf_printf(&built.faults, "{\"t\":\"%s\",\"fault\":0,\"at\":%lld,\"target\":\"serve1\"%s}\n", t,
               (long long)built_us(at_ms), more);
}

/* serve1 is killed at 100 ms with `gathered` of 2 at xa-decided, and restarted after 500 ms.
 * `held`: their requests, as in JSON. */
static void kill_serve1_with(unsigned gathered, const char *held)
{
    char more[200];

    schedule = (struct schedule){.name = "decided", .n_faults = 1};
    schedule.fault[0] = (struct fault){.action = FAULT_KILL,
                                       .target = "serve1",
                                       .point = "xa-decided",
                                       .gather = 2,
                                       .lasts_us = 500 * US_PER_MS};
    (void)snprintf(more, sizeof more,
                   ",\"action\":\"kill\",\"point\":\"xa-decided\",\"gather\":2,\"gathered\":%u,"
                   "\"held\":[%s],\"exposure\":{\"xa-decided\":%u}",
                   gathered, held, gathered);
    add_fault_line(80, "armed", ",\"action\":\"kill\",\"point\":\"xa-decided\",\"gather\":2");
    add_fault_line(100, "begin", more);
    add_fault_line(900, "end", "");
}

static void kill_serve1(unsigned gathered)
{
    kill_serve1_with(gathered, "\"c0-1\",\"c0-2\"");
}

/* A write at serve1, invoked at 50 ms and never answered, that is at these stores in the end. */
static struct built_op *unanswered(const char *request, unsigned key, unsigned stores)
{
    struct built_op *op = built_write(&built, request, key, 50, 110, HISTORY_INFO);

    built_copy(op->server, "serve1");
    op->code = "timeout";
    built_apply(&built, op, stores);
    return op;
}

static struct caught caught(void)
{
    struct caught c;
    struct errctx err;

    built_save(&built, dir);
    if (caught_read(dir, &schedule, &c, &err))
        fail_msg("%s", err.message);
    return c;
}

static const char *text(const struct caught *c)
{
    static char said[128];

    (void)snprintf(said, sizeof said, "%u caught: %u committed, %u rolled back, %u mixed", c->all.n,
                   c->all.n_committed, c->all.n_rolled_back, c->all.n_mixed);
    return said;
}

static int begin(void **state)
{
    (void)state;
    built_init(&built);
    built_make_dir(dir);
    return 0;
}

static int end(void **state)
{
    (void)state;
    built_remove_dir(dir);
    built_done(&built);
    return 0;
}

static json_t *run_with(const char *verdict)
{
    return json_pack("{s:b, s:b, s:b, s:{s:{s:s, s:i, s:i, s:b, s:[]}}, s:[]}", "finished", 1,
                     "settled", 1, "clean", 1, "verdicts", "atomicity", "verdict", verdict, "count",
                     0, "of", 3, "promised", 1, "examples", "faults");
}

static enum matrix_word judge(const char *verdict, struct caught c, enum matrix_outcome outcome)
{
    json_t *run = run_with(verdict);
    enum matrix_word word = matrix_judge(run, &c, outcome, false);

    json_decref(run);
    return word;
}

/* --- whom it caught --------------------------------------------------------------------------- */

static void counts_what_the_journals_say_of_the_unanswered(void **state)
{
    struct built_op *other;
    struct caught c;

    (void)state;
    kill_serve1(2);
    (void)unanswered("c0-1", 0, BUILT_ALL);
    (void)unanswered("c0-2", 1, 0);
    (void)unanswered("c0-3", 2, 1);
    other = unanswered("c1-4", 3, BUILT_ALL);
    built_copy(other->server, "serve2");
    c = caught();
    assert_string_equal(text(&c), "3 caught: 1 committed, 1 rolled back, 1 mixed");
    assert_int_equal(c.gather, 2);
    assert_int_equal(c.gathered, 2);
}

static void what_was_answered_before_or_came_later_was_not_caught(void **state)
{
    struct built_op *op;
    struct caught c;

    (void)state;
    kill_serve1(2);
    op = built_write(&built, "c0-1", 0, 50, 90, HISTORY_OK);
    built_copy(op->server, "serve1");
    built_apply(&built, op, BUILT_ALL);
    op = built_write(&built, "c0-2", 1, 950, 960, HISTORY_OK);
    built_copy(op->server, "serve1");
    built_apply(&built, op, BUILT_ALL);
    c = caught();
    assert_string_equal(text(&c), "0 caught: 0 committed, 0 rolled back, 0 mixed");
}

static void a_store_that_is_hit_catches_those_of_the_door_it_names(void **state)
{
    struct caught c;

    (void)state;
    kill_serve1(2);
    (void)strcpy(schedule.fault[0].target, "pg2");
    (void)unanswered("c0-1", 0, BUILT_ALL);
    c = caught();
    assert_int_equal(c.all.n, 0);
    (void)strcpy(schedule.fault[0].of, "serve1");
    c = caught();
    assert_int_equal(c.all.n, 1);
}

/* Two stood elsewhere and ended as those two should have: they do not count for them. */
static void what_stood_at_the_point_is_told_by_name(void **state)
{
    struct caught c;

    (void)state;
    kill_serve1_with(2, "\"c0-1\",\"c0-5\",\"gone\"");
    (void)unanswered("c0-1", 0, BUILT_ALL);
    for (unsigned i = 1; i < 3; i++) {
        char request[8];

        (void)snprintf(request, sizeof request, "c0-%u", i + 1);
        (void)unanswered(request, i, BUILT_ALL);
    }
    (void)unanswered("c0-5", 3, 0);
    c = caught();
    assert_string_equal(text(&c), "4 caught: 3 committed, 1 rolled back, 0 mixed");
    assert_int_equal(c.held.n, 2);
    assert_int_equal(c.held.n_committed, 1);
    assert_int_equal(c.held.n_rolled_back, 1);
    assert_int_equal(judge("valid", c, MATRIX_COMMITTED), MATRIX_VIOLATED);
    assert_int_equal(judge("valid", c, MATRIX_EITHER), MATRIX_SHOWN);
}

/* Of those at the point, and not before the fault: the sample at 80 ms and c0-3 say nothing. */
static void in_doubt_is_who_stood_there_and_was_seen_after_the_fault(void **state)
{
    static const struct {
        int64_t at_ms;
        const char *request;
    } samples[] = {{80, "c0-1"}, {200, "c0-3"}, {300, "c0-2"}, {400, "c0-2"}};
    struct caught c;

    (void)state;
    kill_serve1(2);
    for (unsigned i = 1; i <= 3; i++) {
        char request[8];

        (void)snprintf(request, sizeof request, "c0-%u", i);
        (void)unanswered(request, i, BUILT_ALL);
    }
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        buf_printf(
            &built.samples,
            "{\"t\":\"in_doubt\",\"at\":%lld,\"store\":\"pg1\",\"gids\":[\"sb1:serve1:1:1:%s\"],"
            "\"ages_us\":[400000],\"waiters\":0}\n",
            (long long)built_us(samples[i].at_ms), samples[i].request);
    c = caught();
    assert_int_equal(c.n_in_doubt, 1);
}

static void resolving_lasts_until_the_last_sample_that_shows_one(void **state)
{
    struct caught c;

    (void)state;
    kill_serve1(2);
    (void)unanswered("c0-1", 0, BUILT_ALL);
    for (unsigned i = 0; i < 3; i++)
        buf_printf(
            &built.samples,
            "{\"t\":\"in_doubt\",\"at\":%lld,\"store\":\"pg1\",\"gids\":[%s],\"ages_us\":[%s],"
            "\"waiters\":0}\n",
            (long long)built_us(500 + 150 * i), i < 2 ? "\"sb1:serve1:1:1:c0-1\"" : "",
            i < 2 ? "400000" : "");
    c = caught();
    assert_int_equal(c.n_in_doubt, 1);
    assert_int_equal(c.resolve_us, 50 * US_PER_MS); /* 650 ms; the restart began at 600 */
}

/* --- the word --------------------------------------------------------------------------------- */

/* Three caught, of whom two stood at the point and committed. */
static const struct caught two_committed = {
    .any_fault = true,
    .gather = 2,
    .gathered = 2,
    .held = {.n = 2, .n_committed = 2},
    .all = {.n = 3, .n_committed = 2, .n_rolled_back = 1},
};

static void is_shown_only_if_all_that_stood_there_ended_so(void **state)
{
    struct caught c = two_committed;

    (void)state;
    assert_int_equal(judge("valid", c, MATRIX_COMMITTED), MATRIX_SHOWN);
    assert_int_equal(judge("valid", c, MATRIX_EITHER), MATRIX_SHOWN);
    assert_int_equal(judge("valid", c, MATRIX_ROLLED_BACK), MATRIX_VIOLATED);
    c.all = (struct fates){
        .n = 80, .n_committed = 2, .n_rolled_back = 78}; /* the others' do not count */
    assert_int_equal(judge("valid", c, MATRIX_ROLLED_BACK), MATRIX_VIOLATED);
    assert_int_equal(judge("valid", c, MATRIX_COMMITTED), MATRIX_SHOWN);
}

static void a_mixed_one_or_a_broken_promise_is_not_so(void **state)
{
    struct caught c = two_committed;

    (void)state;
    c.all.n_mixed = 1;
    assert_int_equal(judge("valid", c, MATRIX_COMMITTED), MATRIX_VIOLATED);
    c.all.n_mixed = 0;
    assert_int_equal(judge("invalid", c, MATRIX_COMMITTED), MATRIX_VIOLATED);
}

static void what_nobody_can_tell_is_unknown_and_what_hit_nobody_not_exercised(void **state)
{
    struct caught c = two_committed;

    (void)state;
    assert_int_equal(judge("unknown", c, MATRIX_COMMITTED), MATRIX_UNKNOWN);
    assert_int_equal(matrix_judge(NULL, &c, MATRIX_COMMITTED, false), MATRIX_UNKNOWN);
    c.gathered = 1;
    assert_int_equal(judge("valid", c, MATRIX_COMMITTED), MATRIX_NOT_EXERCISED);
    c = two_committed;
    c.held = (struct fates){.n = 1, .n_committed = 1}; /* nobody knows who the other was */
    assert_int_equal(judge("valid", c, MATRIX_COMMITTED), MATRIX_NOT_EXERCISED);
    c = (struct caught){.any_fault = true};
    assert_int_equal(judge("valid", c, MATRIX_EITHER), MATRIX_NOT_EXERCISED);
    c = (struct caught){.any_fault = false};
    assert_int_equal(judge("valid", c, MATRIX_EITHER), MATRIX_NOT_EXERCISED);
    c.n_failed = 1;
    assert_int_equal(judge("valid", c, MATRIX_EITHER), MATRIX_SHOWN);
}

static void a_row_that_wants_somebody_in_doubt_is_not_exercised_without(void **state)
{
    struct caught c = two_committed;
    json_t *run = run_with("valid");

    (void)state;
    assert_int_equal(matrix_judge(run, &c, MATRIX_COMMITTED, true), MATRIX_NOT_EXERCISED);
    c.n_in_doubt = 1;
    assert_int_equal(matrix_judge(run, &c, MATRIX_COMMITTED, true), MATRIX_SHOWN);
    assert_int_equal(matrix_judge(run, &c, MATRIX_ROLLED_BACK, true), MATRIX_VIOLATED);
    json_decref(run);
}

/* As of a matrix that is broken off between a row's two runs. */
static void a_row_is_not_shown_before_all_of_its_runs_are_done(void **state)
{
    enum matrix_word word = matrix_worst(MATRIX_WORDS, true, MATRIX_SHOWN);

    (void)state;
    assert_int_equal(word, MATRIX_SHOWN);
    assert_int_equal(matrix_worst(word, false, MATRIX_SHOWN), MATRIX_UNKNOWN);
    assert_int_equal(matrix_worst(word, true, MATRIX_NOT_EXERCISED), MATRIX_NOT_EXERCISED);
    assert_int_equal(matrix_worst(MATRIX_VIOLATED, false, MATRIX_SHOWN), MATRIX_VIOLATED);
    assert_int_equal(matrix_worst(MATRIX_VIOLATED, true, MATRIX_SHOWN), MATRIX_VIOLATED);
}

/* --- rows ------------------------------------------------------------------------------------- */

static void expect_rows(const char *yaml, const char *want)
{
    struct matrix_rows *rows = calloc(1, sizeof *rows);
    FILE *file = fopen(temp_path, "w");
    struct errctx err = {.message = ""};

    assert_non_null(rows);
    assert_non_null(file);
    assert_true(fputs(yaml, file) >= 0);
    assert_int_equal(fclose(file), 0);
    if (matrix_read(temp_path, rows, &err) == 0)
        (void)snprintf(err.message, sizeof err.message, "%u rows, %s", rows->n,
                       matrix_outcome_word(rows->row[0].outcome));
    assert_non_null(strstr(err.message, want));
    free(rows);
}

static void a_row_says_how_it_is_shown_or_why_not(void **state)
{
    (void)state;
    expect_rows("rows: [{id: C1, fault: f, expect: e, experiment: C1, outcome: rolled back}]\n",
                "1 rows, rolled back");
    expect_rows("rows: [{id: C1, fault: f, expect: e, reason: r}]\n", "1 rows");
    expect_rows("rows: [{id: C1, fault: f, expect: e}]\n", "neither an experiment nor a reason");
    expect_rows("rows: [{id: C1, fault: f, expect: e, experiment: C1}]\n", "belong together");
    expect_rows("rows: [{id: C1, fault: f, expect: e, reason: r, outcome: either}]\n",
                "belong together");
    expect_rows("rows: [{id: C1, fault: f, expect: e, reason: r, in_doubt: true}]\n",
                "belong together");
    expect_rows(
        "rows: [{id: C1, fault: f, expect: e, experiment: C1, outcome: either, in_doubt: 2}]\n",
        "in_doubt");
    expect_rows("rows: [{id: C1, fault: f, expect: e, reason: r, tests: [one]}]\n", "PROGRAM/CASE");
    expect_rows("rows: [{id: C1, fault: f, expect: e, reason: r, test: [a/b]}]\n", "tests");
}

/* The page and the file would else drift apart. */
static void the_page_has_the_table_of_the_rows(void **state)
{
    struct matrix_rows *rows = calloc(1, sizeof *rows);
    struct buf table = {0}, page = {0};
    char path[PATH_MAX];
    struct errctx err;

    (void)state;
    assert_non_null(rows);
    assert_true(verb_find_file("experiments/matrix-2pc/rows.yaml", path));
    assert_int_equal(matrix_read(path, rows, &err), 0);
    matrix_print_markdown(&table, rows);
    assert_true(verb_find_file("docs/two-phase-commit.md", path));
    assert_int_equal(file_read(path, &page, &err), 0);
    assert_non_null(strstr(buf_str(&page), buf_str(&table)));
    buf_done(&table);
    buf_done(&page);
    free(rows);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(counts_what_the_journals_say_of_the_unanswered),
        CASE(what_was_answered_before_or_came_later_was_not_caught),
        CASE(a_store_that_is_hit_catches_those_of_the_door_it_names),
        CASE(what_stood_at_the_point_is_told_by_name),
        CASE(in_doubt_is_who_stood_there_and_was_seen_after_the_fault),
        CASE(resolving_lasts_until_the_last_sample_that_shows_one),
        cmocka_unit_test(is_shown_only_if_all_that_stood_there_ended_so),
        cmocka_unit_test(a_mixed_one_or_a_broken_promise_is_not_so),
        cmocka_unit_test(what_nobody_can_tell_is_unknown_and_what_hit_nobody_not_exercised),
        cmocka_unit_test(a_row_that_wants_somebody_in_doubt_is_not_exercised_without),
        cmocka_unit_test(a_row_is_not_shown_before_all_of_its_runs_are_done),
        cmocka_unit_test(a_row_says_how_it_is_shown_or_why_not),
        cmocka_unit_test(the_page_has_the_table_of_the_rows),
    };

    return cmocka_run_group_tests(tests, temp_file_make, temp_file_remove);
}
