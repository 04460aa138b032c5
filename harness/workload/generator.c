/* The plan carried out; see the header. */
#include "harness/workload/generator_state.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* --- the last one -------------------------------------------------------------------------- */

size_t generator_n_ended(const struct generator *g)
{
    return g->n_ended[HISTORY_OK] + g->n_ended[HISTORY_FAIL] + g->n_ended[HISTORY_INFO];
}

/* In a closed loop somebody's turn is still to come, or somebody's operation. */
static bool is_last(const struct generator *g)
{
    return generator_n_ended(g) == g->plan.n && g->turns.n == 0;
}

static int close_history(struct generator *g, struct errctx *err)
{
    if (g->stopped)
        return 0;
    g->stopped = true;
    event_del(g->timer);
    for (size_t i = g->next_sent; i < g->next; i++) {
        enum load_state state = operation_at(g, i)->load.state;

        if (state == LOAD_UNSENT)
            operation_never_sent(g, i);
        else if (state == LOAD_STAGED) /* the socket may take it yet: stays open */
            operation_sent(g, i, clock_now_us());
    }
    struct history_writer *history = g->history;

    g->history = NULL;
    return history_close(history, err);
}

static void finish(struct generator *g)
{
    struct errctx err = {0};
    int r = close_history(g, &err);

    g->options.finished(g->options.arg, r, &err);
}

/* After an end that came from outside: was it the last, or whose turn is it now? */
void generator_go_on(struct generator *g)
{
    if (g->stopped)
        return;
    if (is_last(g))
        finish(g);
    else if (generator_is_closed(g))
        generator_arm_timer(g, clock_now_us());
}

/* --- time ---------------------------------------------------------------------------------- */

static void on_read(void *arg, int64_t op, const struct reply *reply, const struct txn *txn)
{
    struct generator *g = arg;

    if (g->stopped)
        return; /* its history is closed */
    operation_ended(g, (size_t)op, reply, txn);
    generator_go_on(g);
}

static void read_directly(struct generator *g, size_t i, int64_t now_us)
{
    const struct txn *txn = operation_txn(g, i);
    const struct topology_store *store = topology_store(g->options.topology, txn->op[0].store);

    operation_at(g, i)->load.state = LOAD_SENT;
    operation_invoked(g, i, store->name, now_us);
    load_read(g->reads, (unsigned)(store - g->options.topology->store), (int64_t)i, txn,
              operation_expires_us(g, i), on_read, g);
}

static void arrive(struct generator *g, int64_t now_us)
{
    size_t i = g->next++;

    if (operation_is_direct(g, i))
        read_directly(g, i, now_us);
    else
        load_clients_submit(g->clients, g->plan.arrival[i].client, &operation_at(g, i)->load);
}

/* When the next operation arrives; INT64_MAX: none will, as far as is known now. */
static int64_t next_arrival_us(const struct generator *g)
{
    const struct turn *turn = turns_next(&g->turns);

    if (turn)
        return turn->due_us;
    return g->next < g->plan.n ? operation_planned_us(g, g->next) : INT64_MAX;
}

/* A closed loop's plan grows by whoever's turn it is. */
static void take_turn(struct generator *g)
{
    struct turn turn = turns_take(&g->turns);

    (void)plan_add(&g->plan, turn.client, turn.due_us - g->start_us);
    operations_make(g);
}

static void expire_unsent(struct generator *g, int64_t now_us)
{
    for (; g->next_unsent < g->next; g->next_unsent++) {
        if (operation_at(g, g->next_unsent)->load.state != LOAD_UNSENT)
            continue;
        if (operation_expires_us(g, g->next_unsent) > now_us)
            return;
        operation_never_sent(g, g->next_unsent);
    }
}

/* Those too that were staged when expire_unsent() passed them, and were not sent then. Direct reads
 * are not looked at: their store keeps the deadline. */
