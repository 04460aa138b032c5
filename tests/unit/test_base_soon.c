/*
 * Calls on the loop's next turn: order, removal, adding from inside.
 * Folder: base
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/loop.h"
#include "base/soon.h"

#include <string.h>

static struct event_base *base;
static struct soon *soon;
static char heard[32];
static char a[] = "a", b[] = "b", c[] = "c", again[] = "A";
static struct soon_call call_a, call_b, call_c;

static int setup(void **state)
{
    (void)state;
    base = loop_new();
    soon = soon_new(base);
    heard[0] = '\0';
    memset(&call_a, 0, sizeof call_a);
    memset(&call_b, 0, sizeof call_b);
    memset(&call_c, 0, sizeof call_c);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    soon_free(soon);
    event_base_free(base);
    return 0;
}

static void hear(void *word)
{
    (void)strncat(heard, word, sizeof heard - strlen(heard) - 1);
}

static void one_round(void)
{
    assert_return_code(event_base_loop(base, EVLOOP_NONBLOCK), 0);
}

static void calls_come_from_the_loop_in_order(void **state)
{
    (void)state;
    soon_add(soon, &call_b, hear, b);
    soon_add(soon, &call_a, hear, a);
    assert_string_equal(heard, "");
    assert_true(soon_waits(&call_a));
    one_round();
    assert_string_equal(heard, "ba");
    assert_false(soon_waits(&call_a));
    one_round();
    assert_string_equal(heard, "ba");
}

static void a_removed_call_does_not_come(void **state)
{
    (void)state;
    soon_add(soon, &call_a, hear, a);
    soon_add(soon, &call_b, hear, b);
    soon_add(soon, &call_c, hear, c);
    soon_remove(soon, &call_b);
    soon_remove(soon, &call_b);
    one_round();
    assert_string_equal(heard, "ac");
}

static void a_call_that_waits_is_not_added_twice(void **state)
{
    (void)state;
    soon_add(soon, &call_a, hear, a);
    soon_add(soon, &call_b, hear, b);
    soon_add(soon, &call_a, hear, again);
    one_round();
    assert_string_equal(heard, "Ab");
}

static void hear_and_add(void *word)
{
    hear(word);
    soon_remove(soon, &call_b);
    soon_add(soon, &call_a, hear, again);
}

static void calls_add_and_remove_others_and_themselves(void **state)
{
    (void)state;
    soon_add(soon, &call_a, hear_and_add, a);
    soon_add(soon, &call_b, hear, b);
    soon_add(soon, &call_c, hear, c);
    one_round();
    one_round();
    assert_string_equal(heard, "acA");
}

static void an_owner_that_closes_makes_or_drops_them(void **state)
{
    (void)state;
    soon_add(soon, &call_a, hear_and_add, a);
    soon_now(soon);
    assert_string_equal(heard, "aA");
    soon_add(soon, &call_b, hear, b); /* dropped by the tear-down */
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(calls_come_from_the_loop_in_order),
        CASE(a_removed_call_does_not_come),
        CASE(a_call_that_waits_is_not_added_twice),
        CASE(calls_add_and_remove_others_and_themselves),
        CASE(an_owner_that_closes_makes_or_drops_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
