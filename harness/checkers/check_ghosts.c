/*
 * ghosts: what was said to have failed is nowhere, and nothing is anywhere that nobody wrote.
 *
 * Journals tell of failed requests and of entries that nobody had asked for; a durable decision and
 * a record in the log tell of what stores are bound to get. Reads are compared with everything that
 * was ever written to that key at that store, by value; a read may only show what had been sent
 * before it returned (one clock for the whole machine). Keys with increments or lists are left out
 * there: their values are made by the store, not written.
 */
#include "base/mem.h"
#include "harness/checkers/checkers.h"

#include <stdlib.h>

/* A value written to a state; sorted so that of equal ones the earliest not failed comes first. */
struct written {
    uint32_t state;
    uint32_t value;
    uint32_t op;
    bool failed;
    int64_t invoked_us;
};

struct written_list {
    size_t n;
    struct written *item;
};

static int compare_values(const struct written *a, const struct written *b)
{
    if (a->state != b->state)
        return a->state < b->state ? -1 : 1;
    return (a->value > b->value) - (a->value < b->value);
}

static int compare_written(const void *a, const void *b)
{
    const struct written *x = a, *y = b;
    int order = compare_values(x, y);

    if (order != 0)
        return order;
    if (x->failed != y->failed)
        return x->failed ? 1 : -1;
    return (x->invoked_us > y->invoked_us) - (x->invoked_us < y->invoked_us);
}

static bool writes_value(enum op_kind kind)
{
    return kind == OP_WRITE || kind == OP_INSERT;
}

static void list_op(const struct run_data *run, size_t op, struct written_list *list)
{
    const struct history_op *h = &run->history.op[op];

    for (unsigned i = 0; i < h->txn->n_ops; i++) {
        const struct run_micro *micro = &run->micro[run->op[op].first + i];

        if (!writes_value(h->txn->op[i].kind))
            continue;
        list->item[list->n++] = (struct written){.state = micro->state,
                                                 .value = micro->value,
                                                 .op = (uint32_t)op,
                                                 .failed = h->end == HISTORY_FAIL,
                                                 .invoked_us = h->invoked_us};
    }
}

static void list_written(const struct run_data *run, struct written_list *ret_list)
{
    size_t n = 0;

    for (size_t i = 0; i < run->history.n; i++)
        n += (unsigned)__builtin_popcount(run->op[i].writes);
    *ret_list = (struct written_list){.item = mem_alloc_array(n, sizeof *ret_list->item)};
    for (size_t i = 0; i < run->history.n; i++)
        list_op(run, i, ret_list);
    qsort(ret_list->item, ret_list->n, sizeof *ret_list->item, compare_written);
}

