/* metrics_json.h - the numbers of a run as fields of results.json: docs/results.md. */
#ifndef SYNCBED_HARNESS_RESULTS_METRICS_JSON_H
#define SYNCBED_HARNESS_RESULTS_METRICS_JSON_H

#include "harness/checkers/metrics.h"

#include <jansson.h>

/* Add them to a run's object. What was not measured is null. */
void metrics_to_json(const struct run_data *run, const struct metrics *m, json_t *into);

#endif
