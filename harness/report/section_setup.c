/* How it was set up: the experiment as given, the machine, versions. */
#include "base/file.h"
#include "harness/report/html.h"
#include "harness/report/sections.h"
#include "harness/results/result.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

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

/* From the first run's begin to the last one's end. */
static void load_average(struct buf *out, const struct report *r)
{
    static const char *const ends[] = {"load_average.begin", "load_average.end"};
    double load, least = INFINITY, most = 0;
    json_t *run;
    size_t i;

    json_array_foreach (r->runs, i, run) {
        for (unsigned end = 0; end < 2; end++) {
            if (!result_number(run, ends[end], &load))
                continue;
            least = load < least ? load : least;
            most = load > most ? load : most;
        }
    }
    if (least <= most)
        buf_printf(out,
                   "<dt>load average</dt><dd>%.1f to %.1f at the begin and end of runs, with what "
                   "syncbed itself does</dd>",
                   least, most);
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
    load_average(out, r);
    buf_append_str(out, "</dl></section>\n");
}
