/* What every role's process has in common; see the header. */
#include "approaches/role.h"

#include "base/broken.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/suggest.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct role {
    struct role_handlers handlers;
    struct topology *topology; /* large, so on the heap */
    const struct topology_role *self;
    struct event_base *base;
    struct rpc_server *control;
    struct event *sigterm;
    struct event *sigint;
    int exposure_fd;
    int broken_fd;
    struct rpc_call *gathering; /* an unanswered `gather`; NULL: none */
    bool stopped;
    int exit_status;
};

static enum crash_point find_point(const char *name, const char **ret_near)
{
    const char *valid[CRASH_POINTS];
    size_t n = 0;

    for (int point = CRASH_NONE + 1; point < CRASH_POINTS; point++)
        valid[n++] = crash_point_info((enum crash_point)point)->name;
    *ret_near = suggest_nearest(name, valid, n);
    return crash_point_find(name);
}

/* -EINVAL, with words for whoever asked, when `request` names no point, or none that exists. */
static int read_point(const json_t *request, enum crash_point *ret_point, unsigned *ret_gather,
                      struct errctx *err)
{
    const char *name = json_string_value(json_object_get(request, "point"));
    const json_t *gather = json_object_get(request, "gather");
    json_int_t n = gather ? json_integer_value(gather) : 1;
    const char *near;

    if (!name || n < 1 || n > UINT_MAX)
        return err_set(err, EINVAL, ERR_ABORT, "arm takes a point, and gather of at least 1");
    enum crash_point point = find_point(name, &near);

    if (point == CRASH_NONE && near)
        return err_set(err, EINVAL, ERR_ABORT, "no such point: %s; did you mean %s?", name, near);
    if (point == CRASH_NONE)
        return err_set(err, EINVAL, ERR_ABORT, "no such point: %s", name);
    *ret_point = point;
    *ret_gather = (unsigned)n;
    return 0;
}

static int arm(const json_t *request, struct errctx *err)
{
    enum crash_point point;
    unsigned gather;
    int rc = read_point(request, &point, &gather, err);

    if (rc == 0)
        crash_point_arm(point, gather);
    return rc;
}

/* Whoever waits for another point to be full waits in vain from now on. */
static void stop_gathering(struct role *role)
{
    if (!role->gathering)
        return;
    rpc_reply_error(role->gathering, "disarmed");
    role->gathering = NULL;
    crash_point_disarm();
}

static void on_arm(struct role *role, struct rpc_call *call, const json_t *request)
{
    struct errctx err;

    stop_gathering(role);
    if (arm(request, &err) < 0)
        rpc_reply_error(call, "%s", err.message);
    else
        rpc_reply_ok(call, NULL);
}

static json_t *standing_now(void)
{
    json_t *standing = json_object();

    for (int i = CRASH_NONE + 1; i < CRASH_POINTS; i++) {
        unsigned n = crash_point_standing((enum crash_point)i);

        if (n > 0)
            json_object_set_new(standing, crash_point_info((enum crash_point)i)->name,
                                json_integer(n));
    }
    return standing;
}

static void append_request(void *arg, const char *request)
{
    json_array_append_new(arg, json_string(request));
}

static json_t *held_now(void)
{
    json_t *held = json_array();

    crash_point_each_held(append_request, held);
    return held;
}

static void on_full(void *arg)
{
    struct role *role = arg;
    json_t *fields = json_object();

    assert(role->gathering); /* told once, and not after it was disarmed */
    json_object_set_new(fields, "standing", standing_now());
    json_object_set_new(fields, "held", held_now());
    rpc_reply_ok(role->gathering, fields);
    role->gathering = NULL;
}

static void on_gather(struct role *role, struct rpc_call *call, const json_t *request)
{
    enum crash_point point;
    unsigned gather;
    struct errctx err;

    stop_gathering(role);
    if (read_point(request, &point, &gather, &err) < 0) {
        rpc_reply_error(call, "%s", err.message);
        return;
    }
    role->gathering = call;
    crash_point_gather(point, gather, on_full, role);
}

