/*
 * Medians over repeats and their intervals.
 * Folder: harness
 */
#include "base/random.h"
#include "harness/results/estimate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void expect(double *value, unsigned n, const char *wanted)
{
    struct estimate e;
    char text[96];

    estimate_fill(value, n, &e);
    (void)snprintf(text, sizeof text, "%u: %g [%g, %g] %s", e.n, e.median, e.low, e.high,
                   e.is_bootstrap ? "bootstrap" : "range");
    assert_string_equal(text, wanted);
}

static void one_run_is_no_interval(void **state)
{
    double one[] = {3}, none[] = {0};

    (void)state;
    expect(one, 1, "1: 3 [3, 3] range");
    expect(none, 0, "0: 0 [0, 0] range");
}

static void up_to_five_runs_tell_their_range(void **state)
{
    double two[] = {4, 1}, five[] = {9, 1, 4, 2, 3};

    (void)state;
    expect(two, 2, "2: 2.5 [1, 4] range");
    expect(five, 5, "5: 3 [1, 9] range");
}

static void more_runs_tell_an_interval_that_an_outlier_does_not_widen(void **state)
{
    double nine[] = {1000, 1, 2, 3, 4, 5, 6, 7, 8};
    double same[] = {2, 2, 2, 2, 2, 2, 2};

    (void)state;
    expect(nine, 9, "9: 5 [2, 8] bootstrap");
    expect(same, 7, "7: 2 [2, 2] bootstrap");
}

/* Of 500 experiments with n runs: in how many does the interval have the true median? */
static unsigned covered(unsigned n)
{
    struct rng rng = rng_new(n, "coverage");
    unsigned times = 0;

    for (unsigned i = 0; i < 500; i++) {
        struct estimate e;
        double value[31];

        for (unsigned k = 0; k < n; k++)
            value[k] = rng_exponential(&rng, 1);
        estimate_fill(value, n, &e);
        times += e.low <= log(2) && log(2) <= e.high;
    }
    return times;
}

static void the_interval_has_the_median_as_often_as_it_says(void **state)
{
    static const unsigned runs[] = {6, 7, 9, 10, 15, 20, 31};

    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        unsigned times = covered(runs[i]);

        if (times < 465) /* two standard deviations below 95 % */
            fail_msg("of %u runs: in %u of 500", runs[i], times);
    }
}

static void runs_in_which_it_was_not_measured_do_not_count(void **state)
{
    json_t *runs =
        json_loads("[{\"a\":{\"b\":1}},{\"a\":{\"b\":null}},{},{\"a\":{\"b\":3}}]", 0, NULL);
    struct estimate e;

    (void)state;
    estimate_of(runs, "a.b", &e);
    assert_int_equal(e.n, 2);
    assert_true(e.median == 2);
    json_decref(runs);
}

/* To leave it out would be to take the median of those that came. */
static void what_never_came_is_later_than_all(void **state)
{
    json_t *runs = json_loads("[{\"a\":1},{\"a\":\"never\"},{\"a\":3},{\"a\":\"later\"}]", 0, NULL);
    struct estimate e;

    (void)state;
    estimate_of(runs, "a", &e);
    assert_int_equal(e.n, 3);
    assert_true(e.median == 3 && e.low == 1 && isinf(e.high));
    json_decref(runs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_run_is_no_interval),
        cmocka_unit_test(up_to_five_runs_tell_their_range),
        cmocka_unit_test(more_runs_tell_an_interval_that_an_outlier_does_not_widen),
        cmocka_unit_test(the_interval_has_the_median_as_often_as_it_says),
        cmocka_unit_test(runs_in_which_it_was_not_measured_do_not_count),
        cmocka_unit_test(what_never_came_is_later_than_all),
    };

    return cmocka_run_group_tests_name("estimate", tests, NULL, NULL);
}
