/*
 * sink_torn.h - how not to apply a batch: position and data in two local transactions.
 *
 * For broken variants of a sink only (approaches/approach.h). What dies between the two halves has
 * lost the batch (position first) or applies it again (data first), which is why sink.c moves both
 * together.
 */
#ifndef SYNCBED_LOGSYNC_SINK_TORN_H
#define SYNCBED_LOGSYNC_SINK_TORN_H

#include "stores/store.h"

#include <stdint.h>

enum sink_break { SINK_SOUND, SINK_POSITION_BEFORE_DATA, SINK_POSITION_AFTER_DATA };

/* A batch under way. Must outlive its store. */
struct sink_torn {
    enum sink_break broken;
    unsigned n_left;          /* records that have not been answered */
    enum store_status status; /* the first that is not OK */
    store_done done;
    void *arg;
    struct store_batch position; /* the batch without its records */
};

/* Each half is a verb of its own; `batch` is borrowed until `done`, which comes from the loop. */
void sink_torn_first(struct sink_torn *torn, struct store *store, const struct store_batch *batch,
                     int64_t deadline_us, store_done done, void *arg);
void sink_torn_second(struct sink_torn *torn, struct store *store, const struct store_batch *batch,
                      int64_t deadline_us, store_done done, void *arg);

#endif
