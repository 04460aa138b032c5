/*
 * bench.h - what a benchmark measured: a table for people, bench.json for programs.
 *
 * bench.json is a list of rows, DESIGN.md §10:
 *   {"bench":"load","case":"null/5000","metric":"p50_ms","value":0.07,"min":0.07,"max":0.08,
 *    "floor":null,"peer":null,"to_floor":null,"to_peer":null,"repeats":5}
 * `value` is the median over the repeats. What was not measured is null.
 */
#ifndef SYNCBED_HARNESS_BENCH_BENCH_H
#define SYNCBED_HARNESS_BENCH_BENCH_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define BENCH_REPEATS_MAX 16
#define BENCH_ROWS_MAX    64

/* One number, measured several times. */
struct bench_row {
    const char *scenario; /* "case" in bench.json */
    const char *metric;
    unsigned n;
    double value[BENCH_REPEATS_MAX]; /* in the order measured */
};

struct bench {
    const char *name;
    unsigned n;
    struct bench_row row[BENCH_ROWS_MAX];
};

/* One more value of a row, made if need be. The names are not copied. */
void bench_add(struct bench *bench, const char *scenario, const char *metric, double value);

void bench_show(FILE *to, const struct bench *bench);

/* The list of rows, the caller's. */
json_t *bench_json(const struct bench *bench);

/* --- the benchmarks: each adds its rows --------------------------------------------------------
 */

/*
 * The harness itself: its load generator against `serve --approach null`, as fast as they can and
 * at 5000 operations a second, and its checkers over a history of a million operations.
 * `folder` exists; what is left in it may be removed.
 */
__attribute__((warn_unused_result)) int bench_load(const char *folder, bool quick,
                                                   struct bench *bench, struct errctx *err);

#endif
