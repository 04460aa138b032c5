/* in_doubt.h - what is prepared at each store, asked once and waited for. */
#ifndef SYNCBED_HARNESS_RUN_IN_DOUBT_H
#define SYNCBED_HARNESS_RUN_IN_DOUBT_H

#include "base/error.h"
#include "stores/store_set.h"

#include <event2/event.h>
#include <stdbool.h>

struct in_doubt {
    struct {
        bool known; /* false: the store could not be asked */
        unsigned n;
    } store[STORES_MAX];
};

/*
 * Ask all stores at the same time. -EINTR. in_doubt_each() tells the gids as well, from the loop:
 * `gid` is valid during the call.
 */
__attribute__((warn_unused_result)) int in_doubt_list(struct event_base *base,
                                                      const struct store_set *stores,
                                                      struct in_doubt *ret_in_doubt,
                                                      struct errctx *err);
__attribute__((warn_unused_result)) int
in_doubt_each(struct event_base *base, const struct store_set *stores,
              void (*each)(void *arg, const char *store, const char *gid), void *arg,
              struct in_doubt *ret_in_doubt, struct errctx *err);

#endif
