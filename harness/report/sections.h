/*
 * sections.h - the parts of the page, in the order in which one reads it.
 *
 * A *cell* is what ran under one approach and one schedule: a run, or several (seeds, repeats). A
 * cell shows its worst run, so that no anomaly hides behind an average.
 */
#ifndef SYNCBED_HARNESS_REPORT_SECTIONS_H
#define SYNCBED_HARNESS_REPORT_SECTIONS_H

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>
#include <stddef.h>

#define REPORT_AXIS_MAX 32

struct report {
    const char *dir;
    const json_t *results;
    const json_t *runs;
    unsigned n_approaches; /* in the order of the table of approaches */
    const char *approach[REPORT_AXIS_MAX];
    unsigned n_schedules; /* in the order of the experiment's file, as far as they ran */
    const char *schedule[REPORT_AXIS_MAX];
};

/* The worst run of a cell, and how many there are; NULL when none ran. */
const json_t *report_cell(const struct report *r, const char *approach, const char *schedule,
                          unsigned *ret_n);

void section_head(struct buf *out, const struct report *r);
void section_verdicts(struct buf *out, const struct report *r);
void section_matrix(struct buf *out, const struct report *r);
void section_sentences(struct buf *out, const struct report *r);
void section_costs(struct buf *out, const struct report *r);
void section_setup(struct buf *out, const struct report *r);

/* Reads the run folders and runs gnuplot; the only sections that can fail. */
__attribute__((warn_unused_result)) int section_figures(struct buf *out, const struct report *r,
                                                        struct errctx *err);

#endif
