/*
 * fractured: half of a transaction was seen, and then its other half was not.
 *
 * A transaction T that writes at stores A and B is fractured by a read at B that lacks it, when a
 * read at A that was over before has shown it, or when a read at A in the same transaction does
 * (Bailis et al., "Scalable Atomic Visibility with RAMP Transactions", SIGMOD 2014). Reads in the
 * other order prove nothing: T may have happened between them.
 *
 * Why a violation is one. T's places at A and B are those of its first application in the final
 * journals; only stores whose places are evidence count (run_reads.c). A read at A that found T's
 * place or more shows T or later, so T had happened at A when that read was answered. A read at B,
 * sent only after that, which found fewer entries than T's place shows a state from before T. A T
 * that is missing in B's journal has no "before" there: atomicity tells of it. A write that took no
 * effect (its version came too late) shows nowhere and counts for nothing. The outcome of T does
 * not matter, nor who reads: readers that meet talk.
 *
 * How, in time linear in journals and reads: an entry was *shown* at the earliest end of a read of
 * its state with as many entries or more. It is *due* at B from when one of its transaction's other
 * entries, at another store, was shown. Walking a journal from its end, the earliest due time of
 * what lies behind a read says whether that read lacks something.
 */
#include "base/mem.h"
#include "harness/checkers/checkers.h"

#include <stdlib.h>

#define NEVER INT64_MAX

struct fracture_walk {
    const struct run_data *run;
    struct verdict *verdict;
    int64_t *shown_us; /* by entry */
    /* Of the journal being walked, by n - 1: */
    int64_t *due_us;
    int64_t *invoked_us; /* the earliest invocation from this entry on */
};

static bool has_evidence(const struct run_data *run, uint32_t state)
{
    return run->places[run_store_of(run, state)];
}

/* The entry of a transaction's micro-operation, if it shows; NULL if it is nowhere. */
static const struct run_entry *entry_of(const struct run_data *run, const struct run_micro *micro)
{
    const struct run_entry *entry;

    if (micro->place == 0 || !has_evidence(run, micro->state))
        return NULL;
    entry = &run->entry[run->state[micro->state].first + micro->place - 1];
    return entry->idle ? NULL : entry;
}

/* --- when things were shown, and due ---------------------------------------------------------- */

static void note_shown(const struct run_data *run, uint32_t state, int64_t *shown_us)
{
    const struct run_state *s = &run->state[state];
    uint32_t read = s->n_reads;
    int64_t earliest_us = NEVER;

    for (uint32_t n = s->n_entries; n > 0; n--) {
        for (; read > 0 && run->read[s->first_read + read - 1].n >= n; read--) {
            int64_t ended_us = run->history.op[run->read[s->first_read + read - 1].op].ended_us;

            earliest_us = ended_us < earliest_us ? ended_us : earliest_us;
        }
        shown_us[s->first + n - 1] = earliest_us;
    }
}

/* The other half of this entry's transaction that was shown first; NULL when none was. */
static const struct run_entry *shown_first(const struct fracture_walk *walk,
                                           const struct run_entry *entry)
{
    const struct run_data *run = walk->run;
    const struct run_entry *first = NULL;
    const struct run_op *o;

    if (!run_entry_shows(entry))
        return NULL;
    o = &run->op[entry->op];
    for (unsigned i = 0; o->writes >> i; i++) {
        const struct run_micro *micro = &run->micro[o->first + i];
        const struct run_entry *other;

        if (!(o->writes >> i & 1U) ||
            run_store_of(run, micro->state) == run_store_of(run, entry->state))
            continue;
        other = entry_of(run, micro);
        if (other &&
            (!first || walk->shown_us[other - run->entry] < walk->shown_us[first - run->entry]))
            first = other;
    }
    return first && walk->shown_us[first - run->entry] < NEVER ? first : NULL;
}

