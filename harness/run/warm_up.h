/*
 * warm_up.h - lets an approach work for a while before its first run, so that the runs do not
 * measure a fresh broker's compiler: it is bound by that for its first 20,000 requests.
 *
 * A crew of its own in a folder of its own, with the experiment's workload but without reads and
 * faults and, where a log is used, at a rate that makes those requests; everything it leaves is
 * removed afterwards.
 */
#ifndef SYNCBED_HARNESS_RUN_WARM_UP_H
#define SYNCBED_HARNESS_RUN_WARM_UP_H

#include "base/error.h"
#include "harness/experiment.h"
#include "harness/run/session.h"

/* Work for the experiment's warm_up_us below `folder`, and mark the approach as warmed. */
__attribute__((warn_unused_result)) int warm_up(struct session *session,
                                                const struct experiment_run *run,
                                                const char *folder, struct errctx *err);

#endif
