/*
 * The fairness card (docs/design.md): what was the same for all variants, and where they differ.
 * From the configuration that each run recorded; what a run did not record is not shown.
 */
#include "approaches/approach.h"
#include "harness/report/html.h"
#include "harness/report/sections.h"
#include "harness/results/result.h"

#include <stdint.h>
#include <string.h>

/* --- what is the same ------------------------------------------------------------------------- */

static const json_t *config_of(const struct report *r)
{
    return json_object_get(json_array_get(r->runs, 0), "config");
}

/* A number or a text at a dotted path; false when it is not there. */
static bool scalar(struct buf *out, const json_t *config, const char *path)
{
    const char *dot = strchr(path, '.');
    const json_t *value;
    double number;

    if (result_number(config, path, &number)) {
        buf_printf(out, "%g", number);
        return true;
    }
    value = dot ? json_object_get(json_object_get(config, "workload"), dot + 1)
                : json_object_get(config, path);
    if (!json_is_string(value))
        return false;
    html_text(out, json_string_value(value));
    return true;
}

struct fact {
    const char *title;
    const char *before;
    const char *path;
    const char *after;
};

static void fact(struct buf *out, const json_t *config, const struct fact *fact)
{
    struct buf value = {0};

    if (scalar(&value, config, fact->path))
        buf_printf(out, "<dt>%s</dt><dd>%s%s%s</dd>", fact->title, fact->before, buf_str(&value),
                   fact->after);
    buf_done(&value);
}

static void points(struct buf *out, const json_t *list)
{
    json_t *point;
    size_t i;

    json_array_foreach (list, i, point) {
        double at, rate;

        if (result_number(point, "at_s", &at) && result_number(point, "rate_per_s", &rate))
            buf_printf(out, "%s%g/s from %g s", i ? ", " : "", rate, at);
    }
}

static void rates(struct buf *out, const json_t *workload)
{
    const json_t *steps = json_object_get(workload, "steps"),
                 *ramp = json_object_get(workload, "ramp");
    double rate, duration, think;

    buf_append_str(out, "<dt>arrivals</dt><dd>");
    html_text(out, result_text(workload, "arrivals"));
    if (result_number(workload, "rate_per_s", &rate))
        buf_printf(out, ", %g/s", rate);
    if (steps || ramp) {
        buf_append_str(out, steps ? ", in steps: " : ", on a ramp: ");
        points(out, steps ? steps : ramp);
    }
    if (result_number(workload, "think_ms", &think))
        buf_printf(out, ", %g ms between operations", think);
    if (result_number(workload, "duration_s", &duration))
        buf_printf(out, ", for %g s", duration);
    buf_append_str(out, "</dd>");
}

/* Open or closed loop is the first thing to know about a latency. */
static void load(struct buf *out, const json_t *config)
{
    const json_t *workload = json_object_get(config, "workload");
    bool closed = strcmp(result_text(workload, "arrivals"), "closed") == 0;

    buf_append_str(out, "<dt>load</dt><dd>");
    if (closed)
        buf_append_str(out, "closed loop: a client sends when its last operation has ended, so a "
                            "slow server is asked less");
    else
        buf_append_str(out, "open loop: arrivals are planned ahead, and waiting counts from the "
                            "planned time");
    buf_append_str(out, "</dd>");
    rates(out, workload);
}

static void retries(struct buf *out, const json_t *config)
{
    double n = 0;

    (void)result_number(config, "workload.retries", &n); /* older runs: there were none */
    buf_append_str(out, "<dt>retries</dt><dd>");
    if (n > 0)
        buf_printf(out,
                   "what ended unknown is sent up to %.0f times more, under the same request "
                   "id</dd>",
                   n);
    else
        buf_append_str(out, "none: what ended unknown stays so, and nothing is sent twice</dd>");
}

static void stores(struct buf *out, const json_t *config)
{
    json_t *store;
    size_t i;

    buf_append_str(out, "<dt>stores</dt><dd>");
    json_array_foreach (json_object_get(config, "stores"), i, store) {
        buf_append_str(out, i ? ", " : "");
        html_text(out, json_string_value(store));
    }
    buf_append_str(out, ": the same servers, emptied before each run</dd>");
}

