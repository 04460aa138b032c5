/* The plan carried out; see the header. */
#include "harness/workload/generator.h"

#include "base/clock.h"
#include "base/mem.h"
#include "harness/history/history.h"
#include "harness/workload/load_clients.h"
#include "harness/workload/load_reads.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct generator {
    struct generator_options options;
    struct plan plan;
    unsigned n_doors;
    struct load_door door[ROLES_MAX];
    struct load_op *op; /* one an arrival */
    struct load_clients *clients;
    struct load_reads *reads; /* NULL when the workload has none */
    struct history_writer *history;
    struct event *timer;
    bool started;
    bool stopped;
    int64_t start_us;
    int64_t deadline_us; /* from plan */
    size_t next;         /* the next to arrive */
    size_t next_unsent;  /* before it, none expires unsent any more */
    size_t next_sent;    /* before it, all have ended */
    size_t n_invoked;
    size_t n_ended[HISTORY_INFO + 1];
    struct request request; /* scratch: large, and made anew for every line */
};

/* --- one operation ------------------------------------------------------------------------- */

static size_t index_of(const struct generator *g, const struct load_op *op)
{
    return (size_t)(op - g->op);
}

static int64_t planned_us(const struct generator *g, size_t i)
{
    return g->start_us + g->plan.arrival[i].planned_us;
}

/* Into the scratch request. */
static const struct txn *make_txn(struct generator *g, size_t i)
{
    plan_txn(&g->plan, i, &g->options.workload, g->options.topology, &g->request.txn);
    return &g->request.txn;
}

static void record_invoke(struct generator *g, size_t i, const char *server, int64_t at_us)
{
    const struct history_invocation invocation = {.op = (int64_t)i,
                                                  .client = g->plan.arrival[i].client,
                                                  .server = server,
                                                  .planned_us = planned_us(g, i),
                                                  .at_us = at_us};

    history_invoke(g->history, &invocation, make_txn(g, i));
    g->n_invoked++;
}

static void record_end(struct generator *g, size_t i, const struct reply *reply,
                       const struct txn *txn)
{
    enum history_end end = HISTORY_OK;

    if (reply->code != CODE_NONE)
        end = code_definite(reply->code) ? HISTORY_FAIL : HISTORY_INFO;
    assert(g->op[i].state != LOAD_ENDED);
    g->op[i].state = LOAD_ENDED;
    g->n_ended[end]++;
    history_end(g->history, (int64_t)i, end, clock_now_us(), reply, txn);
}

static size_t n_ended(const struct generator *g)
{
    return g->n_ended[HISTORY_OK] + g->n_ended[HISTORY_FAIL] + g->n_ended[HISTORY_INFO];
}

static void finish(struct generator *g)
{
    struct errctx err = {0};
    int r = generator_stop(g, &err);

    g->options.finished(g->options.arg, r, &err);
}

static void finish_if_last(struct generator *g)
{
    if (!g->stopped && n_ended(g) == g->plan.n)
        finish(g);
}

static void end_with(struct generator *g, size_t i, enum code code, const char *detail)
{
    struct reply reply = {.code = code};

    (void)snprintf(reply.detail, sizeof reply.detail, "%s", detail);
    record_end(g, i, &reply, NULL);
}

static void never_sent(struct generator *g, size_t i)
{
    load_clients_withdraw(g->clients, g->plan.arrival[i].client, &g->op[i]);
    record_invoke(g, i, "", clock_now_us());
    end_with(g, i, CODE_UNAVAILABLE, "no front door");
}

static void never_answered(struct generator *g, size_t i)
{
    struct load_op *op = &g->op[i];

    if (op->state == LOAD_STAGED) /* the socket may take it yet */
        record_invoke(g, i, op->door, clock_now_us());
    load_clients_withdraw(g->clients, g->plan.arrival[i].client, op);
    end_with(g, i, CODE_TIMEOUT, "no answer");
}

/* --- from the clients ---------------------------------------------------------------------- */

static void on_encode(void *arg, struct load_op *op, int64_t now_us, struct buf *out)
{
    struct generator *g = arg;
    size_t i = index_of(g, op);
    int64_t left_ms = (planned_us(g, i) + g->deadline_us - now_us) / US_PER_MS;

    (void)make_txn(g, i);
    g->request.kind = REQUEST_TXN;
    g->request.id = (int64_t)i;
    g->request.deadline_ms = left_ms > 0 ? left_ms : 1;
    protocol_encode_request(out, &g->request);
}

