/*
 * Ports: kept by name, never shared between keepers, free when given out, given back.
 *
 * Folder: servers
 */
#include "servers/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char space[64];

static int name_space(void **state)
{
    (void)state;
    (void)snprintf(space, sizeof space, "syncbed-test-ports-%ld", (long)getpid());
    return 0;
}

static uint16_t get(struct ports *ports, const char *name)
{
    struct errctx err = {0};
    uint16_t port = 0;

    if (ports_get(ports, name, &port, &err) < 0)
        fail_msg("%s: %s", name, err.message);
    return port;
}

static void a_name_keeps_its_port(void **state)
{
    struct ports *ports = ports_new(space);
    uint16_t first = get(ports, "pg1");

    (void)state;
    assert_true(first >= 24000);
    assert_true(first < 32768);
    assert_int_not_equal(get(ports, "pg2"), first);
    assert_int_equal(get(ports, "pg1") / PORTS_BLOCK, first / PORTS_BLOCK); /* the same block */
    ports_free(ports);
}

static void two_keepers_share_no_port(void **state)
{
    struct ports *a = ports_new(space), *b = ports_new(space);
    uint16_t of_a[3 * PORTS_BLOCK / 2];
    char name[16];

    (void)state;
    for (unsigned i = 0; i < sizeof of_a / sizeof of_a[0]; i++) {
        (void)snprintf(name, sizeof name, "role%u", i);
        of_a[i] = get(a, name);
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(of_a[i], of_a[j]);
        assert_int_not_equal(of_a[i], get(b, "pg1"));
    }
    ports_free(a);
    ports_free(b);
}

/* The first port behind `port` that can be listened at, and is. */
static int listen_behind(uint16_t port, uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    do {
        address.sin_port = htons(++port);
    } while (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0);
    *ret_port = port;
    return fd;
}

static void a_port_that_somebody_listens_at_is_passed_over(void **state)
{
    struct ports *ports = ports_new(space);
    uint16_t taken;
    int fd = listen_behind(get(ports, "pg1"), &taken);
    char name[16];

    (void)state;
    for (unsigned i = 0; i < PORTS_BLOCK; i++) {
        (void)snprintf(name, sizeof name, "role%u", i);
        assert_int_not_equal(get(ports, name), taken);
    }
    (void)close(fd);
    ports_free(ports);
}

static void the_ports_of_one_that_ended_are_free(void **state)
{
    struct ports *ports = ports_new(space);
    uint16_t first = get(ports, "pg1");

    (void)state;
    ports_free(ports);
    ports = ports_new(space);
    assert_int_equal(get(ports, "pg1"), first);
    ports_free(ports);
}

static void the_ports_of_a_killed_one_are_free(void **state)
{
    struct ports *ports;
    uint16_t first;
    int pipes[2];
    pid_t child;

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        first = get(ports_new(space), "pg1");
        if (write(pipes[1], &first, sizeof first) != sizeof first)
            _exit(1);
        (void)raise(SIGKILL);
    }
    assert_int_equal(read(pipes[0], &first, sizeof first), sizeof first);
    assert_int_equal(waitpid(child, NULL, 0), child);
    ports = ports_new(space);
    assert_int_equal(get(ports, "pg1"), first);
    ports_free(ports);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_keeps_its_port),
        cmocka_unit_test(two_keepers_share_no_port),
        cmocka_unit_test(a_port_that_somebody_listens_at_is_passed_over),
        cmocka_unit_test(the_ports_of_one_that_ended_are_free),
        cmocka_unit_test(the_ports_of_a_killed_one_are_free),
    };

    return cmocka_run_group_tests(tests, name_space, NULL);
}
