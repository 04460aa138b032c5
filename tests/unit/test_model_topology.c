/*
 * Unit tests of topology.h: what is printed reads back, links before own addresses, refusals.
 * Folder: model
 */
#include "base/buf.h"
#include "model/topology.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char example[] =
    "run: 001-xa-fanout-none-s1\n"
    "control: \"/tmp/run of mine/control\"\n"
    "stores:\n"
    "  redis: {kind: redis, address: \"127.0.0.1:20103\"}\n"
    "  pg1: {kind: postgres, address: \"127.0.0.1:20101\", user: syncbed, "
    "database: syncbed}\n"
    "log: {topic: syncbed-1, partitions: 4, bootstrap: "
    "\"127.0.0.1:20110\"}\n"
    "roles:\n"
    "  serve1: {kind: serve, address: \"127.0.0.1:20121\", data: "
    "/var/tmp/serve1}\n"
    "  sink-pg1: {kind: sink, store: pg1}\n"
    "  load: {kind: load}\n"
    "links:\n"
    "  serve1->pg1: \"127.0.0.1:21101\"\n"
    "  sink-pg1->log: \"127.0.0.1:21110\"\n"
    "  load->serve1: \"127.0.0.1:21121\"\n";

static struct topology t, again; /* large */
static struct errctx err;
static char path[64];

