/* run, quickstart: an experiment from its file to its report. */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "harness/experiment.h"
#include "harness/report/junit.h"
#include "harness/report/report.h"
#include "harness/results/cell.h"
#include "harness/results/judge.h"
#include "harness/results/result.h"
#include "harness/results/results.h"
#include "harness/run/attach.h"
#include "harness/run/files.h"
#include "harness/run/live_run.h"
#include "harness/run/resume.h"
#include "harness/run/session.h"
#include "harness/verbs.h"
#include "harness/versions.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUICKSTART "experiments/quickstart.yaml"

struct running {
    struct experiment experiment;
    struct experiment_runs runs;
    struct topology attached; /* with --attach: servers that exist already */
    struct session session;
    struct buf text;                /* the file as given */
    char out[PATH_MAX];             /* absolute: roles work in a folder of their own */
    int lock;                       /* of `out` */
    bool resumes;                   /* what was begun there goes on */
    bool done[EXPERIMENT_RUNS_MAX]; /* runs[i] was complete before */
    size_t n_done;
    size_t n_finished; /* runs that were carried out and judged, or were complete before */
    struct errctx why; /* the first one broke off; message "": none did */
};

/* --- before anything starts ------------------------------------------------------------------- */

static int read_experiment(struct running *r, const char *path, const struct cli_args *args,
                           struct errctx *err)
{
    const char *attach = cli_text_at(args, "attach", 0);
    int rc = experiment_read(path, &r->experiment, err);

    for (unsigned i = 0; !rc && cli_text_at(args, "approach", i); i++)
        rc = experiment_add_approach(&r->experiment, cli_text_at(args, "approach", i), err);
    if (!rc && attach)
        rc = attach_read(attach, &r->experiment, &r->attached, err);
    if (rc)
        return rc;
    r->experiment.repeats = (unsigned)cli_int(args, "repeat", r->experiment.repeats);
    if (cli_given(args, "seed")) {
        r->experiment.n_seeds = 1;
        r->experiment.seed[0] = (uint64_t)cli_int(args, "seed", 0);
    }
    if (cli_given(args, "break"))
        rc = experiment_break(&r->experiment, cli_text(args, "break", ""), err);
    if (rc)
        return rc;
    return experiment_expand(&r->experiment, cli_text(args, "only", NULL), &r->runs, err);
}

static int claim_out(struct running *r, const char *path, const char *out, struct errctx *err)
{
    int rc = file_read(path, &r->text, err); /* now: it may lie in what will be emptied */

    return rc ? rc : files_claim(out, r->out, &r->lock, err);
}

/* With --resume; nothing there to go on with is a beginning. */
static int look_what_is_done(struct running *r, struct errctx *err)
{
    int rc = resume_look(r->out, &r->text, &r->experiment, &r->runs, r->done, err);

    if (rc == -ENOENT)
        return 0;
    r->resumes = !rc;
    for (size_t i = 0; !rc && i < r->runs.n; i++)
        r->n_done += r->done[i];
    r->n_finished = r->n_done;
    return rc;
}

/* --- the runs --------------------------------------------------------------------------------- */

/* What stays wrong in the stores, and nobody had promised away: " (convergence, atomicity)". */
static void list_anomalies(const json_t *run, struct buf *out)
{
    for (unsigned i = 0, n = 0; i < CHECKERS; i++) {
        const struct checker *checker = &checker_table[i];

        if (checker->passes || !result_verdict_is(run, checker->name, VERDICT_INVALID))
            continue;
        buf_printf(out, "%s%s", n++ == 0 ? " (" : ", ", checker->name);
    }
    buf_append_char(out, ')');
}

