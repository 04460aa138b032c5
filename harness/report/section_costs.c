/*
 * What it cost: numbers of results.json as tables, a row a cell, each number the median over the
 * cell's runs with its interval (results/estimate.h). Latencies stand in a table for each level,
 * and one found by the prober never beside one that an approach told its client.
 */
#include "harness/report/html.h"
#include "harness/report/sections.h"
#include "harness/results/cell.h"
#include "harness/results/result.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum unit { UNIT_COUNT, UNIT_MS, UNIT_S, UNIT_RATE };

struct column {
    const char *title;
    const char *path; /* in a run, behind the table's base */
    enum unit unit;
};

#define COLUMNS(array) (array), sizeof(array) / sizeof *(array)
#define PATH_SIZE      96

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
    {"keys held", "keys_held", UNIT_COUNT},
    {"sessions waiting", "waiters_max", UNIT_COUNT},
    {"clients waiting", "clients_waiting_max", UNIT_COUNT},
    {"sink lag, records", "sink_lag_max", UNIT_COUNT},
    {"settled after", "settle_s", UNIT_S},
};

static const struct column ack_columns[] = {
    {"writes", "ack.n", UNIT_COUNT},
    {"p50", "ack.p50", UNIT_MS},
    {"p90", "ack.p90", UNIT_MS},
    {"p99", "ack.p99", UNIT_MS},
    {"p99.9", "ack.p999", UNIT_MS},
    {"max", "ack.max", UNIT_MS},
    {"service p50", "service.p50", UNIT_MS},
    {"service p99", "service.p99", UNIT_MS},
};

static const struct column decided_columns[] = {
    {"writes", "decided.n", UNIT_COUNT}, {"p50", "decided.p50", UNIT_MS},
    {"p90", "decided.p90", UNIT_MS},     {"p99", "decided.p99", UNIT_MS},
    {"max", "decided.max", UNIT_MS},
};

static const struct column stale_columns[] = {
    {"reads judged", "staleness_ms.n", UNIT_COUNT}, {"stale", "staleness_ms.stale", UNIT_COUNT},
    {"p50", "staleness_ms.p50", UNIT_MS},           {"p99", "staleness_ms.p99", UNIT_MS},
    {"max", "staleness_ms.max", UNIT_MS},
};

/* A probe is seen between two polls: `low` counts to the last one that missed it. */
static const struct column probe_columns[] = {
    {"probes", "n", UNIT_COUNT},
    {"never seen", "unseen", UNIT_COUNT},
    {"p50", "p50", UNIT_MS},
    {"… at least", "low.p50", UNIT_MS},
    {"p90", "p90", UNIT_MS},
    {"p99", "p99", UNIT_MS},
    {"… at least", "low.p99", UNIT_MS},
    {"max", "max", UNIT_MS},
};

/* --- cells of a table ------------------------------------------------------------------------- */

static void value(struct buf *out, double x, enum unit unit)
{
    switch (unit) {
    case UNIT_COUNT:
        html_count(out, (long long)(x + 0.5));
        break;
    case UNIT_MS:
        html_ms(out, x);
        break;
    case UNIT_S:
        html_ms(out, x * 1000);
        break;
    case UNIT_RATE:
        buf_printf(out, "%.*f", x >= 100 ? 0 : 1, x);
        break;
    }
}

/* Is there an `n` beside it, above 0? "latency_ms.first.low.p99" belongs to "latency_ms.first.n".
 */
static bool has_values(const json_t *runs, const char *path)
{
    char parent[PATH_SIZE];
    char *dot;

    (void)snprintf(parent, sizeof parent, "%s", path);
    while ((dot = strrchr(parent, '.'))) {
        struct estimate e;

        (void)snprintf(dot, sizeof parent - (size_t)(dot - parent), ".n");
        estimate_of(runs, parent, &e);
        if (e.n > 0 && e.median > 0)
            return true;
        *dot = '\0';
    }
    return false;
}