static void write_text(const char *text)
{
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static int read_text(const char *text, struct topology *ret_topology)
{
    write_text(text);
    return topology_read(path, ret_topology, &err);
}

static int setup(void **state)
{
    int fd;

    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/syncbed-test-topology-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static void a_topology_is_read(void **state)
{
    (void)state;
    if (read_text(example, &t) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(t.run, "001-xa-fanout-none-s1");
    assert_string_equal(t.control, "/tmp/run of mine/control");
    assert_int_equal(t.n_stores, 2);
    assert_string_equal(t.store[0].name, "pg1"); /* in the order of their names */
    assert_int_equal(t.store[0].kind, STORE_POSTGRES);
    assert_string_equal(t.store[0].user, "syncbed");
    assert_int_equal(t.store[0].address.port, 20101);
    assert_string_equal(t.store[1].user, "");
    assert_int_equal(t.n_partitions, 4);
    assert_string_equal(topology_role(&t, "sink-pg1")->store, "pg1");
    assert_int_equal(topology_role(&t, "load")->address.port, 0);
    assert_null(topology_role(&t, "serve2"));
    assert_null(topology_store(&t, "pg2"));
}

static void a_bench_says_that_stores_keep_no_journal(void **state)
{
    struct buf out = {0};

    (void)state;
    assert_int_equal(read_text(example, &t), 0);
    assert_false(t.no_journal);
    t.no_journal = true;
    topology_print(&out, &t);
    if (read_text(buf_str(&out), &again) < 0)
        fail_msg("%s", err.message);
    assert_true(again.no_journal);
    buf_done(&out);
}

static void what_is_printed_reads_back(void **state)
{
    struct buf out = {0}, out_again = {0};

    (void)state;
    assert_int_equal(read_text(example, &t), 0);
    topology_print(&out, &t);
    if (read_text(buf_str(&out), &again) < 0)
        fail_msg("%s", err.message);
    assert_memory_equal(&t, &again, sizeof t);
    topology_print(&out_again, &again);
    assert_string_equal(buf_str(&out), buf_str(&out_again));
    buf_clear(&out);

    assert_int_equal(read_text("run: r\ncontrol: /c\n", &t), 0); /* nothing but a name */
    topology_print(&out, &t);
    assert_string_equal(buf_str(&out), "run: r\ncontrol: /c\n");
    buf_done(&out);
    buf_done(&out_again);
}

static unsigned port_of(const char *from, const char *to)
{
    const struct address *address = topology_address(&t, from, to);

    return address ? address->port : 0;
}

static void a_link_goes_before_the_targets_own_address(void **state)
{
    (void)state;
    assert_int_equal(read_text(example, &t), 0);
    assert_int_equal(port_of("serve1", "pg1"), 21101);
    assert_int_equal(port_of("serve1", "redis"), 20103);
    assert_int_equal(port_of("sink-pg1", "log"), 21110);
    assert_int_equal(port_of("serve1", "log"), 20110);
    assert_int_equal(port_of("load", "serve1"), 21121);
    assert_int_equal(port_of("anybody", "serve1"), 20121);
    assert_int_equal(port_of("load", "sink-pg1"), 0); /* is not a server */
    assert_int_equal(port_of("load", "nobody"), 0);
    assert_int_equal(read_text("run: r\ncontrol: /c\n", &t), 0);
    assert_int_equal(port_of("load", "log"), 0);
}

static void each_wrong_topology_is_refused_with_its_line(void **state)
{
    static const char *const cases[][2] = {
        {"control: /c\n", ":1: \"run\" is missing"},
        {"run: r\n", ":1: \"control\" is missing"},
        {"run: r\ncontrol: [x]\n", ":2: control: a text was expected here"},
        {"run: r\ncontrol: /c\nrole: {}\n", ":3: unknown key \"role\"; did you mean \"roles\"?"},
        {"run: r\ncontrol: /c\nstores: [pg1]\n", ":3: stores must be a list of \"name: …\""},
        {"run: r\ncontrol: /c\nstores:\n  pg1: {address: \"h:1\"}\n", ":4: \"kind\" is missing"},
        {"run: r\ncontrol: /c\nstores:\n  pg1: {kind: postgres}\n", ":4: \"address\" is missing"},
        {"run: r\ncontrol: /c\nstores:\n  pg1: {kind: postgre, address: \"h:1\"}\n",
         ":4: stores.pg1.kind: \"postgre\" is not known; did you mean \"postgres\"? There are "
         "postgres, mariadb, redis, opensearch, sqlite"},
        {"run: r\ncontrol: /c\nstores:\n  pg1: {kind: postgres, address: h}\n",
         ":4: \"h\" is not an address like 127.0.0.1:20101"},
        {"run: r\ncontrol: /c\nstores:\n  Pg1: {kind: postgres, address: \"h:1\"}\n",
         ":4: \"Pg1\" is no name of a store (a-z, 0-9, '-')"},
        {"run: r\ncontrol: /c\nlog: {topic: t, bootstrap: \"h:1\"}\n",
         ":3: \"partitions\" is missing"},
        {"run: r\ncontrol: /c\nlog: {topic: t, bootstrap: \"h:1\", partitions: 65}\n",
         ":3: log.partitions: 65 is not between 1 and 64"},
        {"run: r\ncontrol: /c\nroles:\n  s: {kind: sink, store: pg1}\n",
         ":4: \"pg1\" is no store of this topology"},
        {"run: r\ncontrol: /c\nroles:\n  s.1: {kind: load}\n",
         ":4: \"s.1\" is no name of a role (a-z, 0-9, '-')"},
        {"run: r\ncontrol: /c\nlinks:\n  a-b: \"h:1\"\n",
         ":4: \"a-b\" is no link like serve1->pg1"},
        {"run: r\ncontrol: /c\nlinks:\n  a->b: \"h:1\"\n",
         ":4: \"a->b\" leads to nothing of this topology"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_text(cases[i][0], &t), -EINVAL);
        assert_memory_equal(err.message, path, strlen(path));
        assert_string_equal(err.message + strlen(path), cases[i][1]);
    }
}

static void more_than_there_is_room_for_is_refused(void **state)
{
    struct buf text = {0};

    (void)state;
    buf_append_str(&text, "run: r\ncontrol: /c\nstores:\n");
    for (int i = 0; i <= STORES_MAX; i++)
        buf_printf(&text, "  s%d: {kind: redis, address: \"h:1\"}\n", i);
    assert_int_equal(read_text(buf_str(&text), &t), -EINVAL);
    assert_non_null(strstr(err.message, ":12: more than 8 stores"));
    buf_clear(&text);
    buf_append_str(&text, "run: r\ncontrol: /c\nroles:\n");
    for (int i = 0; i <= ROLES_MAX; i++)
        buf_printf(&text, "  s%d: {kind: load}\n", i);
    assert_int_equal(read_text(buf_str(&text), &t), -EINVAL);
    assert_non_null(strstr(err.message, "more than 24 roles"));
    buf_done(&text);
}

static void addresses(void **state)
{
    static const char *const wrong[] = {"",     "h",    ":1",    "h:",    "h:0",  "h:65536", "h:1x",
                                        "h: 1", "h:+1", "a b:1", "h:1:2", "h:-1", "h:100000"};
    struct address address;

    (void)state;
    assert_int_equal(address_parse("localhost:65535", &address), 0);
    assert_string_equal(address.host, "localhost");
    assert_int_equal(address.port, 65535);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (address_parse(wrong[i], &address) == 0)
            fail_msg("taken: \"%s\"", wrong[i]);
    }
    assert_int_equal(address.port, 65535);
}

static void addresses_of_sockets(void **state)
{
    const struct address here = {.host = "127.0.0.1", .port = 20101};
    const struct address name = {.host = "localhost", .port = 20101};
    const struct sockaddr_in loopback = address_loopback(20101);
    struct sockaddr_in address;

    (void)state;
    assert_int_equal(address_socket(&here, &address), 0);
    assert_memory_equal(&address, &loopback, sizeof address);
    assert_int_equal(ntohs(address.sin_port), 20101);
    assert_int_equal(address_socket(&name, &address), -EINVAL);
}

static void expect_servers_refused(const char *text, const char *what)
{
    write_text(text);
    assert_true(topology_read_servers(path, &t, &err) < 0);
    if (!strstr(err.message, what))
        fail_msg("\"%s\" does not say \"%s\"", err.message, what);
}

static void servers_that_exist_get_a_place_of_our_own(void **state)
{
    (void)state;
    write_text("stores:\n"
               "  redis: {kind: redis, address: \"10.0.0.2:6379\", database: 5}\n"
               "  pg2: {kind: postgres, address: \"10.0.0.1:5433\", schema: mine_2}\n"
               "  pg1: {kind: postgres, address: \"10.0.0.1:5432\", user: me, database: test}\n"
               "kafka: \"10.0.0.3:9092\"\n");
    if (topology_read_servers(path, &t, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(t.n_stores, 3);
    assert_string_equal(t.store[0].schema, TOPOLOGY_SCHEMA);
    assert_string_equal(t.store[1].schema, "mine_2");
    assert_string_equal(t.store[2].schema, "");
    assert_string_equal(t.store[2].database, "5");
    assert_true(t.store[0].attached && t.store[1].attached && t.store[2].attached);
    assert_int_equal(t.log.port, 9092);
    assert_string_equal(t.topic, "");

    expect_servers_refused("stores: {pg1: {kind: postgres, address: \"h:1\", schema: \"a b\"}}\n",
                           "a name of a-z");
    expect_servers_refused("stores: {pg1: {kind: postgres, address: \"h:1\", schema: 1a}}\n",
                           "a name of a-z");
    expect_servers_refused("stores: {redis: {kind: redis, address: \"h:1\", schema: a}}\n",
                           "in PostgreSQL only");
    expect_servers_refused("stores: {redis: {kind: redis, address: \"h:1\", database: mine}}\n",
                           "no number");
    expect_servers_refused("stores: {pg1: {kind: postgres, address: \"h:1\"},"
                           " pg2: {kind: postgres, address: \"h:1\", schema: b}}\n",
                           "pg1 and pg2 are one server");
    expect_servers_refused("log: {bootstrap: \"h:1\"}\n", "log");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topology_is_read),
        cmocka_unit_test(servers_that_exist_get_a_place_of_our_own),
        cmocka_unit_test(a_bench_says_that_stores_keep_no_journal),
        cmocka_unit_test(what_is_printed_reads_back),
        cmocka_unit_test(a_link_goes_before_the_targets_own_address),
        cmocka_unit_test(each_wrong_topology_is_refused_with_its_line),
        cmocka_unit_test(more_than_there_is_room_for_is_refused),
        cmocka_unit_test(addresses),
        cmocka_unit_test(addresses_of_sockets),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
