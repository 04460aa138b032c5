/*
 * window_use.h - what a process has used, taken at both ends of the measured window by timers of
 * the contender's event loop.
 */
#ifndef SYNCBED_BENCH_OURS_WINDOW_USE_H
#define SYNCBED_BENCH_OURS_WINDOW_USE_H

#include "bench/contender.h"

#include <event2/event.h>

struct window_use {
    struct contender_use (*now)(const void *arg);
    const void *arg;
    struct contender_use from, to;
    struct event *at_from, *at_to;
};

/* `now` and `arg` have been set; it is borrowed until window_use_done(). */
void window_use_begin(struct window_use *use, struct event_base *base,
                      const struct contender_window *window);
void window_use_done(struct window_use *use);

#endif
