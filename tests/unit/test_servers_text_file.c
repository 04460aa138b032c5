/*
 * The last lines of a log, as error messages quote them.
 *
 * Folder: servers
 */
#include "servers/text_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/syncbed-test-log-XXXXXX";

static int make_file(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void expect_last_lines(off_t from, size_t size, const char *expected)
{
    char got[256];

    assert_true(size <= sizeof got);
    text_file_last_lines(path, from, got, size);
    assert_string_equal(got, expected);
}

static void set_text(const char *text)
{
    assert_int_equal(truncate(path, 0), 0);
    text_file_append(path, text, strlen(text));
}

static void quotes_as_many_whole_lines_as_fit(void **state)
{
    (void)state;
    set_text("first\nsecond\nthird\n");
    expect_last_lines(0, 256, "first | second | third");
    expect_last_lines(0, sizeof "second | third", "second | third");
    expect_last_lines(0, sizeof "second | third" - 1, "third");
}

static void quotes_the_end_of_a_line_too_long(void **state)
{
    (void)state;
    set_text("a long line without an end");
    expect_last_lines(0, sizeof "an end", "an end");
}

static void quotes_only_what_was_said_since(void **state)
{
    (void)state;
    set_text("before\nsince\tthen\n\n");
    expect_last_lines((off_t)strlen("before\n"), 256, "since then");
    expect_last_lines(text_file_size(path), 256, "");
    assert_true(text_file_contains(path, 0, "before"));
    assert_false(text_file_contains(path, (off_t)strlen("before\n"), "before"));
}

static void a_missing_file_has_no_lines(void **state)
{
    char got[16];

    (void)state;
    text_file_last_lines("/nonexistent/log", 0, got, sizeof got);
    assert_string_equal(got, "");
    assert_int_equal(text_file_size("/nonexistent/log"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_as_many_whole_lines_as_fit),
        cmocka_unit_test(quotes_the_end_of_a_line_too_long),
        cmocka_unit_test(quotes_only_what_was_said_since),
        cmocka_unit_test(a_missing_file_has_no_lines),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
