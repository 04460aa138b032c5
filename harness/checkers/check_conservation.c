/*
 * conservation: money is neither made nor lost, and no account goes below its bound.
 *
 * An account is a key at a store to which operations only add, whatever the workload; under
 * `transfer` each begins with the same balance, put there before the load.
 *
 * Once settled, a balance is its beginning and all that happened: every transaction that was
 * acknowledged, and of the unknown ones those which evidence says did happen (run_op_fate()), each
 * once and at all its accounts. So a half that is missing, one that is there twice and one that
 * should not be there at all each change a balance, also where two of them hide each other in the
 * sum over all accounts. Before settling a half may still be on its way, and nothing is said.
 *
 * A bound is judged at the entries that carry one, settled or not: a store that added to a number
 * under its lock must have found the sum not below. The number is the sum of all entries before, so
 * a journal is followed only as far as it has no gap and only what can be read.
 *
 * Sums wrap as a 64-bit number does: equal ones stay equal, which is all that is asked.
 */
#include "base/mem.h"
#include "harness/checkers/checkers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Of a state. */
struct account {
    bool adds;    /* some operation adds to it */
    bool other;   /* some operation does something else to it */
    uint64_t due; /* its beginning, and what happened */
};

static struct account *list_accounts(const struct run_data *run)
{
    struct account *accounts = mem_alloc_array(run->n_states, sizeof *accounts);

    for (size_t i = 0; i < run->history.n; i++) {
        const struct history_txn *txn = run->history.op[i].txn;
        bool counts = run_op_writes(run, i) && run_op_happened(run, i);

        for (unsigned m = 0; m < txn->n_ops; m++) {
            struct account *account = &accounts[run->micro[run->op[i].first + m].state];

            if (txn->op[m].kind == OP_READ)
                continue;
            account->adds |= txn->op[m].kind == OP_INCR;
            account->other |= txn->op[m].kind != OP_INCR;
            if (!counts || txn->op[m].kind != OP_INCR)
                continue;
            account->due += (uint64_t)txn->op[m].delta;
        }
    }
    return accounts;
}

/* A store without the key has nothing in it. False when it holds no number. */
static bool find_balance(const struct run_data *run, uint32_t state, uint64_t *ret_balance)
{
    const char *text;
    char *end;

    *ret_balance = 0;
    if (run->state[state].value == RUN_NONE)
        return true;
    text = run_word(run, run->state[state].value);
    errno = 0;
    *ret_balance = (uint64_t)strtoll(text, &end, 10);
    return errno == 0 && *text && !*end;
}

/* --- balances --------------------------------------------------------------------------------- */

/* Is a part of this operation at the account where it should not be, or not where it should. */
static bool is_wrong_at(const struct run_data *run, size_t op, uint32_t state)
{
    for (unsigned i = 0; run->op[op].writes >> i; i++) {
        const struct run_micro *micro = &run->micro[run->op[op].first + i];

        if (micro->state == state && micro->kind == OP_INCR &&
            (micro->place > 0) != run_op_happened(run, op))
            return true;
    }
    return false;
}

/* The first operation that explains a wrong balance; RUN_NONE when none does. Linear. */
static uint32_t find_culprit(const struct run_data *run, uint32_t state)
{
    const struct run_state *s = &run->state[state];

    for (size_t op = 0; op < run->history.n; op++) {
        if (is_wrong_at(run, op, state))
            return (uint32_t)op;
    }
    for (uint32_t i = s->first; i < s->first + s->n_entries; i++) {
        if (run->entry[i].again || !run->entry[i].asked)
            return run->entry[i].op;
    }
    return RUN_NONE;
}

/* ": c3-17 … is missing there", or what else made it wrong. */
static const char *explain(const struct run_data *run, uint32_t op, uint32_t state)
{
    if (!is_wrong_at(run, op, state))
        return "is there more than once, or as something else";
    return run_op_happened(run, op) ? "is missing there" : "is there all the same";
}

static void report_balance(const struct run_data *run, uint32_t state,
                           const struct account *account, struct verdict *ret)
{
    struct example *e = verdict_add(ret, run_key_of(run, state));
    uint32_t culprit;

    if (!e)
        return;
    culprit = find_culprit(run, state);
    if (culprit == RUN_NONE) {
        example_say(e,
                    "%s at %s ends with %s; its beginning and what happened make "
                    "%" PRId64 ".",
                    run_key_name(run, state), run_store_name(run, state),
                    run_word(run, run->state[state].value), (int64_t)account->due);
        return;
    }
    example_op(e, culprit);
    example_mark_all(run, e, intern_find(&run->words, run->history.op[culprit].txn->request));
    example_say(e,
                "%s at %s ends with %s; its beginning and what happened make "
                "%" PRId64 ": %s and %s, and %s.",
                run_key_name(run, state), run_store_name(run, state),
                run_word(run, run->state[state].value), (int64_t)account->due,
                phrase_write(run, culprit, e->key), phrase_end(run, culprit),
                explain(run, culprit, state));
}

/* --- bounds ----------------------------------------------------------------------------------- */

static void report_bound(const struct run_data *run, const struct run_entry *entry, uint32_t n,
                         int64_t balance, struct verdict *ret)
{
    const struct history_micro *micro = &run->history.op[entry->op].txn->op[entry->index];
    struct example *e = verdict_add(ret, run_key_of(run, entry->state));

    if (!e)
        return;
    example_op(e, entry->op);
    example_mark(e, run_store_of(run, entry->state), entry->request, n);
    example_say(e,
                "%s and %s: as entry %u of %s's journal of %s it makes %" PRId64
                ", below its bound of %" PRId64 ".",
                phrase_write(run, entry->op, e->key), phrase_end(run, entry->op), n,
                run_store_name(run, entry->state), run_key_name(run, entry->state), balance,
                micro->min);
}

/* True, and reported, when some entry of the journal broke its bound. */
static bool breaks_bound(const struct run_data *run, uint32_t state, struct verdict *ret)
{
    const struct run_state *s = &run->state[state];
    uint64_t balance = 0;

    for (uint32_t n = 1; n <= s->n_entries && n != s->gap; n++) {
        const struct run_entry *entry = &run->entry[s->first + n - 1];
        const struct history_micro *micro;

        if (entry->kind != OP_INCR)
            return false;
        balance += (uint64_t)entry->delta;
        if (entry->op == RUN_NONE || !entry->asked)
            continue;
        micro = &run->history.op[entry->op].txn->op[entry->index];
        if (micro->has_min && (int64_t)balance < micro->min) {
            report_bound(run, entry, n, (int64_t)balance, ret);
            return true;
        }
    }
    return false;
}

void check_conservation(const struct run_data *run, struct verdict *ret)
{
    struct account *accounts = list_accounts(run);

    for (uint32_t state = 0; state < run->n_states; state++) {
        struct account *account = &accounts[state];
        uint64_t balance;
        int64_t begin;

        if (!account->adds || account->other)
            continue;
        ret->of++;
        if (run_account_begin(run, state, &begin))
            account->due += (uint64_t)begin;
        if (breaks_bound(run, state, ret) || !run->settling.settled)
            continue;
        if (!find_balance(run, state, &balance) || balance != account->due)
            report_balance(run, state, account, ret);
    }
    free(accounts);
    verdict_conclude(ret, run);
}
