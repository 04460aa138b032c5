/*
 * The load role against front doors with `null` behind them, as processes of their own: who asks
 * which door, what a killed door costs, deadlines, and a history that is complete in every case.
 *
 * Nothing here waits for a time: the test looks at the load's progress, or for its end.
 *
 * Folder: harness
 */
#include "approaches/serve.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/rpc.h"
#include "harness/history/history.h"
#include "harness/workload/load.h"
#include "model/topology.h"
#include "servers/ports.h"

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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_US   (20 * US_PER_S)
#define PATH_SIZE 128

struct place {
    char folder[48];
    char topology[PATH_SIZE];
    char config[PATH_SIZE];
    char history[PATH_SIZE];
    char probes[PATH_SIZE]; /* "": nobody looks for them */
    struct ports *ports;
    uint16_t port[2]; /* of serve1, serve2 */
    pid_t door[2];
    pid_t load;
    struct event_base *base;
    struct rpc_client *control; /* of the load */
    bool finished;
};

/* --- a place to run in --------------------------------------------------------------------- */

/* Held by nobody else, also between a door's death and its next life. */
static uint16_t take_port(struct place *place, const char *name)
{
    struct errctx err = {0};
    uint16_t port = 0;

    if (ports_get(place->ports, name, &port, &err) < 0)
        fail_msg("%s", err.message);
    return port;
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void write_topology(const struct place *place)
{
    struct buf text = {0};

    buf_printf(&text,
               "run: test\n"
               "control: %s\n"
               "stores:\n"
               "  pg1: {kind: postgres, address: \"127.0.0.1:9\", user: u, database: d}\n"
               "  redis: {kind: redis, address: \"127.0.0.1:9\"}\n"
               "roles:\n"
               "  serve1: {kind: serve, address: \"127.0.0.1:%u\"}\n"
               "  serve2: {kind: serve, address: \"127.0.0.1:%u\"}\n"
               "  load: {kind: load}\n",
               place->folder, place->port[0], place->port[1]);
    put(place->topology, buf_str(&text));
    buf_done(&text);
}

static int make_place(void **state)
{
    struct place *place = mem_alloc(sizeof *place);

    (void)strcpy(place->folder, "/tmp/syncbed-load-XXXXXX");
    if (!mkdtemp(place->folder))
        return -1;
    (void)snprintf(place->topology, PATH_SIZE, "%s/topology.yaml", place->folder);
    (void)snprintf(place->config, PATH_SIZE, "%s/config.yaml", place->folder);
    (void)snprintf(place->history, PATH_SIZE, "%s/history.ndjson", place->folder);
    place->ports = ports_new(PORTS_SPACE);
    place->port[0] = take_port(place, "serve1");
    place->port[1] = take_port(place, "serve2");
    place->base = loop_new();
    write_topology(place);
    *state = place;
    return 0;
}

static void end_child(pid_t *pid, int signal, int expected_status)
{
    int status;

    if (*pid == 0)
        return;
    assert_int_equal(kill(*pid, signal), 0);
    assert_int_equal(waitpid(*pid, &status, 0), *pid);
    if (signal == SIGTERM && (!WIFEXITED(status) || WEXITSTATUS(status) != expected_status))
        fail_msg("a role ended with %d", status);
    *pid = 0;
}

static int remove_place(void **state)
{
    static const char *const files[] = {"topology.yaml",
                                        "config.yaml",
                                        "history.ndjson",
                                        "probes.ndjson",
                                        "serve1.exposure.ndjson",
                                        "serve2.exposure.ndjson",
                                        "load.exposure.ndjson",
                                        "serve1.sock",
                                        "serve2.sock",
                                        "load.sock"};
    struct place *place = *state;

    rpc_client_free(place->control);
    end_child(&place->load, SIGTERM, 0);
    end_child(&place->door[0], SIGTERM, 0);
    end_child(&place->door[1], SIGTERM, 0);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[PATH_SIZE];

        (void)snprintf(path, sizeof path, "%s/%s", place->folder, files[i]);
        (void)unlink(path); /* not every test makes every file */
    }
    event_base_free(place->base);
    ports_free(place->ports);
    int r = rmdir(place->folder);

    free(place);
    return r;
}

