/* The front door; see the header. Listening is in door_listener.c, one connection's bytes in
 * door_conn.c. */
#include "approaches/door.h"

#include "approaches/door_conn.h"
#include "approaches/door_listener.h"
#include "base/clock.h"
#include "base/mem.h"
#include "model/token.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#define DRAIN_LOOK_US (5 * US_PER_MS)

struct client {
    struct door *door;
    struct door_conn *conn;
    bool admitted;      /* it said the token, or need not */
    struct call *calls; /* in flight */
    unsigned n_calls;
    struct client *prev, *next;
};

/* A request in flight at the approach. */
struct call {
    struct door *door;
    struct client *client; /* NULL: gone before the reply came */
    struct request request;
    struct call *prev, *next; /* in the client's list, the orphans' or the free ones' */
};

struct drain {
    void (*drained)(void *arg);
    void *arg;
    struct drain *next;
};

struct door {
    struct door_options options;
    void *self; /* the approach's */
    bool approach_ready;
    struct door_listener *listener; /* NULL until the approach is ready */
    struct event *drain_timer;
    struct drain *drains;
    bool draining;
    struct client *clients;
    struct call *orphans; /* in flight, their client gone */
    struct call *free_calls;
    unsigned n_clients;
    unsigned n_calls;
    uint64_t n_requests;
    uint64_t n_replies[CODES]; /* CODE_NONE: ok */
    uint64_t n_malformed;
    uint64_t n_cut_off;
    uint64_t n_turned_away; /* connections beyond DOOR_CONNECTIONS_MAX */
    uint64_t n_dropped;     /* replies whose client was gone */
};

/* --- replies ------------------------------------------------------------------------------- */

static void send_reply(struct door *door, struct client *client, const struct reply *reply,
                       const struct txn *txn)
{
    door->n_replies[reply->code]++;
    protocol_encode_reply(door_conn_output(client->conn), reply, txn);
    door_conn_replied(client->conn);
}

static void refuse(struct door *door, struct client *client, int64_t id, enum code code,
                   const char *detail)
{
    struct reply reply = {.id = id, .code = code};

    (void)snprintf(reply.detail, sizeof reply.detail, "%s", detail);
    send_reply(door, client, &reply, NULL);
}

/* --- calls --------------------------------------------------------------------------------- */

/* Requests are large (model/txn.h) and come by the ten thousand a second: their memory is kept. */
static struct call *take_call(struct door *door)
{
    struct call *call = door->free_calls;

    if (!call)
        return mem_alloc(sizeof *call);
    DL_DELETE(door->free_calls, call);
    return call;
}

static void keep_call(struct door *door, struct call *call)
{
    DL_PREPEND(door->free_calls, call);
}

static void begin_call(struct door *door, struct client *client, struct call *call)
{
    call->door = door;
    call->client = client;
    DL_APPEND(client->calls, call);
    client->n_calls++;
    door->n_calls++;
}

static void end_call(struct call *call)
{
    struct door *door = call->door;
    struct client *client = call->client;

    if (client) {
        DL_DELETE(client->calls, call);
        client->n_calls--;
    } else {
        DL_DELETE(door->orphans, call);
    }
    door->n_calls--;
    keep_call(door, call);
}

static void on_done(void *arg, const struct reply *reply)
{
    struct call *call = arg;
    struct reply full = *reply;

    full.id = call->request.id;
    full.is_status = call->request.kind == REQUEST_STATUS;
    if (call->client)
        send_reply(call->door, call->client, &full, full.is_status ? NULL : &call->request.txn);
    else
        call->door->n_dropped++;
    end_call(call);
}

/* --- admission ----------------------------------------------------------------------------- */

/* CODE_NONE: may be handed to the approach. */
static enum code judge_ops(const struct door *door, const struct txn *txn, const char **ret_why)
{
    const struct approach *approach = door->options.approach;

    for (unsigned i = 0; i < txn->n_ops; i++) {
        if (!topology_store(door->options.topology, txn->op[i].store)) {
            *ret_why = "no such store";
            return CODE_BAD_REQUEST;
        }
        if (!(approach->ops & UINT32_C(1) << txn->op[i].kind)) {
            *ret_why = "this approach has no such operation";
            return CODE_UNSUPPORTED;
        }
        if (txn->op[i].has_after && !approach->uses_log) {
            *ret_why = "this approach has no positions";
            return CODE_UNSUPPORTED;
        }
    }
    return CODE_NONE;
}

