/*
 * Fault schedules: what is read is written back, what is wrong is refused with its line and the
 * nearest right word. Folder: faults
 */
#include "faults/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const targets[] = {"pg1", "pg2", "redis", "serve1", "serve2", "sink-pg1"};

/* Parse `text` as a whole file "s.yaml"; the message, or what schedule_print() makes of it. */
static void parse(const char *text, char *ret_said, size_t size)
{
    char path[] = "/tmp/syncbed-schedule-XXXXXX";
    int fd = mkstemp(path);
    struct yaml_file *file;
    const struct yaml_node *root;
    struct schedule schedule;
    struct errctx err;
    struct buf out = {0};
    const char *said;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    assert_int_equal(yaml_open(path, &file, &root, &err), 0);
    if (schedule_parse(root, targets, sizeof targets / sizeof *targets, &schedule, &err)) {
        said = strchr(err.message, ':'); /* the file's name is random */
        assert_non_null(said);
        (void)snprintf(ret_said, size, "%s", said);
    } else {
        schedule_print(&out, &schedule);
        (void)snprintf(ret_said, size, "%s", buf_str(&out));
    }
    buf_done(&out);
    yaml_close(file);
    (void)unlink(path);
}

static void expect(const char *text, const char *want)
{
    char said[1024];

    parse(text, said, sizeof said);
    assert_string_equal(said, want);
}

static void expect_part(const char *text, const char *want)
{
    char said[1024];

    parse(text, said, sizeof said);
    if (!strstr(said, want))
        fail_msg("\"%s\" does not say \"%s\"", said, want);
}

static void a_schedule_without_faults(void **state)
{
    (void)state;
    expect("name: none\n", "{name: none}");
    expect("{name: none, faults: []}\n", "{name: none}");
}

static void what_is_printed_is_read_back_the_same(void **state)
{
    static const char *const text =
        "{name: server_killed, faults: [{at_s: 3, kill: serve1, at: worst, gather: 8, "
        "restart_after_s: 2}, {at_s: 3.5, pause: pg2, for_s: 0.25}, {at_s: 6, kill: redis}]}";

    (void)state;
    expect(text, text);
}

static void a_random_moment_is_drawn_by_the_seed_within_its_window(void **state)
{
    static const char *const text =
        "{name: r, faults: [{at_s: 2, kill: serve1, at: random, within_s: 3, restart_after_s: 1}]}";
    struct schedule s = {.n_faults = 2,
                         .fault = {{.at_us = 2000000, .within_us = 3000000}, {.at_us = 7}}};
    int64_t first = fault_moment_us(&s, 0, 1), low = first, high = first;

    (void)state;
    expect(text, text);
    expect_part("name: a\nfaults: [{at_s: 3, kill: pg1, at: random}]\n", "needs within_s");
    expect_part("name: a\nfaults: [{at_s: 3, kill: pg1, at: random, within_s: 0}]\n", "above 0");
    expect_part("name: a\nfaults: [{at_s: 3, kill: pg1, within_s: 2}]\n", "needs at: random");
    expect_part("name: a\nfaults: [{at_s: 3, pause: pg1, within_s: 2}]\n", "within_s");
    expect_part("name: a\nfaults:\n  - {at_s: 1, kill: pg1, at: random, within_s: 3, "
                "restart_after_s: 1}\n  - {at_s: 4, kill: pg1}\n",
                "surely over");
    assert_int_equal(fault_moment_us(&s, 1, 1), 7);
    assert_int_equal(fault_moment_us(&s, 0, 1), first);
    for (uint64_t seed = 2; seed < 200; seed++) {
        int64_t at_us = fault_moment_us(&s, 0, seed);

        low = at_us < low ? at_us : low;
        high = at_us > high ? at_us : high;
    }
    assert_in_range(low, 2000000, 2100000);
    assert_in_range(high, 4900000, 4999999);
}

static void faults_are_sorted_by_time(void **state)
{
    (void)state;
    expect("name: two\nfaults:\n  - {at_s: 5, kill: pg1}\n  - {at_s: 1, pause: pg2, for_s: 1}\n",
           "{name: two, faults: [{at_s: 1, pause: pg2, for_s: 1}, {at_s: 5, kill: pg1}]}");
}

