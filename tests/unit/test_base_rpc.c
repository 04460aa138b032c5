/*
 * Unit tests of rpc.h: requests, events, and every way in which the other side can fail us. Both
 * ends run on one event loop, except where the peer has to die.
 * Folder: base
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/rpc.h"
#include "base/rpc_line.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_US (20 * US_PER_S)

struct fixture {
    struct event_base *base;
    char folder[64];
    char path[4096];
    struct rpc_server *server;
    struct rpc_client *client;
    struct rpc_call *kept; /* a request that is not answered yet */
    unsigned n_requests;
    unsigned n_gone;
    unsigned n_left;
    unsigned n_events;
    unsigned n_closed;
    unsigned n_null_replies;
};

static void on_request(void *arg, struct rpc_call *call, const char *cmd, json_t *request)
{
    struct fixture *f = arg;

    f->n_requests++;
    if (strcmp(cmd, "keep") == 0)
        f->kept = call;
    else if (strcmp(cmd, "echo") == 0)
        rpc_reply_ok(call, json_pack("{s:O}", "said", json_object_get(request, "say")));
    else if (strcmp(cmd, "flood") == 0)
        rpc_event(f->server,
                  json_pack("{s:s, s:o}", "event", "flood", "text",
                            json_string(json_string_value(json_object_get(request, "text")))));
    else
        rpc_reply_error(call, "no such command: %s", cmd);
}

static void on_gone(void *arg, unsigned n_left)
{
    struct fixture *f = arg;

    f->n_gone++;
    f->n_left = n_left;
}

static void on_client_event(void *arg, json_t *event)
{
    struct fixture *f = arg;

    assert_non_null(json_object_get(event, "event"));
    f->n_events++;
}

static void on_closed(void *arg)
{
    struct fixture *f = arg;

    f->n_closed++;
}

static void on_reply(void *arg, json_t *reply)
{
    struct fixture *f = arg;

    f->n_null_replies += reply == NULL;
}

static void on_reply_free(void *arg, json_t *reply)
{
    struct fixture *f = arg;

    (void)reply;
    rpc_client_free(f->client);
    f->client = NULL;
}

/* Conditions to wait for. */
static bool has_kept(void *arg)
{
    const struct fixture *f = arg;

    return f->kept != NULL;
}

static bool is_closed(void *arg)
{
    const struct fixture *f = arg;

    return f->n_closed > 0;
}

static bool has_event(void *arg)
{
    const struct fixture *f = arg;

    return f->n_events > 0;
}

static bool has_gone(void *arg)
{
    const struct fixture *f = arg;

    return f->n_gone > 0;
}

static bool has_no_client(void *arg)
{
    const struct fixture *f = arg;

    return f->client == NULL;
}

static void wait_for(struct fixture *f, bool (*condition)(void *arg))
{
    assert_int_equal(loop_until(f->base, condition, f, PATIENCE_US), 0);
}

static void listen_here(struct fixture *f)
{
    struct rpc_handlers handlers = {.request = on_request, .gone = on_gone, .arg = f};
    struct errctx err;

    assert_int_equal(rpc_listen(f->base, f->path, &handlers, &f->server, &err), 0);
}

static void connect_here(struct fixture *f)
{
    struct rpc_client_handlers handlers = {.event = on_client_event, .closed = on_closed, .arg = f};
    struct errctx err;

    assert_int_equal(rpc_connect(f->base, f->path, &handlers, &f->client, &err), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->base = loop_new();
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/syncbed-test-rpc-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->path, sizeof f->path, "%s/control.sock", f->folder);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    rpc_client_free(f->client);
    rpc_server_free(f->server);
    event_base_free(f->base);
    assert_int_equal(rmdir(f->folder), 0); /* nothing of ours is left in it */
    free(f);
    return 0;
}

static void answers_a_request(void **state)
{
    struct fixture *f = *state;
    struct errctx err;
    json_t *reply;

    listen_here(f);
    connect_here(f);
    assert_int_equal(
        rpc_call(f->client, "echo", json_pack("{s:s}", "say", "hello"), PATIENCE_US, &reply, &err),
        0);
    assert_string_equal(json_string_value(json_object_get(reply, "said")), "hello");
    assert_true(json_is_true(json_object_get(reply, "ok")));
    json_decref(reply);
    assert_int_equal(
        rpc_call(f->client, "echo", json_pack("{s:i}", "say", 3), PATIENCE_US, NULL, &err), 0);
}

static void passes_the_other_sides_error_on(void **state)
{
    struct fixture *f = *state;
    struct errctx err;

    listen_here(f);
    connect_here(f);
    assert_int_equal(rpc_call(f->client, "ech", NULL, PATIENCE_US, NULL, &err), -EREMOTEIO);
    assert_string_equal(err.message, "no such command: ech");
}

