/*
 * in_process.c - our coordinator under the load, called in process, as the peers are.
 *
 * One event loop: the clients submit from the answer to the one before. The stores keep no journal
 * (the floors and the peers keep none), and have a session for each client. Locks are taken in
 * parallel: a lone coordinator cannot meet another in the opposite order.
 */
#include "base/clock.h"
#include "base/loop.h"
#include "bench/contender.h"
#include "coordinator/coordinator.h"
#include "stores/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME        "bench"
#define DEADLINE_US (20 * US_PER_S)
#define START_US    (30 * US_PER_S)

/* How a transaction ends early or otherwise: by name. */
static const struct mode {
    const char *name;
    enum twopc_reply_rule reply_rule;
} modes[] = {
    {"default", TWOPC_AFTER_PHASE_TWO},
    {"early", TWOPC_AFTER_DECISION},
};

struct bench;

struct client {
    struct bench *bench;
    unsigned number;
    uint64_t random;
    uint64_t sequence;
    int64_t began_us;
    struct txn txn;
};

struct bench {
    struct contender_options options;
    struct event_base *base;
    struct coordinator *coordinator;
    bool ready;
    unsigned n_at_work;
    struct contender_window window;
    struct contender_samples samples;
    struct contender_use from, to;
    struct event *at_from, *at_to;
    struct client client[CONTENDER_CLIENTS_MAX];
};

/* --- clients ---------------------------------------------------------------------------------- */

static void answered(void *arg, const struct reply *reply);

static void set_op(struct client *c, unsigned i, int64_t delta)
{
    struct op *op = &c->txn.op[i];

    (void)snprintf(op->key, sizeof op->key, "acct:%u",
                   contender_draw(&c->random, (unsigned)c->bench->options.accounts));
    op->delta = delta;
}

static void submit(struct client *c)
{
    unsigned n = c->bench->options.n_servers;

    /* With the process: the log remembers the requests of earlier runs, and answers them. */
    (void)snprintf(c->txn.request, sizeof c->txn.request, "b%d-%u-%" PRIu64, getpid(), c->number,
                   c->sequence++);
    for (unsigned i = 0; i < n; i++)
        set_op(c, i, i == 0 ? 1 - (int64_t)n : 1);
    c->began_us = clock_now_us();
    coordinator_submit(c->bench->coordinator, &c->txn, c->began_us + DEADLINE_US, answered, c);
}

static void answered(void *arg, const struct reply *reply)
{
    struct client *c = arg;
    struct bench *b = c->bench;
    int64_t now_us = clock_now_us();

    if (reply->code != CODE_NONE)
        contender_fail("%s: %s", c->txn.request, reply->detail);
    contender_add(&b->samples, &b->window, c->began_us, now_us);
    if (now_us < b->window.to_us)
        submit(c);
    else
        b->n_at_work--;
}

static void begin_client(struct bench *b, unsigned number)
{
    struct client *c = &b->client[number];

    *c = (struct client){.bench = b, .number = number, .random = number};
    c->txn.n_ops = b->options.n_servers;
    for (unsigned i = 0; i < b->options.n_servers; i++) {
        c->txn.op[i].kind = OP_INCR;
        (void)snprintf(c->txn.op[i].store, sizeof c->txn.op[i].store, "pg%u", i + 1);
    }
    submit(c);
}

/* --- the coordinator -------------------------------------------------------------------------- */

static void on_ready(void *arg)
{
    struct bench *b = arg;

    b->ready = true;
}

static void on_failed(void *arg, const struct errctx *err)
{
    (void)arg;
    contender_fail("%s", err->message);
}

static const struct mode *mode_of(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    }
    contender_fail("the coordinator has no mode \"%s\"", name);
}