static struct load_op *on_find(void *arg, int64_t id)
{
    const struct generator *g = arg;

    return id >= 0 && (size_t)id < g->plan.n ? &g->op[id] : NULL;
}

static void on_sent(void *arg, struct load_op *op, int64_t at_us)
{
    struct generator *g = arg;

    record_invoke(g, index_of(g, op), op->door, at_us);
}

static void on_replied(void *arg, struct load_op *op, const struct reply *reply)
{
    struct generator *g = arg;
    size_t i = index_of(g, op);

    record_end(g, i, reply, reply->has_reads ? make_txn(g, i) : NULL);
    finish_if_last(g);
}

static void on_lost(void *arg, struct load_op *op)
{
    struct generator *g = arg;

    end_with(g, index_of(g, op), CODE_UNKNOWN, "connection lost");
    finish_if_last(g);
}

/* --- time ---------------------------------------------------------------------------------- */

static void on_read(void *arg, int64_t op, const struct reply *reply, const struct txn *txn)
{
    struct generator *g = arg;

    if (g->stopped)
        return; /* its history is closed */
    record_end(g, (size_t)op, reply, txn);
    finish_if_last(g);
}

static void arrive(struct generator *g, size_t i, int64_t now_us)
{
    const struct arrival *a = &g->plan.arrival[i];

    if (!a->is_read) {
        load_clients_submit(g->clients, a->client, &g->op[i]);
        return;
    }
    g->op[i].state = LOAD_SENT;
    record_invoke(g, i, g->options.topology->store[a->store].name, now_us);
    load_read(g->reads, a->store, (int64_t)i, &g->request.txn, planned_us(g, i) + g->deadline_us,
              on_read, g);
}

static void expire_unsent(struct generator *g, int64_t now_us)
{
    for (; g->next_unsent < g->next; g->next_unsent++) {
        if (g->op[g->next_unsent].state != LOAD_UNSENT)
            continue;
        if (planned_us(g, g->next_unsent) + g->deadline_us > now_us)
            return;
        never_sent(g, g->next_unsent);
    }
}

/* Direct reads are not looked at: their store keeps the deadline. */
static void expire_sent(struct generator *g, int64_t now_us)
{
    for (; g->next_sent < g->next; g->next_sent++) {
        size_t i = g->next_sent;

        if (g->op[i].state == LOAD_ENDED || g->plan.arrival[i].is_read)
            continue;
        if (planned_us(g, i) + g->deadline_us + GENERATOR_GRACE_US > now_us)
            return;
        never_answered(g, i);
    }
}

static void arm_timer(struct generator *g, int64_t now_us)
{
    int64_t at_us = INT64_MAX;
    struct timeval wait;

    if (g->next < g->plan.n)
        at_us = planned_us(g, g->next);
    if (g->next_unsent < g->next && planned_us(g, g->next_unsent) + g->deadline_us < at_us)
        at_us = planned_us(g, g->next_unsent) + g->deadline_us;
    if (g->next_sent < g->next &&
        planned_us(g, g->next_sent) + g->deadline_us + GENERATOR_GRACE_US < at_us)
        at_us = planned_us(g, g->next_sent) + g->deadline_us + GENERATOR_GRACE_US;
    if (at_us == INT64_MAX)
        return; /* only direct reads are open */
    wait = clock_timeval(at_us - now_us);
    event_add(g->timer, &wait);
}

static void on_timer(evutil_socket_t fd, short events, void *arg)
{
    struct generator *g = arg;
    int64_t now_us = clock_now_us();

    (void)fd;
    (void)events;
    while (g->next < g->plan.n && planned_us(g, g->next) <= now_us)
        arrive(g, g->next++, now_us);
    expire_unsent(g, now_us);
    expire_sent(g, now_us);
    finish_if_last(g);
    if (!g->stopped)
        arm_timer(g, clock_now_us());
}

/* --- opening and closing ------------------------------------------------------------------- */

