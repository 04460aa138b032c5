/*
 * floor.c - what atomic commit over PostgreSQL servers costs at the least: no coordinator, only
 * the statements and flushes that a way of committing cannot do without. A thread a client.
 *
 *   s1   sequential: a round trip a statement, one server after the other, as JTA drives it
 *   l3   pipelined and parallel: BEGIN, transfer, PREPARE in one round trip at both; the decision
 *        into a group-committed log; COMMIT PREPARED at both
 *   z3   as l3, but done once the decision is durable; COMMIT PREPARED goes in front of the next
 *        transfer, in the same packet
 *   h3   as z3, but COMMIT PREPARED goes out beside the next transfer, on a second session, whose
 *        flush waits a moment (commit_delay) for the PREPARE of the first: one flush for both.
 *        Worth it where a flush is slow
 *   c0   commit-markable: the decision is a row in the first server's own commit; only the second
 *        prepares. No log
 *   o0   two commits, not atomic: the price of nothing
 */
#include "bench/contender.h"
#include "bench/floors/group_log.h"
#include "bench/floors/server.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GID_SIZE 64

struct client;

struct mode {
    const char *name;
    void (*transfer)(struct client *client, const unsigned *account);
    bool logs;
};

struct client {
    const struct contender_options *options;
    const struct mode *mode;
    struct contender_window window;
    struct group_log *log;
    unsigned number;
    unsigned n; /* servers */
    struct server server[CONTENDER_SERVERS_MAX];
    char gid[GID_SIZE];
    char decided[GID_SIZE]; /* z3, h3: to be committed with the next; "": none */
    struct server second[CONTENDER_SERVERS_MAX]; /* h3: sessions for phase two */
    struct contender_samples samples;
    pthread_t thread;
};

static void wait_all(struct client *c)
{
    for (unsigned i = 0; i < c->n; i++)
        server_wait(&c->server[i]);
}

static void queue_branch(struct client *c, unsigned i, unsigned account)
{
    server_begin(&c->server[i]);
    server_transfer(&c->server[i], account, contender_amount(i, c->n));
    server_gid(&c->server[i], "PREPARE TRANSACTION", c->gid);
}

static void commit_prepared(struct client *c, unsigned i, const char *gid)
{
    server_gid(&c->server[i], "COMMIT PREPARED", gid);
    server_send(&c->server[i]);
}

static void at_once(struct server *server)
{
    server_send(server);
    server_wait(server);
}

static void sequential(struct client *c, const unsigned *account)
{
    for (unsigned i = 0; i < c->n; i++) {
        server_begin(&c->server[i]);
        at_once(&c->server[i]);
    }
    for (unsigned i = 0; i < c->n; i++) {
        server_transfer(&c->server[i], account[i], contender_amount(i, c->n));
        at_once(&c->server[i]);
    }
    for (unsigned i = 0; i < c->n; i++) {
        server_gid(&c->server[i], "PREPARE TRANSACTION", c->gid);
        at_once(&c->server[i]);
    }
    group_log_write(c->log, c->gid);
    for (unsigned i = 0; i < c->n; i++) {
        server_gid(&c->server[i], "COMMIT PREPARED", c->gid);
        at_once(&c->server[i]);
    }
}

static void pipelined(struct client *c, const unsigned *account)
{
    for (unsigned i = 0; i < c->n; i++) {
        queue_branch(c, i, account[i]);
        server_send(&c->server[i]);
    }
    wait_all(c);
    group_log_write(c->log, c->gid);
    for (unsigned i = 0; i < c->n; i++)
        commit_prepared(c, i, c->gid);
    wait_all(c);
}

static void early(struct client *c, const unsigned *account)
{
    for (unsigned i = 0; i < c->n; i++) {
        if (c->decided[0]) {
            server_gid(&c->server[i], "COMMIT PREPARED", c->decided);
            server_end_segment(&c->server[i]);
        }
        queue_branch(c, i, account[i]);
        server_send(&c->server[i]);
    }
    wait_all(c);
    group_log_write(c->log, c->gid);
    memcpy(c->decided, c->gid, sizeof c->decided);
}

static void held(struct client *c, const unsigned *account)
{
    for (unsigned i = 0; i < c->n; i++) {
        if (c->decided[0]) {
            server_gid(&c->second[i], "COMMIT PREPARED", c->decided);
            server_send(&c->second[i]);
        }
        queue_branch(c, i, account[i]);
        server_send(&c->server[i]);
    }
    wait_all(c);
    for (unsigned i = 0; i < c->n; i++)
        server_wait(&c->second[i]);
    group_log_write(c->log, c->gid);
    memcpy(c->decided, c->gid, sizeof c->decided);
}

