/*
 * gateway.h - one store as a participant for coordinators that others have written: requests in
 * lines (model/participant_protocol.h), answers as the store gives them. docs/participant.md.
 *
 * It decides nothing. A branch that was prepared here is kept until it is ended, so that what is
 * sent later goes behind what was sent before, whoever's connection it came over; when the gateway
 * ends, however it ends, such a branch stays prepared at the store, and the next gateway lists it.
 */
#ifndef SYNCBED_APPROACHES_GATEWAY_H
#define SYNCBED_APPROACHES_GATEWAY_H

#include "base/error.h"
#include "model/topology.h"

#include <event2/event.h>
#include <stdbool.h>

struct gateway_options {
    const struct topology_store *store;
    const struct address *address; /* where the store is reached */
    const struct address *listen;  /* port 0: any. NULL: standard input and output */
    bool reset;                    /* store_reset() first */
};

/*
 * Serve until SIGTERM or SIGINT; without `listen` also until the end of the input. With it
 * {"ready":true,"port":N} is printed once the store is reached. 0, or -errno.
 */
__attribute__((warn_unused_result)) int
gateway_run(struct event_base *base, const struct gateway_options *options, struct errctx *err);

#endif
