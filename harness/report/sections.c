/* The parts of the page that are made from results.json alone; section_figures.c has the rest. */
#include "harness/report/sections.h"

#include "approaches/approach.h"
#include "harness/checkers/checkers.h"
#include "harness/report/drawing.h"
#include "harness/report/html.h"
#include "harness/report/story.h"
#include "harness/results/cell.h"
#include "harness/results/result.h"

#include <stdio.h>
#include <string.h>

static const char *const mark_class[MARKS] = {
    [MARK_AGREE] = "valid",     [MARK_NOT_EXERCISED] = "unknown", [MARK_ANOMALIES] = "invalid",
    [MARK_UNKNOWN] = "unknown", [MARK_BROKEN] = "invalid",
};

static void variant_cell(struct buf *out, const struct report *r, const char *variant)
{
    const json_t *run = report_any_run(r, variant);
    const struct approach *row = approach_find(result_text(run, "approach"));

    buf_append_str(out, "<th scope=\"row\">");
    report_variant(out, run);
    if (row) {
        buf_append_str(out, "<br><span class=\"soft\">");
        html_text(out, row->summary);
        buf_append_str(out, "</span>");
    }
    buf_append_str(out, "</th>");
}

/* One sentence a variant: in how many of its settings which mark was earned. */
static void answer_of(struct buf *out, const struct report *r, const char *variant)
{
    static const char *const words[MARKS] = {
        [MARK_AGREE] = "kept every promise that is judged, and the stores agree in the end",
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
        buf_printf(out, "%s<span class=\"t-%s\">%s</span>", before, mark_class[mark], words[mark]);
        if (total > 1)
            buf_printf(out, n[mark] == total ? " in all %u settings" : " in %u of %u settings",
                       n[mark], total);
        before = "; ";
    }
    buf_append_str(out, ".</li>\n");
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
                   "everything came to rest, and the stores were read.</p>"
                   "<ul class=\"answers\">\n");
    for (unsigned a = 0; a < r->variants.n; a++)
        answer_of(out, r, r->variants.name[a]);
    buf_append_str(out, "</ul></header>\n");
}

static void verdict_cell(struct buf *out, const struct report *r, const char *variant,
                         const char *schedule)
{
    struct cell cell;

    cell_fill(r->results, variant, schedule, &cell);
    if (cell.n_runs == 0) {
        buf_append_str(out, "<td>–</td>");
        return;
    }
    buf_printf(out, "<td class=\"%s\" data-fault=\"", mark_class[cell.mark]);
    report_schedule(out, schedule);
    buf_append_str(out, "\"><span class=\"mark\">");
    html_text(out, story_headline(&cell));
    buf_append_str(out, "</span><ul>");
    story_phrases(out, &cell);
    buf_append_str(out, "</ul></td>");
}

void section_verdicts(struct buf *out, const struct report *r)
{
    buf_append_str(out, "<section><h2>What happened to the data</h2>\n<div class=\"scroll\">"
                        "<table class=\"verdicts\"><thead><tr><th></th>");
    for (unsigned s = 0; s < r->schedules.n; s++) {
        buf_append_str(out, "<th scope=\"col\">");
        report_schedule(out, r->schedules.name[s]);
        buf_append_str(out, "</th>");
    }
    buf_append_str(out, "</tr></thead><tbody>\n");
    for (unsigned a = 0; a < r->variants.n; a++) {
        buf_append_str(out, "<tr>");
        variant_cell(out, r, r->variants.name[a]);
        for (unsigned s = 0; s < r->schedules.n; s++)
            verdict_cell(out, r, r->variants.name[a], r->schedules.name[s]);
        buf_append_str(out, "</tr>\n");
    }
    buf_append_str(out, "</tbody></table></div></section>\n");
}

/* --- sentences ------------------------------------------------------------------------------- */

/* A card: the verdict, what happened in words, the same drawn. */
static void example_card(struct buf *out, const json_t *run, const struct checker *checker,
                         unsigned *drawn)
{
    const json_t *verdict = result_verdict(run, checker->name);
    const json_t *example = json_array_get(json_object_get(verdict, "examples"), 0);
    char id[32];

    if (!example)
        return;
    buf_printf(out, "<div class=\"card\"><p><b>%s</b> <span class=\"soft\">%s</span></p><p>",
               checker->name, checker->means);
    html_text(out, result_text(example, "sentence"));
    buf_append_str(out, "</p>");
    (void)snprintf(id, sizeof id, "drawing-%u", (*drawn)++);
    drawing_of(out, id, example);
    buf_append_str(out, "</div>\n");
}

static void cell_sentences(struct buf *out, const struct report *r, const char *variant,
                           const char *schedule, unsigned *drawn)
{
    const json_t *run = report_run(r, variant, schedule);
    enum cell_mark mark = run ? cell_mark_of(run) : MARK_AGREE;

    if (mark != MARK_ANOMALIES && mark != MARK_BROKEN)
        return;
    buf_append_str(out, "<h3>");
    report_variant(out, run);
    buf_append_str(out, ", ");
    report_schedule(out, schedule);
    buf_append_str(out, "</h3><div class=\"cards\">\n");
    for (unsigned c = 0; c < CHECKERS; c++)
        example_card(out, run, &checker_table[c], drawn);
    buf_append_str(out, "</div>\n");
}

