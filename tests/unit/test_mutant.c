/*
 * Whether a run has shown that a mistake is noticed: an invalid verdict counts only if the mistake
 * was made and its fault hit somebody; and the table of mistakes itself.
 *
 * Folder: harness
 */
#include "harness/results/mutant.h"

#include "harness/checkers/checkers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RUN(times, gathered, skipped, verdict)                                                     \
    "{\"finished\":true,\"ended\":[],\"break\":{\"verdict\":\"atomicity\",\"times\":" times "},"   \
    "\"faults\":[{\"skipped\":\"" skipped "\",\"point\":\"xa-logging\",\"gather\":8,"              \
    "\"gathered\":" gathered "}],"                                                                 \
    "\"verdicts\":{\"atomicity\":{\"verdict\":\"" verdict "\",\"promised\":true}}}"

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);

    assert_non_null(json);
    return json;
}

static void expect(const char *text, const char *word)
{
    json_t *run = parse(text);

    assert_string_equal(mutant_word(mutant_judge(run)), word);
    json_decref(run);
}

static void caught_is_made_and_hit_and_invalid(void **state)
{
    (void)state;
    expect(RUN("17", "8", "", "invalid"), "caught");
    expect(RUN("17", "3", "", "invalid"), "caught"); /* fewer than asked for, but somebody */
    expect(RUN("17", "8", "", "valid"), "MISSED");
    expect(RUN("17", "8", "", "unknown"), "unknown");
}

/* Whatever the verdict says: it was not about this mistake. */
static void what_was_not_made_is_not_exercised(void **state)
{
    (void)state;
    expect(RUN("0", "8", "", "invalid"), "not exercised");
    expect(RUN("17", "0", "", "invalid"), "not exercised");
    expect(RUN("17", "null", "", "valid"), "not exercised");
    expect(RUN("17", "8", "it was not running", "invalid"), "not exercised");
}

static void a_run_that_broke_off_shows_nothing(void **state)
{
    (void)state;
    expect("{\"finished\":false}", "unknown");
}

static void expect_clean(const char *verdict, const char *promised, enum clean_word word)
{
    static const struct approach_break broken = {1, "x", "y", "atomicity"};
    char text[512];
    json_t *run;

    (void)snprintf(text, sizeof text,
                   "{\"finished\":true,\"ended\":[],\"faults\":[],\"verdicts\":{\"atomicity\":"
                   "{\"verdict\":\"%s\",\"promised\":%s}}}",
                   verdict, promised);
    run = parse(text);
    assert_int_equal(mutant_judge_clean(run, &broken), word);
    json_decref(run);
}

static void without_it_nothing_may_be_found(void **state)
{
    (void)state;
    expect_clean("valid", "true", CLEAN);
    expect_clean("not exercised", "false", CLEAN);
    expect_clean("invalid", "true", CLEAN_FALSE_ALARM);
    expect_clean("invalid", "false", CLEAN_FALSE_ALARM); /* the verdict that it is all about */
    expect_clean("unknown", "true", CLEAN_UNKNOWN);
}

/* What hit nobody has not shown that the schedule raises no alarm. */
static void without_its_fault_a_run_is_not_clean(void **state)
{
    static const struct approach_break broken = {1, "x", "y", "atomicity"};
    static const struct {
        const char *run;
        enum clean_word word;
    } cases[] = {{RUN("0", "8", "", "valid"), CLEAN},
                 {RUN("0", "3", "", "valid"), CLEAN},
                 {RUN("0", "0", "", "valid"), CLEAN_UNKNOWN},
                 {RUN("0", "8", "it was not running", "valid"), CLEAN_UNKNOWN},
                 {RUN("0", "0", "", "invalid"), CLEAN_FALSE_ALARM}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *run = parse(cases[i].run);

        assert_int_equal(mutant_judge_clean(run, &broken), cases[i].word);
        json_decref(run);
    }
}

static void exposure_names_each_crash_point(void **state)
{
    json_t *run = parse(RUN("1", "8", "", "valid"));
    struct buf text = {0};

    (void)state;
    mutant_exposure(&text, run);
    assert_string_equal(buf_str(&text), "8 of 8 at xa-logging");
    buf_done(&text);
    json_decref(run);
}

static bool has_checker(const char *name)
{
    for (unsigned i = 0; i < CHECKERS; i++) {
        if (strcmp(checker_table[i].name, name) == 0)
            return true;
    }
    return false;
}

/* At least ten, each with a verdict that exists and a name of its own. */
static void the_table_of_mistakes_is_whole(void **state)
{
    unsigned n = 0;

    (void)state;
    for (unsigned a = 0; a < approach_count(); a++) {
        const struct approach *approach = approach_at(a);

        for (unsigned b = 0; b < approach->n_breaks; b++, n++) {
            const struct approach_break *broken = &approach->breaks[b];

            assert_true(has_checker(broken->verdict));
            assert_true(strlen(broken->sentence) > 0);
            assert_ptr_equal(approach_break(approach, broken->name), broken);
            assert_int_equal(approach_break_number(approach, broken->name), b + 1);
            for (unsigned other = a + 1; other < approach_count(); other++)
                assert_null(approach_break(approach_at(other), broken->name));
        }
    }
    assert_true(n >= 10);
    assert_null(approach_break(approach_find("xa"), NULL));
    assert_int_equal(approach_break_number(approach_find("xa"), "magic"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(caught_is_made_and_hit_and_invalid),
        cmocka_unit_test(what_was_not_made_is_not_exercised),
        cmocka_unit_test(a_run_that_broke_off_shows_nothing),
        cmocka_unit_test(without_it_nothing_may_be_found),
        cmocka_unit_test(without_its_fault_a_run_is_not_clean),
        cmocka_unit_test(exposure_names_each_crash_point),
        cmocka_unit_test(the_table_of_mistakes_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
