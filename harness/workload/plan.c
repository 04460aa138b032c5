/*
 * The plan of a load, drawn from the seed alone.
 *
 * Each arrival has two streams of its own, made of the seed and its number: one for the keys, one
 * for everything else. So a larger share of reads makes more arrivals reads and moves neither their
 * times nor anybody's key; and the second of a pair has the keys of the first, whose stream it
 * uses.
 */
#include "harness/workload/plan.h"

#include "base/mem.h"
#include "base/random.h"
#include "harness/workload/key_choice.h"
#include "harness/workload/pace.h"

#include <assert.h>
#include <stdlib.h>

#define NO_KEY UINT32_MAX

struct list {
    uint32_t key;
    uint32_t n_appends;
};

/* What a client last planned to write. */
struct last_write {
    uint32_t key;
    uint32_t other; /* transfer: the account that got the money */
};

struct plan_draw {
    struct workload workload;
    unsigned n_stores;
    struct key_choice choice;
    struct rng key_streams, other_streams; /* seeds of the arrivals' own */
    double pair_chance;                    /* that an arrival begins a pair */
    double read_chance;                    /* of an arrival that is in no pair: pairs are writes */
    double probe_chance;                   /* of one that is no read either */
    bool pair_open;                        /* the last arrival began one */
    struct last_write *last;               /* one a client */
    struct list *list; /* append: in place of each key, the list that is appended to now */
    uint32_t next_list;
};

/* What one arrival is drawn with. */
struct hand {
    struct rng keys;
    struct rng other;
    bool reread; /* ask for what the client last planned to write */
};

/* --- setting up ---------------------------------------------------------------------------- */

static double chance_of(double share, double of)
{
    return of > share ? share / of : of > 0 ? 1 : 0;
}

/*
 * Arrivals i and i + 1 become a pair with probability q; a pair takes two, so that for a share p of
 * all arrivals to be in pairs, p = 2q / (1 + q).
 */
static void set_chances(struct plan_draw *draw, const struct workload *w)
{
    draw->pair_chance = w->pairs / (2 - w->pairs);
    draw->read_chance = chance_of(w->read_share, 1 - w->pairs);
    draw->probe_chance = chance_of(w->probe_share, 1 - w->pairs - w->read_share);
}

static struct plan_draw *draw_new(const struct workload *w, uint64_t seed, unsigned n_stores)
{
    struct plan_draw *draw = mem_alloc(sizeof *draw);

    draw->workload = *w;
    draw->n_stores = n_stores;
    draw->key_streams = rng_new(seed, "keys");
    draw->other_streams = rng_new(seed, "others");
    set_chances(draw, w);
    key_choice_init(&draw->choice, w);
    draw->last = mem_alloc_array(w->clients, sizeof *draw->last);
    for (unsigned i = 0; i < w->clients; i++)
        draw->last[i].key = NO_KEY;
    if (w->kind != WORKLOAD_APPEND)
        return draw;
    draw->list = mem_alloc_array(w->keys, sizeof *draw->list);
    while (draw->next_list < w->keys) {
        draw->list[draw->next_list].key = draw->next_list;
        draw->next_list++;
    }
    return draw;
}

static void draw_free(struct plan_draw *draw)
{
    if (!draw)
        return;
    key_choice_done(&draw->choice);
    free(draw->last);
    free(draw->list);
    free(draw);
}

/* --- what an arrival asks for -------------------------------------------------------------- */

static void add_part(struct plan *plan, struct arrival *a, enum op_kind kind, uint32_t key,
                     int64_t argument)
{
    plan->part = mem_grow(plan->part, plan->n_parts, &plan->parts_capacity, sizeof *plan->part);
    plan->part[plan->n_parts++] = (struct plan_part){kind, key, argument};
    a->n_parts++;
}

static void draw_fanout(struct plan_draw *draw, struct arrival *a, struct hand *hand)
{
    struct last_write *last = &draw->last[a->client];

    a->key = key_choose(&draw->choice, &hand->keys);
    a->store = (uint32_t)rng_below(&hand->other, draw->n_stores);
    if (hand->reread)
        a->key = last->key;
    else if (!a->is_read)
        last->key = a->key;
}

/* An account at the other store than `from`: the one chosen, or its neighbour. */
static uint32_t opposite(uint32_t from, uint32_t to, unsigned n_accounts)
{
    if (to % 2 != from % 2)
        return to;
    return to + 1 < n_accounts ? to + 1 : to - 1;
}

