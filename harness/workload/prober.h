/*
 * prober.h - looks for the load's probes at every store, and writes probes.ndjson: when was a write
 * first seen there?
 *
 * A probe is an ordinary write of a fresh key (workload.h), so that "the key is there" means "this
 * write is visible". From its sending on the prober reads that key at each of its stores over
 * sessions of its own, one poll at a time, the next PROBE_GAP_US after the last or, when the probe
 * has become old, a sixteenth of its age later. What is known in the end is an interval, never a
 * point: the write was not there yet when the last poll that missed it was *invoked*, and was there
 * when the first poll that found it was *answered*.
 *
 *   {"t":"probe","op":17,"store":"pg1","unseen":1201010,"seen":1202250}    µs of CLOCK_MONOTONIC
 *   {"t":"end","lines":N}
 *
 * `unseen` is null when no poll missed it, `seen` when none found it. A poll that failed says
 * nothing, and is in neither.
 *
 * The prober goes on when the load has ended, until it is stopped, so that it never holds a run up.
 * At most PROBES_MAX are looked for at a time: a further one ends the oldest as it stands. Nothing
 * is chosen by how long it takes that way; docs/results.md.
 */
#ifndef SYNCBED_HARNESS_WORKLOAD_PROBER_H
#define SYNCBED_HARNESS_WORKLOAD_PROBER_H

#include "base/error.h"
#include "model/topology.h"
#include "model/txn.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#define PROBES_MAX   64
#define PROBE_GAP_US INT64_C(1000)

struct prober;

/* Opens every store of the topology as `role` reaches it, and makes the file `path` anew. */
__attribute__((warn_unused_result)) int prober_new(struct event_base *base,
                                                   const struct topology *topology,
                                                   const char *role, const char *path,
                                                   struct prober **ret_prober, struct errctx *err);

bool prober_connected(const struct prober *prober);

/* What came of the polls so far. */
struct prober_counts {
    unsigned alive;                 /* stores that can be asked now */
    unsigned polling;               /* polls that are not answered yet */
    uint64_t missed, found, failed; /* polls of what is looked for, by their answer */
};
void prober_count(const struct prober *prober, struct prober_counts *ret_counts);

/* Operation `op`, which writes `txn` (not kept), was sent; once an operation. */
void prober_watch(struct prober *prober, int64_t op, const struct txn *txn);

/* It definitely did not happen. An operation that is not looked for is fine. */
void prober_forget(struct prober *prober, int64_t op);

/* Write down what is known of the others, and close the file; once. -errno when it could not be
 * written. */
__attribute__((warn_unused_result)) int prober_stop(struct prober *prober, struct errctx *err);
void prober_free(struct prober *prober); /* after prober_stop(), or never used; NULL is fine */

#endif
