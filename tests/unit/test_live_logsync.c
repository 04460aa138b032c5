/*
 * Sinks on real servers: Kafka, PostgreSQL and Redis, sink processes killed and paused, the broker
 * and a store killed under them. What the stores hold in the end is compared, journal by journal,
 * with what the topic holds as kcat reads it. This program is also its keeper and its sinks.
 *
 * Folder: harness
 */
#include "approaches/sink.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/random.h"
#include "logsync/log_admin.h"
#include "logsync/log_producer.h"
#include "servers/folder.h"
#include "servers/keeper.h"
#include "servers/keeper_main.h"
#include "stores/store.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uthash.h>

#include <cmocka.h>

#define PARTITIONS 4
#define TXNS_MAX   12000
#define KEYS       200
#define INFLIGHT   500
#define TICK_US    (2 * US_PER_MS)
#define WAIT_US    (30 * US_PER_S)
#define WAIT_MS    30000
#define KILLS      20
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

static void on_keeper_event(void *arg, const char *what, const char *name)
{
    size_t used = strlen(w.exited);

    (void)arg;
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

/* --- tests ----------------------------------------------------------------------------------- */

static bool has_exited(void *arg)
{
    return strstr(w.exited, arg);
}

/* At a random moment, or at the named step of the next batch. */
static void kill_sink(const char *name, const char *point)
{
    char mark[ROLE_NAME_SIZE + 1];
    int r;

    (void)snprintf(mark, sizeof mark, "%s ", name);
    w.exited[0] = '\0';
    must(loop_for(w.base, (int64_t)rng_below(&w.rng, 100) * US_PER_MS));
    if (point) {
        r = ask_sink(name, "arm", json_pack("{s:s,s:i}", "point", point, "gather", 1), NULL);
        assert_true(r == 0 || r == -ECONNRESET); /* it may die before it has answered */
    } else {
        must(keeper_signal(w.keeper, name, KEEPER_KILL, &err));
    }
    must(loop_until(w.base, has_exited, mark, WAIT_US));
    must(keeper_restart(w.keeper, name, &err));
}

static void kills_of_sinks_and_broker_lose_nothing_and_apply_nothing_twice(void **state)
{
    static const char *const points[] = {NULL, "sink-received", "sink-sent", "sink-applied"};
    struct position past;

    (void)state;
    start_sink("sink-pg1");
    start_sink("sink-redis");
    load(10000, 1000);
    for (unsigned i = 0; i < KILLS; i++) {
        kill_sink(rng_below(&w.rng, 2) ? "sink-pg1" : "sink-redis", points[i % 4]);
        if (i != KILLS / 2)
            continue;
        must(keeper_signal(w.keeper, "kafka", KEEPER_KILL, &err));
        must(keeper_restart(w.keeper, "kafka", &err));
    }
    must(loop_until(w.base, all_delivered, NULL, WAIT_US));
    must(log_admin_mark(w.admin, w.topology->topic, PARTITIONS, "end", WAIT_MS, &past, &err));
    await_sink("sink-pg1", &past);
    await_sink("sink-redis", &past);
    expect_stores_equal_topic();
}

/* sink-pg1 is paused with work under way, and its successor has all of it. */
static void make_zombie(void)
{
    struct position past;

    start_sink("sink-pg1");
    start_sink("sink-redis");
    load(500, 1000);
    must(loop_for(w.base, 200 * US_PER_MS));
    must(keeper_signal(w.keeper, "sink-pg1", KEEPER_PAUSE, &err));
    start_sink("sink-pg1-next");
    must(loop_until(w.base, all_delivered, NULL, WAIT_US));
    must(log_admin_mark(w.admin, w.topology->topic, PARTITIONS, "middle", WAIT_MS, &past, &err));
    await_sink("sink-pg1-next", &past);
}

/* It goes on, and ends; its successor is not disturbed. */
static void expect_fenced(void)
{
    char zombie[] = "sink-pg1 ";
    struct position past;

    must(keeper_signal(w.keeper, "sink-pg1", KEEPER_CONTINUE, &err));
    load(500, 1000);
    must(loop_until(w.base, has_exited, zombie, WAIT_US));
    must(loop_until(w.base, all_delivered, NULL, WAIT_US));
    must(log_admin_mark(w.admin, w.topology->topic, PARTITIONS, "end", WAIT_MS, &past, &err));
    await_sink("sink-pg1-next", &past);
    await_sink("sink-redis", &past);
    expect_stores_equal_topic();
}

static void a_zombie_is_fenced_by_its_successor(void **state)
{
    (void)state;
    make_zombie();
    expect_fenced();
}

/* A zombie that has lost its session asks for its position: it must not get the store back. The
 * successor has lost its session as well, and gets it. */
static void a_zombie_does_not_come_back_by_asking_again(void **state)
{
    bool done = false;

    (void)state;
    make_zombie();
    store_end_sessions(w.store[0], "sb1:sink-pg1", clock_now_us() + WAIT_US, on_done, &done);
    must(loop_until(w.base, is_set, &done, WAIT_US));
    expect_fenced();
}

static void waits_for_a_store_that_is_down_and_holds_up_nobody_else(void **state)
{
    struct position past;

    (void)state;
    start_sink("sink-pg1");
    start_sink("sink-redis");
    load(1500, 1500);
    must(loop_for(w.base, 200 * US_PER_MS));
    must(keeper_signal(w.keeper, "pg1", KEEPER_KILL, &err));
    must(loop_until(w.base, all_delivered, NULL, WAIT_US));
    must(log_admin_mark(w.admin, w.topology->topic, PARTITIONS, "end", WAIT_MS, &past, &err));
    await_sink("sink-redis", &past);
    assert_false(is_past("sink-pg1", &past));
    must(keeper_restart(w.keeper, "pg1", &err));
    await_sink("sink-pg1", &past);
    must(loop_until(w.base, stores_alive, NULL, WAIT_US));
    expect_stores_equal_topic();
}

static void on_record(void *arg, unsigned partition, int64_t offset,
                      const struct envelope *envelope)
{
    (void)partition;
    (void)offset;
    *(unsigned *)arg += envelope->kind == ENVELOPE_TXN;
}

/*
 * A new topic's leader may not be ready for the first request. With more than one in flight, one
 * topic of seven then lost what it had acknowledged.
 */
static void a_new_topic_holds_what_it_has_acknowledged(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 15; i++) {
        unsigned n = 0;

        if (i > 0) { /* the first is begin_test()'s */
            assert_int_equal(end_test(state), 0);
            assert_int_equal(begin_test(state), 0);
        }
        load(40, 4000); /* over some milliseconds: several requests */
        must(loop_until(w.base, all_delivered, NULL, WAIT_US));
        must(log_admin_read(w.admin, w.topology->topic, PARTITIONS, WAIT_MS, on_record, &n, &err));
        for (unsigned t = 0; t < w.n_sent; t++)
            assert_true(w.sent[t].acknowledged);
        assert_int_equal(n, 40);
    }
}

