/*
 * Unit tests of what a log can carry (Folder: approaches), and of deadlines while there is no log.
 * The rest of the approach is glue between the door and the log client, and is tested live
 * (approaches_under_kill.sh).
 */
#include "approaches/log.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "model/address.h"
#include "model/envelope.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h> /* own block: must follow the three above, and clang-format sorts in blocks */

#define PARTITIONS 4

static struct op *add(struct txn *txn, enum op_kind kind, const char *key)
{
    struct op *op = &txn->op[txn->n_ops++];

    op->kind = kind;
    (void)snprintf(op->store, sizeof op->store, "pg1");
    (void)snprintf(op->key, sizeof op->key, "%s", key);
    return op;
}

/* A key that is not in the partition of `other`. */
static void elsewhere(const char *other, char ret_key[KEY_SIZE])
{
    unsigned i = 0;

    do
        (void)snprintf(ret_key, KEY_SIZE, "k%u", i++);
    while (envelope_partition(ret_key, PARTITIONS) == envelope_partition(other, PARTITIONS));
}

static void expect_unsupported(const struct txn *txn)
{
    const char *why = NULL;

    assert_int_equal(log_partition(txn, PARTITIONS, &why), -ENOTSUP);
    assert_non_null(why);
}

static void goes_to_the_partition_of_its_first_key(void **state)
{
    struct txn txn = {0};
    const char *why;

    (void)state;
    add(&txn, OP_WRITE, "user:42");
    add(&txn, OP_APPEND, "user:42");
    assert_int_equal(log_partition(&txn, PARTITIONS, &why),
                     envelope_partition("user:42", PARTITIONS));
}

static void refuses_what_a_store_might_refuse(void **state)
{
    struct txn read = {0}, insert = {0}, bounded = {0};

    (void)state;
    add(&read, OP_READ, "a");
    expect_unsupported(&read);
    add(&insert, OP_INSERT, "a");
    expect_unsupported(&insert);
    add(&bounded, OP_INCR, "a")->has_min = true;
    expect_unsupported(&bounded);
}

static void crosses_partitions_only_with_what_commutes(void **state)
{
    struct txn writes = {0}, increments = {0}, mixed = {0};
    char other[KEY_SIZE];
    const char *why;

    (void)state;
    elsewhere("a", other);
    add(&writes, OP_WRITE, "a");
    add(&writes, OP_WRITE, other);
    expect_unsupported(&writes);
    add(&increments, OP_INCR, "a");
    add(&increments, OP_INCR, other);
    assert_int_equal(log_partition(&increments, PARTITIONS, &why),
                     envelope_partition("a", PARTITIONS));
    add(&mixed, OP_INCR, "a");
    add(&mixed, OP_INCR, other);
    add(&mixed, OP_WRITE, "a");
    expect_unsupported(&mixed);
}

/* --- a door whose log is away ---------------------------------------------------------------- */

struct call {
    bool answered;
    enum code code;
    int64_t late_us; /* answered so long after its deadline */
    int64_t deadline_us;
    struct txn txn;
};

static void on_ready(void *arg)
{
    *(bool *)arg = true;
}

static void on_failed(void *arg, const struct errctx *err)
{
    (void)arg;
    fail_msg("%s", err->message);
}

static void on_answer(void *arg, const struct reply *reply)
{
    struct call *call = arg;

    assert_false(call->answered);
    call->answered = true;
    call->code = reply->code;
    call->late_us = clock_now_us() - call->deadline_us;
}

static bool answered(void *arg)
{
    return ((const struct call *)arg)->answered;
}

static void submit(void *door, struct call *call, const char *request, int64_t in_us)
{
    (void)snprintf(call->txn.request, sizeof call->txn.request, "%s", request);
    add(&call->txn, OP_WRITE, "a");
    call->deadline_us = clock_now_us() + in_us;
    log_approach.submit(door, &call->txn, call->deadline_us, on_answer, call);
}

/* A port that is ours and refuses connections. */
static int refusing_port(uint16_t *ret_port)
{
    struct sockaddr_in address = address_loopback(0);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/*
 * One record is out to find the log, and nobody can call that back. All others keep their
 * deadlines, short ones and long ones: `unavailable`, and not before its time.
 */
static void keeps_each_deadline_while_the_log_is_away(void **state)
{
    struct topology *topology = mem_alloc(sizeof *topology);
    struct call *call = mem_alloc_array(4, sizeof *call);
    struct topology_role role = {.kind = ROLE_SERVE, .name = "serve1"};
    bool ready = false;
    struct approach_env env = {
        .topology = topology, .role = &role, .ready = on_ready, .failed = on_failed, .arg = &ready};
    struct errctx err;
    void *door;
    int fd;

    (void)state;
    (void)snprintf(topology->topic, sizeof topology->topic, "t");
    (void)snprintf(topology->log.host, sizeof topology->log.host, "127.0.0.1");
    topology->n_partitions = PARTITIONS;
    fd = refusing_port(&topology->log.port);
    env.base = loop_new();
    assert_int_equal(log_approach.open(&env, &door, &err), 0);
    assert_true(ready);
    submit(door, &call[0], "r0", 200 * US_PER_MS);
    assert_int_equal(loop_until(env.base, answered, &call[0], 5 * US_PER_S), 0);
    assert_int_equal(call[0].code, CODE_TIMEOUT);
    submit(door, &call[1], "r1", 700 * US_PER_MS);
    submit(door, &call[2], "r2", 50 * US_PER_MS);
    submit(door, &call[3], "r3", 300 * US_PER_MS);
    for (unsigned i = 1; i < 4; i++) {
        assert_int_equal(loop_until(env.base, answered, &call[i], 5 * US_PER_S), 0);
        assert_int_equal(call[i].code, CODE_UNAVAILABLE);
        assert_true(call[i].late_us >= 0);
    }
    log_approach.close(door);
    event_base_free(env.base);
    free(call);
    free(topology);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_to_the_partition_of_its_first_key),
        cmocka_unit_test(refuses_what_a_store_might_refuse),
        cmocka_unit_test(crosses_partitions_only_with_what_commutes),
        cmocka_unit_test(keeps_each_deadline_while_the_log_is_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