/* --- roles --------------------------------------------------------------------------------- */

/* Start `run` as a process; returns when it has said that it is ready. */
static pid_t start_role(const struct place *place, int (*run)(const struct place *, const char *),
                        const char *name)
{
    int fds[2];
    char line[128] = "";

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)close(fds[0]);
        (void)close(fds[1]);
        _exit(run(place, name));
    }
    assert_int_equal(close(fds[1]), 0);
    ssize_t n = read(fds[0], line, sizeof line - 1); /* the child's end closes if it fails */

    assert_int_equal(close(fds[0]), 0);
    if (n <= 0 || strncmp(line, "{\"ready\":true,", 14) != 0)
        fail_msg("%s is not ready: \"%s\"", name, line);
    return pid;
}

static int run_door(const struct place *place, const char *name)
{
    const struct serve_options options = {
        .topology = place->topology, .name = name, .approach = "null"};

    return serve_main(&options);
}

static int run_load(const struct place *place, const char *name)
{
    const struct load_options options = {.topology = place->topology,
                                         .name = name,
                                         .config = place->config,
                                         .history = place->history,
                                         .probes = place->probes[0] ? place->probes : NULL};

    return load_main(&options);
}

static void start_door(struct place *place, unsigned i)
{
    place->door[i] = start_role(place, run_door, i == 0 ? "serve1" : "serve2");
}

static void on_event(void *arg, json_t *event)
{
    struct place *place = arg;

    assert_string_equal(json_string_value(json_object_get(event, "event")), "finished");
    place->finished = true;
}

/* Start the load, and the plan at once. */
static void start_load(struct place *place, const char *workload)
{
    const struct rpc_client_handlers handlers = {.event = on_event, .arg = place};
    struct buf config = {0};
    char path[PATH_SIZE];
    struct errctx err = {0};

    buf_printf(&config, "seed: 1\nworkload: {name: fanout, keys: 50, %s}\n", workload);
    put(place->config, buf_str(&config));
    buf_done(&config);
    place->load = start_role(place, run_load, "load");
    (void)snprintf(path, sizeof path, "%s/load.sock", place->folder);
    if (rpc_connect(place->base, path, &handlers, &place->control, &err) < 0 ||
        rpc_call(place->control, "start", json_pack("{s:I}", "at_us", (json_int_t)clock_now_us()),
                 WAIT_US, NULL, &err) < 0)
        fail_msg("%s", err.message);
}

static int64_t progress(struct place *place, const char *what)
{
    struct errctx err = {0};
    json_t *reply;

    if (rpc_call(place->control, "progress", NULL, WAIT_US, &reply, &err) < 0)
        fail_msg("%s", err.message);
    int64_t n = json_integer_value(json_object_get(reply, what));

    json_decref(reply);
    return n;
}

static void wait_until_invoked(struct place *place, int64_t n)
{
    int64_t until = clock_now_us() + WAIT_US;

    while (progress(place, "invoked") < n)
        assert_true(clock_now_us() < until);
}

static bool has_finished(void *arg)
{
    const struct place *place = arg;

    return place->finished;
}

static struct history finished_history(struct place *place)
{
    struct history history;
    struct errctx err = {0};

    assert_int_equal(loop_until(place->base, has_finished, place, WAIT_US), 0);
    if (history_read(place->history, &history, &err) < 0)
        fail_msg("%s", err.message);
    return history;
}

static size_t count(const struct history *history, enum history_end end)
{
    size_t n = 0;

    for (size_t i = 0; i < history->n; i++)
        n += history->op[i].end == end;
    return n;
}

/* --- tests --------------------------------------------------------------------------------- */

