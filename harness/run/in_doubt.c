/* What is prepared at each store: see the header. */
#include "harness/run/in_doubt.h"

#include "base/clock.h"
#include "harness/run/await.h"

#define LIST_TIMEOUT_US (1 * US_PER_S)

struct listing {
    struct await await;
    void (*each)(void *arg, const char *store, const char *gid);
    void *arg;
};

struct list_store {
    struct listing *listing;
    const char *name;
    bool known;
    unsigned n;
};

static void on_listed(void *arg, enum store_status status, const struct store_in_doubt *entries,
                      unsigned n_entries, unsigned waiters)
{
    struct list_store *one = arg;
    const struct listing *listing = one->listing;

    (void)waiters;
    one->listing->await.n_left--;
    one->known = status == STORE_OK;
    one->n = n_entries;
    for (unsigned i = 0; one->known && listing->each && i < n_entries; i++)
        listing->each(listing->arg, one->name, entries[i].gid);
}

int in_doubt_each(struct event_base *base, const struct store_set *stores,
                  void (*each)(void *arg, const char *store, const char *gid), void *arg,
                  struct in_doubt *ret_in_doubt, struct errctx *err)
{
    struct listing listing = {.each = each, .arg = arg};
    struct list_store one[STORES_MAX];
    int64_t deadline_us = clock_now_us() + LIST_TIMEOUT_US;
    int rc;

    for (unsigned i = 0; i < stores->n; i++) {
        one[i] = (struct list_store){.listing = &listing, .name = store_name(stores->store[i])};
        listing.await.n_left++;
        store_list_in_doubt(stores->store[i], "", deadline_us, on_listed, &one[i]);
    }
    rc = await_all(base, &listing.await, err);
    for (unsigned i = 0; i < stores->n; i++) {
        ret_in_doubt->store[i].known = one[i].known;
        ret_in_doubt->store[i].n = one[i].n;
    }
    return rc;
}

int in_doubt_list(struct event_base *base, const struct store_set *stores,
                  struct in_doubt *ret_in_doubt, struct errctx *err)
{
    return in_doubt_each(base, stores, NULL, NULL, ret_in_doubt, err);
}
