/*
 * backoff.h - how long to wait before a store is asked again: 50 ms, doubled each time, at most 1
 * s.
 *
 * No jitter: a coordinator has at most COORDINATOR_INFLIGHT_MAX transactions to send again, over
 * sessions that queue.
 */
#ifndef SYNCBED_COORDINATOR_BACKOFF_H
#define SYNCBED_COORDINATOR_BACKOFF_H

#include <stdint.h>

#define BACKOFF_FIRST_US INT64_C(50000)
#define BACKOFF_MAX_US   INT64_C(1000000)

/* The delay after the failure that `n_before` others went before. */
static inline int64_t backoff_delay_us(unsigned n_before)
{
    int64_t delay_us = BACKOFF_FIRST_US;

    while (n_before-- > 0 && delay_us < BACKOFF_MAX_US)
        delay_us *= 2;
    return delay_us < BACKOFF_MAX_US ? delay_us : BACKOFF_MAX_US;
}

#endif
