/*
 * The front door on a real socket: well-behaved clients, and all the others.
 *
 * Door and client run in one process and one thread: the loop is turned until what a test waits for
 * is there, or a deadline has passed. `null` stands behind it, or `held`, which answers when it is
 * told to.
 *
 * Folder: approaches
 */
#include "approaches/door.h"

#include "approaches/null.h"
#include "base/clock.h"
#include "base/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_US    (10 * US_PER_S)
#define STALL_US   (50 * US_PER_MS)
#define HELD_MAX   4096
#define WRITE      "[[\"w\",\"pg1\",\"k\",\"v\"]]"
#define REQUEST(n) "{\"id\":" #n ",\"request\":\"c1-" #n "\",\"txn\":" WRITE "}\n"
#define OK(n)      "{\"id\":" #n ",\"ok\":true,\"level\":\"none\"}\n"

/* --- an approach that answers when it is told to ------------------------------------------- */

static struct {
    unsigned n;
    struct {
        approach_done done;
        void *arg;
    } call[HELD_MAX];
} held;

static int held_open(const struct approach_env *env, void **ret_self, struct errctx *err)
{
    (void)err;
    held.n = 0;
    *ret_self = &held;
    env->ready(env->arg);
    return 0;
}

static void held_submit(void *self, const struct txn *txn, int64_t deadline_us, approach_done done,
                        void *arg)
{
    (void)self;
    (void)txn;
    (void)deadline_us;
    assert_true(held.n < HELD_MAX);
    held.call[held.n].done = done;
    held.call[held.n++].arg = arg;
}

static void held_status(void *self, const char *request, approach_done done, void *arg)
{
    (void)request;
    held_submit(self, NULL, 0, done, arg);
}

static unsigned held_in_flight(const void *self)
{
    (void)self;
    return held.n;
}

static void held_close(void *self)
{
    (void)self;
}

static void release_all(const struct reply *reply)
{
    unsigned n = held.n;

    held.n = 0;
    for (unsigned i = 0; i < n; i++)
        held.call[i].done(held.call[i].arg, reply);
}

static const struct approach held_approach = {
    .name = "held",
    .ops = UINT32_C(1) << OP_WRITE | UINT32_C(1) << OP_READ,
    .open = held_open,
    .submit = held_submit,
    .status = held_status,
    .in_flight = held_in_flight,
    .close = held_close,
};

/* --- one door, its clients ----------------------------------------------------------------- */

static struct topology topology = {.n_stores = 1, .store = {{.name = "pg1"}}};
static struct topology_role role = {
    .name = "serve1", .kind = ROLE_SERVE, .address = {.host = "127.0.0.1"}};
static struct settings settings;
static struct event_base *base;
static struct door *door;
static uint16_t door_port;

static void on_ready(void *arg, uint16_t port)
{
    (void)arg;
    door_port = port;
}

static void on_failed(void *arg, const struct errctx *err)
{
    (void)arg;
    fail_msg("%s", err->message);
}

static int try_to_open(const struct approach *approach, const char *token, struct errctx *err)
{
    base = loop_new();
    const struct door_options options = {.base = base,
                                         .topology = &topology,
                                         .role = &role,
                                         .approach = approach,
                                         .settings = &settings,
                                         .token = token,
                                         .stall_us = STALL_US,
                                         .ready = on_ready,
                                         .failed = on_failed};

    return door_open(&options, &door, err);
}

static void open_door(const struct approach *approach)
{
    struct errctx err = {0};

    if (try_to_open(approach, NULL, &err) < 0)
        fail_msg("%s", err.message);
}

static int open_null(void **state)
{
    (void)state;
    open_door(&null_approach);
    return 0;
}

static int open_held(void **state)
{
    (void)state;
    open_door(&held_approach);
    return 0;
}

static int close_door(void **state)
{
    (void)state;
    door_free(door);
    event_base_free(base);
    return 0;
}