static void a_wrong_word_gets_its_line_and_the_nearest_right_one(void **state)
{
    (void)state;
    expect_part("name: a\nfaults:\n  - {at_s: 3, kil: pg1}\n", ":3: ");
    expect_part("name: a\nfaults:\n  - {at_s: 3, kil: pg1}\n", "\"kill\"");
    expect_part("name: a\nfaults:\n  - at_s: 3\n    kill: pg3\n", ":4: ");
    expect_part("name: a\nfaults:\n  - {at_s: 3, kill: serve1, at: wrost}\n", "worst");
    expect_part("name: a\nfaults:\n  - {at_s: 3, kill: serve1, at: xa-decidde}\n", "xa-decided");
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    expect("faults: []\n", ":1: a schedule needs a name");
    expect_part("name: A b\n", "not a schedule's name");
    expect_part("name: a\nfaults: {at_s: 3}\n", "faults is a list");
    expect_part("name: a\nfaults: [3]\n", "a fault is a mapping");
    expect_part("name: a\nfaults: [{at_s: 3}]\n", "what it does: kill or pause");
    expect_part("name: a\nfaults: [{at_s: 3, kill: pg1, pause: pg1}]\n", "does one thing");
    expect_part("name: a\nfaults: [{kill: pg1}]\n", "needs at_s");
    expect_part("name: a\nfaults: [{at_s: -1, kill: pg1}]\n", ":2: ");
    expect_part("name: a\nfaults: [{at_s: 3, kill: serve1, gather: 8}]\n",
                "gather needs a crash point");
    expect_part("name: a\nfaults: [{at_s: 3, kill: pg1, for_s: 2}]\n", "for_s");
    expect_part("name: a\nfaults: [{at_s: 3, pause: pg1, restart_after_s: 2}]\n",
                "restart_after_s");
    expect_part("name: a\nfaults: [{at_s: 3, kill: serve1, at: worst, gather: 0}]\n", ":2: ");
}

static void two_faults_of_one_target_must_not_overlap(void **state)
{
    (void)state;
    expect_part("name: a\nfaults:\n  - {at_s: 1, kill: pg1, restart_after_s: 2}\n"
                "  - {at_s: 2, pause: pg1, for_s: 1}\n",
                ":4: this fault of pg1 begins before its earlier one (at 1 s) is surely over");
    expect_part("name: a\nfaults:\n  - {at_s: 1, kill: pg1}\n  - {at_s: 60, kill: pg1}\n",
                "surely over");
    /* A crash point may take two seconds to be reached: the near miss leaves room for that. */
    expect_part("name: a\nfaults:\n  - {at_s: 1, kill: serve1, at: worst, restart_after_s: 1}\n"
                "  - {at_s: 3.9, kill: serve1}\n",
                "surely over");
    expect_part("name: a\nfaults:\n  - {at_s: 1, kill: serve1, at: worst, restart_after_s: 1}\n"
                "  - {at_s: 4, kill: serve1}\n",
                "{name: a");
}

/* It is armed for a start that an earlier kill brings about, and hits as that one ends. */
static void a_step_of_starting_takes_a_kill_that_is_not_over(void **state)
{
    (void)state;
    expect_part("name: s\nfaults:\n"
                "  - {at_s: 1, kill: serve1, at: xa-decided, gather: 8, restart_after_s: 1}\n"
                "  - {at_s: 2, kill: serve1, at: xa-start-listed, gather: 3, restart_after_s: 1}\n",
                "at: xa-start-listed, gather: 3");
    expect_part("name: s\nfaults: [{at_s: 1, kill: serve1, at: xa-start-listed}]\n",
                "is passed while serve1 starts");
    expect_part("name: s\nfaults:\n"
                "  - {at_s: 1, kill: serve1, restart_after_s: 1}\n"
                "  - {at_s: 2.1, kill: serve1, at: xa-start-listed}\n",
                "is passed while serve1 starts");
    expect_part("name: s\nfaults:\n"
                "  - {at_s: 1, kill: serve1, restart_after_s: 1}\n"
                "  - {at_s: 1, kill: serve1, at: xa-start-listed, restart_after_s: 1}\n"
                "  - {at_s: 4.9, kill: serve1}\n",
                ":5: this fault of serve1 begins before its earlier one (at 1 s) is surely over");
    expect_part("name: s\nfaults:\n"
                "  - {at_s: 1, kill: serve1, restart_after_s: 1}\n"
                "  - {at_s: 1, kill: serve1, at: xa-start-listed, restart_after_s: 1}\n"
                "  - {at_s: 5, kill: serve1}\n",
                "at_s: 5, kill: serve1");
}

