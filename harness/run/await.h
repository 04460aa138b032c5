/*
 * await.h - wait for several asynchronous verbs that answer into the caller's frame.
 *
 * A store's verb can't be called back, but answers by its own deadline; so an interruption
 * (Ctrl-C) is remembered and told only when all have answered.
 */
#ifndef SYNCBED_HARNESS_RUN_AWAIT_H
#define SYNCBED_HARNESS_RUN_AWAIT_H

#include "base/error.h"

#include <event2/event.h>

struct await {
    unsigned n_left; /* verbs outstanding: the caller adds, each `done` takes one away */
};

/* 0, or -EINTR when loop_interrupt() was called meanwhile; in any case nothing is outstanding. */
__attribute__((warn_unused_result)) int await_all(struct event_base *base, struct await *await,
                                                  struct errctx *err);

#endif
