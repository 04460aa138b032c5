/*
 * Lines out of a stream that is cut anywhere.
 * Folder: base
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/line_split.h"

#include <string.h>

/* What came out: lines in brackets, "!" for one too long. */
static void feed(struct line_split *split, const char *data, size_t size, struct buf *heard)
{
    enum line_found found;
    const char *line;
    size_t line_size;

    line_split_feed(split, data, size);
    while ((found = line_split_next(split, &line, &line_size)) != LINE_NONE) {
        if (found == LINE_TOO_LONG)
            buf_append_char(heard, '!');
        else
            buf_printf(heard, "[%.*s]", (int)line_size, line);
    }
}

/* `text` cut at every pair of places says the same each time. */
static void expect(const char *text, size_t max, const char *lines)
{
    size_t size = strlen(text);

    for (size_t i = 0; i <= size; i++) {
        for (size_t k = i; k <= size; k++) {
            struct line_split split = {.max = max};
            struct buf heard = {0};

            feed(&split, text, i, &heard);
            feed(&split, text + i, k - i, &heard);
            feed(&split, text + k, size - k, &heard);
            assert_string_equal(buf_str(&heard), lines);
            line_split_done(&split);
            buf_done(&heard);
        }
    }
}

static void lines_are_the_same_wherever_they_are_cut(void **state)
{
    (void)state;
    expect("", 8, "");
    expect("\n", 8, "[]");
    expect("one\ntwo\n", 8, "[one][two]");
    expect("one\n\n\ntwo\nthr", 8, "[one][][][two]");
}

static void a_line_too_long_is_reported_once_and_skipped_whole(void **state)
{
    (void)state;
    expect("1234567\n", 8, "[1234567]");
    expect("12345678\n", 8, "!");
    expect("123456789", 8, "!");
    expect("a\n12345678901234567890\nb\n", 8, "[a]![b]");
    expect("12345678\n12345678\nb\n", 8, "!![b]");
}

static void only_the_beginning_of_a_line_takes_memory(void **state)
{
    struct line_split split = {.max = 64};
    struct buf heard = {0};

    (void)state;
    feed(&split, "whole\n", 6, &heard);
    assert_null(split.partial.data);
    feed(&split, "in ", 3, &heard);
    assert_non_null(split.partial.data);
    feed(&split, "two\n", 4, &heard);
    assert_null(split.partial.data);
    assert_string_equal(buf_str(&heard), "[whole][in two]");
    buf_done(&heard);
}

static void what_was_not_looked_at_is_dropped(void **state)
{
    struct line_split split = {.max = 64};
    struct buf heard = {0};
    const char *line;
    size_t size;

    (void)state;
    line_split_feed(&split, "a\nb\nc", 5);
    assert_int_equal(line_split_next(&split, &line, &size), LINE_WHOLE);
    feed(&split, "d\n", 2, &heard);
    assert_string_equal(buf_str(&heard), "[d]");
    buf_done(&heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_the_same_wherever_they_are_cut),
        cmocka_unit_test(a_line_too_long_is_reported_once_and_skipped_whole),
        cmocka_unit_test(only_the_beginning_of_a_line_takes_memory),
        cmocka_unit_test(what_was_not_looked_at_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
