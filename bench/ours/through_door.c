/*
 * through_door.c - the load through a front door (`serve --approach xa`), by the client protocol: a
 * connection a client, one request outstanding on each.
 *
 * What it measures is the door's: the processor time is that of --process. The clients do as little
 * as they can, since they share the machine with it: a request is printed, an answer is looked at
 * for its "ok".
 */
#include "base/clock.h"
#include "base/loop.h"
#include "bench/contender.h"
#include "bench/ours/window_use.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event_struct.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_SIZE    2048
#define STRAGGLER_US (20 * US_PER_S)

struct bench;

struct client {
    struct bench *bench;
    unsigned number;
    int fd;
    struct event readable;
    uint64_t random;
    uint64_t sequence;
    int64_t began_us;
    size_t n_read;
    char line[LINE_SIZE];
};

struct bench {
    struct contender_options options;
    struct event_base *base;
    unsigned n_at_work;
    struct contender_window window;
    struct contender_samples samples;
    struct window_use use;
    struct client client[CONTENDER_CLIENTS_MAX];
};

static void submit(struct client *c)
{
    const struct contender_options *o = &c->bench->options;
    unsigned debit = contender_account(o, 0, &c->random);
    unsigned credit = contender_account(o, 1, &c->random);
    char line[LINE_SIZE];
    /* With the process: the door remembers the requests of earlier runs, and answers them. */
    int n = snprintf(line, sizeof line,
                     "{\"id\":%" PRIu64 ",\"request\":\"b%d-%u-%" PRIu64 "\",\"deadline_ms\":20000,"
                     "\"txn\":[[\"incr\",\"pg1\",\"acct:%u\",-1],[\"incr\",\"pg2\",\"acct:%u\","
                     "1]]}\n",
                     c->sequence, getpid(), c->number, c->sequence, debit, credit);

    c->sequence++;
    c->began_us = clock_now_us();
    if (send(c->fd, line, (size_t)n, MSG_NOSIGNAL) != n)
        contender_fail("send: %s", strerror(errno));
}

static void answered(struct client *c)
{
    struct bench *b = c->bench;
    int64_t now_us = clock_now_us();

    if (!strstr(c->line, "\"ok\":true"))
        contender_fail("answered: %s", c->line);
    contender_add(&b->samples, &b->window, c->began_us, now_us);
    if (now_us < b->window.to_us)
        submit(c);
    else
        b->n_at_work--;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct client *c = arg;
    ssize_t n = read(fd, c->line + c->n_read, sizeof c->line - 1 - c->n_read);

    (void)what;
    if (n <= 0)
        contender_fail("the door has closed a connection: %s", n < 0 ? strerror(errno) : "end");
    c->n_read += (size_t)n;
    c->line[c->n_read] = '\0';
    if (c->line[c->n_read - 1] != '\n')
        return;
    c->n_read = 0;
    answered(c);
}

static void connect_client(struct bench *b, unsigned number)
{
    struct sockaddr_in door = {.sin_family = AF_INET};
    struct client *c = &b->client[number];
    int on = 1;

    *c = (struct client){.bench = b, .number = number, .random = number};
    door.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    door.sin_port = htons((uint16_t)strtoul(b->options.door, NULL, 10));
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&door, sizeof door) < 0 ||
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        contender_fail("connect: %s", strerror(errno));
    if (event_assign(&c->readable, b->base, c->fd, EV_READ | EV_PERSIST, on_readable, c) < 0 ||
        event_add(&c->readable, NULL) < 0)
        contender_fail("out of memory");
}

static struct contender_use use_now(const void *arg)
{
    const struct bench *b = arg;

    return (struct contender_use){.cpu_us = contender_cpu_us(b->options.process)};
}

static bool is_over(void *arg)
{
    const struct bench *b = arg;

    return b->n_at_work == 0;
}

static void run(struct bench *b)
{
    b->window = contender_window(&b->options);
    b->use = (struct window_use){.now = use_now, .arg = b};
    window_use_begin(&b->use, b->base, &b->window);
    b->n_at_work = b->options.clients;
    for (unsigned i = 0; i < b->options.clients; i++)
        submit(&b->client[i]);
    if (loop_until(b->base, is_over, b, b->window.to_us - clock_now_us() + STRAGGLER_US) < 0)
        contender_fail("transactions did not end");
}

int main(int argc, char **argv)
{
    struct bench *b = calloc(1, sizeof *b);

    if (!b)
        contender_fail("out of memory");
    b->options = contender_options(argc, argv);
    if (!b->options.door || !b->options.process)
        contender_fail("give --door and --process");
    b->base = loop_new();
    for (unsigned i = 0; i < b->options.clients; i++)
        connect_client(b, i);
    run(b);
    contender_report(&b->options, &b->samples, 1, &b->use.from, &b->use.to);
    for (unsigned i = 0; i < b->options.clients; i++) {
        (void)event_del(&b->client[i].readable);
        (void)close(b->client[i].fd);
    }
    window_use_done(&b->use);
    event_base_free(b->base);
    free(b->samples.took_us);
    free(b);
    return 0;
}