static enum code judge(const struct door *door, const struct client *client,
                       const struct request *request, const char **ret_why)
{
    *ret_why = "too many requests in flight";
    if (door->n_calls >= DOOR_IN_FLIGHT_MAX || client->n_calls >= DOOR_CONN_IN_FLIGHT_MAX)
        return CODE_REFUSED;
    if (request->kind == REQUEST_STATUS)
        return CODE_NONE;
    *ret_why = "draining";
    if (door->draining)
        return CODE_REFUSED;
    return judge_ops(door, &request->txn, ret_why);
}

static void hand_over(struct door *door, struct call *call)
{
    const struct approach *approach = door->options.approach;
    const struct request *request = &call->request;

    if (request->kind == REQUEST_STATUS)
        approach->status(door->self, request->txn.request, on_done, call);
    else
        approach->submit(door->self, &request->txn,
                         clock_now_us() + request->deadline_ms * US_PER_MS, on_done, call);
}

/* The first line where a token is asked for. */
static void on_hello(struct client *client, const char *line, size_t size)
{
    static const struct reply welcome = {.id = -1, .level = LEVEL_NONE};
    struct door *door = client->door;

    client->admitted = token_is_said(line, size, door->options.token);
    if (client->admitted) {
        send_reply(door, client, &welcome, NULL);
        return;
    }
    door_conn_end(client->conn);
    refuse(door, client, -1, CODE_REFUSED, "the first line has to be {\"token\":\"…\"}");
}

static void on_line(void *arg, struct door_conn *conn, const char *line, size_t size)
{
    struct client *client = arg;
    struct door *door = client->door;
    struct errctx err = {0};
    const char *why;

    (void)conn;
    if (!client->admitted) {
        on_hello(client, line, size);
        return;
    }
    struct call *call = take_call(door);

    door->n_requests++;
    if (protocol_decode_request(line, size, &call->request, &err) < 0) {
        door->n_malformed++;
        refuse(door, client, call->request.id, CODE_BAD_REQUEST, err.message);
        keep_call(door, call);
        return;
    }
    enum code code = judge(door, client, &call->request, &why);

    if (code != CODE_NONE) {
        refuse(door, client, call->request.id, code, why);
        keep_call(door, call);
        return;
    }
    begin_call(door, client, call);
    hand_over(door, call);
}

static void on_oversized(void *arg, struct door_conn *conn)
{
    struct client *client = arg;

    (void)conn;
    client->door->n_requests++;
    client->door->n_malformed++;
    refuse(client->door, client, -1, CODE_BAD_REQUEST, "a line is at most 64 KiB");
}

/* --- connections --------------------------------------------------------------------------- */

static void forget_client(struct client *client)
{
    struct door *door = client->door;
    struct call *call;

    DL_FOREACH (client->calls, call)
        call->client = NULL; /* its reply will be dropped */
    DL_CONCAT(door->orphans, client->calls);
    DL_DELETE(door->clients, client);
    door->n_clients--;
    free(client);
}

static void on_closed(void *arg, bool cut_off)
{
    struct client *client = arg;

    client->door->n_cut_off += cut_off;
    forget_client(client);
}

static void on_accept(void *arg, int fd)
{
    static const struct door_conn_handlers handlers = {
        .line = on_line, .oversized = on_oversized, .closed = on_closed};
    struct door *door = arg;

    if (door->n_clients >= DOOR_CONNECTIONS_MAX) {
        door->n_turned_away++;
        (void)evutil_closesocket(fd); /* nothing was said on it */
        return;
    }
    struct client *client = mem_alloc(sizeof *client);

    client->door = door;
    client->admitted = door->options.token == NULL;
    client->conn = door_conn_new(door->options.base, fd, door->options.stall_us, &handlers, client);
    DL_APPEND(door->clients, client);
    door->n_clients++;
}

/* --- draining ------------------------------------------------------------------------------ */

static bool drained(const struct door *door)
{
    const struct client *client;

    if (door->n_calls > 0 || door->options.approach->in_flight(door->self) > 0)
        return false;
    DL_FOREACH (door->clients, client) {
        if (!door_conn_flushed(client->conn))
            return false;
    }
    return true;
}

