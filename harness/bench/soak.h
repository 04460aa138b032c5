/* soak.h - is the coordinator's memory flat under full load? */
#ifndef SYNCBED_HARNESS_BENCH_SOAK_H
#define SYNCBED_HARNESS_BENCH_SOAK_H

#include "harness/bench/bench.h"
#include "harness/bench/contest.h"

/* `default` with 32 clients for so long: its memory is printed as it goes, and what it was when
 * everything that is remembered was full, and in the end, becomes rows of `soak/32`. */
__attribute__((warn_unused_result)) int soak_measure(struct contest *contest, unsigned minutes,
                                                     struct bench *bench, struct errctx *err);

#endif