static int connect_client(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(door_port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int small = 4096;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small); /* a stall comes sooner */
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void turn(void)
{
    assert_true(event_base_loop(base, EVLOOP_NONBLOCK) >= 0);
}

static int64_t counter(const char *name)
{
    json_t *counters = json_object();

    door_counters(door, counters);
    int64_t value = json_integer_value(json_object_get(counters, name));

    json_decref(counters);
    return value;
}

static void wait_for_counter(const char *name, int64_t value)
{
    int64_t until = clock_now_us() + WAIT_US;

    while (counter(name) != value) {
        turn();
        if (clock_now_us() > until)
            fail_msg("%s is %lld, not %lld", name, (long long)counter(name), (long long)value);
    }
}

/* All of it, however little the door takes at a time. */
static void say(int fd, const char *text, size_t size)
{
    int64_t until = clock_now_us() + WAIT_US;

    while (size > 0) {
        ssize_t n = send(fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0) {
            text += n;
            size -= (size_t)n;
        }
        turn();
        assert_true(clock_now_us() < until);
    }
}

static void say_text(int fd, const char *text)
{
    say(fd, text, strlen(text));
}

/* Until `n_lines` are there, or the door has closed; false then. */
static bool hear(int fd, struct buf *heard, unsigned n_lines)
{
    int64_t until = clock_now_us() + WAIT_US;
    unsigned n = 0;

    while (n < n_lines) {
        char data[4096];
        ssize_t size = recv(fd, data, sizeof data, MSG_DONTWAIT);

        if (size == 0 || (size < 0 && errno == ECONNRESET))
            return false;
        if (size < 0) {
            turn();
            assert_true(clock_now_us() < until);
            continue;
        }
        buf_append(heard, data, (size_t)size);
        for (ssize_t i = 0; i < size; i++)
            n += data[i] == '\n';
    }
    return true;
}

/* The next line is exactly this. */
static void expect(int fd, const char *line)
{
    struct buf heard = {0};

    assert_true(hear(fd, &heard, 1));
    assert_string_equal(buf_str(&heard), line);
    buf_done(&heard);
}

static void expect_closed(int fd)
{
    struct buf heard = {0};

    assert_false(hear(fd, &heard, 1));
    assert_string_equal(buf_str(&heard), "");
    buf_done(&heard);
}

/* --- well-behaved clients ------------------------------------------------------------------ */

static void a_request_is_answered(void **state)
{
    int fd = connect_client();

    (void)state;
    say_text(fd, REQUEST(17));
    expect(fd, OK(17));
    assert_int_equal(close(fd), 0);
    wait_for_counter("connections", 0);
}

static void a_status_request_is_answered(void **state)
{
    int fd = connect_client();

    (void)state;
    say_text(fd, "{\"id\":19,\"status\":\"c3-17\"}\n");
    expect(fd, "{\"id\":19,\"ok\":true,\"outcome\":\"unknown\"}\n");
    assert_int_equal(close(fd), 0);
}

static void a_request_may_come_in_pieces(void **state)
{
    static const char text[] = REQUEST(17);
    int fd = connect_client();

    (void)state;
    for (size_t i = 0; i < sizeof text - 1; i++)
        say(fd, &text[i], 1);
    expect(fd, OK(17));
    assert_int_equal(close(fd), 0);
}

static void a_thousand_requests_in_flight_get_one_reply_each(void **state)
{
    struct buf requests = {0};
    struct buf heard = {0};
    bool seen[1000] = {false};
    int fd = connect_client();
    const char *at;

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        buf_printf(&requests, "{\"id\":%u,\"request\":\"c1-%u\",\"txn\":" WRITE "}\n", i, i);
    say(fd, requests.data, requests.size);
    assert_true(hear(fd, &heard, 1000));
    at = buf_str(&heard);
    for (unsigned i = 0; i < 1000; i++) {
        unsigned id = (unsigned)strtoul(at + strlen("{\"id\":"), NULL, 10);

        assert_true(id < 1000);
        assert_false(seen[id]);
        seen[id] = true;
        at = strchr(at, '\n') + 1;
    }
    assert_int_equal(*at, '\0');
    buf_done(&requests);
    buf_done(&heard);
    assert_int_equal(close(fd), 0);
}

static void replies_come_in_any_order(void **state)
{
    const struct reply ok = {.level = LEVEL_NONE};
    int fd = connect_client();

    (void)state;
    say_text(fd, REQUEST(1) REQUEST(2));
    wait_for_counter("in_flight", 2);
    held.call[1].done(held.call[1].arg, &ok);
    expect(fd, OK(2));
    held.call[0].done(held.call[0].arg, &ok);
    expect(fd, OK(1));
    held.n = 0;
    assert_int_equal(close(fd), 0);
}

static void a_client_that_has_finished_sending_still_gets_its_replies(void **state)
{
    const struct reply ok = {.level = LEVEL_NONE};
    int fd = connect_client();

    (void)state;
    say_text(fd, REQUEST(1));
    wait_for_counter("in_flight", 1);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    for (unsigned i = 0; i < 10; i++)
        turn();
    release_all(&ok);
    expect(fd, OK(1));
    expect_closed(fd);
    assert_int_equal(close(fd), 0);
}

/* --- the others ---------------------------------------------------------------------------- */

static void a_malformed_line_gets_an_error_and_the_connection_lives(void **state)
{
    struct buf heard = {0};
    int fd = connect_client();

    (void)state;
    say_text(fd, "hello\n" REQUEST(1));
    assert_true(hear(fd, &heard, 2));
    assert_non_null(strstr(buf_str(&heard),
                           "{\"id\":null,\"ok\":false,\"code\":\"bad-request\",\"definite\":true"));
    assert_non_null(strstr(buf_str(&heard), OK(1)));
    assert_int_equal(counter("malformed"), 1);
    buf_done(&heard);
    assert_int_equal(close(fd), 0);
}

static void an_error_carries_the_id_if_it_could_be_read(void **state)
{
    struct buf heard = {0};
    int fd = connect_client();

    (void)state;
    say_text(fd, "{\"id\":7,\"request\":\"c1-7\",\"txn\":[[\"erase\",\"pg1\",\"k\",null]]}\n");
    assert_true(hear(fd, &heard, 1));
    assert_non_null(strstr(buf_str(&heard), "{\"id\":7,\"ok\":false,\"code\":\"bad-request\""));
    buf_done(&heard);
    assert_int_equal(close(fd), 0);
}

static void an_oversized_line_gets_an_error_and_ends_the_connection(void **state)
{
    static char line[PROTOCOL_LINE_MAX + 4096];
    struct buf heard = {0};
    int fd = connect_client();

    (void)state;
    memset(line, 'x', sizeof line);
    say(fd, line, sizeof line);
    assert_true(hear(fd, &heard, 1));
    assert_string_equal(buf_str(&heard),
                        "{\"id\":null,\"ok\":false,\"code\":\"bad-request\",\"definite\":true,"
                        "\"detail\":\"a line is at most 64 KiB\"}\n");
    expect_closed(fd);
    buf_done(&heard);
    assert_int_equal(close(fd), 0);
    wait_for_counter("connections", 0);
}

#define TOKEN    "0123456789abcdef"
#define HELLO(t) "{\"token\":\"" t "\"}\n"
#define WELCOME  "{\"id\":null,\"ok\":true,\"level\":\"none\"}\n"

static int open_with_token(void **state)
{
    struct errctx err = {0};

    (void)state;
    (void)strcpy(role.address.host, "0.0.0.0");
    if (try_to_open(&null_approach, TOKEN, &err) < 0)
        fail_msg("%s", err.message);
    return 0;
}

static int close_with_token(void **state)
{
    (void)strcpy(role.address.host, "127.0.0.1");
    return close_door(state);
}

static void a_door_that_others_can_come_to_takes_a_token(void **state)
{
    struct errctx err = {0};

    (void)state;
    (void)strcpy(role.address.host, "0.0.0.0");
    assert_int_equal(try_to_open(&null_approach, NULL, &err), -EACCES);
    assert_non_null(strstr(err.message, "--token-file"));
    (void)strcpy(role.address.host, "127.0.0.1");
    event_base_free(base);
}

static void who_says_the_token_first_is_served(void **state)
{
    int fd = connect_client();

    (void)state;
    say_text(fd, HELLO(TOKEN));
    expect(fd, WELCOME);
    say_text(fd, REQUEST(1));
    expect(fd, OK(1));
    assert_int_equal(close(fd), 0);
}

static void who_does_not_is_refused_and_sent_away(void **state)
{
    static const char *const first[] = {
        REQUEST(1),       HELLO("0123456789abcdeF"), HELLO("0123456789abcde"),
        HELLO(TOKEN "0"), "{\"token\":17}\n",        "\n",
    };
    struct buf heard = {0};

    (void)state;
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        int fd = connect_client();

        say_text(fd, first[i]);
        say_text(fd, HELLO(TOKEN) REQUEST(2)); /* too late */
        assert_true(hear(fd, &heard, 1));
        assert_non_null(strstr(buf_str(&heard), "\"code\":\"refused\""));
        expect_closed(fd);
        buf_done(&heard);
        assert_int_equal(close(fd), 0);
    }
}

