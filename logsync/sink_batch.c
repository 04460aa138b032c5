/* Records on their way to a store, and crash points: see the header. */
#include "logsync/sink_batch.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

struct sink_batch *sink_batch_new(void *arg)
{
    struct sink_batch *batch = mem_alloc(sizeof *batch);

    batch->arg = arg;
    for (unsigned i = 0; i < SINK_BATCH_RECORDS_MAX; i++)
        batch->record[i].batch = batch;
    return batch;
}

void sink_batch_free(struct sink_batch *batch)
{
    if (batch)
        sink_batch_empty(batch);
    free(batch);
}

void sink_batch_empty(struct sink_batch *batch)
{
    for (unsigned i = 0; i < batch->n; i++)
        crash_point_leave(&batch->record[i].stand);
    batch->n = 0;
    batch->n_stopped = 0;
    batch->go_on = NULL;
}

static void record_released(void *arg)
{
    struct sink_record *record = arg;
    struct sink_batch *batch = record->batch;
    void (*go_on)(void *) = batch->go_on;

    batch->n_stopped--;
    if (batch->n_stopped > 0 || !go_on)
        return;
    batch->go_on = NULL;
    go_on(batch->arg);
}

static void reach(struct sink_record *record, enum crash_point point)
{
    if (crash_point_reach(&record->stand, point, record_released, record))
        record->batch->n_stopped++;
}

void sink_batch_take(struct sink_batch *batch)
{
    assert(batch->n < SINK_BATCH_RECORDS_MAX);
    reach(&batch->record[batch->n++], CRASH_SINK_RECEIVED);
}

void sink_batch_reach(struct sink_batch *batch, enum crash_point point)
{
    for (unsigned i = 0; i < batch->n; i++)
        reach(&batch->record[i], point);
}

void sink_batch_when_released(struct sink_batch *batch, void (*go_on)(void *arg))
{
    assert(!batch->go_on);
    if (batch->n_stopped > 0)
        batch->go_on = go_on;
    else
        go_on(batch->arg);
}
