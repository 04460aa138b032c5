/*
 * sink_batch.h - the records that a sink holds, those it gathers or those under way to its store,
 * and where each stands among the crash points: a batch goes on when none of its records is held at
 * an armed one.
 */
#ifndef SYNCBED_LOGSYNC_SINK_BATCH_H
#define SYNCBED_LOGSYNC_SINK_BATCH_H

#include "base/crash_point.h"
#include "model/envelope.h"

#include <stdint.h>

#define SINK_BATCH_RECORDS_MAX 512

struct sink_record {
    unsigned partition;
    int64_t offset;
    struct sink_batch *batch;
    struct crash_stand stand;
    struct envelope envelope;
};

struct sink_batch {
    unsigned n;
    unsigned n_stopped;       /* of its records, at an armed crash point */
    void (*go_on)(void *arg); /* what to do once none is; NULL: nothing yet */
    void *arg;
    struct sink_record record[SINK_BATCH_RECORDS_MAX]; /* behind the n-th: room for the next */
};

/* `arg` is for every go_on. */
struct sink_batch *sink_batch_new(void *arg);
void sink_batch_free(struct sink_batch *batch); /* NULL is fine */

/* No records any more; what waited to go on does not. */
void sink_batch_empty(struct sink_batch *batch);

/* What was put behind the n-th is the next record: received. */
void sink_batch_take(struct sink_batch *batch);

/* Each of its records stands at `point` now. */
void sink_batch_reach(struct sink_batch *batch, enum crash_point point);

/* Go on at once, or when the last record that is held is released. One at a time. */
void sink_batch_when_released(struct sink_batch *batch, void (*go_on)(void *arg));

#endif
