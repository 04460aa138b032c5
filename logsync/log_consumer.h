/*
 * log_consumer.h - reading all partitions of a topic from given positions.
 *
 * No consumer group: a sink's position is kept by its store, together with the data
 * (docs/design.md), so the log need not remember it and nobody rebalances. This is librdkafka's
 * "simple consumer".
 *
 * Records are pulled. A reader that is busy does not pull, librdkafka's own buffer fills up to its
 * bound and then it stops fetching: that is all the flow control there is.
 */
#ifndef SYNCBED_LOGSYNC_LOG_CONSUMER_H
#define SYNCBED_LOGSYNC_LOG_CONSUMER_H

#include "base/error.h"
#include "model/topology.h"
#include "model/txn.h"

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

/* Fetched and not pulled, in kilobytes; one response (8 MB) may come on top. */
#define LOG_CONSUMER_BUFFER_KB 16384

struct log_record {
    unsigned partition;
    int64_t offset;
    const char *data; /* NULL: the record is empty */
    size_t size;
};

struct log_consumer;

struct log_consumer_options {
    const struct address *bootstrap; /* borrowed during log_consumer_new() only, as is topic */
    const char *topic;
    unsigned n_partitions;
    void (*readable)(void *arg);                 /* from the loop: pull until there is none */
    void (*notice)(void *arg, const char *text); /* trouble that mends itself; or NULL */
    void *arg;
};

/* Reads nothing yet. -errno when there are no descriptors left. */
__attribute__((warn_unused_result)) int log_consumer_new(struct event_base *base,
                                                         const struct log_consumer_options *options,
                                                         struct log_consumer **ret_consumer,
                                                         struct errctx *err);
void log_consumer_free(struct log_consumer *consumer); /* NULL is fine */

/*
 * Read every partition from `position` (n == n_partitions, offsets from 0); again at any time: then
 * nothing fetched before comes any more. Succeeds while the broker is down. Blocks for a hand-shake
 * with librdkafka's threads (a millisecond), never for the network. -EINVAL, -ENOMEM, -EIO.
 */
__attribute__((warn_unused_result)) int log_consumer_start(struct log_consumer *consumer,
                                                           const struct position *position,
                                                           struct errctx *err);

/*
 * The next record, in log order within its partition; offsets may have gaps. 1: there is one, valid
 * until the next call. 0: none has arrived; `readable` is called when one has. -ENODATA: the log no
 * longer holds the position asked for (ERR_FATAL).
 */
__attribute__((warn_unused_result)) int
log_consumer_next(struct log_consumer *consumer, struct log_record *ret_record, struct errctx *err);

/* The partition's end (offset of the next record to be written) as last heard; -1: not yet. */
int64_t log_consumer_end(const struct log_consumer *consumer, unsigned partition);

#endif
