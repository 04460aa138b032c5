/* Looking for probes at the stores; see the header. */
#include "harness/workload/prober.h"

#include "base/clock.h"
#include "base/mem.h"
#include "harness/lines.h"
#include "stores/store_set.h"

#include <assert.h>
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
    struct store_set stores;
    struct probe *probes; /* those that are not over, oldest first */
    unsigned n_probes;
    struct prober_counts counts; /* but for `alive` */
    struct lines lines;
};

/* --- the file ------------------------------------------------------------------------------ */

static json_t *time_or_null(int64_t at_us)
{
    return at_us > 0 ? json_integer((json_int_t)at_us) : json_null();
}

static void write_down(const struct probe *probe)
{
    for (unsigned i = 0; i < probe->reads.n_ops; i++)
        lines_write(&probe->prober->lines,
                    json_pack("{s:s, s:I, s:s, s:o, s:o}", "t", "probe", "op",
                              (json_int_t)probe->op, "store", probe->reads.op[i].store, "unseen",
                              time_or_null(probe->watch[i].unseen_us), "seen",
                              time_or_null(probe->watch[i].seen_us)));
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
    struct prober *prober = watch->probe->prober;

    if (!found) {
        prober->counts.missed++;
        watch->unseen_us = watch->polled_us;
        poll_later(watch);
        return;
    }
    prober->counts.found++;
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
    probe->prober->counts.polling--;
    if (probe->over) {
        if (probe->n_polling == 0)
            probe_free(probe);
    } else if (reply->status == STORE_OK) {
        take_answer(watch, reply->read[watch->index].found);
    } else {
        probe->prober->counts.failed++;
        poll_later(watch);
    }
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
    watch->probe->prober->counts.polling++;
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
        .store = store_set_find(&probe->prober->stores, written->store),
        .timer = evtimer_new(probe->prober->base, on_timer, &probe->watch[i]),
    };
    assert(probe->watch[i].store); /* the topology has it */
}

void prober_watch(struct prober *prober, int64_t op, const struct txn *txn)
{
    struct probe *probe;

    assert(prober->lines.file); /* not stopped */
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

int prober_new(struct event_base *base, const struct topology *topology, const char *role,
               const char *path, struct prober **ret_prober, struct errctx *err)
{
    const struct store_options options = {.sessions = SESSIONS};
    struct prober *prober = mem_alloc(sizeof *prober);
    int r = lines_open_path(&prober->lines, path, err);

    prober->base = base;
    if (r == 0)
        r = store_set_open(&prober->stores, base, topology, role, "probes", &options, err);
    if (r < 0) {
        prober_free(prober);
        return r;
    }
    *ret_prober = prober;
    return 0;
}

bool prober_connected(const struct prober *prober)
{
    return store_set_alive(&prober->stores);
}

void prober_count(const struct prober *prober, struct prober_counts *ret_counts)
{
    *ret_counts = prober->counts;
    for (unsigned i = 0; i < prober->stores.n; i++)
        ret_counts->alive += store_alive(prober->stores.store[i]);
}

int prober_stop(struct prober *prober, struct errctx *err)
{
    assert(prober->lines.file);
    while (prober->probes)
        end_probe(prober->probes);
    lines_end(&prober->lines);
    return lines_close(&prober->lines, err);
}

void prober_free(struct prober *prober)
{
    if (!prober)
        return;
    assert(!prober->probes);
    store_set_done(&prober->stores); /* answers what is outstanding, which frees its probe */
    if (prober->lines.file)
        (void)fclose(prober->lines.file); /* never used: nothing is in it */
    free(prober);
}
