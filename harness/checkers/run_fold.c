/*
 * What the journals make of the states, and whether the files of a run agree about it: the last
 * scan before a run was called settled saw what final/ holds.
 */
#include "harness/checkers/run_data.h"
#include "harness/workload/workload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void to_op(const struct run_data *run, const struct run_entry *entry, struct op *ret_op)
{
    memset(ret_op, 0, sizeof *ret_op);
    ret_op->kind = (enum op_kind)entry->kind;
    if (ret_op->kind == OP_INCR)
        ret_op->delta = entry->delta;
    else
        ret_op->version = entry->kind == OP_WRITE ? entry->version : 0;
    if (entry->value != RUN_NONE)
        (void)snprintf(ret_op->value, sizeof ret_op->value, "%s", run_word(run, entry->value));
}

static bool overwrites(const struct run_entry *entry)
{
    return (entry->kind == OP_WRITE && entry->version == 0) || entry->kind == OP_INSERT;
}

void run_fold_entry(const struct run_data *run, const struct run_entry *entry,
                    struct folded *folded)
{
    struct op op;

    if (entry->kind == OP_KINDS) /* not what anybody asked for: check_ghosts() tells */
        return;
    to_op(run, entry, &op);
    journal_fold(folded, &op);
}

/* An overwriting entry at the end is all that counts. */
void run_fold(const struct run_data *run, uint32_t state, struct folded *ret_folded)
{
    const struct run_state *s = &run->state[state];
    uint32_t end = s->first + s->n_entries, from = s->first;

    *ret_folded = (struct folded){0};
    if (s->n_entries > 0 && overwrites(&run->entry[end - 1]))
        from = end - 1;
    for (uint32_t i = from; i < end; i++)
        run_fold_entry(run, &run->entry[i], ret_folded);
}

bool run_state_is_fold(const struct run_data *run, uint32_t state)
{
    const struct run_state *s = &run->state[state];
    struct folded folded;

    if (s->value == RUN_NONE)
        return true;
    if (s->gap > 0)
        return false;
    run_fold(run, state, &folded);
    return strcmp(folded.value, run_word(run, s->value)) == 0;
}

/* As the scan saw it: every store has every key that all should have, with the same value. */
static bool key_is_equal(const struct run_data *run, uint32_t key)
{
    const struct run_state *s = &run->state[key * run->n_stores];
    bool single = workload_key_is_single(intern_text(&run->keys, key));

    for (unsigned i = 0; i < run->n_stores; i++) {
        if ((!single && s[i].value != s[0].value) ||
            !run_state_is_fold(run, key * run->n_stores + i))
            return false;
    }
    return true;
}

int run_check_settling(const struct run_data *run, struct errctx *err)
{
    const struct run_settling *settling = &run->settling;
    bool equal = true;

    if (!settling->settled)
        return 0;
    for (uint32_t key = 0; equal && key < run->keys.n; key++)
        equal = key_is_equal(run, key);
    if (settling->scan[settling->n_scans - 1].equal == equal)
        return 0;
    return err_set(err, EBADMSG, ERR_ABORT,
                   "%s/evidence.ndjson:%u: the last scan found the stores %s, final/ does not",
                   run->dir, settling->line, equal ? "unequal" : "equal");
}