static void gives_up_at_the_deadline_and_ignores_the_late_reply(void **state)
{
    struct fixture *f = *state;
    struct errctx err;

    listen_here(f);
    connect_here(f);
    assert_int_equal(rpc_call(f->client, "keep", NULL, 20 * US_PER_MS, NULL, &err), -ETIMEDOUT);
    wait_for(f, has_kept);
    rpc_reply_ok(f->kept, NULL);
    assert_int_equal(
        rpc_call(f->client, "echo", json_pack("{s:i}", "say", 3), PATIENCE_US, NULL, &err), 0);
}

static void an_interruption_ends_a_call(void **state)
{
    struct fixture *f = *state;
    struct errctx err;

    listen_here(f);
    connect_here(f);
    loop_interrupt(f->base);
    assert_int_equal(rpc_call(f->client, "keep", NULL, PATIENCE_US, NULL, &err), -EINTR);
    loop_resume(f->base);
}

static void events_go_to_every_connection(void **state)
{
    struct fixture *f = *state;
    struct rpc_client *first;

    listen_here(f);
    connect_here(f);
    first = f->client;
    connect_here(f);
    rpc_send(f->client, "keep", NULL, on_reply, f);
    wait_for(f, has_kept);
    rpc_event(f->server, json_pack("{s:s}", "event", "exited"));
    wait_for(f, has_event);
    f->n_events--;
    wait_for(f, has_event);
    rpc_client_free(first);
    wait_for(f, has_gone);
    assert_int_equal(f->n_left, 1);
}

static void a_server_that_ends_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct errctx err;

    listen_here(f);
    connect_here(f);
    rpc_send(f->client, "keep", NULL, on_reply, f);
    wait_for(f, has_kept);
    rpc_server_free(f->server); /* drops the open call */
    f->server = NULL;
    wait_for(f, is_closed);
    assert_int_equal(f->n_null_replies, 1);
    rpc_send(f->client, "echo", NULL, on_reply, f);
    assert_int_equal(f->n_null_replies, 1); /* never from inside */
    assert_int_equal(rpc_call(f->client, "echo", NULL, PATIENCE_US, NULL, &err), -ECONNRESET);
    assert_int_equal(f->n_null_replies, 2);
}

static void a_client_that_ends_leaves_its_call_to_be_answered(void **state)
{
    struct fixture *f = *state;

    listen_here(f);
    connect_here(f);
    rpc_send(f->client, "keep", NULL, on_reply, f);
    wait_for(f, has_kept);
    rpc_client_free(f->client);
    f->client = NULL;
    assert_int_equal(f->n_null_replies, 1);
    wait_for(f, has_gone);
    rpc_reply_ok(f->kept, json_pack("{s:i}", "late", 1)); /* to nobody */
}

static void a_client_may_be_freed_in_its_own_callback(void **state)
{
    struct fixture *f = *state;

    listen_here(f);
    connect_here(f);
    rpc_send(f->client, "nonsense", NULL, on_reply_free, f);
    rpc_send(f->client, "nonsense", NULL, on_reply, f);
    wait_for(f, has_no_client);
    assert_int_equal(f->n_null_replies, 1);
}

static void a_peer_killed_in_the_middle_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct errctx err;
    int ready[2], status;
    pid_t child;
    char byte;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    child = fork();
    if (child == 0) {
        f->base = loop_new(); /* not the parent's epoll descriptor */
        listen_here(f);
        if (write(ready[1], "", 1) != 1 || loop_until(f->base, has_kept, f, PATIENCE_US) < 0)
            _exit(1);
        (void)kill(getpid(), SIGKILL);
    }
    assert_true(child > 0);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    connect_here(f);
    assert_int_equal(rpc_call(f->client, "keep", NULL, PATIENCE_US, NULL, &err), -ECONNRESET);
    assert_int_equal(f->n_closed, 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    (void)close(ready[0]);
    (void)close(ready[1]);

    rpc_client_free(f->client); /* the dead server's socket is still there: refused, not lost */
    f->client = NULL;
    assert_int_equal(
        rpc_connect(f->base, f->path, &(struct rpc_client_handlers){0}, &f->client, &err),
        -ECONNREFUSED);
    listen_here(f); /* and replaced by its successor */
    connect_here(f);
    assert_int_equal(
        rpc_call(f->client, "echo", json_pack("{s:i}", "say", 1), PATIENCE_US, NULL, &err), 0);
}

static void nobody_there_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct rpc_client_handlers handlers = {0};
    struct errctx err;

    assert_int_equal(rpc_connect(f->base, f->path, &handlers, &f->client, &err), -ENOENT);
    (void)snprintf(f->path, sizeof f->path, "%s/nowhere/x.sock", f->folder);
    assert_int_equal(rpc_connect(f->base, f->path, &handlers, &f->client, &err), -ENOENT);
}

