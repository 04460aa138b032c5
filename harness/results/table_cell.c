/* A cell's words at the terminal: see the header. */
#include "harness/results/table_cell.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define DECIMALS_BELOW_MS 10

__attribute__((format(printf, 3, 4))) static void say(struct table_cell *out, enum tone tone,
                                                      const char *fmt, ...)
{
    va_list ap;

    assert(out->n < TABLE_CELL_LINES);
    va_start(ap, fmt);
    (void)vsnprintf(out->line[out->n], sizeof out->line[0], fmt, ap); /* short by design */
    va_end(ap);
    out->tone[out->n++] = tone;
}

static void say_mark(struct table_cell *out, const struct cell *cell)
{
    if (cell->mark == MARK_BROKEN)
        say(out, TONE_BROKEN, "BROKE A PROMISE");
    if (cell->n_unfinished > 0)
        say(out, TONE_UNKNOWN, "? %u of %u not finished", cell->n_unfinished, cell->n_runs);
    else if (cell->ended)
        say(out, TONE_UNKNOWN, "? %s ended by itself", cell->ended);
    else if (cell->mark == MARK_UNKNOWN)
        say(out, TONE_UNKNOWN,
            json_is_true(json_object_get(cell->worst, "settled")) ? "? cannot be told"
                                                                  : "? did not come to rest");
    else if (cell->mark == MARK_NOT_EXERCISED)
        say(out, TONE_UNKNOWN, "not exercised");
    else if (cell->mark <= MARK_PASSING && cell->n_promises > 0)
        say(out, TONE_GOOD, "✓ kept %u promise%s", cell->n_promises,
            cell->n_promises > 1 ? "s" : "");
    else if (cell->mark == MARK_AGREE)
        say(out, TONE_GOOD, "✓ nothing amiss");
}

/* What passes again, and nobody promised away, is a property and no damage. */
static void say_anomaly(struct table_cell *out, const struct cell_phrase *phrase, const char *count)
{
    const char *noun = phrase->count.high > 1 ? phrase->checker->many : phrase->checker->one;

    if (phrase->promised)
        say(out, TONE_BROKEN, "✗ %s %s", count, noun);
    else if (phrase->checker->passes)
        say(out, TONE_PLAIN, "%s %s", count, noun);
    else
        say(out, TONE_BAD, "✗ %s %s", count, noun);
}

static void say_phrase(struct table_cell *out, const struct cell_phrase *phrase)
{
    char count[CELL_RANGE_SIZE] = "", seconds[CELL_RANGE_SIZE] = "";

    if (phrase->count.n > 0)
        cell_range_text(&phrase->count, 0, count);
    if (phrase->seconds.n > 0)
        cell_range_text(&phrase->seconds, 1, seconds);
    switch (phrase->fact) {
    case FACT_ANOMALY:
        say_anomaly(out, phrase, count);
        break;
    case FACT_IN_DOUBT:
    case FACT_STUCK:
        say(out, TONE_BAD, "%s %s s, %s key%s", phrase->fact == FACT_IN_DOUBT ? "blocked" : "stuck",
            seconds, count, phrase->count.high > 1 ? "s" : "");
        break;
    case FACT_GAP:
        say(out, TONE_BAD, "no ok for %s s", seconds);
        break;
    case FACT_REFUSED:
        say(out, TONE_PLAIN, "%s failed", count);
        break;
    case FACT_UNANSWERED:
        say(out, TONE_PLAIN, "%s unknown", count);
        break;
    case FACT_UNTRIED:
        say(out, TONE_SOFT, "%s not exercised", count);
        break;
    case FACT_SKIPPED:
        say(out, TONE_UNKNOWN, "no such fault here");
        break;
    case FACT_GATHERED:
        say(out, TONE_UNKNOWN, "caught %.0f of %.0f", phrase->count.low, phrase->of.low);
        break;
    case FACT_LAG:
        say(out, TONE_PLAIN, "sink lag %s records", count);
        break;
    case FACT_THROUGHOUT: /* what is well takes no line here */
    case FACTS:
        break;
    }
}

/* "1.3", or "1.3 [1.1–1.6]": the median over the runs, and its interval. */
static void ms_text(const struct estimate *e, char ret_text[CELL_RANGE_SIZE])
{
    int digits = e->high < DECIMALS_BELOW_MS ? 1 : 0;

    if (e->n == 1)
        (void)snprintf(ret_text, CELL_RANGE_SIZE, "%.*f", digits, e->median);
    else
        (void)snprintf(ret_text, CELL_RANGE_SIZE, "%.*f [%.*f–%.*f]", digits, e->median, digits,
                       e->low, digits, e->high);
}

/* In some runs there were too few values for it, and these may be the worst. */
static void say_quantile(struct table_cell *out, const char *name, const struct estimate *e,
                         unsigned n_runs)
{
    char text[CELL_RANGE_SIZE];

    ms_text(e, text);
    if (e->n == n_runs)
        say(out, TONE_SOFT, "%s %s ms", name, text);
    else
        say(out, TONE_SOFT, "%s %s ms, in %u of %u", name, text, e->n, n_runs);
}

/* On one line where they are numbers, on two where they have intervals. */
static void say_latency(struct table_cell *out, const struct cell *cell)
{
    char p50[CELL_RANGE_SIZE], p99[CELL_RANGE_SIZE];

    if (cell->n_runs == 1 && cell->p50_ms.n > 0 && cell->p99_ms.n > 0) {
        ms_text(&cell->p50_ms, p50);
        ms_text(&cell->p99_ms, p99);
        say(out, TONE_SOFT, "p50 %s, p99 %s ms", p50, p99);
        return;
    }
    if (cell->p50_ms.n > 0)
        say_quantile(out, "p50", &cell->p50_ms, cell->n_runs);
    if (cell->p99_ms.n > 0)
        say_quantile(out, "p99", &cell->p99_ms, cell->n_runs);
}

void table_cell_fill(const struct cell *cell, struct table_cell *ret_cell)
{
    *ret_cell = (struct table_cell){0};
    if (cell->n_runs == 0) {
        say(ret_cell, TONE_SOFT, "–");
        return;
    }
    say_mark(ret_cell, cell);
    for (unsigned i = 0; i < cell->n_phrases; i++)
        say_phrase(ret_cell, &cell->phrase[i]);
    say_latency(ret_cell, cell);
    if (cell->n_runs > 1)
        say(ret_cell, TONE_SOFT, "in %u runs", cell->n_runs);
}
