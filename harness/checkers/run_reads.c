/*
 * The reads of a run by the state that they read, and whether the final journals can be what they
 * saw.
 *
 * A store appends to a key's journal and never changes it. So a read that found n entries saw
 * exactly the first n of the final journal, and whether it saw a write is a comparison of n with
 * the write's place. That holds while a store keeps what it has let anybody see, which ours do
 * through a SIGKILL (they write before they answer). It does not hold for a store that lost its
 * data and was filled anew, in another order perhaps.
 *
 * Nobody has to believe that: value and n of every read are compared with the first n entries. One
 * read that does not fit (more entries than there are in the end, another value), or a journal with
 * a gap, and the places of no entry of that store are used any more: `places`. What is judged
 * without places then is what readers themselves saw.
 */
#include "harness/checkers/run_data.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* --- by state --------------------------------------------------------------------------------- */

static bool writes_state(const struct run_data *run, size_t op, uint32_t state)
{
    const struct run_op *o = &run->op[op];

    for (unsigned i = 0; o->writes >> i; i++) {
        if ((o->writes >> i & 1U) && run->micro[o->first + i].state == state)
            return true;
    }
    return false;
}

bool run_is_seen(const struct run_data *run, size_t op, unsigned i)
{
    const struct history_op *h = &run->history.op[op];

    return h->read && h->txn->op[i].kind == OP_READ &&
           !writes_state(run, op, run->micro[run->op[op].first + i].state);
}

/* The same walk twice: to count each state's reads, and then to put them where they belong. */
static void take_reads(struct run_data *run, bool place)
{
    for (size_t op = 0; op < run->history.n; op++) {
        const struct history_op *h = &run->history.op[op];

        for (unsigned i = 0; h->read && i < h->txn->n_ops; i++) {
            const struct run_micro *micro = &run->micro[run->op[op].first + i];
            struct run_state *s = &run->state[micro->state];
            int64_t n = h->read[i].n;

            if (!run_is_seen(run, op, i))
                continue;
            if (place)
                run->read[s->first_read + s->n_reads] = (struct run_read){
                    (uint32_t)op, n < UINT32_MAX ? (uint32_t)n : UINT32_MAX, micro->value};
            s->n_reads++;
        }
    }
}

static int compare_reads(const void *a, const void *b)
{
    const struct run_read *x = a, *y = b;

    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    return (x->op > y->op) - (x->op < y->op);
}

static void group_reads(struct run_data *run)
{
    take_reads(run, false);
    for (size_t i = 0; i < run->n_states; i++) {
        run->state[i].first_read = (uint32_t)run->n_reads;
        run->n_reads += run->state[i].n_reads;
        run->state[i].n_reads = 0;
    }
    run->read = mem_alloc_array(run->n_reads, sizeof *run->read);
    take_reads(run, true);
    for (size_t i = 0; i < run->n_states; i++) {
        if (run->state[i].n_reads > 1)
            qsort(&run->read[run->state[i].first_read], run->state[i].n_reads, sizeof *run->read,
                  compare_reads);
    }
}

/* --- do they fit ------------------------------------------------------------------------------ */

/* Only writes of whole values: what shows is one entry's word, and nothing has to be computed. */
static bool is_plain(const struct run_data *run, const struct run_state *s)
{
    for (uint32_t i = 0; i < s->n_entries; i++) {
        uint8_t kind = run->entry[s->first + i].kind;

        if (kind != OP_WRITE && kind != OP_INSERT)
            return false;
    }
    return true;
}

static bool plain_fits(const struct run_data *run, const struct run_state *s)
{
    const struct run_read *read = &run->read[s->first_read];
    uint32_t at = 0, shows = RUN_NONE;

    for (uint32_t i = 0; i < s->n_reads; i++) {
        for (; at < read[i].n && at < s->n_entries; at++) {
            if (!run->entry[s->first + at].idle)
                shows = run->entry[s->first + at].value;
        }
        if (read[i].n > s->n_entries || read[i].value != shows)
            return false;
    }
    return true;
}

static bool value_is(const struct run_data *run, const struct folded *folded, uint32_t value)
{
    if (!folded->exists || value == RUN_NONE)
        return !folded->exists && value == RUN_NONE;
    return strcmp(folded->value, run_word(run, value)) == 0;
}

static bool folded_fits(const struct run_data *run, const struct run_state *s)
{
    const struct run_read *read = &run->read[s->first_read];
    struct folded folded = {0};
    uint32_t at = 0;

    for (uint32_t i = 0; i < s->n_reads; i++) {
        for (; at < read[i].n && at < s->n_entries; at++)
            run_fold_entry(run, &run->entry[s->first + at], &folded);
        if (read[i].n > s->n_entries || !value_is(run, &folded, read[i].value))
            return false;
    }
    return true;
}

static bool state_fits(const struct run_data *run, const struct run_state *s)
{
    if (s->gap > 0)
        return false;
    return is_plain(run, s) ? plain_fits(run, s) : folded_fits(run, s);
}

void run_index_reads(struct run_data *run)
{
    group_reads(run);
    memcpy(run->places, run->collected, sizeof run->places);
    for (uint32_t i = 0; i < run->n_states; i++) {
        unsigned store = run_store_of(run, i);

        if (run->places[store] && !state_fits(run, &run->state[i]))
            run->places[store] = false;
    }
}