static void note_due(struct fracture_walk *walk, const struct run_state *s)
{
    const struct run_data *run = walk->run;
    int64_t earliest_us = NEVER;

    for (uint32_t n = s->n_entries; n > 0; n--) {
        const struct run_entry *entry = &run->entry[s->first + n - 1];
        const struct run_entry *other = shown_first(walk, entry);

        walk->due_us[n - 1] = other ? walk->shown_us[other - run->entry] : NEVER;
        if (run_entry_shows(entry) && run->history.op[entry->op].invoked_us < earliest_us)
            earliest_us = run->history.op[entry->op].invoked_us;
        walk->invoked_us[n - 1] = earliest_us;
    }
}

/* --- within one transaction ------------------------------------------------------------------- */

/* Reads of one transaction: at `shown` it found n_found entries. */
struct together {
    uint32_t shown;
    int64_t n_found;
    int64_t answered_us;
};

/* The entry's transaction also wrote `shown`, and not behind what was found there. */
static bool is_half_of(const struct run_data *run, const struct run_entry *entry,
                       const struct together *with)
{
    const struct run_op *o;

    if (!run_entry_shows(entry) || run->history.op[entry->op].invoked_us > with->answered_us)
        return false;
    o = &run->op[entry->op];
    for (unsigned i = 0; o->writes >> i; i++) {
        const struct run_micro *micro = &run->micro[o->first + i];

        if ((o->writes >> i & 1U) && micro->state == with->shown && micro->place <= with->n_found &&
            entry_of(run, micro))
            return true;
    }
    return false;
}

/*
 * The n of the first entry of state `s`, from n on, whose other half was seen there, or 0. What was
 * invoked after the answer was not seen, which ends the search soon.
 */
static uint32_t find_half(const struct fracture_walk *walk, const struct run_state *s, uint32_t n,
                          const struct together *with)
{
    for (; n <= s->n_entries && walk->invoked_us[n - 1] <= with->answered_us; n++) {
        if (is_half_of(walk->run, &walk->run->entry[s->first + n - 1], with))
            return n;
    }
    return 0;
}

struct half {
    uint32_t n;     /* of the entry that the read lacks; 0: it lacks none */
    uint32_t shown; /* the state where the other half was seen … */
    uint32_t by;    /* … and the operation that saw it */
};

/* Looks at the other reads of the transaction; true when one of them obliges this one. */
static bool check_together(const struct fracture_walk *walk, uint32_t state,
                           const struct run_read *read, struct half *ret_lacks)
{
    const struct run_data *run = walk->run;
    const struct history_op *h = &run->history.op[read->op];
    const struct run_state *s = &run->state[state];
    bool obliged = false;

    for (unsigned i = 0; i < h->txn->n_ops && ret_lacks->n == 0; i++) {
        struct together with = {.shown = run->micro[run->op[read->op].first + i].state,
                                .n_found = h->read[i].n,
                                .answered_us = h->ended_us};

        if (!run_is_seen(run, read->op, i) || !has_evidence(run, with.shown) ||
            run_store_of(run, with.shown) == run_store_of(run, state))
            continue;
        *ret_lacks = (struct half){find_half(walk, s, read->n + 1, &with), with.shown, read->op};
        obliged = obliged || ret_lacks->n > 0 || find_half(walk, s, 1, &with) > 0;
    }
    return obliged;
}

/* --- judging ---------------------------------------------------------------------------------- */

/* The read that showed this entry first. */
static uint32_t shown_by(const struct fracture_walk *walk, const struct run_entry *entry)
{
    const struct run_data *run = walk->run;
    const struct run_state *s = &run->state[entry->state];
    size_t place = (size_t)(entry - run->entry);

    for (uint32_t i = s->first_read; i < s->first_read + s->n_reads; i++) {
        if (run->read[i].n > place - s->first &&
            run->history.op[run->read[i].op].ended_us == walk->shown_us[place])
            return run->read[i].op;
    }
    return RUN_NONE;
}

/* What was due before the read was sent, and lies behind what it found. */
static struct half find_due(const struct fracture_walk *walk, const struct run_state *s,
                            const struct run_read *read)
{
    int64_t sent_us = walk->run->history.op[read->op].invoked_us;

    for (uint32_t n = read->n + 1; n <= s->n_entries; n++) {
        const struct run_entry *shown;

        if (walk->due_us[n - 1] >= sent_us)
            continue;
        shown = shown_first(walk, &walk->run->entry[s->first + n - 1]);
        return (struct half){n, shown->state, shown_by(walk, shown)};
    }
    return (struct half){0};
}

