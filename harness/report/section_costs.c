/* What it cost, and how it was set up: the numbers of results.json as tables. */
#include "base/file.h"
#include "harness/report/html.h"
#include "harness/report/sections.h"
#include "harness/results/result.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum unit { UNIT_COUNT, UNIT_MS, UNIT_S, UNIT_RATE };

struct column {
    const char *title;
    const char *path;
    enum unit unit;
};

static const struct column latency_columns[] = {
    {"p50", "latency_ms.ack.p50", UNIT_MS},
    {"p90", "latency_ms.ack.p90", UNIT_MS},
    {"p99", "latency_ms.ack.p99", UNIT_MS},
    {"p99.9", "latency_ms.ack.p999", UNIT_MS},
    {"max", "latency_ms.ack.max", UNIT_MS},
    {"service p50", "latency_ms.service.p50", UNIT_MS},
    {"service p99", "latency_ms.service.p99", UNIT_MS},
};

static const struct column answer_columns[] = {
    {"ok", "ops.ok", UNIT_COUNT},
    {"ok, decided only", "ops.ok_decided", UNIT_COUNT},
    {"failed", "ops.fail", UNIT_COUNT},
    {"unknown", "ops.info", UNIT_COUNT},
    {"… happened", "ops.info_happened", UNIT_COUNT},
    {"… did not", "ops.info_did_not", UNIT_COUNT},
    {"ok per second", "ok_per_s", UNIT_RATE},
};

static const struct column waiting_columns[] = {
    {"longest gap", "longest_gap_s", UNIT_S},
    {"longest in doubt", "in_doubt_s", UNIT_S},
    {"in doubt, txn·s", "in_doubt_txn_s", UNIT_RATE},
    {"sessions waiting", "waiters_max", UNIT_COUNT},
    {"sink lag, records", "sink_lag_max", UNIT_COUNT},
    {"settled after", "settle_s", UNIT_S},
};

#define N_LATENCY (sizeof latency_columns / sizeof latency_columns[0])
#define N_ANSWER  (sizeof answer_columns / sizeof answer_columns[0])
#define N_WAITING (sizeof waiting_columns / sizeof waiting_columns[0])

static void number_cell(struct buf *out, const json_t *run, const struct column *column)
{
    double value;

    buf_append_str(out, "<td class=\"num\">");
    if (!result_number(run, column->path, &value)) {
        buf_append_str(out, "<span class=\"soft\" title=\"not measured\">–</span></td>");
        return;
    }
    switch (column->unit) {
    case UNIT_COUNT:
        html_count(out, (long long)value);
        break;
    case UNIT_MS:
        html_ms(out, value);
        break;
    case UNIT_S:
        html_ms(out, value * 1000);
        break;
    case UNIT_RATE:
        buf_printf(out, "%.*f", value >= 100 ? 0 : 1, value);
        break;
    }
    buf_append_str(out, "</td>");
}

static void row(struct buf *out, const json_t *run, const struct column *columns, size_t n)
{
    buf_append_str(out, "<tr><th scope=\"row\">");
    report_variant(out, run);
    buf_append_str(out, "</th><td>");
    report_schedule(out, result_text(run, "schedule"));
    buf_append_str(out, "</td>");
    for (size_t i = 0; i < n; i++)
        number_cell(out, run, &columns[i]);
    buf_append_str(out, "</tr>\n");
}

/* The rows of all cells whose approach acknowledges at `level`; LEVELS: of all. */
static void table(struct buf *out, const struct report *r, enum level level,
                  const struct column *columns, size_t n)
{
    buf_append_str(out, "<div class=\"scroll\"><table class=\"costs\"><thead><tr><th></th>"
                        "<th>fault</th>");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "<th class=\"num\">%s</th>", columns[i].title);
    buf_append_str(out, "</tr></thead><tbody>\n");
    for (unsigned a = 0; a < r->variants.n; a++) {
        if (level != LEVELS && report_level(report_any_run(r, r->variants.name[a])) != level)
            continue;
        for (unsigned s = 0; s < r->schedules.n; s++) {
            const json_t *run = report_run(r, r->variants.name[a], r->schedules.name[s]);

            if (run)
                row(out, run, columns, n);
        }
    }
    buf_append_str(out, "</tbody></table></div>\n");
}

