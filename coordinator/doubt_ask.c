/* Asking all stores at once: see the header. */
#include "coordinator/doubt_ask.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct asking;

struct asked_store {
    struct asking *all;
    unsigned index;
};

struct asking {
    struct doubt doubt;
    unsigned n_left;
    struct asked_store store[STORES_MAX];
    doubt_asked done;
    void *arg;
};

static void answered(void *arg, const struct store_reply *reply, const struct store_view *view,
                     unsigned n_views)
{
    struct asked_store *one = arg;
    struct asking *all = one->all;

    if (reply->status == STORE_OK)
        doubt_take_views(&all->doubt, one->index, view, n_views);
    else
        doubt_cannot_reach(&all->doubt, one->index, reply->detail);
    if (--all->n_left > 0)
        return;
    all->done(all->arg, &all->doubt);
    free(all);
}

void doubt_ask(struct store *const *stores, unsigned n_stores, const char *prefix,
               int64_t deadline_us, doubt_asked done, void *arg)
{
    struct asking *all = mem_alloc(sizeof *all);
    const char *names[STORES_MAX];

    assert(n_stores > 0);
    assert(n_stores <= STORES_MAX);
    for (unsigned i = 0; i < n_stores; i++)
        names[i] = store_name(stores[i]);
    doubt_init(&all->doubt, names, n_stores);
    all->n_left = n_stores;
    all->done = done;
    all->arg = arg;
    for (unsigned i = 0; i < n_stores; i++) {
        all->store[i] = (struct asked_store){.all = all, .index = i};
        store_view(stores[i], prefix, deadline_us, answered, &all->store[i]);
    }
}

/* --- proofs ----------------------------------------------------------------------------------- */

struct proving {
    struct doubt *doubt;
    size_t n_left;
    void (*done)(void *arg);
    void *arg;
};

struct proof {
    struct proving *all;
    unsigned store;
    char gid[GID_SIZE];
};

static void proven(void *arg, const struct store_reply *reply, enum store_outcome outcome)
{
    struct proof *proof = arg;
    struct proving *all = proof->all;

    (void)reply; /* where it is not OK the outcome is UNKNOWN */
    doubt_take_proof(all->doubt, proof->gid, proof->store, outcome);
    free(proof);
    if (--all->n_left > 0)
        return;
    all->done(all->arg);
    free(all);
}

static void prove(struct proving *all, struct store *store, const struct doubt_txn *txn, unsigned i,
                  int64_t deadline_us)
{
    struct proof *proof = mem_alloc(sizeof *proof);

    proof->all = all;
    proof->store = i;
    (void)snprintf(proof->gid, sizeof proof->gid, "%s", txn->gid);
    all->n_left++;
    store_prove(store, txn->gid, txn->memo[i], deadline_us, proven, proof);
}

size_t doubt_prove(struct doubt *d, struct store *const *stores, int64_t deadline_us,
                   void (*done)(void *arg), void *arg)
{
    struct proving *all = mem_alloc(sizeof *all);
    struct doubt_txn *txn, *tmp;
    size_t n;

    *all = (struct proving){.doubt = d, .done = done, .arg = arg};
    HASH_ITER (hh, d->by_gid, txn, tmp) {
        for (unsigned i = 0; i < d->n_stores; i++) {
            if (doubt_needs_proof(d, txn, i))
                prove(all, stores[i], txn, i, deadline_us);
        }
    }
    n = all->n_left;
    if (n == 0)
        free(all);
    return n;
}
