/* Straight-line code on an event loop: see the header. */
#include "base/loop.h"

#include "base/clock.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* libevent's own flags last for one round only, and an interruption has to be seen by all later. */
static const struct event_base *interrupted;

struct event_base *loop_new(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config && event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0)
        base = event_base_new_with_config(config);
    if (!base) {
        (void)fputs("syncbed: no event loop: out of memory or descriptors\n", stderr);
        abort();
    }
    event_config_free(config);
    if (interrupted == base) /* of an earlier loop at this address */
        interrupted = NULL;
    return base;
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    *(bool *)arg = true;
}

int loop_until(struct event_base *base, bool (*done)(void *arg), void *arg, int64_t timeout_us)
{
    struct timeval timeout = clock_timeval(timeout_us);
    bool expired = timeout_us <= 0;
    struct event timer;
    int r = 0;

    if (evtimer_assign(&timer, base, on_deadline, &expired) < 0 ||
        evtimer_add(&timer, &timeout) < 0)
        return -ENOMEM;
    for (;;) {
        if (interrupted == base) {
            r = -EINTR;
            break;
        }
        if (done(arg))
            break;
        if (expired) {
            r = -ETIMEDOUT;
            break;
        }
        if (event_base_loop(base, EVLOOP_ONCE) < 0) {
            r = -EIO;
            break;
        }
    }
    (void)evtimer_del(&timer); /* cannot fail: it was assigned */
    return r;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

int loop_for(struct event_base *base, int64_t duration_us)
{
    int r = loop_until(base, never, NULL, duration_us);

    return r == -ETIMEDOUT ? 0 : r;
}

void loop_interrupt(struct event_base *base)
{
    interrupted = base;
    (void)event_base_loopbreak(base); /* fails for no base only */
}

void loop_resume(struct event_base *base)
{
    if (interrupted == base)
        interrupted = NULL;
}
