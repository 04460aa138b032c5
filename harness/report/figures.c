/*
 * Figures: see the header.
 *
 * A run has thousands of operations and a figure some hundred pixels: dots that would fall on the
 * same pixel are drawn once. That loses nothing to the eye and keeps the page small.
 */
#include "harness/report/figures.h"

#include "base/clock.h"
#include "base/mem.h"
#include "harness/checkers/metrics.h"
#include "harness/report/plot.h"
#include "harness/results/result.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define WIDTH         440
#define HEIGHT        250
#define COLUMNS       400
#define ROWS          200
#define LATENCY_LO_MS 0.1
#define LATENCY_HI_MS 10000.0
#define CURVE_POINTS  240
#define CURVES_THICK  6 /* with more in a frame, thinner lines */

/* Ticks that say their unit; shared by both kinds of figure. */
#define LATENCY_TICS "('0.1 ms' 0.1, '1 ms' 1, '10 ms' 10, '100 ms' 100, '1 s' 1000, '10 s' 10000)"

enum dot_kind { DOT_OK, DOT_BAD, DOT_KINDS };

static double clamp(double x, double lo, double hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

static double latency_ms(const struct history_op *op)
{
    return (double)(op->ended_us - op->planned_us) / (double)US_PER_MS;
}

static size_t pixel(double x_share, double ms)
{
    double y_share = log(ms / LATENCY_LO_MS) / log(LATENCY_HI_MS / LATENCY_LO_MS);
    size_t x = (size_t)clamp(x_share * COLUMNS, 0, COLUMNS - 1);
    size_t y = (size_t)clamp(y_share * ROWS, 0, ROWS - 1);

    return y * COLUMNS + x;
}

/* One data block of the dots of this kind. */
static void append_dots(struct buf *script, const struct run_data *run, enum dot_kind kind,
                        double duration_s)
{
    bool *taken = mem_alloc_array((size_t)COLUMNS * ROWS, sizeof *taken);

    buf_printf(script, "$dots%d << EOD\n", (int)kind);
    for (size_t i = 0; i < run->history.n; i++) {
        const struct history_op *op = &run->history.op[i];
        double at_s = run_seconds(run, op->planned_us);
        double ms;
        size_t at;

        if (!run_op_writes(run, i) || op->ended_us == 0)
            continue;
        if ((op->end == HISTORY_OK) != (kind == DOT_OK))
            continue;
        ms = clamp(latency_ms(op), LATENCY_LO_MS, LATENCY_HI_MS);
        at = pixel(at_s / duration_s, ms);
        if (!taken[at])
            buf_printf(script, "%.3f %.3f\n", at_s, ms);
        taken[at] = true;
    }
    buf_append_str(script, "EOD\n");
    free(taken);
}

static void append_faults(struct buf *script, const struct run_data *run, double duration_s)
{
    for (unsigned i = 0; i < run->n_faults; i++) {
        const struct run_fault *fault = &run->fault[i];
        double from = run_seconds(run, fault->begin_us);
        double to = fault->end_us ? run_seconds(run, fault->end_us) : duration_s;

        if (fault->begin_us == 0)
            continue;
        buf_printf(script,
                   "set object %u rect from %.3f,graph 0 to %.3f,graph 1 fc rgb '" PLOT_FAULT
                   "' fs solid 0.45 noborder behind\n",
                   i + 1, from, clamp(to, from, duration_s));
    }
}

int figure_latency(struct buf *out, const char *id, const struct run_data *run, struct errctx *err)
{
    struct buf script = {0};
    double duration_s = run_seconds(run, run_load_end_us(run));
    int r;

    if (duration_s <= 0)
        duration_s = 1;
    append_dots(&script, run, DOT_OK, duration_s);
    append_dots(&script, run, DOT_BAD, duration_s);
    append_faults(&script, run, duration_s);
    buf_printf(&script,
               "set logscale y\nset xrange [0:%.3f]\nset yrange [%g:%g]\n"
               "set ytics " LATENCY_TICS "\nset xtics nomirror\nset format x '%%g s'\n"
               "set grid ytics lt 1 lw 0.5 lc rgb '" PLOT_GRID "'\nset border 3\nunset key\n"
               "set tics nomirror\nset lmargin 8\nset rmargin 2\nset tmargin 0.6\nset bmargin 2\n"
               "plot $dots0 with points pt 7 ps 0.28 lc rgb '%s', "
               "$dots1 with points pt 2 ps 0.45 lw 1.4 lc rgb '" PLOT_BAD "'\n",
               duration_s, LATENCY_LO_MS, LATENCY_HI_MS, plot_colour(run->approach));
    r = plot_svg(out, id, "Latency of every write over time", WIDTH, HEIGHT, buf_str(&script), err);
    buf_done(&script);
    return r;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

void figure_curve_of(const struct run_data *run, enum level level, struct figure_curve *ret_curve)
{
    double *ms = mem_alloc_array(run->history.n, sizeof *ms);
    size_t n = 0;

    for (size_t i = 0; i < run->history.n; i++) {
        const struct history_op *op = &run->history.op[i];

        if (run_op_writes(run, i) && op->end == HISTORY_OK && op->level == level)
            ms[n++] = latency_ms(op);
    }
    qsort(ms, n, sizeof *ms, by_value);
    *ret_curve = (struct figure_curve){.n = n, .ms = ms};
}

void figure_curve_of_probes(const struct run_data *run, struct figure_curve *ret_curve)
{
    double *ms = mem_alloc_array(run->n_probes, sizeof *ms);
    size_t n = visible_everywhere(run, ms);

    qsort(ms, n, sizeof *ms, by_value);
    *ret_curve = (struct figure_curve){.n = n, .ms = ms};
}

const char *figure_dash(unsigned dash)
{
    static const char *const dashes[FIGURE_DASHES] = {"", "9,4", "2,3", "9,3,2,3"};

    return dashes[dash % FIGURE_DASHES];
}

/* Evenly spaced on the logarithm of the share, so that the tail has as many points as the middle.
 */
static void append_curve(struct buf *script, unsigned number, const struct figure_curve *curve)
{
    size_t last = SIZE_MAX;

    buf_printf(script, "$curve%u << EOD\n", number);
    for (unsigned i = 0; i <= CURVE_POINTS && curve->n > 0; i++) {
        double share = pow((double)curve->n, -(double)i / CURVE_POINTS); /* 1 … 1/n */
        size_t rank = curve->n - (size_t)clamp(ceil(share * (double)curve->n), 1, (double)curve->n);

        if (rank == last)
            continue;
        last = rank;
        buf_printf(script, "%.4f %.7f\n", clamp(curve->ms[rank], LATENCY_LO_MS, LATENCY_HI_MS),
                   (double)(curve->n - rank) / (double)curve->n);
    }
    buf_append_str(script, "EOD\n");
}

/* Down to half of the smallest share that any curve has. */
static double least_share(const struct figure_curve *curves, size_t n)
{
    size_t most = 2;

    for (size_t i = 0; i < n; i++)
        most = curves[i].n > most ? curves[i].n : most;
    return 0.5 / (double)most;
}

static void append_plots(struct buf *script, const struct figure_curve *curves, size_t n)
{
    for (unsigned i = 0; i < n; i++) {
        const char *dash = figure_dash(curves[i].dash);

        buf_printf(script, "%s$curve%u with steps lw %g lc rgb '%s'", i ? ", " : "plot ", i,
                   n > CURVES_THICK ? 1.3 : 2.2,
                   plot_colour(result_text(curves[i].run, "approach")));
        if (*dash)
            buf_printf(script, " dt (%s)", dash);
    }
    buf_append_char(script, '\n');
}

int figure_distribution(struct buf *out, const char *id, const char *title,
                        const struct figure_curve *curves, size_t n, struct errctx *err)
{
    struct buf script = {0};
    int r;

    for (unsigned i = 0; i < n; i++)
        append_curve(&script, i, &curves[i]);
    buf_printf(&script,
               "set logscale xy\nset xrange [%g:%g]\nset yrange [%g:1]\nset xtics " LATENCY_TICS
               "\nset ytics ('all' 1, '10 %%%%' 0.1, '1 %%%%' 0.01, '0.1 %%%%' 0.001, '0.01 %%%%' "
               "0.0001, '0.001 %%%%' 0.00001)\n"
               "set grid xtics ytics lt 1 lw 0.5 lc rgb '" PLOT_GRID "'\nset border 3\n"
               "set tics nomirror\nunset key\nset lmargin 8\nset rmargin 3\nset tmargin 0.6\n"
               "set bmargin 2\n",
               LATENCY_LO_MS, LATENCY_HI_MS, least_share(curves, n));
    append_plots(&script, curves, n);
    r = plot_svg(out, id, title, WIDTH, HEIGHT, buf_str(&script), err);
    buf_done(&script);
    return r;
}
