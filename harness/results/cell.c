/* One cell of the table: see the header. */
#include "harness/results/cell.h"

#include "harness/checkers/checkers.h"
#include "harness/results/judge.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WORTH_TELLING_S   0.5 /* a gap in acknowledgements */
#define DECIMALS_BELOW_MS 10

__attribute__((format(printf, 3, 4))) static void say(struct cell *cell, enum tone tone,
                                                      const char *fmt, ...)
{
    va_list ap;

    if (cell->n == CELL_LINES)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(cell->line[cell->n], sizeof cell->line[0], fmt, ap); /* short by design */
    va_end(ap);
    cell->tone[cell->n++] = tone;
}

/* --- numbers over the runs of a cell ---------------------------------------------------------- */

struct range {
    unsigned n;
    double low, high;
};

/* A number at a dotted path, as in "latency_ms.ack.p99"; NAN when it was not measured. */
static double number_at(const json_t *json, const char *path)
{
    while (json && *path) {
        size_t size = strcspn(path, ".");
        char field[64];

        (void)snprintf(field, sizeof field, "%.*s", (int)size, path);
        json = json_object_get(json, field);
        path += size + (path[size] == '.');
    }
    return json_is_number(json) ? json_number_value(json) : NAN;
}

static struct range range_of(const json_t *cell_runs, const char *path)
{
    struct range range = {0};
    json_t *run;
    size_t i;

    json_array_foreach (cell_runs, i, run) {
        double value = number_at(run, path);

        if (isnan(value))
            continue;
        if (range.n == 0 || value < range.low)
            range.low = value;
        if (range.n == 0 || value > range.high)
            range.high = value;
        range.n++;
    }
    return range;
}

/* "12", "9–14"; `digits` behind the point. The text is good until the fourth call after. */
static const char *range_text(struct range range, int digits)
{
    static char text[4][80];
    static unsigned next;
    char low[32], high[32];

    next = (next + 1) % 4;
    (void)snprintf(low, sizeof low, "%.*f", digits, range.low);
    (void)snprintf(high, sizeof high, "%.*f", digits, range.high);
    if (strcmp(low, high) == 0)
        (void)snprintf(text[next], sizeof text[next], "%s", low);
    else
        (void)snprintf(text[next], sizeof text[next], "%s–%s", low, high);
    return text[next];
}

static const char *ms_text(struct range range)
{
    return range_text(range, range.high < DECIMALS_BELOW_MS ? 1 : 0);
}

/* --- a cell ----------------------------------------------------------------------------------- */

static const char *verdict_path(const char *checker, const char *field)
{
    static char path[96];

    (void)snprintf(path, sizeof path, "verdicts.%s.%s", checker, field);
    return path;
}

static bool is_promised(const json_t *run, const char *checker)
{
    const json_t *verdict = json_object_get(json_object_get(run, "verdicts"), checker);

    return json_is_true(json_object_get(verdict, "promised"));
}

static void say_anomalies(const json_t *runs, struct cell *cell)
{
    for (unsigned i = 0; i < CHECKERS; i++) {
        const struct checker *c = &checker_table[i];
        struct range count = range_of(runs, verdict_path(c->name, "count"));
        bool broken = is_promised(json_array_get(runs, 0), c->name);

        if (count.n > 0 && count.high > 0)
            say(cell, broken ? TONE_BROKEN : TONE_BAD, "✗ %s %s", range_text(count, 0),
                count.high > 1 ? c->many : c->one);
    }
}

static unsigned count_promises(const json_t *run)
{
    unsigned n = 0;

    for (unsigned i = 0; i < CHECKERS; i++)
        n += is_promised(run, checker_table[i].name);
    return n;
}

/* The worst of the cell's runs gives the headline; what was seen follows. */
static void say_verdicts(const json_t *runs, struct cell *cell)
{
    enum judgement worst = JUDGED_KEPT;
    unsigned n_unfinished = 0, promises = count_promises(json_array_get(runs, 0));
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        enum judgement judgement = judgement_of(run);

        worst = judgement > worst ? judgement : worst;
        n_unfinished += !json_is_true(json_object_get(run, "finished"));
    }
    if (worst == JUDGED_BROKEN)
        say(cell, TONE_BROKEN, "BROKE A PROMISE");
    if (n_unfinished > 0)
        say(cell, TONE_UNKNOWN, "? %u of %u not finished", n_unfinished, (unsigned)i);
    else if (worst == JUDGED_UNKNOWN)
        say(cell, TONE_UNKNOWN, "? did not come to rest");
    say_anomalies(runs, cell);
    if (cell->n == 0 && promises > 0)
        say(cell, TONE_GOOD, "✓ kept %u promise%s", promises, promises > 1 ? "s" : "");
    else if (cell->n == 0)
        say(cell, TONE_GOOD, "✓ nothing amiss");
}

static void say_availability(const json_t *runs, struct cell *cell)
{
    struct range held = range_of(runs, "blocked.in_doubt.keys");
    struct range other = range_of(runs, "blocked.other.keys");
    struct range gap = range_of(runs, "longest_gap_s");

    if (held.n > 0 && held.high > 0)
        say(cell, TONE_BAD, "blocked %s s, %s key%s",
            range_text(range_of(runs, "blocked.in_doubt.longest_s"), 1), range_text(held, 0),
            held.high > 1 ? "s" : "");
    if (other.n > 0 && other.high > 0)
        say(cell, TONE_BAD, "stuck %s s, %s key%s",
            range_text(range_of(runs, "blocked.other.longest_s"), 1), range_text(other, 0),
            other.high > 1 ? "s" : "");
    if (gap.n > 0 && gap.high >= WORTH_TELLING_S)
        say(cell, TONE_BAD, "no ok for %s s", range_text(gap, 1));
}

static void say_counts(const json_t *runs, struct cell *cell)
{
    struct range fail = range_of(runs, "ops.fail"), info = range_of(runs, "ops.info");
    struct range lag = range_of(runs, "sink_lag_max"), p50 = range_of(runs, "latency_ms.ack.p50");
    struct range p99 = range_of(runs, "latency_ms.ack.p99");

    if (fail.n > 0 && fail.high > 0)
        say(cell, TONE_PLAIN, "%s failed", range_text(fail, 0));
    if (info.n > 0 && info.high > 0)
        say(cell, TONE_PLAIN, "%s unknown", range_text(info, 0));
    if (lag.n > 0 && lag.high >= 2) /* one record on its way is no lag */
        say(cell, TONE_PLAIN, "sink lag %s records", range_text(lag, 0));
    if (p50.n > 0 && p99.n > 0 && json_array_size(runs) == 1)
        say(cell, TONE_SOFT, "p50 %s, p99 %s ms", ms_text(p50), ms_text(p99));
    else if (p50.n > 0)
        say(cell, TONE_SOFT, "p50 %s ms", ms_text(p50));
    if (json_array_size(runs) == 1)
        return;
    if (p99.n > 0)
        say(cell, TONE_SOFT, "p99 %s ms", ms_text(p99));
    say(cell, TONE_SOFT, "in %u runs", (unsigned)json_array_size(runs));
}

void cell_fill(const json_t *runs, struct cell *ret_cell)
{
    *ret_cell = (struct cell){0};
    if (json_array_size(runs) == 0) {
        say(ret_cell, TONE_SOFT, "–");
        return;
    }
    say_verdicts(runs, ret_cell);
    say_availability(runs, ret_cell);
    say_counts(runs, ret_cell);
}
