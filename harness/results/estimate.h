/*
 * estimate.h - one number over the repeats of a cell: its median, and how far that can be trusted.
 *
 * From 6 runs on the interval is a percentile bootstrap of the median (Efron & Tibshirani, An
 * Introduction to the Bootstrap, 1993, ch. 13): 2000 resamples, always of the same seed, so that
 * the same runs give the same interval. For few runs it is too narrow (7 of them: 88 %), so it is
 * widened to the order statistics between which the median lies with 95 % whatever the distribution
 * (David & Nagaraja, Order Statistics, 2003, ch. 7). With fewer no interval reaches 95 %: even the
 * widest, from the least to the greatest, misses the median with probability 2^(1-n), which is 6 %
 * at 5. Then that range is what is told, under that name.
 */
#ifndef SYNCBED_HARNESS_RESULTS_ESTIMATE_H
#define SYNCBED_HARNESS_RESULTS_ESTIMATE_H

#include <jansson.h>
#include <stdbool.h>

#define ESTIMATE_BOOTSTRAP_MIN 6

struct estimate {
    unsigned n; /* runs in which it was measured; 0: nothing is known */
    double median;
    double low, high;  /* of the interval, or of the runs */
    bool is_bootstrap; /* low and high are those of the 95 % interval */
};

/* `value` has `n` numbers and gets sorted; n may be 0. */
void estimate_fill(double *value, unsigned n, struct estimate *ret_estimate);

/* Of the numbers at a dotted path (result.h) in an array of runs. */
void estimate_of(const json_t *runs, const char *path, struct estimate *ret_estimate);

/* What the intervals of cells with as many runs are, in a sentence for a legend. */
const char *estimate_words(unsigned n);

#endif
