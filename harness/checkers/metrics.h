/*
 * metrics.h - the numbers of a run, beside its verdicts: docs/results.md.
 *
 * What was not measured is NAN, which becomes null in results.json; it is never 0.
 */
#ifndef SYNCBED_HARNESS_CHECKERS_METRICS_H
#define SYNCBED_HARNESS_CHECKERS_METRICS_H

#include "harness/checkers/run_data.h"
#include "model/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAMPLED_EVERY_US INT64_C(100000) /* what is sampled is known with this tolerance */
#define SILENT_US        INT64_C(300000) /* three samples missed: a sink does not answer */
#define BLOCKED_MIN_US   INT64_C(500000) /* a key without an ok for less is not called blocked */

struct op_counts {
    uint64_t invoked;
    uint64_t ok;
    uint64_t ok_decided; /* of these, acknowledged below the approach's native level */
    uint64_t fail;
    uint64_t info; /* unknown to the client; which is */
    uint64_t info_happened, info_did_not, info_unknown;
    uint64_t code[CODES]; /* fail and info by code; an operation never answered has none */
};

/* Exact order statistics; NAN where so few values say nothing (fewer than 100 have no p99). */
struct latency {
    size_t n;
    double p50_ms, p90_ms, p99_ms, p999_ms, max_ms;
};

/*
 * How long until probes were seen, from their planned time, of those that happened. Each is known
 * as an interval: `high` is of the high ends, so that no quantile is above it, and INFINITY where
 * it is of one that was never seen.
 */
struct visibility {
    struct latency high;
    double low_p50_ms, low_p99_ms; /* of the low ends: no such quantile is below it */
    size_t n_unseen;               /* of high.n, never seen until nobody looked any more */
};

struct blocked {
    unsigned keys;
    double key_s;     /* summed over keys */
    double longest_s; /* of one key */
};

struct metrics {
    struct op_counts writes;
    struct op_counts reads; /* read-only operations; no info_happened and the like */

    /* Of writes, acknowledged at the native level: from the planned time, and from the sending. */
    struct latency ack, service;
    struct latency decided; /* of writes acknowledged below that, from the planned time */
    struct latency read;    /* of reads, from the planned time */

    /* To the first of its stores, to the last, to each; n 0 without a probe. */
    struct visibility first, everywhere, visible[STORES_MAX];

    struct latency staleness; /* of reads, each at least so stale; n 0: none could be judged */
    uint64_t n_stale;         /* of these, above 0 */

    /* While the load ran, writes acknowledged at the native level, and the others. */
    double ok_per_s, ok_decided_per_s;
    double longest_gap_s;            /* in that time, without one of the native level */
    double in_doubt_s;               /* the oldest branch that was seen in doubt */
    double in_doubt_txn_s;           /* transactions in doubt, integrated over time */
    double keys_held;                /* most keys held by transactions in doubt at one time */
    double waiters_max;              /* most sessions seen waiting behind them at one store */
    double clients_waiting_max;      /* most clients waiting behind them at one time … */
    double clients_waiting_s;        /* … and summed over clients */
    double sink_lag_max;             /* records, of the furthest behind store */
    struct blocked blocked_in_doubt; /* keys that a transaction in doubt held meanwhile */
    struct blocked blocked_other;
    bool blocked_measured; /* false: nobody looked at what was in doubt to tell the two apart */

    /* From the later of last fault and last arrival. */
    double settle_s;                        /* until the scan that showed it settled */
    double converge_low_s, converge_high_s; /* until the stores agreed: between two scans */
};

/* `native`: what the approach's plain ok means. */
void metrics_compute(const struct run_data *run, enum level native, struct metrics *ret_metrics);

/* --- parts ------------------------------------------------------------------------------------ */

/* `values_ms` is sorted in place. */
struct latency latency_of(double *values_ms, size_t n);

/* `first`, `everywhere`, `visible`. */
void visible_measure(const struct run_data *run, struct metrics *ret_metrics);

/* staleness, n_stale. */
void staleness_measure(const struct run_data *run, struct metrics *ret_metrics);

/* The samples of what was in doubt, and what stores that were down must have held meanwhile. */
struct in_doubt_list {
    size_t n;                    /* 0: nobody looked */
    struct run_in_doubt *sample; /* in the order of time; of `gid`, not of run_data's */
    size_t n_gids;
    struct run_gid *gid;
};

void in_doubt_list_make(const struct run_data *run, struct in_doubt_list *ret_list);
void in_doubt_list_done(struct in_doubt_list *list);

/* in_doubt_s, in_doubt_txn_s, keys_held, waiters_max. */
void in_doubt_measure(const struct run_data *run, const struct in_doubt_list *list,
                      struct metrics *ret_metrics);

/* A key held by a transaction in doubt, for long enough to be more than one that was passing. */
struct held {
    uint32_t key;
    uint32_t op; /* by this operation's */
    int64_t from_us, to_us;
};

struct held_list {
    size_t n;
    struct held *item; /* sorted by key; owned */
};

void held_list_make(const struct run_data *run, const struct in_doubt_list *list,
                    struct held_list *ret_list);
/* The first of `key`; list->n when there is none: look at the key. */
size_t held_first(const struct held_list *list, uint32_t key);

/*
 * clients_waiting_max, clients_waiting_s: clients that wait at a living door for the answer of an
 * operation on a key that *another* transaction in doubt holds.
 */
void clients_waiting_measure(const struct run_data *run, const struct held_list *held,
                             struct metrics *ret_metrics);

/*
 * Keys without an ok for BLOCKED_MIN_US while one of their writes was outstanding at a living door:
 * between two oks of a key, the time in which some write of it waited for an answer.
 */
void blocked_measure(const struct run_data *run, const struct held_list *held,
                     struct metrics *ret_metrics);

/*
 * How long each probe that happened took until it was seen everywhere, at the latest: in no order,
 * INFINITY where it never was. ret_ms has room for run->n_probes; returns how many there are.
 */
size_t visible_everywhere(const struct run_data *run, double *ret_ms);

#endif
