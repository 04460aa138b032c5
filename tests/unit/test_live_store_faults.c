/*
 * Folder: stores
 * Stores whose sessions are cut, whose server is paused, killed and started again, at the moments
 * at which a participant in two-phase commit must not conclude anything wrong.
 */
#include "live_store.h"

#include "base/clock.h"
#include "base/loop.h"
#include "stores/driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GID "sb1:t:1:1:r1"

/* As if our side of the connection had broken: what was sent may still arrive. */
static void cut_busy_sessions(struct store *store)
{
    for (unsigned i = 0; i < store->n_sessions; i++) {
        if (store->session[i]->state == SESSION_READY && store->session[i]->job)
            session_lost(store->session[i], "cut by the test");
    }
}

static void cut_all_sessions(struct store *store)
{
    for (unsigned i = 0; i < store->n_sessions; i++) {
        if (store->session[i]->state == SESSION_READY)
            session_lost(store->session[i], "cut by the test");
    }
}

/* --- lost sessions --------------------------------------------------------------------------- */

static void a_session_ended_while_begin_waits_leaves_it_unknown(void **state)
{
    struct store *victim = live_open("victim:1", 2, 5 * US_PER_S);
    struct txn one = live_txn("r1", "w a v1", NULL);
    struct txn two = live_txn("r2", "w a v2", NULL);
    struct answer answer;
    struct answer lost = {0};
    struct store_branch *holder = live_begin(live.store, &one, GID, STORE_UNTIL_PREPARED, &answer);
    struct store_branch *branch = store_branch_begin(
        victim, &two, "sb1:t:1:2:r2", STORE_UNTIL_PREPARED, live_deadline(), answer_done, &lost);
    unsigned waiters;

    (void)state;
    do
        assert_string_equal(live_in_doubt("", &waiters), GID);
    while (waiters == 0);
    live_kill_sessions("victim:1");
    assert_int_equal(live_await(&lost), STORE_UNKNOWN);
    assert_true(live_nothing_left(live_insist(branch, store_branch_rollback)));
    assert_int_equal(live_branch(holder, store_branch_commit), STORE_OK);
    assert_string_equal(live_in_doubt("", NULL), "");
    assert_string_equal(live_peek("a"), "v1 n=1: 1 r1 0 w v1");
    store_branch_free(branch);
    store_branch_free(holder);
    store_free(victim);
}

static void a_prepared_branch_commits_over_another_session(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct answer answer;
    struct store_branch *branch = live_begin(live.store, &txn, GID, STORE_UNTIL_PREPARED, &answer);

    (void)state;
    cut_all_sessions(live.store);
    assert_int_equal(live_insist(branch, store_branch_commit), STORE_OK);
    assert_string_equal(live_peek("a"), "v1 n=1: 1 r1 0 w v1");
    store_branch_free(branch);
}

/* The answer to commit is lost: asking again finds it done, or does it. */
static void a_commit_without_an_answer_can_be_asked_again(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct answer answer;
    struct answer lost = {0};
    struct store_branch *branch = live_begin(live.store, &txn, GID, STORE_UNTIL_PREPARED, &answer);
    enum store_status again;

    (void)state;
    store_branch_commit(branch, answer_done, &lost);
    cut_busy_sessions(live.store);
    assert_int_equal(live_await(&lost), STORE_UNKNOWN);
    again = live_insist(branch, store_branch_commit);
    assert_true(again == STORE_OK || again == STORE_NOTA);
    assert_string_equal(live_peek("a"), "v1 n=1: 1 r1 0 w v1");
    store_branch_free(branch);
}

/* --- pauses ---------------------------------------------------------------------------------- */

static void nothing_is_concluded_from_a_paused_store(void **state)
{
    struct store *one = live_open("one:1", 1, 0);
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct txn after = live_txn("r2", "w a v2", NULL);
    struct answer begun = {0};
    struct answer rolled = {0};
    struct store_branch *branch;

    (void)state;
    live_server_pause(&live.server);
    branch = store_branch_begin(one, &txn, GID, STORE_UNTIL_PREPARED,
                                clock_now_us() + 20 * US_PER_MS, answer_done, &begun);
    assert_int_equal(live_await(&begun), STORE_UNKNOWN);
    store_branch_rollback(branch, answer_done, &rolled);
    live_turn(100 * US_PER_MS);
    assert_int_equal(rolled.n, 0);
    live_server_continue(&live.server);
    assert_int_equal(live_await(&rolled), STORE_OK);
    assert_string_equal(live_in_doubt("", NULL), "");
    store_branch_free(branch);
    assert_int_equal(live_execute(one, &after), STORE_OK); /* the session is used again */
    assert_string_equal(live_peek("a"), "v2 n=1: 1 r2 0 w v2");
    store_free(one);
}

