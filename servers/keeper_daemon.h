/* keeper_daemon.h - what a keeper's process holds, and the commands it takes. Private to it. */
#ifndef SYNCBED_SERVERS_KEEPER_DAEMON_H
#define SYNCBED_SERVERS_KEEPER_DAEMON_H

#include "base/rpc.h"
#include "servers/folder.h"
#include "servers/ports.h"
#include "servers/process.h"

#include <event2/event.h>
#include <jansson.h>
#include <stddef.h>

struct keeper_daemon {
    struct event_base *base;
    struct folder folder;
    struct ports *ports;
    struct rpc_server *rpc;
    struct process_env env;
    struct process **process; /* owned, in the order of their first start */
    size_t n_processes;
    size_t capacity;
};

/* rpc_handlers.request; `arg` is the daemon. */
void keeper_command(void *arg, struct rpc_call *call, const char *cmd, json_t *request);

/* process_env.free_ports; `arg` is the daemon. */
int keeper_free_ports(void *arg, const struct process *process, uint16_t *ret_port,
                      struct errctx *err);

/* Take notice of all children that ended. */
void keeper_reap(struct keeper_daemon *keeper);

#endif
