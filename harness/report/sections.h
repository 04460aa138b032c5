/*
 * sections.h - the parts of the page, in the order in which one reads it.
 *
 * A *cell* is what ran under one variant of an approach and one schedule (results/cell.h). Tables
 * tell of all its runs; the latency over time is its worst run's, an example the first one's that
 * has any.
 */
#ifndef SYNCBED_HARNESS_REPORT_SECTIONS_H
#define SYNCBED_HARNESS_REPORT_SECTIONS_H

#include "base/buf.h"
#include "base/error.h"

#include "harness/results/axis.h"
#include "model/outcome.h"

#include <jansson.h>
#include <stddef.h>

struct report {
    const char *dir;
    const json_t *results;
    const json_t *runs;
    struct axis variants, schedules;
};

/* The worst run of a cell; NULL when none ran. */
const json_t *report_run(const struct report *r, const char *variant, const char *schedule);

/* Some run of a variant, for what all of its runs share: its approach, its level, its settings. */
const json_t *report_any_run(const struct report *r, const char *variant);

/* What an acknowledgement of this run means; LEVEL_NONE when it says nothing that we know. */
enum level report_level(const json_t *run);

/* The name of a run's variant, with its colour. */
void report_variant(struct buf *out, const json_t *run);

/* " · closed loop" where that is what it was: it must be told with every latency. */
void report_loop(struct buf *out, const json_t *run);

/* "no fault", "server killed". */
void report_schedule(struct buf *out, const char *schedule);

void section_head(struct buf *out, const struct report *r);
void section_verdicts(struct buf *out, const struct report *r);
void section_matrix(struct buf *out, const struct report *r);
void section_examples(struct buf *out, const struct report *r);
void section_costs(struct buf *out, const struct report *r);
void section_fairness(struct buf *out, const struct report *r);
void section_faults(struct buf *out, const struct report *r);
void section_setup(struct buf *out, const struct report *r);

/* These read the run folders, and can fail; the first one runs gnuplot. */
__attribute__((warn_unused_result)) int section_figures(struct buf *out, const struct report *r,
                                                        struct errctx *err);
__attribute__((warn_unused_result)) int section_operations(struct buf *out, const struct report *r,
                                                           struct errctx *err);

#endif
