/*
 * pace.h - the planned times of an open loop: constant or Poisson arrivals, at one rate, by steps,
 * or on a ramp.
 *
 * All are one mechanism: the expected number of arrivals up to a time is a rising curve, made of
 * pieces whose rate is a line. Arrivals stand where that number reaches the next of a sequence: 0,
 * 1, 2 … (constant), or the sums of exponential gaps of mean 1 (Poisson; Cinlar 1975:
 * time-rescaled).
 */
#ifndef SYNCBED_HARNESS_WORKLOAD_PACE_H
#define SYNCBED_HARNESS_WORKLOAD_PACE_H

#include "harness/workload/workload.h"

#include <stdbool.h>
#include <stdint.h>

struct pace {
    const struct workload *workload; /* borrowed */
    unsigned piece;                  /* the one we are in */
    double passed;                   /* arrivals expected before it */
    double wanted;                   /* the expected number at the last arrival */
};

void pace_init(struct pace *pace, const struct workload *workload);

/* Go on by `step` expected arrivals. False: the load is over by then. */
bool pace_next(struct pace *pace, double step, int64_t *ret_at_us);

#endif