/* The third start is killed, too: each waits for the one before it. */
static void steps_of_starting_may_follow_each_other(void **state)
{
    (void)state;
    expect_part("name: s\nfaults:\n"
                "  - {at_s: 1, kill: serve1, at: xa-decided, restart_after_s: 1}\n"
                "  - {at_s: 1, kill: serve1, at: xa-start-fenced, restart_after_s: 1}\n"
                "  - {at_s: 1, kill: serve1, at: xa-start-listed, restart_after_s: 1}\n",
                "at: xa-start-listed, gather: 1");
    expect_part("name: s\nfaults:\n"
                "  - {at_s: 1, kill: serve1, at: xa-decided, restart_after_s: 1}\n"
                "  - {at_s: 1, kill: serve1, at: xa-start-fenced}\n"
                "  - {at_s: 1, kill: serve1, at: xa-start-listed, restart_after_s: 1}\n",
                "is passed while serve1 starts");
}

static void a_store_is_hit_while_a_doors_transactions_stand_at_a_step(void **state)
{
    const char *text =
        "{name: a, faults: [{at_s: 1, kill: pg1, at: xa-voted, gather: 8, of: serve1, "
        "restart_after_s: 2}, {at_s: 5, pause: pg2, at: worst, gather: 1, of: serve1, for_s: 1}]}";

    (void)state;
    expect(text, text);
    expect_part("name: a\nfaults: [{at_s: 1, kill: pg1, of: serve1}]\n", "of needs a crash point");
    expect_part("name: a\nfaults: [{at_s: 1, kill: pg1, at: worst, of: serve7}]\n", "serve1");
    expect_part("name: a\nfaults: [{at_s: 1, pause: pg1, at: worst}]\n", "needs `of`");
    expect_part("name: a\nfaults: [{at_s: 1, kill: pg1, at: xa-start-listed, of: serve1}]\n",
                "where nobody waits");
}

static void what_is_paused_may_be_killed_once_it_is(void **state)
{
    (void)state;
    expect_part("name: a\nfaults:\n  - {at_s: 1, pause: pg1, for_s: 3}\n"
                "  - {at_s: 2, kill: pg1, restart_after_s: 1}\n",
                "at_s: 2, kill: pg1");
    expect_part("name: a\nfaults:\n  - {at_s: 1, pause: pg1, at: worst, of: serve1, for_s: 3}\n"
                "  - {at_s: 2.9, kill: pg1, restart_after_s: 1}\n",
                "surely over");
    expect_part("name: a\nfaults:\n  - {at_s: 1, pause: pg1, for_s: 3}\n"
                "  - {at_s: 2, pause: pg1, for_s: 1}\n",
                "surely over");
}

static void too_many_faults_are_refused(void **state)
{
    struct buf text = {0};

    (void)state;
    buf_append_str(&text, "name: a\nfaults:\n");
    for (unsigned i = 0; i <= SCHEDULE_FAULTS_MAX; i++)
        buf_printf(&text, "  - {at_s: %u, pause: pg1, for_s: 0.5}\n", i);
    expect_part(buf_str(&text), "more than 32 faults");
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schedule_without_faults),
        cmocka_unit_test(what_is_printed_is_read_back_the_same),
        cmocka_unit_test(a_random_moment_is_drawn_by_the_seed_within_its_window),
        cmocka_unit_test(faults_are_sorted_by_time),
        cmocka_unit_test(a_wrong_word_gets_its_line_and_the_nearest_right_one),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(two_faults_of_one_target_must_not_overlap),
        cmocka_unit_test(a_step_of_starting_takes_a_kill_that_is_not_over),
        cmocka_unit_test(steps_of_starting_may_follow_each_other),
        cmocka_unit_test(a_store_is_hit_while_a_doors_transactions_stand_at_a_step),
        cmocka_unit_test(what_is_paused_may_be_killed_once_it_is),
        cmocka_unit_test(too_many_faults_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
