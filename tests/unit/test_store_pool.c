/*
 * Folder: stores
 * Queues, deadlines and bindings of stores/pool.c and branch.c against a driver made of nothing:
 * each test says when a session comes up, answers, or is lost. Also the small pure parts: the table
 * of SQLSTATEs, gids, the order of operations.
 */
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "stores/driver.h"
#include "stores/postgres.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- a driver made of nothing ---------------------------------------------------------------- */

static unsigned n_connects;
static unsigned n_starts;

static struct session *nothing_new(struct store *store)
{
    (void)store;
    return mem_alloc(sizeof(struct session));
}

static void nothing_connect(struct session *session)
{
    (void)session;
    n_connects++;
}

static void nothing_disconnect(struct session *session)
{
    (void)session;
}

static void nothing_free(struct session *session)
{
    free(session);
}

static void nothing_start(struct session *session)
{
    (void)session;
    n_starts++;
}

static const struct store_driver nothing = {
    .session_new = nothing_new,
    .connect = nothing_connect,
    .disconnect = nothing_disconnect,
    .session_free = nothing_free,
    .start = nothing_start,
};

/* --- fixture --------------------------------------------------------------------------------- */

static struct event_base *base;
static struct store *store;
static struct txn txn = {.request = "r1"};

static char heard[1024]; /* what callers were told, in order: "a:ok b:unknown" */

static void hear(void *arg, const struct store_reply *reply)
{
    size_t used = strlen(heard);

    (void)snprintf(heard + used, sizeof heard - used, "%s%s:%s", used ? " " : "", (const char *)arg,
                   store_status_name(reply->status));
}

static void turn(int64_t duration_us)
{
    assert_int_equal(loop_for(base, duration_us), 0);
}

static void expect_heard(const char *wanted)
{
    turn(1);
    assert_string_equal(heard, wanted);
    heard[0] = '\0';
}

static void *say(const char *name)
{
    return (void *)(uintptr_t)name;
}

static void execute(const char *name, int64_t in_us)
{
    store_execute(store, &txn, clock_now_us() + in_us, hear, say(name));
}

/* Two working sessions, up, and the administrative one, down. */
static int setup(void **state)
{
    struct errctx err = {0};

    (void)state;
    n_connects = n_starts = 0;
    heard[0] = '\0';
    base = loop_new();
    store = mem_alloc(sizeof *store);
    store->base = base;
    store->driver = &nothing;
    assert_int_equal(pool_open(store, 3, &err), 0);
    turn(1);
    assert_int_equal(n_connects, 3);
    assert_false(store_alive(store));
    session_up(store->session[0]);
    session_up(store->session[1]);
    assert_true(store_alive(store));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    store_free(store);
    event_base_free(base);
    return 0;
}

/* --- queues and deadlines -------------------------------------------------------------------- */

static void jobs_queue_for_a_session_in_their_order(void **state)
{
    (void)state;
    execute("a", US_PER_S);
    execute("b", US_PER_S);
    execute("c", US_PER_S);
    execute("d", US_PER_S);
    assert_int_equal(n_starts, 2);
    session_finish(store->session[1]);
    assert_int_equal(n_starts, 3);
    session_finish(store->session[1]);
    session_finish(store->session[1]);
    session_finish(store->session[0]);
    expect_heard("b:ok c:ok d:ok a:ok");
}

static void an_unsent_job_is_unavailable_and_a_sent_one_unknown_at_the_deadline(void **state)
{
    (void)state;
    execute("a", 1000);
    execute("b", 1000);
    execute("c", 1000);
    turn(5000);
    expect_heard("a:unknown b:unknown c:unavailable");
    execute("d", US_PER_S);
    assert_int_equal(n_starts, 2); /* both sessions still wait for the store's answer */
    session_finish(store->session[0]);
    assert_int_equal(n_starts, 3);
    session_finish(store->session[0]);
    expect_heard("d:ok");
}

static void a_job_behind_its_deadline_is_not_sent(void **state)
{
    (void)state;
    execute("a", -1);
    assert_string_equal(heard, "");
    expect_heard("a:unavailable");
    assert_int_equal(n_starts, 0);
}

static void a_full_queue_refuses(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 + STORE_QUEUE_MAX; i++)
        execute("x", 60 * US_PER_S);
    execute("over", 60 * US_PER_S);
    expect_heard("over:unavailable");
}

static void a_lost_session_leaves_its_job_unknown_and_connects_again(void **state)
{
    (void)state;
    execute("a", US_PER_S);
    session_lost(store->session[0], "cut");
    expect_heard("a:unknown");
    assert_int_equal(store->session[0]->state, SESSION_DOWN);
    turn(STORE_RECONNECT_US + 20 * US_PER_MS);
    assert_int_equal(n_connects, 4);
    assert_int_equal(store->session[0]->state, SESSION_CONNECTING);
}

