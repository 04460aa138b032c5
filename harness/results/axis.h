/* axis.h - the variants of approaches, or the schedules, of results.json in the order in which to
 * show them. */
#ifndef SYNCBED_HARNESS_RESULTS_AXIS_H
#define SYNCBED_HARNESS_RESULTS_AXIS_H

#include <jansson.h>

#define AXIS_MAX 32

struct axis {
    unsigned n;
    const char *name[AXIS_MAX]; /* borrowed from the results */
};

/* As the experiment's file lists them, as far as there are runs; then what else the runs name. */
void axis_variants(const json_t *results, struct axis *ret_axis);
void axis_schedules(const json_t *results, struct axis *ret_axis);

#endif
