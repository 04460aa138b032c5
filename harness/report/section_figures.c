/* Latency over time and distributions: the sections that read the run folders. */
#include "harness/report/figures.h"
#include "harness/report/html.h"
#include "harness/report/sections.h"
#include "harness/results/cell.h"
#include "harness/results/result.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A run's distribution, drawn when all runs have been read. */
struct curve_at {
    struct figure_curve curve;
    enum level level;
    bool probed; /* by the prober, not by what clients were told */
    const char *schedule;
};

struct curves {
    size_t n, n_max;
    struct curve_at *at;
};

static void curves_init(struct curves *curves, const struct report *r)
{
    curves->n = 0;
    curves->n_max = 2 * json_array_size(r->runs); /* of answers and of probes */
    curves->at = mem_alloc_array(curves->n_max, sizeof *curves->at);
}

static void curves_done(struct curves *curves)
{
    for (size_t i = 0; i < curves->n; i++)
        free(curves->at[i].curve.ms);
    free(curves->at);
}

/* Takes the curve's memory. */
static void curves_add(struct curves *curves, struct curve_at at)
{
    if (at.curve.n == 0) {
        free(at.curve.ms);
        return;
    }
    assert(curves->n < curves->n_max);
    curves->at[curves->n++] = at;
}

static const char *level_means(enum level level)
{
    switch (level) {
    case LEVEL_LOGGED:
        return "acknowledged when it is in the log";
    case LEVEL_DECIDED:
        return "acknowledged when the decision is durable";
    case LEVEL_FIRST:
        return "acknowledged when the first store has it";
    case LEVEL_EVERYWHERE:
        return "acknowledged when every store has it";
    case LEVEL_NONE:
    case LEVELS:
        break;
    }
    return "acknowledged";
}

/* Why writes are slow before the shaded time: the crash point made them wait. */
static void gathered(struct buf *out, const json_t *run)
{
    json_t *fault;
    size_t i;

    json_array_foreach (json_object_get(run, "faults"), i, fault) {
        double n;

        if (!result_number(fault, "gathered", &n) || n < 2)
            continue;
        buf_printf(out, " · Before the fault %.0f writes were held at ", n);
        html_text(out, result_text(fault, "point"));
        buf_append_str(out, " until that many stood there: they, and what queued behind them, "
                            "are slow by that and not by the crash");
    }
}

static void caption(struct buf *out, const json_t *run)
{
    buf_append_str(out, "<figcaption>");
    report_variant(out, run);
    buf_append_str(out, ", ");
    report_schedule(out, result_text(run, "schedule"));
    buf_printf(out, " · %s", level_means(report_level(run)));
    report_loop(out, run);
    gathered(out, run);
    buf_append_str(out, "</figcaption>");
}

/* Which line style tells this variant from others of its approach. */
static unsigned dash_of(const struct report *r, const json_t *run)
{
    const char *variant = result_variant(run), *approach = result_text(run, "approach");
    unsigned dash = 0;

    for (unsigned v = 0; v < r->variants.n; v++) {
        const char *name = r->variants.name[v];

        if (strcmp(name, variant) == 0)
            break;
        dash += strcmp(result_text(report_any_run(r, name), "approach"), approach) == 0;
    }
    return dash;
}

static void add_curves(struct curves *curves, const struct report *r, const json_t *run,
                       const struct run_data *data)
{
    const char *schedule = result_text(run, "schedule");
    struct curve_at told = {.level = report_level(run), .schedule = schedule};
    struct curve_at seen = {.level = LEVEL_EVERYWHERE, .probed = true, .schedule = schedule};

    figure_curve_of(data, told.level, &told.curve);
    figure_curve_of_probes(data, &seen.curve);
    told.curve.run = seen.curve.run = run;
    told.curve.dash = seen.curve.dash = dash_of(r, run);
    curves_add(curves, told);
    curves_add(curves, seen);
}

static int panel(struct buf *out, const json_t *run, const struct run_data *data,
                 struct errctx *err)
{
    struct buf id = {0};
    int rc;

    buf_append_str(&id, "latency-");
    html_id(&id, result_text(run, "run"));
    buf_append_str(out, "<figure>");
    rc = figure_latency(out, buf_str(&id), data, err);
    caption(out, run);
    buf_append_str(out, "</figure>\n");
    buf_done(&id);
    return rc;
}

/* Reads a run's files: its curves, and its panel of the grid where it is the one to show. */
static int read_run(struct buf *out, const struct report *r, const json_t *run, bool show,
                    struct curves *curves, struct errctx *err)
{
    struct run_data *data = mem_alloc(sizeof *data); /* too large for a stack */
    char dir[PATH_MAX];
    int rc;

    if (snprintf(dir, sizeof dir, "%s/runs/%s", r->dir, result_text(run, "run")) >= (int)sizeof dir)
        rc = err_set(err, ENAMETOOLONG, ERR_ABORT, "%s: the path is too long", r->dir);
    else
        rc = run_data_load(dir, data, err);
    if (rc == 0 && data->finished) {
        add_curves(curves, r, run, data);
        rc = show ? panel(out, run, data, err) : 0;
    }
    run_data_done(data);
    free(data);
    return rc;
}

static int read_cell(struct buf *out, const struct report *r, const char *variant,
                     const char *schedule, struct curves *curves, struct errctx *err)
{
    const json_t *worst = report_run(r, variant, schedule);
    json_t *runs = cell_runs(r->results, variant, schedule), *run;
    size_t i;
    int rc = 0;

    json_array_foreach (runs, i, run) {
        rc = read_run(out, r, run, run == worst, curves, err);
        if (rc < 0)
            break;
    }
    json_decref(runs);
    return rc;
}

