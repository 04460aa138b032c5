/* Clients and their connections; see the header. */
#include "harness/workload/load_clients.h"

#include "base/clock.h"
#include "base/line_split.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/token.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#define READ_SIZE 65536
#define STAGE_SIZE                                                                                 \
    65536 /* at most so much, and a line, is in a buffer before the socket takes it */

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_UP };

/* One client's connection to one door. */
struct load_link {
    enum link_state state;
    struct client *client;
    const struct load_door *door;
    int64_t tried_us;
    int64_t staged_us; /* of what is staged */
    int fd;
    struct event *readable;
    struct event *writable;
    struct line_split in;
    struct buf out;
    struct load_op *pending;
    struct load_op *staged;
    struct load_op *sent;
};

struct client {
    struct load_clients *clients;
    unsigned own; /* index of its own door */
    struct load_op *waiting;
    struct load_link *links; /* one a door */
};

struct load_clients {
    struct event_base *base;
    struct load_handlers handlers;
    enum load_connect connect;
    unsigned n_doors;
    unsigned n_clients;
    struct client *client;
    struct event *retry;
};

static void on_readable(evutil_socket_t fd, short events, void *arg);
static void on_writable(evutil_socket_t fd, short events, void *arg);

/* --- where operations go ------------------------------------------------------------------- */

/* This door, or the next living one; NULL when none lives. */
static struct load_link *route(const struct client *client, unsigned from_door)
{
    unsigned n = client->clients->n_doors;

    for (unsigned i = 0; i < n; i++) {
        struct load_link *link = &client->links[(from_door + i) % n];

        if (link->state == LINK_UP)
            return link;
    }
    return NULL;
}

/* Written to when this round of the loop is over: one system call for what came together. */
static void wake(struct load_link *link)
{
    if (!event_pending(link->writable, EV_WRITE, NULL))
        event_active(link->writable, EV_WRITE, 1);
}

static void place(struct client *client, struct load_op *op)
{
    op->state = LOAD_UNSENT;
    op->link = route(client, op->from_door);
    if (!op->link) {
        DL_APPEND(client->waiting, op);
        return;
    }
    DL_APPEND(op->link->pending, op);
    wake(op->link);
}

static void place_all(struct client *client, struct load_op *ops)
{
    while (ops) {
        struct load_op *op = ops;

        DL_DELETE(ops, op);
        place(client, op);
    }
}

void load_clients_submit(struct load_clients *clients, unsigned client, struct load_op *op)
{
    assert(op->state == LOAD_PLANNED);
    op->from_door = clients->client[client].own;
    place(&clients->client[client], op);
}

void load_clients_retry(struct load_clients *clients, unsigned client, struct load_op *op)
{
    assert(op->state == LOAD_SENT && !op->link);
    op->from_door = (op->door_index + 1) % clients->n_doors;
    place(&clients->client[client], op);
}

void load_clients_withdraw(struct load_clients *clients, unsigned client, struct load_op *op)
{
    switch (op->state) {
    case LOAD_UNSENT:
        if (op->link)
            DL_DELETE(op->link->pending, op);
        else
            DL_DELETE(clients->client[client].waiting, op);
        break;
    case LOAD_STAGED:
        DL_DELETE(op->link->staged, op);
        break;
    case LOAD_SENT:
        DL_DELETE(op->link->sent, op);
        break;
    case LOAD_PLANNED:
    case LOAD_ENDED:
        assert(!"in no list");
    }
    op->link = NULL;
}

/* --- connections --------------------------------------------------------------------------- */

static void close_link(struct load_link *link)
{
    event_free(link->readable);
    event_free(link->writable);
    (void)close(link->fd); /* nothing to be done about it */
    line_split_done(&link->in);
    buf_done(&link->out);
    link->state = LINK_DOWN;
}