static void open_coordinator(struct bench *b)
{
    const struct coordinator_options options = {.name = NAME,
                                                .dir = b->options.folder,
                                                .lock_order = TWOPC_PARALLEL,
                                                .reply_rule = mode_of(b->options.mode)->reply_rule};
    const struct coordinator_handlers handlers = {on_ready, on_failed, b};
    struct errctx err;

    if (coordinator_open(b->base, &options, &handlers, &b->coordinator, &err) < 0)
        contender_fail("%s", err.message);
}

static void open_stores(struct bench *b)
{
    const struct store_options options = {.application = coordinator_application(b->coordinator),
                                          .sessions = b->options.clients,
                                          .no_journal = true};
    struct store *store[CONTENDER_SERVERS_MAX];
    struct errctx err;

    for (unsigned i = 0; i < b->options.n_servers; i++) {
        struct topology_store where = {.kind = STORE_POSTGRES};

        (void)snprintf(where.name, sizeof where.name, "pg%u", i + 1);
        (void)snprintf(where.user, sizeof where.user, "%s", b->options.user);
        (void)snprintf(where.database, sizeof where.database, "%s", b->options.database);
        (void)snprintf(where.address.host, sizeof where.address.host, "127.0.0.1");
        where.address.port = (uint16_t)strtoul(b->options.port[i], NULL, 10);
        if (store_open(b->base, &where, &where.address, &options, &store[i], &err) < 0)
            contender_fail("%s", err.message);
    }
    coordinator_start(b->coordinator, store, b->options.n_servers);
}

static bool is_ready(void *arg)
{
    const struct bench *b = arg;
    struct coordinator_counters counters;

    coordinator_counters(b->coordinator, &counters);
    return b->ready && counters.not_recovered == 0;
}

/* --- the window ------------------------------------------------------------------------------- */

static struct contender_use use_now(const struct bench *b)
{
    struct coordinator_counters counters;

    coordinator_counters(b->coordinator, &counters);
    return (struct contender_use){.cpu_us = contender_cpu_us(NULL), .fsyncs = counters.log.fsyncs};
}

static void window_begins(evutil_socket_t fd, short what, void *arg)
{
    struct bench *b = arg;

    (void)fd;
    (void)what;
    b->from = use_now(b);
}

static void window_ends(evutil_socket_t fd, short what, void *arg)
{
    struct bench *b = arg;

    (void)fd;
    (void)what;
    b->to = use_now(b);
}

static struct event *call_at(struct bench *b, event_callback_fn call, int64_t at_us)
{
    struct timeval delay = clock_timeval(at_us - clock_now_us());
    struct event *event = evtimer_new(b->base, call, b);

    if (!event || evtimer_add(event, &delay) < 0)
        contender_fail("out of memory");
    return event;
}

static bool is_over(void *arg)
{
    const struct bench *b = arg;

    return b->n_at_work == 0 && coordinator_in_flight(b->coordinator) == 0;
}

static void run(struct bench *b)
{
    if (loop_until(b->base, is_ready, b, START_US) < 0)
        contender_fail("the coordinator is not ready");
    b->window = contender_window(&b->options);
    b->at_from = call_at(b, window_begins, b->window.from_us);
    b->at_to = call_at(b, window_ends, b->window.to_us);
    b->n_at_work = b->options.clients;
    for (unsigned i = 0; i < b->options.clients; i++)
        begin_client(b, i);
    if (loop_until(b->base, is_over, b, b->window.to_us - clock_now_us() + DEADLINE_US) < 0)
        contender_fail("transactions did not end");
}

int main(int argc, char **argv)
{
    struct bench *b = calloc(1, sizeof *b);

    if (!b)
        contender_fail("out of memory");
    b->options = contender_options(argc, argv);
    b->base = loop_new();
    open_coordinator(b);
    open_stores(b);
    run(b);
    contender_report(&b->options, &b->samples, 1, &b->from, &b->to);
    coordinator_free(b->coordinator);
    event_free(b->at_from);
    event_free(b->at_to);
    event_base_free(b->base);
    free(b->samples.took_us);
    free(b);
    return 0;
}