/* The line that a finished run leaves: what was promised, and whether it held. */
static int summarise(const char *folder, char *ret_text, size_t size, struct errctx *err)
{
    static const char *const words[] = {[MARK_AGREE] = "kept its promises",
                                        [MARK_NOT_EXERCISED] = "kept its promises, not exercised",
                                        [MARK_PASSING] = "kept its promises",
                                        [MARK_ANOMALIES] =
                                            "left anomalies, of which it promises nothing",
                                        [MARK_UNKNOWN] = "a promise could not be judged",
                                        [MARK_BROKEN] = "BROKE A PROMISE"};
    struct buf anomalies = {0};
    enum cell_mark mark;
    json_t *run;
    json_t *ops;
    int rc = judge_run(folder, &run, err);

    if (rc)
        return rc;
    mark = cell_mark_of(run);
    if (mark == MARK_ANOMALIES)
        list_anomalies(run, &anomalies);
    ops = json_object_get(run, "ops");
    (void)snprintf(ret_text, size, "%lld ok, %lld failed, %lld unknown: %s%s",
                   (long long)json_integer_value(json_object_get(ops, "ok")),
                   (long long)json_integer_value(json_object_get(ops, "fail")),
                   (long long)json_integer_value(json_object_get(ops, "info")), words[mark],
                   buf_str(&anomalies));
    buf_done(&anomalies);
    json_decref(run);
    return 0;
}

static int run_one(struct running *r, size_t i, struct errctx *err)
{
    struct session *session = &r->session;
    char folder[PATH_MAX], result[256];
    int64_t began_us;
    int rc;

    progress_begin(&session->progress, i + 1, r->runs.n, r->runs.run[i].name);
    rc = live_run(session, &r->runs.run[i], folder, err);
    if (rc)
        return rc;
    began_us = clock_now_us();
    progress_phase(&session->progress, "judging");
    rc = summarise(folder, result, sizeof result, err);
    if (rc)
        return rc;
    r->n_finished++;
    phases_add(&session->phases, "judging", clock_now_us() - began_us);
    progress_end(&session->progress, result);
    return 0;
}

/* An earlier result goes only now: servers that do not start leave it as it was. */
static int begin_out(struct running *r, struct errctx *err)
{
    char copy[PATH_MAX + 32];
    json_t *versions;
    int rc;

    if (r->resumes)
        return resume_clear(r->out, &r->runs, r->done, err);
    rc = files_empty(r->out, err);
    if (rc)
        return rc;
    (void)snprintf(copy, sizeof copy, "%s/experiment.yaml", r->out);
    rc = file_write(copy, &r->text, err);
    if (rc)
        return rc;
    versions = versions_to_json(r->experiment.attached);
    rc = results_begin(r->out, &r->experiment, &r->runs, versions, err);
    json_decref(versions);
    return rc;
}

/* A run that broke off is one that did not finish; others follow if the environment still works. */
static int go_on(struct running *r, int rc, struct errctx *err)
{
    struct session *session = &r->session;
    char text[sizeof err->message + 16];

    if (session->signal || session->keeper_lost)
        return rc;
    if (!r->why.message[0])
        r->why = *err;
    (void)snprintf(text, sizeof text, "broke off: %s", err->message);
    progress_end(&session->progress, text);
    return session_recover(session, err);
}

static int run_all(struct running *r, struct errctx *err)
{
    int rc = begin_out(r, err);

    for (size_t i = 0; !rc && i < r->runs.n; i++) {
        rc = r->done[i] ? 0 : run_one(r, i, err);
        if (rc)
            rc = go_on(r, rc, err);
    }
    return rc;
}

/* --- what comes of them ----------------------------------------------------------------------- */

static void show(const struct running *r, const json_t *results, bool as_json)
{
    struct buf phases = {0};

    results_show(stdout, results);
    phases_print(&phases, &r->session.phases);
    (void)printf("\nphases\n%s\nreport: %s/report.html\n", buf_str(&phases), r->out);
    buf_done(&phases);
    if (as_json)
        results_print_json(stdout, r->out, results);
}

