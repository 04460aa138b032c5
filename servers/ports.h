/*
 * ports.h - loopback ports that are ours while we live, each kept by the name it was given to.
 *
 * Ports come from blocks, each held by one keeper of those that share the network, below 32768 and
 * outside the range from which the kernel takes ports for outgoing connections, so that neither
 * another keeper nor a client's own end can take one between a kill and a restart. A block is free
 * again when its keeper ends, however it ends.
 */
#ifndef SYNCBED_SERVERS_PORTS_H
#define SYNCBED_SERVERS_PORTS_H

#include "base/error.h"

#include <stdint.h>

#define PORTS_BLOCK     32U
#define PORTS_NAME_SIZE 64

/* All keepers have to meet under one name; tests have their own. */
#define PORTS_SPACE "syncbed-ports"

struct ports;

/* `space` is PORTS_SPACE, but in tests; borrowed. Takes nothing yet. */
struct ports *ports_new(const char *space);
void ports_free(struct ports *ports); /* gives all back */

/*
 * The port of this name, the same one each time. A new one was free when it was given
 * out. -EADDRINUSE when all blocks are held by others.
 */
__attribute__((warn_unused_result)) int ports_get(struct ports *ports, const char *name,
                                                  uint16_t *ret_port, struct errctx *err);

/*
 * The same, but for a server that is about to start for the first time: when somebody else listens
 * at the port by now, the name gets another one, for good.
 */
__attribute__((warn_unused_result)) int ports_get_free(struct ports *ports, const char *name,
                                                       uint16_t *ret_port, struct errctx *err);

#endif
