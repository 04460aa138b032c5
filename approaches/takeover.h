/*
 * takeover.h - what coordinators that are gone have left in doubt is settled by those that live, by
 * what stands in the decision topic (topic_log.h).
 *
 * Every TAKEOVER_LOOK_US each store is asked what is in doubt there. A branch whose incarnation is
 * gone, our own earlier ones included, is committed or rolled back as the topic says; where it says
 * nothing, ABORT is written, and what is read back counts: the coordinator may only have been
 * paused, and its COMMIT may stand before. Several may do this at once, and each step again.
 */
#ifndef SYNCBED_APPROACHES_TAKEOVER_H
#define SYNCBED_APPROACHES_TAKEOVER_H

#include "approaches/topic_log.h"
#include "stores/store.h"

#include <event2/event.h>
#include <stdint.h>

#define TAKEOVER_LOOK_US INT64_C(200000)

struct takeover;

/* Begin. The log is borrowed; the stores, of sessions of their own, are the take-over's now. */
struct takeover *takeover_new(struct event_base *base, struct topic_log *log,
                              struct store *const *stores, unsigned n_stores);
void takeover_free(struct takeover *t); /* NULL is fine */

/* Branches committed and rolled back so far. */
void takeover_counts(const struct takeover *t, uint64_t *ret_committed, uint64_t *ret_rolled_back);

#endif
