/*
 * What was in doubt: how many transactions at a time, and which held a key for how long; see
 * metrics.h.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "harness/checkers/metrics.h"

#include <stdlib.h>

/*
 * A transaction that passes through its prepared state for a few milliseconds is now and then met
 * by a sample; what blocks a key for BLOCKED_MIN_US is seen for longer than this (two samples
 * less).
 */
#define HELD_MIN_US INT64_C(300000)

/* --- for how long each was -------------------------------------------------------------------- */

/* The time in which one operation's transaction was seen in doubt, over all stores. */
struct seen {
    uint32_t op;
    int64_t from_us, to_us;
};

static int by_op(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;

    if (x->op != y->op)
        return x->op < y->op ? -1 : 1;
    return (x->from_us > y->from_us) - (x->from_us < y->from_us);
}

static int by_key(const void *a, const void *b)
{
    const struct held *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->from_us > y->from_us) - (x->from_us < y->from_us);
}

static size_t list_seen(const struct in_doubt_list *list, struct seen *seen)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++) {
        const struct run_in_doubt *sample = &list->sample[i];

        for (uint32_t g = sample->first; g < sample->first + sample->n; g++) {
            if (list->gid[g].op != RUN_NONE)
                seen[n++] = (struct seen){list->gid[g].op, sample->at_us - list->gid[g].age_us,
                                          sample->at_us};
        }
    }
    return n;
}

/* One item an operation and episode. Ages tell the beginning; what is not seen any more is over. */
static size_t merge_seen(struct seen *seen, size_t n)
{
    size_t out = 0;

    qsort(seen, n, sizeof *seen, by_op);
    for (size_t i = 0; i < n; i++) {
        if (out == 0 || seen[out - 1].op != seen[i].op ||
            seen[i].from_us > seen[out - 1].to_us + SAMPLED_EVERY_US) {
            seen[out++] = seen[i];
            continue;
        }
        if (seen[i].to_us > seen[out - 1].to_us)
            seen[out - 1].to_us = seen[i].to_us;
    }
    return out;
}

void held_list_make(const struct run_data *run, const struct in_doubt_list *list,
                    struct held_list *ret_list)
{
    struct seen *seen = mem_alloc_array(list->n_gids, sizeof *seen);
    size_t n = merge_seen(seen, list_seen(list, seen)), capacity = 0;

    *ret_list = (struct held_list){0};
    for (size_t i = 0; i < n; i++) {
        const struct run_op *op = &run->op[seen[i].op];

        if (seen[i].to_us - seen[i].from_us < HELD_MIN_US)
            continue;
        for (unsigned m = 0; op->writes >> m; m++) {
            if (!(op->writes >> m & 1))
                continue;
            ret_list->item =
                mem_grow(ret_list->item, ret_list->n, &capacity, sizeof *ret_list->item);
            ret_list->item[ret_list->n++] =
                (struct held){run_key_of(run, run->micro[op->first + m].state), seen[i].op,
                              seen[i].from_us, seen[i].to_us};
        }
    }
    if (ret_list->n > 0)
        qsort(ret_list->item, ret_list->n, sizeof *ret_list->item, by_key);
    free(seen);
}

size_t held_first(const struct held_list *list, uint32_t key)
{
    size_t low = 0, high = list->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (list->item[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* --- how many, for how long ------------------------------------------------------------------- */

/* The newest sample of every store; what it held, it holds until it is asked again. */
struct now {
    const struct run_data *run;
    const struct in_doubt_list *list;
    const struct run_in_doubt *store[STORES_MAX];
    uint32_t *key_round, *op_round; /* when a key or operation was last counted */
    uint32_t round;
    size_t n_txns, n_keys;
};

static void count_keys(struct now *now, uint32_t op)
{
    const struct run_data *run = now->run;

    for (unsigned m = 0; run->op[op].writes >> m; m++) {
        uint32_t key = run_key_of(run, run->micro[run->op[op].first + m].state);

        if (!(run->op[op].writes >> m & 1) || now->key_round[key] == now->round)
            continue;
        now->key_round[key] = now->round;
        now->n_keys++;
    }
}

/* A gid that names no operation of the history counts as a transaction, and holds no known key. */
static void count_gid(struct now *now, uint32_t op)
{
    if (op == RUN_NONE) {
        now->n_txns++;
        return;
    }
    if (now->op_round[op] == now->round)
        return;
    now->op_round[op] = now->round;
    now->n_txns++;
    count_keys(now, op);
}

static void count_all(struct now *now)
{
    now->round++;
    now->n_txns = now->n_keys = 0;
    for (unsigned i = 0; i < now->run->n_stores; i++) {
        const struct run_in_doubt *sample = now->store[i];

        for (uint32_t g = 0; sample && g < sample->n; g++)
            count_gid(now, now->list->gid[sample->first + g].op);
    }
}

static void take_maxima(const struct in_doubt_list *list, const struct run_in_doubt *sample,
                        struct metrics *m)
{
    for (uint32_t g = sample->first; g < sample->first + sample->n; g++) {
        double age_s = (double)list->gid[g].age_us / (double)US_PER_S;

        if (age_s > m->in_doubt_s)
            m->in_doubt_s = age_s;
    }
    if (sample->waiters > m->waiters_max)
        m->waiters_max = sample->waiters;
}

void in_doubt_measure(const struct run_data *run, const struct in_doubt_list *list,
                      struct metrics *ret_metrics)
{
    struct now now = {.run = run, .list = list};
    int64_t last_us = 0;

    if (list->n == 0) /* nobody looked: all stay NAN */
        return;
    now.key_round = mem_alloc_array(run->keys.n, sizeof *now.key_round);
    now.op_round = mem_alloc_array(run->history.n, sizeof *now.op_round);
    ret_metrics->in_doubt_s = ret_metrics->in_doubt_txn_s = 0;
    ret_metrics->keys_held = ret_metrics->waiters_max = 0;
    for (size_t i = 0; i < list->n; i++) {
        const struct run_in_doubt *sample = &list->sample[i];

        ret_metrics->in_doubt_txn_s +=
            (double)now.n_txns * (double)(sample->at_us - last_us) / (double)US_PER_S;
        last_us = sample->at_us;
        now.store[sample->store] = sample;
        count_all(&now);
        if ((double)now.n_keys > ret_metrics->keys_held)
            ret_metrics->keys_held = (double)now.n_keys;
        take_maxima(list, sample, ret_metrics);
    }
    free(now.key_round);
    free(now.op_round);
}
