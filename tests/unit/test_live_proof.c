/*
 * What became of a branch that is not prepared any more. Folder: coordinator
 *
 * Operators who settle by hand, participants restored from older copies, COMMITs whose answers are
 * lost, while the door lives and while it does not: the door says committed everywhere only where
 * that is proven, tells what has ended otherwise or is lost, and ends no decision on a guess.
 */
#include "base/loop.h"
#include "coordinator/operate.h"

#include "doors.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct door d; /* the door of each test, "serve1" */

static struct coordinator_counters counters(void)
{
    struct coordinator_counters c;

    coordinator_counters(d.co, &c);
    return c;
}

static void count_open(void *arg, const struct decision *decision)
{
    int *n_open = arg;

    *n_open += decision->kind == DECISION_COMMIT;
    *n_open -= decision->kind == DECISION_END;
}

static int open_in_the_log(void)
{
    char dir[128];
    int n_open = 0;

    (void)snprintf(dir, sizeof dir, "%s/serve1", doors_folder);
    assert_int_equal(decision_log_read(dir, count_open, &n_open, NULL), 0);
    return n_open;
}

/* Past the door: psql, as it were. */
static void sql(unsigned i, const char *command)
{
    char where[160];
    PGconn *conn;
    PGresult *res;

    (void)snprintf(where, sizeof where, "host=127.0.0.1 port=%d user=%s dbname=%s",
                   doors_server[i].port, LIVE_USER, LIVE_DATABASE);
    conn = PQconnectdb(where);
    res = PQexec(conn, command);
    if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", command, PQerrorMessage(conn));
    PQclear(res);
    PQfinish(conn);
}

static bool has_told(void *arg)
{
    const uint64_t *n_heuristic = arg;

    return counters().heuristic >= *n_heuristic;
}

/* It has told of so many branches, of earlier incarnations too; and of no more. */
static void await_told(uint64_t n_heuristic)
{
    assert_int_equal(loop_until(d.base, has_told, &n_heuristic, DOORS_WAIT_US), 0);
    assert_int_equal(counters().heuristic, n_heuristic);
}

/* The store went down and has come back as an older copy: the door has seen it. */
static bool has_seen_a_restore(void *arg)
{
    (void)arg;
    return counters().restored > 0;
}

static bool has_ended_all(void *arg)
{
    (void)arg;
    return counters().open_decisions == 0;
}

/* --- by hand ---------------------------------------------------------------------------------- */

static void a_commit_that_was_rolled_back_by_hand_is_told_and_stays_open(void **state)
{
    struct txn txn = doors_fan_out(OP_WRITE, "", "a");
    struct answer *a;

    (void)state;
    for (unsigned at = 0; at < DOORS_STORES; at++) {
        (void)snprintf(txn.request, sizeof txn.request, "r%u", at);
        doors_open(&d, "serve1", TWOPC_SORTED);
        await_told(at);
        doors_await_usable(&d);
        a = doors_send_held(&d, &txn, CRASH_XA_DECIDED);
        doors_settle_by_hand(at, false);
        crash_point_disarm();
        doors_await(&d, a);
        doors_await_idle(&d);
        assert_string_equal(doors_execute(&d, &txn), "unknown as answered before");
        assert_string_equal(doors_status(&d, txn.request), "unknown");
        assert_int_equal(a->reply.code, CODE_UNKNOWN);
        assert_int_equal(counters().heuristic, at + 1);
        assert_int_equal(counters().lost, 0);
        assert_int_equal(counters().open_decisions, at + 1);
        doors_close(&d);
    }
    assert_int_equal(open_in_the_log(), DOORS_STORES);
}

/* --- forgetting ------------------------------------------------------------------------------- */

struct operated {
    bool done;
    int status;
    char body[4096];
};

static void operated(void *arg, int status, const struct buf *body)
{
    struct operated *o = arg;

    o->done = true;
    o->status = status;
    (void)snprintf(o->body, sizeof o->body, "%.*s", (int)body->size, body->data);
}