static void every_client_asks_its_own_door(void **state)
{
    struct place *place = *state;

    start_door(place, 0);
    start_door(place, 1);
    start_load(place, "rate_per_s: 2000, duration_s: 0.5, clients: 4, pairs: 0.2");
    struct history history = finished_history(place);

    assert_int_equal(progress(place, "planned"), history.n);
    assert_int_equal(progress(place, "acknowledged"), history.n);
    assert_int_equal(count(&history, HISTORY_OK), history.n);
    for (size_t i = 0; i < history.n; i++) {
        const struct history_op *op = &history.op[i];
        char request[REQUEST_ID_SIZE];

        (void)snprintf(request, sizeof request, "c%zu-%zu", i % 4, i);
        assert_string_equal(op->txn->request, request);
        assert_string_equal(op->server, i % 2 == 0 ? "serve1" : "serve2");
        assert_true(op->invoked_us >= op->planned_us);
        assert_int_equal(op->txn->n_ops, 2);
    }
    history_done(&history);
}

/* Did an even client's operation go to `server` within [from, n)? */
static bool even_client_at(const struct history *history, size_t from, const char *server)
{
    for (size_t i = from; i < history->n; i++) {
        if (i % 2 == 0 && strcmp(history->op[i].server, server) == 0)
            return true;
    }
    return false;
}

static void a_killed_door_loses_only_what_was_sent_to_it(void **state)
{
    struct place *place = *state;

    start_door(place, 0);
    start_door(place, 1);
    /* Most of it is the time that a door may take to be back: seconds, on a loaded machine. */
    start_load(place, "rate_per_s: 2000, duration_s: 3, clients: 4");
    wait_until_invoked(place, 600);
    end_child(&place->door[0], SIGKILL, 0);
    wait_until_invoked(place, 1400);
    start_door(place, 0);
    struct history history = finished_history(place);
    size_t n_info = count(&history, HISTORY_INFO);

    assert_int_equal(progress(place, "planned"), history.n);
    assert_int_equal(progress(place, "invoked"), history.n);
    assert_int_equal(count(&history, HISTORY_OK) + n_info, history.n);
    assert_int_equal(count(&history, HISTORY_FAIL), 0);
    for (size_t i = 0; i < history.n; i++) {
        if (history.op[i].end == HISTORY_INFO)
            assert_string_equal(history.op[i].server, "serve1");
        if (i % 2 == 1)
            assert_string_equal(history.op[i].server, "serve2");
    }
    assert_true(even_client_at(&history, 0, "serve2"));              /* went on there … */
    assert_true(even_client_at(&history, history.n - 50, "serve1")); /* … and came back */
    history_done(&history);
}

static void without_a_door_operations_fail_at_their_deadline(void **state)
{
    struct place *place = *state;

    start_load(place, "rate_per_s: 200, duration_s: 0.2, clients: 4, deadline_ms: 100");
    struct history history = finished_history(place);

    assert_int_equal(count(&history, HISTORY_FAIL), history.n);
    for (size_t i = 0; i < history.n; i++) {
        assert_int_equal(history.op[i].code, CODE_UNAVAILABLE);
        assert_string_equal(history.op[i].server, "");
        assert_true(history.op[i].ended_us - history.op[i].planned_us >= 100 * US_PER_MS);
    }
    history_done(&history);
}

/* A socket that accepts and says nothing. */
static int open_silent_door(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 64), 0);
    return fd;
}

static void what_is_sent_and_not_answered_is_unknown(void **state)
{
    struct place *place = *state;
    int silent = open_silent_door(place->port[0]);

    start_door(place, 1);
    start_load(place, "rate_per_s: 200, duration_s: 0.2, clients: 2, deadline_ms: 100");
    struct history history = finished_history(place);

    for (size_t i = 0; i < history.n; i++) {
        const struct history_op *op = &history.op[i];

        assert_int_equal(op->end, i % 2 == 0 ? HISTORY_INFO : HISTORY_OK);
        if (i % 2 == 0)
            assert_int_equal(op->code, CODE_TIMEOUT);
    }
    history_done(&history);
    assert_int_equal(close(silent), 0);
}

/* --- closed loop --------------------------------------------------------------------------- */

