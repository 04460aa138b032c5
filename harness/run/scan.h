/*
 * scan.h - one look at all stores: every key with its journal goes to final/STORE.ndjson, and what
 * was seen is kept as digests, by which two looks and two stores are compared without holding the
 * data. The files of the last scan are the run's final states.
 */
#ifndef SYNCBED_HARNESS_RUN_SCAN_H
#define SYNCBED_HARNESS_RUN_SCAN_H

#include "base/error.h"
#include "stores/store_set.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct scan_store {
    bool complete;
    char why[STORE_DETAIL_SIZE]; /* not complete */
    uint64_t keys;
    uint64_t states; /* digest of every key with value and journal; order does not matter */
    uint64_t shared; /* keys that every store should have: workload_key_is_single() is false */
    uint64_t values; /* digest of each of these with its value */
    bool folds;      /* every value is the fold of its key's journal */
};

struct scan {
    int64_t from_us;
    int64_t to_us;
    unsigned n;
    struct scan_store store[STORES_MAX];
};

/*
 * Scan all stores at the same time into `folder`. A store that cannot be scanned by the deadline is
 * no error: it is not complete. -EINTR, or a file that cannot be written.
 */
__attribute__((warn_unused_result)) int scan_take(struct event_base *base,
                                                  const struct store_set *stores,
                                                  const char *folder, int64_t timeout_us,
                                                  struct scan *ret_scan, struct errctx *err);

/* The name of a store that could not be scanned; NULL when all could. */
const char *scan_missing(const struct scan *scan, const struct store_set *stores);

/* Nothing changed from `a` to `b`. */
bool scan_same(const struct scan *a, const struct scan *b);

/* All stores hold equal values of what they share, and each value is the fold of its journal. */
bool scan_equal(const struct scan *scan);

#endif
