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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_request_is_forgotten_first),
        cmocka_unit_test(what_is_known_is_not_overwritten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