static bool any_at(const struct report *r, enum level level)
{
    for (unsigned a = 0; a < r->variants.n; a++) {
        if (report_level(report_any_run(r, r->variants.name[a])) == level)
            return true;
    }
    return false;
}

void section_costs(struct buf *out, const struct report *r)
{
    static const struct {
        enum level level;
        const char *title;
    } levels[] = {
        {LEVEL_EVERYWHERE, "Acknowledged when every store has it"},
        {LEVEL_FIRST, "Acknowledged when the first store has it"},
        {LEVEL_DECIDED, "Acknowledged when the decision is durable"},
        {LEVEL_LOGGED, "Acknowledged when the log has it"},
        {LEVEL_NONE, "Acknowledged, and nothing meant by it"},
    };

    buf_append_str(out,
                   "<section><h2>What it cost</h2><p>Latency of acknowledged writes, from the "
                   "planned time; <em>service</em> counts from the sending. One table a level: "
                   "an answer that means less is no faster answer to the same question.</p>");
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (!any_at(r, levels[i].level))
            continue;
        buf_printf(out, "<h3>%s</h3>", levels[i].title);
        table(out, r, levels[i].level, latency_columns, N_LATENCY);
    }
    buf_append_str(out, "<h3>What clients were told</h3>");
    table(out, r, LEVELS, answer_columns, N_ANSWER);
    buf_append_str(out, "<h3>Gaps, waiting and catching up</h3>");
    table(out, r, LEVELS, waiting_columns, N_WAITING);
    buf_append_str(out, "</section>\n");
}

/* --- setup ----------------------------------------------------------------------------------- */

static void value_text(struct buf *out, const json_t *value)
{
    char *text;

    if (json_is_string(value)) {
        html_text(out, json_string_value(value));
        return;
    }
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
    html_text(out, text ? text : "");
    free(text);
}

static void pairs_of(struct buf *out, const json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)object, name, value) {
        buf_append_str(out, "<dt>");
        html_text(out, name);
        buf_append_str(out, "</dt><dd>");
        value_text(out, value);
        buf_append_str(out, "</dd>");
    }
}

static void exposure_rows(struct buf *out, const struct report *r)
{
    size_t i;
    json_t *run;

    json_array_foreach (r->runs, i, run) {
        json_t *exposure = json_object_get(run, "exposure");

        if (json_object_size(exposure) == 0 && json_array_size(exposure) == 0)
            continue;
        buf_append_str(out, "<dt>");
        html_text(out, result_text(run, "run"));
        buf_append_str(out, "</dt><dd class=\"mono\">");
        value_text(out, exposure);
        buf_append_str(out, "</dd>");
    }
}

/* The experiment as its author wrote it says more than any table of it. */
static void experiment_file(struct buf *out, const struct report *r)
{
    char path[PATH_MAX];
    struct buf text = {0};

    if (snprintf(path, sizeof path, "%s/experiment.yaml", r->dir) >= (int)sizeof path)
        return;
    if (file_read(path, &text, NULL) == 0) {
        buf_append_str(out, "<pre>");
        html_text(out, buf_str(&text));
        buf_append_str(out, "</pre>");
    }
    buf_done(&text);
}

void section_setup(struct buf *out, const struct report *r)
{
    static const char *const groups[] = {"machine", "versions"};

    buf_append_str(out, "<section><h2>How it was set up</h2>");
    experiment_file(out, r);
    buf_append_str(out, "<dl class=\"setup\">");
    buf_append_str(out, "<dt>syncbed</dt><dd>");
    html_text(out, result_text(r->results, "syncbed"));
    buf_append_str(out, ", commit ");
    html_text(out, result_text(r->results, "commit"));
    buf_append_str(out, "</dd>");
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        pairs_of(out, json_object_get(r->results, groups[i]));
    buf_append_str(out, "</dl><h3>How many transactions stood where when a fault hit</h3>"
                        "<dl class=\"setup\">");
    exposure_rows(out, r);
    buf_append_str(out,
                   "</dl></section>\n<footer>Everything on this page can be recomputed from the "
                   "files beside it: <code>syncbed check DIR</code>, <code>syncbed report "
                   "DIR</code>.</footer>\n");
}