static void take_alive(void *arg, bool alive)
{
    *(int *)arg = alive;
}

static void liveness_is_told_when_the_first_comes_and_the_last_goes(void **state)
{
    int alive = -1;

    (void)state;
    store_on_alive(store, take_alive, &alive);
    session_lost(store->session[0], "cut");
    assert_int_equal(alive, -1);
    session_lost(store->session[1], "cut");
    assert_int_equal(alive, 0);
    turn(STORE_RECONNECT_US + 20 * US_PER_MS);
    session_up(store->session[1]);
    assert_int_equal(alive, 1);
    store_on_alive(store, NULL, NULL);
}

static void administration_does_not_wait_behind_work(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        execute("w", 60 * US_PER_S);
    store_fence(store, "o", 1, clock_now_us() + US_PER_S, hear, say("fence"));
    session_up(store->session[2]);
    assert_int_equal(n_starts, 3);
    session_finish(store->session[2]);
    expect_heard("fence:ok");
}

static void reconnect(unsigned i)
{
    session_lost(store->session[i], "cut");
    turn(STORE_RECONNECT_US + 20 * US_PER_MS);
    assert_int_equal(store->session[i]->state, SESSION_CONNECTING);
    assert_int_equal(store->session[i]->fence, SESSION_NOT_ASKED);
}

static void count_overtaken(void *arg)
{
    ++*(unsigned *)arg;
}

static void a_session_is_not_taken_above_our_fence_nor_unasked(void **state)
{
    static const struct {
        int64_t found;
        enum session_state becomes;
        unsigned n_overtaken;
    } cases[] = {
        {SESSION_NOT_ASKED, SESSION_DOWN, 0},
        {0, SESSION_READY, 0},
        {6, SESSION_READY, 0},
        {7, SESSION_READY, 0},
        {8, SESSION_DOWN, 1},
        {8, SESSION_DOWN, 1},
        {7, SESSION_READY, 1},
    };
    unsigned n_overtaken = 0;

    (void)state;
    store_on_overtaken(store, count_overtaken, &n_overtaken);
    session_up(store->session[2]);
    store_fence(store, "o", 7, clock_now_us() + US_PER_S, hear, say("fence"));
    session_finish(store->session[2]);
    expect_heard("fence:ok");
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (store->session[0]->state == SESSION_DOWN)
            turn(STORE_RECONNECT_US + 20 * US_PER_MS);
        else
            reconnect(0);
        store->session[0]->fence = cases[i].found;
        session_up(store->session[0]);
        assert_int_equal(store->session[0]->state, cases[i].becomes);
        assert_int_equal(n_overtaken, cases[i].n_overtaken);
    }
}

static void what_frees_locks_goes_first(void **state)
{
    (void)state;
    execute("a", US_PER_S);
    execute("b", US_PER_S);
    execute("c", US_PER_S);
    store_resolve(store, "g", true, clock_now_us() + US_PER_S, hear, say("resolve"));
    session_finish(store->session[0]);
    session_finish(store->session[0]);
    expect_heard("a:ok resolve:ok");
}

/* --- branches -------------------------------------------------------------------------------- */

static struct store_branch *begin(const char *name, enum store_branch_until until, int64_t in_us)
{
    return store_branch_begin(store, &txn, "g", until, clock_now_us() + in_us, hear, say(name));
}

static void a_branch_keeps_its_session_until_it_is_freed(void **state)
{
    struct store_branch *branch = begin("begin", STORE_UNTIL_PREPARED, US_PER_S);

    (void)state;
    session_finish(store->session[0]);
    execute("a", US_PER_S);
    execute("b", US_PER_S);
    assert_int_equal(n_starts, 2); /* b waits: one session is a's, one the branch's */
    store_branch_commit(branch, hear, say("commit"));
    assert_int_equal(store->session[0]->job->verb, VERB_COMMIT);
    session_finish(store->session[0]);
    expect_heard("begin:ok commit:ok");
    store_branch_free(branch);
    assert_int_equal(n_starts, 4);
}

static void rollback_goes_behind_an_outstanding_begin(void **state)
{
    struct store_branch *branch = begin("begin", STORE_UNTIL_PREPARED, US_PER_S);

    (void)state;
    store_branch_rollback(branch, hear, say("rollback"));
    assert_int_equal(store->session[0]->job->verb, VERB_BEGIN);
    session_finish(store->session[0]);
    assert_int_equal(store->session[0]->job->verb, VERB_ROLLBACK);
    session_finish(store->session[0]);
    expect_heard("rollback:ok"); /* begin's answer no longer comes */
    store_branch_free(branch);
}

