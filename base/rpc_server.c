/* The serving end of rpc: see rpc.h. */
#include "base/mem.h"
#include "base/rpc.h"
#include "base/rpc_line.h"

#include <assert.h>
#include <errno.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#define BACKLOG 64

struct connection {
    struct rpc_server *server;
    struct bufferevent *bev;
    struct connection *prev, *next;
};

struct rpc_call {
    struct rpc_server *server;
    struct connection *connection; /* NULL when it closed before the answer */
    json_int_t id;
    struct rpc_call *prev, *next;
};

struct rpc_server {
    struct event_base *base;
    struct rpc_handlers handlers;
    struct rpc_path path;
    char *path_text; /* path.name points into it */
    struct evconnlistener *listener;
    struct connection *connections;
    struct rpc_call *calls;
    unsigned n_connections;
    bool in_handler;
};

static void connection_free(struct connection *c)
{
    struct rpc_call *call;

    DL_FOREACH (c->server->calls, call) {
        if (call->connection == c)
            call->connection = NULL;
    }
    DL_DELETE(c->server->connections, c);
    c->server->n_connections--;
    bufferevent_free(c->bev);
    free(c);
}

static void connection_close(struct connection *c)
{
    struct rpc_server *server = c->server;

    connection_free(c);
    if (server->handlers.gone)
        server->handlers.gone(server->handlers.arg, server->n_connections);
}

/* -EBADMSG for what is no request. */
static int serve_request(struct connection *c, json_t *request)
{
    struct rpc_server *server = c->server;
    const json_t *id = json_object_get(request, "id");
    const char *cmd = json_string_value(json_object_get(request, "cmd"));
    struct rpc_call *call;

    if (!json_is_integer(id) || !cmd)
        return -EBADMSG;
    call = mem_alloc(sizeof *call);
    call->server = server;
    call->connection = c;
    call->id = json_integer_value(id);
    DL_APPEND(server->calls, call);
    server->in_handler = true;
    server->handlers.request(server->handlers.arg, call, cmd, request);
    server->in_handler = false;
    return 0;
}

static void on_readable(struct bufferevent *bev, void *arg)
{
    struct connection *c = arg;
    json_t *request;
    int r;

    while ((r = rpc_line_read(bev, &request)) > 0) {
        r = serve_request(c, request);
        json_decref(request);
        if (r < 0)
            break;
    }
    if (r < 0)
        connection_close(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        connection_close(arg);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int size, void *arg)
{
    struct rpc_server *server = arg;
    struct connection *c;
    struct bufferevent *bev = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);

    (void)listener;
    (void)address;
    (void)size;
    if (!bev) {
        (void)close(fd);
        return;
    }
    c = mem_alloc(sizeof *c);
    c->server = server;
    c->bev = bev;
    DL_APPEND(server->connections, c);
    server->n_connections++;
    bufferevent_setcb(bev, on_readable, NULL, on_event, c);
    bufferevent_setwatermark(bev, EV_READ, 0, RPC_LINE_MAX);
    (void)bufferevent_enable(bev, EV_READ | EV_WRITE);
}

/* A bound socket for the owner only, which replaces an old one. */
static int bind_socket(const struct rpc_path *path, const char *text, struct errctx *err)
{
    struct stat st;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return err_set(err, errno, ERR_FATAL, "socket: %s", strerror(errno));
    if (fstatat(path->folder, path->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode))
        (void)unlinkat(path->folder, path->name, 0); /* bind says so if it is still there */
    /* The mode set before bind() is the mode with which Linux creates the name. */
    if (fchmod(fd, S_IRUSR | S_IWUSR) < 0 ||
        bind(fd, (const struct sockaddr *)&path->address, sizeof path->address) < 0) {
        int code = errno;

        (void)close(fd);
        return err_set(err, code, ERR_FATAL, "%s: %s", text, strerror(code));
    }
    return fd;
}

int rpc_listen(struct event_base *base, const char *path, const struct rpc_handlers *handlers,
               struct rpc_server **ret_server, struct errctx *err)
{
    struct rpc_server *server = mem_alloc(sizeof *server);
    int fd, r;

    server->base = base;
    server->handlers = *handlers;
    server->path_text = mem_strdup(path);
    server->path.folder = -1;
    r = rpc_path_open(&server->path, server->path_text, err);
    if (r < 0)
        goto fail;
    r = fd = bind_socket(&server->path, path, err);
    if (r < 0)
        goto fail;
    server->listener = evconnlistener_new(
        base, on_accept, server, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, BACKLOG, fd);
    if (!server->listener) {
        (void)close(fd);
        r = err_set(err, ENOMEM, ERR_FATAL, "%s: cannot listen", path);
        goto fail;
    }
    *ret_server = server;
    return 0;
fail:
    rpc_server_free(server);
    return r;
}

void rpc_server_free(struct rpc_server *server)
{
    struct connection *c, *next_connection;
    struct rpc_call *call, *next_call;

    if (!server)
        return;
    assert(!server->in_handler);
    if (server->listener) {
        evconnlistener_free(server->listener);
        (void)unlinkat(server->path.folder, server->path.name, 0); /* may be gone with its folder */
    }
    DL_FOREACH_SAFE(server->connections, c, next_connection)
    connection_free(c);
    DL_FOREACH_SAFE(server->calls, call, next_call)
    free(call);
    rpc_path_done(&server->path);
    free(server->path_text);
    free(server);
}

/* Send `reply` (stolen) to whoever asked, if it is still there; the call is over. */
static void answer(struct rpc_call *call, json_t *reply)
{
    DL_DELETE(call->server->calls, call);
    if (call->connection)
        rpc_line_write(call->connection->bev, reply);
    else
        json_decref(reply);
    free(call);
}

void rpc_reply_ok(struct rpc_call *call, json_t *fields)
{
    json_t *reply = json_pack("{s:I, s:b}", "id", call->id, "ok", 1);

    if (fields)
        (void)json_object_update_missing(reply, fields); /* fails when memory is gone only */
    json_decref(fields);
    answer(call, reply);
}

void rpc_reply_error(struct rpc_call *call, const char *fmt, ...)
{
    struct errctx text;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text.message, sizeof text.message, fmt, ap); /* a long message is cut */
    va_end(ap);
    answer(call, json_pack("{s:I, s:b, s:s}", "id", call->id, "ok", 0, "error", text.message));
}

void rpc_event(struct rpc_server *server, json_t *event)
{
    struct connection *c;

    DL_FOREACH (server->connections, c)
        rpc_line_write(c->bev, json_incref(event));
    json_decref(event);
}
