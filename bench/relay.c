/*
 * relay.c - links that take a while: `relay DELAY_US PORT…` listens on a loopback port for each
 * PORT and passes on what comes, either way, DELAY_US later. Its first line names the ports it has,
 * in the same order; it ends with its standard input.
 *
 * What has arrived leaves when its time has come, however much comes behind it: latency is added,
 * bandwidth is not taken.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "model/address.h"

#define CHUNK_SIZE 16384

struct chunk {
    int64_t due_us;
    size_t size, sent;
    struct chunk *prev, *next;
    char bytes[CHUNK_SIZE];
};

struct relay {
    struct event_base *base;
    int64_t delay_us;
};

struct link;

/* One way of a connection. */
struct way {
    struct link *link;
    int from, to;
    struct chunk *waiting;
    struct event readable, due;
};

struct link {
    struct relay *relay;
    struct way way[2];
};

struct listener {
    struct relay *relay;
    struct sockaddr_in target;
    struct event readable;
};

static _Noreturn void give_up(const char *what)
{
    (void)fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void close_link(struct link *link)
{
    for (unsigned i = 0; i < 2; i++) {
        struct way *way = &link->way[i];
        struct chunk *chunk, *next;

        (void)event_del(&way->readable);
        (void)event_del(&way->due);
        DL_FOREACH_SAFE(way->waiting, chunk, next)
        free(chunk);
        (void)close(way->from);
    }
    free(link);
}

static void await_first(struct way *way)
{
    struct timeval delay;

    if (!way->waiting)
        return;
    delay = clock_timeval(way->waiting->due_us - clock_now_us());
    if (evtimer_add(&way->due, &delay) < 0)
        give_up("timer");
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    struct way *way = arg;

    (void)fd;
    (void)what;
    while (way->waiting && way->waiting->due_us <= clock_now_us()) {
        struct chunk *first = way->waiting;
        ssize_t n = send(way->to, first->bytes + first->sent, first->size - first->sent,
                         MSG_NOSIGNAL); /* blocks where the other side does not read: it does */

        if (n <= 0) {
            close_link(way->link);
            return;
        }
        first->sent += (size_t)n;
        if (first->sent < first->size)
            continue;
        DL_DELETE(way->waiting, first);
        free(first);
    }
    await_first(way);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct way *way = arg;
    struct chunk *chunk = mem_alloc(sizeof *chunk);
    ssize_t n = read(fd, chunk->bytes, sizeof chunk->bytes);

    (void)what;
    if (n <= 0) {
        free(chunk);
        close_link(way->link);
        return;
    }
    chunk->size = (size_t)n;
    chunk->due_us = clock_now_us() + way->link->relay->delay_us;
    DL_APPEND(way->waiting, chunk);
    if (way->waiting == chunk)
        await_first(way);
}

static void set_no_delay(int fd)
{
    int on = 1;

    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        give_up("TCP_NODELAY");
}

static void begin_way(struct link *link, unsigned i, int from, int to)
{
    struct way *way = &link->way[i];
    struct event_base *base = link->relay->base;

    *way = (struct way){.link = link, .from = from, .to = to};
    set_no_delay(from);
    if (event_assign(&way->readable, base, from, EV_READ | EV_PERSIST, on_readable, way) < 0 ||
        evtimer_assign(&way->due, base, on_due, way) < 0 || event_add(&way->readable, NULL) < 0)
        give_up("event");
}

static void on_connection(evutil_socket_t fd, short what, void *arg)
{
    const struct listener *listener = arg;
    struct link *link = mem_alloc(sizeof *link);
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)what;
    link->relay = listener->relay;
    if (client < 0 || server < 0 ||
        connect(server, (const struct sockaddr *)&listener->target, sizeof listener->target) < 0)
        give_up("connect");
    begin_way(link, 0, client, server);
    begin_way(link, 1, server, client);
}

static unsigned begin_listener(struct relay *relay, struct listener *listener, const char *port)
{
    struct sockaddr_in here = address_loopback(0);
    socklen_t size = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    listener->relay = relay;
    listener->target = address_loopback((uint16_t)strtoul(port, NULL, 10));
    if (fd < 0 || bind(fd, (const struct sockaddr *)&here, sizeof here) < 0 ||
        listen(fd, SOMAXCONN) < 0 || getsockname(fd, (struct sockaddr *)&here, &size) < 0)
        give_up("listen");
    if (event_assign(&listener->readable, relay->base, fd, EV_READ | EV_PERSIST, on_connection,
                     listener) < 0 ||
        event_add(&listener->readable, NULL) < 0)
        give_up("event");
    return ntohs(here.sin_port);
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    char byte;

    (void)what;
    if (read(fd, &byte, 1) <= 0)
        (void)event_base_loopbreak(arg);
}

int main(int argc, char **argv)
{
    struct relay relay = {.base = loop_new()};
    struct listener *listeners = mem_alloc_array((size_t)argc, sizeof *listeners);
    struct event *input =
        event_new(relay.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, relay.base);

    if (argc < 3 || !input || event_add(input, NULL) < 0)
        give_up("usage: relay DELAY_US PORT…");
    relay.delay_us = strtol(argv[1], NULL, 10);
    for (int i = 2; i < argc; i++)
        (void)printf("%u%c", begin_listener(&relay, &listeners[i], argv[i]),
                     i + 1 < argc ? ' ' : '\n');
    (void)fflush(stdout);
    (void)event_base_dispatch(relay.base);
    exit(0); /* what is open ends with the process */
}
