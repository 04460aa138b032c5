/*
 * bench.h - what a benchmark measured: a table for people, bench.json for programs.
 *
 * bench.json is a list of rows:
 *   {"bench":"2pc","case":"default/8","metric":"tps","value":3700,"min":3650,"max":3810,
 *    "floor":3800,"peer":2900,"to_floor":0.97,"to_peer":1.28,"repeats":5}
 * `value`, `floor` and `peer` are medians over the repeats, `to_floor` and `to_peer` medians of the
 * ratios of each repeat: what was measured one after the other is compared, so that a machine which
 * is slow for a while is slow for both. What was not measured is null.
 */
#ifndef SYNCBED_HARNESS_BENCH_BENCH_H
#define SYNCBED_HARNESS_BENCH_BENCH_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define BENCH_REPEATS_MAX 16
#define BENCH_ROWS_MAX    512
#define BENCH_NAME_SIZE   40

/* One number, measured several times. */
struct bench_row {
    char scenario[BENCH_NAME_SIZE]; /* "case" in bench.json */
    const char *metric;
    char floor[BENCH_NAME_SIZE]; /* the scenarios that it is compared with; "": none */
    char peer[BENCH_NAME_SIZE];
    unsigned n;
    double value[BENCH_REPEATS_MAX]; /* in the order measured */
};

struct bench {
    const char *name;
    unsigned n;
    struct bench_row row[BENCH_ROWS_MAX];
};

/* One more value of a row, made if need be; `metric` is not copied. NAN is not measured: no row. */
void bench_add(struct bench *bench, const char *scenario, const char *metric, double value);

/* Compare each metric of a scenario with the same of two others, which may come later or never.
 * "": with none. */
void bench_compare(struct bench *bench, const char *scenario, const char *floor, const char *peer);

const struct bench_row *bench_find(const struct bench *bench, const char *scenario,
                                   const char *metric); /* or NULL */

/* The median over the repeats. */
double bench_median(const struct bench_row *row);

/* The median of the ratios to the same metric of `scenario`; NAN: not measured. */
double bench_ratio(const struct bench *bench, const struct bench_row *row, const char *scenario);

void bench_show(FILE *to, const struct bench *bench);

/* The list of rows, the caller's. */
json_t *bench_json(const struct bench *bench);

/* --- the benchmarks: each adds its rows --------------------------------------------------------
 */

struct bench_options {
    const char *folder; /* exists; what is left in it may be removed */
    bool quick;
    const char *only;      /* the scenarios that begin with it; NULL: all */
    unsigned soak_minutes; /* 2pc: only that; 0: not */
};

/*
 * The harness itself: its load generator against `serve --approach null`, as fast as they can and
 * at 5000 operations a second, and its checkers over a history of a million operations.
 */
__attribute__((warn_unused_result)) int bench_load(const struct bench_options *options,
                                                   struct bench *bench, struct errctx *err);

/* Two-phase commit against its floors and its peers; bench_two_phase_show() is its table. */
__attribute__((warn_unused_result)) int bench_two_phase(const struct bench_options *options,
                                                        struct bench *bench, struct errctx *err);
void bench_two_phase_show(FILE *to, const struct bench *bench);

#endif
