/*
 * null_door.h - the load generator against a front door that does nothing (`serve --approach
 * null`): what is measured then is the harness.
 */
#ifndef SYNCBED_HARNESS_BENCH_NULL_DOOR_H
#define SYNCBED_HARNESS_BENCH_NULL_DOOR_H

#include "base/error.h"
#include "harness/workload/workload.h"

struct null_door_result {
    double ops_per_s;     /* answered `ok`, from the load's begin to the last answer */
    double refused_share; /* of all: what came while the door had as many in flight as it takes */
    double p50_ms;        /* from the planned time to the answer */
    double p99_ms;
    double load_cpu_us; /* processor time of that process for one operation */
    double serve_cpu_us;
};

/*
 * One front door and the load, each a process of its own, with `workload` (no reads, no probes:
 * there is no store). The topology, history and logs are left in `folder`. An operation that ends
 * neither ok nor refused is an error.
 */
__attribute__((warn_unused_result)) int null_door_run(const char *folder,
                                                      const struct workload *workload,
                                                      struct null_door_result *ret_result,
                                                      struct errctx *err);

#endif
