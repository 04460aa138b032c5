/*
 * What the faults hit: without transactions under way a fault proves nothing, so each is shown with
 * how many stood at each step, summed over the runs of its cell.
 */
#include "harness/report/html.h"
#include "harness/report/sections.h"
#include "harness/results/cell.h"
#include "harness/results/result.h"

/* One fault of a schedule, over the runs of a cell. */
struct hit {
    const json_t *fault; /* of the first run */
    unsigned n, n_skipped;
    double gather, gathered;
    json_t *exposure; /* sums by step */
};

static void add_exposure(json_t *sum, const json_t *exposure)
{
    const char *step;
    json_t *n;

    json_object_foreach ((json_t *)(uintptr_t)exposure, step, n)
        (void)json_object_set_new(
            sum, step,
            json_integer(json_integer_value(n) + json_integer_value(json_object_get(sum, step))));
}

static void hit_of(const json_t *runs, size_t number, struct hit *ret_hit)
{
    json_t *run;
    size_t i;

    *ret_hit = (struct hit){.exposure = json_object()};
    json_array_foreach (runs, i, run) {
        const json_t *fault = json_array_get(json_object_get(run, "faults"), number);
        double value;

        if (!fault)
            continue;
        ret_hit->fault = ret_hit->fault ? ret_hit->fault : fault;
        ret_hit->n++;
        ret_hit->n_skipped += *result_text(fault, "skipped") != '\0';
        if (result_number(fault, "gather", &value))
            ret_hit->gather += value;
        if (result_number(fault, "gathered", &value))
            ret_hit->gathered += value;
        add_exposure(ret_hit->exposure, json_object_get(fault, "exposure"));
    }
}

/* "kill serve1 at xa-decided, 3.07 s – 5.08 s". */
static void what(struct buf *out, const struct hit *hit)
{
    double from, to;

    html_text(out, result_text(hit->fault, "action"));
    buf_append_char(out, ' ');
    html_text(out, result_text(hit->fault, "target"));
    if (*result_text(hit->fault, "point")) {
        buf_append_str(out, " at <code>");
        html_text(out, result_text(hit->fault, "point"));
        buf_append_str(out, "</code>");
    }
    if (hit->n > 1 || !result_number(hit->fault, "begin_s", &from))
        return;
    buf_printf(out, ", %.2f s", from);
    if (result_number(hit->fault, "end_s", &to))
        buf_printf(out, " – %.2f s", to);
}

static void steps(struct buf *out, const struct hit *hit)
{
    const char *step, *before = "";
    json_t *n;

    if (hit->n_skipped == hit->n) {
        html_text(out, result_text(hit->fault, "skipped"));
        return;
    }
    json_object_foreach (hit->exposure, step, n) {
        buf_append_str(out, before);
        html_count(out, (long long)json_integer_value(n));
        buf_append_str(out, " at <code>");
        html_text(out, step);
        buf_append_str(out, "</code>");
        before = ", ";
    }
    if (!*before)
        buf_append_str(out, "<span class=\"soft\">it has no steps that we count</span>");
}

static void row(struct buf *out, const json_t *run, const struct hit *hit)
{
    buf_append_str(out, "<tr><th scope=\"row\">");
    report_variant(out, run);
    buf_append_str(out, "</th><td>");
    report_schedule(out, result_text(run, "schedule"));
    buf_append_str(out, "</td><td>");
    what(out, hit);
    buf_printf(out, "</td><td class=\"num\">%u of %u</td><td class=\"num\">",
               hit->n - hit->n_skipped, hit->n);
    if (hit->gather > 0)
        buf_printf(out, "%.0f of %.0f", hit->gathered, hit->gather);
    else
        buf_append_str(out, "<span class=\"soft\">–</span>");
    buf_append_str(out, "</td><td>");
    steps(out, hit);
    buf_append_str(out, "</td></tr>\n");
}

static void cell_rows(struct buf *out, const json_t *runs)
{
    for (size_t i = 0;; i++) {
        struct hit hit;
        bool there;

        hit_of(runs, i, &hit);
        there = hit.fault != NULL;
        if (there)
            row(out, json_array_get(runs, 0), &hit);
        json_decref(hit.exposure);
        if (!there)
            return;
    }
}

void section_faults(struct buf *out, const struct report *r)
{
    buf_append_str(out,
                   "<section><h2>What the faults hit</h2><p>How many transactions stood at each "
                   "step when the fault came, over all runs. <em>Caught</em>: held at the crash "
                   "point, of those that were to be; a kill at a random moment would meet hardly "
                   "any.</p><div class=\"scroll\"><table class=\"costs\"><thead><tr><th></th>"
                   "<th>schedule</th><th>fault</th><th class=\"num\">happened</th>"
                   "<th class=\"num\">caught</th><th>stood there</th></tr></thead><tbody>\n");
    for (unsigned v = 0; v < r->variants.n; v++) {
        for (unsigned s = 0; s < r->schedules.n; s++) {
            json_t *runs = cell_runs(r->results, r->variants.name[v], r->schedules.name[s]);

            cell_rows(out, runs);
            json_decref(runs);
        }
    }
    buf_append_str(out, "</tbody></table></div></section>\n");
}
