/* Two timers: see the header. */
#include "bench/ours/window_use.h"

#include "base/clock.h"

static void window_begins(evutil_socket_t fd, short what, void *arg)
{
    struct window_use *use = arg;

    (void)fd;
    (void)what;
    use->from = use->now(use->arg);
}

static void window_ends(evutil_socket_t fd, short what, void *arg)
{
    struct window_use *use = arg;

    (void)fd;
    (void)what;
    use->to = use->now(use->arg);
}

static struct event *call_at(struct event_base *base, event_callback_fn call,
                             struct window_use *use, int64_t at_us)
{
    struct timeval delay = clock_timeval(at_us - clock_now_us());
    struct event *event = evtimer_new(base, call, use);

    if (!event || evtimer_add(event, &delay) < 0)
        contender_fail("out of memory");
    return event;
}

void window_use_begin(struct window_use *use, struct event_base *base,
                      const struct contender_window *window)
{
    use->at_from = call_at(base, window_begins, use, window->from_us);
    use->at_to = call_at(base, window_ends, use, window->to_us);
}

void window_use_done(struct window_use *use)
{
    event_free(use->at_from);
    event_free(use->at_to);
}
