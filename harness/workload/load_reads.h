/* load_reads.h - direct reads: the load generator's own sessions at every store. */
#ifndef SYNCBED_HARNESS_WORKLOAD_LOAD_READS_H
#define SYNCBED_HARNESS_WORKLOAD_LOAD_READS_H

#include "base/error.h"
#include "model/protocol.h"
#include "model/topology.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct load_reads;

/* Opens every store of the topology as `role` reaches it. */
__attribute__((warn_unused_result)) int
load_reads_new(struct event_base *base, const struct topology *topology, const char *role,
               struct load_reads **ret_reads, struct errctx *err);
void load_reads_free(struct load_reads *reads); /* what is outstanding is answered; NULL is fine */

bool load_reads_connected(const struct load_reads *reads);

/* `reply` and `txn` are valid during the call. */
typedef void (*load_read_done)(void *arg, int64_t op, const struct reply *reply,
                               const struct txn *txn);

/* Read by `txn` (copied) at the store of this index in the topology. `done` comes from inside when
 * the store is down: a reader without a connection gets an error at once. */
void load_read(struct load_reads *reads, unsigned store, int64_t op, const struct txn *txn,
               int64_t deadline_us, load_read_done done, void *arg);

#endif
