/*
 * rpc_line.h - what rpc's two ends share: sockets at paths of any length, JSON lines on
 * bufferevents. Private to base/rpc_*.c.
 */
#ifndef SYNCBED_BASE_RPC_LINE_H
#define SYNCBED_BASE_RPC_LINE_H

#include "base/error.h"

#include <event2/bufferevent.h>
#include <jansson.h>
#include <sys/un.h>

/* The other side does not read: an output that grows above this ends the connection. */
#define RPC_OUTPUT_MAX (16 * 1024 * 1024)

/* A folder held open, and an address below it that fits into sun_path. */
struct rpc_path {
    int folder; /* descriptor, O_PATH; -1 when not open */
    const char *name;
    struct sockaddr_un address;
};

/* `path` is borrowed while `ret_path` lives. -ENOENT, -ENAMETOOLONG (the name, not the path) … */
__attribute__((warn_unused_result)) int rpc_path_open(struct rpc_path *ret_path, const char *path,
                                                      struct errctx *err);
void rpc_path_done(struct rpc_path *path);

/* Queue `message` (stolen) as a line. A peer that does not read gets a later BEV_EVENT_ERROR. */
void rpc_line_write(struct bufferevent *bev, json_t *message);

/*
 * The next complete line as an object (the caller's): 1; 0 when there is none yet; -EBADMSG for
 * what is no JSON object or too long.
 */
__attribute__((warn_unused_result)) int rpc_line_read(struct bufferevent *bev,
                                                      json_t **ret_message);

#endif
