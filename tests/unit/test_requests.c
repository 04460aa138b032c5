/* The memory of requests. Folder: coordinator */
#include "coordinator/requests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void the_oldest_request_is_forgotten_first(void **state)
{
    struct requests r;
    char id[REQUEST_ID_SIZE];

    (void)state;
    requests_init(&r);
    for (unsigned i = 0; i < REQUESTS_MAX + 2; i++) {
        (void)snprintf(id, sizeof id, "c1-%u", i);
        requests_remember(&r, id, OUTCOME_COMMITTED);
    }
    assert_null(requests_find(&r, "c1-1"));
    assert_non_null(requests_find(&r, "c1-2"));
    assert_int_equal(r.n_ended, REQUESTS_MAX);
    requests_done(&r);
}

static void what_is_known_is_not_overwritten(void **state)
{
    struct requests r;

    (void)state;
    requests_init(&r);
    requests_remember(&r, "c1-1", OUTCOME_COMMITTED);
    requests_remember(&r, "c1-1", OUTCOME_ABORTED); /* an earlier try of it was rolled back */
    assert_int_equal(requests_find(&r, "c1-1")->outcome, OUTCOME_COMMITTED);
    assert_int_equal(requests_find(&r, "c1-1")->level, LEVEL_DECIDED);
    requests_done(&r);
}

/* Decided, and answered so; then it turns out that one store has it otherwise. */
static void what_has_no_one_outcome_is_unknown_for_good(void **state)
{
    struct known_request k = {
        .code = CODE_NONE, .level = LEVEL_DECIDED, .outcome = OUTCOME_UNKNOWN, .mixed = true};
    enum level level = LEVEL_DECIDED;

    (void)state;
    assert_int_equal(requests_answer(&k, &level), CODE_UNKNOWN);
    assert_int_equal(level, LEVEL_NONE);
}

/* An indefinite answer is not repeated once there is a definite one. */
static void a_retry_hears_the_outcome_once_it_is_known(void **state)
{
    static const struct {
        enum code answered;
        enum outcome outcome;
        enum level level;
        enum code again;
    } cases[] = {
        {CODE_TIMEOUT, OUTCOME_PENDING, LEVEL_NONE, CODE_TIMEOUT},
        {CODE_TIMEOUT, OUTCOME_COMMITTED, LEVEL_DECIDED, CODE_NONE},
        {CODE_TIMEOUT, OUTCOME_COMMITTED, LEVEL_EVERYWHERE, CODE_NONE},
        {CODE_TIMEOUT, OUTCOME_ABORTED, LEVEL_NONE, CODE_ABORTED},
        {CODE_UNKNOWN, OUTCOME_UNKNOWN, LEVEL_NONE, CODE_UNKNOWN},
        {CODE_CONSTRAINT, OUTCOME_ABORTED, LEVEL_NONE, CODE_CONSTRAINT},
        {CODE_NONE, OUTCOME_COMMITTED, LEVEL_DECIDED, CODE_NONE},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct known_request known = {
            .code = cases[i].answered, .outcome = cases[i].outcome, .level = cases[i].level};
        enum level level;

        assert_string_equal(code_name(requests_answer(&known, &level)), code_name(cases[i].again));
        assert_string_equal(level_name(level), level_name(cases[i].level));
    }
}

/* The first, the last, one between: the others stay, and the oldest of them is the next to go. */
static void one_can_be_forgotten_out_of_turn(void **state)
{
    static const char *const id[] = {"c1-1", "c1-2", "c1-3", "c1-4"};

    (void)state;
    for (unsigned gone = 0; gone < 4; gone++) {
        struct requests r;

        requests_init(&r);
        for (unsigned i = 0; i < 4; i++)
            requests_remember(&r, id[i], OUTCOME_UNKNOWN);
        requests_forget(&r, requests_find(&r, id[gone]));
        assert_null(requests_find(&r, id[gone]));
        assert_int_equal(r.n_ended, 3);
        assert_string_equal(r.first_ended->id, id[gone == 0]);
        assert_string_equal(r.last_ended->id, id[gone == 3 ? 2 : 3]);
        assert_null(r.last_ended->next_ended);
        requests_done(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_request_is_forgotten_first),
        cmocka_unit_test(what_is_known_is_not_overwritten),
        cmocka_unit_test(one_can_be_forgotten_out_of_turn),
        cmocka_unit_test(what_has_no_one_outcome_is_unknown_for_good),
        cmocka_unit_test(a_retry_hears_the_outcome_once_it_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
