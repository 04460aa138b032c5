/*
 * atomicity: all stores of a transaction or none, however it ended. "None" is not open to one whose
 * commit decision is durable or whose record is in the log: that is a promise to every store.
 */
#include "harness/checkers/checkers.h"

/* The stores, as bits, of the micro-operations in `wanted`. */
static uint32_t stores_of(const struct run_data *run, size_t op, unsigned wanted)
{
    uint32_t bits = 0;

    for (unsigned i = 0; wanted >> i; i++) {
        if (wanted >> i & 1U)
            bits |= UINT32_C(1) << run_store_of(run, run->micro[run->op[op].first + i].state);
    }
    return bits;
}

static uint32_t first_key(const struct run_data *run, size_t op, unsigned wanted)
{
    unsigned i = (unsigned)__builtin_ctz(wanted);

    return run_key_of(run, run->micro[run->op[op].first + i].state);
}

static const char *phrase_hand(const struct run_data *run, uint32_t op)
{
    return run->op[op].by_hand ? ", since an operator settled it by hand" : "";
}

static void report(const struct run_data *run, uint32_t op, unsigned missing, struct verdict *ret)
{
    unsigned applied = run->op[op].applied;
    uint32_t has_key = first_key(run, op, applied), key = first_key(run, op, missing);
    uint32_t has = stores_of(run, op, applied), lacks = stores_of(run, op, missing);
    struct example *e = verdict_add(ret, key);

    if (!e)
        return;
    example_op(e, op);
    example_mark_all(run, e, intern_find(&run->words, run->history.op[op].txn->request));
    if (has_key == key)
        example_say(e, "%s and %s: %s %s it, %s never got it%s.", phrase_write(run, op, key),
                    phrase_end(run, op), phrase_stores(run, has), has & (has - 1) ? "have" : "has",
                    phrase_stores(run, lacks), phrase_hand(run, op));
    else
        example_say(e, "%s and %s: its change of %s is at %s, its change of %s never got to %s%s.",
                    phrase_write(run, op, key), phrase_end(run, op),
                    intern_text(&run->keys, has_key), phrase_stores(run, has),
                    intern_text(&run->keys, key), phrase_stores(run, lacks), phrase_hand(run, op));
}

/* Decided or recorded, and in no journal. */
static void report_nowhere(const struct run_data *run, uint32_t op, unsigned missing,
                           struct verdict *ret)
{
    uint32_t key = first_key(run, op, missing);
    struct example *e = verdict_add(ret, key);

    if (!e)
        return;
    example_op(e, op);
    example_mark_all(run, e, intern_find(&run->words, run->history.op[op].txn->request));
    example_say(e, "%s and %s: %s, but no store ever got it.", phrase_write(run, op, key),
                phrase_end(run, op),
                run->op[op].decided ? "the decision to commit it is durable"
                                    : "it stands in the log");
}

void check_atomicity(const struct run_data *run, struct verdict *ret)
{
    for (size_t i = 0; i < run->history.n; i++) {
        unsigned missing = run->op[i].writes & ~(unsigned)run->op[i].applied;

        if (!run_op_writes(run, i))
            continue;
        ret->of++;
        if (!run->settling.settled || !missing)
            continue;
        if (run->op[i].applied)
            report(run, (uint32_t)i, missing, ret);
        else if (run->op[i].decided || run->op[i].recorded)
            report_nowhere(run, (uint32_t)i, missing, ret);
    }
    verdict_conclude(ret, run);
}