static void draw_transfer(struct plan *plan, struct arrival *a, struct hand *hand)
{
    struct plan_draw *draw = plan->draw;
    struct last_write *last = &draw->last[a->client];
    uint32_t from = key_choose(&draw->choice, &hand->keys);
    uint32_t to = opposite(from, key_choose(&draw->choice, &hand->keys), draw->choice.n);
    int64_t amount = 1 + (int64_t)rng_below(&hand->other, PLAN_AMOUNT_MAX);

    if (!a->is_read) {
        *last = (struct last_write){from, to};
        add_part(plan, a, OP_INCR, from, -amount);
        add_part(plan, a, OP_INCR, to, amount);
        return;
    }
    add_part(plan, a, OP_READ, hand->reread ? last->key : from, 0);
    if (draw->workload.reads == READS_TRANSACTIONAL)
        add_part(plan, a, OP_READ, hand->reread ? last->other : to, 0);
}

static void append_to(struct plan *plan, struct arrival *a, struct list *list)
{
    struct plan_draw *draw = plan->draw;

    draw->last[a->client].key = list->key;
    add_part(plan, a, OP_APPEND, list->key, ++list->n_appends);
    if (list->n_appends == PLAN_APPENDS_MAX)
        *list = (struct list){.key = draw->next_list++};
}

/* A transaction that is no read begins with an append, so that it writes. */
static void draw_append(struct plan *plan, struct arrival *a, struct hand *hand)
{
    struct plan_draw *draw = plan->draw;
    bool one = a->is_read && draw->workload.reads != READS_TRANSACTIONAL;
    uint64_t n = one ? 1 : 1 + rng_below(&hand->other, PLAN_PARTS_MAX);

    for (unsigned i = 0; i < n; i++) {
        struct list *list = &draw->list[key_choose(&draw->choice, &hand->keys)];
        bool reads = a->is_read || (i > 0 && rng_unit(&hand->other) < 0.5);

        if (!reads)
            append_to(plan, a, list);
        else if (hand->reread && i == 0)
            add_part(plan, a, OP_READ, draw->last[a->client].key, 0);
        else
            add_part(plan, a, OP_READ, list->key, 0);
    }
}

static void draw_contents(struct plan *plan, struct arrival *a, struct hand *hand)
{
    a->first_part = (uint32_t)plan->n_parts;
    if (a->is_probe)
        return;
    switch (plan->draw->workload.kind) {
    case WORKLOAD_FANOUT:
        draw_fanout(plan->draw, a, hand);
        break;
    case WORKLOAD_TRANSFER:
        draw_transfer(plan, a, hand);
        break;
    case WORKLOAD_APPEND:
        draw_append(plan, a, hand);
        break;
    case WORKLOAD_KINDS:
        assert(!"no workload");
    }
}

/* --- arrivals ------------------------------------------------------------------------------ */

/* The stream of arrival i: far from those of its neighbours. */
static struct rng stream_of(struct rng seed, size_t i)
{
    struct rng rng = {seed.state + (uint64_t)i};

    rng.state = rng_next(&rng);
    return rng;
}

size_t plan_add(struct plan *plan, unsigned client, int64_t planned_us)
{
    struct plan_draw *draw = plan->draw;
    size_t i = plan->n;
    struct hand hand = {.other = stream_of(draw->other_streams, i)};
    bool second = draw->pair_open;
    bool first = rng_unit(&hand.other) < draw->pair_chance && !second;
    bool read = rng_unit(&hand.other) < draw->read_chance && !first && !second;
    bool probe = rng_unit(&hand.other) < draw->probe_chance && !first && !second && !read;
    bool reread = rng_unit(&hand.other) < draw->workload.reread && read;

    plan->arrival = mem_grow(plan->arrival, i, &plan->capacity, sizeof *plan->arrival);
    plan->arrival[i] =
        (struct arrival){.planned_us = second ? plan->arrival[i - 1].planned_us : planned_us,
                         .client = client,
                         .is_read = read,
                         .is_probe = probe};
    plan->n++;
    draw->pair_open = first;
    hand.keys = stream_of(draw->key_streams, second ? i - 1 : i);
    hand.reread = reread && draw->last[client].key != NO_KEY;
    draw_contents(plan, &plan->arrival[i], &hand);
    return i;
}

void plan_make(struct plan *ret_plan, const struct workload *workload, uint64_t seed,
               unsigned n_stores)
{
    bool constant = workload->arrivals == ARRIVALS_CONSTANT;
    struct rng rng = rng_new(seed, "arrivals");
    struct pace pace;
    int64_t at_us;

    *ret_plan = (struct plan){.draw = draw_new(workload, seed, n_stores)};
    if (workload->arrivals == ARRIVALS_CLOSED)
        return;
    pace_init(&pace, workload);
    while (pace_next(&pace, constant ? ret_plan->n > 0 : rng_exponential(&rng, 1), &at_us))
        plan_add(ret_plan, (unsigned)(ret_plan->n % workload->clients), at_us);
}

void plan_done(struct plan *plan)
{
    draw_free(plan->draw);
    free(plan->arrival);
    free(plan->part);
    *plan = (struct plan){0};
}
