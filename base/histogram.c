/* Durations by powers of two: see the header. */
#include "base/histogram.h"

#include <inttypes.h>

void histogram_add(struct histogram *histogram, int64_t us)
{
    int64_t bound_us = HISTOGRAM_FIRST_US;
    unsigned i = 0;

    histogram->count++;
    histogram->sum_us += us;
    for (; i < HISTOGRAM_BUCKETS && us > bound_us; i++)
        bound_us *= 2;
    if (i < HISTOGRAM_BUCKETS) /* else only the count has it */
        histogram->bucket[i]++;
}

void histogram_print(struct buf *out, const char *name, const char *labels,
                     const struct histogram *histogram)
{
    const char *comma = *labels ? "," : "";
    const char *open = *labels ? "{" : "";
    const char *close = *labels ? "}" : "";
    int64_t bound_us = HISTOGRAM_FIRST_US;
    uint64_t sum = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        sum += histogram->bucket[i];
        buf_printf(out, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", name, labels, comma,
                   (double)bound_us / 1e6, sum);
        bound_us *= 2;
    }
    buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, labels, comma,
               histogram->count);
    buf_printf(out, "%s_sum%s%s%s %g\n", name, open, labels, close,
               (double)histogram->sum_us / 1e6);
    buf_printf(out, "%s_count%s%s%s %" PRIu64 "\n", name, open, labels, close, histogram->count);
}