static bool has_operated(void *arg)
{
    return ((const struct operated *)arg)->done;
}

static const struct operated *operate(enum operate_verb verb, const char *name)
{
    static struct operated o;

    o = (struct operated){.done = false};
    coordinator_operate(d.co, &(struct operate){.verb = verb, .name = name}, operated, &o);
    assert_int_equal(loop_until(d.base, has_operated, &o, DOORS_WAIT_US), 0);
    return &o;
}

static bool none_open_in_the_log(void *arg)
{
    (void)arg;
    return open_in_the_log() == 0;
}

/* By ROLLBACK PREPARED past everybody, so that no store remembers a hand. */
static void roll_back_in_psql(unsigned i)
{
    char command[128];
    PGconn *conn;
    PGresult *res;

    (void)snprintf(command, sizeof command, "host=127.0.0.1 port=%d user=%s dbname=%s",
                   doors_server[i].port, LIVE_USER, LIVE_DATABASE);
    conn = PQconnectdb(command);
    res = PQexec(conn, "SELECT gid FROM pg_prepared_xacts");
    assert_int_equal(PQntuples(res), 1);
    (void)snprintf(command, sizeof command, "ROLLBACK PREPARED '%s'", PQgetvalue(res, 0, 0));
    PQclear(res);
    PQfinish(conn);
    sql(i, command);
}

/* … of the running incarnation and of an earlier one: shown, then forgotten, at a door that runs.
 */
static void what_psql_has_rolled_back_is_shown_until_it_is_forgotten(void **state)
{
    struct txn txn = doors_fan_out(OP_WRITE, "", "a");
    struct answer *a;

    (void)state;
    for (int restarted = 0; restarted < 2; restarted++) {
        (void)snprintf(txn.request, sizeof txn.request, "r%d", restarted);
        doors_open(&d, "serve1", TWOPC_SORTED);
        doors_await_usable(&d);
        a = doors_send_held(&d, &txn, CRASH_XA_DECIDED);
        roll_back_in_psql(1);
        assert_int_equal(operate(OPERATE_FORGET, txn.request)->status, 409); /* is prepared */
        crash_point_disarm();
        doors_await(&d, a);
        doors_await_idle(&d);
        if (restarted) {
            doors_close(&d);
            doors_open(&d, "serve1", TWOPC_SORTED);
            await_told(1);
        }
        assert_int_equal(counters().open_decisions, 1);
        assert_non_null(strstr(operate(OPERATE_LOOK, NULL)->body, "\"heuristic\":\"contradicts\""));
        assert_int_equal(counters().against_by_hand, 1);
        assert_int_equal(operate(OPERATE_FORGET, txn.request)->status, 200);
        assert_int_equal(counters().open_decisions, 0);
        assert_non_null(strstr(operate(OPERATE_LOOK, NULL)->body, "\"transactions\":[]"));
        assert_int_equal(operate(OPERATE_FORGET, txn.request)->status, 404);
        assert_int_equal(loop_until(d.base, none_open_in_the_log, NULL, DOORS_WAIT_US), 0);
        doors_close(&d);
    }
    doors_open(&d, "serve1", TWOPC_SORTED);
    doors_await_usable(&d);
    await_told(0);
    assert_int_equal(counters().open_decisions, 0);
    doors_close(&d);
}

/* --- by hand, as was decided or not ----------------------------------------------------------- */

/* As it was decided: nobody can tell it from a COMMIT of ours whose answer was lost. */
static void a_commit_that_was_done_by_hand_is_everywhere(void **state)
{
    static struct picture p;
    struct txn txn = doors_fan_out(OP_WRITE, "", "a");
    struct answer *a;

    (void)state;
    for (unsigned at = 0; at < DOORS_STORES; at++) {
        (void)snprintf(txn.request, sizeof txn.request, "r%u", at);
        doors_open(&d, "serve1", TWOPC_SORTED);
        doors_await_usable(&d);
        a = doors_send_held(&d, &txn, CRASH_XA_DECIDED);
        doors_settle_by_hand(at, true);
        crash_point_disarm();
        doors_await(&d, a);
        assert_int_equal(a->reply.level, LEVEL_EVERYWHERE);
        doors_await_idle(&d);
        assert_int_equal(counters().proofs, at < 2); /* Redis says so in its answer */
        assert_int_equal(counters().heuristic + counters().lost, 0);
        assert_int_equal(counters().open_decisions, 0);
        doors_close(&d);
        doors_look(&p);
        assert_true(doors_happened(&p, txn.request));
    }
}

