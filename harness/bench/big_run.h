/*
 * big_run.h - a run folder (docs/files.md) of as many operations as one likes, every promise kept:
 * food for the checkers.
 */
#ifndef SYNCBED_HARNESS_BENCH_BIG_RUN_H
#define SYNCBED_HARNESS_BENCH_BIG_RUN_H

#include "base/error.h"

#include <stddef.h>

/*
 * `fanout` under `xa`: n operations over 5000 keys at pg1, pg2 and redis, every seventh of them a
 * direct read of what was written last. `folder` is made.
 */
__attribute__((warn_unused_result)) int big_run_write(const char *folder, size_t n,
                                                      struct errctx *err);

#endif
