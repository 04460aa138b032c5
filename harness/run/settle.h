/*
 * settle.h - waiting until nothing can change any more, as docs/design.md defines "settled":
 *
 *   drain    front doors have nothing in flight and nothing is in doubt; they are stopped, and
 *            their sessions at the stores are seen to be gone
 *   settle   a marker in each partition, and every sink past it; then every sink at the end of the
 *            topic, and two scans a second apart with equal states and topic ends
 *
 * Both together have the experiment's settle deadline. Not to reach it is a finding, not an error.
 */
#ifndef SYNCBED_HARNESS_RUN_SETTLE_H
#define SYNCBED_HARNESS_RUN_SETTLE_H

#include "base/error.h"
#include "harness/run/crew.h"
#include "harness/run/scan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTLE_SCANS_APART_US (1 * US_PER_S)

struct settle_scan {
    int64_t from_us;
    int64_t to_us;
    bool equal;
};

struct settling {
    struct crew *crew;
    int64_t deadline_us;
    bool settled;
    char why[200];        /* not settled: what was missing */
    struct position past; /* what sinks have to reach: behind the markers, then the topic's ends */
    size_t n_scans;
    size_t capacity;
    struct settle_scan *scan;
    struct scan last; /* its files are the final states */
};

/* Begin: the faults are over, the load has ended. Give it to settling_done() in any case. */
void settling_init(struct settling *s, struct crew *crew, int64_t timeout_us);
void settling_done(struct settling *s);

/*
 * The two parts, in this order. 0 also when the deadline passed: then s->why says what was missing,
 * and what follows is skipped. -EINTR and failures of the harness itself (a file not written).
 */
__attribute__((warn_unused_result)) int settle_drain(struct settling *s, struct errctx *err);
__attribute__((warn_unused_result)) int settle_rest(struct settling *s, struct errctx *err);

/* One more scan, for the final states of what did not settle. */
__attribute__((warn_unused_result)) int settle_look(struct settling *s, struct errctx *err);

#endif