static void number_cell(struct buf *out, const json_t *runs, const char *path, enum unit unit)
{
    struct estimate e;

    estimate_of(runs, path, &e);
    buf_append_str(out, "<td class=\"num\">");
    if (e.n == 0 && has_values(runs, path)) {
        buf_append_str(out, "<span class=\"soft\" title=\"a p99 takes 100 values, a p99.9 "
                            "1000\">too few</span></td>");
        return;
    }
    if (e.n == 0) {
        buf_append_str(out, "<span class=\"soft\" title=\"not measured\">–</span></td>");
        return;
    }
    value(out, e.median, unit);
    if (e.low < e.high) {
        buf_append_str(out, "<br><span class=\"interval\">");
        value(out, e.low, unit);
        buf_append_str(out, " … ");
        value(out, e.high, unit);
        buf_append_str(out, "</span>");
    }
    if (e.n < json_array_size(runs)) /* the others had too few values, as the worst may have */
        buf_printf(out, "<br><span class=\"soft\">in %u of %zu runs</span>", e.n,
                   json_array_size(runs));
    buf_append_str(out, "</td>");
}

static void head(struct buf *out, const struct column *column, size_t n)
{
    buf_append_str(out, "<div class=\"scroll\"><table class=\"costs\"><thead><tr><th></th>"
                        "<th>fault</th><th class=\"num\">runs</th>");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "<th class=\"num\">%s</th>", column[i].title);
    buf_append_str(out, "</tr></thead><tbody>\n");
}

/* `base`: what the paths of the columns begin with. */
static void row(struct buf *out, const json_t *runs, const char *base, const struct column *column,
                size_t n)
{
    const json_t *run = json_array_get(runs, 0);

    buf_append_str(out, "<tr><th scope=\"row\">");
    report_variant(out, run);
    buf_append_str(out, "</th><td>");
    report_schedule(out, result_text(run, "schedule"));
    buf_printf(out, "</td><td class=\"num\">%zu</td>", json_array_size(runs));
    for (size_t i = 0; i < n; i++) {
        char path[PATH_SIZE];

        (void)snprintf(path, sizeof path, "%s%s", base, column[i].path);
        number_cell(out, runs, path, column[i].unit);
    }
    buf_append_str(out, "</tr>\n");
}

/* --- tables ----------------------------------------------------------------------------------- */

/* The rows of all cells that have one of the numbers. */
struct table {
    const struct report *r;
    enum level native; /* only approaches of that level; LEVELS: of any */
    const char *base;  /* what the paths of the columns begin with, "" or with a dot at its end */
    const struct column *column;
    size_t n_columns;
};

/* The first column says how many were measured: without it a row says nothing. */
static bool is_in(const struct table *t, const json_t *runs)
{
    const json_t *run = json_array_get(runs, 0);
    char path[PATH_SIZE];
    struct estimate e;

    if (!run || (t->native != LEVELS && report_level(run) != t->native))
        return false;
    (void)snprintf(path, sizeof path, "%s%s", t->base, t->column[0].path);
    estimate_of(runs, path, &e);
    return e.n > 0;
}

static void rows(struct buf *out, const struct table *t)
{
    for (unsigned v = 0; v < t->r->variants.n; v++) {
        for (unsigned s = 0; s < t->r->schedules.n; s++) {
            json_t *runs =
                cell_runs(t->r->results, t->r->variants.name[v], t->r->schedules.name[s]);

            if (is_in(t, runs))
                row(out, runs, t->base, t->column, t->n_columns);
            json_decref(runs);
        }
    }
}

/* With its title, if it has any rows. */
static void table(struct buf *out, const struct table *t, const char *title)
{
    struct buf body = {0};

    rows(&body, t);
    if (body.size > 0) {
        buf_append_str(out, title);
        head(out, t->column, t->n_columns);
        buf_append(out, body.data, body.size);
        buf_append_str(out, "</tbody></table></div>\n");
    }
    buf_done(&body);
}

