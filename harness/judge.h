/* judge.h - what the verbs that judge have in common: verdicts, results.json, report, the table. */
#ifndef SYNCBED_HARNESS_JUDGE_H
#define SYNCBED_HARNESS_JUDGE_H

#include "base/error.h"
#include "harness/run/phases.h"

#include <stdbool.h>
#include <stddef.h>

/* Judge one run folder, for the line that a finished run leaves: "kept its promises" … */
__attribute__((warn_unused_result)) int judge_summary(const char *folder, char *ret_text,
                                                      size_t size, struct errctx *err);

/* Write results.json and report.html of `out`; the exit status (0, 1, 3), or -errno. */
__attribute__((warn_unused_result)) int judge_and_report(const char *out, struct errctx *err);

/*
 * Print the table of `out`/results.json and, unless `phases` is NULL, the times; with `as_json` one
 * JSON object as the last line. Returns `status`, or 2 when results.json cannot be read.
 */
__attribute__((warn_unused_result)) int judge_print(const char *out, int status,
                                                    const struct phases *phases, bool as_json);

#endif