/* A column a schedule, but neither a single huge figure nor many tiny ones. */
static unsigned columns_of(const struct report *r)
{
    return r->schedules.n < 2 ? 2 : r->schedules.n > 3 ? 3 : r->schedules.n;
}

static int latency_grid(struct buf *out, const struct report *r, struct curves *curves,
                        struct errctx *err)
{
    buf_append_str(out,
                   "<section><h2>How long each write took</h2><p>Every dot is a write, placed at "
                   "the time at which it was <em>planned</em>; its height is how long the client "
                   "waited from then on. The shaded time is the fault. Of several runs this is the "
                   "worst.</p><p class=\"key\">"
                   "<span><i style=\"background:var(--c-bad)\"></i>failed or unknown"
                   "</span><span><i style=\"background:var(--c-fault)\"></i>fault</span></p>\n");
    buf_printf(out, "<div class=\"grid\" style=\"--columns:%u\">\n", columns_of(r));
    for (unsigned v = 0; v < r->variants.n; v++) {
        for (unsigned s = 0; s < r->schedules.n; s++) {
            int rc = read_cell(out, r, r->variants.name[v], r->schedules.name[s], curves, err);

            if (rc < 0)
                return rc;
        }
    }
    buf_append_str(out, "</div></section>\n");
    return 0;
}

/* --- distributions ---------------------------------------------------------------------------- */

/* What stands in one frame: one level, never mixed; one schedule; one way to find it out. */
struct frame {
    enum level level;
    bool probed;
    const char *schedule;
};

static size_t curves_in(const struct curves *curves, const struct frame *frame,
                        struct figure_curve *ret_together)
{
    size_t n = 0;

    for (size_t i = 0; i < curves->n; i++) {
        const struct curve_at *at = &curves->at[i];

        if (at->level == frame->level && at->probed == frame->probed &&
            strcmp(at->schedule, frame->schedule) == 0)
            ret_together[n++] = at->curve;
    }
    return n;
}

/* The variants of a frame, each once, with their line where a colour is not enough. */
static void legend(struct buf *out, const struct figure_curve *curves, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *run = curves[i].run;

        if (i > 0 && strcmp(result_variant(run), result_variant(curves[i - 1].run)) == 0)
            continue;
        buf_append_str(out, "<span class=\"entry\">");
        report_variant(out, run);
        if (curves[i].dash > 0)
            buf_printf(out,
                       " <svg class=\"dash %s\" viewBox=\"0 0 34 6\" aria-hidden=\"true\"><path "
                       "d=\"M0 3H34\" stroke-dasharray=\"%s\"/></svg>",
                       result_text(run, "approach"), figure_dash(curves[i].dash));
        buf_append_str(out, "</span> ");
    }
}

static int distribution(struct buf *out, const struct curves *curves, const struct frame *frame,
                        struct errctx *err)
{
    struct figure_curve *together = mem_alloc_array(curves->n + 1, sizeof *together); /* +1: none */
    size_t n = curves_in(curves, frame, together);
    struct buf id = {0};
    int rc = 0;

    if (n > 0) {
        buf_printf(&id, "tail-%s%s-", frame->probed ? "seen-" : "", level_name(frame->level));
        html_id(&id, frame->schedule);
        buf_append_str(out, "<figure>");
        rc = figure_distribution(out, buf_str(&id), "Share of writes that took longer", together, n,
                                 err);
        buf_append_str(out, "<figcaption>");
        legend(out, together, n);
        buf_append_str(out, "· ");
        report_schedule(out, frame->schedule);
        report_loop(out, together[0].run);
        buf_append_str(out, "</figcaption></figure>\n");
    }
    buf_done(&id);
    free(together);
    return rc;
}

/* The frames of one level, one a schedule; nothing when there is no curve. */
static int level_frames(struct buf *out, const struct report *r, const struct curves *curves,
                        enum level level, bool probed, struct errctx *err)
{
    struct buf frames = {0};
    int rc = 0;

    for (unsigned s = 0; s < r->schedules.n && rc == 0; s++) {
        const struct frame frame = {level, probed, r->schedules.name[s]};

        rc = distribution(&frames, curves, &frame, err);
    }
    if (frames.size > 0)
        buf_printf(out,
                   "<h3>%s <span class=\"soft\">%s</span></h3><div class=\"grid\" "
                   "style=\"--columns:%u\">\n%s</div>",
                   level_name(level),
                   probed ? "found by probe, at the latest: every approach" : level_means(level),
                   columns_of(r), buf_str(&frames));
    buf_done(&frames);
    return rc;
}

static int distributions(struct buf *out, const struct report *r, const struct curves *curves,
                         struct errctx *err)
{
    buf_append_str(out, "<section><h2>The tails</h2><p>Which share of the writes took longer than "
                        "the time below, a line a run. What an acknowledgement means differs, so "
                        "approaches that promise different things stand in different frames; the "
                        "prober asks all of them the same question.</p>\n");
    for (int level = LEVELS - 1; level >= LEVEL_NONE; level--) {
        int rc = level_frames(out, r, curves, (enum level)level, true, err);

        if (rc == 0)
            rc = level_frames(out, r, curves, (enum level)level, false, err);
        if (rc < 0)
            return rc;
    }
    buf_append_str(out, "</section>\n");
    return 0;
}

int section_figures(struct buf *out, const struct report *r, struct errctx *err)
{
    struct curves curves;
    int rc;

    curves_init(&curves, r);
    rc = latency_grid(out, r, &curves, err);
    if (rc == 0)
        rc = distributions(out, r, &curves, err);
    curves_done(&curves);
    return rc;
}
