/* The page as a whole: reads results.json, puts the sections together, writes the file. */
#include "harness/report/report.h"

#include "approaches/approach.h"
#include "harness/report/html.h"
#include "harness/report/sections.h"
#include "harness/report/story.h"
#include "harness/results/results.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern const char report_page_css[]; /* page.css */

const json_t *report_cell(const struct report *r, const char *approach, const char *schedule,
                          unsigned *ret_n)
{
    const json_t *worst = NULL;
    size_t i;
    json_t *run;

    *ret_n = 0;
    json_array_foreach (r->runs, i, run) {
        if (strcmp(story_text(run, "approach"), approach) != 0 ||
            strcmp(story_text(run, "schedule"), schedule) != 0)
            continue;
        ++*ret_n;
        if (!worst || story_mark_of(run) > story_mark_of(worst))
            worst = run;
    }
    return worst;
}

static void add_once(const char **list, unsigned *n, const char *name)
{
    for (unsigned i = 0; i < *n; i++) {
        if (strcmp(list[i], name) == 0)
            return;
    }
    if (*n < REPORT_AXIS_MAX)
        list[(*n)++] = name;
}

/* Approaches in the order of their table, whatever the shuffled order of the runs was. */
static void find_axes(struct report *r)
{
    size_t i;
    json_t *run, *name;

    for (unsigned a = 0; a < approach_count(); a++) {
        json_array_foreach (r->runs, i, run) {
            if (strcmp(story_text(run, "approach"), approach_at(a)->name) == 0)
                add_once(r->approach, &r->n_approaches, approach_at(a)->name);
        }
    }
    json_array_foreach (json_object_get(r->results, "schedules"), i, name)
        add_once(r->schedule, &r->n_schedules, json_string_value(name));
    json_array_foreach (r->runs, i, run) {
        add_once(r->approach, &r->n_approaches, story_text(run, "approach"));
        add_once(r->schedule, &r->n_schedules, story_text(run, "schedule"));
    }
}

static int append_page(struct buf *page, const struct report *r, struct errctx *err)
{
    int rc;

    buf_append_str(page, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width, "
                         "initial-scale=1\">\n<title>");
    html_text(page, story_text(r->results, "experiment"));
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

static int write_whole(const char *dir, const struct buf *page, struct errctx *err)
{
    char final[PATH_MAX], draft[PATH_MAX];
    FILE *file;
    bool good;

    if (snprintf(final, sizeof final, "%s/report.html", dir) >= (int)sizeof final ||
        snprintf(draft, sizeof draft, "%s/.report.html", dir) >= (int)sizeof draft)
        return err_set(err, ENAMETOOLONG, ERR_ABORT, "%s: the path is too long", dir);
    file = fopen(draft, "we");
    if (!file)
        return err_set(err, errno, ERR_ABORT, "%s: %s", draft, strerror(errno));
    good = fwrite(page->data, 1, page->size, file) == page->size;
    good = fclose(file) == 0 && good;
    if (good && rename(draft, final) == 0)
        return 0;
    (void)unlink(draft); /* the complaint is about the write */
    return err_set(err, errno ? errno : EIO, ERR_ABORT, "%s: %s", final,
                   errno ? strerror(errno) : "cannot be written");
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
    find_axes(&r);
    rc = append_page(&page, &r, err);
    if (rc == 0)
        rc = write_whole(out_dir, &page, err);
    buf_done(&page);
    json_decref(results);
    return rc;
}
