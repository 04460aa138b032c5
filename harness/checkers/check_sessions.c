/*
 * read-your-writes and monotonic-reads: what a session, which is a client, may expect of a store.
 *
 * Both say that a read must find a journal of at least some length: the place of an own
 * acknowledged write, or the length that an own read of the same key at the same store has found
 * before. What obliges has to be over when the read is sent: of two operations in flight together
 * neither has to see the other, also within one client.
 *
 * Why a violation is one. monotonic-reads compares two answers that the client got, and nothing
 * else: whatever the store did meanwhile, it showed less than before. read-your-writes needs the
 * place of the write in the final journal, and so only stores whose places are evidence are judged
 * (run_reads.c); there a read that found n entries saw exactly the first n. Of a write that was
 * applied twice the first time counts; one that took no effect (its version came too late) obliges
 * nothing, nor does one whose outcome the client never learnt, or one that is in no journal:
 * durability tells of that. A retried operation was sent when it was sent first, and is over when
 * its answer came, so that both ends are as weak as they can be.
 *
 * For each state its events are sorted by client and time. At equal times a read's sending comes
 * before an end: what ended in the same microsecond did not end before.
 */
#include "base/mem.h"
#include "harness/checkers/checkers.h"

#include <stdlib.h>

/* Something that obliges has ended, or a read is sent. */
struct event {
    unsigned client;
    bool obliges;
    uint32_t op;
    uint32_t n; /* the least length from now on; the length found */
    int64_t at_us;
};

struct session_walk {
    const struct run_data *run;
    struct verdict *verdict;
    void (*report)(const struct run_data *run, uint32_t state, const struct event *obliges,
                   const struct event *read, struct verdict *ret);
    size_t n;
    size_t capacity;
    struct event *event; /* of one state */
};

static int compare_events(const void *a, const void *b)
{
    const struct event *x = a, *y = b;

    if (x->client != y->client)
        return x->client < y->client ? -1 : 1;
    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    if (x->obliges != y->obliges)
        return x->obliges ? 1 : -1;
    return (x->op > y->op) - (x->op < y->op);
}

static void add_event(struct session_walk *walk, uint32_t op, uint32_t n, bool obliges)
{
    const struct history_op *h = &walk->run->history.op[op];

    walk->event = mem_grow(walk->event, walk->n, &walk->capacity, sizeof *walk->event);
    walk->event[walk->n++] =
        (struct event){h->client, obliges, op, n, obliges ? h->ended_us : h->invoked_us};
}

static void add_reads(struct session_walk *walk, const struct run_state *s, bool oblige)
{
    for (uint32_t i = s->first_read; i < s->first_read + s->n_reads; i++)
        add_event(walk, walk->run->read[i].op, walk->run->read[i].n, oblige);
}

/* Those that were acknowledged as what the approach's plain ok means. */
static void add_writes(struct session_walk *walk, const struct run_state *s)
{
    const struct run_data *run = walk->run;

    for (uint32_t i = 0; i < s->n_entries; i++) {
        const struct run_entry *entry = &run->entry[s->first + i];
        const struct history_op *h;

        if (!run_entry_shows(entry))
            continue;
        h = &run->history.op[entry->op];
        if (h->end == HISTORY_OK && h->level >= walk->verdict->level)
            add_event(walk, entry->op, i + 1, true);
    }
}

static void judge_state(struct session_walk *walk, uint32_t state)
{
    const struct event *most = NULL; /* what obliges this client most so far */

    qsort(walk->event, walk->n, sizeof *walk->event, compare_events);
    for (size_t i = 0; i < walk->n; i++) {
        const struct event *event = &walk->event[i];

        if (most && most->client != event->client)
            most = NULL;
        if (event->obliges) {
            most = most && most->n >= event->n ? most : event;
            continue;
        }
        if (!most || most->n == 0)
            continue;
        walk->verdict->of++;
        if (event->n < most->n)
            walk->report(walk->run, state, most, event, walk->verdict);
    }
    walk->n = 0;
}

/* --- read-your-writes ------------------------------------------------------------------------- */

static void report_own_write(const struct run_data *run, uint32_t state, const struct event *write,
                             const struct event *read, struct verdict *ret)
{
    struct example *e = verdict_add(ret, run_key_of(run, state));

    if (!e)
        return;
    example_op(e, read->op);
    example_op(e, write->op);
    example_mark(e, run_store_of(run, state),
                 intern_find(&run->words, run->history.op[write->op].txn->request), write->n);
    example_say(e,
                "%s and %s; then, for the same client, %s and found only %u of its changes: %s is "
                "number %u.",
                phrase_write(run, write->op, e->key), phrase_end(run, write->op),
                phrase_read(run, read->op, state), read->n, run->history.op[write->op].txn->request,
                write->n);
}

void check_read_your_writes(const struct run_data *run, struct verdict *ret)
{
    struct session_walk walk = {.run = run, .verdict = ret, .report = report_own_write};
    uint64_t n_unjudged = 0;

    for (uint32_t state = 0; state < run->n_states; state++) {
        const struct run_state *s = &run->state[state];

        if (!run->places[run_store_of(run, state)]) {
            n_unjudged += s->n_reads;
        } else if (s->n_reads > 0) {
            add_writes(&walk, s);
            add_reads(&walk, s, false);
            judge_state(&walk, state);
        }
    }
    free(walk.event);
    verdict_conclude_reads(ret, run, n_unjudged);
}

/* --- monotonic-reads -------------------------------------------------------------------------- */

static void report_backward(const struct run_data *run, uint32_t state, const struct event *before,
                            const struct event *read, struct verdict *ret)
{
    struct example *e = verdict_add(ret, run_key_of(run, state));

    if (!e)
        return;
    example_op(e, read->op);
    example_op(e, before->op);
    example_say(e,
                "%s and had found %u changes by %.3f s; then, for the same client, %s and found "
                "only %u.",
                phrase_read(run, before->op, state), before->n, run_seconds(run, before->at_us),
                phrase_read(run, read->op, state), read->n);
}

void check_monotonic_reads(const struct run_data *run, struct verdict *ret)
{
    struct session_walk walk = {.run = run, .verdict = ret, .report = report_backward};

    for (uint32_t state = 0; state < run->n_states; state++) {
        if (run->state[state].n_reads < 2)
            continue;
        add_reads(&walk, &run->state[state], true);
        add_reads(&walk, &run->state[state], false);
        judge_state(&walk, state);
    }
    free(walk.event);
    verdict_conclude(ret, run);
}
