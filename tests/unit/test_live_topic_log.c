/*
 * Decisions on a Kafka topic: two front doors as processes, a PostgreSQL, a Redis and a broker. One
 * door is killed for good, or paused and let go on, with transactions at a step; the other settles
 * them within 2 s, by what stands in the topic. And a door with a log of its own that was lost.
 * This program is also its keeper and its doors.
 *
 * Folder: harness
 */
#include "approaches/serve.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/file.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/rpc.h"
#include "logsync/log_admin.h"
#include "servers/folder.h"
#include "servers/keeper.h"
#include "servers/keeper_main.h"
#include "stores/store.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_US    (30 * US_PER_S)
#define WAIT_MS    30000
#define SETTLED_US (2 * US_PER_S) /* the promise */
#define N_STORES   2
#define GATHER     4

static struct errctx err;

#define must(call)                                                                                 \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s", #call, err.message);                                                \
    } while (0)

static char place[] = "/var/tmp/syncbed-test-topic-XXXXXX";
static const char *const store_names[N_STORES] = {"pg1", "redis"};
static const char *const door_names[2] = {"serve1", "serve2"};

static struct {
    struct event_base *base;
    struct keeper *keeper;
    struct topology *topology;
    struct log_admin *admin;
    struct store *store[N_STORES];
    char topology_path[PATH_MAX];
    char log_path[PATH_MAX];
    uint16_t port[2];
    int client[2]; /* a connection to each door */
} w;

static void ignore_event(void *arg, const char *what, const char *name,
                         const struct keeper_end *end)
{
    (void)arg;
    (void)what;
    (void)name;
    (void)end;
}

/* --- stores ----------------------------------------------------------------------------------- */

struct verb {
    bool done;
    unsigned n;
};

static bool is_done(void *arg)
{
    const struct verb *v = arg;

    return v->done;
}

static void on_done(void *arg, const struct store_reply *reply)
{
    struct verb *v = arg;

    assert_string_equal(store_status_name(reply->status), "ok");
    v->done = true;
}

static void on_listed(void *arg, enum store_status status, const struct store_in_doubt *entries,
                      unsigned n_entries, unsigned waiters)
{
    struct verb *v = arg;

    (void)entries;
    (void)waiters;
    assert_string_equal(store_status_name(status), "ok");
    v->done = true;
    v->n = n_entries;
}

static void on_row(void *arg, const struct store_scan_row *row)
{
    struct verb *v = arg;

    v->n += row->n_entries;
}

static unsigned n_in_doubt(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < N_STORES; i++) {
        struct verb v = {.done = false};

        store_list_in_doubt(w.store[i], "", clock_now_us() + WAIT_US, on_listed, &v);
        must(loop_until(w.base, is_done, &v, WAIT_US));
        n += v.n;
    }
    return n;
}

/* Entries of all journals, the same at both stores. */
static unsigned n_written(void)
{
    struct verb v[N_STORES] = {{.done = false}};

    for (unsigned i = 0; i < N_STORES; i++) {
        store_scan(w.store[i], on_row, clock_now_us() + WAIT_US, on_done, &v[i]);
        must(loop_until(w.base, is_done, &v[i], WAIT_US));
    }
    assert_int_equal(v[0].n, v[1].n);
    return v[0].n;
}

/* --- doors ------------------------------------------------------------------------------------ */

