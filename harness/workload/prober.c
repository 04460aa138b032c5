/* Looking for probes at the stores; see the header. */
#include "harness/workload/prober.h"

#include "base/clock.h"
#include "base/mem.h"
#include "stores/store.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define SESSIONS         8
#define POLL_DEADLINE_US (1 * US_PER_S)
#define AGE_PER_GAP      16
#define GAP_MAX_US       (250 * US_PER_MS)

/* One operation of a probe: its key at its store. Polled until it is seen or the probe is over. */
struct watch {
    struct probe *probe;
    unsigned index; /* of the operation */
    struct store *store;
    struct event *timer;
    bool polling;
    int64_t polled_us; /* when the newest poll was invoked */
    int64_t unseen_us; /* 0: no poll missed it */
    int64_t seen_us;   /* 0: none found it */
};

struct probe {
    struct prober *prober;
    int64_t op;
    int64_t since_us;
    bool over; /* written down; kept only for the polls that are still to be answered */
    unsigned n_unseen, n_polling;
    struct txn reads; /* one an operation; the stores borrow it */
    struct watch watch[TXN_OPS_MAX];
    struct probe *prev, *next;
};

struct prober {
    struct event_base *base;
    unsigned n_stores;
    struct store *store[STORES_MAX];
    struct probe *probes; /* those that are not over, oldest first */
    unsigned n_probes;
    char *path;
    FILE *file;
    int64_t n_lines;
};

/* --- the file ------------------------------------------------------------------------------ */

static void print_time(FILE *file, int64_t at_us)
{
    if (at_us > 0)
        (void)fprintf(file, "%" PRId64, at_us); /* errors stay in the stream until it is closed */
    else
        (void)fputs("null", file);
}

static void write_down(const struct probe *probe)
{
    struct prober *prober = probe->prober;
    FILE *file = prober->file;

    for (unsigned i = 0; i < probe->reads.n_ops; i++) {
        (void)fprintf(file,
                      "{\"t\":\"probe\",\"op\":%" PRId64 ",\"store\":\"%s\",\"unseen\":", probe->op,
                      probe->reads.op[i].store);
        print_time(file, probe->watch[i].unseen_us);
        (void)fputs(",\"seen\":", file);
        print_time(file, probe->watch[i].seen_us);
        (void)fputs("}\n", file);
        prober->n_lines++;
    }
}

/* --- one probe ----------------------------------------------------------------------------- */

static void probe_free(struct probe *probe)
{
    assert(probe->over && probe->n_polling == 0);
    for (unsigned i = 0; i < probe->reads.n_ops; i++)
        event_free(probe->watch[i].timer);
    free(probe);
}

static void end_probe(struct probe *probe)
{
    struct prober *prober = probe->prober;

    assert(!probe->over);
    write_down(probe);
    probe->over = true;
    DL_DELETE(prober->probes, probe);
    prober->n_probes--;
    for (unsigned i = 0; i < probe->reads.n_ops; i++)
        (void)event_del(probe->watch[i].timer); /* cannot fail: it exists */
    if (probe->n_polling == 0)
        probe_free(probe);
}

static void poll_later(struct watch *watch)
{
    int64_t now_us = clock_now_us(), gap_us = (now_us - watch->probe->since_us) / AGE_PER_GAP;
    struct timeval wait;

    if (gap_us > GAP_MAX_US)
        gap_us = GAP_MAX_US;
    if (gap_us < PROBE_GAP_US)
        gap_us = PROBE_GAP_US;
    wait = clock_timeval(watch->polled_us + gap_us - now_us);
    event_add(watch->timer, &wait);
}

static void take_answer(struct watch *watch, bool found)
{
    if (!found) {
        watch->unseen_us = watch->polled_us;
        poll_later(watch);
        return;
    }
    watch->seen_us = clock_now_us();
    if (--watch->probe->n_unseen == 0)
        end_probe(watch->probe);
}

static void on_polled(void *arg, const struct store_reply *reply)
{
    struct watch *watch = arg;
    struct probe *probe = watch->probe;

    watch->polling = false;
    probe->n_polling--;
    if (!probe->over && reply->status == STORE_OK)
        take_answer(watch, reply->read[watch->index].found);
    else if (!probe->over)
        poll_later(watch);
    else if (probe->n_polling == 0)
        probe_free(probe);
}

static void poll_now(struct watch *watch)
{
    assert(!watch->polling && watch->seen_us == 0);
    watch->polled_us = clock_now_us();
    if (!store_alive(watch->store)) {
        poll_later(watch);
        return;
    }
    watch->polling = true;
    watch->probe->n_polling++;
    store_execute(watch->store, &watch->probe->reads, watch->polled_us + POLL_DEADLINE_US,
                  on_polled, watch);
}