/* P6 of the crash points: a PREPARE that arrives after its rollback was decided. */
static void a_late_prepare_leaves_no_orphan(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", NULL);

    for (unsigned round = 0; round < 25; round++) {
        struct answer begun = {0};
        struct answer rolled = {0};
        struct store_branch *branch;

        live_server_pause(&live.server);
        branch = store_branch_begin(live.store, &txn, GID, STORE_UNTIL_PREPARED, live_deadline(),
                                    answer_done, &begun);
        live_turn(2 * US_PER_MS); /* hiredis writes from the loop */
        cut_busy_sessions(live.store);
        assert_int_equal(live_await(&begun), STORE_UNKNOWN);
        store_branch_rollback(branch, answer_done, &rolled);
        live_turn(5 * US_PER_MS);
        assert_int_equal(rolled.n, 0);
        live_server_continue(&live.server);
        if (live_await(&rolled) != STORE_OK)
            assert_true(live_nothing_left(live_insist(branch, store_branch_rollback)));
        store_branch_free(branch);
        live_turn(20 * US_PER_MS); /* were anything to come late, it came now */
        assert_string_equal(live_in_doubt("", NULL), "");
        assert_string_equal(live_peek("a"), "none");
        assert_int_equal(live_empty(state), 0); /* forgets the tombstone, too */
    }
}

static void list_and_end_of_sessions_wait_for_a_paused_store(void **state)
{
    struct answer ended = {0};
    struct store *old = live_open("old:1", 2, 0);

    (void)state;
    live_server_pause(&live.server);
    store_end_sessions(live.store, "old:", clock_now_us() + 30 * US_PER_MS, answer_done, &ended);
    assert_int_equal(live_await(&ended), STORE_UNKNOWN);
    live_server_continue(&live.server);
    assert_int_equal(live_end_sessions(live.store, "old:"), STORE_OK);
    store_free(old);
}

/* --- kills ----------------------------------------------------------------------------------- */

static void prepared_branches_outlive_a_kill(void **state)
{
    struct txn one = live_txn("r1", "w a v1", NULL);
    struct txn two = live_txn("r2", "w b v1", NULL);
    struct txn blocked = live_txn("r3", "w a v3", NULL);
    struct answer answer;
    struct store_branch *first = live_begin(live.store, &one, GID, STORE_UNTIL_PREPARED, &answer);
    struct store_branch *second =
        live_begin(live.store, &two, "sb1:t:1:2:r2", STORE_UNTIL_PREPARED, &answer);

    (void)state;
    live_server_kill(&live.server);
    live_await_alive(live.store, false);
    assert_int_equal(live_branch(first, store_branch_commit), STORE_UNAVAILABLE);
    live_server_start(&live.server);
    live_await_alive(live.store, true);
    assert_string_equal(live_in_doubt("", NULL), GID " sb1:t:1:2:r2");
    assert_int_equal(live_execute(live.store, &blocked), STORE_CONFLICT);
    assert_int_equal(live_insist(first, store_branch_commit), STORE_OK);
    assert_true(live_nothing_left(live_insist(second, store_branch_rollback)));
    assert_int_equal(live_execute(live.store, &blocked), STORE_OK);
    assert_string_equal(live_peek("a"), "v3 n=2: 1 r1 0 w v1; 2 r3 0 w v3");
    assert_string_equal(live_peek("b"), "none");
    store_branch_free(first);
    store_branch_free(second);
}

/* An executed branch is gone with the server (PostgreSQL) or still listed (Redis), never kept. */
static void an_executed_branch_can_be_rolled_back_after_a_kill(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct txn next = live_txn("r2", "w a v2", NULL);
    struct answer answer;
    struct store_branch *branch = live_begin(live.store, &txn, GID, STORE_UNTIL_EXECUTED, &answer);

    (void)state;
    live_server_kill(&live.server);
    live_await_alive(live.store, false);
    live_server_start(&live.server);
    live_await_alive(live.store, true);
    assert_string_equal(live_in_doubt("", NULL), live_is_redis() ? GID : "");
    assert_true(live_nothing_left(live_insist(branch, store_branch_rollback)));
    assert_int_equal(live_execute(live.store, &next), STORE_OK);
    store_branch_free(branch);
}

/* Killed while commits are under way: each is there wholly or not at all, as its answer says. */
static void commits_under_a_kill_keep_their_answers(void **state)
{
    enum { N = 40 };
    struct txn txn[N];
    struct answer answer[N] = {{0}};
    unsigned n_unknown = 0;

    (void)state;
    for (unsigned i = 0; i < N; i++) {
        char a[32];
        char b[32];

        (void)snprintf(a, sizeof a, "w a%u v", i);
        (void)snprintf(b, sizeof b, "w b%u v", i);
        txn[i] = live_txn("r", a, b, NULL);
        store_execute(live.store, &txn[i], live_deadline(), answer_done, &answer[i]);
    }
    (void)live_await(&answer[3]);
    live_server_kill(&live.server);
    live_server_start(&live.server);
    for (unsigned i = 0; i < N; i++) {
        enum store_status status = live_await(&answer[i]);
        bool there;

        there = strcmp(live_peek(txn[i].op[0].key), "v n=1: 1 r 0 w v") == 0;
        assert_int_equal(there, strcmp(live_peek(txn[i].op[1].key), "v n=1: 1 r 1 w v") == 0);
        assert_true(status == STORE_OK || status == STORE_UNKNOWN);
        assert_true(there || status == STORE_UNKNOWN);
        n_unknown += status == STORE_UNKNOWN;
    }
    print_message("%u of %u unknown\n", n_unknown, (unsigned)N);
}

