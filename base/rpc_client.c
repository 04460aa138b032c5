/* The asking end of rpc: see rpc.h. */
#include "base/loop.h"
#include "base/mem.h"
#include "base/rpc.h"
#include "base/rpc_line.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

struct pending {
    json_int_t id;
    rpc_done done;
    void *arg;
    struct pending *prev, *next;
};

struct rpc_client {
    struct event_base *base;
    struct rpc_client_handlers handlers;
    struct bufferevent *bev; /* NULL once the connection is lost */
    struct event *fail_soon; /* answers what was sent to a lost connection, from the loop */
    struct pending *pending;
    json_int_t last_id;
    bool in_callback; /* its memory is still looked at: rpc_client_free() only marks it */
    bool freed;
};

static void finish(struct rpc_client *client, struct pending *p, json_t *reply)
{
    DL_DELETE(client->pending, p);
    if (p->done)
        p->done(p->arg, reply);
    free(p);
}

static void fail_pending(struct rpc_client *client)
{
    while (client->pending)
        finish(client, client->pending, NULL);
}

static void destroy(struct rpc_client *client)
{
    if (client->bev)
        bufferevent_free(client->bev);
    client->bev = NULL;
    fail_pending(client);
    if (client->fail_soon)
        event_free(client->fail_soon);
    free(client);
}

/* Callbacks of the user run between these two, and may free the client. */
static void enter(struct rpc_client *client)
{
    assert(!client->in_callback);
    client->in_callback = true;
}

static void leave(struct rpc_client *client)
{
    client->in_callback = false;
    if (client->freed)
        destroy(client);
}

static void on_fail_soon(evutil_socket_t fd, short what, void *arg)
{
    struct rpc_client *client = arg;

    (void)fd;
    (void)what;
    enter(client);
    fail_pending(client);
    leave(client);
}

static void lose(struct rpc_client *client)
{
    bufferevent_free(client->bev);
    client->bev = NULL;
    fail_pending(client);
    if (client->handlers.closed && !client->freed)
        client->handlers.closed(client->handlers.arg);
}

static void take(struct rpc_client *client, json_t *message)
{
    const json_t *id = json_object_get(message, "id");
    struct pending *p;

    if (!id) {
        if (client->handlers.event)
            client->handlers.event(client->handlers.arg, message);
        return;
    }
    DL_FOREACH (client->pending, p) {
        if (p->id == json_integer_value(id)) {
            finish(client, p, message);
            return;
        }
    }
    /* The reply to a call that timed out: nobody waits for it any more. */
}

static void on_readable(struct bufferevent *bev, void *arg)
{
    struct rpc_client *client = arg;
    json_t *message;
    int r = 0;

    enter(client);
    while (!client->freed && (r = rpc_line_read(bev, &message)) > 0) {
        take(client, message);
        json_decref(message);
    }
    if (!client->freed && r < 0)
        lose(client);
    leave(client);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct rpc_client *client = arg;

    (void)bev;
    if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
        return;
    enter(client);
    lose(client);
    leave(client);
}

static int connect_socket(const char *path, struct errctx *err)
{
    struct rpc_path where;
    int fd, code;
    int r = rpc_path_open(&where, path, err);

    if (r < 0)
        return r;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 &&
        connect(fd, (const struct sockaddr *)&where.address, sizeof where.address) == 0) {
        rpc_path_done(&where);
        return fd;
    }
    code = errno;
    if (fd >= 0)
        (void)close(fd);
    rpc_path_done(&where);
    return err_set(err, code, ERR_RETRY, "%s: %s", path, strerror(code));
}

int rpc_connect(struct event_base *base, const char *path,
                const struct rpc_client_handlers *handlers, struct rpc_client **ret_client,
                struct errctx *err)
{
    struct rpc_client *client;
    int fd = connect_socket(path, err);

    if (fd < 0)
        return fd;
    client = mem_alloc(sizeof *client);
    client->base = base;
    client->handlers = *handlers;
    client->fail_soon = event_new(base, -1, 0, on_fail_soon, client);
    client->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!client->fail_soon || !client->bev) {
        if (!client->bev)
            (void)close(fd);
        destroy(client);
        return err_set(err, ENOMEM, ERR_FATAL, "%s: no memory for a connection", path);
    }
    bufferevent_setcb(client->bev, on_readable, NULL, on_event, client);
    bufferevent_setwatermark(client->bev, EV_READ, 0, RPC_LINE_MAX);
    (void)bufferevent_enable(client->bev, EV_READ | EV_WRITE);
    *ret_client = client;
    return 0;
}

void rpc_client_free(struct rpc_client *client)
{
    if (!client)
        return;
    if (client->in_callback)
        client->freed = true;
    else
        destroy(client);
}

void rpc_send(struct rpc_client *client, const char *cmd, json_t *fields, rpc_done done, void *arg)
{
    struct pending *p = mem_alloc(sizeof *p);
    json_t *request = json_pack("{s:I, s:s}", "id", ++client->last_id, "cmd", cmd);

    p->id = client->last_id;
    p->done = done;
    p->arg = arg;
    DL_APPEND(client->pending, p);
    if (fields)
        (void)json_object_update_missing(request, fields); /* fails when memory is gone only */
    json_decref(fields);
    if (client->bev) {
        rpc_line_write(client->bev, request);
        return;
    }
    json_decref(request);
    event_active(client->fail_soon, EV_TIMEOUT, 0);
}

struct wait {
    bool done;
    json_t *reply;
};

static void on_reply(void *arg, json_t *reply)
{
    struct wait *wait = arg;

    wait->done = true;
    wait->reply = json_incref(reply);
}

static bool is_done(void *arg)
{
    const struct wait *wait = arg;

    return wait->done;
}

/* Nobody waits for the reply any more. */
static void forget(struct rpc_client *client, const struct wait *wait)
{
    struct pending *p;

    DL_FOREACH (client->pending, p) {
        if (p->arg == wait)
            p->done = NULL;
    }
}

/* 0 or -EREMOTEIO; `reply` is kept or dropped. */
static int judge(json_t *reply, json_t **ret_reply, struct errctx *err)
{
    const char *text = json_string_value(json_object_get(reply, "error"));

    if (!json_is_true(json_object_get(reply, "ok"))) {
        int r = err_set(err, EREMOTEIO, ERR_ABORT, "%s", text ? text : "refused without a word");

        json_decref(reply);
        return r;
    }
    if (ret_reply)
        *ret_reply = reply;
    else
        json_decref(reply);
    return 0;
}

int rpc_call(struct rpc_client *client, const char *cmd, json_t *fields, int64_t timeout_us,
             json_t **ret_reply, struct errctx *err)
{
    struct wait wait = {0};
    int r;

    assert(!client->in_callback);
    rpc_send(client, cmd, fields, on_reply, &wait);
    r = loop_until(client->base, is_done, &wait, timeout_us);
    if (r < 0) {
        forget(client, &wait);
        if (r == -EINTR)
            return err_set(err, EINTR, ERR_ABORT, "%s: interrupted", cmd);
        return err_set(err, -r, ERR_RETRY, "%s: no answer within %lld ms", cmd,
                       (long long)(timeout_us / 1000));
    }
    if (!wait.reply)
        return err_set(err, ECONNRESET, ERR_RETRY, "%s: connection lost before the answer", cmd);
    return judge(wait.reply, ret_reply, err);
}
