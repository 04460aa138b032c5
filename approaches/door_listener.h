/*
 * door_listener.h - where a front door listens: only on loopback, or else with a token. When
 * descriptors have run out, it waits a little before it accepts again.
 */
#ifndef SYNCBED_APPROACHES_DOOR_LISTENER_H
#define SYNCBED_APPROACHES_DOOR_LISTENER_H

#include "base/error.h"
#include "model/topology.h"

#include <event2/event.h>
#include <stdint.h>

struct door_listener;

/* -EACCES without a token (NULL) where others can come. */
__attribute__((warn_unused_result)) int door_may_listen(const struct address *where,
                                                        const char *token, struct errctx *err);

/*
 * From now on, `accepted` is called with each connection's descriptor, non-blocking and the
 * callee's. Port 0 takes a free one. -EINVAL: no IPv4 address; else the errno of listening.
 */
__attribute__((warn_unused_result)) int
door_listener_new(struct event_base *base, const struct address *where,
                  void (*accepted)(void *arg, int fd), void *arg,
                  struct door_listener **ret_listener, struct errctx *err);
void door_listener_free(struct door_listener *listener); /* NULL is fine */

uint16_t door_listener_port(const struct door_listener *listener);

#endif