static void probe_table(struct buf *out, const struct report *r, const char *which,
                        const char *title)
{
    char base[PATH_SIZE];
    const struct table t = {r, LEVELS, base, COLUMNS(probe_columns)};

    (void)snprintf(base, sizeof base, "latency_ms.%s.", which);
    table(out, &t, title);
}

/* --- levels ----------------------------------------------------------------------------------- */

/* The names of the stores, from the first run that found anything visible. */
static const json_t *visible_stores(const struct report *r)
{
    json_t *run;
    size_t i;

    json_array_foreach (r->runs, i, run) {
        const json_t *visible = json_object_get(json_object_get(run, "latency_ms"), "visible");

        if (json_object_size(visible) > 0)
            return visible;
    }
    return NULL;
}

static void visible_tables(struct buf *out, const struct report *r)
{
    const char *store;
    json_t *unused;

    json_object_foreach ((json_t *)(uintptr_t)visible_stores(r), store, unused) {
        char which[PATH_SIZE - 16], title[PATH_SIZE * 2];

        (void)unused;
        (void)snprintf(which, sizeof which, "visible.%.64s", store);
        (void)snprintf(title, sizeof title, "<p class=\"by\">to reach %.64s, by probe</p>", store);
        probe_table(out, r, which, title);
    }
}

/* A level with no numbers of its own leaves no trace. */
static void level(struct buf *out, const struct report *r, enum level level)
{
    static const struct {
        const char *means;
        const char *probed; /* the probes' name of it, or NULL */
    } info[LEVELS] = {
        [LEVEL_NONE] = {"acknowledged, and nothing meant by it", NULL},
        [LEVEL_LOGGED] = {"the log has it", NULL},
        [LEVEL_DECIDED] = {"it is durable and will happen", NULL},
        [LEVEL_FIRST] = {"readable at the first store", "first"},
        [LEVEL_EVERYWHERE] = {"readable at every store", "everywhere"},
    };
    const struct table acks = {r, level, "latency_ms.", COLUMNS(ack_columns)};
    const struct table decided = {r, LEVELS, "latency_ms.", COLUMNS(decided_columns)};
    struct buf tables = {0};

    table(&tables, &acks,
          "<p class=\"by\">until the client was told so; <em>service</em> counts "
          "from the sending</p>");
    if (level == LEVEL_DECIDED)
        table(&tables, &decided,
              "<p class=\"by\">until the client was told so, where the approach "
              "means more if it can</p>");
    if (info[level].probed)
        probe_table(&tables, r, info[level].probed,
                    "<p class=\"by\">until it was so, by probe: every approach</p>");
    if (level == LEVEL_EVERYWHERE)
        visible_tables(&tables, r);
    if (tables.size > 0)
        buf_printf(out, "<h3>%s <span class=\"soft\">%s</span></h3>%s", level_name(level),
                   info[level].means, buf_str(&tables));
    buf_done(&tables);
}

static void plain_table(struct buf *out, const struct report *r, const char *title,
                        const struct column *column, size_t n)
{
    const struct table t = {r, LEVELS, "", column, n};

    table(out, &t, title);
}

void section_costs(struct buf *out, const struct report *r)
{
    buf_append_str(out,
                   "<section><h2>What it cost</h2><p>Latency of writes from their planned time, by "
                   "<em>level</em>: what is known once that time has passed. An answer that means "
                   "less is no faster answer to the same question, so no table mixes levels. ");
    buf_append_str(out, estimate_words(cell_runs_most(r->results)));
    buf_append_str(out, "</p>");
    for (int at = LEVELS - 1; at >= LEVEL_NONE; at--)
        level(out, r, (enum level)at);
    plain_table(out, r, "<h3>What clients were told</h3>", COLUMNS(answer_columns));
    plain_table(out, r, "<h3>Gaps, waiting and catching up</h3>", COLUMNS(waiting_columns));
    plain_table(out, r,
                "<h3>How old a read was <span class=\"soft\">at least: a newer write had been "
                "acknowledged so long before it</span></h3>",
                COLUMNS(stale_columns));
    buf_append_str(out, "</section>\n");
}
