/*
 * series.h - runs of several experiment files over one session, one after the other, each judged:
 * what mutants and matrices consist of. A run that breaks off is told, and the series goes on.
 */
#ifndef SYNCBED_HARNESS_SERIES_H
#define SYNCBED_HARNESS_SERIES_H

#include "base/error.h"
#include "harness/experiment.h"
#include "harness/run/session.h"

#include <jansson.h>
#include <limits.h>

struct series {
    struct session session;
    struct experiment tried; /* what the next run is of: the caller's to fill and to change */
    char out[PATH_MAX];      /* absolute */
    int lock;                /* of `out`; -1: not taken */
    size_t n_runs, next_run; /* numbers of folders, from 1 */
};

/* Take `out`: see files_claim(). Before anything else; give it to series_done() in any case. */
__attribute__((warn_unused_result)) int series_claim(struct series *series, const char *out,
                                                     struct errctx *err);

/* Remove the earlier result from `out`. */
__attribute__((warn_unused_result)) int series_empty(struct series *series, struct errctx *err);

/* The servers of `largest` are up from now on, until series_end(). May come again behind that, with
 * other servers. */
__attribute__((warn_unused_result)) int series_begin(struct series *series,
                                                     const struct experiment *largest,
                                                     size_t n_runs, struct errctx *err);

/*
 * Carry out series->tried, of which the schedule is named, and judge it. Its folder is called
 * NUMBER-`name`. ret_run (the caller's) is NULL when it broke off, which is no error, else an
 * element of `runs` (docs/results.md); then ret_folder, PATH_MAX bytes, has its folder.
 */
__attribute__((warn_unused_result)) int series_run(struct series *series, const char *schedule,
                                                   const char *name, char *ret_folder,
                                                   json_t **ret_run, struct errctx *err);

void series_end(struct series *series);
void series_done(struct series *series);

#endif
