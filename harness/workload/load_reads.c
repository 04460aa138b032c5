/* Direct reads; see the header. */
#include "harness/workload/load_reads.h"

#include "base/clock.h"
#include "base/mem.h"
#include "stores/store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct load_reads {
    unsigned n_stores;
    struct store *store[STORES_MAX];
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
    char application[SESSION_NAME_SIZE];
    const struct store_options options = {.application = application};

    session_name(application, role, "reads");
    for (unsigned i = 0; i < topology->n_stores; i++) {
        const struct topology_store *where = &topology->store[i];
        int r = store_open(base, where, topology_address(topology, role, where->name), &options,
                           &reads->store[i], err);

        if (r < 0) {
            load_reads_free(reads);
            return err_prefix(err, r, "%s", where->name);
        }
        reads->n_stores++;
    }
    *ret_reads = reads;
    return 0;
}

void load_reads_free(struct load_reads *reads)
{
    if (!reads)
        return;
    for (unsigned i = 0; i < reads->n_stores; i++)
        store_free(reads->store[i]);
    free(reads);
}

bool load_reads_connected(const struct load_reads *reads)
{
    for (unsigned i = 0; i < reads->n_stores; i++) {
        if (!store_alive(reads->store[i]))
            return false;
    }
    return true;
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

    assert(store < reads->n_stores);
    if (!store_alive(reads->store[store])) {
        done(arg, op, &down, txn);
        return;
    }
    struct read_call *call = mem_alloc(sizeof *call);

    call->op = op;
    call->deadline_us = deadline_us;
    call->done = done;
    call->arg = arg;
    call->txn = *txn;
    store_execute(reads->store[store], &call->txn, deadline_us, on_read, call);
}