static void unknown_stores_and_unsupported_operations_are_refused(void **state)
{
    int fd = connect_client();

    (void)state;
    say_text(fd, "{\"id\":1,\"request\":\"a\",\"txn\":[[\"w\",\"pg9\",\"k\",\"v\"]]}\n");
    expect(fd, "{\"id\":1,\"ok\":false,\"code\":\"bad-request\",\"definite\":true,"
               "\"detail\":\"no such store\"}\n");
    say_text(fd, "{\"id\":2,\"request\":\"a\",\"txn\":[[\"incr\",\"pg1\",\"k\",1]]}\n");
    expect(fd, "{\"id\":2,\"ok\":false,\"code\":\"unsupported\",\"definite\":true,"
               "\"detail\":\"this approach has no such operation\"}\n");
    assert_int_equal(held.n, 0);
    assert_int_equal(close(fd), 0);
}

static void more_in_flight_than_a_connection_may_have_is_refused(void **state)
{
    const struct reply ok = {.level = LEVEL_NONE};
    struct buf requests = {0};
    int fd = connect_client();

    (void)state;
    for (unsigned i = 0; i <= DOOR_CONN_IN_FLIGHT_MAX; i++)
        buf_printf(&requests, "{\"id\":%u,\"request\":\"c1-%u\",\"txn\":" WRITE "}\n", i, i);
    say(fd, requests.data, requests.size);
    expect(fd, "{\"id\":2048,\"ok\":false,\"code\":\"refused\",\"definite\":true,"
               "\"detail\":\"too many requests in flight\"}\n");
    release_all(&ok);
    buf_done(&requests);
    assert_int_equal(close(fd), 0);
}