static void report(const struct run_data *run, uint32_t state, const struct run_read *read,
                   const struct half *lacks, struct verdict *ret)
{
    const struct run_entry *entry = &run->entry[run->state[state].first + lacks->n - 1];
    const char *request = run->history.op[entry->op].txn->request;
    struct example *e = verdict_add(ret, run_key_of(run, state));

    if (!e)
        return;
    example_op(e, read->op);
    example_op(e, lacks->by);
    example_op(e, entry->op);
    example_mark_all(run, e, entry->request);
    if (lacks->by == read->op)
        example_say(e,
                    "%s and did not see %s (changes found: %u, that one is number %u); but in "
                    "the same transaction it saw it in %s at %s.",
                    phrase_read(run, read->op, state), request, read->n, lacks->n,
                    run_key_name(run, lacks->shown), run_store_name(run, lacks->shown));
    else
        example_say(e,
                    "%s and did not see %s (changes found: %u, that one is number %u); but "
                    "%s, and saw it by %.3f s.",
                    phrase_read(run, read->op, state), request, read->n, lacks->n,
                    phrase_read(run, lacks->by, lacks->shown),
                    run_seconds(run, run->history.op[lacks->by].ended_us));
}

static void judge_read(struct fracture_walk *walk, uint32_t state, const struct run_read *read,
                       int64_t due_behind_us, int64_t due_us)
{
    const struct run_data *run = walk->run;
    const struct history_op *h = &run->history.op[read->op];
    struct half lacks = {0};
    bool together = h->txn->n_ops > 1 && check_together(walk, state, read, &lacks);

    walk->verdict->of += together || due_us < h->invoked_us;
    if (due_behind_us < h->invoked_us)
        lacks = find_due(walk, &run->state[state], read);
    if (lacks.n > 0)
        report(run, state, read, &lacks, walk->verdict);
}

static void judge_state(struct fracture_walk *walk, uint32_t state)
{
    const struct run_data *run = walk->run;
    const struct run_state *s = &run->state[state];
    int64_t due_us = NEVER, due_behind_us = NEVER; /* the earliest; of what lies behind a read */
    uint32_t n = s->n_entries;

    note_due(walk, s);
    for (uint32_t i = 0; i < s->n_entries; i++)
        due_us = walk->due_us[i] < due_us ? walk->due_us[i] : due_us;
    for (uint32_t i = s->n_reads; i > 0; i--) {
        const struct run_read *read = &run->read[s->first_read + i - 1];

        for (; n > read->n; n--)
            due_behind_us =
                walk->due_us[n - 1] < due_behind_us ? walk->due_us[n - 1] : due_behind_us;
        judge_read(walk, state, read, due_behind_us, due_us);
    }
}

static uint32_t longest_journal(const struct run_data *run)
{
    uint32_t longest = 0;

    for (size_t i = 0; i < run->n_states; i++)
        longest = run->state[i].n_entries > longest ? run->state[i].n_entries : longest;
    return longest;
}

void check_fractured(const struct run_data *run, struct verdict *ret)
{
    uint32_t longest = longest_journal(run);
    struct fracture_walk walk = {.run = run,
                                 .verdict = ret,
                                 .shown_us = mem_alloc_array(run->n_entries, sizeof(int64_t)),
                                 .due_us = mem_alloc_array(longest, sizeof(int64_t)),
                                 .invoked_us = mem_alloc_array(longest, sizeof(int64_t))};
    uint64_t n_unjudged = 0;

    for (uint32_t state = 0; state < run->n_states; state++)
        note_shown(run, state, walk.shown_us);
    for (uint32_t state = 0; state < run->n_states; state++) {
        if (!has_evidence(run, state))
            n_unjudged += run->state[state].n_reads;
        else if (run->state[state].n_reads > 0)
            judge_state(&walk, state);
    }
    free(walk.shown_us);
    free(walk.due_us);
    free(walk.invoked_us);
    verdict_conclude_reads(ret, run, n_unjudged);
}
