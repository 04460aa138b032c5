/* results.json: see the header. */
#include "harness/results/results.h"

#include "harness/cli.h"
#include "harness/json_out.h"
#include "harness/results/cell.h"
#include "harness/results/judge.h"
#include "harness/results/machine.h"
#include "harness/results/result.h"

#include "version.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE (PATH_MAX + 64)

static int check_path(const char *out_dir, struct errctx *err)
{
    if (strlen(out_dir) >= PATH_MAX)
        return err_set(err, ENAMETOOLONG, ERR_ABORT, "%s: too long", out_dir);
    return 0;
}

/* --- whole files ------------------------------------------------------------------------------ */

static int read_file(const char *out_dir, const char *name, json_t **ret_json, struct errctx *err)
{
    char path[PATH_SIZE];
    json_error_t why;
    json_t *json;

    (void)snprintf(path, sizeof path, "%s/%s", out_dir, name);
    if (access(path, R_OK) < 0)
        return err_set(err, errno, ERR_ABORT, "%s: %s", path, strerror(errno));
    json = json_load_file(path, 0, &why);
    if (!json || !json_is_object(json)) {
        json_decref(json);
        return err_set(err, EBADMSG, ERR_ABORT, "%s:%d: %s", path, json ? 1 : why.line,
                       json ? "no JSON object" : why.text);
    }
    *ret_json = json;
    return 0;
}

/* Runs that somebody put together by hand have none: then nothing is said. */
static int read_about(const char *out_dir, json_t **ret_about, struct errctx *err)
{
    int r = read_file(out_dir, "about.json", ret_about, err);

    return r == -ENOENT ? 0 : r;
}

static json_t *variants_of(const struct experiment *e)
{
    json_t *names = json_array();

    for (unsigned i = 0; i < e->n_approaches; i++)
        (void)json_array_append_new(names, json_string(e->approach[i].variant));
    return names;
}

static json_t *schedules_of(const struct experiment *e)
{
    json_t *names = json_array();

    for (unsigned i = 0; i < e->n_schedules; i++)
        (void)json_array_append_new(names, json_string(e->schedule[i].name));
    return names;
}

static json_t *about_now(const struct experiment *e, const json_t *versions)
{
    json_t *about = json_object();

    (void)json_object_set_new(about, "syncbed", json_string(SYNCBED_VERSION));
    (void)json_object_set_new(about, "commit", json_string(SYNCBED_COMMIT));
    (void)json_object_set_new(about, "experiment", json_string(e->name));
    (void)json_object_set_new(about, "question", json_string(e->question));
    (void)json_object_set_new(about, "prediction", json_string(e->prediction));
    (void)json_object_set_new(about, "approaches", variants_of(e));
    (void)json_object_set_new(about, "schedules", schedules_of(e));
    (void)json_object_set_new(about, "machine", machine_describe());
    (void)json_object_set_new(about, "versions",
                              versions ? json_deep_copy(versions) : json_object());
    return about;
}

static json_t *names_of(const struct experiment_runs *runs)
{
    json_t *names = json_array();

    for (size_t i = 0; i < runs->n; i++)
        (void)json_array_append_new(names, json_string(runs->run[i].name));
    return names;
}

int results_begin(const char *out_dir, const struct experiment *e,
                  const struct experiment_runs *runs, const json_t *versions, struct errctx *err)
{
    int r = check_path(out_dir, err);
    json_t *about;

    if (r < 0)
        return r;
    about = about_now(e, versions);
    (void)json_object_set_new(about, "runs", names_of(runs));
    r = json_out_file(out_dir, "about.json", about, err);
    json_decref(about);
    return r;
}

int results_same_maker(const char *out_dir, const struct experiment *e, const json_t *versions,
                       struct errctx *err)
{
    json_t *then, *now, *value;
    const char *field;
    int r = check_path(out_dir, err);

    if (r == 0)
        r = read_file(out_dir, "about.json", &then, err);
    if (r < 0)
        return r;
    now = about_now(e, versions);
    json_object_foreach (now, field, value) {
        if (r == 0 && !json_equal(value, json_object_get(then, field)))
            r = err_set(err, EEXIST, ERR_ABORT,
                        "%s/about.json has another \"%s\" than now: results of the two must not be "
                        "mixed, so start anew without --resume",
                        out_dir, field);
    }
    json_decref(now);
    json_decref(then);
    return r;
}

/* --- putting results together ----------------------------------------------------------------- */

