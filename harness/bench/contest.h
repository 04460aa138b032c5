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

/* Beside syncbed itself: build/…/bench/NAME; the caller's. */
char *contest_program(const char *name);

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
    const char *folder;        /* for logs */
    const char *preload;       /* a library for the contender's process; NULL: none */
    uint16_t port[STORES_MAX]; /* where contenders reach server `i`; 0: at its own */
    unsigned hot_percent;      /* of the transfers meet at one account */
    int64_t warm_up_ms, measure_ms;
    void (*watch)(void *arg, int64_t pid); /* every second while it runs; NULL: nobody looks */
    void *arg;                             /* of `watch` */
    struct roles roles;                    /* of CONTENDER_SERVED */
};

/* Why there are no peers, in a word; NULL: there are. */
const char *contest_no_peers(void);

/* The path of a program beside syncbed itself, build/…/bench/NAME; the caller's. */
char *contest_program(const char *name);

/*
 * Run one of our programs with the contender's options until it ends by itself, or by SIGKILL where
 * it is meant to: then `ret_line` is NULL. Else that is what it said last, the caller's.
 */
__attribute__((warn_unused_result)) int contest_call(struct contest *contest, const char *program,
                                                     const char *mode, unsigned clients,
                                                     json_t **ret_line, struct errctx *err);

/*
 * -EIO: the contender failed (its words are in `err`), or the servers' balances are not what they
 * should be after it.
 */
__attribute__((warn_unused_result)) int
contest_run(struct contest *contest, enum contender_kind kind, const char *mode, unsigned clients,
            struct measurement *ret_measurement, struct errctx *err);

#endif
