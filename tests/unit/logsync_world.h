/*
 * logsync_world.h - the world of test_live_logsync.c: servers by a keeper, a topic and empty stores
 * for each test, sinks as processes, a load, and the comparison of the stores' journals with the
 * topic as kcat reads it. The test program is the keeper and the sinks, too.
 */
#ifndef SYNCBED_TESTS_LOGSYNC_WORLD_H
#define SYNCBED_TESTS_LOGSYNC_WORLD_H

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/random.h"
#include "logsync/log_admin.h"
#include "logsync/log_producer.h"
#include "servers/keeper.h"
#include "stores/store.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include <cmocka.h>

#define PARTITIONS 4
#define TXNS_MAX   12000
#define KEYS       200
#define INFLIGHT   500
#define TICK_US    (2 * US_PER_MS)
#define WAIT_US    (30 * US_PER_S)
#define WAIT_MS    30000
#define SEED       1
#define SINKS_MAX  4

static struct errctx err; /* of the last call that failed */

/* It has to succeed; else the test fails with its message, at the caller's line. */
#define must(call)                                                                                 \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s", #call, err.message);                                                \
    } while (0)

static char place[] = "/var/tmp/syncbed-test-logsync-XXXXXX";

struct sent {
    struct log_message message;
    bool acknowledged;
    bool in_topic;
    unsigned partition;
    int64_t offset;
};

/* A key of a store with its journal as text, "1 t17 0 w v17;2 t20 0 w v20;" */
struct journal {
    char name[STORE_NAME_SIZE + KEY_SIZE];
    int64_t n;
    struct buf text;
    UT_hash_handle hh;
};

static struct world {
    struct event_base *base;
    struct keeper *keeper;
    struct topology *topology;
    char topology_path[PATH_MAX];
    char log_path[PATH_MAX];
    struct log_admin *admin;
    struct log_producer *producer;
    struct store *store[2];
    struct rng rng;
    char exited[256];            /* names of roles that ended, each with a space behind it */
    const char *sink[SINKS_MAX]; /* started in this test */
    unsigned n_sinks;
    struct event *tick;
    unsigned n_sent, n_wanted, n_delivered, n_per_tick;
    struct sent *sent;
} w;

static const char *const store_names[2] = {"pg1", "redis"};

/* --- servers, topic, topology ---------------------------------------------------------------- */

static void on_keeper_event(void *arg, const char *what, const char *name,
                            const struct keeper_end *end)
{
    size_t used = strlen(w.exited);

    (void)arg;
    (void)end;
    if (strcmp(what, "exited") == 0)
        (void)snprintf(w.exited + used, sizeof w.exited - used, "%s ", name);
}

static void add_role(const char *name, const char *store)
{
    struct topology *t = w.topology;
    struct topology_role *role = &t->role[t->n_roles++];
    struct topology_link *link = &t->link[t->n_links++];

    role->kind = ROLE_SINK;
    (void)snprintf(role->name, sizeof role->name, "%s", name);
    (void)snprintf(role->store, sizeof role->store, "%s", store);
    (void)snprintf(link->from, sizeof link->from, "%s", name);
    (void)snprintf(link->to, sizeof link->to, "log");
    must(keeper_log_address(w.keeper, ROLE_SINK, &link->address, &err));
}

static void write_topology(const char *topic)
{
    struct buf text = {0};
    FILE *file;

    must(keeper_topology(w.keeper, w.topology, &err));
    (void)snprintf(w.topology->run, sizeof w.topology->run, "live");
    (void)snprintf(w.topology->topic, sizeof w.topology->topic, "%s", topic);
    w.topology->n_partitions = PARTITIONS;
    must(keeper_folder(w.keeper, "control", w.topology->control, &err));
    add_role("sink-pg1", "pg1");
    add_role("sink-redis", "redis");
    add_role("sink-pg1-next", "pg1");
    (void)snprintf(w.topology_path, sizeof w.topology_path, "%s/topology.yaml", place);
    topology_print(&text, w.topology);
    file = fopen(w.topology_path, "w");
    assert_non_null(file);
    assert_true(fputs(buf_str(&text), file) >= 0);
    assert_int_equal(fclose(file), 0);
    buf_done(&text);
}

