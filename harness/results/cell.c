/* What the runs of a cell come to: see the header. */
#include "harness/results/cell.h"

#include "harness/results/result.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define WORTH_TELLING_S   0.5 /* a shorter gap in acknowledgements is noise */
#define WORTH_TELLING_LAG 2   /* one record on its way is no lag */

/* --- marks ------------------------------------------------------------------------------------ */

static enum cell_mark mark_of_verdict(const json_t *run, const char *name)
{
    bool promised = json_is_true(json_object_get(result_verdict(run, name), "promised"));
    const struct checker *checker = checker_find(name);

    if (result_verdict_is(run, name, VERDICT_INVALID) && !promised)
        return checker && checker->passes ? MARK_PASSING : MARK_ANOMALIES;
    if (result_verdict_is(run, name, VERDICT_INVALID))
        return MARK_BROKEN;
    if (result_verdict_is(run, name, VERDICT_UNKNOWN) && promised)
        return MARK_UNKNOWN;
    return MARK_AGREE;
}

/* A fault that did not happen, or that caught fewer transactions than it was to, proves little. */
static bool is_weak(const json_t *fault)
{
    double gather, gathered;

    if (*result_text(fault, "skipped"))
        return true;
    if (!result_number(fault, "gather", &gather))
        return false;
    return !result_number(fault, "gathered", &gathered) || gathered < gather;
}

enum cell_mark cell_mark_of(const json_t *run)
{
    enum cell_mark worst = MARK_AGREE;
    const char *name;
    json_t *verdict, *fault;
    size_t i;

    if (!json_is_true(json_object_get(run, "finished")))
        return MARK_UNKNOWN;
    json_array_foreach (json_object_get(run, "faults"), i, fault)
        worst = is_weak(fault) ? MARK_NOT_EXERCISED : worst;
    if (json_array_size(json_object_get(run, "ended")) > 0)
        worst = MARK_UNKNOWN;
    json_object_foreach (json_object_get(run, "verdicts"), name, verdict) {
        enum cell_mark mark = mark_of_verdict(run, name);

        if (mark > worst)
            worst = mark;
    }
    return worst;
}

/* --- numbers over the runs of a cell ---------------------------------------------------------- */

static struct cell_range range_of(const json_t *runs, const char *path)
{
    struct cell_range range = {0};
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        double value;

        if (!result_number(run, path, &value))
            continue;
        if (range.n == 0 || value < range.low)
            range.low = value;
        if (range.n == 0 || value > range.high)
            range.high = value;
        range.n++;
    }
    return range;
}

static bool reaches(const struct cell_range *range, double least)
{
    return range->n > 0 && range->high >= least;
}

void cell_range_text(const struct cell_range *range, int digits, char ret_text[CELL_RANGE_SIZE])
{
    char low[32], high[32];

    assert(range->n > 0);
    (void)snprintf(low, sizeof low, "%.*f", digits, range->low);
    (void)snprintf(high, sizeof high, "%.*f", digits, range->high);
    if (strcmp(low, high) == 0)
        (void)snprintf(ret_text, CELL_RANGE_SIZE, "%s", low);
    else
        (void)snprintf(ret_text, CELL_RANGE_SIZE, "%s–%s", low, high);
}

/* --- what is worth telling -------------------------------------------------------------------- */

static void tell(struct cell *cell, struct cell_phrase phrase)
{
    assert(cell->n_phrases < CELL_PHRASES_MAX);
    cell->phrase[cell->n_phrases++] = phrase;
}

/* In some run: one that did not finish has no verdicts at all. */
static bool is_promised(const json_t *runs, const char *checker, bool *ret_exercised)
{
    bool promised = false;
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        if (!json_is_true(json_object_get(result_verdict(run, checker), "promised")))
            continue;
        promised = true;
        if (!result_verdict_is(run, checker, VERDICT_NOT_EXERCISED))
            *ret_exercised = true;
    }
    return promised;
}

static const json_t *first_seen(const json_t *runs, const char *checker)
{
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        if (json_array_size(json_object_get(result_verdict(run, checker), "examples")) > 0)
            return run;
    }
    return NULL;
}

static void tell_verdicts(struct cell *cell, const json_t *runs)
{
    unsigned n_untried = 0;

    for (unsigned i = 0; i < CHECKERS; i++) {
        const struct checker *checker = &checker_table[i];
        bool exercised = false, promised = is_promised(runs, checker->name, &exercised);
        struct cell_range count;
        char path[96];

        (void)snprintf(path, sizeof path, "verdicts.%s.count", checker->name);
        count = range_of(runs, path);
        cell->n_promises += promised && exercised;
        n_untried += promised && !exercised;
        if (reaches(&count, 1))
            tell(cell, (struct cell_phrase){.fact = FACT_ANOMALY,
                                            .count = count,
                                            .checker = checker,
                                            .promised = promised,
                                            .seen = first_seen(runs, checker->name)});
    }
    if (n_untried > 0)
        tell(cell, (struct cell_phrase){.fact = FACT_UNTRIED,
                                        .count = {1, (double)n_untried, (double)n_untried}});
}

static bool had_faults(const json_t *runs)
{
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        if (json_array_size(json_object_get(run, "faults")) > 0)
            return true;
    }
    return false;
}

