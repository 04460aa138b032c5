/*
 * convergence: when everything has come to rest, the stores agree, and each store's value is what
 * its own journal makes of it.
 */
#include "base/buf.h"
#include "harness/checkers/checkers.h"

static void report_fold(const struct run_data *run, uint32_t state, struct verdict *ret)
{
    const struct run_state *s = &run->state[state];
    struct example *e = verdict_add(ret, run_key_of(run, state));
    struct folded folded;

    if (!e)
        return;
    if (s->n_entries > 0)
        example_mark(e, run_store_of(run, state), run->entry[s->first + s->n_entries - 1].request,
                     s->n_entries);
    if (s->gap > 0) {
        example_say(e,
                    "%s's journal of %s does not count 1, 2, 3 … without a gap: it goes wrong "
                    "at entry %u.",
                    run_store_name(run, state), run_key_name(run, state), s->gap);
        return;
    }
    run_fold(run, state, &folded);
    example_say(e, "%s holds \"%s\" for %s, but the changes in its own journal add up to \"%s\".",
                run_store_name(run, state), run_word(run, s->value), run_key_name(run, state),
                folded.value);
}

static void mark_last(const struct run_data *run, uint32_t state, struct example *e)
{
    const struct run_state *s = &run->state[state];
    const struct run_entry *last;

    if (s->n_entries == 0)
        return;
    last = &run->entry[s->first + s->n_entries - 1];
    example_op(e, last->op);
    example_mark_all(run, e, last->request);
}

/* The different values of a key, and which stores hold each. */
struct values {
    unsigned n;
    uint32_t word[STORES_MAX]; /* RUN_NONE: the key is missing there */
    uint32_t stores[STORES_MAX];
};

static void add_value(struct values *values, uint32_t word, unsigned store)
{
    unsigned i = 0;

    while (i < values->n && values->word[i] != word)
        i++;
    if (i == values->n)
        values->word[values->n++] = word;
    values->stores[i] |= UINT32_C(1) << store;
}

/* "ends as x in pg1 but as y in pg2", "is missing in pg1 but ends as x in pg2 and redis" */
static void say_values(const struct run_data *run, const struct values *values, struct buf *out)
{
    bool ends = false;

    for (unsigned i = 0; i < values->n; i++) {
        const char *glue = i == 0 ? "" : i + 1 == values->n ? " but " : ", ";

        if (values->word[i] == RUN_NONE)
            buf_printf(out, "%sis missing", glue);
        else
            buf_printf(out, "%s%sas %s", glue, ends ? "" : "ends ", run_word(run, values->word[i]));
        ends = ends || values->word[i] != RUN_NONE;
        buf_printf(out, " in %s", phrase_stores(run, values->stores[i]));
    }
}

static void report_values(const struct run_data *run, uint32_t key, struct verdict *ret)
{
    struct example *e = verdict_add(ret, key);
    struct values values = {0};
    struct buf text = {0};

    if (!e)
        return;
    for (unsigned store = 0; store < run->n_stores; store++) {
        uint32_t state = key * run->n_stores + store;

        if (!run->state[state].asked && run->state[state].value == RUN_NONE)
            continue;
        add_value(&values, run->state[state].value, store);
        mark_last(run, state, e);
    }
    say_values(run, &values, &text);
    example_say(e, "%s %s.", intern_text(&run->keys, key), buf_str(&text));
    buf_done(&text);
}

/* One violation a key at most. */
static void check_key(const struct run_data *run, uint32_t key, struct verdict *ret)
{
    uint32_t first = RUN_NONE;
    bool any = false;

    for (unsigned store = 0; store < run->n_stores; store++) {
        uint32_t state = key * run->n_stores + store;
        const struct run_state *s = &run->state[state];

        if (!s->asked && s->value == RUN_NONE)
            continue;
        if (any && s->value != first) {
            report_values(run, key, ret);
            return;
        }
        first = s->value;
        any = true;
    }
    for (unsigned store = 0; any && store < run->n_stores; store++) {
        if (!run_state_is_fold(run, key * run->n_stores + store)) {
            report_fold(run, key * run->n_stores + store, ret);
            return;
        }
    }
}

/* A key that some operation writes, or some store holds. */
static bool key_counts(const struct run_data *run, uint32_t key)
{
    for (unsigned store = 0; store < run->n_stores; store++) {
        const struct run_state *s = &run->state[key * run->n_stores + store];

        if (s->asked || s->value != RUN_NONE)
            return true;
    }
    return false;
}

static void report_restless(const struct run_data *run, struct verdict *ret)
{
    struct example *e = verdict_add(ret, RUN_NONE);

    if (e)
        example_say(e, "The run did not come to rest, and nothing was moving any more: %s.",
                    run->settling.why[0] ? run->settling.why : "no reason was noted");
}

/* What never came back may keep a run from settling: nothing is promised before faults end. */
static bool faults_ended(const struct run_data *run)
{
    for (unsigned i = 0; i < run->n_faults; i++) {
        if (run->fault[i].begin_us && !run->fault[i].end_us)
            return false;
    }
    return true;
}

void check_convergence(const struct run_data *run, struct verdict *ret)
{
    bool stuck =
        !run->settling.settled && run->settling.progress == PROGRESS_NONE && faults_ended(run);

    for (uint32_t key = 0; key < run->keys.n; key++)
        ret->of += key_counts(run, key);
    if (!run->settling.settled && !(stuck && ret->promised)) {
        ret->word = VERDICT_UNKNOWN;
        return;
    }
    if (stuck)
        report_restless(run, ret);
    for (uint32_t key = 0; key < run->keys.n; key++) {
        if (key_counts(run, key))
            check_key(run, key, ret);
    }
    verdict_conclude(ret, run);
}