/* Since pg2 refuses: the door is not kept by it. */
static void an_abort_that_was_committed_by_hand_is_told_and_over(void **state)
{
    struct txn first = doors_fan_out(OP_WRITE, "r1", "a");
    struct txn second = doors_fan_out(OP_WRITE, "", "a");
    struct answer *a;

    (void)state;
    second.op[1].kind = OP_INSERT;
    doors_open(&d, "serve1", TWOPC_PARALLEL);
    doors_await_usable(&d);
    assert_string_equal(doors_execute(&d, &first), "ok everywhere");
    doors_await_idle(&d);
    for (unsigned at = 0; at < DOORS_STORES; at += 2) {
        (void)snprintf(second.request, sizeof second.request, "by-hand-%u", at);
        a = doors_send_held(&d, &second, CRASH_XA_ABORTING);
        doors_settle_by_hand(at, true);
        crash_point_disarm();
        doors_await(&d, a);
        assert_int_equal(a->reply.code, CODE_CONSTRAINT);
        doors_await_idle(&d);
        assert_int_equal(counters().open_decisions, 0);
    }
    /* pg1's yes may not have been heard before pg2's no: then there is no memo to prove it by */
    assert_in_range(counters().heuristic, 1, 2);
    doors_close(&d);
}

/* The door is away, and has not told anybody. */
static void a_decision_is_not_ended_because_nothing_is_prepared(void **state)
{
    struct txn txn = doors_fan_out(OP_WRITE, "", "a");

    (void)state;
    for (unsigned at = 0; at < DOORS_STORES; at++) {
        (void)snprintf(txn.request, sizeof txn.request, "r%u", at);
        doors_open(&d, "serve1", TWOPC_SORTED);
        doors_await_usable(&d);
        (void)doors_send_held(&d, &txn, CRASH_XA_DECIDED);
        doors_close(&d);
        crash_point_disarm();
        for (unsigned i = 0; i < DOORS_STORES; i++)
            doors_settle_by_hand(i, i != at);
        doors_open(&d, "serve1", TWOPC_SORTED);
        await_told(at + 1);
        assert_int_equal(counters().open_decisions, at + 1);
        doors_close(&d);
    }
    assert_int_equal(open_in_the_log(), DOORS_STORES);
}

static void a_decision_that_others_have_carried_out_ends(void **state)
{
    struct txn txn = doors_fan_out(OP_WRITE, "r1", "a");

    (void)state;
    doors_open(&d, "serve1", TWOPC_SORTED);
    doors_await_usable(&d);
    (void)doors_send_held(&d, &txn, CRASH_XA_DECIDED);
    doors_close(&d);
    crash_point_disarm();
    for (unsigned i = 0; i < DOORS_STORES; i++)
        doors_settle_by_hand(i, true);
    doors_open(&d, "serve1", TWOPC_SORTED);
    assert_int_equal(loop_until(d.base, has_ended_all, NULL, DOORS_WAIT_US), 0);
    assert_int_equal(counters().heuristic + counters().lost, 0);
    doors_close(&d);
    assert_int_equal(open_in_the_log(), 0);
}

/* --- restored --------------------------------------------------------------------------------- */

static void copy_of_pg1(void)
{
    live_server_kill(&doors_server[0]);
    live_server_copy(&doors_server[0]);
    live_server_start(&doors_server[0]);
}

static void restore_pg1(void)
{
    live_server_kill(&doors_server[0]);
    live_server_restore(&doors_server[0]);
    live_server_start(&doors_server[0]);
}

