/* Counting, latencies and times of a run: see the header. */
#include "harness/checkers/metrics.h"

#include "base/clock.h"
#include "base/mem.h"
#include "harness/workload/names.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double ms(int64_t us)
{
    return (double)us / (double)US_PER_MS;
}

static double seconds(int64_t us)
{
    return (double)us / (double)US_PER_S;
}

/* --- counts ----------------------------------------------------------------------------------- */

static bool is_native(const struct history_op *h, enum level native)
{
    return h->level >= native;
}

static void count_write(const struct run_data *run, size_t op, enum level native,
                        struct op_counts *counts)
{
    const struct history_op *h = &run->history.op[op];

    switch (run_op_fate(run, op)) {
    case FATE_OK:
        counts->ok++;
        counts->ok_decided += !is_native(h, native);
        return;
    case FATE_FAIL:
        counts->fail++;
        counts->code[h->code]++;
        return;
    case FATE_HAPPENED:
        counts->info_happened++;
        break;
    case FATE_DID_NOT:
        counts->info_did_not++;
        break;
    case FATE_UNKNOWN:
    case FATES:
        counts->info_unknown++;
        break;
    }
    counts->info++;
    counts->code[h->code] += h->end == HISTORY_INFO;
}

static void count_read(const struct history_op *h, struct op_counts *counts)
{
    counts->ok += h->end == HISTORY_OK;
    counts->fail += h->end == HISTORY_FAIL;
    counts->info += h->end == HISTORY_INFO || h->end == HISTORY_OPEN;
    if (h->end == HISTORY_FAIL || h->end == HISTORY_INFO)
        counts->code[h->code]++;
}

static void count_ops(const struct run_data *run, enum level native, struct metrics *m)
{
    for (size_t i = 0; i < run->history.n; i++) {
        if (run_op_writes(run, i)) {
            m->writes.invoked++;
            count_write(run, i, native, &m->writes);
        } else {
            m->reads.invoked++;
            count_read(&run->history.op[i], &m->reads);
        }
    }
}

/* --- latencies -------------------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The smallest value that a share q of all do not exceed; NAN when fewer than one lies above. */
static double quantile(const double *sorted, size_t n, double q)
{
    size_t rank = (size_t)ceil(q * (double)n - 1e-9);

    if ((1 - q) * (double)n < 1 - 1e-9)
        return NAN;
    return sorted[rank > 0 ? rank - 1 : 0];
}

struct latency latency_of(double *values_ms, size_t n)
{
    struct latency l = {.n = n, NAN, NAN, NAN, NAN, NAN};

    if (n == 0)
        return l;
    qsort(values_ms, n, sizeof *values_ms, compare_doubles);
    l.p50_ms = quantile(values_ms, n, 0.5);
    l.p90_ms = quantile(values_ms, n, 0.9);
    l.p99_ms = quantile(values_ms, n, 0.99);
    l.p999_ms = quantile(values_ms, n, 0.999);
    l.max_ms = values_ms[n - 1];
    return l;
}

static void measure_latencies(const struct run_data *run, enum level native, struct metrics *m)
{
    double *ack = mem_alloc_array(run->history.n, sizeof *ack);
    double *service = mem_alloc_array(run->history.n, sizeof *service);
    double *decided = mem_alloc_array(run->history.n, sizeof *decided);
    double *read = mem_alloc_array(run->history.n, sizeof *read);
    size_t n_ack = 0, n_decided = 0, n_read = 0;

    for (size_t i = 0; i < run->history.n; i++) {
        const struct history_op *h = &run->history.op[i];
        double planned_ms = ms(h->ended_us - h->planned_us);

        if (h->end != HISTORY_OK)
            continue;
        if (!run_op_writes(run, i)) {
            read[n_read++] = planned_ms;
        } else if (!is_native(h, native)) {
            decided[n_decided++] = planned_ms;
        } else {
            ack[n_ack] = planned_ms;
            service[n_ack++] = ms(h->ended_us - h->invoked_us);
        }
    }
    m->ack = latency_of(ack, n_ack);
    m->service = latency_of(service, n_ack);
    m->decided = latency_of(decided, n_decided);
    m->read = latency_of(read, n_read);
    free(ack);
    free(service);
    free(decided);
    free(read);
}

/* --- over time -------------------------------------------------------------------------------- */

