/*
 * results.h - results.json, one an experiment: written, read, printed. docs/results.md has its
 * fields, docs/results.schema.json its schema.
 *
 * `run` calls results_begin() before its first run and results_write() after its last; `check`
 * calls results_write() once more.
 */
#ifndef SYNCBED_HARNESS_RESULTS_RESULTS_H
#define SYNCBED_HARNESS_RESULTS_RESULTS_H

#include "base/error.h"
#include "harness/experiment.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define RESULTS_SCHEMA 1

/*
 * Note in OUT/about.json what the runs are and what they are made with, for whoever judges them
 * later, perhaps on another machine: question, prediction, variants and schedules in their order;
 * the names of the runs that are to come; this machine, our version and commit, and `versions` (an
 * object: servers and libraries by name; borrowed).
 */
__attribute__((warn_unused_result)) int results_begin(const char *out_dir,
                                                      const struct experiment *experiment,
                                                      const struct experiment_runs *runs,
                                                      const json_t *versions, struct errctx *err);

/*
 * Does OUT/about.json say what results_begin() would write now, whatever the runs? -ENOENT: there
 * is none; -EEXIST: something else, and `err` says what.
 */
__attribute__((warn_unused_result)) int results_same_maker(const char *out_dir,
                                                           const struct experiment *experiment,
                                                           const json_t *versions,
                                                           struct errctx *err);

/*
 * Judge every folder in OUT/runs and write OUT/results.json: under another name first, so that what
 * is called results.json is whole. ret_results (may be NULL) gets it, the caller's. -ENOENT: no
 * runs there; -EBADMSG with FILE:LINE: a folder that is no finished run's and no interrupted one's.
 */
__attribute__((warn_unused_result)) int results_write(const char *out_dir, json_t **ret_results,
                                                      struct errctx *err);

/* -ENOENT, -EBADMSG: no JSON, or of a schema that we do not know. */
__attribute__((warn_unused_result)) int results_read(const char *out_dir, json_t **ret_results,
                                                     struct errctx *err);

/* 0 promises kept, 1 one broken, 3 a promised verdict unknown, a run
 * unfinished or not clean. */
int results_exit_status(const json_t *results);

/*
 * Approaches × schedules, a cell each: what was seen, what was blocked, how fast it was. Then an
 * example in words for each approach that has one. At least 40 columns.
 */
void results_print_table(FILE *out, const json_t *results, unsigned width, bool colour);

/* The same, as wide as the terminal and in colour if `out` is one; else 80 columns. */
void results_show(FILE *out, const json_t *results);

/* One line: the summary that verbs print last when asked for --json. */
void results_print_json(FILE *out, const char *out_dir, const json_t *results);

#endif
