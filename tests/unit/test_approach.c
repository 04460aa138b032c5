/*
 * The table of approaches and their settings: names that can be found, wrong ones answered with the
 * nearest right one, and every row complete enough for those who only read the table.
 *
 * Folder: approaches
 */
#include "approaches/approach.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* docs/results.md */
static const char *const verdicts[] = {
    "durability", "atomicity",    "ghosts",      "duplicates",       "convergence",
    "order",      "real-time",    "fractured",   "read-your-writes", "monotonic-reads",
    "staleness",  "serializable", "conservation"};

static const struct setting_info infos[] = {
    {"order", {"sequential", "parallel"}, "one after the other, or all at once"},
    {"journal", {"on", "off"}, "for benches"},
};

static bool is_verdict(const char *name)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        if (strcmp(verdicts[i], name) == 0)
            return true;
    }
    return false;
}

static void every_row_is_found_by_its_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < approach_count(); i++)
        assert_ptr_equal(approach_find(approach_at(i)->name), approach_at(i));
    assert_null(approach_find("magic"));
}

static void every_row_is_complete(void **state)
{
    (void)state;
    for (unsigned i = 0; i < approach_count(); i++) {
        const struct approach *approach = approach_at(i);

        assert_non_null(approach->summary);
        assert_non_null(approach->open);
        assert_non_null(approach->submit);
        assert_non_null(approach->status);
        assert_non_null(approach->in_flight);
        assert_non_null(approach->close);
        assert_true(approach->ops & UINT32_C(1) << OP_WRITE);
        assert_true(approach->n_settings <= SETTINGS_MAX);
        if (approach->worst != CRASH_NONE)
            assert_string_equal(crash_point_info(approach->worst)->approach, approach->name);
        for (unsigned p = 0; approach->promise[p].verdict; p++)
            assert_true(is_verdict(approach->promise[p].verdict));
    }
}

static void dual_promises_no_more_than_it_keeps(void **state)
{
    const struct approach *dual = approach_find("dual");

    (void)state;
    assert_non_null(approach_promise(dual, "durability"));
    assert_null(approach_promise(dual, "atomicity"));
    assert_null(approach_promise(dual, "convergence"));
    assert_null(approach_promise(dual, "order"));
}

static void settings_begin_with_their_first_value(void **state)
{
    struct settings s;

    (void)state;
    settings_init(&s, infos, 2);
    assert_string_equal(settings_get(&s, "order"), "sequential");
    assert_string_equal(settings_get(&s, "journal"), "on");
}

static void a_setting_takes_the_values_of_its_list(void **state)
{
    struct settings s;
    struct errctx err = {0};

    (void)state;
    settings_init(&s, infos, 2);
    assert_int_equal(settings_set(&s, "order", "parallel", &err), 0);
    assert_string_equal(settings_get(&s, "order"), "parallel");
    assert_int_equal(settings_set(&s, "order", "paralel", &err), -EINVAL);
    assert_string_equal(err.message, "order: \"paralel\" is not a value of it; did you mean "
                                     "\"parallel\"?");
    assert_string_equal(settings_get(&s, "order"), "parallel");
}

static void an_unknown_setting_is_answered_with_the_nearest(void **state)
{
    struct settings s;
    struct errctx err = {0};

    (void)state;
    settings_init(&s, infos, 2);
    assert_int_equal(settings_set(&s, "ordr", "parallel", &err), -EINVAL);
    assert_string_equal(err.message, "unknown setting \"ordr\"; did you mean \"order\"?");
    assert_int_equal(settings_set(&s, "colour", "blue", &err), -EINVAL);
    assert_string_equal(err.message, "unknown setting \"colour\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_found_by_its_name),
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(dual_promises_no_more_than_it_keeps),
        cmocka_unit_test(settings_begin_with_their_first_value),
        cmocka_unit_test(a_setting_takes_the_values_of_its_list),
        cmocka_unit_test(an_unknown_setting_is_answered_with_the_nearest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
