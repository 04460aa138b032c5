/* recovery_time.h - how long a coordinator is over what its killed predecessor left in doubt. */
#ifndef SYNCBED_HARNESS_BENCH_RECOVERY_TIME_H
#define SYNCBED_HARNESS_BENCH_RECOVERY_TIME_H

#include "harness/bench/contest.h"

#define RECOVERY_BRANCHES 190 /* at two servers, half of them each */

struct recovery_time {
    double from_log_ms;   /* from the opened log until the last branch was committed */
    double from_start_ms; /* … from the start of the process */
};

/*
 * Bring that many branches to "decided, nobody told", kill the coordinator there, and start the
 * next. -EIO when afterwards a branch is left, a transfer is missing, or it was done twice.
 */
__attribute__((warn_unused_result)) int
recovery_measure(struct contest *contest, struct recovery_time *ret_time, struct errctx *err);

#endif
