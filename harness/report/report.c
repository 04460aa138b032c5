/* The page as a whole: reads results.json, puts the sections together, writes the file. */
#include "harness/report/report.h"

#include "base/file.h"
#include "harness/report/html.h"
#include "harness/report/sections.h"
#include "harness/results/cell.h"
#include "harness/results/result.h"
#include "harness/results/results.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

extern const char report_page_css[]; /* page.css */

const json_t *report_run(const struct report *r, const char *variant, const char *schedule)
{
    struct cell cell;

    cell_fill(r->results, variant, schedule, &cell);
    return cell.worst;
}

const json_t *report_any_run(const struct report *r, const char *variant)
{
    json_t *run;
    size_t i;

    json_array_foreach (r->runs, i, run) {
        if (strcmp(result_variant(run), variant) == 0)
            return run;
    }
    return NULL;
}

enum level report_level(const json_t *run)
{
    enum level level;

    return level_find(result_text(run, "level"), &level) ? level : LEVEL_NONE;
}

void report_variant(struct buf *out, const json_t *run)
{
    const char *variant = result_variant(run);
    size_t name = strcspn(variant, " ");
    struct buf first = {0};

    buf_append(&first, variant, name);
    buf_append_str(out, "<span class=\"approach ");
    html_id(out, buf_str(&first));
    buf_append_str(out, "\">");
    html_text(out, buf_str(&first));
    buf_append_str(out, "</span>");
    if (variant[name]) {
        buf_append_str(out, " <span class=\"settings\">");
        html_text(out, variant + name + 1);
        buf_append_str(out, "</span>");
    }
    buf_done(&first);
}

void report_loop(struct buf *out, const json_t *run)
{
    const json_t *workload = json_object_get(json_object_get(run, "config"), "workload");
    double clients;

    if (strcmp(result_text(workload, "arrivals"), "closed") != 0)
        return;
    buf_append_str(out, " · closed loop");
    if (result_number(workload, "clients", &clients))
        buf_printf(out, ", %.0f clients", clients);
}

void report_schedule(struct buf *out, const char *schedule)
{
    if (strcmp(schedule, "none") == 0) {
        buf_append_str(out, "no fault");
        return;
    }
    for (; *schedule; schedule++) {
        char text[2] = {*schedule == '_' ? ' ' : *schedule, '\0'};

        html_text(out, text);
    }
}

static int append_page(struct buf *page, const struct report *r, struct errctx *err)
{
    int rc;

    buf_append_str(page, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width, "
                         "initial-scale=1\">\n<title>");
    html_text(page, result_text(r->results, "experiment"));
    buf_printf(page, " – syncbed</title>\n<style>\n%s</style>\n</head>\n<body>\n", report_page_css);
    section_head(page, r);
    section_verdicts(page, r);
    rc = section_figures(page, r, err);
    if (rc < 0)
        return rc;
    section_examples(page, r);
    section_costs(page, r);
    section_matrix(page, r);
    section_fairness(page, r);
    section_faults(page, r);
    section_setup(page, r);
    rc = section_operations(page, r, err);
    if (rc < 0)
        return rc;
    buf_append_str(page,
                   "<footer>Everything on this page can be recomputed from the files beside it: "
                   "<code>syncbed check DIR</code>, <code>syncbed report DIR</code>.</footer>\n");
    buf_append_str(page, "</body>\n</html>\n");
    return 0;
}

static int write_page(const char *dir, const struct buf *page, struct errctx *err)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/report.html", dir) >= (int)sizeof path)
        return err_set(err, ENAMETOOLONG, ERR_ABORT, "%s: the path is too long", dir);
    return file_replace(path, page, err);
}

int report_write(const char *out_dir, struct errctx *err)
{
    struct report r = {.dir = out_dir};
    struct buf page = {0};
    json_t *results;
    int rc;

    rc = results_read(out_dir, &results, err);
    if (rc < 0)
        return rc;
    r.results = results;
    r.runs = json_object_get(results, "runs");
    axis_variants(results, &r.variants);
    axis_schedules(results, &r.schedules);
    rc = append_page(&page, &r, err);
    if (rc == 0)
        rc = write_page(out_dir, &page, err);
    buf_done(&page);
    json_decref(results);
    return rc;
}
