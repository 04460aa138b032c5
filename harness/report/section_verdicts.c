/* What happened to the data: the table of cells, and every verdict with what it proves. */
#include "approaches/approach.h"
#include "harness/checkers/checkers.h"
#include "harness/report/html.h"
#include "harness/report/sections.h"
#include "harness/report/story.h"
#include "harness/results/cell.h"
#include "harness/results/result.h"

#include <string.h>

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

static void verdict_cell(struct buf *out, const struct report *r, const char *variant,
                         const char *schedule)
{
    struct cell cell;

    cell_fill(r->results, variant, schedule, &cell);
    if (cell.n_runs == 0) {
        buf_append_str(out, "<td>–</td>");
        return;
    }
    buf_printf(out, "<td class=\"%s\" data-fault=\"", story_mark_class(cell.mark));
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

/* --- every verdict --------------------------------------------------------------------------- */

/* One verdict over the runs of a cell. */
struct tally {
    enum verdict_word word; /* the worst */
    bool promised;
    double count, of; /* sums */
};

static enum verdict_word word_of(const json_t *run, const char *name)
{
    for (int word = 0; word < VERDICT_WORDS; word++) {
        if (result_verdict_is(run, name, (enum verdict_word)word))
            return (enum verdict_word)word;
    }
    return VERDICT_NOT_JUDGED;
}

static void tally_of(const json_t *runs, const char *name, struct tally *ret_tally)
{
    static const int rank[VERDICT_WORDS] = {[VERDICT_NOT_JUDGED] = 0,
                                            [VERDICT_NOT_EXERCISED] = 1,
                                            [VERDICT_VALID] = 2,
                                            [VERDICT_UNKNOWN] = 3,
                                            [VERDICT_INVALID] = 4};
    json_t *run;
    size_t i;

    *ret_tally = (struct tally){.word = VERDICT_NOT_JUDGED};
    json_array_foreach (runs, i, run) {
        const json_t *verdict = result_verdict(run, name);
        enum verdict_word word = word_of(run, name);
        double count = 0, of = 0;

        (void)result_number(verdict, "count", &count); /* null: not judged, adds nothing */
        (void)result_number(verdict, "of", &of);
        ret_tally->word = rank[word] > rank[ret_tally->word] ? word : ret_tally->word;
        ret_tally->promised |= json_is_true(json_object_get(verdict, "promised"));
        ret_tally->count += count;
        ret_tally->of += of;
    }
}

static const char *short_word(enum verdict_word word)
{
    switch (word) {
    case VERDICT_VALID:
        return "✓";
    case VERDICT_INVALID:
        return "✗";
    case VERDICT_UNKNOWN:
        return "?";
    case VERDICT_NOT_JUDGED:
    case VERDICT_NOT_EXERCISED:
    case VERDICT_WORDS:
        break;
    }
    return verdict_word_name(word);
}

static void matrix_cell(struct buf *out, const json_t *runs, const struct checker *checker)
{
    struct tally tally;

    tally_of(runs, checker->name, &tally);
    buf_printf(out, "<td><span class=\"t-%s\">%s</span>", verdict_word_name(tally.word),
               short_word(tally.word));
    if (tally.of > 0) {
        buf_append_char(out, ' ');
        html_count(out, (long long)tally.count);
        buf_append_str(out, " <span class=\"soft\">of ");
        html_count(out, (long long)tally.of);
        if (tally.word == VERDICT_VALID)
            buf_printf(out, "<br>below %.2g %%", 300 / tally.of);
        buf_append_str(out, "</span>");
    }
    if (!tally.promised)
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

static void matrix_row(struct buf *out, const json_t *runs)
{
    const json_t *run = json_array_get(runs, 0);

    if (!run)
        return;
    buf_append_str(out, "<tr><th scope=\"row\">");
    report_variant(out, run);
    buf_append_str(out, "</th><td>");
    report_schedule(out, result_text(run, "schedule"));
    buf_printf(out, "</td><td>%zu</td>", json_array_size(runs));
    for (unsigned c = 0; c < CHECKERS; c++)
        matrix_cell(out, runs, &checker_table[c]);
    buf_append_str(out, "</tr>\n");
}

void section_matrix(struct buf *out, const struct report *r)
{
    buf_append_str(out,
                   "<section><h2>Every verdict</h2><p>✓ valid, ✗ invalid, ? unknown; how many "
                   "violations were found, of how many cases that could have been one, over all "
                   "runs of the row. Nothing found proves only so much: <em>below</em> is the "
                   "share that 0 of N leaves possible with 95 % confidence (3/N), if the cases "
                   "were independent.</p><div class=\"scroll\"><table class=\"matrix\"><thead><tr>"
                   "<th></th><th>fault</th><th>runs</th>");
    for (unsigned c = 0; c < CHECKERS; c++)
        buf_printf(out, "<th title=\"%s\">%s</th>", checker_table[c].means, checker_table[c].name);
    buf_append_str(out, "</tr></thead><tbody>\n");
    for (unsigned a = 0; a < r->variants.n; a++) {
        for (unsigned s = 0; s < r->schedules.n; s++) {
            json_t *runs = cell_runs(r->results, r->variants.name[a], r->schedules.name[s]);

            matrix_row(out, runs);
            json_decref(runs);
        }
    }
    buf_append_str(out, "</tbody></table></div><dl class=\"setup\">");
    for (unsigned c = 0; c < CHECKERS; c++)
        buf_printf(out, "<dt>%s</dt><dd>%s</dd>", checker_table[c].name, checker_table[c].means);
    for (unsigned a = 0; a < r->variants.n; a++)
        not_judged(out, r, r->variants.name[a]);
    buf_append_str(out, "</dl></section>\n");
}