static void in_a_closed_loop_a_client_waits_for_its_answer(void **state)
{
    struct place *place = *state;
    int64_t ended_us[4] = {0};

    start_door(place, 0);
    start_door(place, 1);
    start_load(place, "arrivals: closed, think_ms: 5, duration_s: 0.5, clients: 4");
    struct history history = finished_history(place);

    assert_int_equal(progress(place, "planned"), history.n);
    assert_int_equal(count(&history, HISTORY_OK), history.n);
    assert_true(history.n > 4 && history.n <= 4 * 100);
    for (size_t i = 0; i < history.n; i++) {
        const struct history_op *op = &history.op[i];

        if (ended_us[op->client] > 0)
            assert_true(op->planned_us >= ended_us[op->client] + 5 * US_PER_MS);
        assert_true(i == 0 || op->planned_us >= op[-1].planned_us);
        ended_us[op->client] = op->ended_us;
    }
    history_done(&history);
}

/* --- retries ------------------------------------------------------------------------------- */

static void what_a_killed_door_lost_is_sent_again_at_the_other(void **state)
{
    struct place *place = *state;
    size_t n_retried = 0;

    start_door(place, 0);
    start_door(place, 1);
    start_load(place, "rate_per_s: 2000, duration_s: 2, clients: 4, retries: 2");
    wait_until_invoked(place, 600);
    assert_int_equal(kill(place->door[0], SIGSTOP), 0); /* so that it has something to lose */
    wait_until_invoked(place, progress(place, "invoked") + 100);
    end_child(&place->door[0], SIGKILL, 0);
    struct history history = finished_history(place);

    assert_int_equal(count(&history, HISTORY_OK), history.n);
    for (size_t i = 0; i < history.n; i++) {
        const struct history_op *op = &history.op[i];

        if (!op->retry)
            continue;
        n_retried++;
        assert_string_equal(op->server, "serve1");
        assert_string_equal(op->retry->server, "serve2");
        assert_true(op->retry->at_us >= op->invoked_us && op->retry->at_us <= op->ended_us);
    }
    assert_true(n_retried > 0);
    history_done(&history);
}

/* The next connection at a silent door; its first line's id. */
static int take_request(int door, int *ret_id)
{
    char line[4096] = "";
    int fd = accept(door, NULL, NULL);

    assert_true(fd >= 0);
    assert_true(read(fd, line, sizeof line - 1) > 0);
    assert_int_equal(sscanf(line, "{\"id\":%d,", ret_id), 1);
    return fd;
}

/* The first sending may have happened, whatever became of the second. */
static void a_refusal_of_the_second_sending_leaves_it_unknown(void **state)
{
    static const char refusal[] =
        "{\"id\":0,\"ok\":false,\"code\":\"conflict\",\"definite\":true}\n";
    struct place *place = *state;
    int first = open_silent_door(place->port[0]);
    int second = open_silent_door(place->port[1]);
    int id = -1;

    start_load(place, "arrivals: constant, rate_per_s: 1, duration_s: 0.9, clients: 1, retries: 1");
    assert_int_equal(close(take_request(first, &id)), 0);
    int fd = take_request(second, &id);

    assert_int_equal(id, 0);
    assert_int_equal(write(fd, refusal, strlen(refusal)), (ssize_t)strlen(refusal));
    struct history history = finished_history(place);

    assert_int_equal(history.n, 1);
    assert_int_equal(history.op[0].end, HISTORY_INFO);
    assert_int_equal(history.op[0].code, CODE_UNKNOWN);
    assert_string_equal(history.op[0].retry->server, "serve2");
    history_done(&history);
    assert_int_equal(close(fd) + close(first) + close(second), 0);
}