static void rollback_of_what_was_never_sent_needs_no_store(void **state)
{
    struct store_branch *branch;

    (void)state;
    execute("a", US_PER_S);
    execute("b", US_PER_S);
    branch = begin("begin", STORE_UNTIL_PREPARED, US_PER_S);
    store_branch_rollback(branch, hear, say("rollback"));
    assert_string_equal(heard, "");
    expect_heard("rollback:ok");
    assert_int_equal(n_starts, 2);
    store_branch_free(branch);
}

/* Only what the store has surely rolled back by itself needs no word. */
static void rollback_is_sent_unless_the_refusal_was_certain(void **state)
{
    static const bool sent[STORE_STATUSES] = {
        [STORE_UNAVAILABLE] = true, [STORE_UNKNOWN] = true, [STORE_FATAL] = true};

    (void)state;
    for (unsigned status = STORE_OK + 1; status < STORE_STATUSES; status++) {
        struct store_branch *branch = begin("begin", STORE_UNTIL_PREPARED, US_PER_S);

        reply_fail(&store->session[0]->reply, (enum store_status)status, "");
        session_finish(store->session[0]);
        store_branch_rollback(branch, hear, say("rollback"));
        assert_int_equal(store->session[0]->job != NULL, sent[status]);
        if (sent[status])
            session_finish(store->session[0]);
        turn(1);
        store_branch_free(branch);
    }
}

static void rollback_after_a_lost_session_takes_its_identity_along(void **state)
{
    struct store_branch *branch;

    (void)state;
    store->session[0]->identity.number = 4711;
    branch = begin("begin", STORE_UNTIL_PREPARED, US_PER_S);
    session_lost(store->session[0], "cut");
    store_branch_rollback(branch, hear, say("rollback"));
    assert_int_equal(store->session[1]->job->verb, VERB_ROLLBACK);
    assert_int_equal(store->session[1]->job->lost.number, 4711);
    session_finish(store->session[1]);
    expect_heard("begin:unknown rollback:ok");
    execute("a", US_PER_S);
    assert_int_equal(store->session[1]->job->verb, VERB_EXECUTE); /* it was only borrowed */
    store_branch_free(branch);
}

static void a_verb_behind_a_lost_session_was_not_sent(void **state)
{
    struct store_branch *branch = begin("begin", STORE_UNTIL_PREPARED, US_PER_S);

    (void)state;
    store_branch_rollback(branch, hear, say("rollback"));
    session_lost(store->session[0], "cut");
    expect_heard("rollback:unavailable");
    store_branch_free(branch);
}

static void freeing_an_executed_branch_ends_its_transaction_first(void **state)
{
    struct store_branch *branch = begin("begin", STORE_UNTIL_EXECUTED, US_PER_S);

    (void)state;
    session_finish(store->session[0]);
    store_branch_free(branch);
    assert_int_equal(store->session[0]->job->verb, VERB_RELEASE);
    session_finish(store->session[0]);
    assert_null(store->session[0]->branch);
    expect_heard("begin:ok");
}

static void freeing_a_branch_at_work_waits_for_the_store_in_silence(void **state)
{
    (void)state;
    store_branch_free(begin("begin", STORE_UNTIL_EXECUTED, US_PER_S));
    assert_non_null(store->session[0]->branch);
    session_finish(store->session[0]);
    assert_int_equal(store->session[0]->job->verb, VERB_RELEASE);
    session_finish(store->session[0]);
    assert_null(store->session[0]->branch);
    expect_heard("");
}

/* --- pure parts ------------------------------------------------------------------------------ */

