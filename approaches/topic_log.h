/*
 * topic_log.h - a decision log that several coordinators share: a Kafka topic.
 *
 * All of them append to one partition, and each reads all of it. What was decided for a gid is its
 * *first* record, COMMIT or ABORT, in the order of offsets. So nobody acts on what it has sent,
 * only on what it has read: a COMMIT that stands behind somebody's ABORT has lost, and its
 * coordinator aborts. The broker's order is the consensus; no transactions, no fencing of
 * producers. A record that is repeated after an unknown delivery says what the first one said.
 *
 *   hello    read back, everything before has been read
 *   epoch    an incarnation begins, with a random number: of two with one number the first counts,
 *            and the other takes the next. Reading a later one of its own name, a coordinator ends
 *   alive    four a second. Whoever has none of its records between four of ours is taken to be
 *            gone: counted in the log, so that neither clocks nor our own pauses matter. A mistake
 *            costs an abort, never agreement
 *   commit, abort, end    as in decision.h; here an abort is written, too, by who takes over
 *
 * A record is one line of JSON: docs/decisions/0010-decisions-on-a-topic.md. The topic must never
 * be compacted, which would keep the last record of a gid instead of the first.
 */
#ifndef SYNCBED_APPROACHES_TOPIC_LOG_H
#define SYNCBED_APPROACHES_TOPIC_LOG_H

#include "approaches/topic_known.h"
#include "coordinator/decision_log.h"
#include "model/topology.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#define TOPIC_ALIVE_US   INT64_C(250000)
#define TOPIC_MISSED_MAX 4     /* of our own signs of life since somebody's last: it is gone */
#define TOPIC_ENDED_KEPT 65536 /* decided gids that nobody asks for any more */
#define TOPIC_INFLIGHT   8192

struct topic_log;

struct topic_log_options {
    struct event_base *base;
    const struct address *bootstrap; /* borrowed while it is made, like the strings */
    const char *topic;
    const char *owner;        /* this coordinator's name */
    void (*ready)(void *arg); /* its epoch is in the log: it may be a coordinator's */
    void (*failed)(void *arg, const struct errctx *err); /* before; later decision_log_collect() */
    void *arg;
};

/* -errno from the clients of Kafka; the broker may be away. */
__attribute__((warn_unused_result)) int topic_log_new(const struct topic_log_options *options,
                                                      struct topic_log **ret_log,
                                                      struct errctx *err);

/* As a coordinator's; closing it frees it. */
struct decision_log *topic_log_decisions(struct topic_log *log);
const char *topic_log_incarnation(const struct topic_log *log);

/* --- taking over ------------------------------------------------------------------------------ */

/* What stands in the log for this gid, as far as it was read. */
enum topic_outcome topic_log_outcome(const struct topic_log *log, const char *gid);

/* Write ABORT for it, unless that is under way. What counts is what is read then. */
void topic_log_abort(struct topic_log *log, const char *gid);

/* Is this incarnation gone: silent, or followed by another of its name? Never our own. */
bool topic_log_gone(const struct topic_log *log, const char *coordinator, int64_t epoch);

#endif
