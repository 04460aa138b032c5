/*
 * ports.h - loopback ports that are ours while we live, each kept by the name it was given to.
 *
 * Ports come from blocks, each held by a lock on /var/tmp/syncbed-ports/<first>, below 32768 and
 * outside the range from which the kernel takes ports for outgoing connections, so that neither
 * another keeper nor a client's own end can take one between a kill and a restart.
 */
#ifndef SYNCBED_SERVERS_PORTS_H
#define SYNCBED_SERVERS_PORTS_H

#include "base/error.h"

#include <stdint.h>

#define PORTS_BLOCK     32U
#define PORTS_NAME_SIZE 64

/* Ports are the machine's, so all its keepers have to meet here, wherever their folders are. */
#define PORTS_PLACE "/var/tmp"

struct ports;

/*
 * `place` is where the folder of locks lives: PORTS_PLACE, but in tests. Takes nothing yet; removes
 * what killed keepers left there.
 */
struct ports *ports_new(const char *place);
void ports_free(struct ports *ports); /* gives all back, removes the lock files */

/*
 * The port of this name, the same one each time. A new one was free when it was given
 * out. -EADDRINUSE when all blocks are held by others.
 */
__attribute__((warn_unused_result)) int ports_get(struct ports *ports, const char *name,
                                                  uint16_t *ret_port, struct errctx *err);

#endif
