/*
 * served_door.h - `syncbed serve --approach xa` for one measurement of `bench 2pc`: started before
 * it, ended after it, with a session of its own at every store in between.
 */
#ifndef SYNCBED_HARNESS_BENCH_SERVED_DOOR_H
#define SYNCBED_HARNESS_BENCH_SERVED_DOOR_H

#include "harness/bench/contest.h"
#include "servers/spawn.h"

/* Start the door and tell the client's command line where it is. */
__attribute__((warn_unused_result)) int
served_door_start(struct contest *contest, struct spawn_plan *plan, struct errctx *err);

/* End it, unless none was started; `ret_fsyncs`: of its decision log for a transaction. */
__attribute__((warn_unused_result)) int served_door_stop(struct contest *contest,
                                                         double *ret_fsyncs, struct errctx *err);

#endif
