/*
 * crew.h - the processes of one run: front doors, sinks and the load, in a folder of their own.
 *
 * The same crew serves a warm-up (with a workload and a folder of its own) and the run itself.
 */
#ifndef SYNCBED_HARNESS_RUN_CREW_H
#define SYNCBED_HARNESS_RUN_CREW_H

#include "base/error.h"
#include "harness/experiment.h"
#include "harness/run/roles.h"
#include "harness/run/session.h"
#include "harness/workload/workload.h"
#include "model/topology.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define CREW_LOG_TIMEOUT_MS 500 /* log_admin blocks: short, so that Ctrl-C is heard */

struct crew {
    struct session *session;
    const struct experiment_run *run;
    const struct workload *workload;
    char folder[PATH_MAX];
    struct topology *topology;
    struct roles roles;
    bool load_finished;    /* its last operation has ended, its history is closed */
    char load_failed[300]; /* why its history is not whole; "" */
    char ended[140];       /* of the first role or server that ended by itself, how; "" */
};

/* Make `folder` with config.yaml, and empty folders for control sockets, logs and final states. */
__attribute__((warn_unused_result)) int crew_make_folder(const struct session *session,
                                                         const struct experiment_run *run,
                                                         const struct workload *workload,
                                                         const char *folder, struct errctx *err);

/*
 * Make `folder`, if need be, with config.yaml and topology.yaml, a topic where the approach has
 * one, and start everybody. Must not be moved afterwards; give it to crew_done() in any case.
 */
__attribute__((warn_unused_result)) int crew_start(struct crew *crew, struct session *session,
                                                   const struct experiment_run *run,
                                                   const struct workload *workload,
                                                   const char *folder, struct errctx *err);

/* Tell the load when to begin; crew_load_over() tells the end. */
__attribute__((warn_unused_result)) int crew_begin_load(struct crew *crew, int64_t at_us,
                                                        struct errctx *err);

/* It finished, failed, or its process ended. */
bool crew_load_over(const struct crew *crew);

/* The load is over: 0 when it finished, else -EIO. */
__attribute__((warn_unused_result)) int crew_check_load(struct crew *crew, struct errctx *err);

/*
 * The keeper says that a role or server ended, and no fault wanted it. True: nor did we, so that it
 * ended by itself.
 */
bool crew_exited(struct crew *crew, const char *name, const struct keeper_end *end);

/* Where the topic ends; waits for a broker that is gone, and hears an interruption meanwhile. */
__attribute__((warn_unused_result)) int crew_log_ends(struct crew *crew, struct position *ret_ends,
                                                      struct errctx *err);

/* End everybody, and delete the topic and the front doors' data. */
__attribute__((warn_unused_result)) int crew_stop(struct crew *crew, struct errctx *err);
void crew_done(struct crew *crew);

/* The name of front door `i`, from 0. */
void crew_door(unsigned i, char ret_name[ROLE_NAME_SIZE]);

#endif