static void start_door(unsigned i)
{
    const char *const argv[] = {"syncbed", "serve", w.topology_path, door_names[i], NULL};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    must(keeper_start_role(w.keeper, door_names[i], argv, w.log_path, &w.port[i], &err));
    to.sin_port = htons(w.port[i]);
    w.client[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(w.client[i] >= 0);
    assert_int_equal(connect(w.client[i], (const struct sockaddr *)&to, sizeof to), 0);
}

static void submit(unsigned door, const char *request)
{
    char line[512];
    int n = snprintf(line, sizeof line,
                     "{\"id\":1,\"request\":\"%s\",\"deadline_ms\":20000,\"txn\":[[\"w\",\"pg1\","
                     "\"%s\",\"v\"],[\"w\",\"redis\",\"%s\",\"v\"]]}\n",
                     request, request, request);

    assert_int_equal(write(w.client[door], line, (size_t)n), n);
}

/* One reply, as it comes. */
static const char *reply_of(unsigned door)
{
    static char line[1024];
    size_t n = 0;
    struct pollfd p = {.fd = w.client[door], .events = POLLIN};

    do {
        assert_true(n < sizeof line - 1);
        assert_int_equal(poll(&p, 1, WAIT_MS), 1);
        assert_int_equal(read(w.client[door], line + n, 1), 1);
    } while (line[n++] != '\n');
    line[n] = '\0';
    return line;
}

static void must_commit(unsigned door, const char *request)
{
    const char *reply;

    submit(door, request);
    reply = reply_of(door);
    if (!strstr(reply, "\"ok\":true"))
        fail_msg("%s", reply);
}

/* The answer's errno: the door may die before it has answered. */
static int ask_door(unsigned i, const char *cmd, json_t *fields, json_t **ret_reply)
{
    const struct rpc_client_handlers handlers = {0};
    struct rpc_client *client;
    char path[PATH_MAX];
    int rc;

    (void)snprintf(path, sizeof path, "%.4000s/%s.sock", w.topology->control, door_names[i]);
    must(rpc_connect(w.base, path, &handlers, &client, &err));
    rc = rpc_call(client, cmd, fields, WAIT_US, ret_reply, &err);
    rpc_client_free(client);
    return rc;
}

static void arm(unsigned door, enum crash_point point, int gather)
{
    must(ask_door(door, "arm",
                  json_pack("{s:s,s:i}", "point", crash_point_info(point)->name, "gather", gather),
                  NULL));
}

static json_int_t standing(unsigned door, enum crash_point point)
{
    json_t *reply = NULL;
    json_int_t n;

    must(ask_door(door, "counters", NULL, &reply));
    n = json_integer_value(
        json_object_get(json_object_get(reply, "standing"), crash_point_info(point)->name));
    json_decref(reply);
    return n;
}

static void submit_many(unsigned door, unsigned n)
{
    char request[16];

    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(request, sizeof request, "r%u", i);
        submit(door, request);
    }
}

/* Until nothing is in doubt; that must not take longer than was promised. */
static void must_settle(int64_t since_us)
{
    while (n_in_doubt() > 0) {
        if (clock_now_us() - since_us > SETTLED_US)
            fail_msg("in doubt for more than %d ms", (int)(SETTLED_US / US_PER_MS));
    }
}

/* --- before each test ------------------------------------------------------------------------- */

static void add_door(unsigned i)
{
    struct topology *t = w.topology;
    struct topology_role *role = &t->role[t->n_roles++];
    struct topology_link *link = &t->link[t->n_links++];
    static unsigned n_folders;
    char folder[32];

    role->kind = ROLE_SERVE;
    (void)snprintf(role->name, sizeof role->name, "%s", door_names[i]);
    (void)snprintf(role->address.host, sizeof role->address.host, "127.0.0.1");
    must(keeper_port(w.keeper, door_names[i], &role->address.port, &err));
    (void)snprintf(folder, sizeof folder, "data-%u", n_folders++);
    must(keeper_folder(w.keeper, folder, role->data, &err));
    (void)snprintf(link->from, sizeof link->from, "%s", door_names[i]);
    (void)snprintf(link->to, sizeof link->to, "log");
    must(keeper_log_address(w.keeper, ROLE_SERVE, &link->address, &err));
}

static void write_topology(const char *topic)
{
    struct buf text = {0};
    FILE *file;

    must(keeper_topology(w.keeper, w.topology, &err));
    (void)snprintf(w.topology->run, sizeof w.topology->run, "live");
    (void)snprintf(w.topology->decisions, sizeof w.topology->decisions, "%s", topic);
    must(keeper_folder(w.keeper, "control", w.topology->control, &err));
    add_door(0);
    add_door(1);
    (void)snprintf(w.topology_path, sizeof w.topology_path, "%s/topology.yaml", place);
    topology_print(&text, w.topology);
    file = fopen(w.topology_path, "w");
    assert_non_null(file);
    assert_true(fputs(buf_str(&text), file) >= 0);
    assert_int_equal(fclose(file), 0);
    buf_done(&text);
}

static void prepare_stores(void)
{
    const struct store_options options = {.application = "sb1:test", .sessions = 2};

    for (unsigned i = 0; i < N_STORES; i++) {
        const struct topology_store *where = topology_store(w.topology, store_names[i]);
        struct verb v = {.done = false};

        if (!w.store[i])
            must(store_open(w.base, where, &where->address, &options, &w.store[i], &err));
        store_reset(w.store[i], clock_now_us() + WAIT_US, on_done, &v);
        must(loop_until(w.base, is_done, &v, WAIT_US));
    }
}

