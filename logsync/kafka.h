/*
 * kafka.h - private to this folder: making librdkafka handles, and waking the event loop for them.
 *
 * librdkafka works in threads of its own and hands results over in queues. A queue writes to an
 * eventfd when it goes from empty to not empty, and only then: who is woken must take everything,
 * or remember that there is more.
 */
#ifndef SYNCBED_LOGSYNC_KAFKA_H
#define SYNCBED_LOGSYNC_KAFKA_H

#include "base/error.h"
#include "model/topology.h"

#include <event2/event.h>
#include <librdkafka/rdkafka.h>

/* One of librdkafka's configuration properties; a list ends with name NULL. */
struct kafka_setting {
    const char *name;
    const char *value;
};

/*
 * A handle with `settings` on top of what all of ours have in common; `events` is a mask of
 * RD_KAFKA_EVENT_*, which its main queue then delivers. Succeeds while the broker is down.
 * -EINVAL: a setting was refused; -ENOMEM: librdkafka has no thread or memory for it.
 */
__attribute__((warn_unused_result)) int kafka_new(rd_kafka_type_t type,
                                                  const struct address *bootstrap,
                                                  const struct kafka_setting *settings, int events,
                                                  rd_kafka_t **ret_kafka, struct errctx *err);

/* The eventfd of one or more queues, and its place in the loop. */
struct kafka_waker {
    int fd;
    struct event *event;
    void (*woken)(void *arg);
    void *arg;
};

/* From now on `woken` is called from the loop. -errno for want of descriptors; it is done then. */
__attribute__((warn_unused_result)) int kafka_waker_init(struct kafka_waker *waker,
                                                         struct event_base *base,
                                                         void (*woken)(void *arg), void *arg,
                                                         struct errctx *err);
void kafka_waker_done(struct kafka_waker *waker); /* its queues must be gone, or be told first */

/* Let `queue` wake it. */
void kafka_waker_watch(struct kafka_waker *waker, rd_kafka_queue_t *queue);

/* Call `woken` from the loop soon, as if a queue had. */
void kafka_waker_poke(struct kafka_waker *waker);

#endif
