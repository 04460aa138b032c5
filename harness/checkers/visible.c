/*
 * When writes became visible: see metrics.h.
 *
 * A probe gives an interval at each store. The first store that shows it lies between the least of
 * their low ends and the least of their high ends, the last one between the greatest of both. What
 * was never seen has no high end; it counts as slower than all others, since to leave it out would
 * leave out the slow ones.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "harness/checkers/metrics.h"

#include <math.h>
#include <stdlib.h>

/* From the planned time. */
struct interval {
    double low_ms, high_ms; /* INFINITY: never seen */
};

struct intervals {
    size_t n;
    double *low_ms, *high_ms;
};

static void intervals_init(struct intervals *list, size_t n_max)
{
    list->n = 0;
    list->low_ms = mem_alloc_array(n_max, sizeof *list->low_ms);
    list->high_ms = mem_alloc_array(n_max, sizeof *list->high_ms);
}

static void intervals_add(struct intervals *list, struct interval interval)
{
    list->low_ms[list->n] = interval.low_ms;
    list->high_ms[list->n++] = interval.high_ms;
}

static void intervals_done(struct intervals *list)
{
    free(list->low_ms);
    free(list->high_ms);
}

static struct visibility intervals_sum_up(struct intervals *list)
{
    struct latency low = latency_of(list->low_ms, list->n);
    struct latency high = latency_of(list->high_ms, list->n);
    struct visibility v = {.high = high, .low_p50_ms = low.p50_ms, .low_p99_ms = low.p99_ms};

    while (v.n_unseen < list->n && isinf(list->high_ms[list->n - 1 - v.n_unseen])) /* sorted */
        v.n_unseen++;
    return v;
}

static struct interval interval_of(const struct history_op *h, const struct run_sight *sight)
{
    int64_t low_us = sight->unseen_us ? sight->unseen_us : h->invoked_us;

    return (struct interval){
        (double)(low_us - h->planned_us) / (double)US_PER_MS,
        sight->seen_us ? (double)(sight->seen_us - h->planned_us) / (double)US_PER_MS : INFINITY};
}

struct lists {
    struct intervals first, everywhere, visible[STORES_MAX];
};

static void add_probe(const struct run_data *run, const struct run_probe *probe,
                      struct lists *lists)
{
    const struct history_op *h = &run->history.op[probe->op];
    struct interval first = {INFINITY, INFINITY}, everywhere = {0, 0};

    for (unsigned store = 0; store < run->n_stores; store++) {
        struct interval at;

        if (!run_op_writes_to(run, probe->op, store))
            continue;
        at = interval_of(h, &probe->at[store]);
        intervals_add(&lists->visible[store], at);
        first.low_ms = fmin(first.low_ms, at.low_ms);
        first.high_ms = fmin(first.high_ms, at.high_ms);
        everywhere.low_ms = fmax(everywhere.low_ms, at.low_ms);
        everywhere.high_ms = fmax(everywhere.high_ms, at.high_ms);
    }
    intervals_add(&lists->first, first);
    intervals_add(&lists->everywhere, everywhere);
}

static void collect(const struct run_data *run, struct lists *ret_lists)
{
    intervals_init(&ret_lists->first, run->n_probes);
    intervals_init(&ret_lists->everywhere, run->n_probes);
    for (unsigned store = 0; store < run->n_stores; store++)
        intervals_init(&ret_lists->visible[store], run->n_probes);
    for (size_t i = 0; i < run->n_probes; i++) {
        if (run_op_happened(run, run->probe[i].op))
            add_probe(run, &run->probe[i], ret_lists);
    }
}

static void lists_done(const struct run_data *run, struct lists *lists)
{
    intervals_done(&lists->first);
    intervals_done(&lists->everywhere);
    for (unsigned store = 0; store < run->n_stores; store++)
        intervals_done(&lists->visible[store]);
}

size_t visible_everywhere(const struct run_data *run, double *ret_ms)
{
    struct lists lists;
    size_t n;

    collect(run, &lists);
    n = lists.everywhere.n;
    for (size_t i = 0; i < n; i++)
        ret_ms[i] = lists.everywhere.high_ms[i];
    lists_done(run, &lists);
    return n;
}

void visible_measure(const struct run_data *run, struct metrics *ret_metrics)
{
    struct lists lists;

    collect(run, &lists);
    ret_metrics->first = intervals_sum_up(&lists.first);
    ret_metrics->everywhere = intervals_sum_up(&lists.everywhere);
    for (unsigned store = 0; store < run->n_stores; store++)
        ret_metrics->visible[store] = intervals_sum_up(&lists.visible[store]);
    lists_done(run, &lists);
}