static void expect_words(const char *words)
{
    char command[PATH_MAX + 256];

    (void)snprintf(command, sizeof command, "grep -qF '%s' %s", words, w.log_path);
    if (system(command) != 0)
        fail_msg("the sinks have not said: %s", words);
}

/* Nothing of ours writes such a record, but a topic is open to all. */
static void stops_at_a_record_that_it_cannot_read(void **state)
{
    char sink[] = "sink-pg1 ";
    struct buf record = {0}, words = {0};
    unsigned n = 0;

    (void)state;
    load(100, 1500);
    must(loop_until(w.base, all_delivered, NULL, WAIT_US));
    must(log_admin_read(w.admin, w.topology->topic, PARTITIONS, WAIT_MS, on_record, &n, &err));
    assert_int_equal(n, 100);
    buf_append_str(&record, "{\"v\":99}");
    w.n_wanted++;
    must(send_record(w.n_sent++, "user:0", &record));
    must(loop_until(w.base, all_delivered, NULL, WAIT_US));
    assert_int_equal(
        log_admin_read(w.admin, w.topology->topic, PARTITIONS, WAIT_MS, on_record, &n, &err),
        -EBADMSG);
    start_sink("sink-pg1");
    must(loop_until(w.base, has_exited, sink, WAIT_US));
    buf_printf(&words, "error record %u@%" PRId64 " of %s: ", w.sent[100].partition,
               w.sent[100].offset, w.topology->topic);
    expect_words(buf_str(&words));
    buf_done(&words);
    buf_done(&record);
}

