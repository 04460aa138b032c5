/* A batch in two halves: see the header. */
#include "logsync/sink_torn.h"

#include "base/broken.h"
#include "model/envelope.h"

#include <assert.h>

static void on_record(void *arg, const struct store_reply *reply)
{
    struct sink_torn *torn = arg;
    struct store_reply all = *reply;

    if (torn->status == STORE_OK)
        torn->status = reply->status;
    all.status = torn->status;
    if (--torn->n_left == 0)
        torn->done(torn->arg, &all);
}

/* A sink has one session, so the records go in their order, each a local transaction. */
static void apply_data(struct sink_torn *torn, struct store *store, const struct store_batch *batch,
                       int64_t deadline_us)
{
    torn->n_left = batch->n_records;
    torn->status = STORE_OK;
    for (unsigned i = 0; i < batch->n_records; i++)
        store_execute(store, &batch->record[i].envelope->txn, deadline_us, on_record, torn);
}

static void move_position(struct sink_torn *torn, struct store *store,
                          const struct store_batch *batch, int64_t deadline_us)
{
    torn->position = *batch;
    torn->position.n_records = 0;
    store_sink_apply(store, &torn->position, deadline_us, torn->done, torn->arg);
}

static void half(struct sink_torn *torn, struct store *store, const struct store_batch *batch,
                 bool data, int64_t deadline_us)
{
    assert(torn->broken != SINK_SOUND);
    if (data)
        apply_data(torn, store, batch, deadline_us);
    else
        move_position(torn, store, batch, deadline_us);
}

void sink_torn_first(struct sink_torn *torn, struct store *store, const struct store_batch *batch,
                     int64_t deadline_us, store_done done, void *arg)
{
    torn->done = done;
    torn->arg = arg;
    broken_made();
    half(torn, store, batch, torn->broken == SINK_POSITION_AFTER_DATA, deadline_us);
}

void sink_torn_second(struct sink_torn *torn, struct store *store, const struct store_batch *batch,
                      int64_t deadline_us, store_done done, void *arg)
{
    torn->done = done;
    torn->arg = arg;
    half(torn, store, batch, torn->broken == SINK_POSITION_BEFORE_DATA, deadline_us);
}