static int begin_test(void **state)
{
    static unsigned n_topics;
    char topic[32];

    (void)state;
    (void)snprintf(topic, sizeof topic, "decisions-%u", ++n_topics);
    write_topology(topic);
    prepare_stores();
    if (!w.admin)
        must(log_admin_new(&w.topology->log, &w.admin, &err));
    must(log_admin_create(w.admin, topic, 1, WAIT_MS, &err));
    start_door(0);
    start_door(1);
    return 0;
}

static int end_test(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        (void)close(w.client[i]);
        must(keeper_signal(w.keeper, door_names[i], KEEPER_KILL, &err));
    }
    return 0;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void both_doors_commit_by_one_topic(void **state)
{
    (void)state;
    must_commit(0, "a");
    must_commit(1, "b");
    must_commit(0, "c");
    assert_int_equal(n_written(), 3);
    assert_int_equal(n_in_doubt(), 0);
}

/* Prepared everywhere, its decision not written: nobody will hear from it any more. */
static void undecided_when_its_door_is_killed_for_good_is_rolled_back_by_the_other(void **state)
{
    int64_t killed_us;

    (void)state;
    arm(0, CRASH_XA_VOTED, 1000);
    submit_many(0, GATHER);
    while (standing(0, CRASH_XA_VOTED) < GATHER)
        assert_int_equal(loop_for(w.base, 5 * US_PER_MS), 0);
    must(keeper_signal(w.keeper, "serve1", KEEPER_KILL, &err));
    killed_us = clock_now_us();
    must_settle(killed_us);
    assert_int_equal(n_written(), 0);
    must_commit(1, "r0"); /* its keys are free */
}

static void decided_when_its_door_is_killed_for_good_is_committed_by_the_other(void **state)
{
    int64_t killed_us;

    (void)state;
    arm(0, CRASH_XA_DECIDED, 1000);
    submit_many(0, GATHER);
    while (standing(0, CRASH_XA_DECIDED) < GATHER)
        assert_int_equal(loop_for(w.base, 5 * US_PER_MS), 0);
    must(keeper_signal(w.keeper, "serve1", KEEPER_KILL, &err));
    killed_us = clock_now_us();
    must_settle(killed_us);
    assert_int_equal(n_written(), GATHER);
}

/* It is taken for gone, goes on, and finds that its COMMIT stands behind an ABORT. */
static void a_door_that_was_only_paused_finds_its_commit_lost(void **state)
{
    (void)state;
    arm(0, CRASH_XA_VOTED, 1000);
    submit(0, "r0");
    while (standing(0, CRASH_XA_VOTED) < 1)
        assert_int_equal(loop_for(w.base, 5 * US_PER_MS), 0);
    must(keeper_signal(w.keeper, "serve1", KEEPER_PAUSE, &err));
    must_settle(clock_now_us());
    must(keeper_signal(w.keeper, "serve1", KEEPER_CONTINUE, &err));
    must(ask_door(0, "disarm", NULL, NULL));
    assert_non_null(strstr(reply_of(0), "\"code\":\"aborted\""));
    assert_int_equal(n_written(), 0);
    must_commit(0, "r1"); /* and goes on */
    assert_int_equal(n_written(), 1);
}

static void a_door_that_was_paused_behind_its_decision_tells_it_committed(void **state)
{
    (void)state;
    arm(0, CRASH_XA_DECIDED, 1000);
    submit(0, "r0");
    while (standing(0, CRASH_XA_DECIDED) < 1)
        assert_int_equal(loop_for(w.base, 5 * US_PER_MS), 0);
    must(keeper_signal(w.keeper, "serve1", KEEPER_PAUSE, &err));
    must_settle(clock_now_us());
    assert_int_equal(n_written(), 1);
    must(keeper_signal(w.keeper, "serve1", KEEPER_CONTINUE, &err));
    must(ask_door(0, "disarm", NULL, NULL));
    assert_non_null(strstr(reply_of(0), "\"ok\":true"));
    assert_int_equal(n_written(), 1);
}