/* What was left for this start, and for no later one. */
static int arm_at_start(const struct role *role, struct errctx *err)
{
    char path[PATH_MAX + ROLE_NAME_SIZE + 8];
    json_t *request;
    int r;

    (void)snprintf(path, sizeof path, "%s/%s.arm", role->topology->control, role->self->name);
    if (access(path, F_OK) < 0)
        return 0;
    request = json_load_file(path, 0, NULL);
    r = arm(request, err);
    json_decref(request);
    if (unlink(path) < 0 && r == 0)
        r = err_set(err, errno, ERR_FATAL, "%s: %s", path, strerror(errno));
    return r < 0 ? err_prefix(err, r, "%s", path) : 0;
}

static void on_counters(const struct role *role, struct rpc_call *call)
{
    json_t *fields = json_object();
    json_t *standing = json_object();
    json_t *reached = json_object();

    for (int i = CRASH_NONE + 1; i < CRASH_POINTS; i++) {
        enum crash_point point = (enum crash_point)i;
        const char *name = crash_point_info(point)->name;

        if (crash_point_reached(point) == 0)
            continue; /* another approach's */
        json_object_set_new(standing, name, json_integer(crash_point_standing(point)));
        json_object_set_new(reached, name, json_integer((json_int_t)crash_point_reached(point)));
    }
    json_object_set_new(fields, "standing", standing);
    json_object_set_new(fields, "reached", reached);
    json_object_set_new(fields, "held", held_now());
    if (role->handlers.counters)
        role->handlers.counters(role->handlers.arg, fields);
    rpc_reply_ok(call, fields);
}

static void on_request(void *arg, struct rpc_call *call, const char *cmd, json_t *request)
{
    struct role *role = arg;

    if (strcmp(cmd, "arm") == 0) {
        on_arm(role, call, request);
    } else if (strcmp(cmd, "gather") == 0) {
        on_gather(role, call, request);
    } else if (strcmp(cmd, "disarm") == 0) {
        stop_gathering(role);
        crash_point_disarm();
        rpc_reply_ok(call, NULL);
    } else if (strcmp(cmd, "counters") == 0) {
        on_counters(role, call);
    } else if (strcmp(cmd, "drain") == 0) {
        if (role->handlers.drain)
            role->handlers.drain(role->handlers.arg, call);
        else
            rpc_reply_ok(call, NULL);
    } else if (role->handlers.command) {
        role->handlers.command(role->handlers.arg, call, cmd, request);
    } else {
        rpc_reply_error(call, "unknown command: %s", cmd);
    }
}

static void on_signal(evutil_socket_t signal, short events, void *arg)
{
    (void)events;
    log_info("ending on signal %d", (int)signal);
    role_stop(arg, 0);
}

static int read_topology(struct role *role, const char *path, const char *name, enum role_kind kind,
                         struct errctx *err)
{
    role->topology = mem_alloc(sizeof *role->topology);
    int r = topology_read(path, role->topology, err);

    if (r < 0)
        return r;
    role->self = topology_role(role->topology, name);
    if (!role->self)
        return err_set(err, EINVAL, ERR_ABORT, "%s: no role is named \"%s\"", path, name);
    if (role->self->kind != kind)
        return err_set(err, EINVAL, ERR_ABORT, "%s: %s is a %s, not a %s", path, name,
                       role_kind_name(role->self->kind), role_kind_name(kind));
    return 0;
}

static int open_report(const struct role *role, const char *ending, int *ret_fd, struct errctx *err)
{
    char path[PATH_MAX + ROLE_NAME_SIZE + 32];
    int fd;

    (void)snprintf(path, sizeof path, "%s/%s.%s", role->topology->control, role->self->name,
                   ending);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_set(err, errno, ERR_FATAL, "%s: %s", path, strerror(errno));
    *ret_fd = fd;
    return 0;
}