static void commit_markable(struct client *c, const unsigned *account)
{
    char row[160];

    (void)snprintf(row, sizeof row, "INSERT INTO bench_decision VALUES ('%s')", c->gid);
    server_begin(&c->server[0]);
    server_transfer(&c->server[0], account[0], contender_amount(0, 2));
    server_queue(&c->server[0], row);
    server_send(&c->server[0]);
    queue_branch(c, 1, account[1]);
    server_send(&c->server[1]);
    wait_all(c);
    server_commit(&c->server[0]);
    at_once(&c->server[0]);
    commit_prepared(c, 1, c->gid);
    server_wait(&c->server[1]);
}

static void two_commits(struct client *c, const unsigned *account)
{
    for (unsigned i = 0; i < c->n; i++) {
        server_begin(&c->server[i]);
        server_transfer(&c->server[i], account[i], contender_amount(i, c->n));
        server_commit(&c->server[i]);
        server_send(&c->server[i]);
    }
    wait_all(c);
}

static const struct mode modes[] = {
    {"s1", sequential, true}, {"l3", pipelined, true},        {"z3", early, true},
    {"h3", held, true},       {"c0", commit_markable, false}, {"o0", two_commits, false},
};

static void *client_main(void *arg)
{
    struct client *c = arg;
    unsigned account[CONTENDER_SERVERS_MAX];
    uint64_t random = c->number, sequence = 0;
    int64_t began_us = contender_now_us();

    while (began_us < c->window.to_us) {
        int64_t ended_us;

        for (unsigned i = 0; i < c->n; i++)
            account[i] = contender_account(c->options, i, &random);
        (void)snprintf(c->gid, sizeof c->gid, "floor:%d:%u:%llu", getpid(), c->number,
                       (unsigned long long)sequence++);
        c->mode->transfer(c, account);
        ended_us = contender_now_us();
        contender_add(&c->samples, &c->window, began_us, ended_us);
        began_us = ended_us;
    }
    if (c->decided[0]) {
        for (unsigned i = 0; i < c->n; i++)
            commit_prepared(c, i, c->decided);
        wait_all(c);
    }
    return NULL;
}

static void sleep_until(int64_t at_us)
{
    int64_t left_us = at_us - contender_now_us();

    if (left_us > 0)
        (void)usleep((useconds_t)left_us);
}

static struct contender_use use_now(struct group_log *log)
{
    return (struct contender_use){.cpu_us = contender_cpu_us(NULL),
                                  .fsyncs = log ? group_log_fsyncs(log) : 0};
}

static const struct mode *mode_of(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    }
    contender_fail("no floor is named \"%s\"", name);
}

/* Let the clients work from now to the end of the window. */
static void run(struct client *client, unsigned n, struct group_log *log,
                struct contender_use *ret_from, struct contender_use *ret_to)
{
    struct contender_window window = contender_window(client[0].options);

    for (unsigned i = 0; i < n; i++) {
        client[i].window = window;
        if (pthread_create(&client[i].thread, NULL, client_main, &client[i]) != 0)
            contender_fail("no thread");
    }
    sleep_until(window.from_us);
    *ret_from = use_now(log);
    sleep_until(window.to_us);
    *ret_to = use_now(log);
    for (unsigned i = 0; i < n; i++)
        (void)pthread_join(client[i].thread, NULL);
}

static void connect_client(struct client *c)
{
    for (unsigned i = 0; i < c->n; i++) {
        server_connect(&c->server[i], c->options, i);
        if (c->mode->transfer != held)
            continue;
        server_connect(&c->second[i], c->options, i);
        server_queue(&c->second[i], "SET commit_delay = 300"); /* us; a transfer takes 150 */
        at_once(&c->second[i]);
        server_queue(&c->second[i], "SET commit_siblings = 0");
        at_once(&c->second[i]);
    }
}

static void close_client(struct client *c)
{
    for (unsigned i = 0; i < c->n; i++) {
        server_close(&c->server[i]);
        server_close(&c->second[i]);
    }
    free(c->samples.took_us);
}

int main(int argc, char **argv)
{
    const struct contender_options options = contender_options(argc, argv);
    const struct mode *mode = mode_of(options.mode);
    struct group_log *log = mode->logs ? group_log_open(options.folder) : NULL;
    struct client *client = calloc(options.clients, sizeof *client);
    struct contender_samples samples[CONTENDER_CLIENTS_MAX];
    struct contender_use from, to;

    if (!client || options.n_servers < 2)
        contender_fail("give --port twice at least");
    for (unsigned i = 0; i < options.clients; i++) {
        client[i] = (struct client){
            .options = &options, .mode = mode, .log = log, .number = i, .n = options.n_servers};
        connect_client(&client[i]);
    }
    run(client, options.clients, log, &from, &to);
    for (unsigned i = 0; i < options.clients; i++)
        samples[i] = client[i].samples;
    contender_report(&options, samples, options.clients, &from, &to);
    for (unsigned i = 0; i < options.clients; i++)
        close_client(&client[i]);
    group_log_close(log);
    free(client);
    return 0;
}
