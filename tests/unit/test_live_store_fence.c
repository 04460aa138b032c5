/*
 * Folder: stores
 * A store whose fence was raised further by a later incarnation, on real servers of every kind that
 * can take part in two-phase commit: it does not come back once its sessions are ended.
 */
#include "live_store.h"

#include "base/clock.h"
#include "base/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum store_status fence_by(struct store *store, int64_t epoch)
{
    struct answer answer = {0};

    store_fence(store, "serve1", epoch, live_deadline(), answer_done, &answer);
    return live_await(&answer);
}

static void count(void *arg)
{
    ++*(unsigned *)arg;
}

static bool is_one(void *arg)
{
    return *(const unsigned *)arg == 1;
}

/* What a coordinator does that was paused while a later incarnation of it began. */
static void who_is_overtaken_does_not_come_back(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct txn next = live_txn("r2", "w b v2", NULL);
    struct store *old = live_open("sb1:serve1:3", 4, 0);
    struct store *new = live_open("sb1:serve1:4", 4, 0);
    unsigned n_overtaken = 0;
    struct answer answer = {0};

    (void)state;
    store_on_overtaken(old, count, &n_overtaken);
    assert_int_equal(fence_by(old, 30), STORE_OK);
    assert_int_equal(live_execute(old, &txn), STORE_OK);
    assert_int_equal(fence_by(new, 40), STORE_OK);
    assert_int_equal(live_end_sessions(new, "sb1:serve1:"), STORE_OK);
    live_await_alive(old, false);
    assert_int_equal(loop_until(live.base, is_one, &n_overtaken, LIVE_DEADLINE_US), 0);
    live_turn(6 * STORE_RECONNECT_US); /* every session of it has tried several times */
    assert_false(store_alive(old));
    assert_int_equal(n_overtaken, 1);
    store_execute(old, &next, clock_now_us() + 2 * STORE_RECONNECT_US, answer_done, &answer);
    assert_int_equal(live_await(&answer), STORE_UNAVAILABLE);
    assert_non_null(strstr(answer.reply.detail, "fenced"));
    assert_string_equal(live_peek("b"), "none");
    assert_int_equal(live_execute(new, &next), STORE_OK);
    store_free(old);
    store_free(new);
}

static void who_is_not_overtaken_comes_back(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct txn next = live_txn("r2", "w a v2", NULL);
    struct store *store = live_open("sb1:serve1:4", 1, 0); /* so that it is once not alive */
    unsigned n_overtaken = 0;

    (void)state;
    store_on_overtaken(store, count, &n_overtaken);
    assert_int_equal(fence_by(store, 40), STORE_OK);
    assert_int_equal(live_fence("serve2", 90), STORE_OK); /* somebody else's */
    live_kill_sessions("sb1:serve1:4");
    live_await_alive(store, false);
    live_await_alive(store, true);
    assert_int_equal(live_execute(store, &txn), STORE_OK);
    live_drop_fences();
    live_kill_sessions("sb1:serve1:4");
    live_await_alive(store, false);
    live_await_alive(store, true);
    assert_int_equal(live_execute(store, &next), STORE_OK);
    assert_int_equal(n_overtaken, 0);
    store_free(store);
}

#define CASE(f) cmocka_unit_test_setup(f, live_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(who_is_overtaken_does_not_come_back),
        CASE(who_is_not_overtaken_comes_back),
    };

    return live_run_tests(tests, sizeof tests / sizeof tests[0]);
}
