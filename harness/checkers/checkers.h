/*
 * checkers.h - the verdicts of docs/results.md, one function each, and the table of them.
 *
 * A checker reads a loaded run and fills `ret`: word, count, of, examples. `ret->name` and
 * `ret->promised` are set before. All are linear in the history and the journals, or n log n.
 *
 * A store counts for a transaction when one of its writes names it. What has reached no rest is
 * never called valid: verdict_conclude().
 */
#ifndef SYNCBED_HARNESS_CHECKERS_CHECKERS_H
#define SYNCBED_HARNESS_CHECKERS_CHECKERS_H

#include "harness/checkers/run_data.h"
#include "harness/checkers/verdict.h"

#include <stdbool.h>

/* Each ok transaction is in the journal of each of its stores, once settled. of: ok ones. */
void check_durability(const struct run_data *run, struct verdict *ret);

/*
 * Once settled, each invoked transaction is in all its stores' journals or in none; not in none
 * when its commit decision is durable or its record is in the log. of: invoked.
 */
void check_atomicity(const struct run_data *run, struct verdict *ret);

/*
 * A definitely failed request in a journal, durably decided or in the log, or its value in a read;
 * a value or entry that nobody had asked for by then. of: definitely failed transactions.
 */
void check_ghosts(const struct run_data *run, struct verdict *ret);

/* The same (request, operation) twice in a journal. of: entries. */
void check_duplicates(const struct run_data *run, struct verdict *ret);

/*
 * Once settled, all stores' values of a key are equal, and each is the fold of its journal. Not
 * settled: invalid where promised and nothing was moving any more, else unknown. of: keys.
 */
void check_convergence(const struct run_data *run, struct verdict *ret);

/*
 * No two writes of a key stand in opposite order in two stores' journals. Two increments without a
 * bound commute and have no order; of a request applied twice the first time counts (the second is
 * a duplicate). of: keys with a journal at two stores or more. count: keys.
 */
void check_order(const struct run_data *run, struct verdict *ret);

/*
 * An ok write acknowledged before another was invoked stands before it in every journal that has
 * both. As in check_order() the first application counts, and two increments without a bound have
 * no order. of: ok transactions that write where not everything commutes. count: those that stand
 * behind a later one somewhere.
 */
void check_real_time(const struct run_data *run, struct verdict *ret);

/*
 * Once settled, each account holds its beginning and all that happened, each once; and no entry
 * took one below the bound that it carried. of: accounts, the keys at a store to which operations
 * only add. count: accounts.
 */
void check_conservation(const struct run_data *run, struct verdict *ret);

/*
 * A read lacks a transaction of which another store had shown its part: in a read that was over
 * before this one was sent, or in a read of the same transaction. of: reads of which that could
 * be said, because a part of something written there had been shown elsewhere. count: reads.
 */
void check_fractured(const struct run_data *run, struct verdict *ret);

/*
 * A read sent after the same client's own write was acknowledged, at ret->level or more, found a
 * journal without it. of: reads after such a write of their key. count: reads.
 */
void check_read_your_writes(const struct run_data *run, struct verdict *ret);

/*
 * A read sent after the same client's earlier read of that key at that store was answered found
 * fewer entries. of: reads after one that had found any. count: reads.
 */
void check_monotonic_reads(const struct run_data *run, struct verdict *ret);

struct checker {
    const char *name; /* as approaches promise it */
    void (*check)(const struct run_data *run, struct verdict *ret);
    const char *means; /* one line, for a legend */
    const char *one;   /* violations in a table's cell: "1 key diverged" … */
    const char *many;  /* … and "12 keys diverged" */
    bool passes;       /* what a reader saw for a moment; nothing of it is left in the stores */
};

/* In the order in which tables show them. */
#define CHECKERS 11
extern const struct checker checker_table[CHECKERS];
const struct checker *checker_find(const char *name); /* or NULL */

#endif
