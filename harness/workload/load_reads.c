/* Direct reads; see the header. */
#include "harness/workload/load_reads.h"

#include "base/clock.h"
#include "base/mem.h"
#include "stores/store_set.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct load_reads {
    struct store_set stores;
};

struct read_call {
    int64_t op;
    int64_t deadline_us;
    load_read_done done;
    void *arg;
    struct txn txn; /* the store borrows it */
};

int load_reads_new(struct event_base *base, const struct topology *topology, const char *role,
                   struct load_reads **ret_reads, struct errctx *err)
{
    struct load_reads *reads = mem_alloc(sizeof *reads);
    const struct store_options options = {0};
    int r = store_set_open(&reads->stores, base, topology, role, "reads", &options, err);

    if (r < 0) {
        load_reads_free(reads);
        return r;
    }
    *ret_reads = reads;
    return 0;
}

void load_reads_free(struct load_reads *reads)
{
    if (reads)
        store_set_done(&reads->stores);
    free(reads);
}

bool load_reads_connected(const struct load_reads *reads)
{
    return store_set_alive(&reads->stores);
}

static void on_read(void *arg, const struct store_reply *from)
{
    struct read_call *call = arg;
    struct reply reply = {.code = store_status_code(from->status), .level = LEVEL_NONE};

    if (from->status == STORE_OK) {
        reply.has_reads = true;
        memcpy(reply.read, from->read, sizeof reply.read);
    } else {
        (void)snprintf(reply.detail, sizeof reply.detail, "%s", from->detail);
    }
    if (reply.code == CODE_UNKNOWN && clock_now_us() >= call->deadline_us)
        reply.code = CODE_TIMEOUT;
    call->done(call->arg, call->op, &reply, &call->txn);
    free(call);
}

void load_read(struct load_reads *reads, unsigned store, int64_t op, const struct txn *txn,
               int64_t deadline_us, load_read_done done, void *arg)
{
    static const struct reply down = {.code = CODE_UNAVAILABLE, .detail = "no connection"};

    assert(store < reads->stores.n);
    if (!store_alive(reads->stores.store[store])) {
        done(arg, op, &down, txn);
        return;
    }
    struct read_call *call = mem_alloc(sizeof *call);

    call->op = op;
    call->deadline_us = deadline_us;
    call->done = done;
    call->arg = arg;
    call->txn = *txn;
    store_execute(reads->stores.store[store], &call->txn, deadline_us, on_read, call);
}
