/* The top of the page: the question, what was expected, and the answer of each variant. */
#include "harness/report/html.h"
#include "harness/report/sections.h"
#include "harness/report/story.h"
#include "harness/results/result.h"

static void in_settings(struct buf *out, unsigned n, unsigned total)
{
    if (n < total)
        buf_printf(out, " in %u of %u settings", n, total);
    else if (total == 2)
        buf_append_str(out, " in both settings");
    else
        buf_printf(out, " in all %u settings", total);
}

/* One sentence a variant: in how many of its settings which mark was earned. */
static void answer_of(struct buf *out, const struct report *r, const char *variant)
{
    static const char *const words[MARKS] = {
        [MARK_AGREE] = "kept every promise that is judged, and the stores agree in the end",
        [MARK_PASSING] = "kept every promise that is judged, and the stores agree in the end, "
                         "though readers saw them differ on the way",
        [MARK_NOT_EXERCISED] = "was not put to the test",
        [MARK_ANOMALIES] = "left anomalies that do not go away",
        [MARK_UNKNOWN] = "cannot be told",
        [MARK_BROKEN] = "broke a promise",
    };
    unsigned n[MARKS] = {0}, total = 0;
    const char *before = " ";

    for (unsigned s = 0; s < r->schedules.n; s++) {
        const json_t *run = report_run(r, variant, r->schedules.name[s]);

        if (run) {
            n[cell_mark_of(run)]++;
            total++;
        }
    }
    buf_append_str(out, "<li>");
    report_variant(out, report_any_run(r, variant));
    for (int mark = MARK_BROKEN; mark >= MARK_AGREE; mark--) {
        if (n[mark] == 0)
            continue;
        buf_printf(out, "%s<span class=\"t-%s\">%s</span>", before,
                   story_mark_class((enum cell_mark)mark), words[mark]);
        if (total > 1)
            in_settings(out, n[mark], total);
        before = "; ";
    }
    buf_append_str(out, ".</li>\n");
}

/* Written down before the runs, so that it can turn out wrong. */
static void prediction(struct buf *out, const struct report *r)
{
    const char *text = result_text(r->results, "prediction");

    if (!*text)
        return;
    buf_append_str(out, "<p class=\"prediction\"><b>Predicted:</b> ");
    html_text(out, text);
    buf_append_str(out, "</p>");
}

/* Its own share of a load average is below this on two cores and on many. */
#define BUSY_PER_CORE 2.0

/* Latencies of a machine that does something else, too, are those of both. */
static void busy(struct buf *out, const struct report *r)
{
    double cores = 1, load, most = 0;
    json_t *run;
    size_t i;

    (void)result_number(json_object_get(r->results, "machine"), "cores", &cores);
    json_array_foreach (r->runs, i, run) {
        if (result_number(run, "load_average.begin", &load) && load > most)
            most = load;
    }
    if (most > BUSY_PER_CORE * cores)
        buf_printf(out,
                   "<p class=\"warning\">The machine was busy with other things: a load average of "
                   "up to %.1f on %.0f cores when a run began. Verdicts hold all the same; "
                   "latencies and gaps are longer than these approaches make them.</p>",
                   most, cores);
}

static void missing(struct buf *out, const struct report *r)
{
    size_t n = json_array_size(json_object_get(r->results, "missing"));

    if (n > 0)
        buf_printf(
            out,
            "<p class=\"warning\">The experiment was interrupted: %zu of its %zu runs were not "
            "carried out, and nothing is known of them.</p>",
            n, n + json_array_size(r->runs));
}

void section_head(struct buf *out, const struct report *r)
{
    const char *question = result_text(r->results, "question");

    buf_append_str(out, "<header><p class=\"kicker\">syncbed · ");
    html_text(out, result_text(r->results, "experiment"));
    buf_append_str(out, "</p><h1>");
    html_text(out, *question ? question : result_text(r->results, "experiment"));
    buf_append_str(out,
                   "</h1><p class=\"lead\">The same writes, at the same planned times, through "
                   "each approach, to the same real servers, with the same faults. Then "
                   "everything came to rest, and the stores were read.</p>");
    prediction(out, r);
    buf_append_str(out, "<ul class=\"answers\">\n");
    for (unsigned a = 0; a < r->variants.n; a++)
        answer_of(out, r, r->variants.name[a]);
    buf_append_str(out, "</ul>");
    missing(out, r);
    busy(out, r);
    buf_append_str(out, "</header>\n");
}