/* Answers to something else: reads in other places, and a status. */
static void an_answer_to_something_else_is_none(void **state)
{
    static const char *const answers[] = {
        "\"level\":\"everywhere\",\"txn\":[[\"w\",\"pg1\",\"user:1\",\"x\"],"
        "[\"r\",\"redis\",\"user:1\",null,0]]}\n",
        "\"level\":\"everywhere\",\"txn\":[[\"r\",\"redis\",\"user:1\",null,0]]}\n",
        "\"outcome\":\"committed\"}\n",
        "\"level\":\"everywhere\",\"txn\":[[\"r\",\"pg1\",\"user:1\",null,0],"
        "[\"r\",\"redis\",\"user:1\",null,0]]}\n"};
    const size_t n = sizeof answers / sizeof answers[0];
    struct place *place = *state;
    int door = open_silent_door(place->port[0]), id = -1, fd;

    start_load(place, "arrivals: constant, rate_per_s: 4, duration_s: 1, clients: 1, "
                      "read_share: 1, reads: transactional");
    fd = take_request(door, &id);
    for (size_t i = 0; i < n; i++) {
        char line[256];
        int size = snprintf(line, sizeof line, "{\"id\":%d,\"ok\":true,%s", id, answers[i]);

        assert_int_equal(write(fd, line, (size_t)size), size);
        id++;
        assert_true(i + 1 == n || read(fd, line, sizeof line) > 0);
    }
    struct history history = finished_history(place);

    assert_int_equal(history.n, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(history.op[i].end, i + 1 == n ? HISTORY_OK : HISTORY_INFO);
    history_done(&history);
    assert_int_equal(close(fd) + close(door), 0);
}

static void a_load_that_is_ended_early_leaves_a_complete_history(void **state)
{
    struct place *place = *state;
    struct history history;
    struct errctx err = {0};
    int silent = open_silent_door(place->port[0]);

    start_door(place, 1);
    start_load(place, "rate_per_s: 500, duration_s: 60, clients: 2");
    wait_until_invoked(place, 50);
    rpc_client_free(place->control);
    place->control = NULL;
    end_child(&place->load, SIGTERM, 0);
    if (history_read(place->history, &history, &err) < 0)
        fail_msg("%s", err.message);
    assert_true(history.n >= 50);
    for (size_t i = 0; i < history.n; i += 2)
        assert_int_equal(history.op[i].end, HISTORY_OPEN);
    history_done(&history);
    assert_int_equal(close(silent), 0);
}

static unsigned count_lines(const char *path, const char *with)
{
    FILE *file = fopen(path, "r");
    char line[256];
    unsigned n = 0;

    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        n += strstr(line, with) != NULL;
    assert_int_equal(fclose(file), 0);
    return n;
}

/* No store answers: nothing is ever seen or missed, and the load ends all the same. */
static void probes_that_are_never_seen_hold_nothing_up(void **state)
{
    struct place *place = *state;
    unsigned n = 0;
    char end[48];

    (void)snprintf(place->probes, PATH_SIZE, "%s/probes.ndjson", place->folder);
    start_door(place, 0);
    start_door(place, 1);
    start_load(place, "rate_per_s: 1000, duration_s: 0.5, clients: 4, probe_share: 0.02");
    struct history history = finished_history(place);

    for (size_t i = 0; i < history.n; i++)
        n += history.op[i].probe;
    history_done(&history);
    assert_true(n > 0 && n < 64);
    rpc_client_free(place->control);
    place->control = NULL;
    end_child(&place->load, SIGTERM, 0);
    (void)snprintf(end, sizeof end, "{\"t\":\"end\",\"lines\":%u}", 2 * n);
    assert_int_equal(count_lines(place->probes, "\"unseen\":null,\"seen\":null}"), 2 * n);
    assert_int_equal(count_lines(place->probes, end), 1);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        IN_PLACE(every_client_asks_its_own_door),
        IN_PLACE(a_killed_door_loses_only_what_was_sent_to_it),
        IN_PLACE(without_a_door_operations_fail_at_their_deadline),
        IN_PLACE(what_is_sent_and_not_answered_is_unknown),
        IN_PLACE(in_a_closed_loop_a_client_waits_for_its_answer),
        IN_PLACE(what_a_killed_door_lost_is_sent_again_at_the_other),
        IN_PLACE(a_refusal_of_the_second_sending_leaves_it_unknown),
        IN_PLACE(an_answer_to_something_else_is_none),
        IN_PLACE(probes_that_are_never_seen_hold_nothing_up),
        IN_PLACE(a_load_that_is_ended_early_leaves_a_complete_history),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
