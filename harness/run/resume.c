/* What of an interrupted experiment is there already: see the header. */
#include "harness/run/resume.h"

#include "base/file.h"
#include "harness/checkers/run_data.h"
#include "harness/results/results.h"
#include "harness/run/files.h"
#include "harness/versions.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define PATH_SIZE (PATH_MAX + NAME_MAX + 32)

static int another(struct errctx *err, const char *path, const char *what)
{
    return err_set(err, EEXIST, ERR_ABORT,
                   "%s is %s: go on with what it was begun with, or leave --resume out", path,
                   what);
}

/* `differ`: what to call a file that is there and is not `text`. -ENOENT: it is not there. */
static int same_text(const char *path, const struct buf *text, const char *differ,
                     struct errctx *err)
{
    struct buf found = {0};
    int rc = file_read(path, &found, err);

    if (!rc && strcmp(buf_str(&found), buf_str(text)) != 0)
        rc = another(err, path, differ);
    buf_done(&found);
    return rc;
}

static int same_maker(const char *out, const struct experiment *e, struct errctx *err)
{
    json_t *versions = versions_to_json(e->attached);
    int rc = results_same_maker(out, e, versions, err);

    json_decref(versions);
    return rc;
}

/* --- runs ------------------------------------------------------------------------------------- */

static int no_strangers(const char *out, const struct experiment_runs *runs, struct errctx *err)
{
    char path[PATH_SIZE];
    const struct dirent *entry;
    int rc = 0;
    DIR *dir;

    (void)snprintf(path, sizeof path, "%s/runs", out);
    dir = opendir(path);
    if (!dir)
        return errno == ENOENT ? 0
                               : err_set(err, errno, ERR_FATAL, "%s: %s", path, strerror(errno));
    while (!rc && (entry = readdir(dir))) {
        size_t i = 0;

        while (i < runs->n && strcmp(runs->run[i].name, entry->d_name) != 0)
            i++;
        if (i < runs->n || entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%s/runs/%s", out, entry->d_name);
        rc = another(err, path, "none of the runs that these options ask for");
    }
    (void)closedir(dir); /* only read */
    return rc;
}

static int look_at(const char *out, const struct experiment *e, const struct experiment_run *run,
                   bool *ret_done, struct errctx *err)
{
    char path[PATH_SIZE];
    struct buf config = {0};
    int rc;

    (void)snprintf(path, sizeof path, "%s/runs/%s", out, run->name);
    rc = run_data_finished(path, ret_done, err);
    if (rc || !*ret_done)
        return rc;
    (void)snprintf(path, sizeof path, "%s/runs/%s/config.yaml", out, run->name);
    experiment_print_config(&config, e, run, &e->workload);
    rc = same_text(path, &config, "another run's", err);
    buf_done(&config);
    return rc == -ENOENT ? another(err, path, "not there") : rc;
}

int resume_look(const char *out, const struct buf *text, const struct experiment *e,
                const struct experiment_runs *runs, bool *ret_done, struct errctx *err)
{
    char path[PATH_SIZE];
    int rc;

    (void)snprintf(path, sizeof path, "%s/experiment.yaml", out);
    rc = same_text(path, text, "another experiment", err);
    if (!rc)
        rc = same_maker(out, e, err);
    if (!rc)
        rc = no_strangers(out, runs, err);
    for (size_t i = 0; !rc && i < runs->n; i++)
        rc = look_at(out, e, &runs->run[i], &ret_done[i], err);
    return rc;
}

int resume_clear(const char *out, const struct experiment_runs *runs, const bool *done,
                 struct errctx *err)
{
    int rc = files_empty_results(out, err);

    for (size_t i = 0; !rc && i < runs->n; i++) {
        char path[PATH_SIZE];

        (void)snprintf(path, sizeof path, "%s/runs/%s", out, runs->run[i].name);
        if (!done[i])
            rc = file_remove_tree(path, err);
    }
    return rc;
}