/* They must reach the disk's cache from inside a dying process: the files are open before. */
static int open_reports(struct role *role, struct errctx *err)
{
    int r = open_report(role, "exposure.ndjson", &role->exposure_fd, err);

    if (r == 0 && role->topology->broken[0])
        r = open_report(role, "broken", &role->broken_fd, err);
    crash_point_report_to(role->exposure_fd);
    broken_report_to(role->broken_fd);
    return r;
}

static void close_report(int fd)
{
    if (fd >= 0)
        (void)close(fd); /* nothing of ours is buffered in it */
}

static int open_control(struct role *role, struct errctx *err)
{
    const struct rpc_handlers handlers = {.request = on_request, .arg = role};
    char path[PATH_MAX + ROLE_NAME_SIZE + 8];

    (void)snprintf(path, sizeof path, "%s/%s.sock", role->topology->control, role->self->name);
    return rpc_listen(role->base, path, &handlers, &role->control, err);
}

static void catch_signals(struct role *role)
{
    role->sigterm = evsignal_new(role->base, SIGTERM, on_signal, role);
    role->sigint = evsignal_new(role->base, SIGINT, on_signal, role);
    evsignal_add(role->sigterm, NULL);
    evsignal_add(role->sigint, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that is gone shows as EPIPE where it is written to */
}

int role_new(const char *topology_path, const char *name, enum role_kind kind,
             const struct role_handlers *handlers, struct role **ret_role, struct errctx *err)
{
    struct role *role = mem_alloc(sizeof *role);
    int r;

    role->handlers = *handlers;
    role->exposure_fd = -1;
    role->broken_fd = -1;
    r = read_topology(role, topology_path, name, kind, err);
    if (r < 0)
        goto fail;
    role->base = loop_new();
    catch_signals(role);
    r = open_reports(role, err);
    if (r < 0)
        goto fail;
    r = open_control(role, err);
    if (r == 0)
        r = arm_at_start(role, err);
    if (r < 0)
        goto fail;
    *ret_role = role;
    return 0;
fail:
    role_free(role);
    return r;
}

void role_free(struct role *role)
{
    if (!role)
        return;
    rpc_server_free(role->control);
    crash_point_report_to(-1);
    broken_report_to(-1);
    close_report(role->exposure_fd);
    close_report(role->broken_fd);
    if (role->sigterm)
        event_free(role->sigterm);
    if (role->sigint)
        event_free(role->sigint);
    if (role->base)
        event_base_free(role->base);
    free(role->topology);
    free(role);
}

struct event_base *role_base(struct role *role)
{
    return role->base;
}

const struct topology *role_topology(const struct role *role)
{
    return role->topology;
}

const struct topology_role *role_self(const struct role *role)
{
    return role->self;
}

struct rpc_server *role_control(struct role *role)
{
    return role->control;
}

void role_ready(struct role *role, uint16_t port)
{
    (void)role;
    (void)printf("{\"ready\":true,\"port\":%u}\n", port);
    (void)fflush(stdout); /* whoever started us may be gone; then its end reaches us in time */
}

void role_ready_http(struct role *role, uint16_t port, uint16_t http_port)
{
    (void)role;
    (void)printf("{\"ready\":true,\"port\":%u,\"http\":%u}\n", port, http_port);
    (void)fflush(stdout); /* as above */
}

int role_run(struct role *role)
{
    /* role_stop() may have come before the loop began: a failure while opening. */
    if (!role->stopped)
        (void)event_base_dispatch(role->base);
    return role->exit_status;
}

void role_stop(struct role *role, int exit_status)
{
    if (!role->stopped)
        role->exit_status = exit_status;
    role->stopped = true;
    (void)event_base_loopbreak(role->base);
}
