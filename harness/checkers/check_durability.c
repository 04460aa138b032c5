/* durability: what was acknowledged is there. */
#include "harness/checkers/checkers.h"

/* The stores, as bits, where the writes of `op` in `wanted` concern `key`. */
static uint32_t stores_of(const struct run_data *run, size_t op, uint32_t key, unsigned wanted)
{
    const struct run_op *o = &run->op[op];
    uint32_t bits = 0;

    for (unsigned i = 0; wanted >> i; i++) {
        uint32_t state = run->micro[o->first + i].state;

        if ((wanted >> i & 1U) && run_key_of(run, state) == key)
            bits |= UINT32_C(1) << run_store_of(run, state);
    }
    return bits;
}

static void report(const struct run_data *run, uint32_t op, unsigned missing, struct verdict *ret)
{
    unsigned first = (unsigned)__builtin_ctz(missing);
    uint32_t key = run_key_of(run, run->micro[run->op[op].first + first].state);
    uint32_t stores = stores_of(run, op, key, missing);
    bool one = (stores & (stores - 1)) == 0;
    const char *name = intern_text(&run->keys, key);
    struct example *e = verdict_add(ret, key);

    if (!e)
        return;
    example_op(e, op);
    example_mark_all(run, e, intern_find(&run->words, run->history.op[op].txn->request));
    if (one)
        example_say(e, "%s and %s, but %s's journal of %s does not have it.",
                    phrase_write(run, op, key), phrase_end(run, op), phrase_stores(run, stores),
                    name);
    else
        example_say(e, "%s and %s, but the journals of %s at %s do not have it.",
                    phrase_write(run, op, key), phrase_end(run, op), name,
                    phrase_stores(run, stores));
}

void check_durability(const struct run_data *run, struct verdict *ret)
{
    for (size_t i = 0; i < run->history.n; i++) {
        unsigned missing = run->op[i].writes & ~(unsigned)run->op[i].applied;

        if (run->history.op[i].end != HISTORY_OK || !run_op_writes(run, i))
            continue;
        ret->of++;
        if (run->settling.settled && missing)
            report(run, (uint32_t)i, missing, ret);
    }
    verdict_conclude(ret, run);
}
