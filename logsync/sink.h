/*
 * sink.h - the driver of one sink: follows one topic into one store.
 *
 * It gives logsync/sink_core.h its events and carries out its actions: the log by log_consumer.h,
 * the store by store_sink_open() and store_sink_apply(). Two batches of envelopes are held, the one
 * under way and the one being gathered; together with the consumer's buffer that is all the memory
 * a backlog or a store that is away can take.
 *
 * When the store is down or paused the sink waits and tries again, for ever. It stops by itself
 * when it is fenced (its successor owns the store), at a record that the store refuses or nobody
 * can decode (what precedes it has been applied), and when the log no longer holds the store's
 * position.
 */
#ifndef SYNCBED_LOGSYNC_SINK_H
#define SYNCBED_LOGSYNC_SINK_H

#include "base/error.h"
#include "logsync/sink_torn.h"
#include "model/topology.h"
#include "model/txn.h"
#include "stores/store.h"

#include <event2/event.h>
#include <stdint.h>

#define SINK_BATCH_BYTES_MAX (1024 * 1024)
#define SINK_BACKOFF_US      STORE_RECONNECT_US
/*
 * A later answer is not waited for: the store is asked where it stands. That raises its epoch, so a
 * batch which is still on its way has got in before, and is counted, or never will.
 */
#define SINK_OPEN_TIMEOUT_US  (5 * US_PER_S)
#define SINK_APPLY_TIMEOUT_US (10 * US_PER_S)

struct sink;

struct sink_options {
    const char *topic; /* copied, as is owner */
    unsigned n_partitions;
    const struct address *log; /* borrowed during sink_new() only */
    const char *owner;         /* unique to this process: see store_sink_open() */
    enum sink_break broken;    /* SINK_SOUND */
    /* It has stopped by itself; ERR_FENCED or ERR_FATAL. Once, and not to be freed from inside. */
    void (*stopped)(void *arg, const struct errctx *err);
    void (*notice)(void *arg, const char *text); /* for the process's log; or NULL */
    void *arg;
};

/* What it has done since it started. */
struct sink_counters {
    uint64_t batches; /* applied */
    uint64_t records; /* in them */
    uint64_t skipped; /* read again below the position */
    uint64_t opened;  /* how often the store's position was asked for */
};

/*
 * Follow into `store`, which has one session and no other user; on success it is the sink's. Fails
 * only for want of memory, threads, descriptors.
 */
__attribute__((warn_unused_result)) int sink_new(struct event_base *base, struct store *store,
                                                 const struct sink_options *options,
                                                 struct sink **ret_sink, struct errctx *err);
/* Closes the store, too: a batch under way may or may not get in. NULL is fine. */
void sink_free(struct sink *sink);

/* Where the store stands by its own last word; n = 0 while it has not been asked successfully. */
struct position sink_durable(const struct sink *sink);

/* Where the log ends as last heard; -1 for partitions of which nothing was heard. */
struct position sink_ends(const struct sink *sink);

struct sink_counters sink_counters(const struct sink *sink);

/* Records and batches that stand between the log and the store, for draining: 0 = none. */
unsigned sink_in_flight(const struct sink *sink);

#endif
