/*
 * Unit tests of the small helpers: buffers, errors, CRC-32C, random numbers, suggestions, growth.
 * Folder: base
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/suggest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_buffer_grows_and_is_consumed_from_the_front(void **state)
{
    struct buf b = {0};

    (void)state;
    assert_string_equal(buf_str(&b), "");
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%d,", i);
    assert_int_equal(b.size, 3890);
    buf_consume(&b, b.size - 8);
    assert_string_equal(buf_str(&b), "998,999,");
    buf_consume(&b, 4);
    buf_append_char(&b, '!');
    assert_string_equal(buf_str(&b), "999,!");
    buf_clear(&b);
    assert_string_equal(buf_str(&b), "");
    buf_append(&b, "a\0b", 3);
    assert_int_equal(b.size, 3);
    assert_memory_equal(b.data, "a\0b", 4);
    buf_done(&b);
    assert_null(b.data);
    buf_done(&b);
    buf_done(NULL);
}

static void an_error_carries_a_code_a_class_and_a_message(void **state)
{
    struct errctx err = {0};
    int r = err_set(&err, ENOENT, ERR_RETRY, "no %s", "file");

    (void)state;
    assert_int_equal(r, -ENOENT);
    assert_int_equal(err.class, ERR_RETRY);
    assert_int_equal(err_prefix(&err, r, "pg%d", 1), -ENOENT);
    assert_string_equal(err.message, "pg1: no file");
    assert_int_equal(err_set(NULL, EIO, ERR_FATAL, "nobody listens"), -EIO);
    assert_int_equal(err_prefix(NULL, -EIO, "nobody"), -EIO);
}

static void a_message_too_long_is_cut(void **state)
{
    struct errctx err = {0};
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)err_set(&err, EIO, ERR_FATAL, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    (void)err_prefix(&err, -EIO, "front");
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_memory_equal(err.message, "front: xxx", 10);
}

static void crc32c_is_that_of_rfc_3720(void **state)
{
    char zeros[32] = {0};

    (void)state;
    assert_int_equal(crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(zeros, sizeof zeros), 0x8a9136aa);
    assert_int_equal(crc32c("", 0), 0);
}

static void a_seed_gives_one_sequence_and_purposes_do_not_share_it(void **state)
{
    struct rng a = rng_new(7, "arrivals"), b = rng_new(7, "arrivals"), c = rng_new(7, "keys");
    unsigned same = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        uint64_t x = rng_next(&a);

        assert_true(x == rng_next(&b));
        same += x == rng_next(&c);
    }
    assert_int_equal(same, 0);
}

static void random_numbers_keep_their_bounds_and_means(void **state)
{
    struct rng rng = rng_new(1, "test");
    unsigned seen[7] = {0};
    double sum = 0;

    (void)state;
    for (int i = 0; i < 70000; i++)
        seen[rng_below(&rng, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 9500, 10500);
    for (int i = 0; i < 100000; i++) {
        double u = rng_unit(&rng);
        double e = rng_exponential(&rng, 5.0);

        assert_true(u >= 0.0 && u < 1.0);
        assert_true(e >= 0.0);
        sum += e;
    }
    assert_true(sum / 100000 > 4.9 && sum / 100000 < 5.1);
}

static void suggests_the_nearest_word_or_none(void **state)
{
    static const char *const words[] = {"kill", "pause", "restart_after_s"};

    (void)state;
    assert_string_equal(suggest_nearest("kil", words, 3), "kill");
    assert_string_equal(suggest_nearest("restart_after", words, 3), "restart_after_s");
    assert_null(suggest_nearest("zzzzzzzz", words, 3));
    assert_null(suggest_nearest("kill", words, 0));
}

static void an_array_doubles(void **state)
{
    size_t capacity = 0;
    int *array = NULL;

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        array = mem_grow(array, i, &capacity, sizeof *array);
        array[i] = (int)i;
    }
    assert_int_equal(capacity, 128);
    assert_int_equal(array[99], 99);
    free(array);
}

static void a_duration_becomes_a_timeval(void **state)
{
    struct timeval tv = clock_timeval(1500000);

    (void)state;
    assert_int_equal(tv.tv_sec, 1);
    assert_int_equal(tv.tv_usec, 500000);
    tv = clock_timeval(-1);
    assert_int_equal(tv.tv_sec + tv.tv_usec, 0);
    assert_true(clock_now_us() <= clock_now_us());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_grows_and_is_consumed_from_the_front),
        cmocka_unit_test(an_error_carries_a_code_a_class_and_a_message),
        cmocka_unit_test(a_message_too_long_is_cut),
        cmocka_unit_test(crc32c_is_that_of_rfc_3720),
        cmocka_unit_test(a_seed_gives_one_sequence_and_purposes_do_not_share_it),
        cmocka_unit_test(random_numbers_keep_their_bounds_and_means),
        cmocka_unit_test(suggests_the_nearest_word_or_none),
        cmocka_unit_test(an_array_doubles),
        cmocka_unit_test(a_duration_becomes_a_timeval),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