static void expire_sent(struct generator *g, int64_t now_us)
{
    for (; g->next_sent < g->next; g->next_sent++) {
        size_t i = g->next_sent;

        if (operation_at(g, i)->load.state == LOAD_ENDED || operation_is_direct(g, i))
            continue;
        if (operation_expires_us(g, i) + GENERATOR_GRACE_US > now_us)
            return;
        operation_never_answered(g, i);
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void generator_arm_timer(struct generator *g, int64_t now_us)
{
    int64_t at_us = next_arrival_us(g);
    struct timeval wait;

    if (g->next_unsent < g->next)
        at_us = earlier(at_us, operation_expires_us(g, g->next_unsent));
    if (g->next_sent < g->next)
        at_us = earlier(at_us, operation_expires_us(g, g->next_sent) + GENERATOR_GRACE_US);
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
    while (next_arrival_us(g) <= now_us) {
        if (generator_is_closed(g))
            take_turn(g);
        arrive(g, now_us);
    }
    expire_unsent(g, now_us);
    expire_sent(g, now_us);
    if (!g->stopped && is_last(g))
        finish(g);
    if (!g->stopped)
        generator_arm_timer(g, clock_now_us());
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
    if (g->n_doors == 0)
        return err_set(err, EINVAL, ERR_ABORT, "the topology has no front door");
    return 0;
}

static int check_stores(struct generator *g, struct errctx *err)
{
    if (g->options.topology->n_stores == 0)
        return err_set(err, EINVAL, ERR_ABORT, "the topology has no store");
    if (g->options.workload.kind == WORKLOAD_TRANSFER &&
        !plan_account_store(g->options.topology, 0))
        return err_set(err, EINVAL, ERR_ABORT, "transfer takes two SQL stores");
    return 0;
}

/* What goes past the doors: direct reads, and the prober's. */
static int open_readers(struct generator *g, struct errctx *err)
{
    const struct generator_options *o = &g->options;
    int r = 0;

    if (o->workload.read_share > 0 && o->workload.reads == READS_DIRECT)
        r = load_reads_new(o->base, o->topology, o->role, &g->reads, err);
    if (r == 0 && o->workload.probe_share > 0 && o->probes)
        r = prober_new(o->base, o->topology, o->role, o->probes, &g->prober, err);
    return r;
}

int generator_new(const struct generator_options *options, struct generator **ret_generator,
                  struct errctx *err)
{
    struct generator *g = mem_alloc(sizeof *g);
    const struct workload *w = &options->workload;
    struct load_handlers handlers = operation_handlers;
    int r;

    handlers.arg = g;
    handlers.token = options->token;
    g->options = *options;
    g->deadline_us = w->deadline_ms * US_PER_MS;
    g->timer = evtimer_new(options->base, on_timer, g);
    r = find_doors(g, err);
    if (r == 0)
        r = check_stores(g, err);
    if (r == 0)
        r = open_readers(g, err);
    if (r == 0)
        r = history_create(options->history, &g->history, err);
    if (r < 0) {
        generator_free(g);
        return r;
    }
    plan_make(&g->plan, w, options->seed, options->topology->n_stores);
    operations_make(g);
    turns_init(&g->turns, w->clients);
    if (w->reads == READS_AFTER)
        g->seen = mem_alloc_array(w->clients, sizeof *g->seen);
    g->clients = load_clients_new(options->base, w->clients, g->door, g->n_doors,
                                  w->retries > 0 ? LOAD_CONNECT_ALL : LOAD_CONNECT_OWN, &handlers);
    *ret_generator = g;
    return 0;
}

bool generator_connected(const struct generator *g)
{
    return load_clients_connected(g->clients) && (!g->reads || load_reads_connected(g->reads)) &&
           (!g->prober || prober_connected(g->prober));
}

void generator_start(struct generator *g, int64_t at_us)
{
    struct timeval wait = clock_timeval(at_us - clock_now_us());

    assert(!g->started);
    g->started = true;
    g->start_us = at_us;
    g->end_us = at_us + llround(g->options.workload.duration_s * (double)US_PER_S);
    for (unsigned i = 0; generator_is_closed(g) && i < g->options.workload.clients; i++)
        turns_add(&g->turns, i, at_us);
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
                              g->next - generator_n_ended(g)};
    static const char *const names[] = {"planned", "invoked", "acknowledged",
                                        "fail",    "info",    "in_flight"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        json_object_set_new(into, names[i], json_integer((json_int_t)numbers[i]));
    json_object_set_new(into, "done", json_boolean(g->started && is_last(g)));
}

int generator_stop(struct generator *g, struct errctx *err)
{
    struct prober *prober = g->prober;
    int r = close_history(g, err);
    int probes_r;

    g->prober = NULL;
    if (!prober)
        return r;
    probes_r = prober_stop(prober, r == 0 ? err : NULL);
    prober_free(prober);
    return r == 0 ? probes_r : r;
}

void generator_free(struct generator *g)
{
    if (!g)
        return;
    assert(!g->history); /* stopped, or never begun */
    g->stopped = true;   /* answers that closing brings are not recorded */
    load_clients_free(g->clients);
    load_reads_free(g->reads);
    prober_free(g->prober);
    event_free(g->timer);
    plan_done(&g->plan);
    turns_done(&g->turns);
    for (size_t i = 0; i < g->n_chunks; i++)
        free(g->chunk[i]);
    free(g->chunk);
    free(g->seen);
    free(g);
}