static bool stores_alive(void *arg)
{
    (void)arg;
    return store_alive(w.store[0]) && store_alive(w.store[1]);
}

static bool is_set(void *arg)
{
    return *(const bool *)arg;
}

static void on_done(void *arg, const struct store_reply *reply)
{
    assert_string_equal(store_status_name(reply->status), "ok");
    *(bool *)arg = true;
}

static void open_stores(void)
{
    const struct store_options options = {.application = "sb1:test", .sessions = 2};

    for (unsigned i = 0; i < 2; i++) {
        const struct topology_store *where = topology_store(w.topology, store_names[i]);

        must(store_open(w.base, where, &where->address, &options, &w.store[i], &err));
    }
    must(loop_until(w.base, stores_alive, NULL, WAIT_US));
}

static void reset_stores(void)
{
    for (unsigned i = 0; i < 2; i++) {
        bool done = false;

        store_reset(w.store[i], clock_now_us() + WAIT_US, on_done, &done);
        must(loop_until(w.base, is_set, &done, WAIT_US));
    }
}

/* Each test has a topic of its own and empty stores, and the servers of all. */
static int begin_test(void **state)
{
    static unsigned n_topics;
    char topic[32];
    struct log_producer_options options = {
        .topic = topic, .inflight_max = INFLIGHT, .message_timeout_ms = WAIT_MS};

    (void)state;
    (void)snprintf(topic, sizeof topic, "live-%u", ++n_topics);
    write_topology(topic);
    if (!w.store[0])
        open_stores();
    reset_stores();
    if (!w.admin)
        must(log_admin_new(&w.topology->log, &w.admin, &err));
    must(log_admin_create(w.admin, topic, PARTITIONS, WAIT_MS, &err));
    options.bootstrap = &w.topology->log;
    must(log_producer_new(w.base, &options, &w.producer, &err));
    w.rng = rng_new(SEED, topic);
    w.n_sent = w.n_wanted = w.n_delivered = 0;
    memset(w.sent, 0, TXNS_MAX * sizeof *w.sent);
    w.exited[0] = '\0';
    return 0;
}

static int end_test(void **state)
{
    (void)state;
    event_del(w.tick);
    log_producer_free(w.producer);
    w.producer = NULL;
    while (w.n_sinks > 0)
        must(keeper_signal(w.keeper, w.sink[--w.n_sinks], KEEPER_KILL, &err));
    return 0;
}

static void start_sink(const char *name)
{
    const char *const argv[] = {"syncbed", "sink", w.topology_path, name, NULL};
    uint16_t port;

    must(keeper_start_role(w.keeper, name, argv, w.log_path, &port, &err));
    assert_true(w.n_sinks < SINKS_MAX);
    w.sink[w.n_sinks++] = name;
}

/* The answer's errno; `ret_reply` may be NULL. */
static int ask_sink(const char *name, const char *cmd, json_t *fields, json_t **ret_reply)
{
    const struct rpc_client_handlers handlers = {0};
    struct rpc_client *client;
    char path[PATH_MAX];
    int r;

    (void)snprintf(path, sizeof path, "%.4000s/%s.sock", w.topology->control, name);
    must(rpc_connect(w.base, path, &handlers, &client, &err));
    r = rpc_call(client, cmd, fields, WAIT_US, ret_reply, &err);
    rpc_client_free(client);
    return r;
}

/* --- load ------------------------------------------------------------------------------------ */

static void on_delivered(void *arg, const struct log_delivery *d)
{
    struct sent *sent = arg;

    sent->acknowledged = d->result == LOG_ACKNOWLEDGED;
    sent->partition = d->partition;
    sent->offset = d->offset;
    w.n_delivered++;
}

