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

extern const char report_page_css[]; /* page.css */

const json_t *report_run(const struct report *r, const char *approach, const char *schedule)
{
    struct cell cell;

    cell_fill(r->results, approach, schedule, &cell);
    return cell.worst;
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
    section_sentences(page, r);
    section_costs(page, r);
    section_matrix(page, r);
    section_setup(page, r);
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
    axis_approaches(results, &r.approaches);
    axis_schedules(results, &r.schedules);
    rc = append_page(&page, &r, err);
    if (rc == 0)
        rc = write_page(out_dir, &page, err);
    buf_done(&page);
    json_decref(results);
    return rc;
}
