/* Durations in buckets, as Prometheus reads them. Folder: base */
#include "base/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void a_duration_is_in_the_first_bucket_whose_bound_it_does_not_exceed(void **state)
{
    struct histogram h = {0};

    (void)state;
    histogram_add(&h, 0);
    histogram_add(&h, 16);
    histogram_add(&h, 17);
    histogram_add(&h, 32);
    histogram_add(&h, 33);
    assert_int_equal(h.bucket[0], 2);
    assert_int_equal(h.bucket[1], 2);
    assert_int_equal(h.bucket[2], 1);
    assert_int_equal(h.count, 5);
    assert_int_equal(h.sum_us, 98);
}

static void what_is_longer_than_all_bounds_is_only_counted(void **state)
{
    struct histogram h = {0};

    (void)state;
    histogram_add(&h, HISTOGRAM_FIRST_US << (HISTOGRAM_BUCKETS - 1));
    histogram_add(&h, (HISTOGRAM_FIRST_US << (HISTOGRAM_BUCKETS - 1)) + 1);
    assert_int_equal(h.bucket[HISTOGRAM_BUCKETS - 1], 1);
    assert_int_equal(h.count, 2);
}

static void buckets_are_printed_as_sums_in_seconds(void **state)
{
    struct histogram h = {0};
    struct buf out = {0};

    (void)state;
    histogram_add(&h, 16);
    histogram_add(&h, 20);
    histogram_add(&h, 39999964);
    histogram_print(&out, "x", "phase=\"vote\"", &h);
    assert_non_null(strstr(buf_str(&out), "x_bucket{phase=\"vote\",le=\"1.6e-05\"} 1\n"
                                          "x_bucket{phase=\"vote\",le=\"3.2e-05\"} 2\n"
                                          "x_bucket{phase=\"vote\",le=\"6.4e-05\"} 2\n"));
    assert_non_null(strstr(buf_str(&out), "x_bucket{phase=\"vote\",le=\"16.7772\"} 2\n"
                                          "x_bucket{phase=\"vote\",le=\"+Inf\"} 3\n"
                                          "x_sum{phase=\"vote\"} 40\n"
                                          "x_count{phase=\"vote\"} 3\n"));
    buf_clear(&out);
    histogram_print(&out, "x", "", &h);
    assert_non_null(strstr(buf_str(&out), "x_bucket{le=\"+Inf\"} 3\nx_sum 40\nx_count 3\n"));
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_duration_is_in_the_first_bucket_whose_bound_it_does_not_exceed),
        cmocka_unit_test(what_is_longer_than_all_bounds_is_only_counted),
        cmocka_unit_test(buckets_are_printed_as_sums_in_seconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
