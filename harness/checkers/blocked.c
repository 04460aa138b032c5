/*
 * Blocked keys: see metrics.h.
 *
 * Each write makes its keys wait from its sending to its end, less the time in which its door was
 * dead. For one key these spans are laid over each other (a moment counts once), cut at each ok of
 * the key, and summed between two oks. Quick refusals hardly sum up: a store that is down makes
 * its keys unavailable, not blocked.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "harness/checkers/metrics.h"

#include <stdlib.h>
#include <string.h>

struct span {
    uint32_t key;
    int64_t from_us, to_us;
};

struct spans {
    size_t n, capacity;
    struct span *item;
};

/* The waiting of one key since its last ok. */
struct gap {
    int64_t waited_us; /* sum; 0: none yet */
    int64_t held_us;   /* of it while the key was held by a transaction in doubt */
};

struct sweep {
    const struct held_list *held;
    struct metrics *metrics;
    uint32_t key;
    struct gap gap;
    bool counted_in_doubt, counted_other; /* this key, in the counts of keys */
};

static void add_span(struct spans *spans, uint32_t key, int64_t from_us, int64_t to_us)
{
    spans->item = mem_grow(spans->item, spans->n, &spans->capacity, sizeof *spans->item);
    spans->item[spans->n++] = (struct span){key, from_us, to_us};
}

static int compare_spans(const void *a, const void *b)
{
    const struct span *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->from_us > y->from_us) - (x->from_us < y->from_us);
}

static void sort_spans(struct spans *spans)
{
    if (spans->n > 0)
        qsort(spans->item, spans->n, sizeof *spans->item, compare_spans);
}

/* --- who waited when -------------------------------------------------------------------------- */

static void add_living(const struct run_data *run, struct spans *waits, uint32_t key,
                       const struct history_op *h, int64_t from_us, int64_t to_us)
{
    int64_t lived_from_us, lived_to_us;

    while (run_op_living(run, h, from_us, to_us, &lived_from_us, &lived_to_us)) {
        add_span(waits, key, lived_from_us, lived_to_us);
        from_us = lived_to_us;
    }
}

/* True when an earlier write of the same transaction names the same key. */
static bool named_before(const struct run_data *run, size_t op, unsigned micro)
{
    const struct run_op *o = &run->op[op];
    uint32_t key = run_key_of(run, run->micro[o->first + micro].state);

    for (unsigned i = 0; i < micro; i++) {
        if ((o->writes >> i & 1) && run_key_of(run, run->micro[o->first + i].state) == key)
            return true;
    }
    return false;
}

static void add_op(const struct run_data *run, size_t op, int64_t open_until_us,
                   struct spans *waits, struct spans *oks)
{
    const struct history_op *h = &run->history.op[op];
    const struct run_op *o = &run->op[op];
    int64_t to_us = h->end == HISTORY_OPEN ? open_until_us : h->ended_us;

    for (unsigned i = 0; o->writes >> i; i++) {
        uint32_t key = run_key_of(run, run->micro[o->first + i].state);

        if (!(o->writes >> i & 1) || named_before(run, op, i))
            continue;
        add_living(run, waits, key, h, h->invoked_us, to_us);
        if (h->end == HISTORY_OK)
            add_span(oks, key, h->ended_us, h->ended_us);
    }
}

/* --- the sweep -------------------------------------------------------------------------------- */

/* How much of this waiting fell into times in which the key was held by a transaction in doubt. */
static int64_t held_within(const struct held_list *held, uint32_t key, int64_t from_us,
                           int64_t to_us)
{
    int64_t sum_us = 0;

    for (size_t i = held_first(held, key); i < held->n && held->item[i].key == key; i++) {
        int64_t begin_us = held->item[i].from_us - SAMPLED_EVERY_US;
        int64_t end_us = held->item[i].to_us + SAMPLED_EVERY_US;

        begin_us = begin_us > from_us ? begin_us : from_us;
        end_us = end_us < to_us ? end_us : to_us;
        if (begin_us >= end_us)
            continue;
        sum_us += end_us - begin_us;
        from_us = end_us; /* the items are in the order of time: nothing counts twice */
    }
    return sum_us;
}

