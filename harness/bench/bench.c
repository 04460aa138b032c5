/* Tables and JSON of benchmarks; see the header. */
#include "harness/bench/bench.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct bench_row *bench_find(const struct bench *bench, const char *scenario,
                                   const char *metric)
{
    for (unsigned i = 0; i < bench->n; i++) {
        const struct bench_row *row = &bench->row[i];

        if (strcmp(row->scenario, scenario) == 0 && strcmp(row->metric, metric) == 0)
            return row;
    }
    return NULL;
}

static struct bench_row *find_or_add(struct bench *bench, const char *scenario, const char *metric)
{
    const struct bench_row *found = bench_find(bench, scenario, metric);
    struct bench_row *row = &bench->row[found ? found - bench->row : bench->n];

    if (found)
        return row;
    assert(bench->n < BENCH_ROWS_MAX);
    bench->n++;
    *row = (struct bench_row){.metric = metric};
    (void)snprintf(row->scenario, sizeof row->scenario, "%s", scenario);
    return row;
}

void bench_add(struct bench *bench, const char *scenario, const char *metric, double value)
{
    struct bench_row *row;

    if (isnan(value))
        return;
    row = find_or_add(bench, scenario, metric);
    assert(row->n < BENCH_REPEATS_MAX);
    row->value[row->n++] = value;
}

void bench_compare(struct bench *bench, const char *scenario, const char *floor, const char *peer)
{
    for (unsigned i = 0; i < bench->n; i++) {
        struct bench_row *row = &bench->row[i];

        if (strcmp(row->scenario, scenario) != 0)
            continue;
        (void)snprintf(row->floor, sizeof row->floor, "%s", floor);
        (void)snprintf(row->peer, sizeof row->peer, "%s", peer);
    }
}

/* --- numbers ---------------------------------------------------------------------------------- */

struct summary {
    double median, min, max;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static struct summary summarise(const double *value, unsigned n)
{
    double sorted[BENCH_REPEATS_MAX];

    assert(n > 0);
    memcpy(sorted, value, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    return (struct summary){.median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2,
                            .min = sorted[0],
                            .max = sorted[n - 1]};
}

double bench_median(const struct bench_row *row)
{
    return summarise(row->value, row->n).median;
}

double bench_ratio(const struct bench *bench, const struct bench_row *row, const char *scenario)
{
    const struct bench_row *other = bench_find(bench, scenario, row->metric);
    double ratio[BENCH_REPEATS_MAX];
    unsigned n = 0;

    for (unsigned i = 0; other && i < row->n && i < other->n; i++) {
        if (other->value[i] != 0)
            ratio[n++] = row->value[i] / other->value[i];
    }
    return n > 0 ? summarise(ratio, n).median : NAN;
}

/* --- output ----------------------------------------------------------------------------------- */

void bench_show(FILE *to, const struct bench *bench)
{
    (void)fprintf(to, "%-8s %-24s %-16s %12s %12s %12s %8s\n", "bench", "case", "metric", "median",
                  "min", "max", "repeats");
    for (unsigned i = 0; i < bench->n; i++) {
        const struct bench_row *row = &bench->row[i];
        struct summary s = summarise(row->value, row->n);
        int digits = s.median < 100 ? 3 : 0;

        (void)fprintf(to, "%-8s %-24s %-16s %12.*f %12.*f %12.*f %8u\n", bench->name, row->scenario,
                      row->metric, digits, s.median, digits, s.min, digits, s.max, row->n);
    }
}

static json_t *real_or_null(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static double median_of(const struct bench *bench, const char *scenario, const char *metric)
{
    const struct bench_row *row = bench_find(bench, scenario, metric);

    return row ? bench_median(row) : NAN;
}

static json_t *row_json(const struct bench *bench, const struct bench_row *row)
{
    struct summary s = summarise(row->value, row->n);

    return json_pack("{s:s,s:s,s:s,s:f,s:f,s:f,s:o,s:o,s:o,s:o,s:i}", "bench", bench->name, "case",
                     row->scenario, "metric", row->metric, "value", s.median, "min", s.min, "max",
                     s.max, "floor", real_or_null(median_of(bench, row->floor, row->metric)),
                     "peer", real_or_null(median_of(bench, row->peer, row->metric)), "to_floor",
                     real_or_null(bench_ratio(bench, row, row->floor)), "to_peer",
                     real_or_null(bench_ratio(bench, row, row->peer)), "repeats", (int)row->n);
}

json_t *bench_json(const struct bench *bench)
{
    json_t *rows = json_array();

    for (unsigned i = 0; i < bench->n; i++)
        json_array_append_new(rows, row_json(bench, &bench->row[i]));
    return rows;
}
