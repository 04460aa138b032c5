/*
 * Sinks on real servers: Kafka, PostgreSQL and Redis, sink processes killed and paused, the broker
 * and a store killed under them. What the stores hold in the end is compared, journal by journal,
 * with what the topic holds as kcat reads it. This program is also its keeper and its sinks.
 *
 * Folder: harness
 */
#include "approaches/sink.h"
#include "base/file.h"
#include "servers/folder.h"
#include "servers/keeper_main.h"

#include <errno.h>
#include <libpq-fe.h>
#include <sys/stat.h>

#include "logsync_world.h"

#define KILLS 20

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

struct applied {
    bool done; /* first: on_done() sets it */
    unsigned partition;
    unsigned n;
};

static void count_entries(void *arg, const struct store_scan_row *row)
{
    struct applied *applied = arg;

    if (envelope_partition(row->key, PARTITIONS) == applied->partition)
        applied->n += row->n_entries;
}

/* How many operations pg1 has on keys of the partition. */
static unsigned n_applied(unsigned partition)
{
    struct applied applied = {.partition = partition};

    store_scan(w.store[0], count_entries, clock_now_us() + WAIT_US, on_done, &applied);
    must(loop_until(w.base, is_set, &applied.done, WAIT_US));
    return applied.n;
}

static unsigned n_sent_to(unsigned partition)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w.n_sent; i++)
        n += w.sent[i].partition == partition;
    return n;
}

/* Nothing of ours writes such a record, but a topic is open to all. */
static void stops_at_a_record_that_it_cannot_read(void **state)
{
    char sink[] = "sink-pg1 ";
    struct buf record = {0}, words = {0};
    unsigned n = 0, partition;

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
    partition = w.sent[100].partition;
    buf_printf(&words, "error record %u@%" PRId64 " of %s: ", partition, w.sent[100].offset,
               w.topology->topic);
    expect_words(buf_str(&words));
    assert_true(n_sent_to(partition) > 1);
    assert_int_equal(n_applied(partition), n_sent_to(partition) - 1);
    buf_done(&words);
    buf_done(&record);
}

/* Past our driver, as an operator would. */
static void change_pg1(const char *sql)
{
    const struct topology_store *pg1 = topology_store(w.topology, "pg1");
    char where[256];
    PGconn *conn;
    PGresult *res;

    (void)snprintf(where, sizeof where, "host=%s port=%u user=%s dbname=%s", pg1->address.host,
                   (unsigned)pg1->address.port, pg1->user, pg1->database);
    conn = PQconnectdb(where);
    res = PQexec(conn, sql);
    if (PQresultStatus(res) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    assert_string_equal(PQcmdTuples(res), "1");
    PQclear(res);
    PQfinish(conn);
}

static void stops_at_a_position_that_no_log_has(void **state)
{
    char sink[] = "sink-pg1 ";
    struct position past;
    struct buf words = {0};

    (void)state;
    start_sink("sink-pg1");
    must(log_admin_mark(w.admin, w.topology->topic, PARTITIONS, "some", WAIT_MS, &past, &err));
    await_sink("sink-pg1", &past);
    change_pg1("UPDATE sink_position SET position = -5 WHERE part = 2");
    must(keeper_signal(w.keeper, "sink-pg1", KEEPER_KILL, &err));
    must(loop_until(w.base, has_exited, sink, WAIT_US));
    w.exited[0] = '\0';
    must(keeper_restart(w.keeper, "sink-pg1", &err));
    must(loop_until(w.base, has_exited, sink, WAIT_US));
    buf_printf(&words, "pg1 says that it stands at 2@-5 of %s", w.topology->topic);
    expect_words(buf_str(&words));
    buf_done(&words);
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
        TEST(stops_at_a_position_that_no_log_has),
    };

    if (argc > 1 && strcmp(argv[1], KEEPER_VERB) == 0)
        return keeper_main(false);
    if (argc == 4 && strcmp(argv[1], "sink") == 0)
        return sink_main(argv[2], argv[3]);
    /* Servers run as another user when we are root, so the place is open to all. */
    if (!mkdtemp(place) || chmod(place, 0755) < 0 || setenv("SYNCBED_DIR", place, 1) < 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, begin_all, end_all);

    return failed == 0 ? file_remove_tree(place, NULL)
                       : failed; /* a failure leaves the sinks' words */
}
