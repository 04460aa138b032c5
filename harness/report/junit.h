/*
 * junit.h - junit.xml beside results.json: the verdicts as CI systems read test results.
 *
 * A run is a test suite, a verdict a test case. What was promised and is invalid is a failure; a
 * promised verdict that is unknown, a run that did not finish, and a process that ended by itself
 * are errors; what was not promised, not exercised or not judged is skipped, with the reason. So it
 * is green exactly where results_exit_status() is 0.
 */
#ifndef SYNCBED_HARNESS_REPORT_JUNIT_H
#define SYNCBED_HARNESS_REPORT_JUNIT_H

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>

void junit_print(struct buf *out, const json_t *results);

/* Write OUT/junit.xml, under another name first. */
__attribute__((warn_unused_result)) int junit_write(const char *out_dir, const json_t *results,
                                                    struct errctx *err);

#endif
