/*
 * dual.h - dual writes, as many applications do it: the front door writes each store by itself, one
 * after the other or all at once, and answers when all have answered. Nothing ties the writes
 * together: what fails in one store stays done in the others, a crash in between is remembered by
 * nobody, and two writers of one key may meet the stores in opposite orders.
 */
#ifndef SYNCBED_APPROACHES_DUAL_H
#define SYNCBED_APPROACHES_DUAL_H

#include "approaches/approach.h"
#include "stores/store.h"

#include <stdbool.h>

extern const struct approach dual_approach;

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
