/*
 * Unit tests of loop.h: a condition, a deadline, an interruption.
 * Folder: base
 */
#include "base/clock.h"
#include "base/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct counter {
    struct event_base *base;
    unsigned n;
    unsigned enough;
};

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct counter *c = arg;

    (void)fd;
    (void)what;
    c->n++;
}

static void on_tick_interrupt(evutil_socket_t fd, short what, void *arg)
{
    struct counter *c = arg;

    (void)fd;
    (void)what;
    loop_interrupt(c->base);
}

static bool has_enough(void *arg)
{
    const struct counter *c = arg;

    return c->n >= c->enough;
}

static struct event *tick(struct counter *c, event_callback_fn callback)
{
    struct timeval tv = clock_timeval(US_PER_MS);
    struct event *event = event_new(c->base, -1, EV_PERSIST, callback, c);

    assert_non_null(event);
    assert_int_equal(event_add(event, &tv), 0);
    return event;
}

static void serves_events_until_the_condition_holds(void **state)
{
    struct counter c = {.base = loop_new(), .enough = 3};
    struct event *event = tick(&c, on_tick);

    (void)state;
    assert_int_equal(loop_until(c.base, has_enough, &c, 60 * US_PER_S), 0);
    assert_int_equal(c.n, 3);
    assert_int_equal(loop_until(c.base, has_enough, &c, 0), 0); /* holds already: no wait */
    event_free(event);
    event_base_free(c.base);
}

static void gives_up_at_the_deadline(void **state)
{
    struct counter c = {.base = loop_new(), .enough = 1};
    int64_t start = clock_now_us();

    (void)state;
    assert_int_equal(loop_until(c.base, has_enough, &c, 20 * US_PER_MS), -ETIMEDOUT);
    assert_true(clock_now_us() - start >= 20 * US_PER_MS);
    assert_int_equal(loop_for(c.base, 5 * US_PER_MS), 0);
    assert_true(clock_now_us() - start >= 25 * US_PER_MS);
    event_base_free(c.base);
}

static void an_interruption_lasts_until_it_is_taken_back(void **state)
{
    struct counter c = {.base = loop_new(), .enough = 1};
    struct event *event = tick(&c, on_tick_interrupt);

    (void)state;
    assert_int_equal(loop_until(c.base, has_enough, &c, 60 * US_PER_S), -EINTR);
    event_free(event);
    assert_int_equal(loop_for(c.base, US_PER_S), -EINTR);
    loop_resume(c.base);
    assert_int_equal(loop_for(c.base, US_PER_MS), 0);
    loop_interrupt(c.base);
    event_base_free(c.base);

    c.base = loop_new(); /* an earlier loop's interruption is not this one's */
    assert_int_equal(loop_for(c.base, US_PER_MS), 0);
    event_base_free(c.base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_events_until_the_condition_holds),
        cmocka_unit_test(gives_up_at_the_deadline),
        cmocka_unit_test(an_interruption_lasts_until_it_is_taken_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