static void count_blocked(struct blocked *blocked, int64_t waited_us, bool *counted)
{
    double waited_s = (double)waited_us / (double)US_PER_S;

    blocked->keys += !*counted;
    *counted = true;
    blocked->key_s += waited_s;
    if (waited_s > blocked->longest_s)
        blocked->longest_s = waited_s;
}

/*
 * Waiting that counts is put down to the transaction in doubt as far as one held the key, and to
 * somebody else for the rest. A rest that alone would not count goes with the larger part: it is
 * the queue that takes its time behind it.
 */
static void close_gap(struct sweep *sweep)
{
    int64_t held_us = sweep->gap.held_us, other_us = sweep->gap.waited_us - held_us;
    bool in_doubt = held_us >= BLOCKED_MIN_US, other = other_us >= BLOCKED_MIN_US;

    sweep->gap = (struct gap){0};
    if (held_us + other_us < BLOCKED_MIN_US)
        return;
    if (!in_doubt || !other) {
        in_doubt = held_us >= other_us;
        other = !in_doubt;
        held_us = other_us = held_us + other_us;
    }
    if (in_doubt)
        count_blocked(&sweep->metrics->blocked_in_doubt, held_us, &sweep->counted_in_doubt);
    if (other)
        count_blocked(&sweep->metrics->blocked_other, other_us, &sweep->counted_other);
}

static void add_waiting(struct sweep *sweep, int64_t from_us, int64_t to_us)
{
    if (from_us >= to_us)
        return;
    sweep->gap.waited_us += to_us - from_us;
    sweep->gap.held_us += held_within(sweep->held, sweep->key, from_us, to_us);
}

/* The waits and oks of one key, each in the order of time; returns how many waits there were. */
static size_t sweep_key(struct sweep *sweep, const struct span *wait, size_t n_waits,
                        const struct span *ok, size_t n_oks)
{
    uint32_t key = wait[0].key;
    int64_t covered_us = INT64_MIN;
    size_t i;

    sweep->key = key;
    sweep->counted_in_doubt = sweep->counted_other = false;
    for (i = 0; i < n_waits && wait[i].key == key; i++) {
        int64_t from_us = wait[i].from_us > covered_us ? wait[i].from_us : covered_us;

        for (; n_oks > 0 && ok->key == key && ok->from_us <= wait[i].to_us; ok++, n_oks--) {
            add_waiting(sweep, from_us, ok->from_us);
            close_gap(sweep);
            from_us = ok->from_us > from_us ? ok->from_us : from_us;
        }
        add_waiting(sweep, from_us, wait[i].to_us);
        covered_us = wait[i].to_us > covered_us ? wait[i].to_us : covered_us;
    }
    close_gap(sweep);
    return i;
}

void blocked_measure(const struct run_data *run, const struct held_list *held,
                     struct metrics *ret_metrics)
{
    const struct run_phase *load = run_phase(run, "load");
    struct sweep sweep = {.held = held, .metrics = ret_metrics};
    struct spans waits = {0}, oks = {0};
    size_t at = 0, ok = 0;

    for (size_t i = 0; i < run->history.n; i++) {
        if (run->history.op[i].server[0])
            add_op(run, i, load ? load->end_us : 0, &waits, &oks);
    }
    sort_spans(&waits);
    sort_spans(&oks);
    while (at < waits.n) {
        while (ok < oks.n && oks.item[ok].key < waits.item[at].key)
            ok++;
        at += sweep_key(&sweep, &waits.item[at], waits.n - at, oks.item ? &oks.item[ok] : NULL,
                        oks.n - ok);
    }
    free(waits.item);
    free(oks.item);
}