static int find_doors(struct generator *g, struct errctx *err)
{
    const struct topology *topology = g->options.topology;

    for (unsigned i = 0; i < topology->n_roles; i++) {
        const struct topology_role *role = &topology->role[i];

        if (role->kind != ROLE_SERVE)
            continue;
        g->door[g->n_doors++] = (struct load_door){
            role->name, *topology_address(topology, g->options.role, role->name)};
    }
    if (g->options.workload.kind != WORKLOAD_FANOUT || g->options.workload.n_points > 0 ||
        g->options.workload.arrivals == ARRIVALS_CLOSED || g->options.workload.retries > 0 ||
        g->options.workload.reads != READS_DIRECT)
        return err_set(err, ENOTSUP, ERR_ABORT, "this workload is not carried out yet");
    if (g->n_doors == 0)
        return err_set(err, EINVAL, ERR_ABORT, "the topology has no front door");
    return 0;
}

static int open_stores(struct generator *g, struct errctx *err)
{
    if (g->options.topology->n_stores == 0)
        return err_set(err, EINVAL, ERR_ABORT, "the topology has no store");
    if (g->options.workload.read_share == 0)
        return 0;
    return load_reads_new(g->options.base, g->options.topology, g->options.role, &g->reads, err);
}

int generator_new(const struct generator_options *options, struct generator **ret_generator,
                  struct errctx *err)
{
    struct generator *g = mem_alloc(sizeof *g);
    const struct load_handlers handlers = {.encode = on_encode,
                                           .find = on_find,
                                           .sent = on_sent,
                                           .replied = on_replied,
                                           .lost = on_lost,
                                           .arg = g};
    int r;

    g->options = *options;
    g->deadline_us = options->workload.deadline_ms * US_PER_MS;
    g->timer = evtimer_new(options->base, on_timer, g);
    r = find_doors(g, err);
    if (r == 0)
        r = open_stores(g, err);
    if (r == 0)
        r = history_create(options->history, &g->history, err);
    if (r < 0) {
        generator_free(g);
        return r;
    }
    plan_make(&g->plan, &options->workload, options->seed, options->topology->n_stores);
    g->op = mem_alloc_array(g->plan.n + 1, sizeof *g->op); /* a plan may be empty */
    g->clients =
        load_clients_new(options->base, options->workload.clients, g->door, g->n_doors, &handlers);
    *ret_generator = g;
    return 0;
}

bool generator_connected(const struct generator *g)
{
    return load_clients_connected(g->clients) && (!g->reads || load_reads_connected(g->reads));
}

void generator_start(struct generator *g, int64_t at_us)
{
    struct timeval wait = clock_timeval(at_us - clock_now_us());

    assert(!g->started);
    g->started = true;
    g->start_us = at_us;
    event_add(g->timer, &wait);
}

bool generator_started(const struct generator *g)
{
    return g->started;
}

void generator_progress(const struct generator *g, json_t *into)
{
    const size_t numbers[] = {g->plan.n,
                              g->n_invoked,
                              g->n_ended[HISTORY_OK],
                              g->n_ended[HISTORY_FAIL],
                              g->n_ended[HISTORY_INFO],
                              g->next - n_ended(g)};
    static const char *const names[] = {"planned", "invoked", "acknowledged",
                                        "fail",    "info",    "in_flight"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        json_object_set_new(into, names[i], json_integer((json_int_t)numbers[i]));
    json_object_set_new(into, "done", json_boolean(n_ended(g) == g->plan.n));
}

int generator_stop(struct generator *g, struct errctx *err)
{
    if (g->stopped)
        return 0;
    g->stopped = true;
    event_del(g->timer);
    for (size_t i = g->next_unsent; i < g->next; i++) {
        if (g->op[i].state == LOAD_UNSENT)
            never_sent(g, i);
        else if (g->op[i].state == LOAD_STAGED) /* the socket may take it yet: stays open */
            record_invoke(g, i, g->op[i].door, clock_now_us());
    }
    struct history_writer *history = g->history;

    g->history = NULL;
    return history_close(history, err);
}

void generator_free(struct generator *g)
{
    if (!g)
        return;
    assert(!g->history); /* stopped, or never begun */
    g->stopped = true;   /* answers that closing brings are not recorded */
    load_clients_free(g->clients);
    load_reads_free(g->reads);
    event_free(g->timer);
    plan_done(&g->plan);
    free(g->op);
    free(g);
}