static int compare_times(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* Times at which writes were acknowledged at the native level between two moments, sorted. */
static size_t list_acks(const struct run_data *run, enum level native, int64_t from_us,
                        int64_t to_us, int64_t *at_us, size_t *ret_n_decided)
{
    size_t n = 0;

    *ret_n_decided = 0;
    for (size_t i = 0; i < run->history.n; i++) {
        const struct history_op *h = &run->history.op[i];

        if (h->end != HISTORY_OK || !run_op_writes(run, i) || h->ended_us < from_us ||
            h->ended_us > to_us)
            continue;
        if (is_native(h, native))
            at_us[n++] = h->ended_us;
        else
            ++*ret_n_decided;
    }
    qsort(at_us, n, sizeof *at_us, compare_times);
    return n;
}

/*
 * Clients of a closed loop that all wait plan nothing more: without the rest of the load's time
 * whoever lets them wait to the end would have waited for nothing, and been the faster for it.
 */
static int64_t flow_end_us(const struct run_data *run)
{
    const json_t *workload = json_object_get(run->config, "workload");
    const char *arrivals = json_string_value(json_object_get(workload, "arrivals"));
    double duration_s = json_number_value(json_object_get(workload, "duration_s"));
    int64_t last_us = run_load_end_us(run);
    int64_t end_us = run_load_begin_us(run) + llround(duration_s * (double)US_PER_S);

    if (!arrivals || strcmp(arrivals, arrivals_kind_names[ARRIVALS_CLOSED]) != 0)
        return last_us;
    return last_us > end_us ? last_us : end_us;
}

static void measure_flow(const struct run_data *run, enum level native, struct metrics *m)
{
    int64_t from_us = run_load_begin_us(run), to_us = flow_end_us(run), longest_us = 0;
    int64_t *at_us;
    size_t n, n_decided;

    if (to_us <= from_us) /* nothing arrived */
        return;
    at_us = mem_alloc_array(run->history.n, sizeof *at_us);
    n = list_acks(run, native, from_us, to_us, at_us, &n_decided);
    for (size_t i = 0; i <= n; i++) {
        int64_t before_us = i > 0 ? at_us[i - 1] : from_us, next_us = i < n ? at_us[i] : to_us;

        if (next_us - before_us > longest_us)
            longest_us = next_us - before_us;
    }
    free(at_us);
    m->ok_per_s = (double)n / seconds(to_us - from_us);
    m->ok_decided_per_s = (double)n_decided / seconds(to_us - from_us);
    m->longest_gap_s = seconds(longest_us);
}

/* --- lag -------------------------------------------------------------------------------------- */

/* Where each store stood when its sink last answered, and the topic's end as far as any knows. */
struct lags {
    bool known[STORES_MAX];
    int64_t at_us[STORES_MAX];
    int64_t position[STORES_MAX];
    int64_t end;
    int64_t max;
};

static void raise_lag(struct lags *lags, unsigned store)
{
    int64_t lag = lags->end - lags->position[store];

    if (lag > lags->max)
        lags->max = lag;
}

/*
 * An answer of one sink moves the end for all. Of the others only those count that have fallen
 * silent: between two answers a sink goes on applying, and would seem to lag by what it did since.
 */
static void take_answer(struct lags *lags, const struct run_data *run, const struct run_lag *answer)
{
    if (answer->position + answer->records > lags->end)
        lags->end = answer->position + answer->records;
    for (unsigned i = 0; i < run->n_stores; i++) {
        if (lags->known[i] && answer->at_us - lags->at_us[i] > SILENT_US)
            raise_lag(lags, i);
    }
    lags->known[answer->store] = true;
    lags->at_us[answer->store] = answer->at_us;
    lags->position[answer->store] = answer->position;
    raise_lag(lags, answer->store);
}

/* Of a store that was never heard of nothing is known, and so nothing of the furthest behind. */
static void measure_lag(const struct run_data *run, struct metrics *m)
{
    struct lags lags = {0};

    for (size_t i = 0; i < run->n_lags; i++)
        take_answer(&lags, run, &run->lag[i]);
    if (run->log_end > lags.end)
        lags.end = run->log_end;
    for (unsigned i = 0; i < run->n_stores; i++) {
        if (!lags.known[i])
            return;
        raise_lag(&lags, i);
    }
    m->sink_lag_max = (double)lags.max;
}

/* --- coming to rest --------------------------------------------------------------------------- */

/* The later of last fault and last arrival. */
static int64_t rest_begins_us(const struct run_data *run)
{
    int64_t us = run_load_end_us(run);

    for (unsigned i = 0; i < run->n_faults; i++) {
        int64_t last_us = run->fault[i].end_us ? run->fault[i].end_us : run->fault[i].begin_us;

        if (last_us > us)
            us = last_us;
    }
    return us;
}

static double since(int64_t at_us, int64_t from_us)
{
    return at_us > from_us ? seconds(at_us - from_us) : 0;
}

static void measure_rest(const struct run_data *run, struct metrics *m)
{
    const struct run_settling *s = &run->settling;
    int64_t from_us = rest_begins_us(run);
    size_t equal = s->n_scans; /* from this scan on, all were */

    if (s->n_scans == 0)
        return;
    if (s->settled)
        m->settle_s = since(s->scan[s->n_scans - 1].to_us, from_us);
    while (equal > 0 && s->scan[equal - 1].equal)
        equal--;
    if (equal == s->n_scans)
        return;
    m->converge_low_s = equal > 0 ? since(s->scan[equal - 1].from_us, from_us) : 0;
    m->converge_high_s = since(s->scan[equal].to_us, from_us);
}

void metrics_compute(const struct run_data *run, enum level native, struct metrics *ret_metrics)
{
    struct in_doubt_list in_doubt;
    struct held_list held;

    *ret_metrics = (struct metrics){.ok_per_s = NAN,
                                    .ok_decided_per_s = NAN,
                                    .longest_gap_s = NAN,
                                    .in_doubt_s = NAN,
                                    .in_doubt_txn_s = NAN,
                                    .keys_held = NAN,
                                    .waiters_max = NAN,
                                    .clients_waiting_max = NAN,
                                    .clients_waiting_s = NAN,
                                    .sink_lag_max = NAN,
                                    .settle_s = NAN,
                                    .converge_low_s = NAN,
                                    .converge_high_s = NAN};
    count_ops(run, native, ret_metrics);
    measure_latencies(run, native, ret_metrics);
    visible_measure(run, ret_metrics);
    measure_flow(run, native, ret_metrics);
    measure_lag(run, ret_metrics);
    measure_rest(run, ret_metrics);
    staleness_measure(run, ret_metrics);
    in_doubt_list_make(run, &in_doubt);
    in_doubt_measure(run, &in_doubt, ret_metrics);
    held_list_make(run, &in_doubt, &held);
    blocked_measure(run, &held, ret_metrics);
    ret_metrics->blocked_measured = in_doubt.n > 0;
    if (in_doubt.n > 0)
        clients_waiting_measure(run, &held, ret_metrics);
    free(held.item);
    in_doubt_list_done(&in_doubt);
}
