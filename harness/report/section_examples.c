/*
 * Examples: an anomaly of each kind in words, drawn, and as the history has it. The verdict table
 * leads to the card, the card to the lines that it was made from, so that nobody has to believe it.
 */
#include "harness/report/drawing.h"
#include "harness/report/html.h"
#include "harness/report/sections.h"
#include "harness/report/story.h"
#include "harness/results/result.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a phrase of a cell is shown by; NULL when it is about no anomaly, or has no example. */
static const json_t *example_of(const struct cell_phrase *phrase)
{
    const json_t *verdict;

    if (phrase->fact != FACT_ANOMALY || !phrase->seen)
        return NULL;
    verdict = result_verdict(phrase->seen, phrase->checker->name);
    return json_array_get(json_object_get(verdict, "examples"), 0);
}

static void link_to(struct buf *out, const char *prefix, const struct cell_phrase *phrase,
                    const char *text)
{
    buf_append_str(out, " <a class=\"more\" href=\"#");
    story_anchor(out, prefix, phrase->seen, phrase->checker);
    buf_printf(out, "\">%s</a>", text);
}

/* --- cards ------------------------------------------------------------------------------------ */

/* The verdict, what happened in words, the same drawn. */
static void card(struct buf *out, const struct cell_phrase *phrase, const json_t *example)
{
    struct buf id = {0};

    buf_append_str(out, "<div class=\"card\" id=\"");
    story_anchor(out, "example", phrase->seen, phrase->checker);
    buf_printf(out, "\"><p><b>%s</b> <span class=\"soft\">%s</span></p><p>", phrase->checker->name,
               phrase->checker->means);
    html_text(out, result_text(example, "sentence"));
    if (json_array_size(json_object_get(example, "ops")) > 0)
        link_to(out, "ops", phrase, "its operations");
    buf_append_str(out, "</p>");
    story_anchor(&id, "drawing", phrase->seen, phrase->checker);
    drawing_of(out, buf_str(&id), example);
    buf_append_str(out, "</div>\n");
    buf_done(&id);
}

static void heading(struct buf *out, const struct cell *cell)
{
    buf_append_str(out, "<h3>");
    report_variant(out, cell->worst);
    buf_append_str(out, ", ");
    report_schedule(out, result_text(cell->worst, "schedule"));
    buf_append_str(out, "</h3><div class=\"cards\">\n");
}

static void cell_cards(struct buf *out, const struct cell *cell)
{
    unsigned n = 0;

    for (unsigned i = 0; i < cell->n_phrases; i++) {
        const json_t *example = example_of(&cell->phrase[i]);

        if (!example)
            continue;
        if (n++ == 0)
            heading(out, cell);
        card(out, &cell->phrase[i], example);
    }
    if (n > 0)
        buf_append_str(out, "</div>\n");
}

void section_examples(struct buf *out, const struct report *r)
{
    size_t before;

    buf_append_str(out, "<section><h2>For example</h2><p>One anomaly of each kind: what was asked "
                        "when (bars), and in which order each store's journal has it (boxes, with "
                        "their place in the journal).</p>\n");
    before = out->size;
    for (unsigned v = 0; v < r->variants.n; v++) {
        for (unsigned s = 0; s < r->schedules.n; s++) {
            struct cell cell;

            cell_fill(r->results, r->variants.name[v], r->schedules.name[s], &cell);
            cell_cards(out, &cell);
        }
    }
    if (out->size == before)
        buf_append_str(out, "<p>No anomaly was found in any run.</p>");
    buf_append_str(out, "</section>\n");
}

/* --- operations ------------------------------------------------------------------------------- */

static bool is_about(const char *line, const json_t *ops)
{
    const char *found = strstr(line, "\"op\":");
    unsigned long long number;
    size_t i;
    json_t *op;

    if (!found)
        return false;
    number = strtoull(found + strlen("\"op\":"), NULL, 10);
    json_array_foreach (ops, i, op) {
        if ((unsigned long long)json_integer_value(json_object_get(op, "op")) == number)
            return true;
    }
    return false;
}

/* The lines of the run's history about these operations, in their order. */
static int history_lines(struct buf *out, const char *path, const json_t *ops, struct errctx *err)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    int rc = 0;

    if (!file)
        return err_set(err, errno, ERR_ABORT, "%s: %s", path, strerror(errno));
    while (getline(&line, &size, file) > 0) {
        if (is_about(line, ops))
            html_text(out, line);
    }
    if (ferror(file))
        rc = err_set(err, EIO, ERR_ABORT, "%s: cannot be read", path);
    free(line);
    (void)fclose(file); /* only read */
    return rc;
}

static int operations(struct buf *out, const struct report *r, const struct cell_phrase *phrase,
                      const json_t *example, struct errctx *err)
{
    const char *run = result_text(phrase->seen, "run");
    char path[PATH_MAX];
    int rc;

    if (snprintf(path, sizeof path, "%s/runs/%s/history.ndjson", r->dir, run) >= (int)sizeof path)
        return err_set(err, ENAMETOOLONG, ERR_ABORT, "%s: the path is too long", r->dir);
    buf_append_str(out, "<div class=\"ops\" id=\"");
    story_anchor(out, "ops", phrase->seen, phrase->checker);
    buf_append_str(out, "\"><p>");
    html_text(out, result_text(example, "sentence"));
    link_to(out, "example", phrase, "drawn");
    buf_append_str(out, "<br><span class=\"soft\">runs/");
    html_text(out, run);
    buf_append_str(out, "/history.ndjson</span></p><pre>");
    rc = history_lines(out, path, json_object_get(example, "ops"), err);
    buf_append_str(out, "</pre></div>\n");
    return rc;
}

static int cell_operations(struct buf *out, const struct report *r, const struct cell *cell,
                           struct errctx *err)
{
    for (unsigned i = 0; i < cell->n_phrases; i++) {
        const json_t *example = example_of(&cell->phrase[i]);
        int rc = 0;

        if (json_array_size(json_object_get(example, "ops")) > 0)
            rc = operations(out, r, &cell->phrase[i], example, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int section_operations(struct buf *out, const struct report *r, struct errctx *err)
{
    size_t before;

    buf_append_str(out, "<section><h2>The operations behind the sentences</h2><p>As the clients "
                        "recorded them: times are microseconds of the machine's clock.</p>\n");
    before = out->size;
    for (unsigned v = 0; v < r->variants.n; v++) {
        for (unsigned s = 0; s < r->schedules.n; s++) {
            struct cell cell;
            int rc;

            cell_fill(r->results, r->variants.name[v], r->schedules.name[s], &cell);
            rc = cell_operations(out, r, &cell, err);
            if (rc < 0)
                return rc;
        }
    }
    if (out->size == before)
        buf_append_str(out, "<p>No sentence, no operations.</p>");
    buf_append_str(out, "</section>\n");
    return 0;
}