void section_sentences(struct buf *out, const struct report *r)
{
    size_t before;
    unsigned drawn = 0;

    buf_append_str(out, "<section><h2>For example</h2><p>One anomaly of each kind: what was asked "
                        "when (bars), and in which order each store's journal has it (boxes, with "
                        "their place in the journal).</p>\n");
    before = out->size;
    for (unsigned a = 0; a < r->variants.n; a++) {
        for (unsigned s = 0; s < r->schedules.n; s++)
            cell_sentences(out, r, r->variants.name[a], r->schedules.name[s], &drawn);
    }
    if (out->size == before)
        buf_append_str(out, "<p>No anomaly was found in any run.</p>");
    buf_append_str(out, "</section>\n");
}

/* --- every verdict --------------------------------------------------------------------------- */

static const char *short_word(const char *word)
{
    if (strcmp(word, verdict_word_name(VERDICT_VALID)) == 0)
        return "✓";
    if (strcmp(word, verdict_word_name(VERDICT_INVALID)) == 0)
        return "✗";
    return strcmp(word, verdict_word_name(VERDICT_UNKNOWN)) == 0 ? "?" : word;
}

static void matrix_cell(struct buf *out, const json_t *run, const struct checker *checker)
{
    const json_t *verdict = result_verdict(run, checker->name);
    const char *word = result_verdict_word(run, checker->name);
    double count, of;

    buf_printf(out, "<td><span class=\"t-%s\">%s", word, short_word(word));
    if (result_number(verdict, "count", &count) && count >= 1) {
        buf_append_char(out, ' ');
        html_count(out, (long long)count);
    }
    buf_append_str(out, "</span>");
    if (result_number(verdict, "of", &of)) {
        buf_append_str(out, " <span class=\"soft\">of ");
        html_count(out, (long long)of);
        buf_append_str(out, "</span>");
    }
    if (!json_is_true(json_object_get(verdict, "promised")))
        buf_append_str(out, "<br><span class=\"soft\">not promised</span>");
    buf_append_str(out, "</td>");
}

/* What approaches promise and no checker looks at yet: nobody shall take it for kept. */
static void not_judged(struct buf *out, const struct report *r, const char *variant)
{
    const json_t *run = NULL;
    const char *name, *before = ": ";
    json_t *verdict;

    for (unsigned s = 0; s < r->schedules.n && !run; s++)
        run = report_run(r, variant, r->schedules.name[s]);
    buf_append_str(out, "<dt>");
    html_text(out, variant);
    buf_append_str(out, "</dt><dd>promised, and not judged yet");
    json_object_foreach (json_object_get(run, "verdicts"), name, verdict) {
        if (!result_verdict_is(run, name, VERDICT_NOT_JUDGED) ||
            !json_is_true(json_object_get(verdict, "promised")))
            continue;
        buf_printf(out, "%s%s", before, name);
        before = ", ";
    }
    buf_append_str(out, strcmp(before, ", ") == 0 ? "</dd>" : ": nothing</dd>");
}

static void matrix_row(struct buf *out, const json_t *run)
{
    buf_append_str(out, "<tr><th scope=\"row\">");
    report_variant(out, run);
    buf_append_str(out, "</th><td>");
    report_schedule(out, result_text(run, "schedule"));
    buf_append_str(out, "</td>");
    for (unsigned c = 0; c < CHECKERS; c++)
        matrix_cell(out, run, &checker_table[c]);
    buf_append_str(out, "</tr>\n");
}

void section_matrix(struct buf *out, const struct report *r)
{
    buf_append_str(out, "<section><h2>Every verdict</h2><p>✓ valid, ✗ invalid with the number of "
                        "violations, ? unknown; “of” is how many could have violated it: "
                        "with none it was not exercised.</p>"
                        "<div class=\"scroll\"><table class=\"matrix\"><thead><tr><th></th><th>"
                        "fault</th>");
    for (unsigned c = 0; c < CHECKERS; c++)
        buf_printf(out, "<th title=\"%s\">%s</th>", checker_table[c].means, checker_table[c].name);
    buf_append_str(out, "</tr></thead><tbody>\n");
    for (unsigned a = 0; a < r->variants.n; a++) {
        for (unsigned s = 0; s < r->schedules.n; s++) {
            const json_t *run = report_run(r, r->variants.name[a], r->schedules.name[s]);

            if (run)
                matrix_row(out, run);
        }
    }
    buf_append_str(out, "</tbody></table></div><dl class=\"setup\">");
    for (unsigned c = 0; c < CHECKERS; c++)
        buf_printf(out, "<dt>%s</dt><dd>%s</dd>", checker_table[c].name, checker_table[c].means);
    for (unsigned a = 0; a < r->variants.n; a++)
        not_judged(out, r, r->variants.name[a]);
    buf_append_str(out, "</dl></section>\n");
}
