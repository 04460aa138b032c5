/*
 * store_set.h - every store of a topology, as one role reaches them: for who treats them alike.
 */
#ifndef SYNCBED_STORES_STORE_SET_H
#define SYNCBED_STORES_STORE_SET_H

#include "base/error.h"
#include "model/topology.h"
#include "stores/store.h"

#include <event2/event.h>
#include <stdbool.h>

/* Zeroed at first. */
struct store_set {
    unsigned n;
    struct store *store[STORES_MAX]; /* in the topology's order */
};

/*
 * Begin to connect `role` to each of them, its sessions named after its `part`: names.h.
 * `options->application` is not looked at. When it fails, those that are open still have to be
 * freed.
 */
__attribute__((warn_unused_result)) int
store_set_open(struct store_set *set, struct event_base *base, const struct topology *topology,
               const char *role, const char *part, const struct store_options *options,
               struct errctx *err);
/* What is outstanding is answered first: see store_free(). */
void store_set_done(struct store_set *set);

/* All of them are alive. */
bool store_set_alive(const struct store_set *set);

struct store *store_set_find(const struct store_set *set, const char *name); /* or NULL */

#endif
