/* versions.h - what this was built from, what it stands on, and the servers that it would start. */
#ifndef SYNCBED_HARNESS_VERSIONS_H
#define SYNCBED_HARNESS_VERSIONS_H

#include "base/buf.h"
#include "model/topology.h"

#include <jansson.h>

/* For --version: commit, libraries, servers. */
void versions_print(struct buf *out);

/*
 * Libraries and servers by name, the caller's. Null for a server that is not installed, and for a
 * kind of which one is attached (NULL: none is): its version is not ours to know.
 */
json_t *versions_to_json(const struct topology *attached);

#endif
