/*
 * The table of `bench 2pc`, for a terminal or a slide: what each contender does at each load, what
 * a transaction costs it, and the bounds.
 */
#include "harness/bench/bench.h"

#include "harness/bench/two_phase_cases.h"

#include <math.h>
#include <string.h>

static double median(const struct bench *bench, const struct two_phase_case *c, unsigned clients,
                     const char *metric)
{
    char scenario[BENCH_NAME_SIZE];
    const struct bench_row *row;

    two_phase_scenario(c, clients, scenario);
    row = bench_find(bench, scenario, metric);
    return row ? bench_median(row) : NAN;
}

static bool is_there(const struct bench *bench, const struct two_phase_case *c)
{
    for (unsigned k = 0; k < TWO_PHASE_LOADS; k++) {
        if (!isnan(median(bench, c, two_phase_clients[k], "tps")))
            return true;
    }
    return false;
}

static void show_number(FILE *to, int width, int digits, double value)
{
    if (isnan(value))
        (void)fprintf(to, "%*s", width, "-");
    else
        (void)fprintf(to, "%*.*f", width, digits, value);
}

/* One line a contender: for each load the metrics named, NULL at their end. */
static void show_block(FILE *to, const struct bench *bench, const char *title,
                       const char *const *metric, const char *const *head, const int *digits)
{
    (void)fprintf(to, "%-16s", title);
    for (unsigned k = 0; k < TWO_PHASE_LOADS; k++) {
        (void)fprintf(to, "  |%3u client%c", two_phase_clients[k],
                      two_phase_clients[k] > 1 ? 's' : ' ');
        (void)fprintf(to, "%10s", "");
    }
    (void)fprintf(to, "\n%-16s", "");
    for (unsigned k = 0; k < TWO_PHASE_LOADS; k++) {
        (void)fputs("  |", to);
        for (unsigned i = 0; metric[i]; i++)
            (void)fprintf(to, "%7s", head[i]);
    }
    (void)fputc('\n', to);
    for (unsigned i = 0; i < two_phase_n_cases; i++) {
        const struct two_phase_case *c = &two_phase_cases[i];

        if (!is_there(bench, c))
            continue;
        (void)fprintf(to, "%-16s", c->name);
        for (unsigned k = 0; k < TWO_PHASE_LOADS; k++) {
            (void)fputs("  |", to);
            for (unsigned m = 0; metric[m]; m++)
                show_number(to, 7, digits[m], median(bench, c, two_phase_clients[k], metric[m]));
        }
        (void)fprintf(to, "  %s\n", c->what);
    }
    (void)fputc('\n', to);
}

static double bound_value(const struct bench *bench, const struct two_phase_bound *b,
                          unsigned clients)
{
    char scenario[BENCH_NAME_SIZE];
    const struct bench_row *row;

    (void)snprintf(scenario, sizeof scenario, "%s/%u", b->name, clients);
    row = bench_find(bench, scenario, b->metric);
    if (!row)
        return NAN;
    if (strcmp(b->against, "floor") == 0)
        return bench_ratio(bench, row, row->floor);
    if (strcmp(b->against, "peer") == 0)
        return bench_ratio(bench, row, row->peer);
    return bench_median(row);
}

static const char *case_against(const struct two_phase_bound *b)
{
    for (unsigned i = 0; i < two_phase_n_cases; i++) {
        const struct two_phase_case *c = &two_phase_cases[i];

        if (strcmp(c->name, b->name) == 0)
            return strcmp(b->against, "floor") == 0  ? c->floor
                   : strcmp(b->against, "peer") == 0 ? c->peer
                                                     : "";
    }
    return "";
}

static void show_bounds(FILE *to, const struct bench *bench)
{
    (void)fprintf(to, "%-16s %-15s %-15s", "bounds", "", "of");
    for (unsigned k = 0; k < TWO_PHASE_LOADS; k++)
        (void)fprintf(to, "  |%10u client%c", two_phase_clients[k],
                      two_phase_clients[k] > 1 ? 's' : ' ');
    (void)fputc('\n', to);
    for (unsigned i = 0; i < two_phase_n_bounds; i++) {
        const struct two_phase_bound *b = &two_phase_bounds[i];

        (void)fprintf(to, "%-16s %-15s %-15s", b->name, b->metric, case_against(b));
        for (unsigned k = 0; k < TWO_PHASE_LOADS; k++) {
            double value = bound_value(bench, b, two_phase_clients[k]);
            bool met = b->at_most ? value <= b->limit[k] : value >= b->limit[k];

            (void)fputs("  |", to);
            show_number(to, 6, 2, value);
            (void)fprintf(to, " %s %.2f %-2s", b->at_most ? "<=" : ">=", b->limit[k],
                          isnan(value) ? ""
                          : met        ? "ok"
                                       : "NO");
        }
        (void)fputc('\n', to);
    }
}

void bench_two_phase_show(FILE *to, const struct bench *bench)
{
    static const char *const speed[] = {"tps", "p50_ms", "p99_ms", NULL};
    static const char *const speed_head[] = {"txn/s", "p50 ms", "p99 ms"};
    static const int speed_digits[] = {0, 2, 1};
    static const char *const cost[] = {"fsyncs_per_txn", "flushes_per_txn", "cpu_us_per_txn", NULL};
    static const char *const cost_head[] = {"log", "server", "cpu us"};
    static const int cost_digits[] = {2, 2, 0};

    show_block(to, bench, "transfers", speed, speed_head, speed_digits);
    show_block(to, bench, "flushes, cpu", cost, cost_head, cost_digits);
    show_bounds(to, bench);
}