static void sqlstates_have_one_class_a_phase(void **state)
{
    static const struct {
        const char *sqlstate;
        enum store_status work, end;
    } cases[] = {
        {"23505", STORE_CONSTRAINT, STORE_FATAL}, {"23514", STORE_CONSTRAINT, STORE_FATAL},
        {"22003", STORE_CONSTRAINT, STORE_FATAL}, {"22P02", STORE_FATAL, STORE_FATAL},
        {"55P03", STORE_CONFLICT, STORE_RETRY},   {"40P01", STORE_CONFLICT, STORE_RETRY},
        {"40001", STORE_CONFLICT, STORE_RETRY},   {"57014", STORE_CONFLICT, STORE_RETRY},
        {"53200", STORE_CONFLICT, STORE_RETRY},   {"57P01", STORE_UNKNOWN, STORE_UNKNOWN},
        {"57P02", STORE_UNKNOWN, STORE_UNKNOWN},  {"57P03", STORE_UNKNOWN, STORE_UNKNOWN},
        {"08006", STORE_UNKNOWN, STORE_UNKNOWN},  {"42704", STORE_FATAL, STORE_NOTA},
        {"55000", STORE_FATAL, STORE_RETRY},      {"SB001", STORE_FENCED, STORE_FATAL},
        {"XX000", STORE_FATAL, STORE_FATAL},      {"42P01", STORE_FATAL, STORE_FATAL},
        {"42710", STORE_CONFLICT, STORE_FATAL},   {NULL, STORE_UNKNOWN, STORE_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(pg_status_of("ERROR", cases[i].sqlstate, PG_PHASE_WORK), cases[i].work);
        assert_int_equal(pg_status_of("ERROR", cases[i].sqlstate, PG_PHASE_END), cases[i].end);
    }
}

/* 58030 and 53100 come with the PANIC of a WAL that cannot be flushed; 23505 for contrast. */
static void the_last_words_of_a_session_prove_nothing(void **state)
{
    static const char *const sqlstates[] = {"58030", "53100", "57P05", "XX000", "23505"};
    static const char *const severities[] = {"FATAL", "PANIC"};

    (void)state;
    for (size_t i = 0; i < sizeof sqlstates / sizeof sqlstates[0]; i++) {
        for (size_t s = 0; s < 2; s++) {
            assert_int_equal(pg_status_of(severities[s], sqlstates[i], PG_PHASE_WORK),
                             STORE_UNKNOWN);
            assert_int_equal(pg_status_of(severities[s], sqlstates[i], PG_PHASE_END),
                             STORE_UNKNOWN);
        }
    }
    assert_int_equal(pg_status_of(NULL, NULL, PG_PHASE_WORK), STORE_UNKNOWN);
}

static void only_a_certain_refusal_is_definite(void **state)
{
    static const bool definite[STORE_STATUSES] = {
        [STORE_CONSTRAINT] = true,
        [STORE_CONFLICT] = true,
        [STORE_RETRY] = true,
        [STORE_UNAVAILABLE] = true,
    };

    (void)state;
    assert_int_equal(store_status_code(STORE_OK), CODE_NONE);
    for (unsigned i = STORE_OK + 1; i < STORE_STATUSES; i++)
        assert_int_equal(code_definite(store_status_code((enum store_status)i)), definite[i]);
}

static void gids_need_no_quoting(void **state)
{
    (void)state;
    assert_true(gid_valid("sb1:serve1:3:17:c3-17"));
    assert_true(gid_valid("a234567890123456789012345678901234567890123456789012345678901234"));
    assert_false(gid_valid("a2345678901234567890123456789012345678901234567890123456789012345"));
    assert_false(gid_valid(""));
    assert_false(gid_valid("a'b"));
    assert_false(gid_valid("a b"));
    assert_false(gid_valid("a\\b"));
}

static void operations_go_by_key_and_keep_their_order_on_one(void **state)
{
    static const char *const keys[] = {"b", "a", "b", "c", "a", "b"};
    struct txn several = {.n_ops = 6};
    unsigned index[TXN_OPS_MAX];
    char got[64] = "";

    (void)state;
    for (unsigned i = 0; i < several.n_ops; i++) {
        (void)snprintf(several.op[i].key, sizeof several.op[i].key, "%s", keys[i]);
        (void)snprintf(several.op[i].store, sizeof several.op[i].store, i == 3 ? "other" : "s");
    }
    memcpy(store->where.name, "s", 2);
    assert_int_equal(ops_by_key(&several, store, index), 5);
    for (unsigned k = 0; k < 5; k++)
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%u", index[k]);
    assert_string_equal(got, "14025");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(jobs_queue_for_a_session_in_their_order),
        CASE(an_unsent_job_is_unavailable_and_a_sent_one_unknown_at_the_deadline),
        CASE(a_job_behind_its_deadline_is_not_sent),
        CASE(a_full_queue_refuses),
        CASE(a_lost_session_leaves_its_job_unknown_and_connects_again),
        CASE(liveness_is_told_when_the_first_comes_and_the_last_goes),
        CASE(administration_does_not_wait_behind_work),
        CASE(a_session_is_not_taken_above_our_fence_nor_unasked),
        CASE(what_frees_locks_goes_first),
        CASE(a_branch_keeps_its_session_until_it_is_freed),
        CASE(rollback_goes_behind_an_outstanding_begin),
        CASE(rollback_of_what_was_never_sent_needs_no_store),
        CASE(rollback_is_sent_unless_the_refusal_was_certain),
        CASE(rollback_after_a_lost_session_takes_its_identity_along),
        CASE(a_verb_behind_a_lost_session_was_not_sent),
        CASE(freeing_an_executed_branch_ends_its_transaction_first),
        CASE(freeing_a_branch_at_work_waits_for_the_store_in_silence),
        CASE(sqlstates_have_one_class_a_phase),
        CASE(the_last_words_of_a_session_prove_nothing),
        CASE(only_a_certain_refusal_is_definite),
        CASE(gids_need_no_quoting),
        CASE(operations_go_by_key_and_keep_their_order_on_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
