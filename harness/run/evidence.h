/*
 * evidence.h - what decides unknown outcomes, gathered once a run has come to rest (or has not):
 * the decisions of each front door, every record of the topic, what is still prepared, and how it
 * settled. Written to evidence.ndjson (docs/files.md).
 */
#ifndef SYNCBED_HARNESS_RUN_EVIDENCE_H
#define SYNCBED_HARNESS_RUN_EVIDENCE_H

#include "base/error.h"
#include "harness/lines.h"
#include "harness/run/crew.h"
#include "harness/run/settle.h"

/* What is prepared at the stores now: to be called when settling has ended, whatever its end. */
__attribute__((warn_unused_result)) int
evidence_prepared(struct lines *evidence, struct session *session, struct errctx *err);

/* All the rest. The front doors must have stopped. -errno when something cannot be read. */
__attribute__((warn_unused_result)) int evidence_collect(struct lines *evidence, struct crew *crew,
                                                         const struct settling *settling,
                                                         struct errctx *err);

/* … and what an operator has settled by hand meanwhile (store_view()). */
__attribute__((warn_unused_result)) int
evidence_by_hand(struct lines *evidence, struct session *session, struct errctx *err);

#endif