/* `complete`: all runs were tried. */
static int conclude(struct running *r, bool complete, bool as_json, struct errctx *err)
{
    int64_t began_us = clock_now_us();
    json_t *results;
    int status;
    int rc = results_write(r->out, &results, err);

    if (rc)
        return cli_fail(err);
    rc = junit_write(r->out, results, err);
    if (!rc)
        rc = report_write(r->out, err);
    phases_add(&r->session.phases, "report", clock_now_us() - began_us);
    status = results_exit_status(results);
    if (status == 0 && !complete)
        status = CLI_EXIT_UNKNOWN;
    if (!rc)
        show(r, results, as_json);
    json_decref(results);
    return rc ? cli_fail(err) : status;
}

static int carry_out(struct running *r, const struct cli_args *args, struct errctx *err)
{
    struct session *session = &r->session;
    int64_t began_us;
    int rc = session_open(session, &r->experiment, r->out, err);

    session->keep = cli_given(args, "keep");
    if (!rc)
        rc = run_all(r, err);
    began_us = clock_now_us();
    session_close(session);
    if (session->signal) {
        (void)fprintf(stderr, "syncbed: interrupted; all that it started has ended, and --resume "
                              "goes on with it\n");
        return CLI_EXIT_BY_SIGNAL + session->signal;
    }
    if (rc && session->keeper_lost)
        (void)err_set(err, ECONNRESET, ERR_FATAL, "the keeper ended, and everything with it");
    if (rc && r->n_finished > r->n_done)
        (void)cli_fail(err); /* and the results of what there is */
    else if (rc || r->n_finished == r->n_done)
        return cli_fail(rc ? err : &r->why);
    phases_add(&session->phases, "stopping", clock_now_us() - began_us);
    return conclude(r, rc == 0, cli_given(args, "json"), err);
}

/* Everything is there: only what comes of it is missing, or is made again. */
static int carry_on(struct running *r, const struct cli_args *args, struct errctx *err)
{
    if (r->n_done > 0)
        (void)fprintf(stderr, "syncbed: %zu of %zu runs are there already\n", r->n_done, r->runs.n);
    return r->n_done < r->runs.n ? carry_out(r, args, err)
                                 : conclude(r, true, cli_given(args, "json"), err);
}

static int run_file(const char *path, const char *out, const struct cli_args *args)
{
    struct running *r = mem_alloc(sizeof *r); /* too large for a stack */
    char usual[sizeof r->experiment.name + 8];
    struct errctx err;
    int status;
    int rc;

    r->lock = -1;
    rc = read_experiment(r, path, args, &err);
    if (!rc) {
        (void)snprintf(usual, sizeof usual, "out/%s", r->experiment.name);
        rc = claim_out(r, path, cli_text(args, "out", out ? out : usual), &err);
    }
    if (!rc && cli_given(args, "resume"))
        rc = look_what_is_done(r, &err);
    status = rc ? cli_fail(&err) : carry_on(r, args, &err);
    buf_done(&r->text);
    experiment_runs_done(&r->runs);
    if (r->lock >= 0)
        (void)close(r->lock); /* nothing was written through it */
    free(r);
    return status;
}

int verb_run(const struct cli_args *args)
{
    return run_file(cli_argument(args, 0), NULL, args);
}

/* --- quickstart ------------------------------------------------------------------------------- */

bool verb_find_file(const char *name, char *ret_path)
{
    char exe[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", exe, sizeof exe - 1);
    char *slash;

    exe[size > 0 ? size : 0] = '\0';
    while ((slash = strrchr(exe, '/'))) {
        *slash = '\0';
        if (snprintf(ret_path, PATH_MAX, "%s/%s", exe, name) < PATH_MAX &&
            access(ret_path, R_OK) == 0)
            return true;
    }
    (void)snprintf(ret_path, PATH_MAX, "%s", name);
    return access(ret_path, R_OK) == 0;
}

int verb_quickstart(const struct cli_args *args)
{
    char path[PATH_MAX];

    if (!verb_find_file(QUICKSTART, path)) {
        (void)fprintf(stderr, "syncbed: no " QUICKSTART " here or above the executable\n");
        return CLI_EXIT_BAD_INPUT;
    }
    return run_file(path, "out/quickstart", args);
}
