/* judge.h - one run folder judged: every checker, every number. */
#ifndef SYNCBED_HARNESS_RESULTS_JUDGE_H
#define SYNCBED_HARNESS_RESULTS_JUDGE_H

#include "base/error.h"
#include "harness/checkers/run_data.h"

#include <jansson.h>

/*
 * One element of `runs` in results.json (docs/results.md), the caller's. A run that did not finish
 * is one too, with "finished": false and no verdicts. -EBADMSG with FILE:LINE for a folder that is
 * cut, malformed or names an approach that we do not know.
 */
__attribute__((warn_unused_result)) int judge_run(const char *run_dir, json_t **ret_run,
                                                  struct errctx *err);

#endif
