/*
 * rpc.h - requests and replies as JSON lines over a Unix socket: the keeper's and each role's
 * control socket.
 *
 *   > {"id":3,"cmd":"arm","point":"xa-decided","gather":8}
 *   < {"id":3,"ok":true}                or   {"id":3,"ok":false,"error":"no such point:
 * xa-decidde"} < {"event":"exited","name":"pg2"}   events come without id, to every connection
 *
 * Sockets are close-on-exec and bound through /proc/self/fd, so that a path may be longer than
 * sun_path. Local and trusted: a malformed line closes the connection.
 */
#ifndef SYNCBED_BASE_RPC_H
#define SYNCBED_BASE_RPC_H

#include "base/error.h"

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define RPC_LINE_MAX (1024 * 1024)

struct rpc_server;
struct rpc_call; /* one request being served: answer it exactly once, now or later */

struct rpc_handlers {
    /* `request` is borrowed, valid during the call. */
    void (*request)(void *arg, struct rpc_call *call, const char *cmd, json_t *request);
    /* A connection closed; `n_left` are still open. May be NULL. */
    void (*gone)(void *arg, unsigned n_left);
    void *arg;
};

/* Listen at `path` (an old socket there is replaced), readable by the owner only. */
__attribute__((warn_unused_result)) int rpc_listen(struct event_base *base, const char *path,
                                                   const struct rpc_handlers *handlers,
                                                   struct rpc_server **ret_server,
                                                   struct errctx *err);
/* Drops open calls (not to be answered any more), removes the socket. Not from inside a handler. */
void rpc_server_free(struct rpc_server *server);

/*
 * `fields` (an object, stolen; NULL for none) become fields of {"id":…,"ok":true,…}. The loop sends
 * it: who wants to end after an answer lets the loop run until the other side has closed.
 */
void rpc_reply_ok(struct rpc_call *call, json_t *fields);
__attribute__((format(printf, 2, 3))) void rpc_reply_error(struct rpc_call *call, const char *fmt,
                                                           ...);

/* `event` (stolen) goes to every open connection. */
void rpc_event(struct rpc_server *server, json_t *event);

struct rpc_client;

struct rpc_client_handlers {
    void (*event)(void *arg, json_t *event); /* borrowed; may be NULL */
    void (*closed)(void *arg); /* the server is gone; may be NULL; free the client here or later */
    void *arg;
};

__attribute__((warn_unused_result)) int rpc_connect(struct event_base *base, const char *path,
                                                    const struct rpc_client_handlers *handlers,
                                                    struct rpc_client **ret_client,
                                                    struct errctx *err);
/* Open requests get their callback, with NULL. May be called from inside the client's callbacks. */
void rpc_client_free(struct rpc_client *client);

/* The reply is borrowed; NULL when the connection was lost before it came. */
typedef void (*rpc_done)(void *arg, json_t *reply);

/* Send {"id":…,"cmd":cmd,…fields}; `fields` is stolen, may be NULL; `done` may be NULL. */
void rpc_send(struct rpc_client *client, const char *cmd, json_t *fields, rpc_done done, void *arg);

/*
 * Send and run the event loop until the reply is there: other events are served meanwhile. The
 * reply is the caller's (json_decref); ret_reply may be NULL. -ETIMEDOUT, -ECONNRESET, -EINTR
 * (loop_interrupt), or -EREMOTEIO with the other side's error as the message. Not from inside any
 * callback of the loop.
 */
__attribute__((warn_unused_result)) int rpc_call(struct rpc_client *client, const char *cmd,
                                                 json_t *fields, int64_t timeout_us,
                                                 json_t **ret_reply, struct errctx *err);

#endif
