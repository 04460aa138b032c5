/*
 * Unit tests of benchmarks: medians and rows, and that what the checkers are measured on is a run
 * in which every promise is kept.
 *
 * Folder: harness
 */
#include "harness/bench/bench.h"
#include "harness/bench/big_run.h"

#include "base/file.h"
#include "harness/results/judge.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_row_is_the_median_of_its_repeats(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    const json_t *row;
    json_t *rows;

    (void)state;
    assert_non_null(bench);
    bench->name = "load";
    bench_add(bench, "null/max", "ops_per_s", 30);
    bench_add(bench, "null/5000", "p50_ms", 1);
    bench_add(bench, "null/max", "ops_per_s", 10);
    bench_add(bench, "null/max", "ops_per_s", 20);
    bench_add(bench, "null/5000", "p50_ms", 2);
    rows = bench_json(bench);
    assert_int_equal(json_array_size(rows), 2);
    row = json_array_get(rows, 0);
    assert_string_equal(json_string_value(json_object_get(row, "case")), "null/max");
    assert_true(json_real_value(json_object_get(row, "value")) == 20);
    assert_true(json_real_value(json_object_get(row, "min")) == 10);
    assert_true(json_real_value(json_object_get(row, "max")) == 30);
    assert_int_equal(json_integer_value(json_object_get(row, "repeats")), 3);
    assert_true(json_is_null(json_object_get(row, "floor")));
    row = json_array_get(rows, 1);
    assert_true(json_real_value(json_object_get(row, "value")) == 1.5);
    json_decref(rows);
    free(bench);
}

static double number(const json_t *row, const char *name)
{
    return json_number_value(json_object_get(row, name));
}

/* The machine is slow for a while: both are, and the ratio stays what it is. */
static void ratios_are_of_what_was_measured_together(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    const json_t *row;
    json_t *rows;

    (void)state;
    assert_non_null(bench);
    bench->name = "2pc";
    for (unsigned i = 1; i <= 3; i++) {
        bench_add(bench, "default/1", "tps", 90 * i);
        bench_add(bench, "floor/1", "tps", 100 * i);
    }
    bench_add(bench, "default/1", "cpu_us_per_txn", 5);
    bench_add(bench, "default/1", "p50_ms", NAN);
    bench_compare(bench, "default/1", "floor/1", "peer/1");
    assert_null(bench_find(bench, "default/1", "p50_ms")); /* not measured is no row */
    rows = bench_json(bench);
    row = json_array_get(rows, 0);
    assert_true(number(row, "value") == 180);
    assert_true(number(row, "floor") == 200);
    assert_true(number(row, "to_floor") == 0.9);
    assert_true(json_is_null(json_object_get(row, "peer")));
    assert_true(json_is_null(json_object_get(row, "to_peer")));
    row = json_array_get(rows, 2); /* the floor has no such metric */
    assert_string_equal(json_string_value(json_object_get(row, "metric")), "cpu_us_per_txn");
    assert_true(json_is_null(json_object_get(row, "to_floor")));
    json_decref(rows);
    free(bench);
}

static void the_big_run_keeps_every_promise(void **state)
{
    char folder[] = "/tmp/syncbed-bench-XXXXXX";
    struct errctx err = {0};
    json_t *run;
    const json_t *verdict;
    const char *name;
    unsigned n_valid = 0;

    (void)state;
    assert_non_null(mkdtemp(folder));
    if (big_run_write(folder, 20000, &err) < 0 || judge_run(folder, &run, &err) < 0)
        fail_msg("%s", err.message);
    json_object_foreach (json_object_get(run, "verdicts"), name, verdict) {
        const char *word = json_string_value(json_object_get(verdict, "verdict"));

        if (word && strcmp(word, "invalid") == 0)
            fail_msg("%s is invalid", name);
        n_valid += word && strcmp(word, "valid") == 0;
    }
    assert_true(n_valid >= 6); /* nothing fails in it, so that `ghosts` is not exercised */
    json_decref(run);
    assert_int_equal(file_remove_tree(folder, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_the_median_of_its_repeats),
        cmocka_unit_test(ratios_are_of_what_was_measured_together),
        cmocka_unit_test(the_big_run_keeps_every_promise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
