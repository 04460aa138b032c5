/*
 * our_coordinator.h - our coordinator as the programs of the bench open it: over the servers of the
 * command line, without a journal (the floors and the peers keep none). Locks are taken in
 * parallel: a lone coordinator cannot meet another in the opposite order. Whatever fails ends the
 * program.
 */
#ifndef SYNCBED_BENCH_OURS_OUR_COORDINATOR_H
#define SYNCBED_BENCH_OURS_OUR_COORDINATOR_H

#include "bench/contender.h"
#include "coordinator/coordinator.h"

/* Open the log and begin to recover; `ready` is set once that is done everywhere. `sessions`: at
 * each server. */
struct coordinator *our_coordinator_open(struct event_base *base,
                                         const struct contender_options *options,
                                         enum twopc_reply_rule reply_rule, unsigned sessions,
                                         bool *ret_ready);

/* Run the loop until all servers are recovered. */
void our_coordinator_await(struct event_base *base, struct coordinator *coordinator,
                           const bool *ready);

/* A transfer from one account of the first server to one of each other. */
void our_transfer(struct txn *txn, const struct contender_options *options, unsigned client,
                  uint64_t sequence, uint64_t *random);

#endif
