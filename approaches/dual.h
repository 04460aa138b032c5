/*
 * dual.h - dual writes, as many applications do it: the front door writes each store by itself, one
 * after the other or all at once, and answers when all have answered. Nothing ties the writes
 * together: what fails in one store stays done in the others, a crash in between is remembered by
 * nobody, and two writers of one key may meet the stores in opposite orders.
 *
 * That is the naive variant. Two settings make it as good as it gets without a coordinator:
 *   retry: same-request   what a store has refused for the moment, or not answered, is sent again
 *                         until the deadline. Stores remember request ids, so that it is done once,
 *                         also when the client sends it again through another door.
 *   versioned: yes        each write carries a version, of the door's clock; stores that got two
 *                         writes in opposite orders keep the same one. An acknowledged write loses
 *                         against an earlier one of a door whose clock is ahead.
 * A door that crashes in between still leaves what it leaves.
 */
#ifndef SYNCBED_APPROACHES_DUAL_H
#define SYNCBED_APPROACHES_DUAL_H

#include "approaches/approach.h"
#include "stores/store.h"

#include <stdbool.h>

extern const struct approach dual_approach;

/*
 * The version of a write at `wall_us` through door number `door` (below ROLES_MAX), above `last`,
 * the door's latest. No two doors give the same one.
 */
int64_t dual_version(int64_t wall_us, unsigned door, int64_t last);

/* What one store answered. */
struct dual_answer {
    const char *store;
    bool writes; /* else it was only read there */
    enum store_status status;
    char detail[STORE_DETAIL_SIZE];
};

/*
 * What the client hears: ok when all did; a definite code when surely nothing was written;
 * `partial` when some store surely wrote and another did not or may not have; `timeout` (after the
 * deadline) or `unknown` when no store is known to have written, but one may have. Sets code,
 * level, detail.
 */
void dual_combine(const struct dual_answer *answer, unsigned n, bool expired,
                  struct reply *ret_reply);

#endif