/* The first of the writes of this value to this state, or NULL. */
static const struct written *find_written(const struct written_list *list, uint32_t state,
                                          uint32_t value)
{
    struct written wanted = {.state = state, .value = value};
    size_t low = 0, high = list->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_values(&list->item[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == list->n || compare_values(&list->item[low], &wanted) != 0)
        return NULL;
    return &list->item[low];
}

/* States whose value the store computes. */
static bool *find_computed(const struct run_data *run)
{
    bool *computed = mem_alloc_array(run->n_states, sizeof *computed);

    for (size_t i = 0; i < run->history.n; i++) {
        const struct history_txn *txn = run->history.op[i].txn;

        for (unsigned m = 0; m < txn->n_ops; m++) {
            if (txn->op[m].kind == OP_INCR || txn->op[m].kind == OP_APPEND)
                computed[run->micro[run->op[i].first + m].state] = true;
        }
    }
    /* An initial balance, too: it may be all that ever happens to an account. */
    for (size_t i = 0; i < run->n_entries; i++) {
        const struct run_entry *entry = &run->entry[i];

        if (entry->asked && (entry->kind == OP_INCR || entry->kind == OP_APPEND))
            computed[entry->state] = true;
    }
    return computed;
}

static void report_read(const struct run_data *run, uint32_t op, const struct run_micro *micro,
                        const struct written *source, struct verdict *ret)
{
    const struct history_op *h = &run->history.op[op];
    uint32_t key = run_key_of(run, micro->state);
    struct example *e = verdict_add(ret, key);

    if (!e)
        return;
    example_op(e, op);
    if (source && source->failed) {
        example_op(e, source->op);
        example_say(e, "The read %s of %s at %s returned %s at %.3f s; but %s and %s.",
                    h->txn->request, intern_text(&run->keys, key),
                    run_store_name(run, micro->state), run_word(run, micro->value),
                    run_seconds(run, h->ended_us), phrase_write(run, source->op, key),
                    phrase_end(run, source->op));
        return;
    }
    example_say(e,
                "The read %s of %s at %s returned \"%s\" at %.3f s, which nobody had written %s.",
                h->txn->request, intern_text(&run->keys, key), run_store_name(run, micro->state),
                run_word(run, micro->value), run_seconds(run, h->ended_us),
                source ? "by then" : "there at all");
}

static void check_reads(const struct run_data *run, const bool *computed,
                        const struct written_list *list, struct verdict *ret)
{
    for (size_t i = 0; i < run->history.n; i++) {
        const struct history_op *h = &run->history.op[i];

        for (unsigned m = 0; h->read && m < h->txn->n_ops; m++) {
            const struct run_micro *micro = &run->micro[run->op[i].first + m];
            const struct written *source;

            if (h->txn->op[m].kind != OP_READ || micro->value == RUN_NONE || computed[micro->state])
                continue;
            source = find_written(list, micro->state, micro->value);
            if (!source || source->failed || source->invoked_us > h->ended_us)
                report_read(run, (uint32_t)i, micro, source, ret);
        }
    }
}

static void report_failed(const struct run_data *run, uint32_t op, struct verdict *ret)
{
    unsigned first = (unsigned)__builtin_ctz(run->op[op].applied);
    uint32_t state = run->micro[run->op[op].first + first].state;
    uint32_t request = intern_find(&run->words, run->history.op[op].txn->request);
    struct example *e = verdict_add(ret, run_key_of(run, state));

    if (!e)
        return;
    example_op(e, op);
    example_mark_all(run, e, request);
    example_say(e, "%s and %s, so it should be nowhere; yet %s's journal of %s has it as entry %u.",
                phrase_write(run, op, e->key), phrase_end(run, op), run_store_name(run, state),
                run_key_name(run, state), journal_find(run, state, request));
}

/* It failed, and yet every store is bound to get it. */
static void report_promised(const struct run_data *run, uint32_t op, struct verdict *ret)
{
    struct example *e = verdict_add(ret, run_key_of(run, run->micro[run->op[op].first].state));

    if (!e)
        return;
    example_op(e, op);
    example_say(e, "%s and %s, so it should be nowhere; yet %s.", phrase_write(run, op, e->key),
                phrase_end(run, op),
                run->op[op].decided ? "the decision to commit it is durable"
                                    : "it stands in the log");
}

static void report_garbage(const struct run_data *run, size_t entry, struct verdict *ret)
{
    const struct run_entry *found = &run->entry[entry];
    uint32_t n = (uint32_t)entry - run->state[found->state].first + 1;
    struct example *e = verdict_add(ret, run_key_of(run, found->state));

    if (!e)
        return;
    example_op(e, found->op);
    example_mark(e, run_store_of(run, found->state), found->request, n);
    example_say(e, "Entry %u of %s's journal of %s is an operation of %s that %s.", n,
                run_store_name(run, found->state), run_key_name(run, found->state),
                run_word(run, found->request),
                found->op == RUN_NONE ? "nobody sent" : "this request did not ask for");
}

void check_ghosts(const struct run_data *run, struct verdict *ret)
{
    struct written_list list;
    bool *computed = find_computed(run);

    for (size_t i = 0; i < run->history.n; i++) {
        if (run->history.op[i].end != HISTORY_FAIL || !run_op_writes(run, i))
            continue;
        ret->of++;
        if (run->op[i].applied)
            report_failed(run, (uint32_t)i, ret);
        else if (run->op[i].decided || run->op[i].recorded)
            report_promised(run, (uint32_t)i, ret);
    }
    for (size_t i = 0; i < run->n_entries; i++) {
        if (!run->entry[i].asked)
            report_garbage(run, i, ret);
    }
    list_written(run, &list);
    check_reads(run, computed, &list, ret);
    free(list.item);
    free(computed);
    verdict_conclude(ret, run);
}
