/*
 * fill.h - what a workload finds when it begins: the accounts of `transfer`, with their balance.
 *
 * Put there directly at each store, before any role runs, so that every approach begins alike. Each
 * account's journal then begins with request "init", "0 incr <balance>": the one entry that no
 * operation of the history asked for.
 */
#ifndef SYNCBED_HARNESS_RUN_FILL_H
#define SYNCBED_HARNESS_RUN_FILL_H

#include "base/error.h"
#include "harness/run/session.h"
#include "harness/workload/workload.h"

#define FILL_REQUEST "init"

/* The stores are empty. Does nothing for a workload that begins with nothing. */
__attribute__((warn_unused_result)) int fill(struct session *session,
                                             const struct workload *workload, struct errctx *err);

#endif