static void a_reply_whose_client_has_vanished_is_dropped(void **state)
{
    const struct reply ok = {.level = LEVEL_NONE};
    const struct linger reset = {.l_onoff = 1};
    int fd = connect_client();

    (void)state;
    say_text(fd, REQUEST(1));
    wait_for_counter("in_flight", 1);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    assert_int_equal(close(fd), 0);
    wait_for_counter("connections", 0);
    release_all(&ok);
    assert_int_equal(counter("dropped"), 1);
    assert_int_equal(counter("in_flight"), 0);
}

/* It sends and never reads: the door stops reading from it, and cuts it off when it stalls. */
static void a_client_that_does_not_read_is_cut_off(void **state)
{
    int64_t until = clock_now_us() + WAIT_US;
    int fd = connect_client();

    (void)state;
    while (counter("cut_off") == 0) {
        (void)send(fd, REQUEST(1), strlen(REQUEST(1)), MSG_DONTWAIT | MSG_NOSIGNAL);
        turn();
        assert_true(clock_now_us() < until);
    }
    assert_int_equal(counter("connections"), 0);
    assert_int_equal(close(fd), 0);
}

static void a_client_owed_too_much_output_is_cut_off_at_once(void **state)
{
    struct reply large = {.has_reads = true};
    int fd = connect_client();
    int64_t n = 0;

    (void)state;
    memset(large.read[0].value, 'x', VALUE_SIZE - 1);
    large.read[0].found = true;
    for (; n * (VALUE_SIZE - 1) < 8 * 1024 * 1024 && n < DOOR_CONN_IN_FLIGHT_MAX; n++)
        say_text(fd, "{\"id\":1,\"request\":\"a\",\"txn\":[[\"r\",\"pg1\",\"k\",null],"
                     "[\"r\",\"pg1\",\"k\",null],[\"r\",\"pg1\",\"k\",null]]}\n");
    large.read[1] = large.read[2] = large.read[0];
    wait_for_counter("in_flight", n);
    release_all(&large);
    wait_for_counter("cut_off", 1);
    assert_int_equal(close(fd), 0);
}