static int run_folder(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int judge_all(const char *out_dir, json_t *runs, struct errctx *err)
{
    char path[PATH_SIZE];
    struct dirent **entry;
    int r = 0, n;

    (void)snprintf(path, sizeof path, "%s/runs", out_dir);
    n = scandir(path, &entry, run_folder, alphasort);
    if (n < 0)
        return err_set(err, errno, ERR_ABORT, "%s: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        char dir[PATH_SIZE + NAME_MAX + 1];
        json_t *run = NULL;

        (void)snprintf(dir, sizeof dir, "%s/%s", path, entry[i]->d_name);
        if (r == 0)
            r = judge_run(dir, &run, err);
        if (run)
            (void)json_array_append_new(runs, run);
        free(entry[i]);
    }
    free(entry);
    if (r == 0 && n == 0)
        return err_set(err, ENOENT, ERR_ABORT, "%s: there are no runs", path);
    return r;
}

static void add_from(json_t *results, const json_t *about, const char *field, json_t *otherwise)
{
    json_t *value = json_object_get(about, field);

    if (value)
        (void)json_object_set(results, field, value);
    else
        (void)json_object_set(results, field, otherwise);
    json_decref(otherwise);
}

static bool is_there(const json_t *runs, const char *name)
{
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        if (strcmp(result_text(run, "run"), name) == 0)
            return true;
    }
    return false;
}

/* Of the runs that were to come, those that were never begun; null when nobody noted which. */
static json_t *missing_of(const json_t *about, const json_t *runs)
{
    const json_t *planned = json_object_get(about, "runs");
    json_t *missing = json_array(), *name;
    size_t i;

    if (!planned) {
        json_decref(missing);
        return json_null();
    }
    json_array_foreach (planned, i, name) {
        if (!is_there(runs, json_string_value(name)))
            (void)json_array_append(missing, name);
    }
    return missing;
}

static json_t *assemble(const json_t *about, json_t *runs)
{
    json_t *results = json_object(), *judged_by = json_object();

    (void)json_object_set_new(results, "schema", json_integer(RESULTS_SCHEMA));
    add_from(results, about, "syncbed", json_null());
    add_from(results, about, "commit", json_null());
    (void)json_object_set_new(judged_by, "syncbed", json_string(SYNCBED_VERSION));
    (void)json_object_set_new(judged_by, "commit", json_string(SYNCBED_COMMIT));
    (void)json_object_set_new(results, "judged_by", judged_by);
    add_from(results, about, "machine", json_object());
    add_from(results, about, "versions", json_object());
    add_from(results, about, "experiment", json_string(""));
    add_from(results, about, "question", json_string(""));
    add_from(results, about, "prediction", json_string(""));
    add_from(results, about, "approaches", json_array());
    add_from(results, about, "schedules", json_array());
    (void)json_object_set_new(results, "missing", missing_of(about, runs));
    (void)json_object_set(results, "runs", runs);
    return results;
}

int results_write(const char *out_dir, json_t **ret_results, struct errctx *err)
{
    json_t *runs = json_array(), *about = NULL, *results = NULL;
    int r = check_path(out_dir, err);

    if (r == 0)
        r = judge_all(out_dir, runs, err);
    if (r == 0)
        r = read_about(out_dir, &about, err);
    if (r < 0)
        goto out;
    results = assemble(about, runs);
    r = json_out_file(out_dir, "results.json", results, err);
    if (r == 0 && ret_results)
        *ret_results = json_incref(results);
out:
    json_decref(results);
    json_decref(about);
    json_decref(runs);
    return r;
}

int results_read(const char *out_dir, json_t **ret_results, struct errctx *err)
{
    json_t *results;
    int r = check_path(out_dir, err);

    if (r == 0)
        r = read_file(out_dir, "results.json", &results, err);
    if (r < 0)
        return r;
    if (json_integer_value(json_object_get(results, "schema")) != RESULTS_SCHEMA ||
        !json_is_array(json_object_get(results, "runs"))) {
        json_decref(results);
        return err_set(err, EBADMSG, ERR_ABORT,
                       "%s/results.json: not of schema %d: judge it again with \"syncbed check\"",
                       out_dir, RESULTS_SCHEMA);
    }
    *ret_results = results;
    return 0;
}

/* --- what follows from them ------------------------------------------------------------------- */

int results_exit_status(const json_t *results)
{
    bool unknown = json_array_size(json_object_get(results, "missing")) > 0;
    json_t *run;
    size_t i;

    json_array_foreach (json_object_get(results, "runs"), i, run) {
        enum cell_mark mark = cell_mark_of(run);

        if (mark == MARK_BROKEN)
            return 1;
        unknown = unknown || mark == MARK_UNKNOWN;
    }
    return unknown ? CLI_EXIT_UNKNOWN : 0;
}

void results_print_json(FILE *out, const char *out_dir, const json_t *results)
{
    unsigned n[MARKS] = {0};
    json_t *json = json_object(), *run;
    size_t i;

    json_array_foreach (json_object_get(results, "runs"), i, run)
        n[cell_mark_of(run)]++;
    (void)json_object_set_new(json, "results", json_sprintf("%s/results.json", out_dir));
    (void)json_object_set_new(json, "runs", json_integer((json_int_t)i));
    (void)json_object_set_new(json, "kept",
                              json_integer((json_int_t)i - n[MARK_BROKEN] - n[MARK_UNKNOWN]));
    (void)json_object_set_new(json, "broken", json_integer(n[MARK_BROKEN]));
    (void)json_object_set_new(json, "unknown", json_integer(n[MARK_UNKNOWN]));
    (void)json_object_set_new(json, "exit_status", json_integer(results_exit_status(results)));
    json_out_line(out, json);
    json_decref(json);
}
