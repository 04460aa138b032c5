/*
 * duplicates: nothing is applied twice.
 *
 * Loading has noticed the repeats of what was asked for (run_entry.again), since an operation is of
 * one key at one store. What nobody had asked for is sorted here; there is hardly ever any.
 */
#include "base/mem.h"
#include "harness/checkers/checkers.h"

#include <stdlib.h>

static int compare_entries(const void *a, const void *b)
{
    const struct run_entry *x = *(const struct run_entry *const *)a;
    const struct run_entry *y = *(const struct run_entry *const *)b;

    if (x->state != y->state)
        return x->state < y->state ? -1 : 1;
    if (x->request != y->request)
        return x->request < y->request ? -1 : 1;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->delta > y->delta) - (x->delta < y->delta);
}

static void report(const struct run_data *run, const struct run_entry *entry, struct verdict *ret)
{
    uint32_t first = run->state[entry->state].first;
    uint32_t n = (uint32_t)(entry - run->entry) - first + 1, before;
    struct example *e = verdict_add(ret, run_key_of(run, entry->state));

    if (!e)
        return;
    before = journal_find(run, entry->state, entry->request);
    example_op(e, entry->op);
    example_mark(e, run_store_of(run, entry->state), entry->request, before);
    example_mark(e, run_store_of(run, entry->state), entry->request, n);
    example_say(e, "%s's journal of %s has %s more than once: as entry %u and again as entry %u.",
                run_store_name(run, entry->state), run_key_name(run, entry->state),
                run_word(run, entry->request), before, n);
}

static void check_unasked(const struct run_data *run, size_t n_unasked, struct verdict *ret)
{
    const struct run_entry **unasked = mem_alloc_array(n_unasked, sizeof *unasked);
    size_t n = 0;

    for (size_t i = 0; i < run->n_entries; i++) {
        if (!run->entry[i].asked)
            unasked[n++] = &run->entry[i];
    }
    qsort(unasked, n, sizeof *unasked, compare_entries);
    for (size_t i = 1; i < n; i++) {
        if (compare_entries(&unasked[i - 1], &unasked[i]) == 0)
            report(run, unasked[i] > unasked[i - 1] ? unasked[i] : unasked[i - 1], ret);
    }
    free(unasked);
}

void check_duplicates(const struct run_data *run, struct verdict *ret)
{
    size_t n_unasked = 0;

    ret->of = run->n_entries;
    for (size_t i = 0; i < run->n_entries; i++) {
        if (run->entry[i].again)
            report(run, &run->entry[i], ret);
        n_unasked += !run->entry[i].asked;
    }
    if (n_unasked > 1)
        check_unasked(run, n_unasked, ret);
    verdict_conclude(ret, run);
}