static void open_link(struct load_link *link)
{
    struct sockaddr_in address;
    struct event_base *base = link->client->clients->base;
    int on = 1;

    link->tried_us = clock_now_us();
    if (address_socket(&link->door->address, &address) < 0)
        return; /* never alive; doors are started with the same address and complain of it */
    link->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0) {
        log_warn("no socket: %s", strerror(errno));
        return;
    }
    (void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* costs latency only */
    if (connect(link->fd, (const struct sockaddr *)&address, sizeof address) < 0 &&
        errno != EINPROGRESS) {
        (void)close(link->fd);
        return;
    }
    link->state = LINK_CONNECTING;
    link->readable = event_new(base, link->fd, EV_READ | EV_PERSIST, on_readable, link);
    link->writable = event_new(base, link->fd, EV_WRITE, on_writable, link);
    event_add(link->writable, NULL);
}

/* Which doors a client is at: see enum load_connect. */
static void try_doors(struct client *client, int64_t now_us)
{
    struct load_link *own = &client->links[client->own];
    bool own_only = client->clients->connect == LOAD_CONNECT_OWN && own->state == LINK_UP;

    for (unsigned i = 0; i < client->clients->n_doors; i++) {
        struct load_link *link = &client->links[i];

        if (link->state == LINK_DOWN && (link == own || !own_only) &&
            now_us - link->tried_us >= LOAD_RETRY_US)
            open_link(link);
    }
}

static void on_retry(evutil_socket_t fd, short events, void *arg)
{
    struct load_clients *clients = arg;
    int64_t now_us = clock_now_us();

    (void)fd;
    (void)events;
    for (unsigned i = 0; i < clients->n_clients; i++)
        try_doors(&clients->client[i], now_us);
}

static void lose_link(struct load_link *link)
{
    struct client *client = link->client;
    const struct load_handlers *handlers = &client->clients->handlers;
    struct load_op *unsent = link->staged;

    close_link(link);
    DL_CONCAT(unsent, link->pending);
    link->staged = NULL;
    link->pending = NULL;
    while (link->sent) {
        struct load_op *op = link->sent;

        DL_DELETE(link->sent, op);
        op->link = NULL;
        handlers->lost(handlers->arg, op);
    }
    place_all(client, unsent);
    try_doors(client, clock_now_us());
}

static void finish_connect(struct load_link *link)
{
    struct load_op *waiting = link->client->waiting;
    int error = 0;
    socklen_t size = sizeof error;

    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0) {
        close_link(link);
        return;
    }
    link->state = LINK_UP;
    if (link->client->clients->handlers.token)
        token_append_hello(&link->out, link->client->clients->handlers.token);
    event_add(link->readable, NULL);
    link->client->waiting = NULL;
    place_all(link->client, waiting);
}

/* --- sending ------------------------------------------------------------------------------- */

static void stage(struct load_link *link)
{
    const struct load_handlers *handlers = &link->client->clients->handlers;
    int64_t now_us = clock_now_us();

    while (link->pending && link->out.size < STAGE_SIZE) {
        struct load_op *op = link->pending;

        DL_DELETE(link->pending, op);
        DL_APPEND(link->staged, op);
        op->state = LOAD_STAGED;
        op->door = link->door->name;
        op->door_index = (unsigned)(link - link->client->links);
        handlers->encode(handlers->arg, op, now_us, &link->out);
    }
    link->staged_us = now_us;
}

/*
 * With the first byte all of them count as sent: more than that cannot be told from outside. They
 * were invoked when their lines were made, since a line may say what its client had seen by then.
 */
static void staged_is_sent(struct load_link *link)
{
    const struct load_handlers *handlers = &link->client->clients->handlers;

    while (link->staged) {
        struct load_op *op = link->staged;

        DL_DELETE(link->staged, op);
        DL_APPEND(link->sent, op);
        op->state = LOAD_SENT;
        handlers->sent(handlers->arg, op, link->staged_us);
    }
}

static void send_pending(struct load_link *link)
{
    for (;;) {
        if (link->out.size == 0)
            stage(link);
        if (link->out.size == 0)
            return;
        ssize_t n = send(link->fd, link->out.data, link->out.size, MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            event_add(link->writable, NULL);
            return;
        }
        if (n < 0) {
            lose_link(link);
            return;
        }
        buf_consume(&link->out, (size_t)n);
        staged_is_sent(link);
    }
}

static void on_writable(evutil_socket_t fd, short events, void *arg)
{
    struct load_link *link = arg;

    (void)fd;
    (void)events;
    switch (link->state) {
    case LINK_CONNECTING:
        finish_connect(link);
        break;
    case LINK_UP:
        send_pending(link);
        break;
    case LINK_DOWN: /* its events are gone */
        assert(!"an event of a connection that is closed");
    }
}

