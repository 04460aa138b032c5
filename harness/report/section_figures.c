/* Latency over time and distributions: the sections that read the run folders. */
#include "harness/report/figures.h"
#include "harness/report/html.h"
#include "harness/report/sections.h"
#include "harness/results/result.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one cell leaves for the distributions, which are drawn after all cells. */
struct curve_at {
    struct figure_curve curve;
    enum level level;
    const char *schedule;
};

struct curves {
    size_t n;
    struct curve_at at[AXIS_MAX * AXIS_MAX];
};

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

static void caption(struct buf *out, const json_t *run, enum level level)
{
    buf_append_str(out, "<figcaption>");
    report_variant(out, run);
    buf_append_str(out, ", ");
    report_schedule(out, result_text(run, "schedule"));
    buf_printf(out, " · %s", level_means(level));
    report_loop(out, run);
    buf_append_str(out, "</figcaption>");
}

/* One panel of the grid, from the run's own files; its curve is kept for later. */
static int panel(struct buf *out, const struct report *r, const json_t *run, struct curves *curves,
                 struct errctx *err)
{
    struct curve_at *keep = &curves->at[curves->n];
    struct run_data *data = mem_alloc(sizeof *data);
    struct buf id = {0};
    char dir[PATH_MAX];
    int rc;

    buf_append_str(&id, "latency-");
    html_id(&id, result_text(run, "run"));
    if (snprintf(dir, sizeof dir, "%s/runs/%s", r->dir, result_text(run, "run")) >= (int)sizeof dir)
        rc = err_set(err, ENAMETOOLONG, ERR_ABORT, "%s: the path is too long", r->dir);
    else
        rc = run_data_load(dir, data, err);
    if (rc == 0 && data->finished) {
        keep->level = report_level(run);
        buf_append_str(out, "<figure>");
        rc = figure_latency(out, buf_str(&id), data, err);
        caption(out, run, keep->level);
        buf_append_str(out, "</figure>\n");
        figure_curve_of(data, keep->level, &keep->curve);
        keep->curve.run = run;
        keep->schedule = result_text(run, "schedule");
        curves->n++;
    }
    run_data_done(data);
    free(data);
    buf_done(&id);
    return rc;
}

static int latency_grid(struct buf *out, const struct report *r, struct curves *curves,
                        struct errctx *err)
{
    buf_append_str(out,
                   "<section><h2>How long each write took</h2><p>Every dot is a write, placed at "
                   "the time at which it was <em>planned</em>; its height is how long the client "
                   "waited from then on. The shaded time is the fault.</p><p class=\"key\">"
                   "<span><i style=\"background:var(--c-bad)\"></i>failed or unknown"
                   "</span><span><i style=\"background:var(--c-fault)\"></i>fault</span></p>\n");
    buf_printf(out, "<div class=\"grid\" style=\"--columns:%u\">\n",
               r->schedules.n < 4 ? r->schedules.n : 3);
    for (unsigned a = 0; a < r->variants.n; a++) {
        for (unsigned s = 0; s < r->schedules.n; s++) {
            const json_t *run = report_run(r, r->variants.name[a], r->schedules.name[s]);
            int rc = run ? panel(out, r, run, curves, err) : 0;

            if (rc < 0)
                return rc;
        }
    }
    buf_append_str(out, "</div></section>\n");
    return 0;
}

/* The curves of one level and one schedule in one frame. Levels are never mixed. */
static int distribution(struct buf *out, const struct curves *curves, enum level level,
                        const char *schedule, struct errctx *err)
{
    struct figure_curve together[AXIS_MAX];
    struct buf id = {0};
    size_t n = 0;
    int rc;

    for (size_t i = 0; i < curves->n && n < AXIS_MAX; i++) {
        if (curves->at[i].level == level && strcmp(curves->at[i].schedule, schedule) == 0 &&
            curves->at[i].curve.n > 0)
            together[n++] = curves->at[i].curve;
    }
    if (n == 0)
        return 0;
    buf_printf(&id, "tail-%s-", level_name(level));
    html_id(&id, schedule);
    buf_append_str(out, "<figure>");
    rc = figure_distribution(out, buf_str(&id), "Share of writes that took longer", together, n,
                             err);
    buf_append_str(out, "<figcaption>");
    for (size_t i = 0; i < n; i++) {
        buf_append_str(out, i ? " " : "");
        report_variant(out, together[i].run);
    }
    buf_append_str(out, ", ");
    report_schedule(out, schedule);
    buf_printf(out, " · %s</figcaption></figure>\n", level_means(level));
    buf_done(&id);
    return rc;
}

static int distributions(struct buf *out, const struct report *r, const struct curves *curves,
                         struct errctx *err)
{
    buf_append_str(out, "<section><h2>The tails</h2><p>Which share of the acknowledged writes took "
                        "longer than the time below. What an acknowledgement means differs, so "
                        "approaches that promise different things stand in different "
                        "frames.</p>\n");
    buf_printf(out, "<div class=\"grid\" style=\"--columns:%u\">\n",
               r->schedules.n < 4 ? r->schedules.n : 3);
    for (int level = LEVELS - 1; level > LEVEL_NONE; level--) {
        for (unsigned s = 0; s < r->schedules.n; s++) {
            int rc = distribution(out, curves, (enum level)level, r->schedules.name[s], err);

            if (rc < 0)
                return rc;
        }
    }
    buf_append_str(out, "</div></section>\n");
    return 0;
}

int section_figures(struct buf *out, const struct report *r, struct errctx *err)
{
    struct curves *curves = mem_alloc(sizeof *curves);
    int rc = latency_grid(out, r, curves, err);

    if (rc == 0)
        rc = distributions(out, r, curves, err);
    for (size_t i = 0; i < curves->n; i++)
        free(curves->at[i].curve.ms);
    free(curves);
    return rc;
}
