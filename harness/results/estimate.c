/* Medians and their intervals: see the header. */
#include "harness/results/estimate.h"

#include "base/mem.h"
#include "base/random.h"
#include "harness/results/result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RESAMPLES 2000
#define TAIL      (RESAMPLES / 40) /* 2.5 % at either end */
#define SEED      1

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double middle(const double *sorted, unsigned n)
{
    return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

/* Of as many draws, with putting back, from n sorted values. They are counted, not sorted. */
static double resampled_median(const double *sorted, unsigned n, struct rng *rng, unsigned *drawn)
{
    double found[2];
    unsigned below = 0, have = 0;

    memset(drawn, 0, n * sizeof *drawn);
    for (unsigned i = 0; i < n; i++)
        drawn[rng_below(rng, n)]++;
    for (unsigned i = 0; have < 2; i++) {
        below += drawn[i];
        while (have < 2 && below > (have == 0 ? (n - 1) / 2 : n / 2))
            found[have++] = sorted[i];
    }
    return (found[0] + found[1]) / 2;
}

/* How many values may stand at either side of the interval when each is, like a coin, as likely
 * below the true median as above. */
static unsigned order_statistic(unsigned n)
{
    double share = ldexp(1, -(int)n), sum = share;
    unsigned k = 0;

    while (sum <= 0.025 && k + 1 < n / 2) {
        k++;
        share *= (double)(n - k + 1) / k;
        sum += share;
    }
    return sum <= 0.025 || k == 0 ? k : k - 1;
}

static void bootstrap(const double *sorted, unsigned n, struct estimate *e)
{
    double *medians = mem_alloc_array(RESAMPLES, sizeof *medians);
    unsigned *drawn = mem_alloc_array(n, sizeof *drawn);
    unsigned outside = order_statistic(n);
    struct rng rng = rng_new(SEED, "bootstrap");

    for (unsigned i = 0; i < RESAMPLES; i++)
        medians[i] = resampled_median(sorted, n, &rng, drawn);
    qsort(medians, RESAMPLES, sizeof *medians, by_value);
    e->low = fmin(medians[TAIL - 1], sorted[outside]);
    e->high = fmax(medians[RESAMPLES - TAIL], sorted[n - 1 - outside]);
    e->is_bootstrap = true;
    free(drawn);
    free(medians);
}

void estimate_fill(double *value, unsigned n, struct estimate *ret_estimate)
{
    *ret_estimate = (struct estimate){.n = n};
    if (n == 0)
        return;
    qsort(value, n, sizeof *value, by_value);
    ret_estimate->median = middle(value, n);
    ret_estimate->low = value[0];
    ret_estimate->high = value[n - 1];
    if (n >= ESTIMATE_BOOTSTRAP_MIN)
        bootstrap(value, n, ret_estimate);
}

void estimate_of(const json_t *runs, const char *path, struct estimate *ret_estimate)
{
    double *value = mem_alloc_array(json_array_size(runs) + 1, sizeof *value); /* +1: never 0 */
    unsigned n = 0;
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run)
        n += result_number(run, path, &value[n]);
    estimate_fill(value, n, ret_estimate);
    free(value);
}

const char *estimate_words(unsigned n)
{
    if (n <= 1)
        return "One run a cell: its numbers have no interval, and may not come again.";
    if (n < ESTIMATE_BOOTSTRAP_MIN)
        return "Medians over the runs of a cell, and their range: with fewer than 6 runs there is "
               "no 95 % interval.";
    return "Medians over the runs of a cell, and their 95 % interval (bootstrap).";
}