/* The same change in both stores: two of three a write, one an increment of a key of its own. */
static void make_txn(unsigned i, struct envelope *envelope)
{
    struct txn *txn = &envelope->txn;
    unsigned key = (unsigned)rng_below(&w.rng, KEYS);
    bool increment = i % 3 == 0;

    envelope->kind = ENVELOPE_TXN;
    (void)snprintf(envelope->id, sizeof envelope->id, "test:%u", i);
    (void)snprintf(envelope->source, sizeof envelope->source, "test");
    (void)snprintf(txn->request, sizeof txn->request, "t%u", i);
    txn->n_ops = 2;
    for (unsigned o = 0; o < 2; o++) {
        struct op *op = &txn->op[o];

        op->kind = increment ? OP_INCR : OP_WRITE;
        op->delta = increment ? 1 + i % 7 : 0;
        (void)snprintf(op->store, sizeof op->store, "%s", store_names[o]);
        (void)snprintf(op->key, sizeof op->key, "%s:%u", increment ? "count" : "user", key);
        if (!increment)
            (void)snprintf(op->value, sizeof op->value, "v%u", i);
    }
}

static int send_record(unsigned i, const char *key, const struct buf *record)
{
    struct log_message *message = &w.sent[i].message;

    *message = (struct log_message){.delivered = on_delivered, .arg = &w.sent[i]};
    return log_producer_send(w.producer, message, envelope_partition(key, PARTITIONS), key, record,
                             &err);
}

static int send_txn(unsigned i, const struct envelope *envelope)
{
    struct buf record = {0};
    int r;

    envelope_encode(&record, envelope);
    r = send_record(i, envelope->txn.op[0].key, &record);
    buf_done(&record);
    return r;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    static struct envelope envelope;

    (void)fd;
    (void)what;
    (void)arg;
    for (unsigned i = 0; i < w.n_per_tick && w.n_sent < w.n_wanted; i++) {
        struct rng before = w.rng;

        memset(&envelope, 0, sizeof envelope);
        make_txn(w.n_sent, &envelope);
        if (send_txn(w.n_sent, &envelope) != 0) {
            w.rng = before; /* too many under way: the same one again later */
            return;
        }
        w.n_sent++;
    }
}

static void load(unsigned n_txns, unsigned per_s)
{
    const struct timeval tick = clock_timeval(TICK_US);

    w.n_wanted += n_txns;
    assert_true(w.n_wanted <= TXNS_MAX);
    w.n_per_tick = per_s / (unsigned)(US_PER_S / TICK_US);
    (void)event_add(w.tick, &tick);
}

static bool all_delivered(void *arg)
{
    (void)arg;
    return w.n_sent == w.n_wanted && w.n_delivered == w.n_sent;
}

/* --- the end: every sink behind the marker, journals as in the topic
 * --------------------------------- */

static bool is_past(const char *sink, const struct position *past)
{
    json_t *reply = NULL;
    const json_t *position;
    bool all = true;
    char partition[16];

    must(ask_sink(sink, "position", NULL, &reply));
    position = json_object_get(reply, "position");
    for (unsigned i = 0; i < past->n; i++) {
        (void)snprintf(partition, sizeof partition, "%u", i);
        all = all && json_integer_value(json_object_get(position, partition)) >= past->offset[i];
    }
    json_decref(reply);
    return all;
}

static void await_sink(const char *sink, const struct position *past)
{
    int64_t until_us = clock_now_us() + WAIT_US;

    while (!is_past(sink, past)) {
        if (clock_now_us() > until_us)
            fail_msg("%s does not reach the marker", sink);
        must(loop_for(w.base, 5 * US_PER_MS));
    }
}

static struct journal *journal_of(struct journal **all, const char *store, const char *key)
{
    char name[STORE_NAME_SIZE + KEY_SIZE];
    struct journal *j;

    (void)snprintf(name, sizeof name, "%s/%s", store, key);
    HASH_FIND_STR(*all, name, j);
    if (!j) {
        j = mem_alloc(sizeof *j);
        (void)snprintf(j->name, sizeof j->name, "%s", name);
        HASH_ADD_STR(*all, name, j);
    }
    return j;
}

