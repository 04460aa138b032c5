/*
 * log_reads.h - reads through the front door of a log: each store is read by itself, and not before
 * it stands at the position that the reads carry, if they do.
 *
 * A client that was told position {"0": 813} and reads {"after": {"0": 813}} thus reads its own
 * write, at the price of the store's lag. Reads of several stores are each at that position or past
 * it; they are no snapshot.
 *
 * Where a store stands is asked only while somebody waits there, by one question at a time for all
 * who do. Stores are connected to from the first read on: a door that only writes needs none.
 */
#ifndef SYNCBED_APPROACHES_LOG_READS_H
#define SYNCBED_APPROACHES_LOG_READS_H

#include "approaches/approach.h"

#include <event2/event.h>

struct log_reads;

/* What `env` points at must outlive it. */
struct log_reads *log_reads_new(const struct approach_env *env);
/* Answers what is outstanding, `unknown` or `unavailable`. NULL is fine. */
void log_reads_free(struct log_reads *reads);

/*
 * A transaction of reads of known stores, borrowed until `done`, which comes once and not from
 * inside. `timeout` when a store has not reached the position by `deadline_us`, or not answered.
 */
void log_reads_submit(struct log_reads *reads, const struct txn *txn, int64_t deadline_us,
                      approach_done done, void *arg);

unsigned log_reads_in_flight(const struct log_reads *reads);

#endif
