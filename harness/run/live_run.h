/*
 * live_run.h - carries out one run of an experiment, phase by phase, and leaves its folder
 * (docs/files.md):
 *
 *   reset -> [warm-up -> reset] -> roles -> load -> drain -> settle -> collect
 *
 * The load's begin is time 0 of the plan and of the schedule. Faults are injected and samples taken
 * by timers meanwhile (injector.h, sampler.h). Only a run that came to its orderly end has the
 * closing line in phases.ndjson, and only such a run is judged.
 */
#ifndef SYNCBED_HARNESS_RUN_LIVE_RUN_H
#define SYNCBED_HARNESS_RUN_LIVE_RUN_H

#include "base/error.h"
#include "harness/experiment.h"
#include "harness/run/session.h"

#include <limits.h>

/*
 * After an error the run's folder is there as of a run that did not finish, and session_recover()
 * comes before another run. -EINTR after SIGINT or SIGTERM; other errors are the environment's (a
 * server that does not start, a disk that is full). An approach that broke its promises is no
 * error. `ret_folder` has PATH_MAX bytes.
 */
__attribute__((warn_unused_result)) int live_run(struct session *session,
                                                 const struct experiment_run *run, char *ret_folder,
                                                 struct errctx *err);

#endif
