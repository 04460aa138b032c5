/* The folder of an experiment's results: see the header. */
#include "harness/run/files.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int complain(const char *path, struct errctx *err)
{
    return err_set(err, errno, ERR_FATAL, "%s: %s", path, strerror(errno));
}

int files_make_folder(const char *path, struct errctx *err)
{
    char part[PATH_MAX];

    if (strlen(path) >= sizeof part)
        return err_set(err, ENAMETOOLONG, ERR_ABORT, "%s: too long", path);
    for (const char *end = strchr(path + 1, '/'); end; end = strchr(end + 1, '/')) {
        (void)snprintf(part, sizeof part, "%.*s", (int)(end - path), path);
        if (mkdir(part, 0755) && errno != EEXIST)
            return complain(part, err);
    }
    return mkdir(path, 0755) && errno != EEXIST ? complain(path, err) : 0;
}

/* --- what there is in a result ---------------------------------------------------------------- */

/* In the order of their removal; a list ends with NULL. */
static const char *const made_from_runs[] = {"results.json", "junit.xml", "report.html", NULL};

static const char *const runs[] = {"about.json", "runs", NULL};

/* What every result has of the verbs that leave one, as long as there is anything of it. */
static const char *const marks[] = {"mutants.json", "matrix.json", "experiment.yaml", NULL};

static bool stands_in(const char *const *names, const char *entry)
{
    while (*names && strcmp(*names, entry) != 0)
        names++;
    return *names != NULL;
}

/* Names that begin with a dot are drafts of ours. */
static bool is_ours(const char *entry)
{
    return entry[0] == '.' || stands_in(made_from_runs, entry) || stands_in(runs, entry) ||
           stands_in(marks, entry);
}

/* A result has its mark in it, and nothing that we do not know. */
static int check_ours(const char *out, struct errctx *err)
{
    DIR *dir = opendir(out);
    const struct dirent *entry;
    bool has_mark = false, empty = true;
    int rc = 0;

    if (!dir)
        return complain(out, err);
    while (!rc && (entry = readdir(dir))) {
        if (!is_ours(entry->d_name))
            rc = err_set(err, ENOTEMPTY, ERR_ABORT,
                         "%s holds \"%s\", which is not a result of syncbed: choose another --out",
                         out, entry->d_name);
        has_mark = has_mark || stands_in(marks, entry->d_name);
        empty = empty && entry->d_name[0] == '.';
    }
    (void)closedir(dir); /* only read */
    if (!rc && !empty && !has_mark)
        rc = err_set(err, ENOTEMPTY, ERR_ABORT,
                     "%s has no experiment.yaml, so it is not a result of syncbed: choose another "
                     "--out",
                     out);
    return rc;
}

static int remove_all(const char *out, const char *const *names, struct errctx *err)
{
    int rc = 0;

    for (; !rc && *names; names++) {
        char path[PATH_MAX + 32];

        (void)snprintf(path, sizeof path, "%s/%s", out, *names);
        rc = file_remove_tree(path, err);
    }
    return rc;
}

int files_empty_results(const char *out, struct errctx *err)
{
    return remove_all(out, made_from_runs, err);
}

/* The marks go last: what is left of an interrupted removal is still known as ours. */
int files_empty(const char *out, struct errctx *err)
{
    int rc = files_empty_results(out, err);

    if (!rc)
        rc = remove_all(out, runs, err);
    return rc ? rc : remove_all(out, marks, err);
}

/* --- claiming --------------------------------------------------------------------------------- */

int files_claim(const char *out, char *ret_path, int *ret_lock, struct errctx *err)
{
    int rc = files_make_folder(out, err);
    int lock;

    if (rc)
        return rc;
    lock = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0)
        return complain(out, err);
    if (flock(lock, LOCK_EX | LOCK_NB)) {
        rc = err_set(err, EBUSY, ERR_ABORT, "another syncbed is writing to %s", out);
        goto fail;
    }
    rc = check_ours(out, err);
    if (rc)
        goto fail;
    if (!realpath(out, ret_path)) {
        rc = complain(out, err);
        goto fail;
    }
    *ret_lock = lock;
    return 0;
fail:
    (void)close(lock);
    return rc;
}

int files_save(const char *folder, const char *name, struct buf *text, struct errctx *err)
{
    char path[PATH_MAX + 32];
    int rc;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    rc = file_write(path, text, err);
    buf_done(text);
    return rc;
}

/* --- copies ----------------------------------------------------------------------------------- */

int files_copy(const char *from, const char *to, struct errctx *err)
{
    struct buf text = {0};
    int rc = file_read(from, &text, err);

    if (!rc)
        rc = file_write(to, &text, err);
    buf_done(&text);
    return rc;
}

int files_copy_folder(const char *from, const char *to, struct errctx *err)
{
    DIR *dir = opendir(from);
    const struct dirent *entry;
    int rc;

    if (!dir)
        return complain(from, err);
    rc = files_make_folder(to, err);
    while (!rc && (entry = readdir(dir))) {
        char source[PATH_MAX + NAME_MAX], target[PATH_MAX + NAME_MAX];

        if (entry->d_type != DT_REG)
            continue;
        (void)snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
        (void)snprintf(target, sizeof target, "%s/%s", to, entry->d_name);
        rc = files_copy(source, target, err);
    }
    (void)closedir(dir); /* only read */
    return rc;
}