static void same_for_all(struct buf *out, const struct report *r)
{
    static const struct fact facts[] = {
        {"clients", "", "workload.clients", ", spread evenly over the front doors"},
        {"keys", "", "workload.keys", ""},
        {"skew", "", "workload.skew", ""},
        {"deadline", "", "workload.deadline_ms", " ms from the planned time"},
        {"reads", "a share of ", "workload.read_share", ""},
        {"pairs", "a share of ", "workload.pairs",
         " are two writes of one key at the same instant, one through each front door"},
        {"front doors", "", "given.doors", ""},
        {"connections", "", "given.sessions", " a store and front door"},
        {"lock wait", "", "given.lock_timeout_ms", " ms at a store, then conflict"},
        {"log", "", "given.partitions",
         " partitions, where an approach uses one; one sink a store"},
        {"durability", "", "durability", ": fsync before every acknowledgement, at all servers"},
        {"profile", "", "profile", ""},
    };
    const json_t *config = config_of(r);

    buf_append_str(out, "<h3>The same for all</h3><dl class=\"setup\">");
    load(out, config);
    retries(out, config);
    stores(out, config);
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        fact(out, config, &facts[i]);
    buf_append_str(out, "<dt>order</dt><dd>shuffled by the first seed, so that no variant always "
                        "goes first</dd></dl>\n");
}

/* --- what differs ----------------------------------------------------------------------------- */

static void settings(struct buf *out, const json_t *run)
{
    const json_t *approach = json_object_get(json_object_get(run, "config"), "approach");
    const char *name, *before = "";
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)approach, name, value) {
        if (strcmp(name, "name") == 0 || !json_is_string(value))
            continue; /* what a program promises has a column of its own */
        buf_append_str(out, before);
        html_text(out, name);
        buf_append_str(out, ": ");
        html_text(out, json_string_value(value));
        before = ", ";
    }
    if (!*before)
        buf_append_str(out, "<span class=\"soft\">none</span>");
}

static void promises(struct buf *out, const json_t *run)
{
    const char *name, *before = "";
    json_t *verdict;

    json_object_foreach (json_object_get(run, "verdicts"), name, verdict) {
        if (!json_is_true(json_object_get(verdict, "promised")))
            continue;
        buf_append_str(out, before);
        html_text(out, name);
        if (*result_text(verdict, "condition")) {
            buf_append_str(out, " <span class=\"soft\">(");
            html_text(out, result_text(verdict, "condition"));
            buf_append_str(out, ")</span>");
        }
        before = ", ";
    }
    if (!*before)
        buf_append_str(out, "<span class=\"soft\">nothing</span>");
}

static void difference(struct buf *out, const json_t *run)
{
    const struct approach *row = approach_find(result_text(run, "approach"));

    buf_append_str(out, "<tr><th scope=\"row\">");
    report_variant(out, run);
    buf_append_str(out, "</th><td>");
    html_text(out, result_text(run, "level"));
    buf_append_str(out, "</td><td>");
    settings(out, run);
    buf_append_str(out, "</td><td>");
    html_text(out, row && row->batching ? row->batching : "its own affair");
    buf_append_str(out, "</td><td>");
    promises(out, run);
    buf_append_str(out, "</td></tr>\n");
}

void section_fairness(struct buf *out, const struct report *r)
{
    buf_append_str(out, "<section><h2>Is it fair?</h2>");
    same_for_all(out, r);
    buf_append_str(out, "<h3>What differs</h3><p>A ratio between two variants says something only "
                        "where they promise the same.</p><div class=\"scroll\"><table "
                        "class=\"costs\"><thead><tr><th></th><th>an ok means</th><th>settings</th>"
                        "<th>how work is put together</th><th>promises</th></tr></thead><tbody>\n");
    for (unsigned v = 0; v < r->variants.n; v++)
        difference(out, report_any_run(r, r->variants.name[v]));
    buf_append_str(out, "</tbody></table></div></section>\n");
}
