/*
 * in_process.c - our coordinator under the load, called in process, as the peers are.
 *
 * One event loop: the clients submit from the answer to the one before.
 */
#include "base/clock.h"
#include "base/loop.h"
#include "bench/contender.h"
#include "bench/ours/our_coordinator.h"
#include "bench/ours/window_use.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEADLINE_US (20 * US_PER_S)

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
    struct window_use use;
    struct client client[CONTENDER_CLIENTS_MAX];
};

/* --- clients ---------------------------------------------------------------------------------- */

static void answered(void *arg, const struct reply *reply);

static void submit(struct client *c)
{
    struct bench *b = c->bench;

    our_transfer(&c->txn, &b->options, c->number, c->sequence++, &c->random);
    c->began_us = clock_now_us();
    coordinator_submit(b->coordinator, &c->txn, c->began_us + DEADLINE_US, answered, c);
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

/* ---------------------------------------------------------------------------------------------- */

static const struct mode *mode_of(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    }
    contender_fail("the coordinator has no mode \"%s\"", name);
}

/* --- the window ------------------------------------------------------------------------------- */

static struct contender_use use_now(const void *arg)
{
    const struct bench *b = arg;
    struct coordinator_counters counters;

    coordinator_counters(b->coordinator, &counters);
    return (struct contender_use){.cpu_us = contender_cpu_us(NULL), .fsyncs = counters.log.fsyncs};
}

static bool is_over(void *arg)
{
    const struct bench *b = arg;

    return b->n_at_work == 0 && coordinator_in_flight(b->coordinator) == 0;
}

static void run(struct bench *b)
{
    our_coordinator_await(b->base, b->coordinator, &b->ready);
    b->window = contender_window(&b->options);
    b->use = (struct window_use){.now = use_now, .arg = b};
    window_use_begin(&b->use, b->base, &b->window);
    b->n_at_work = b->options.clients;
    for (unsigned i = 0; i < b->options.clients; i++) {
        b->client[i] = (struct client){.bench = b, .number = i, .random = i};
        submit(&b->client[i]);
    }
    if (loop_until(b->base, is_over, b, b->window.to_us - clock_now_us() + DEADLINE_US) < 0)
        contender_fail("transactions did not end");
}

int main(int argc, char **argv)
{
    struct bench *b = calloc(1, sizeof *b);
    const struct mode *mode;
    unsigned sessions;

    if (!b)
        contender_fail("out of memory");
    b->options = contender_options(argc, argv);
    b->base = loop_new();
    mode = mode_of(b->options.mode);
    /* Answered early, a client's next transfer begins while phase two of its last is under way. */
    sessions = b->options.clients * (mode->reply_rule == TWOPC_AFTER_DECISION ? 2 : 1);
    b->coordinator =
        our_coordinator_open(b->base, &b->options, mode->reply_rule, sessions, &b->ready);
    run(b);
    contender_report(&b->options, &b->samples, 1, &b->use.from, &b->use.to);
    coordinator_free(b->coordinator);
    window_use_done(&b->use);
    event_base_free(b->base);
    free(b->samples.took_us);
    free(b);
    return 0;
}
