/*
 * role.h - what every role's process has in common: topology, control socket, ready line, end.
 *
 * A role is started with `--topology FILE --name NAME`. It listens at <control>/<name>.sock
 * (base/rpc.h) and says {"ready":true,"port":N} on standard output once it can work. SIGTERM ends
 * it in an orderly way. Commands that every role answers:
 *
 *   arm {point, gather}   crash point (base/crash_point.h); its exposure goes to
 *                         <control>/<name>.exposure.ndjson before the SIGKILL
 *   gather {point, gather}   hold transactions there; answered {"standing":{…}} when so many stand
 *                         there, and they stay until it is disarmed
 *   disarm                … or another point is armed: an unanswered `gather` is an error then
 *   counters              {"standing":{…},"reached":{…}, and what the role adds: "in_flight":N, …}
 *   drain                 answered when nothing is in flight; new work is `refused` from now on
 *
 * A crash point that is passed while the role starts is armed before: <control>/<name>.arm holds
 * {"point":"xa-start-listed","gather":1}, and is removed by the start that it is for.
 *
 * In a run of a broken variant <control>/<name>.broken has a byte for each time that the role made
 * its mistake (base/broken.h).
 *
 * Roles add their own (a sink: `position`; load: `start`).
 */
#ifndef SYNCBED_APPROACHES_ROLE_H
#define SYNCBED_APPROACHES_ROLE_H

#include "base/error.h"
#include "base/rpc.h"
#include "model/topology.h"

#include <event2/event.h>
#include <jansson.h>

struct role;

struct role_handlers {
    /* Add to the reply of `counters`; may be NULL. "in_flight" is looked at by the harness. */
    void (*counters)(void *arg, json_t *into);
    /* Begin to drain; call rpc_reply_ok() when empty. NULL: at once. */
    void (*drain)(void *arg, struct rpc_call *call);
    /* A command that is none of the common ones; answer it. NULL: "unknown command". */
    void (*command)(void *arg, struct rpc_call *call, const char *cmd, json_t *request);
    void *arg;
};

/*
 * Read the topology, check that `name` is a role of this kind in it, open the control socket and
 * install SIGTERM/SIGINT. The role owns the event base.
 */
__attribute__((warn_unused_result)) int role_new(const char *topology_path, const char *name,
                                                 enum role_kind kind,
                                                 const struct role_handlers *handlers,
                                                 struct role **ret_role, struct errctx *err);
void role_free(struct role *role);

struct event_base *role_base(struct role *role);
const struct topology *role_topology(const struct role *role);
const struct topology_role *role_self(const struct role *role);
struct rpc_server *role_control(struct role *role);

/* Print the ready line; once. `port` 0: this role serves none. */
void role_ready(struct role *role, uint16_t port);
/* … and where its operator is served: {"ready":true,"port":N,"http":M}. */
void role_ready_http(struct role *role, uint16_t port, uint16_t http_port);

/* Serve events until SIGTERM or role_stop(); returns role_stop()'s status, 0 after a signal. */
int role_run(struct role *role);
void role_stop(struct role *role, int exit_status);

#endif