/* --- closing --------------------------------------------------------------------------------- */

static void closing_a_store_answers_what_is_outstanding(void **state)
{
    struct store *store = live_open("closed:1", 1, 0);
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct answer sent = {0};
    struct answer queued = {0};

    (void)state;
    live_server_pause(&live.server);
    store_execute(store, &txn, live_deadline(), answer_done, &sent);
    store_execute(store, &txn, live_deadline(), answer_done, &queued);
    store_free(store);
    assert_int_equal(live_await(&sent), STORE_UNKNOWN);
    assert_int_equal(live_await(&queued), STORE_UNAVAILABLE);
}

static void liveness_is_told(void **state)
{
    (void)state;
    live_server_kill(&live.server);
    live_await_alive(live.store, false);
    live_server_start(&live.server);
    live_await_alive(live.store, true);
}

/* --- a store that refuses to prepare ---------------------------------------------------------- */

/* A no, after which nothing is sent: rolling that gid back would roll back the other branch. */
static void a_gid_in_use_is_refused_and_its_owner_left_alone(void **state)
{
    struct txn one = live_txn("r1", "w a v1", NULL);
    struct txn two = live_txn("r2", "w b v2", NULL);
    struct answer answer;
    struct store_branch *owner =
        live_begin(live.store, &one, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &answer);
    struct store_branch *other =
        live_begin(live.store, &two, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &answer);

    (void)state;
    assert_int_equal(answer.reply.status, STORE_CONFLICT);
    store_branch_free(other);
    assert_string_equal(live_in_doubt("", NULL), "sb1:t:1:1:r1");
    assert_int_equal(live_branch(owner, store_branch_commit), STORE_OK);
    store_branch_free(owner);
    assert_string_equal(live_peek("a"), "v1 n=1: 1 r1 0 w v1");
    assert_string_equal(live_peek("b"), "none");
    assert_int_equal(live_execute(live.store, &two), STORE_OK); /* it holds no lock */
}

/* PostgreSQL has max_prepared_transactions of them, and nobody else has a limit. */
static void prepared_slots_that_are_used_up_are_a_no(void **state)
{
    struct txn txn = live_txn("r", "append a x", NULL);
    struct answer answer = {0};
    char gid[GID_SIZE], first[GID_SIZE] = "";
    unsigned n = 0;

    (void)state;
    if (live_place().kind != STORE_POSTGRES)
        return;
    do {
        struct store_branch *branch;

        (void)snprintf(txn.op[0].key, sizeof txn.op[0].key, "k%u", n);
        (void)snprintf(gid, sizeof gid, "sb1:t:1:%u:r", n);
        if (n == 0)
            memcpy(first, gid, sizeof first);
        branch = live_begin(live.store, &txn, gid, STORE_UNTIL_PREPARED, &answer);
        store_branch_free(branch);
    } while (answer.reply.status == STORE_OK && ++n < 1000);
    assert_int_equal(answer.reply.status, STORE_CONFLICT);
    assert_non_null(strstr(answer.reply.detail, "maximum number of prepared transactions"));
    assert_in_range(n, 2, 999);
    assert_int_equal(live_resolve(first, true), STORE_OK); /* the others are untouched */
    store_branch_free(live_begin(live.store, &txn, gid, STORE_UNTIL_PREPARED, &answer));
    assert_int_equal(answer.reply.status, STORE_OK);
}

#define CASE(f) cmocka_unit_test_setup(f, live_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_session_ended_while_begin_waits_leaves_it_unknown),
        CASE(a_prepared_branch_commits_over_another_session),
        CASE(a_commit_without_an_answer_can_be_asked_again),
        CASE(nothing_is_concluded_from_a_paused_store),
        CASE(a_late_prepare_leaves_no_orphan),
        CASE(list_and_end_of_sessions_wait_for_a_paused_store),
        CASE(prepared_branches_outlive_a_kill),
        CASE(an_executed_branch_can_be_rolled_back_after_a_kill),
        CASE(commits_under_a_kill_keep_their_answers),
        CASE(closing_a_store_answers_what_is_outstanding),
        CASE(liveness_is_told),
        CASE(a_gid_in_use_is_refused_and_its_owner_left_alone),
        CASE(prepared_slots_that_are_used_up_are_a_no),
    };

    return live_run_tests(tests, sizeof tests / sizeof tests[0]);
}
