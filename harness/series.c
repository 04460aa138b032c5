/* Runs of several files over one session: see the header. */
#include "harness/series.h"

#include "harness/results/judge.h"
#include "harness/run/files.h"
#include "harness/run/live_run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int series_claim(struct series *series, const char *out, struct errctx *err)
{
    series->lock = -1;
    return files_claim(out, series->out, &series->lock, err);
}

int series_empty(struct series *series, struct errctx *err)
{
    return files_empty(series->out, err);
}

int series_begin(struct series *series, const struct experiment *largest, size_t n_runs,
                 struct errctx *err)
{
    series->n_runs = n_runs;
    return session_open(&series->session, largest, series->out, err);
}

static int find_run(const struct experiment_runs *runs, const char *schedule,
                    struct experiment_run **ret_run, struct errctx *err)
{
    for (size_t i = 0; i < runs->n; i++) {
        if (strcmp(runs->run[i].schedule->name, schedule) == 0) {
            *ret_run = &runs->run[i];
            return 0;
        }
    }
    return err_set(err, ENOENT, ERR_ABORT, "no schedule %s", schedule);
}

static int carry_out(struct series *series, struct experiment_run *run, const char *name,
                     char *ret_folder, json_t **ret_run, struct errctx *err)
{
    struct session *session = &series->session;
    int rc;

    run->number = (unsigned)++series->next_run;
    (void)snprintf(run->name, sizeof run->name, "%03u-%s", run->number, name);
    session_take_up(session, &series->tried);
    progress_begin(&session->progress, series->next_run, series->n_runs, run->name);
    rc = live_run(session, run, ret_folder, err);
    if (!rc) {
        progress_phase(&session->progress, "judging");
        return judge_run(ret_folder, ret_run, err);
    }
    if (session->signal || session->keeper_lost)
        return rc;
    progress_end(&session->progress, err->message);
    return session_recover(session, err);
}

int series_run(struct series *series, const char *schedule, const char *name, char *ret_folder,
               json_t **ret_run, struct errctx *err)
{
    struct experiment_runs runs;
    struct experiment_run *run = NULL;
    int rc = experiment_expand(&series->tried, NULL, &runs, err);

    *ret_run = NULL;
    if (rc)
        return rc;
    rc = find_run(&runs, schedule, &run, err);
    if (!rc)
        rc = carry_out(series, run, name, ret_folder, ret_run, err);
    experiment_runs_done(&runs);
    return rc;
}

void series_end(struct series *series)
{
    session_close(&series->session);
}

void series_done(struct series *series)
{
    if (series->lock >= 0)
        (void)close(series->lock); /* nothing was written through it */
}
