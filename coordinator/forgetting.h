/*
 * forgetting.h - outcomes that stores remember for us (store_remembers()), until they need not.
 *
 * A store that has forgotten a branch can prove nothing of it, so it is told to forget only once
 * the END of the decision is durable: an END is lazy, and a decision that a crash leaves without
 * one is proven anew. ENDs go out with the next COMMIT; that this one is durable tells.
 */
#ifndef SYNCBED_COORDINATOR_FORGETTING_H
#define SYNCBED_COORDINATOR_FORGETTING_H

#include "model/names.h"
#include "stores/store.h"

#include <stdint.h>

struct ended;

/* Zeroed at first. */
struct forgetting {
    struct ended *first, *last;
    uint64_t n_ended;
};

void forgetting_done(struct forgetting *f);

/* Now: nothing was written of this gid's decision. */
void forget_at(struct store *store, const char *gid);

/* The END of `gid` was queued; nothing for a store that remembers nothing. The store is borrowed.
 */
void forgetting_add(struct forgetting *f, struct store *store, const char *gid);

/* All ENDs up to now, for when the COMMIT that is queued next is durable. */
uint64_t forgetting_mark(const struct forgetting *f);
void forgetting_durable(struct forgetting *f, uint64_t mark);

#endif
