/*
 * stdio_bridge.h - standard input and output as one end of a socket: a loop can wait for it
 * whatever they are (epoll takes no files), and what serves connections serves them.
 */
#ifndef SYNCBED_APPROACHES_STDIO_BRIDGE_H
#define SYNCBED_APPROACHES_STDIO_BRIDGE_H

#include "base/error.h"

struct stdio_bridge;

/* `ret_fd` is the caller's, non-blocking: it reads what comes in, its end included. */
__attribute__((warn_unused_result)) int stdio_bridge_new(struct stdio_bridge **ret_bridge,
                                                         int *ret_fd, struct errctx *err);

/* After the descriptor is closed: waits until all that was written to it has gone out, or 2 s. */
void stdio_bridge_free(struct stdio_bridge *bridge); /* NULL is fine */

#endif