static void on_drain_timer(evutil_socket_t fd, short events, void *arg)
{
    struct door *door = arg;
    struct timeval look = clock_timeval(DRAIN_LOOK_US);

    (void)fd;
    (void)events;
    if (!drained(door)) {
        event_add(door->drain_timer, &look);
        return;
    }
    while (door->drains) {
        struct drain *drain = door->drains;

        door->drains = drain->next;
        drain->drained(drain->arg);
        free(drain);
    }
}

void door_drain(struct door *door, void (*drained_call)(void *arg), void *arg)
{
    struct drain *drain = mem_alloc(sizeof *drain);
    struct timeval at_once = {0};

    drain->drained = drained_call;
    drain->arg = arg;
    LL_PREPEND(door->drains, drain);
    door->draining = true;
    event_add(door->drain_timer, &at_once);
}

/* --- opening and closing ------------------------------------------------------------------- */

/* Clients find the port closed until the approach is ready: they go to another door meanwhile. */
static void let_in(struct door *door)
{
    struct errctx err = {0};

    if (door_listener_new(door->options.base, &door->options.role->address, on_accept, door,
                          &door->listener, &err) < 0)
        door->options.failed(door->options.arg, &err);
    else
        door->options.ready(door->options.arg, door_listener_port(door->listener));
}

static void on_approach_ready(void *arg)
{
    struct door *door = arg;

    assert(!door->approach_ready);
    door->approach_ready = true;
    if (door->self) /* else this comes from inside open(), which door_open() goes on from */
        let_in(door);
}

static void on_approach_failed(void *arg, const struct errctx *err)
{
    struct door *door = arg;

    door->options.failed(door->options.arg, err);
}

int door_open(const struct door_options *options, struct door **ret_door, struct errctx *err)
{
    struct door *door = mem_alloc(sizeof *door);
    struct approach_env env = {
        .base = options->base,
        .topology = options->topology,
        .role = options->role,
        .settings = options->settings,
        .broken = options->topology->broken[0] ? options->topology->broken : NULL,
        .force_presume_abort = options->force_presume_abort,
        .ready = on_approach_ready,
        .failed = on_approach_failed,
        .arg = door,
    };

    door->options = *options;
    if (door->options.stall_us == 0)
        door->options.stall_us = DOOR_STALL_US;
    door->drain_timer = evtimer_new(options->base, on_drain_timer, door);
    void *self = NULL; /* not door->self: ready() from inside open() must find it unset */
    int r = door_may_listen(&options->role->address, options->token, err);

    if (r == 0)
        r = options->approach->open(&env, &self, err);
    if (r < 0) {
        door_free(door);
        return r;
    }
    assert(self);
    door->self = self;
    *ret_door = door;
    if (door->approach_ready)
        let_in(door);
    return 0;
}

static void free_calls(struct call *calls)
{
    while (calls) {
        struct call *next = calls->next;

        free(calls);
        calls = next;
    }
}

void door_free(struct door *door)
{
    if (!door)
        return;
    door_listener_free(door->listener);
    while (door->clients) {
        door_conn_free(door->clients->conn);
        forget_client(door->clients);
    }
    if (door->self)
        door->options.approach->close(door->self);
    while (door->drains) {
        struct drain *drain = door->drains;

        door->drains = drain->next;
        free(drain);
    }
    event_free(door->drain_timer);
    free_calls(door->orphans);
    free_calls(door->free_calls);
    free(door);
}

void *door_approach(const struct door *door)
{
    return door->self;
}

void door_counters(const struct door *door, json_t *into)
{
    const struct approach *approach = door->options.approach;
    json_t *replies = json_object();

    for (int code = CODE_NONE; code < CODES; code++) {
        const char *name = code == CODE_NONE ? "ok" : code_name((enum code)code);

        json_object_set_new(replies, name, json_integer((json_int_t)door->n_replies[code]));
    }
    json_object_set_new(into, "in_flight",
                        json_integer((json_int_t)approach->in_flight(door->self)));
    json_object_set_new(into, "connections", json_integer(door->n_clients));
    json_object_set_new(into, "requests", json_integer((json_int_t)door->n_requests));
    json_object_set_new(into, "replies", replies);
    json_object_set_new(into, "malformed", json_integer((json_int_t)door->n_malformed));
    json_object_set_new(into, "cut_off", json_integer((json_int_t)door->n_cut_off));
    json_object_set_new(into, "turned_away", json_integer((json_int_t)door->n_turned_away));
    json_object_set_new(into, "dropped", json_integer((json_int_t)door->n_dropped));
    if (approach->counters)
        approach->counters(door->self, into);
}
