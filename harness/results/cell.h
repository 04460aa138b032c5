/*
 * cell.h - what the runs of one variant of an approach under one schedule come to: a mark, and what
 * is worth telling about them, as data. table_cell.c puts it into words for the terminal,
 * report/story.c for the page.
 *
 * A cell may have several runs (seeds, repeats). Its mark is that of the worst, so that no anomaly
 * hides behind an average; its violations are ranges over all of them, its latencies medians with
 * an interval.
 */
#ifndef SYNCBED_HARNESS_RESULTS_CELL_H
#define SYNCBED_HARNESS_RESULTS_CELL_H

#include "harness/checkers/checkers.h"
#include "harness/results/estimate.h"

#include <jansson.h>
#include <stdbool.h>

enum cell_mark {
    MARK_AGREE,         /* every verdict that was judged is valid */
    MARK_PASSING,       /* the same; in passing, readers saw what was not promised either */
    MARK_NOT_EXERCISED, /* no more than that, but a fault was skipped or did not gather all it was
                           to */
    MARK_ANOMALIES,     /* something invalid that was not promised either, and that stays */
    MARK_UNKNOWN, /* a promised verdict could not be given, a run did not finish or was not clean */
    MARK_BROKEN,  /* a promise was broken */
    MARKS
};

/* Of an element of `runs`: the worst of its verdicts. */
enum cell_mark cell_mark_of(const json_t *run);

struct cell_range {
    unsigned n; /* runs in which it was measured; 0: nothing is known */
    double low, high;
};

enum cell_fact {
    FACT_ANOMALY,    /* count: violations that `checker` found */
    FACT_UNTRIED,    /* count: promises that nothing in any run could have broken */
    FACT_IN_DOUBT,   /* count: keys blocked by a transaction in doubt; seconds: the longest */
    FACT_STUCK,      /* count: keys blocked otherwise; seconds: the longest */
    FACT_GAP,        /* seconds: without an acknowledged write */
    FACT_THROUGHOUT, /* there were faults, and no such gap */
    FACT_SKIPPED,    /* a fault did not happen: why */
    FACT_GATHERED,   /* count: transactions caught at the crash point; of: that were to be */
    FACT_REFUSED,    /* count: writes that failed; of: writes */
    FACT_UNANSWERED, /* count: writes that stayed unknown to the client */
    FACT_LAG,        /* count: records that a store was behind the log */
    FACTS
};

struct cell_phrase {
    enum cell_fact fact;
    struct cell_range count;
    struct cell_range of;
    struct cell_range seconds;
    const struct checker *checker; /* FACT_ANOMALY, and then: */
    bool promised;                 /* it broke a promise */
    const json_t *seen;            /* the first run with an example of it; NULL: none has one */
    bool alone;                    /* FACT_IN_DOUBT: no other key was blocked */
    bool caught_up;                /* FACT_LAG: the stores came to rest, and agree */
    const char *why;               /* FACT_SKIPPED */
};

#define CELL_PHRASES_MAX (CHECKERS + FACTS)

struct cell {
    unsigned n_runs; /* 0: nothing below is set */
    unsigned n_unfinished;
    const char *ended;   /* a role or server that ended by itself; NULL: none did */
    const json_t *worst; /* the first of the worst runs; borrowed from the results */
    enum cell_mark mark; /* its mark */
    unsigned n_promises; /* that were judged and exercised */
    unsigned n_phrases;  /* in the order in which to tell them */
    struct cell_phrase phrase[CELL_PHRASES_MAX];
    struct estimate p50_ms, p99_ms; /* of acknowledgements */
};

/* The runs of a cell, an array of the caller's. */
json_t *cell_runs(const json_t *results, const char *variant, const char *schedule);

/* How many runs the cell with the most of them has. */
unsigned cell_runs_most(const json_t *results);

/* ret_cell keeps pointers into `results`. */
void cell_fill(const json_t *results, const char *variant, const char *schedule,
               struct cell *ret_cell);

/* Does the cell say that this checker found something? */
bool cell_has_anomaly(const struct cell *cell, const char *checker);

/* "12", or "9–14" when they differ; `digits` behind the point. Of a range that was measured. */
#define CELL_RANGE_SIZE 80
void cell_range_text(const struct cell_range *range, int digits, char ret_text[CELL_RANGE_SIZE]);

#endif
