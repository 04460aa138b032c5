/* The gateway's connections and its process: see the header. */
#include "approaches/gateway.h"

#include "approaches/gateway_private.h"
#include "approaches/stdio_bridge.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "model/names.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#define SESSIONS         64 /* each branch that is not ended has one */
#define STALL_US         (10 * US_PER_S)
#define RESET_TIMEOUT_US (10 * US_PER_S)

/* --- clients ---------------------------------------------------------------------------------- */

static void on_line(void *arg, struct door_conn *conn, const char *line, size_t size)
{
    struct client *client = arg;
    struct participant_request request;
    struct errctx err;

    if (participant_decode(line, size, &request, &err) < 0) {
        participant_refuse(door_conn_output(conn), request.id, code_name(CODE_BAD_REQUEST),
                           err.message);
        door_conn_replied(conn);
        return;
    }
    gateway_take(client, &request);
}

static void on_oversized(void *arg, struct door_conn *conn)
{
    (void)arg;
    participant_refuse(door_conn_output(conn), -1, code_name(CODE_BAD_REQUEST),
                       "the line is too long");
    door_conn_replied(conn);
}

/* What it asked for goes on; only nobody hears of it. */
static void client_free(struct client *client)
{
    struct call *call;

    DL_FOREACH (client->gateway->calls, call) {
        if (call->client == client)
            call->client = NULL;
    }
    DL_DELETE(client->gateway->clients, client);
    free(client);
}

static void on_closed(void *arg, bool cut_off)
{
    struct client *client = arg;
    struct gateway *g = client->gateway;

    (void)cut_off;
    client_free(client);
    if (!g->listener)
        event_base_loopbreak(g->base); /* it was the only one */
}

static void on_accepted(void *arg, int fd)
{
    static const struct door_conn_handlers handlers = {
        .line = on_line, .oversized = on_oversized, .closed = on_closed};
    struct gateway *g = arg;
    struct client *client = mem_alloc(sizeof *client);

    client->gateway = g;
    DL_APPEND(g->clients, client);
    client->conn = door_conn_new(g->base, fd, STALL_US, &handlers, client);
}

/* --- the process ------------------------------------------------------------------------------ */

/* Once: later the store may come and go. */
static void on_alive(void *arg, bool alive)
{
    struct gateway *g = arg;

    if (!alive || g->ready_said || !g->listener)
        return;
    g->ready_said = true;
    (void)printf("{\"ready\":true,\"port\":%u}\n", (unsigned)door_listener_port(g->listener));
    (void)fflush(stdout); /* whoever started us may be gone, and then we are told to end */
}

static void on_signal(evutil_socket_t signal, short events, void *arg)
{
    (void)signal;
    (void)events;
    loop_interrupt(arg);
}

/* Clients first, since what the store still answers goes to nobody then. */
static void close_all(struct gateway *g)
{
    struct held *held, *next;

    door_listener_free(g->listener);
    while (g->clients) {
        door_conn_free(g->clients->conn);
        client_free(g->clients);
    }
    HASH_ITER (hh, g->held, held, next)
        gateway_let_go(g, held);
    store_free(g->store);
    while (g->calls)
        gateway_call_over(g->calls); /* those of branches, which no longer answer */
}

static void on_reset(void *arg, const struct store_reply *reply)
{
    struct gateway *g = arg;

    g->reset_over = true;
    g->reset_reply = *reply;
}

static bool reset_over(void *arg)
{
    return ((const struct gateway *)arg)->reset_over;
}

static int reset(struct gateway *g, struct errctx *err)
{
    int r;

    store_reset(g->store, clock_now_us() + RESET_TIMEOUT_US, on_reset, g);
    r = loop_until(g->base, reset_over, g, 2 * RESET_TIMEOUT_US);
    if (r < 0 || g->reset_reply.status != STORE_OK)
        return err_set(err, EIO, ERR_ABORT, "%s cannot be emptied: %s", store_name(g->store),
                       r == -EINTR ? "told to end"
                       : r < 0     ? "it does not answer"
                                   : g->reset_reply.detail);
    return 0;
}

static int open_all(struct gateway *g, const struct gateway_options *options,
                    struct stdio_bridge **ret_bridge, struct errctx *err)
{
    char application[SESSION_NAME_SIZE], part[24];
    const struct store_options store = {.application = application, .sessions = SESSIONS};
    int fd, r;

    (void)snprintf(part, sizeof part, "%ld", (long)getpid());
    session_name(application, "participant", part);
    r = store_open(g->base, options->store, options->address, &store, &g->store, err);
    if (r == 0 && options->reset)
        r = reset(g, err);
    if (r < 0)
        return r;
    if (options->listen) {
        r = door_listener_new(g->base, options->listen, on_accepted, g, &g->listener, err);
        store_on_alive(g->store, on_alive, g);
        on_alive(g, store_alive(g->store)); /* it may be by now */
        return r;
    }
    r = stdio_bridge_new(ret_bridge, &fd, err);
    if (r == 0)
        on_accepted(g, fd);
    return r;
}

int gateway_run(struct event_base *base, const struct gateway_options *options, struct errctx *err)
{
    struct gateway g = {.base = base};
    struct stdio_bridge *bridge = NULL;
    struct event *sigterm = evsignal_new(base, SIGTERM, on_signal, base);
    struct event *sigint = evsignal_new(base, SIGINT, on_signal, base);
    int r = options->listen ? door_may_listen(options->listen, NULL, err) : 0;

    (void)signal(SIGPIPE, SIG_IGN); /* who is gone shows as EPIPE where it is written to */
    evsignal_add(sigterm, NULL);
    evsignal_add(sigint, NULL);
    if (r == 0)
        r = open_all(&g, options, &bridge, err);
    if (r == 0)
        (void)event_base_dispatch(base); /* until one of the signals, or the end of the input */
    close_all(&g);
    stdio_bridge_free(bridge);
    event_free(sigterm);
    event_free(sigint);
    return r;
}
