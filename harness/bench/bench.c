/* Tables and JSON of benchmarks; see the header. */
#include "harness/bench/bench.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct bench_row *find_row(struct bench *bench, const char *scenario, const char *metric)
{
    for (unsigned i = 0; i < bench->n; i++) {
        struct bench_row *row = &bench->row[i];

        if (strcmp(row->scenario, scenario) == 0 && strcmp(row->metric, metric) == 0)
            return row;
    }
    assert(bench->n < BENCH_ROWS_MAX);
    bench->row[bench->n] = (struct bench_row){.scenario = scenario, .metric = metric};
    return &bench->row[bench->n++];
}

void bench_add(struct bench *bench, const char *scenario, const char *metric, double value)
{
    struct bench_row *row = find_row(bench, scenario, metric);

    assert(row->n < BENCH_REPEATS_MAX);
    row->value[row->n++] = value;
}

struct summary {
    double median, min, max;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static struct summary summarise(const struct bench_row *row)
{
    double sorted[BENCH_REPEATS_MAX];
    unsigned n = row->n;

    assert(n > 0);
    memcpy(sorted, row->value, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    return (struct summary){.median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2,
                            .min = sorted[0],
                            .max = sorted[n - 1]};
}

void bench_show(FILE *to, const struct bench *bench)
{
    (void)fprintf(to, "%-8s %-16s %-16s %12s %12s %12s %8s\n", "bench", "case", "metric", "median",
                  "min", "max", "repeats");
    for (unsigned i = 0; i < bench->n; i++) {
        const struct bench_row *row = &bench->row[i];
        struct summary s = summarise(row);
        int digits = s.median < 100 ? 3 : 0;

        (void)fprintf(to, "%-8s %-16s %-16s %12.*f %12.*f %12.*f %8u\n", bench->name, row->scenario,
                      row->metric, digits, s.median, digits, s.min, digits, s.max, row->n);
    }
}

json_t *bench_json(const struct bench *bench)
{
    json_t *rows = json_array();

    for (unsigned i = 0; i < bench->n; i++) {
        const struct bench_row *row = &bench->row[i];
        struct summary s = summarise(row);

        json_array_append_new(rows,
                              json_pack("{s:s,s:s,s:s,s:f,s:f,s:f,s:n,s:n,s:n,s:n,s:i}", "bench",
                                        bench->name, "case", row->scenario, "metric", row->metric,
                                        "value", s.median, "min", s.min, "max", s.max, "floor",
                                        "peer", "to_floor", "to_peer", "repeats", (int)row->n));
    }
    return rows;
}
