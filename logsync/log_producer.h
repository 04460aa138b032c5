/*
 * log_producer.h - appending records to the log, and knowing what became of each.
 *
 * An idempotent producer (acks=all, linger 0): retries inside one session neither duplicate nor
 * reorder. We choose the partition, because the order of a key's writes is the order within one
 * partition (model/envelope.h, envelope_partition()).
 *
 * Every message that log_producer_send() took gets exactly one delivery:
 *
 *   ACKNOWLEDGED    the log has it, durably, at this offset.
 *   NOT_PERSISTED   it is not in the log and never will be. Only said on librdkafka's
 *                   RD_KAFKA_MSG_STATUS_NOT_PERSISTED, which no message gets any more once an
 *                   attempt of it was written to a socket and not answered; and never once the
 *                   producer is fatal.
 *   UNKNOWN         everything else: it may be in the log, or may still get there.
 *
 * One request at a time is in flight to a broker. With more, the first records of a session can get
 * lost and be acknowledged (seen here with Kafka 4.3.1, in one of seven new topics): a broker that
 * has no state of a producer takes any sequence number, so when the first request fails because
 * the leader is not ready, and the second succeeds, the retry of the first is answered "duplicate".
 * It costs nothing: a broker serves one request of a connection at a time, and batches grow.
 * For the same reason a success without an offset, which is how "duplicate" reads, is UNKNOWN.
 *
 * librdkafka has one time-out for all its messages, and cannot give back one of them: what it holds
 * may be written at any moment. So it is given no more than it can send. While the log is silent or
 * away, messages wait here, and those can be withdrawn for certain: log_producer_withdraw() is how
 * a caller keeps the deadline of each. One message is out all the same, and finds the log when it
 * is back.
 *
 *   WAITING --the log answers, or nothing is out--> GIVEN --delivery--> over
 *      `-----------------withdrawn---------------------------------------^
 *
 * After a fatal error (librdkafka 2.0.2 can meet one after a disconnect) the sequence numbers are
 * worth nothing any more. What was given is UNKNOWN and is never produced again; a new producer is
 * made, and work goes on.
 */
#ifndef SYNCBED_LOGSYNC_LOG_PRODUCER_H
#define SYNCBED_LOGSYNC_LOG_PRODUCER_H

#include "base/buf.h"
#include "base/error.h"
#include "model/topology.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

enum log_result { LOG_ACKNOWLEDGED, LOG_NOT_PERSISTED, LOG_UNKNOWN };

struct log_delivery {
    enum log_result result;
    unsigned partition;
    int64_t offset;     /* ACKNOWLEDGED */
    const char *detail; /* the reason when not acknowledged, else ""; valid during the call */
};

/*
 * One message under way, in the caller's storage, zeroed at first; it must not move or go before
 * `delivered`, or before it is withdrawn.
 */
struct log_message {
    void (*delivered)(void *arg, const struct log_delivery *delivery);
    void *arg;
    /* private */
    struct log_message *prev, *next;
    bool waits;
    unsigned partition;
    struct buf content; /* while it waits: key, '\0', record */
};

struct log_producer;

struct log_producer_options {
    const struct address *bootstrap; /* borrowed during log_producer_new() only, as is topic */
    const char *topic;
    unsigned inflight_max; /* messages under way; send() answers -EAGAIN above */
    /*
     * A message that was given and not acknowledged after this long is given up. What never left
     * comes back NOT_PERSISTED, up to a second later: librdkafka looks once a second.
     */
    unsigned message_timeout_ms;
    /* Trouble that mends itself (broker away, producer replaced), for the process's log; or NULL.
     */
    void (*notice)(void *arg, const char *text);
    void *arg;
};

/* Succeeds while the broker is down. -EINVAL, -ENOMEM, or -errno. */
__attribute__((warn_unused_result)) int log_producer_new(struct event_base *base,
                                                         const struct log_producer_options *options,
                                                         struct log_producer **ret_producer,
                                                         struct errctx *err);

/*
 * What is open is delivered from inside, as UNKNOWN or, where it was never given, NOT_PERSISTED;
 * nothing may be sent then. NULL is fine.
 */
void log_producer_free(struct log_producer *producer);

/*
 * Append `record` to `partition`, under `key` (a string); both are copied. 0: one delivery will
 * come, from the loop. Else nothing was sent and none will:
 *   -EAGAIN   too many under way, or the producer is being replaced (ERR_RETRY)
 *   -EMSGSIZE above the log's message limit (ERR_ABORT)
 *   -EIO      what librdkafka says (ERR_FATAL: it is in no table)
 *   -EINVAL, -ENOMEM   no new producer could be made after a fatal error (ERR_FATAL)
 */
__attribute__((warn_unused_result)) int
log_producer_send(struct log_producer *producer, struct log_message *message, unsigned partition,
                  const char *key, const struct buf *record, struct errctx *err);

/*
 * Take a message back. True: it was still waiting, is not in the log and never will be; no delivery
 * comes. False: too late, its delivery comes.
 */
bool log_producer_withdraw(struct log_producer *producer, struct log_message *message);

/* How often a producer was replaced after a fatal error. */
unsigned log_producer_replaced(const struct log_producer *producer);

/* Make it fatal, as librdkafka would after an unresolvable gap: for tests of what follows. */
void log_producer_break(struct log_producer *producer);

#endif
