/*
 * How stale reads were, as far as can be told: a read sent at i that lacks a write acknowledged at
 * a is stale by i − a at least (docs/results.md). It may have been staler, since the write was
 * there to be seen before its acknowledgement came back; so these are lower bounds, never
 * estimates.
 *
 * What a read lacks are the entries behind the n that it found, at stores where places are evidence
 * (run_reads.c). Writes without effect, and the second time of one applied twice, count for
 * nothing.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "harness/checkers/metrics.h"

#include <stdlib.h>

/* INT64_MAX for an entry that nobody could miss. */
static int64_t acknowledged_us(const struct run_data *run, const struct run_entry *entry)
{
    const struct history_op *h;

    if (!run_entry_shows(entry))
        return INT64_MAX;
    h = &run->history.op[entry->op];
    return h->end == HISTORY_OK ? h->ended_us : INT64_MAX;
}

/* Adds the reads of a state to `stale_ms`, of which there are n; returns how many there are then.
 */
static size_t measure_state(const struct run_data *run, const struct run_state *s, double *stale_ms,
                            size_t n)
{
    int64_t earliest_us = INT64_MAX; /* acknowledgement of what lies behind the read */
    uint32_t place = s->n_entries;

    for (uint32_t i = s->n_reads; i > 0; i--) {
        const struct run_read *read = &run->read[s->first_read + i - 1];
        int64_t sent_us = run->history.op[read->op].invoked_us;

        for (; place > read->n; place--) {
            int64_t at_us = acknowledged_us(run, &run->entry[s->first + place - 1]);

            earliest_us = at_us < earliest_us ? at_us : earliest_us;
        }
        stale_ms[n++] =
            earliest_us < sent_us ? (double)(sent_us - earliest_us) / (double)US_PER_MS : 0;
    }
    return n;
}

void staleness_measure(const struct run_data *run, struct metrics *ret_metrics)
{
    double *stale_ms = mem_alloc_array(run->n_reads, sizeof *stale_ms);
    size_t n = 0;

    for (uint32_t state = 0; state < run->n_states; state++) {
        if (run->places[run_store_of(run, state)])
            n = measure_state(run, &run->state[state], stale_ms, n);
    }
    ret_metrics->n_stale = 0;
    for (size_t i = 0; i < n; i++)
        ret_metrics->n_stale += stale_ms[i] > 0;
    ret_metrics->staleness = latency_of(stale_ms, n);
    free(stale_ms);
}
