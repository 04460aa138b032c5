/*
 * contest.h - one contender of `bench 2pc` for one measurement: a process of its own, which ends
 * with a line of numbers (bench/contender.h), checked against what the servers say.
 */
#ifndef SYNCBED_HARNESS_BENCH_CONTEST_H
#define SYNCBED_HARNESS_BENCH_CONTEST_H

#include "base/error.h"
#include "harness/bench/two_servers.h"
#include "harness/run/roles.h"

#include <stdbool.h>

enum contender_kind {
    CONTENDER_FLOOR,
    CONTENDER_IN_PROCESS, /* our coordinator, called in process */
    CONTENDER_SERVED,     /* … through `syncbed serve` */
    CONTENDER_PEER,       /* somebody else's */
};

/* What is measured; NAN where the contender does not know. */
struct measurement {
    double tps;
    double p50_ms, p99_ms;
    double fsyncs_per_txn;  /* of the coordinator */
    double flushes_per_txn; /* of a participant */
    double cpu_us_per_txn;
};

struct contest {
    struct two_servers *servers;
    const char *folder;  /* for logs */
    const char *preload; /* a library for the contender's process; NULL: none */
    int64_t warm_up_ms, measure_ms;
    struct roles roles; /* of CONTENDER_SERVED */
};

/* Why there are no peers, in a word; NULL: there are. */
const char *contest_no_peers(void);

/*
 * -EIO: the contender failed (its words are in `err`), or the servers' balances are not what they
 * should be after it.
 */
__attribute__((warn_unused_result)) int
contest_run(struct contest *contest, enum contender_kind kind, const char *mode, unsigned clients,
            struct measurement *ret_measurement, struct errctx *err);

#endif