static void on_timer(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    poll_now(arg);
}

/* --- from the load ------------------------------------------------------------------------- */

static struct probe *find_probe(const struct prober *prober, int64_t op)
{
    struct probe *probe;

    DL_FOREACH (prober->probes, probe) {
        if (probe->op == op)
            return probe;
    }
    return NULL;
}

static struct store *find_store(const struct prober *prober, const char *name)
{
    for (unsigned i = 0; i < prober->n_stores; i++) {
        if (strcmp(store_name(prober->store[i]), name) == 0)
            return prober->store[i];
    }
    assert(!"a store that is not in the topology");
    return NULL;
}

static void add_watch(struct probe *probe, const struct op *written)
{
    unsigned i = probe->reads.n_ops++;
    struct op *read = &probe->reads.op[i];

    read->kind = OP_READ;
    memcpy(read->store, written->store, sizeof read->store);
    memcpy(read->key, written->key, sizeof read->key);
    probe->watch[i] = (struct watch){
        .probe = probe,
        .index = i,
        .store = find_store(probe->prober, written->store),
        .timer = evtimer_new(probe->prober->base, on_timer, &probe->watch[i]),
    };
}

void prober_watch(struct prober *prober, int64_t op, const struct txn *txn)
{
    struct probe *probe;

    assert(prober->file); /* not stopped */
    assert(!find_probe(prober, op));
    if (prober->n_probes == PROBES_MAX)
        end_probe(prober->probes);
    probe = mem_alloc(sizeof *probe);
    probe->prober = prober;
    probe->op = op;
    probe->since_us = clock_now_us();
    probe->n_unseen = txn->n_ops;
    memcpy(probe->reads.request, txn->request, sizeof probe->reads.request);
    for (unsigned i = 0; i < txn->n_ops; i++)
        add_watch(probe, &txn->op[i]);
    DL_APPEND(prober->probes, probe);
    prober->n_probes++;
    for (unsigned i = 0; i < txn->n_ops; i++)
        poll_now(&probe->watch[i]);
}

void prober_forget(struct prober *prober, int64_t op)
{
    struct probe *probe = find_probe(prober, op);

    if (probe)
        end_probe(probe);
}

/* --- opening and closing ------------------------------------------------------------------- */

static int open_stores(struct prober *prober, const struct topology *topology, const char *role,
                       struct errctx *err)
{
    char application[SESSION_NAME_SIZE];
    const struct store_options options = {.application = application, .sessions = SESSIONS};

    session_name(application, role, "probes");
    for (unsigned i = 0; i < topology->n_stores; i++) {
        const struct topology_store *where = &topology->store[i];
        int r = store_open(prober->base, where, topology_address(topology, role, where->name),
                           &options, &prober->store[i], err);

        if (r < 0)
            return err_prefix(err, r, "%s", where->name);
        prober->n_stores++;
    }
    return 0;
}

int prober_new(struct event_base *base, const struct topology *topology, const char *role,
               const char *path, struct prober **ret_prober, struct errctx *err)
{
    struct prober *prober = mem_alloc(sizeof *prober);
    int r;

    prober->base = base;
    prober->path = mem_strdup(path);
    prober->file = fopen(path, "we");
    if (prober->file)
        r = open_stores(prober, topology, role, err);
    else
        r = err_set(err, errno, ERR_ABORT, "%s: %s", path, strerror(errno));
    if (r < 0) {
        prober_free(prober);
        return r;
    }
    *ret_prober = prober;
    return 0;
}

bool prober_connected(const struct prober *prober)
{
    for (unsigned i = 0; i < prober->n_stores; i++) {
        if (!store_alive(prober->store[i]))
            return false;
    }
    return true;
}

int prober_stop(struct prober *prober, struct errctx *err)
{
    FILE *file = prober->file;
    bool failed;

    assert(file);
    while (prober->probes)
        end_probe(prober->probes);
    (void)fprintf(file, "{\"t\":\"end\",\"lines\":%" PRId64 "}\n", prober->n_lines);
    failed = ferror(file) != 0;
    prober->file = NULL;
    if (fclose(file) != 0)
        return err_set(err, errno, ERR_FATAL, "%s: %s", prober->path, strerror(errno));
    if (failed) /* its errno is long gone */
        return err_set(err, EIO, ERR_FATAL, "%s could not be written", prober->path);
    return 0;
}

void prober_free(struct prober *prober)
{
    if (!prober)
        return;
    assert(!prober->probes);
    for (unsigned i = 0; i < prober->n_stores; i++)
        store_free(prober->store[i]); /* answers what is outstanding, which frees its probe */
    if (prober->file)
        (void)fclose(prober->file); /* never used: nothing is in it */
    free(prober->path);
    free(prober);
}
