/*
 * histogram.h - how long something took, counted in buckets of powers of two: for counters that are
 * read from outside (Prometheus), where the buckets of all processes must be the same.
 */
#ifndef SYNCBED_BASE_HISTOGRAM_H
#define SYNCBED_BASE_HISTOGRAM_H

#include "base/buf.h"

#include <stdint.h>

#define HISTOGRAM_FIRST_US INT64_C(16) /* the first bucket's upper bound … */
#define HISTOGRAM_BUCKETS  21          /* … and the last one's is 2^20 times that: 16.8 s */

struct histogram {
    uint64_t count;
    int64_t sum_us;
    uint64_t bucket[HISTOGRAM_BUCKETS]; /* above the bucket's before it, up to its own bound */
};

void histogram_add(struct histogram *histogram, int64_t us);

/* As Prometheus reads it, in seconds: NAME_bucket{LABELS,le="…"}, NAME_sum, NAME_count. `labels` is
 * `phase="prepare"` or "". */
void histogram_print(struct buf *out, const char *name, const char *labels,
                     const struct histogram *histogram);

#endif