static void take_record(struct journal **all, unsigned partition, int64_t offset,
                        const struct envelope *envelope)
{
    const struct txn *txn = &envelope->txn;
    char op[JOURNAL_OP_SIZE];
    unsigned i;

    if (envelope->kind == ENVELOPE_MARKER)
        return;
    i = (unsigned)strtoul(txn->request + 1, NULL, 10);
    assert_true(i < w.n_sent);
    if (w.sent[i].in_topic)
        fail_msg("%s is twice in the topic", txn->request);
    w.sent[i].in_topic = true;
    if (w.sent[i].acknowledged) {
        assert_int_equal(w.sent[i].partition, partition);
        assert_int_equal(w.sent[i].offset, offset);
    }
    for (unsigned o = 0; o < txn->n_ops; o++) {
        struct journal *j = journal_of(all, txn->op[o].store, txn->op[o].key);

        txn_journal_op(txn, o, op);
        buf_printf(&j->text, "%" PRId64 " %s %s;", ++j->n, txn->request, op);
    }
}

/* By kcat, which shares nothing with our client but the library below. */
static struct journal *journals_of_topic(void)
{
    static struct envelope envelope;
    char command[256];
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    struct journal *all = NULL;
    FILE *kcat;

    (void)snprintf(command, sizeof command,
                   "kcat -C -q -e -o beginning -f '%%p %%o %%s\\n' -b %s:%u -t %s",
                   w.topology->log.host, (unsigned)w.topology->log.port, w.topology->topic);
    kcat = popen(command, "r");
    assert_non_null(kcat);
    while ((size = getline(&line, &capacity, kcat)) > 0) {
        unsigned partition;
        int64_t offset;
        int at = 0;

        assert_int_equal(sscanf(line, "%u %" SCNd64 " %n", &partition, &offset, &at), 2);
        must(envelope_decode(line + at, (size_t)(size - at - 1), &envelope, &err));
        take_record(&all, partition, offset, &envelope);
    }
    assert_int_equal(pclose(kcat), 0);
    free(line);
    return all;
}

struct scan {
    bool done; /* first: on_done() sets it */
    struct journal *held;
};

static void on_row(void *arg, const struct store_scan_row *row)
{
    struct scan *scan = arg;
    struct journal *j = journal_of(&scan->held, "", row->key);

    j->n = row->n;
    for (unsigned i = 0; i < row->n_entries; i++)
        buf_printf(&j->text, "%" PRId64 " %s %s;", row->entry[i].n, row->entry[i].request,
                   row->entry[i].op);
}

static void free_journals(struct journal *all)
{
    struct journal *j, *next;

    HASH_ITER (hh, all, j, next) {
        HASH_DEL(all, j);
        buf_done(&j->text);
        free(j);
    }
}

static void expect_journals(const struct store *store, struct journal *held, struct journal *topic)
{
    struct journal *expected, *found, *next;
    unsigned n = 0;
    char name[STORE_NAME_SIZE + KEY_SIZE];

    HASH_ITER (hh, topic, expected, next) {
        const char *slash = strchr(expected->name, '/');

        if (strncmp(expected->name, store_name(store), (size_t)(slash - expected->name)) != 0)
            continue;
        (void)snprintf(name, sizeof name, "%s", slash);
        HASH_FIND_STR(held, name, found);
        if (!found)
            fail_msg("%s is missing", expected->name);
        assert_string_equal(buf_str(&found->text), buf_str(&expected->text));
        n++;
    }
    assert_int_equal(n, HASH_COUNT(held));
    assert_true(n > 0);
}

static void expect_stores_equal_topic(void)
{
    struct journal *topic = journals_of_topic();

    for (unsigned i = 0; i < w.n_sent; i++) {
        if (w.sent[i].acknowledged && !w.sent[i].in_topic)
            fail_msg("t%u was acknowledged and is not in the topic", i);
    }
    for (unsigned i = 0; i < 2; i++) {
        struct scan scan = {0};

        store_scan(w.store[i], on_row, clock_now_us() + WAIT_US, on_done, &scan);
        must(loop_until(w.base, is_set, &scan.done, WAIT_US));
        expect_journals(w.store[i], scan.held, topic);
        free_journals(scan.held);
    }
    free_journals(topic);
}

#endif
