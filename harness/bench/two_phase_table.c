/*
 * The table of `bench 2pc`, for a terminal or a slide: what each contender does at each load, what
 * a transaction costs it, and the bounds.
 */
#include "harness/bench/bench.h"

#include "harness/bench/two_phase_cases.h"

#include <math.h>
#include <string.h>

#define COLUMNS 3

/* Three metrics that stand beside each other. */
struct block {
    const char *title;
    const char *metric[COLUMNS];
    const char *head[COLUMNS];
    int digits[COLUMNS];
};

static const struct block speed = {
    "transfers", {"tps", "p50_ms", "p99_ms"}, {"txn/s", "p50 ms", "p99 ms"}, {0, 2, 1}};
static const struct block cost = {"a transfer costs",
                                  {"fsyncs_per_txn", "flushes_per_txn", "cpu_us_per_txn"},
                                  {"log", "server", "cpu us"},
                                  {2, 2, 0}};

static const char *const stage_words[TWO_PHASE_STAGES] = {
    [STAGE_PLAIN] = "two servers, clients:",
    [STAGE_SLOW] = "every fsync 1 ms longer, clients:",
    [STAGE_LINKS] = "every round trip 1 ms longer, clients:",
    [STAGE_PARTICIPANTS] = "8 clients, servers:",
    [STAGE_CONTENTION] = "32 clients, % of transfers at one account:",
};

static void show_number(FILE *to, int width, int digits, double value)
{
    if (isnan(value))
        (void)fprintf(to, "%*s", width, "-");
    else
        (void)fprintf(to, "%*.*f", width, digits, value);
}

static double median(const struct bench *bench, const char *name, int number, const char *metric)
{
    char scenario[BENCH_NAME_SIZE];
    const struct bench_row *row;

    two_phase_scenario(name, number, scenario);
    row = bench_find(bench, scenario, metric);
    return row ? bench_median(row) : NAN;
}

/* The first case of the stage that was measured: its numbers head the columns. NULL: none was. */
static const struct two_phase_case *first_of(const struct bench *bench, enum two_phase_stage stage)
{
    for (unsigned i = 0; i < two_phase_n_cases; i++) {
        const struct two_phase_case *c = &two_phase_cases[i];

        for (unsigned k = 0; c->stage == stage && k < TWO_PHASE_LOADS; k++) {
            if (!isnan(median(bench, c->name, c->number[k], "tps")))
                return c;
        }
    }
    return NULL;
}

static void show_head(FILE *to, const struct block *block, const struct two_phase_case *first)
{
    (void)fprintf(to, "\n%s; %s\n%-20s", block->title, stage_words[first->stage], "");
    for (unsigned k = 0; k < TWO_PHASE_LOADS && first->number[k] >= 0; k++)
        (void)fprintf(to, "  |%7d%14s", first->number[k], "");
    (void)fprintf(to, "\n%-20s", "");
    for (unsigned k = 0; k < TWO_PHASE_LOADS && first->number[k] >= 0; k++) {
        (void)fputs("  |", to);
        for (unsigned i = 0; i < COLUMNS; i++)
            (void)fprintf(to, "%7s", block->head[i]);
    }
    (void)fputc('\n', to);
}

static void show_case(FILE *to, const struct bench *bench, const struct block *block,
                      const struct two_phase_case *c)
{
    bool any = false;

    for (unsigned k = 0; k < TWO_PHASE_LOADS; k++)
        any = any || !isnan(median(bench, c->name, c->number[k], "tps"));
    if (!any)
        return;
    (void)fprintf(to, "%-20s", c->name);
    for (unsigned k = 0; k < TWO_PHASE_LOADS && c->number[k] >= 0; k++) {
        (void)fputs("  |", to);
        for (unsigned i = 0; i < COLUMNS; i++)
            show_number(to, 7, block->digits[i],
                        median(bench, c->name, c->number[k], block->metric[i]));
    }
    (void)fprintf(to, "%s%s\n", c->what[0] ? "  " : "", c->what);
}

static void show_stage(FILE *to, const struct bench *bench, enum two_phase_stage stage)
{
    const struct block *const blocks[] = {&speed, &cost};
    const struct two_phase_case *first = first_of(bench, stage);

    for (size_t b = 0; first && b < sizeof blocks / sizeof *blocks; b++) {
        show_head(to, blocks[b], first);
        for (unsigned i = 0; i < two_phase_n_cases; i++) {
            if (two_phase_cases[i].stage == stage)
                show_case(to, bench, blocks[b], &two_phase_cases[i]);
        }
    }
}

/* --- bounds ----------------------------------------------------------------------------------- */

static double bound_value(const struct bench *bench, const struct two_phase_bound *b, int number)
{
    char scenario[BENCH_NAME_SIZE];
    const struct bench_row *row;

    two_phase_scenario(b->name, number, scenario);
    row = bench_find(bench, scenario, b->metric);
    if (!row)
        return NAN;
    if (strcmp(b->against, "floor") == 0)
        return bench_ratio(bench, row, row->floor);
    if (strcmp(b->against, "peer") == 0)
        return bench_ratio(bench, row, row->peer);
    return bench_median(row);
}

static const char *compared_with(const struct two_phase_bound *b)
{
    for (unsigned i = 0; i < two_phase_n_cases; i++) {
        const struct two_phase_case *c = &two_phase_cases[i];

        if (strcmp(c->name, b->name) != 0)
            continue;
        if (strcmp(b->against, "floor") == 0)
            return c->floor;
        if (strcmp(b->against, "peer") == 0)
            return c->peer;
    }
    return "";
}

static void show_bound(FILE *to, const struct bench *bench, const struct two_phase_bound *b)
{
    const char *other = compared_with(b);

    (void)fprintf(to, "%-14s %-15s %s%-15s", b->name, b->metric, other[0] ? "/ " : "  ", other);
    for (unsigned k = 0; k < TWO_PHASE_LOADS && b->at[k].number >= 0; k++) {
        double value = bound_value(bench, b, b->at[k].number), limit = b->at[k].limit;
        bool met = b->at_most ? value <= limit : value >= limit;
        const char *word = met ? "ok" : "NO";
        int digits = limit < 100 ? 2 : 0;

        (void)fprintf(to, "  |%4d:", b->at[k].number);
        show_number(to, 7, digits, value);
        (void)fprintf(to, " %s %.*f %s", b->at_most ? "<=" : ">=", digits, limit,
                      isnan(value) ? "--" : word);
    }
    (void)fputc('\n', to);
}

void bench_two_phase_show(FILE *to, const struct bench *bench)
{
    const struct bench_row *soak = bench_find(bench, "soak/32", "rss_mb");

    if (soak) {
        bench_show(to, bench);
        return;
    }
    for (unsigned stage = 0; stage < TWO_PHASE_STAGES; stage++)
        show_stage(to, bench, stage);
    (void)fputs("\nbounds; ratios are medians of those of each repeat\n", to);
    for (unsigned i = 0; i < two_phase_n_bounds; i++)
        show_bound(to, bench, &two_phase_bounds[i]);
}
