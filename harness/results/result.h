/* result.h - fields of results.json, which may come from somebody else and lack any of them. */
#ifndef SYNCBED_HARNESS_RESULTS_RESULT_H
#define SYNCBED_HARNESS_RESULTS_RESULT_H

#include "harness/checkers/verdict.h"

#include <jansson.h>
#include <stdbool.h>

/* A string field, "" when it is missing. */
const char *result_text(const json_t *object, const char *field);

/* Of a run: what tells it from others of its approach, as "xa lock_order=parallel". */
const char *result_variant(const json_t *run);

#define RESULT_NEVER "never" /* in place of the time until something that did not come */

/*
 * The number at a dotted path below `object`, as in "latency_ms.ack.p99"; INFINITY for
 * RESULT_NEVER. False when it is missing or null, which means that it was not measured.
 */
bool result_number(const json_t *object, const char *path, double *ret_value);

/* A verdict of a run, or NULL. */
const json_t *result_verdict(const json_t *run, const char *name);

/* Its word: "valid" …; "not judged" when the run has no such verdict. */
const char *result_verdict_word(const json_t *run, const char *name);

/* Is this what the verdict of that name says? */
bool result_verdict_is(const json_t *run, const char *name, enum verdict_word word);

#endif
