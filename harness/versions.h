/* versions.h - what this was built from, what it stands on, and the servers that it would start. */
#ifndef SYNCBED_HARNESS_VERSIONS_H
#define SYNCBED_HARNESS_VERSIONS_H

#include "base/buf.h"

#include <jansson.h>

/* For --version: commit, libraries, servers. */
void versions_print(struct buf *out);

/* Libraries and servers by name, the caller's; a server that is not installed is null. */
json_t *versions_to_json(void);

#endif