/* The first fault that was too weak to prove anything. */
static void tell_weakness(struct cell *cell, const json_t *run)
{
    json_t *fault;
    size_t i;

    json_array_foreach (json_object_get(run, "faults"), i, fault) {
        struct cell_phrase phrase = {.fact = FACT_GATHERED};

        if (!is_weak(fault))
            continue;
        phrase.why = result_text(fault, "skipped");
        if (*phrase.why)
            phrase.fact = FACT_SKIPPED;
        if (result_number(fault, "gathered", &phrase.count.low))
            phrase.count = (struct cell_range){1, phrase.count.low, phrase.count.low};
        if (result_number(fault, "gather", &phrase.of.low))
            phrase.of = (struct cell_range){1, phrase.of.low, phrase.of.low};
        tell(cell, phrase);
        return;
    }
}

static void tell_availability(struct cell *cell, const json_t *runs)
{
    struct cell_range in_doubt = range_of(runs, "blocked.in_doubt.keys");
    struct cell_range stuck = range_of(runs, "blocked.other.keys");
    struct cell_range gap = range_of(runs, "longest_gap_s");

    if (reaches(&in_doubt, 1))
        tell(cell, (struct cell_phrase){.fact = FACT_IN_DOUBT,
                                        .count = in_doubt,
                                        .seconds = range_of(runs, "blocked.in_doubt.longest_s"),
                                        .alone = stuck.n == in_doubt.n && !reaches(&stuck, 1)});
    if (reaches(&stuck, 1))
        tell(cell, (struct cell_phrase){.fact = FACT_STUCK,
                                        .count = stuck,
                                        .seconds = range_of(runs, "blocked.other.longest_s")});
    if (reaches(&gap, WORTH_TELLING_S))
        tell(cell, (struct cell_phrase){.fact = FACT_GAP, .seconds = gap});
    else if (gap.n > 0 && had_faults(runs))
        tell(cell, (struct cell_phrase){.fact = FACT_THROUGHOUT});
}

/* Every run settled, with stores that agree: who was behind is so no more. */
static bool caught_up(const json_t *runs)
{
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        if (!json_is_true(json_object_get(run, "settled")) ||
            !result_verdict_is(run, "convergence", VERDICT_VALID))
            return false;
    }
    return true;
}

static void tell_counts(struct cell *cell, const json_t *runs)
{
    struct cell_range refused = range_of(runs, "ops.fail");
    struct cell_range unanswered = range_of(runs, "ops.info");
    struct cell_range lag = range_of(runs, "sink_lag_max");

    if (reaches(&refused, 1))
        tell(cell, (struct cell_phrase){.fact = FACT_REFUSED,
                                        .count = refused,
                                        .of = range_of(runs, "ops.invoked")});
    if (reaches(&unanswered, 1))
        tell(cell, (struct cell_phrase){.fact = FACT_UNANSWERED, .count = unanswered});
    if (reaches(&lag, WORTH_TELLING_LAG))
        tell(cell,
             (struct cell_phrase){.fact = FACT_LAG, .count = lag, .caught_up = caught_up(runs)});
}

/* --- a cell ----------------------------------------------------------------------------------- */

static void take_run(struct cell *cell, const json_t *run)
{
    enum cell_mark mark = cell_mark_of(run);
    const json_t *ended = json_array_get(json_object_get(run, "ended"), 0);

    if (ended && !cell->ended)
        cell->ended = result_text(ended, "role");
    if (!cell->worst || mark > cell->mark) {
        cell->worst = run;
        cell->mark = mark;
    }
    cell->n_runs++;
    cell->n_unfinished += !json_is_true(json_object_get(run, "finished"));
}

json_t *cell_runs(const json_t *results, const char *variant, const char *schedule)
{
    json_t *runs = json_array(), *run;
    size_t i;

    json_array_foreach (json_object_get(results, "runs"), i, run) {
        if (strcmp(result_variant(run), variant) == 0 &&
            strcmp(result_text(run, "schedule"), schedule) == 0)
            (void)json_array_append(runs, run);
    }
    return runs;
}

unsigned cell_runs_most(const json_t *results)
{
    json_t *run;
    size_t most = 0, i;

    json_array_foreach (json_object_get(results, "runs"), i, run) {
        json_t *runs = cell_runs(results, result_variant(run), result_text(run, "schedule"));

        most = json_array_size(runs) > most ? json_array_size(runs) : most;
        json_decref(runs);
    }
    return (unsigned)most;
}

void cell_fill(const json_t *results, const char *variant, const char *schedule,
               struct cell *ret_cell)
{
    json_t *runs = cell_runs(results, variant, schedule), *run;
    size_t i;

    *ret_cell = (struct cell){0};
    json_array_foreach (runs, i, run)
        take_run(ret_cell, run);
    tell_verdicts(ret_cell, runs);
    tell_weakness(ret_cell, ret_cell->worst);
    tell_availability(ret_cell, runs);
    tell_counts(ret_cell, runs);
    estimate_of(runs, "latency_ms.ack.p50", &ret_cell->p50_ms);
    estimate_of(runs, "latency_ms.ack.p99", &ret_cell->p99_ms);
    json_decref(runs);
}

bool cell_has_anomaly(const struct cell *cell, const char *checker)
{
    for (unsigned i = 0; i < cell->n_phrases; i++) {
        const struct cell_phrase *phrase = &cell->phrase[i];

        if (phrase->fact == FACT_ANOMALY && strcmp(phrase->checker->name, checker) == 0)
            return true;
    }
    return false;
}