/* --- receiving ----------------------------------------------------------------------------- */

/* False: not our protocol. A reply that comes late, or twice, finds no operation. */
static bool take_reply(struct load_link *link, const char *line, size_t size)
{
    const struct load_handlers *handlers = &link->client->clients->handlers;
    struct reply reply;
    struct errctx err = {0};

    if (protocol_decode_reply(line, size, &reply, &err) < 0) {
        log_warn("%s: %s", link->door->name, err.message);
        return false;
    }
    if (reply.id < 0 && reply.code != CODE_NONE) /* of no request: the token, most likely */
        log_warn("%s: %s", link->door->name, reply.detail);
    struct load_op *op = handlers->find(handlers->arg, reply.id);

    if (op && op->state == LOAD_SENT && op->link == link) {
        DL_DELETE(link->sent, op);
        op->link = NULL;
        handlers->replied(handlers->arg, op, &reply);
    }
    return true;
}

/* False: not our protocol. */
static bool take_input(struct load_link *link, const char *data, size_t size)
{
    enum line_found found;
    const char *line;
    size_t line_size;

    line_split_feed(&link->in, data, size);
    while ((found = line_split_next(&link->in, &line, &line_size)) == LINE_WHOLE) {
        if (!take_reply(link, line, line_size))
            return false;
    }
    return found == LINE_NONE;
}

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
    static char data[READ_SIZE]; /* one thread, and emptied before it is left */
    struct load_link *link = arg;
    ssize_t n = recv(fd, data, sizeof data, 0);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || !take_input(link, data, (size_t)n))
        lose_link(link);
}

/* --- all of them --------------------------------------------------------------------------- */

static void client_init(struct client *client, struct load_clients *clients, unsigned index,
                        const struct load_door *doors)
{
    client->clients = clients;
    client->own = index % 2 % clients->n_doors; /* with a single door, that one */
    client->links = mem_alloc_array(clients->n_doors, sizeof *client->links);
    for (unsigned i = 0; i < clients->n_doors; i++) {
        client->links[i].client = client;
        client->links[i].door = &doors[i];
        client->links[i].in.max = PROTOCOL_LINE_MAX;
        client->links[i].tried_us = INT64_MIN / 2; /* never */
    }
}

struct load_clients *load_clients_new(struct event_base *base, unsigned n_clients,
                                      const struct load_door *doors, unsigned n_doors,
                                      enum load_connect connect,
                                      const struct load_handlers *handlers)
{
    struct load_clients *clients = mem_alloc(sizeof *clients);
    struct timeval every = clock_timeval(LOAD_RETRY_US);

    assert(n_doors > 0);
    clients->base = base;
    clients->handlers = *handlers;
    clients->connect = connect;
    clients->n_doors = n_doors;
    clients->n_clients = n_clients;
    clients->client = mem_alloc_array(n_clients, sizeof *clients->client);
    for (unsigned i = 0; i < n_clients; i++) {
        struct client *client = &clients->client[i];

        client_init(client, clients, i, doors);
        open_link(&client->links[client->own]);
        if (connect == LOAD_CONNECT_ALL)
            try_doors(client, clock_now_us());
    }
    clients->retry = event_new(base, -1, EV_PERSIST, on_retry, clients);
    event_add(clients->retry, &every);
    return clients;
}

void load_clients_free(struct load_clients *clients)
{
    if (!clients)
        return;
    for (unsigned i = 0; i < clients->n_clients; i++) {
        struct client *client = &clients->client[i];

        for (unsigned d = 0; d < clients->n_doors; d++) {
            if (client->links[d].state != LINK_DOWN)
                close_link(&client->links[d]);
        }
        free(client->links);
    }
    event_free(clients->retry);
    free(clients->client);
    free(clients);
}

bool load_clients_connected(const struct load_clients *clients)
{
    for (unsigned i = 0; i < clients->n_clients; i++) {
        const struct client *client = &clients->client[i];

        if (client->links[client->own].state != LINK_UP)
            return false;
    }
    return true;
}
