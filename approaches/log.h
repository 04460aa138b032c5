/*
 * log.h - keeping stores in sync by a log: the front door appends the transaction to one partition
 * of one topic, and answers `logged` when the log has it durably. One sink a store (sink.h)
 * follows. The front door keeps nothing that matters: kill it, start another.
 *
 * A transaction that only reads does not go through the log: the door reads the stores themselves,
 * after the position that it carries (log_reads.h).
 *
 * What it cannot do, by nature (answered `unsupported`): reads beside writes, `insert` and bounded
 * `incr`, since no store can answer, or refuse, what is already in the log; transactions over keys
 * of different partitions, since stores may then apply them in different orders - unless all they
 * do is unbounded `incr`, which commutes.
 *
 * While the log is silent or away, requests wait at the door. One that still waits at its deadline
 * is withdrawn: `unavailable`, and surely in no log. One that has been given to the log client and
 * is not acknowledged by then is `timeout`: it may be in the log, or get there when the log is
 * back.
 *
 * A request sent twice (say, by a client that lost the first answer) is two records and is applied
 * twice. Within one producer session the log itself drops duplicates of its own retries; duplicates
 * of the clients' would have to be dropped by request id at the sinks, where all doors' records
 * meet. That is not built yet.
 */
#ifndef SYNCBED_APPROACHES_LOG_H
#define SYNCBED_APPROACHES_LOG_H

#include "approaches/approach.h"

/* Mistakes that can be built in; log.c has a sentence for each. */
enum log_break {
    LOG_SOUND,
    LOG_ACK_BEFORE_LOG,
    LOG_TIMEOUT_IS_FAILURE,
    LOG_ANY_PARTITION,
    LOG_POSITION_BEFORE_DATA, /* these two are made by the sinks */
    LOG_POSITION_AFTER_DATA,
    LOG_BREAKS
};

extern const struct approach log_approach;

/*
 * The partition of a transaction that writes, below n_partitions; or -ENOTSUP with a sentence in
 * `ret_why` when a log cannot carry it.
 */
__attribute__((warn_unused_result)) int log_partition(const struct txn *txn, unsigned n_partitions,
                                                      const char **ret_why);

#endif