/* --- draining ------------------------------------------------------------------------------ */

static void on_drained(void *arg)
{
    *(bool *)arg = true;
}

static void draining_refuses_what_is_new_and_waits_for_the_rest(void **state)
{
    const struct reply ok = {.level = LEVEL_NONE};
    bool drained = false;
    int64_t until = clock_now_us() + WAIT_US;
    int fd = connect_client();

    (void)state;
    say_text(fd, REQUEST(1));
    wait_for_counter("in_flight", 1);
    door_drain(door, on_drained, &drained);
    say_text(fd, REQUEST(2));
    expect(fd, "{\"id\":2,\"ok\":false,\"code\":\"refused\",\"definite\":true,"
               "\"detail\":\"draining\"}\n");
    assert_false(drained);
    release_all(&ok);
    while (!drained) {
        turn();
        assert_true(clock_now_us() < until);
    }
    expect(fd, OK(1));
    assert_int_equal(close(fd), 0);
}

int main(void)
{
#define WITH_NULL(test)  cmocka_unit_test_setup_teardown(test, open_null, close_door)
#define WITH_TOKEN(test) cmocka_unit_test_setup_teardown(test, open_with_token, close_with_token)
#define WITH_HELD(test)  cmocka_unit_test_setup_teardown(test, open_held, close_door)
    const struct CMUnitTest tests[] = {
        WITH_NULL(a_request_is_answered),
        WITH_NULL(a_status_request_is_answered),
        WITH_NULL(a_request_may_come_in_pieces),
        WITH_NULL(a_thousand_requests_in_flight_get_one_reply_each),
        WITH_HELD(replies_come_in_any_order),
        WITH_HELD(a_client_that_has_finished_sending_still_gets_its_replies),
        WITH_NULL(a_malformed_line_gets_an_error_and_the_connection_lives),
        WITH_NULL(an_error_carries_the_id_if_it_could_be_read),
        WITH_NULL(an_oversized_line_gets_an_error_and_ends_the_connection),
        cmocka_unit_test(a_door_that_others_can_come_to_takes_a_token),
        WITH_TOKEN(who_says_the_token_first_is_served),
        WITH_TOKEN(who_does_not_is_refused_and_sent_away),
        WITH_HELD(unknown_stores_and_unsupported_operations_are_refused),
        WITH_HELD(more_in_flight_than_a_connection_may_have_is_refused),
        WITH_HELD(a_reply_whose_client_has_vanished_is_dropped),
        WITH_NULL(a_client_that_does_not_read_is_cut_off),
        WITH_HELD(a_client_owed_too_much_output_is_cut_off_at_once),
        WITH_HELD(draining_refuses_what_is_new_and_waits_for_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