/* A door that comes back settles what it left itself, also when no other is there. */
static void a_door_that_is_restarted_settles_its_own(void **state)
{
    (void)state;
    must(keeper_signal(w.keeper, "serve2", KEEPER_KILL, &err));
    arm(0, CRASH_XA_DECIDED, 1000);
    submit_many(0, GATHER);
    while (standing(0, CRASH_XA_DECIDED) < GATHER)
        assert_int_equal(loop_for(w.base, 5 * US_PER_MS), 0);
    must(keeper_signal(w.keeper, "serve1", KEEPER_KILL, &err));
    assert_int_equal(n_in_doubt(), N_STORES * GATHER);
    must(keeper_restart(w.keeper, "serve1", &err));
    must_settle(clock_now_us());
    assert_int_equal(n_written(), GATHER);
}

/* --- a log of one's own ----------------------------------------------------------------------- */

static int start_local(const char *verb)
{
    const char *const argv[] = {"syncbed", verb, w.topology_path, "serve1", NULL};
    uint16_t port;

    return keeper_start_role(w.keeper, "serve1", argv, w.log_path, &port, &err);
}

/* As an operator meets it: status 2, what to do about it, and the flag that it names. */
static void a_door_whose_log_was_lost_ends_with_status_2_and_says_what_to_do(void **state)
{
    const struct topology_role *role = topology_role(w.topology, "serve1");

    (void)state;
    must(keeper_signal(w.keeper, "serve1", KEEPER_KILL, &err));
    assert_true(start_local("serve-local") < 0); /* it has an epoch, in the topic */
    must(start_local("serve-forced"));
    must(keeper_signal(w.keeper, "serve1", KEEPER_KILL, &err));
    must(file_remove_tree(role->data, &err));
    assert_true(start_local("serve-local") < 0);
    if (!strstr(err.message, "ended with status 2"))
        fail_msg("%s", err.message);
    if (!strstr(err.message, "--force-presume-abort"))
        fail_msg("%s", err.message);
    must(start_local("serve-forced"));
}

/* --- all -------------------------------------------------------------------------------------- */

static int begin_all(void **state)
{
    const char *const servers[] = {"pg1", "redis", "kafka"};

    (void)state;
    w.base = loop_new();
    must(keeper_start(w.base, KEEPER_OF_CALLER, ignore_event, NULL, &w.keeper, &err));
    w.topology = mem_alloc(sizeof *w.topology);
    (void)snprintf(w.log_path, sizeof w.log_path, "%s/doors.log", place);
    must(keeper_servers_up(w.keeper, servers, 3, &err));
    return 0;
}

static int end_all(void **state)
{
    (void)state;
    log_admin_free(w.admin);
    for (unsigned i = 0; i < N_STORES; i++)
        store_free(w.store[i]);
    keeper_free(w.keeper);
    event_base_free(w.base);
    free(w.topology);
    return 0;
}

/* "serve", with replicated decisions; "serve-local"; "serve-forced", local, too. */
static int be_a_door(const char *verb, const char *topology, const char *name)
{
    const struct serve_options options = {
        .topology = topology,
        .name = name,
        .approach = "xa",
        .force_presume_abort = strcmp(verb, "serve-forced") == 0,
        .n_settings = 1,
        .setting = {strcmp(verb, "serve") == 0 ? "log=replicated" : "log=local"}};

    return serve_main(&options);
}

int main(int argc, char **argv)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, begin_test, end_test)
    const struct CMUnitTest tests[] = {
        TEST(both_doors_commit_by_one_topic),
        TEST(undecided_when_its_door_is_killed_for_good_is_rolled_back_by_the_other),
        TEST(decided_when_its_door_is_killed_for_good_is_committed_by_the_other),
        TEST(a_door_that_was_only_paused_finds_its_commit_lost),
        TEST(a_door_that_was_paused_behind_its_decision_tells_it_committed),
        TEST(a_door_that_is_restarted_settles_its_own),
        TEST(a_door_whose_log_was_lost_ends_with_status_2_and_says_what_to_do),
    };

    if (argc > 1 && strcmp(argv[1], KEEPER_VERB) == 0)
        return keeper_main(false);
    if (argc == 4 && strncmp(argv[1], "serve", 5) == 0)
        return be_a_door(argv[1], argv[2], argv[3]);
    /* Servers run as another user when we are root, so the place is open to all. */
    if (!mkdtemp(place) || chmod(place, 0755) < 0 || setenv("SYNCBED_DIR", place, 1) < 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, begin_all, end_all);

    return failed == 0 ? file_remove_tree(place, NULL)
                       : failed; /* a failure leaves the doors' words */
}
