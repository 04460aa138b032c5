/* The role `sink`; see the header. */
#include "approaches/sink.h"

#include "approaches/log.h"
#include "approaches/role.h"
#include "base/clock.h"
#include "base/log.h"
#include "logsync/sink.h"
#include "stores/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct sink_role {
    struct role *role;
    struct sink *sink;
};

/* --- control socket -------------------------------------------------------------------------- */

static json_t *json_position(const struct position *position)
{
    json_t *object = json_object();
    char partition[16];

    for (unsigned i = 0; i < position->n; i++) {
        (void)snprintf(partition, sizeof partition, "%u", i);
        if (position->offset[i] >= 0)
            json_object_set_new(object, partition, json_integer(position->offset[i]));
    }
    return object;
}

static json_t *json_lag(const struct position *durable, const struct position *ends)
{
    int64_t lag = 0;

    if (durable->n == 0)
        return json_null();
    for (unsigned i = 0; i < durable->n; i++) {
        if (ends->offset[i] < 0)
            return json_null();
        if (ends->offset[i] >
            durable->offset[i]) /* an end heard before the last batch may be below */
            lag += ends->offset[i] - durable->offset[i];
    }
    return json_integer(lag);
}

static void on_command(void *arg, struct rpc_call *call, const char *cmd, json_t *request)
{
    const struct sink_role *self = arg;
    struct position durable, ends;
    json_t *fields;

    (void)request;
    if (strcmp(cmd, "position") != 0) {
        rpc_reply_error(call, "unknown command: %s", cmd);
        return;
    }
    if (!self->sink) {
        rpc_reply_error(call, "not open yet");
        return;
    }
    durable = sink_durable(self->sink);
    ends = sink_ends(self->sink);
    fields = json_object();
    json_object_set_new(fields, "position", json_position(&durable));
    json_object_set_new(fields, "end", json_position(&ends));
    json_object_set_new(fields, "lag", json_lag(&durable, &ends));
    rpc_reply_ok(call, fields);
}

static void on_counters(void *arg, json_t *into)
{
    const struct sink_role *self = arg;
    struct sink_counters n;

    if (!self->sink)
        return;
    n = sink_counters(self->sink);
    json_object_set_new(into, "in_flight", json_integer(sink_in_flight(self->sink)));
    json_object_set_new(into, "batches", json_integer((json_int_t)n.batches));
    json_object_set_new(into, "records", json_integer((json_int_t)n.records));
    json_object_set_new(into, "skipped", json_integer((json_int_t)n.skipped));
    json_object_set_new(into, "opened", json_integer((json_int_t)n.opened));
}

/* --- the process ----------------------------------------------------------------------------- */

static void on_stopped(void *arg, const struct errctx *err)
{
    struct sink_role *self = arg;

    log_error("%s", err->message);
    role_stop(self->role, 1);
}

static void on_notice(void *arg, const char *text)
{
    (void)arg;
    log_info("%s", text);
}

static int open_store(const struct sink_role *self, struct store **ret_store, struct errctx *err)
{
    const struct topology *t = role_topology(self->role);
    const struct topology_role *role = role_self(self->role);
    const struct topology_store *where = topology_store(t, role->store);
    char application[SESSION_NAME_SIZE];
    const struct store_options options = {.application = application, .sessions = 1};

    if (!where)
        return err_set(err, EINVAL, ERR_FATAL, "%s: no store %s in the topology", role->name,
                       role->store);
    session_name(application, role->name, "sink");
    return store_open(role_base(self->role), where, topology_address(t, role->name, role->store),
                      &options, ret_store, err);
}

static enum sink_break choose_break(const struct topology *t)
{
    unsigned number = approach_break_number(&log_approach, t->broken);

    if (number == LOG_POSITION_BEFORE_DATA)
        return SINK_POSITION_BEFORE_DATA;
    return number == LOG_POSITION_AFTER_DATA ? SINK_POSITION_AFTER_DATA : SINK_SOUND;
}

static int open_sink(struct sink_role *self, struct store *store, struct errctx *err)
{
    const struct topology *t = role_topology(self->role);
    const char *name = role_self(self->role)->name;
    const struct address *log = topology_address(t, name, "log");
    char owner[64];
    const struct sink_options options = {
        .topic = t->topic,
        .n_partitions = t->n_partitions,
        .log = log,
        .owner = owner,
        .broken = choose_break(t),
        .stopped = on_stopped,
        .notice = on_notice,
        .arg = self,
    };

    if (!log || t->topic[0] == '\0' || t->n_partitions == 0)
        return err_set(err, EINVAL, ERR_FATAL, "the topology has no log");
    /* Process ids come again; together with the time of the start they do not. */
    (void)snprintf(owner, sizeof owner, "%s-%d-%" PRId64, name, (int)getpid(),
                   clock_wall_us() / US_PER_MS);
    return sink_new(role_base(self->role), store, &options, &self->sink, err);
}

static int follow(struct sink_role *self, struct errctx *err)
{
    struct store *store;
    int r = open_store(self, &store, err);

    if (r < 0)
        return r;
    r = open_sink(self, store, err);
    if (r < 0)
        store_free(store);
    return r;
}

int sink_main(const char *topology_path, const char *name)
{
    struct sink_role self = {0};
    const struct role_handlers handlers = {
        .counters = on_counters, .command = on_command, .arg = &self};
    struct errctx err = {0};
    int status = 1;
    int r = role_new(topology_path, name, ROLE_SINK, &handlers, &self.role, &err);

    if (r < 0) {
        log_error("sink: %s", err.message);
        return 2;
    }
    r = follow(&self, &err);
    if (r == 0) {
        role_ready(self.role, 0);
        status = role_run(self.role);
    } else {
        log_error("sink: %s", err.message);
    }
    sink_free(self.sink);
    role_free(self.role);
    return status;
}