static void a_path_longer_than_sun_path_works(void **state)
{
    struct fixture *f = *state;
    char deep[300];
    struct errctx err;
    struct stat st;

    (void)snprintf(deep, sizeof deep, "%s/%0200d", f->folder, 0);
    assert_int_equal(mkdir(deep, 0700), 0);
    (void)snprintf(f->path, sizeof f->path, "%s/control.sock", deep);
    listen_here(f);
    connect_here(f);
    assert_int_equal(
        rpc_call(f->client, "echo", json_pack("{s:i}", "say", 1), PATIENCE_US, NULL, &err), 0);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    rpc_server_free(f->server);
    f->server = NULL;
    assert_int_equal(rmdir(deep), 0);
}

static void a_name_too_long_or_a_file_in_the_way_is_refused(void **state)
{
    struct fixture *f = *state;
    struct rpc_handlers handlers = {.request = on_request, .arg = f};
    struct errctx err;
    int fd;

    (void)snprintf(f->path, sizeof f->path, "%s/%0120d", f->folder, 0);
    assert_int_equal(rpc_listen(f->base, f->path, &handlers, &f->server, &err), -ENAMETOOLONG);
    (void)snprintf(f->path, sizeof f->path, "%s/file", f->folder);
    fd = open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(rpc_listen(f->base, f->path, &handlers, &f->server, &err), -EADDRINUSE);
    assert_int_equal(unlink(f->path), 0);
}

/* A connection that speaks no rpc; returns its descriptor. */
static int connect_raw(const struct fixture *f)
{
    struct rpc_path path;
    struct errctx err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(rpc_path_open(&path, f->path, &err), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&path.address, sizeof path.address), 0);
    rpc_path_done(&path);
    return fd;
}

static void a_malformed_line_closes_the_connection(void **state)
{
    static const char *const lines[] = {
        "hello\n",
        "[1]\n",
        "{}\n",
        "{\"id\":\"1\",\"cmd\":\"echo\"}\n",
        "{\"id\":1,\"cmd\":2}\n",
        "{\"id\":1,\"id\":2,\"cmd\":\"echo\"}\n",
        "{\"id\":1,\"cmd\":\"x\"",
    };
    struct fixture *f = *state;

    listen_here(f);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        size_t size = strlen(lines[i]);
        int fd = connect_raw(f);

        assert_int_equal(write(fd, lines[i], size), (ssize_t)size);
        if (lines[i][size - 1] != '\n') /* half a line, then the end */
            (void)shutdown(fd, SHUT_WR);
        f->n_gone = 0;
        wait_for(f, has_gone);
        (void)close(fd);
    }
    assert_int_equal(f->n_requests, 0);
}

static void a_line_without_end_closes_the_connection(void **state)
{
    struct fixture *f = *state;
    char block[4096];
    int fd;

    memset(block, ' ', sizeof block);
    listen_here(f);
    fd = connect_raw(f);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    for (int i = 0; i < 4 * RPC_LINE_MAX / (int)sizeof block && !f->n_gone; i++) {
        if (send(fd, block, sizeof block, MSG_NOSIGNAL) < 0)
            assert_int_equal(loop_for(f->base, US_PER_MS), 0);
    }
    wait_for(f, has_gone);
    (void)close(fd);
}

static void a_peer_that_does_not_read_is_cut_off(void **state)
{
    struct fixture *f = *state;
    struct buf text = {0};
    int fd;

    listen_here(f);
    fd = connect_raw(f);
    for (int i = 0; i < 900000; i++)
        buf_append_char(&text, 'x');
    connect_here(f); /* this one reads */
    rpc_send(f->client, "flood", json_pack("{s:s}", "text", buf_str(&text)), NULL, NULL);
    wait_for(f, has_event);
    for (int i = 0; i < 2 * RPC_OUTPUT_MAX / 900000 && !f->n_gone; i++) {
        f->n_events = 0;
        rpc_send(f->client, "flood", json_pack("{s:s}", "text", buf_str(&text)), NULL, NULL);
        wait_for(f, has_event);
    }
    wait_for(f, has_gone);
    assert_int_equal(f->n_left, 1);
    (void)close(fd);
    buf_done(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_a_request),
        TEST(passes_the_other_sides_error_on),
        TEST(gives_up_at_the_deadline_and_ignores_the_late_reply),
        TEST(an_interruption_ends_a_call),
        TEST(events_go_to_every_connection),
        TEST(a_server_that_ends_is_noticed),
        TEST(a_client_that_ends_leaves_its_call_to_be_answered),
        TEST(a_client_may_be_freed_in_its_own_callback),
        TEST(a_peer_killed_in_the_middle_is_noticed),
        TEST(nobody_there_is_an_error),
        TEST(a_path_longer_than_sun_path_works),
        TEST(a_name_too_long_or_a_file_in_the_way_is_refused),
        TEST(a_malformed_line_closes_the_connection),
        TEST(a_line_without_end_closes_the_connection),
        TEST(a_peer_that_does_not_read_is_cut_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
