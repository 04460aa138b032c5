/*
 * order: the stores agree on the order of two writes of a key.
 *
 * For two journals of a key: note where each request stands in the one, then walk through the
 * other. They agree when these places only ever rise; so it is enough to compare each with the
 * highest place met so far. Increments commute with each other, so they are compared only with the
 * highest place of something else.
 */
#include "base/mem.h"
#include "harness/checkers/checkers.h"

#include <stdlib.h>

struct place {
    uint32_t round; /* the walk in which `n` was noted */
    uint32_t n;     /* 1-based place of the request's first entry */
};

struct walk {
    const struct run_data *run;
    struct place *there; /* by word: in the journal walked along */
    struct place *here;  /* by word: in the journal being walked */
    uint32_t round;
};

static bool same_sequence(const struct run_data *run, const struct run_state *a,
                          const struct run_state *b)
{
    if (a->n_entries != b->n_entries)
        return false;
    for (uint32_t i = 0; i < a->n_entries; i++) {
        if (run->entry[a->first + i].request != run->entry[b->first + i].request)
            return false;
    }
    return true;
}

static void note_places(struct walk *walk, const struct run_state *s)
{
    for (uint32_t i = 0; i < s->n_entries; i++) {
        struct place *place = &walk->there[walk->run->entry[s->first + i].request];

        if (place->round != walk->round)
            *place = (struct place){walk->round, i + 1};
    }
}

/* True when the entry is the first of its request in the journal being walked. */
static bool first_here(struct walk *walk, uint32_t request, uint32_t n)
{
    struct place *place = &walk->here[request];

    if (place->round == walk->round)
        return false;
    *place = (struct place){walk->round, n};
    return true;
}

/* Finds two requests, `early` before `late` in `b`, that stand the other way round in `a`. */
static bool find_opposite(struct walk *walk, const struct run_state *a, const struct run_state *b,
                          uint32_t *ret_early, uint32_t *ret_late)
{
    const struct run_data *run = walk->run;
    uint32_t highest = 0, highest_fixed = 0;                 /* places in a */
    uint32_t request_highest = 0, request_highest_fixed = 0; /* who stands there */

    if (same_sequence(run, a, b))
        return false;
    walk->round++;
    note_places(walk, a);
    for (uint32_t i = 0; i < b->n_entries; i++) {
        const struct run_entry *entry = &run->entry[b->first + i];
        struct place there = walk->there[entry->request];
        bool free_order;

        if (!first_here(walk, entry->request, i + 1) || there.round != walk->round)
            continue;
        free_order = run_entry_commutes(run, entry);
        if (there.n < (free_order ? highest_fixed : highest)) {
            *ret_early = free_order ? request_highest_fixed : request_highest;
            *ret_late = entry->request;
            return true;
        }
        if (there.n > highest) {
            highest = there.n;
            request_highest = entry->request;
        }
        if (!free_order && there.n > highest_fixed) {
            highest_fixed = there.n;
            request_highest_fixed = entry->request;
        }
    }
    return false;
}

static const char *sent(const struct run_data *run, uint32_t request, uint32_t key)
{
    uint32_t op = request < run->n_op_of_word ? run->op_of_word[request] : RUN_NONE;

    return op == RUN_NONE ? run_word(run, request) : phrase_write(run, op, key);
}

/* In `b`, `early` stands before `late`; in `a` it is the other way round. */
static void report(const struct run_data *run, uint32_t a, uint32_t b, uint32_t early,
                   uint32_t late, struct verdict *ret)
{
    struct example *e = verdict_add(ret, run_key_of(run, a));

    if (!e)
        return;
    if (early < run->n_op_of_word)
        example_op(e, run->op_of_word[early]);
    if (late < run->n_op_of_word)
        example_op(e, run->op_of_word[late]);
    example_mark_all(run, e, early);
    example_mark_all(run, e, late);
    example_say(e, "%s, %s; %s's journal of %s has %s first, %s's has %s first.",
                sent(run, early, e->key), sent(run, late, e->key), run_store_name(run, b),
                run_key_name(run, b), run_word(run, early), run_store_name(run, a),
                run_word(run, late));
}

static void check_key(struct walk *walk, uint32_t key, struct verdict *ret)
{
    const struct run_data *run = walk->run;
    uint32_t first = key * run->n_stores, early, late;
    unsigned n_journals = 0;

    for (unsigned i = 0; i < run->n_stores; i++)
        n_journals += run->state[first + i].n_entries > 0;
    ret->of += n_journals > 1;
    for (uint32_t a = first; a < first + run->n_stores; a++) {
        for (uint32_t b = a + 1; b < first + run->n_stores; b++) {
            if (find_opposite(walk, &run->state[a], &run->state[b], &early, &late)) {
                report(run, a, b, early, late, ret);
                return;
            }
        }
    }
}

void check_order(const struct run_data *run, struct verdict *ret)
{
    struct walk walk = {.run = run,
                        .there = mem_alloc_array(run->words.n, sizeof *walk.there),
                        .here = mem_alloc_array(run->words.n, sizeof *walk.here)};

    for (uint32_t key = 0; key < run->keys.n; key++)
        check_key(&walk, key, ret);
    free(walk.there);
    free(walk.here);
    verdict_conclude(ret, run);
}
