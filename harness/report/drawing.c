/* A space-time drawing of an anomaly: see the header. */
#include "harness/report/drawing.h"

#include "harness/report/html.h"
#include "harness/results/result.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WIDTH     640
#define LEFT      150 /* where time, or the journal, begins */
#define ROW       30
#define BOX       138
#define OPS_MAX   4
#define MARKS_MAX 16

struct span {
    double from_s;
    double to_s; /* of the latest end */
};

/* "invoked_s" … "ended_s" of all operations; an operation without an end lasts as long as any. */
static struct span span_of(const json_t *ops)
{
    struct span span = {.from_s = 0, .to_s = 0};
    size_t i;
    json_t *op;

    json_array_foreach (ops, i, op) {
        double at;

        if (result_number(op, "invoked_s", &at)) {
            span.from_s = i == 0 || at < span.from_s ? at : span.from_s;
            span.to_s = at > span.to_s ? at : span.to_s;
        }
        if (result_number(op, "ended_s", &at) && at > span.to_s)
            span.to_s = at;
    }
    if (span.to_s <= span.from_s)
        span.to_s = span.from_s + 0.001;
    return span;
}

static double x_of(const struct span *span, double at_s)
{
    return LEFT + (at_s - span->from_s) / (span->to_s - span->from_s) * (WIDTH - LEFT - 80);
}

static const char *end_words(const json_t *op)
{
    const char *end = result_text(op, "end");

    return strcmp(end, "info") == 0 ? "unknown" : end;
}

static void draw_op(struct buf *out, const json_t *op, const struct span *span, unsigned y)
{
    double from = span->from_s, to = span->to_s;
    bool ended;

    (void)result_number(op, "invoked_s", &from); /* missing: it stays at the left edge */
    ended = result_number(op, "ended_s", &to);
    buf_printf(out, "<text x=\"0\" y=\"%u\">", y + 5);
    html_text(out, result_text(op, "request"));
    buf_append_str(out, " → ");
    html_text(out, result_text(op, "server"));
    buf_printf(out,
               "</text><line x1=\"%.1f\" x2=\"%.1f\" y1=\"%u\" y2=\"%u\" stroke=\"var(--soft)\" "
               "stroke-width=\"4\"%s/>",
               x_of(span, from), x_of(span, to) + 2, y, y,
               ended ? "" : " stroke-dasharray=\"5 4\"");
    buf_printf(out, "<text x=\"%.1f\" y=\"%u\" class=\"end\">", x_of(span, to) + 10, y + 5);
    html_text(out, ended ? end_words(op) : "no answer");
    buf_append_str(out, "</text>");
}

static double n_of(const json_t *mark)
{
    double n = 0;

    (void)result_number(mark, "n", &n); /* null: 0, not in the journal */
    return n;
}

/* The marks of `store` in the order of their journal; those it lacks come last. */
static size_t marks_of(const json_t *marks, const char *store, const json_t *ret[MARKS_MAX])
{
    size_t n = 0, i;
    json_t *mark;

    json_array_foreach (marks, i, mark) {
        size_t at = n;

        if (strcmp(result_text(mark, "store"), store) != 0 || n == MARKS_MAX)
            continue;
        for (;
             at > 0 && n_of(mark) > 0 && (n_of(ret[at - 1]) == 0 || n_of(ret[at - 1]) > n_of(mark));
             at--)
            ret[at] = ret[at - 1];
        ret[at] = mark;
        n++;
    }
    return n;
}

static void draw_box(struct buf *out, const json_t *mark, size_t place, unsigned y)
{
    double n = n_of(mark);
    unsigned x = LEFT + (unsigned)place * (BOX + 14);

    buf_printf(out,
               "<rect x=\"%u\" y=\"%u\" width=\"%d\" height=\"22\" rx=\"3\" fill=\"none\" "
               "stroke=\"%s\"%s/><text x=\"%u\" y=\"%u\" class=\"%s\">",
               x, y - 11, BOX, n > 0 ? "currentColor" : "var(--c-bad)",
               n > 0 ? "" : " stroke-dasharray=\"4 3\"", x + 7, y + 5, n > 0 ? "in" : "out");
    html_text(out, result_text(mark, "request"));
    if (n > 0)
        buf_printf(out, " · %.0f</text>", n);
    else
        buf_append_str(out, " missing</text>");
}

static void draw_journal(struct buf *out, const json_t *marks, const char *store, unsigned y)
{
    const json_t *mark[MARKS_MAX];
    size_t n = marks_of(marks, store, mark);

    buf_printf(out, "<text x=\"0\" y=\"%u\">journal of ", y + 5);
    html_text(out, store);
    buf_append_str(out, "</text>");
    for (size_t i = 0; i < n && i < 4; i++)
        draw_box(out, mark[i], i, y);
}

/* Is this the first mark of its store? */
static bool leads(const json_t *marks, size_t i)
{
    const char *store = result_text(json_array_get(marks, i), "store");

    for (size_t before = 0; before < i; before++) {
        if (strcmp(result_text(json_array_get(marks, before), "store"), store) == 0)
            return false;
    }
    return true;
}

void drawing_of(struct buf *out, const char *id, const json_t *example)
{
    const json_t *ops = json_object_get(example, "ops");
    const json_t *marks = json_object_get(example, "journals");
    struct span span = span_of(ops);
    unsigned y = ROW / 2, rows = 0;
    size_t i;
    json_t *item;

    for (i = 0; i < json_array_size(marks); i++)
        rows += leads(marks, i);
    rows += (unsigned)json_array_size(ops);
    if (rows == 0)
        return;
    buf_printf(out,
               "<svg id=\"%s\" class=\"drawing\" role=\"img\" aria-label=\"The anomaly drawn\" "
               "viewBox=\"0 0 %d %u\">",
               id, WIDTH, rows * ROW + 6);
    json_array_foreach (ops, i, item) {
        draw_op(out, item, &span, y);
        y += ROW;
    }
    for (i = 0; i < json_array_size(marks); i++) {
        if (!leads(marks, i))
            continue;
        draw_journal(out, marks, result_text(json_array_get(marks, i), "store"), y);
        y += ROW;
    }
    buf_append_str(out, "</svg>");
}
