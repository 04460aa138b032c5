/*
 * real-time: an ok write acknowledged before another was invoked stands before it.
 *
 * Along a journal it is enough to remember the latest invocation met so far: an entry whose
 * acknowledgement is earlier than that stands behind a write that was sent only after it. What only
 * adds to a number commutes with its like, so it is compared with the latest of something else.
 */
#include "base/mem.h"
#include "harness/checkers/checkers.h"

#include <stdlib.h>

static void report(const struct run_data *run, uint32_t state, uint32_t overtaken, uint32_t by,
                   struct verdict *ret)
{
    const struct run_entry *x = &run->entry[overtaken], *y = &run->entry[by];
    uint32_t first = run->state[state].first;
    struct example *e = verdict_add(ret, run_key_of(run, state));

    if (!e)
        return;
    example_op(e, x->op);
    example_op(e, y->op);
    example_mark(e, run_store_of(run, state), y->request, by - first + 1);
    example_mark(e, run_store_of(run, state), x->request, overtaken - first + 1);
    example_say(e,
                "%s and %s; %s was sent after that, at %.3f s (%s), yet %s's journal of %s has "
                "it as entry %u and %s as entry %u.",
                phrase_write(run, x->op, e->key), phrase_end(run, x->op), run_word(run, y->request),
                run_seconds(run, run->history.op[y->op].invoked_us), run->history.op[y->op].server,
                run_store_name(run, state), run_key_name(run, state), by - first + 1,
                run_word(run, x->request), overtaken - first + 1);
}

/* The entry with the latest invocation among those met so far. */
struct latest {
    int64_t invoked_us;
    uint32_t entry;
};

static void meet(struct latest *latest, int64_t invoked_us, uint32_t entry)
{
    if (invoked_us > latest->invoked_us)
        *latest = (struct latest){invoked_us, entry};
}

static void check_journal(const struct run_data *run, uint32_t state, bool *overtaken,
                          struct verdict *ret)
{
    const struct run_state *s = &run->state[state];
    struct latest any = {.invoked_us = INT64_MIN};
    struct latest fixed = any; /* of those that do more than to add */

    for (uint32_t i = s->first; i < s->first + s->n_entries; i++) {
        const struct run_entry *entry = &run->entry[i];
        const struct history_op *h;
        const struct latest *before;
        bool adds;

        if (entry->op == RUN_NONE || !entry->asked || entry->again)
            continue;
        h = &run->history.op[entry->op];
        adds = run_entry_commutes(run, entry);
        before = adds ? &fixed : &any;
        if (h->end == HISTORY_OK && h->ended_us < before->invoked_us && !overtaken[entry->op]) {
            overtaken[entry->op] = true;
            report(run, state, i, before->entry, ret);
        }
        meet(&any, h->invoked_us, i);
        if (!adds)
            meet(&fixed, h->invoked_us, i);
    }
}

/* ret_fixed[state]: some operation does more to it than to add. */
static void find_fixed(const struct run_data *run, bool *ret_fixed)
{
    for (size_t op = 0; op < run->history.n; op++) {
        const struct run_op *o = &run->op[op];

        for (unsigned m = 0; o->writes >> m; m++) {
            const struct run_micro *micro = &run->micro[o->first + m];

            if (o->writes >> m & 1 && !ret_fixed[micro->state])
                ret_fixed[micro->state] =
                    micro->kind != OP_INCR || !run_op_only_adds(run, op, micro->state);
        }
    }
}

static bool has_an_order(const struct run_data *run, size_t op, const bool *fixed)
{
    const struct run_op *o = &run->op[op];

    for (unsigned m = 0; o->writes >> m; m++) {
        if (o->writes >> m & 1 && fixed[run->micro[o->first + m].state])
            return true;
    }
    return false;
}

void check_real_time(const struct run_data *run, struct verdict *ret)
{
    bool *overtaken = mem_alloc_array(run->history.n, sizeof *overtaken);
    bool *fixed = mem_alloc_array(run->n_states, sizeof *fixed);

    find_fixed(run, fixed);
    for (size_t i = 0; i < run->history.n; i++)
        ret->of += run->history.op[i].end == HISTORY_OK && has_an_order(run, i, fixed);
    for (uint32_t state = 0; state < run->n_states; state++)
        check_journal(run, state, overtaken, ret);
    free(fixed);
    free(overtaken);
    verdict_conclude(ret, run);
}
