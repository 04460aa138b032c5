/*
 * Folder: approaches
 * Dual writes that are sent again, at a real store: what was lost on the way is done in the end,
 * and done once, whoever sends it; without that setting the same troubles leave their mark.
 */
#include "live_store.h"

#include "approaches/dual.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CALLS 200

struct call {
    bool answered;
    struct reply reply;
    struct txn txn;
};

struct door {
    void *self;
    bool ready;
    struct settings settings;
    struct approach_env env;
};

static struct topology *topology;

static void on_ready(void *arg)
{
    *(bool *)arg = true;
}

static void on_failed(void *arg, const struct errctx *err)
{
    (void)arg;
    fail_msg("%s", err->message);
}

static bool is_true(void *arg)
{
    return *(bool *)arg;
}

static void open_door(struct door *door, unsigned role, const char *retry)
{
    struct errctx err;

    memset(door, 0, sizeof *door);
    settings_init(&door->settings, dual_approach.settings, dual_approach.n_settings);
    assert_int_equal(settings_set(&door->settings, "retry", retry, &err), 0);
    assert_int_equal(settings_set(&door->settings, "versioned", "yes", &err), 0);
    door->env = (struct approach_env){.base = live.base,
                                      .topology = topology,
                                      .role = &topology->role[role],
                                      .settings = &door->settings,
                                      .ready = on_ready,
                                      .failed = on_failed,
                                      .arg = &door->ready};
    assert_int_equal(dual_approach.open(&door->env, &door->self, &err), 0);
    assert_int_equal(loop_until(live.base, is_true, &door->ready, 10 * US_PER_S), 0);
}

static int begin(void **state)
{
    int r = live_empty(state);

    topology = mem_alloc(sizeof *topology);
    topology->n_stores = 1;
    topology->store[0] = live_place();
    topology->n_roles = 2;
    for (unsigned i = 0; i < 2; i++) {
        topology->role[i].kind = ROLE_SERVE;
        (void)snprintf(topology->role[i].name, sizeof topology->role[i].name, "serve%u", i + 1);
    }
    return r;
}

static int end(void **state)
{
    (void)state;
    free(topology);
    return 0;
}

static void on_answer(void *arg, const struct reply *reply)
{
    struct call *call = arg;

    assert_false(call->answered);
    call->answered = true;
    call->reply = *reply;
}

static void submit(struct door *door, struct call *call, const struct txn *txn)
{
    call->answered = false;
    call->txn = *txn;
    dual_approach.submit(door->self, &call->txn, clock_now_us() + 10 * US_PER_S, on_answer, call);
}

static void await(struct call *call)
{
    assert_int_equal(loop_until(live.base, is_true, &call->answered, 15 * US_PER_S), 0);
}

/* To a store that is away, which the door tries to reach for that long. */
static void submit_while_away(struct door *door, struct call *call, const struct txn *txn,
                              int64_t duration_us)
{
    open_door(door, 0, "same-request");
    live_server_kill(&live.server);
    live_await_alive(live.store, false);
    submit(door, call, txn);
    live_turn(duration_us);
}

static void a_store_that_is_away_gets_it_when_it_is_back(void **state)
{
    struct txn txn = live_txn("r1", "incr a 1", NULL);
    struct call *call = mem_alloc(sizeof *call);
    struct door door;

    (void)state;
    submit_while_away(&door, call, &txn, 100 * US_PER_MS);
    assert_false(call->answered);
    live_server_start(&live.server);
    await(call);
    assert_int_equal(call->reply.code, CODE_NONE);
    dual_approach.close(door.self);
    live_await_alive(live.store, true);
    assert_string_equal(live_peek("a"), "1 n=1: 1 r1 0 incr 1");
    free(call);
}

/* Sessions are cut under a stream of increments. Returns how many were not acknowledged. */
static unsigned cut_sessions_under_load(const char *retry)
{
    struct call *call = mem_alloc_array(CALLS, sizeof *call);
    unsigned n_failed = 0;
    struct door door;

    open_door(&door, 0, retry);
    for (unsigned i = 0; i < CALLS; i++) {
        struct txn txn = live_txn("r", "incr a 1", "append b x", NULL);

        (void)snprintf(txn.request, sizeof txn.request, "r%u", i);
        submit(&door, &call[i], &txn);
        if (i % 40 == 39)
            live_kill_sessions("sb1:serve1:dual");
        live_turn(US_PER_MS);
    }
    for (unsigned i = 0; i < CALLS; i++) {
        await(&call[i]);
        n_failed += call[i].reply.code != CODE_NONE;
    }
    dual_approach.close(door.self);
    free(call);
    return n_failed;
}

static void what_was_lost_on_the_way_is_done_once(void **state)
{
    char expected[32];

    (void)state;
    assert_int_equal(cut_sessions_under_load("same-request"), 0);
    (void)snprintf(expected, sizeof expected, "%d n=%d:", CALLS, CALLS);
    assert_memory_equal(live_peek("a"), expected, strlen(expected));
    live_check_folds();
}

static void without_it_the_client_hears_of_each(void **state)
{
    (void)state;
    assert_true(cut_sessions_under_load("none") > 0);
    live_check_folds();
}

static void a_request_through_both_doors_is_done_once(void **state)
{
    struct txn txn = live_txn("r1", "w a v", "r a", NULL);
    struct call *call = mem_alloc_array(2, sizeof *call);
    struct door door[2];
    int64_t version;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        open_door(&door[i], i, "same-request");
        submit(&door[i], &call[i], &txn);
        await(&call[i]);
        assert_int_equal(call[i].reply.code, CODE_NONE);
        assert_int_equal(call[i].reply.has_reads, i == 0); /* the second has read nothing */
    }
    assert_int_equal(sscanf(live_peek("a"), "v n=1: 1 r1 0 w@%" SCNd64 " v", &version), 1);
    assert_int_equal(version % ROLES_MAX, 0); /* by the first door */
    for (unsigned i = 0; i < 2; i++)
        dual_approach.close(door[i].self);
    free(call);
}

static void a_closing_door_answers_what_it_would_send_again(void **state)
{
    struct txn txn = live_txn("r1", "incr a 1", NULL);
    struct call *call = mem_alloc(sizeof *call);
    struct door door;

    (void)state;
    submit_while_away(&door, call, &txn, 30 * US_PER_MS);
    dual_approach.close(door.self);
    assert_true(call->answered);
    assert_int_not_equal(call->reply.code, CODE_NONE);
    live_server_start(&live.server);
    free(call);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_store_that_is_away_gets_it_when_it_is_back),
        CASE(what_was_lost_on_the_way_is_done_once),
        CASE(without_it_the_client_hears_of_each),
        CASE(a_request_through_both_doors_is_done_once),
        CASE(a_closing_door_answers_what_it_would_send_again),
    };

    return live_run_tests(tests, sizeof tests / sizeof tests[0]);
}
