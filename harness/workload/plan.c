/*
 * The plan of a load, drawn from the seed alone.
 *
 * Times, keys, reads, stores and pairs come from streams of their own, and every arrival takes one
 * draw from each, needed or not: a larger share of reads makes more arrivals reads and moves
 * neither their times nor anybody's key.
 */
#include "harness/workload/workload.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- keys ---------------------------------------------------------------------------------- */

struct key_choice {
    unsigned n;
    double *cumulative; /* zipf: [k] is the probability of a key up to k; NULL: uniform */
};

/* Zipf: the k-th most popular of the keys has a weight of 1 / k^exponent. Index 0 is the hottest.
 */
static void key_choice_init(struct key_choice *choice, const struct workload *w)
{
    double sum = 0;

    *choice = (struct key_choice){.n = w->keys};
    if (!w->zipf)
        return;
    choice->cumulative = mem_alloc_array(w->keys, sizeof *choice->cumulative);
    for (unsigned k = 0; k < w->keys; k++) {
        sum += pow(k + 1.0, -w->zipf_exponent);
        choice->cumulative[k] = sum;
    }
    for (unsigned k = 0; k < w->keys; k++)
        choice->cumulative[k] /= sum;
}

static uint32_t key_choose(const struct key_choice *choice, struct rng *rng)
{
    double u = rng_unit(rng);
    uint32_t low = 0;
    uint32_t high = choice->n - 1;

    if (!choice->cumulative)
        return (uint32_t)(u * choice->n);
    while (low < high) { /* the first key whose cumulative probability is above u */
        uint32_t middle = low + (high - low) / 2;

        if (choice->cumulative[middle] > u)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* --- the plan ------------------------------------------------------------------------------ */

/* Fills in the times; n follows from them. */
static void plan_times(struct plan *plan, const struct workload *w, uint64_t seed)
{
    struct rng rng = rng_new(seed, "arrivals");
    double gap_us = (double)US_PER_S / w->rate_per_s;
    double end_us = w->duration_s * (double)US_PER_S;
    size_t capacity = 0;
    bool constant = w->arrivals == ARRIVALS_CONSTANT;
    double at_us = constant ? 0 : rng_exponential(&rng, gap_us);

    while (at_us < end_us) {
        plan->arrival = mem_grow(plan->arrival, plan->n, &capacity, sizeof *plan->arrival);
        plan->arrival[plan->n++] = (struct arrival){.planned_us = (int64_t)at_us};
        at_us = constant ? (double)plan->n * gap_us : at_us + rng_exponential(&rng, gap_us);
    }
}

static void plan_contents(struct plan *plan, const struct workload *w, uint64_t seed,
                          unsigned n_stores)
{
    struct rng keys = rng_new(seed, "keys");
    struct rng reads = rng_new(seed, "reads");
    struct rng stores = rng_new(seed, "stores");
    struct key_choice choice;
    /* Pairs are writes, so that the reads are drawn from the other arrivals. */
    double read_chance = w->pairs < 1 ? w->read_share / (1 - w->pairs) : 0;

    key_choice_init(&choice, w);
    for (size_t i = 0; i < plan->n; i++) {
        struct arrival *a = &plan->arrival[i];

        a->client = (unsigned)(i % w->clients);
        a->key = key_choose(&choice, &keys);
        a->is_read = rng_unit(&reads) < read_chance;
        a->store = (uint32_t)rng_below(&stores, n_stores);
    }
    free(choice.cumulative);
}

/*
 * Arrivals i and i + 1 become a pair with probability q; a pair takes two, so that for a share p of
 * all arrivals to be in pairs, p = 2q / (1 + q).
 */
static void plan_pairs(struct plan *plan, const struct workload *w, uint64_t seed)
{
    struct rng rng = rng_new(seed, "pairs");
    double q = w->pairs / (2 - w->pairs);
    bool paired = false; /* arrival i - 1 with i */

    for (size_t i = 0; i + 1 < plan->n; i++) {
        struct arrival *first = &plan->arrival[i];

        paired = rng_unit(&rng) < q && !paired;
        if (!paired)
            continue;
        first->is_read = false;
        first[1].is_read = false;
        first[1].key = first->key;
        first[1].planned_us = first->planned_us;
    }
}

void plan_make(struct plan *ret_plan, const struct workload *workload, uint64_t seed,
               unsigned n_stores)
{
    *ret_plan = (struct plan){0};
    plan_times(ret_plan, workload, seed);
    plan_contents(ret_plan, workload, seed, n_stores);
    plan_pairs(ret_plan, workload, seed);
}

void plan_done(struct plan *plan)
{
    free(plan->arrival);
    *plan = (struct plan){0};
}

/* Only what counts is set: these are made by the ten thousand a second, and a txn is 6 KB. */
static void set_op(struct op *op, enum op_kind kind, const char *store, uint32_t key)
{
    op->kind = kind;
    op->has_min = false;
    op->has_after = false;
    op->value[0] = '\0';
    (void)snprintf(op->store, sizeof op->store, "%s", store);
    (void)snprintf(op->key, sizeof op->key, "user:%u", key);
}

void plan_txn(const struct plan *plan, size_t i, const struct workload *workload,
              const struct topology *topology, struct txn *ret_txn)
{
    const struct arrival *a = &plan->arrival[i];

    (void)workload; /* fanout is the only one */
    (void)snprintf(ret_txn->request, sizeof ret_txn->request, "c%u-%zu", a->client, i);
    ret_txn->after.n = 0;
    if (a->is_read) {
        ret_txn->n_ops = 1;
        set_op(&ret_txn->op[0], OP_READ, topology->store[a->store].name, a->key);
        return;
    }
    ret_txn->n_ops = topology->n_stores;
    for (unsigned s = 0; s < topology->n_stores; s++) {
        set_op(&ret_txn->op[s], OP_WRITE, topology->store[s].name, a->key);
        memcpy(ret_txn->op[s].value, ret_txn->request, sizeof ret_txn->request);
    }
}