/* `insert` of a key that exists: the front door would never have let it into the log. */
static void stops_at_a_record_that_the_store_refuses(void **state)
{
    char sink[] = "sink-pg1 ";
    struct envelope *poison = mem_alloc(sizeof *poison);
    struct buf words = {0};

    (void)state;
    load(300, 1500);
    must(loop_until(w.base, all_delivered, NULL, WAIT_US));
    w.n_wanted++;
    make_txn(1, poison);
    (void)snprintf(poison->txn.request, sizeof poison->txn.request, "poison");
    (void)snprintf(poison->txn.op[0].key, KEY_SIZE, "user:0");
    poison->txn.n_ops = 1;
    assert_int_equal(send_txn(w.n_sent++, poison), 0);
    must(loop_until(w.base, all_delivered, NULL, WAIT_US));
    w.n_wanted++;
    poison->txn.op[0].kind = OP_INSERT;
    assert_int_equal(send_txn(w.n_sent++, poison), 0);
    must(loop_until(w.base, all_delivered, NULL, WAIT_US));
    start_sink("sink-pg1");
    must(loop_until(w.base, has_exited, sink, WAIT_US));
    buf_printf(&words, "pg1 refuses record %u@%" PRId64 " (request poison)",
               w.sent[w.n_sent - 1].partition, w.sent[w.n_sent - 1].offset);
    expect_words(buf_str(&words));
    buf_done(&words);
    free(poison);
}

/* --- all of it
 * ------------------------------------------------------------------------------------ */

static int begin_all(void **state)
{
    const char *const servers[] = {"pg1", "redis", "kafka"};

    (void)state;
    w.base = loop_new();
    must(keeper_start(w.base, KEEPER_OF_CALLER, on_keeper_event, NULL, &w.keeper, &err));
    w.topology = mem_alloc(sizeof *w.topology);
    w.sent = mem_alloc_array(TXNS_MAX, sizeof *w.sent);
    w.tick = event_new(w.base, -1, EV_PERSIST, on_tick, NULL);
    (void)snprintf(w.log_path, sizeof w.log_path, "%s/sinks.log", place);
    must(keeper_servers_up(w.keeper, servers, 3, &err));
    return 0;
}

static int end_all(void **state)
{
    (void)state;
    log_admin_free(w.admin);
    for (unsigned i = 0; i < 2; i++)
        store_free(w.store[i]);
    keeper_free(w.keeper);
    event_free(w.tick);
    event_base_free(w.base);
    free(w.topology);
    free(w.sent);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_test, end_test)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_topic_holds_what_it_has_acknowledged),
        TEST(kills_of_sinks_and_broker_lose_nothing_and_apply_nothing_twice),
        TEST(a_zombie_is_fenced_by_its_successor),
        TEST(a_zombie_does_not_come_back_by_asking_again),
        TEST(waits_for_a_store_that_is_down_and_holds_up_nobody_else),
        TEST(stops_at_a_record_that_the_store_refuses),
        TEST(stops_at_a_record_that_it_cannot_read),
    };

    if (argc > 1 && strcmp(argv[1], KEEPER_VERB) == 0)
        return keeper_main(false);
    if (argc == 4 && strcmp(argv[1], "sink") == 0)
        return sink_main(argv[2], argv[3]);
    /* Servers run as another user when we are root, so the place is open to all. */
    if (!mkdtemp(place) || chmod(place, 0755) < 0 || setenv("SYNCBED_DIR", place, 1) < 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, begin_all, end_all);

    return failed == 0 ? folder_delete(place) : failed; /* a failure leaves the sinks' words */
}