/* All ids that pg1 had handed out before it was restored are handed out again. */
static void use_the_ids_again(void)
{
    sql(0,
        "DO $$ BEGIN FOR i IN 1..200 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$");
}

static void a_participant_restored_from_an_older_copy_has_lost_the_branch(void **state)
{
    struct txn txn = doors_fan_out(OP_WRITE, "r1", "a");
    struct answer *a;

    (void)state;
    copy_of_pg1();
    doors_open(&d, "serve1", TWOPC_SORTED);
    doors_await_usable(&d);
    a = doors_send_held(&d, &txn, CRASH_XA_DECIDED);
    restore_pg1();
    assert_int_equal(loop_until(d.base, has_seen_a_restore, NULL, DOORS_WAIT_US), 0);
    use_the_ids_again(); /* the same id has committed now: somebody else's */
    crash_point_disarm();
    doors_await(&d, a);
    assert_int_equal(a->reply.code, CODE_UNKNOWN);
    doors_await_idle(&d);
    assert_int_equal(counters().lost, 1);
    assert_int_equal(counters().restored, 1);
    assert_int_equal(counters().open_decisions, 1);
    doors_close(&d);
    assert_int_equal(open_in_the_log(), 1);
}

/* … while the door was away. Nothing is settled there: what it says proves nothing. */
static void a_restore_behind_the_doors_back_keeps_the_decision_open(void **state)
{
    struct txn txn = doors_fan_out(OP_WRITE, "r1", "a");
    struct txn next = doors_fan_out(OP_WRITE, "r2", "a");

    (void)state;
    copy_of_pg1();
    doors_open(&d, "serve1", TWOPC_SORTED);
    doors_await_usable(&d);
    (void)doors_send_held(&d, &txn, CRASH_XA_DECIDED);
    doors_close(&d);
    crash_point_disarm();
    restore_pg1();
    doors_open(&d, "serve1", TWOPC_SORTED);
    assert_int_equal(loop_until(d.base, has_seen_a_restore, NULL, DOORS_WAIT_US), 0);
    assert_non_null(strstr(doors_execute(&d, &next), "unavailable pg1"));
    assert_int_equal(counters().heuristic, 0);
    assert_int_equal(counters().open_decisions, 1);
    doors_close(&d);
    assert_int_equal(open_in_the_log(), 1);
}

/* A restart is no restore. */
static void a_participant_that_only_restarts_has_lost_nothing(void **state)
{
    static struct picture p;
    struct txn txn = doors_fan_out(OP_WRITE, "r1", "a");
    struct answer *a;

    (void)state;
    doors_open(&d, "serve1", TWOPC_SORTED);
    doors_await_usable(&d);
    a = doors_send_held(&d, &txn, CRASH_XA_DECIDED);
    live_server_kill(&doors_server[0]);
    live_server_start(&doors_server[0]);
    crash_point_disarm();
    doors_await(&d, a);
    doors_await_idle(&d);
    assert_int_equal(counters().lost + counters().restored + counters().heuristic, 0);
    assert_int_equal(counters().open_decisions, 0);
    doors_close(&d);
    doors_look(&p);
    assert_true(doors_happened(&p, "r1"));
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, doors_clean, doors_remove_folder)
    const struct CMUnitTest tests[] = {
        CASE(a_commit_that_was_rolled_back_by_hand_is_told_and_stays_open),
        CASE(what_psql_has_rolled_back_is_shown_until_it_is_forgotten),
        CASE(a_commit_that_was_done_by_hand_is_everywhere),
        CASE(an_abort_that_was_committed_by_hand_is_told_and_over),
        CASE(a_decision_is_not_ended_because_nothing_is_prepared),
        CASE(a_decision_that_others_have_carried_out_ends),
        CASE(a_participant_restored_from_an_older_copy_has_lost_the_branch),
        CASE(a_restore_behind_the_doors_back_keeps_the_decision_open),
        CASE(a_participant_that_only_restarts_has_lost_nothing),
    };

    return doors_run_tests(tests, sizeof tests / sizeof tests[0]);
}
