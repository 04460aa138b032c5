/*
 * What a decision log may have been told of, and what not. Folder: coordinator
 *
 * The log in words: "epoch/incarnation from its first record", then its last record.
 */
#include "coordinator/log_past.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void begin(struct log_past *past, uint64_t sequence, int64_t epoch, uint64_t incarnation)
{
    struct decision d = {
        .kind = DECISION_EPOCH, .sequence = sequence, .epoch = epoch, .incarnation = incarnation};

    log_past_note(past, &d);
    past->epoch = epoch;
}

static void go_on_to(struct log_past *past, uint64_t sequence)
{
    struct decision d = {.kind = DECISION_COMMIT, .sequence = sequence};

    log_past_note(past, &d);
}

static bool holds(const struct log_past *past, int64_t epoch, int64_t incarnation, int64_t sequence)
{
    struct store_mark mark = {.epoch = epoch, .incarnation = incarnation, .sequence = sequence};

    return log_past_holds(past, &mark);
}

/* 5/55 from 101, 6/66 from 201, last record 250 */
static struct log_past two_incarnations(void)
{
    struct log_past past = {0};

    begin(&past, 101, 5, 55);
    go_on_to(&past, 200);
    begin(&past, 201, 6, 66);
    go_on_to(&past, 230);
    begin(&past, 231, 6, 66); /* the next segment says it again */
    go_on_to(&past, 250);
    return past;
}

static void it_holds_what_it_has_written(void **state)
{
    struct log_past past = two_incarnations();

    (void)state;
    assert_true(holds(&past, 5, 55, 101));
    assert_true(holds(&past, 5, 55, 200));
    assert_true(holds(&past, 6, 66, 201));
    assert_true(holds(&past, 6, 66, 250));
    assert_true(holds(&past, 0, 0, 0)); /* never told */
    log_past_done(&past);
}

static void it_does_not_hold_what_comes_after_its_end(void **state)
{
    struct log_past past = two_incarnations();

    (void)state;
    assert_false(holds(&past, 6, 66, 251));
    assert_false(holds(&past, 7, 77, 251));
    assert_false(holds(&past, 7, 77, 1));
    log_past_done(&past);
}

/* An old copy was put back in the middle of epoch 5, and somebody went on from there. */
static void it_does_not_hold_what_an_incarnation_had_written_before_it_was_rolled_back(void **state)
{
    struct log_past past = two_incarnations();

    (void)state;
    assert_false(holds(&past, 5, 55, 201));
    assert_false(holds(&past, 6, 67, 210)); /* number 6, but another one */
    log_past_done(&past);
}

static void of_what_was_dropped_only_the_records_are_counted(void **state)
{
    struct log_past past = two_incarnations();

    (void)state;
    assert_true(holds(&past, 4, 44, 100));
    assert_false(holds(&past, 4, 44, 101));
    log_past_done(&past);
}

static void an_empty_log_holds_nothing(void **state)
{
    struct log_past past = {0};

    (void)state;
    assert_true(holds(&past, 0, 0, 0));
    assert_false(holds(&past, 1, 11, 1));
    log_past_done(&past);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_what_it_has_written),
        cmocka_unit_test(it_does_not_hold_what_comes_after_its_end),
        cmocka_unit_test(
            it_does_not_hold_what_an_incarnation_had_written_before_it_was_rolled_back),
        cmocka_unit_test(of_what_was_dropped_only_the_records_are_counted),
        cmocka_unit_test(an_empty_log_holds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
