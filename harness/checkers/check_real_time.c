/*
 * real-time: an ok write acknowledged before another was invoked stands before it.
 *
 * Along a journal it is enough to remember the latest invocation met so far: an entry whose
 * acknowledgement is earlier than that stands behind a write that was sent only after it.
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

static void check_journal(const struct run_data *run, uint32_t state, bool *overtaken,
                          struct verdict *ret)
{
    const struct run_state *s = &run->state[state];
    int64_t latest_us = INT64_MIN; /* invocation, of the entries before */
    uint32_t latest = 0;

    for (uint32_t i = s->first; i < s->first + s->n_entries; i++) {
        const struct run_entry *entry = &run->entry[i];
        const struct history_op *h;

        if (entry->op == RUN_NONE || !entry->asked || entry->again)
            continue;
        h = &run->history.op[entry->op];
        if (h->end == HISTORY_OK && h->ended_us < latest_us && !overtaken[entry->op]) {
            overtaken[entry->op] = true;
            report(run, state, i, latest, ret);
        }
        if (h->invoked_us > latest_us) {
            latest_us = h->invoked_us;
            latest = i;
        }
    }
}

void check_real_time(const struct run_data *run, struct verdict *ret)
{
    bool *overtaken = mem_alloc_array(run->history.n, sizeof *overtaken);

    for (size_t i = 0; i < run->history.n; i++)
        ret->of += run->history.op[i].end == HISTORY_OK && run_op_writes(run, i);
    for (uint32_t state = 0; state < run->n_states; state++)
        check_journal(run, state, overtaken, ret);
    free(overtaken);
    verdict_conclude(ret, run);
}
