/*
 * figures.h - the figures of one run and of one schedule, from the run's own files.
 *
 * Latency counts from the planned time (open loop), so an operation that waited behind a dead door
 * shows its whole wait. No figure mixes levels of acknowledgement.
 */
#ifndef SYNCBED_HARNESS_REPORT_FIGURES_H
#define SYNCBED_HARNESS_REPORT_FIGURES_H

#include "base/buf.h"
#include "base/error.h"
#include "harness/checkers/run_data.h"

#include <jansson.h>
#include <stddef.h>

/* Every write of the run as a dot: when it was planned, how long until its end; what failed or
 * stayed unknown in the colour of bad news; the time of each fault shaded. `id` is unique. */
__attribute__((warn_unused_result)) int
figure_latency(struct buf *out, const char *id, const struct run_data *run, struct errctx *err);

/* A distribution of latencies: which share took longer than x. */
struct figure_curve {
    const json_t *run; /* of results.json: names the curve; borrowed */
    unsigned dash;     /* 0: a solid line; else of FIGURE_DASHES, to tell variants apart */
    size_t n;
    double *ms; /* sorted, ascending; owned by the caller; INFINITY: never */
};

#define FIGURE_DASHES 4

/* The lengths of strokes and gaps as in SVG's stroke-dasharray; "" for a solid line. */
const char *figure_dash(unsigned dash);

/* The acknowledged writes of a run that were answered at its native level. `ret_curve->ms` is the
 * caller's to free(). */
void figure_curve_of(const struct run_data *run, enum level level, struct figure_curve *ret_curve);

/* The writes that the prober looked for, until they were seen everywhere at the latest. */
void figure_curve_of_probes(const struct run_data *run, struct figure_curve *ret_curve);

/* All variants, and all their runs, in one frame (complementary distribution, both axes log). */
__attribute__((warn_unused_result)) int figure_distribution(struct buf *out, const char *id,
                                                            const char *title,
                                                            const struct figure_curve *curves,
                                                            size_t n, struct errctx *err);

#endif
