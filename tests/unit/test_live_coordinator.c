/*
 * The coordinator on two PostgreSQL servers and a Redis. Folder: coordinator
 *
 * Front doors that die at each of their steps (a child process that crash_point.h kills), stores
 * that are killed or paused, two coordinators on the same keys. After each, once recovered: every
 * request is in all of its stores' journals or in none, nothing is in doubt, and what the client
 * was told is true.
 */
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/loop.h"

#include "doors.h"

#include <errno.h>
#include <libpq-fe.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* --- plain ------------------------------------------------------------------------------------ */

static void commits_everywhere(void **state)
{
    static struct picture p;
    static struct door d;
    struct txn txn = doors_fan_out(OP_WRITE, "r1", "a");
    struct coordinator_counters c;

    (void)state;
    doors_open(&d, "serve1", TWOPC_SORTED);
    assert_string_equal(doors_execute(&d, &txn), "ok everywhere");
    assert_string_equal(doors_status(&d, "r1"), "committed");
    assert_string_equal(doors_status(&d, "r2"), "unknown");
    doors_await_idle(&d);
    coordinator_counters(d.co, &c);
    assert_int_equal(c.log.fsyncs, 1);
    doors_close(&d);
    doors_look(&p);
    assert_true(doors_happened(&p, "r1"));
    assert_int_equal(p.n_in_doubt, 0);
}

static void a_constraint_at_one_store_aborts_at_all(void **state)
{
    static struct picture p;
    static struct door d;
    struct txn first = doors_fan_out(OP_WRITE, "r1", "a");
    struct txn second = doors_fan_out(OP_WRITE, "r2", "a");
    struct coordinator_counters c;

    (void)state;
    second.op[2].kind = OP_INSERT; /* redis has it already */
    doors_open(&d, "serve1", TWOPC_SORTED);
    assert_string_equal(doors_execute(&d, &first), "ok everywhere");
    assert_string_equal(doors_execute(&d, &second), "constraint redis a: exists");
    assert_string_equal(doors_status(&d, "r2"), "aborted");
    assert_string_equal(doors_execute(&d, &second), "constraint as answered before"); /* barred */
    doors_await_idle(&d);
    coordinator_counters(d.co, &c);
    assert_int_equal(c.log.fsyncs, 1); /* none for the abort */
    doors_close(&d);
    doors_look(&p);
    assert_false(doors_happened(&p, "r2"));
    assert_int_equal(p.n_in_doubt, 0);
}

static void reads_are_answered_from_one_instant(void **state)
{
    static struct door d;
    struct txn write = doors_fan_out(OP_WRITE, "r1", "a");
    struct txn mixed = doors_fan_out(OP_READ, "r2", "a");
    struct txn reads = doors_fan_out(OP_READ, "r3", "a");
    struct answer *a;

    (void)state;
    doors_open(&d, "serve1", TWOPC_SORTED);
    assert_string_equal(doors_execute(&d, &write), "ok everywhere");
    mixed.op[1].kind = OP_WRITE;
    a = doors_send(&d, &mixed, US_PER_S);
    doors_await(&d, a);
    assert_int_equal(a->reply.code, CODE_NONE);
    assert_true(a->reply.has_reads);
    assert_string_equal(a->reply.read[0].value, "r1");
    assert_string_equal(a->reply.read[2].value, "r1");
    a = doors_send(&d, &reads, US_PER_S);
    doors_await(&d, a);
    assert_int_equal(a->reply.code, CODE_NONE);
    assert_string_equal(a->reply.read[1].value, "r2");
    assert_int_equal(a->reply.read[1].n, 2);
    doors_await_idle(&d);
    doors_close(&d);
}

static void one_store_needs_no_decision(void **state)
{
    static struct door d;
    struct txn txn = doors_fan_out(OP_WRITE, "r1", "a");
    struct coordinator_counters c;

    (void)state;
    txn.n_ops = 1;
    doors_open(&d, "serve1", TWOPC_SORTED);
    assert_string_equal(doors_execute(&d, &txn), "ok everywhere");
    coordinator_counters(d.co, &c);
    assert_int_equal(c.log.fsyncs, 0);
    doors_close(&d);
}

static void a_request_is_executed_once(void **state)
{
    static struct picture p;
    static struct door d;
    struct txn txn = doors_fan_out(OP_APPEND, "r1", "a");
    struct answer *first, *second;

    (void)state;
    doors_open(&d, "serve1", TWOPC_SORTED);
    first = doors_send(&d, &txn, US_PER_S);
    second = doors_send(&d, &txn, US_PER_S); /* joins */
    assert_string_equal(doors_status(&d, "r1"), "pending");
    doors_await(&d, first);
    doors_await(&d, second);
    assert_int_equal(second->reply.code, CODE_NONE);
    assert_string_equal(doors_execute(&d, &txn), "ok everywhere");
    doors_await_idle(&d);
    doors_close(&d);
    doors_open(&d, "serve1", TWOPC_SORTED); /* known from the log */
    assert_string_equal(doors_execute(&d, &txn), "ok decided");
    doors_close(&d);
    doors_look(&p);
    assert_true(doors_happened(&p, "r1")); /* once in each */
}

static bool one_has_voted(void *arg)
{
    (void)arg;
    return crash_point_standing(CRASH_XA_VOTED) == 1;
}

/* Its deadline passes while the decision is being written. */
static void a_retry_hears_what_became_of_a_timeout(void **state)
{
    static struct door d;
    struct txn txn = doors_fan_out(OP_WRITE, "r1", "a");
    struct answer *a;

    (void)state;
    doors_open(&d, "serve1", TWOPC_SORTED);
    crash_point_arm(CRASH_XA_VOTED, 1000);
    a = doors_send(&d, &txn, 200 * US_PER_MS);
    assert_int_equal(loop_until(d.base, one_has_voted, NULL, DOORS_WAIT_US), 0);
    assert_int_equal(loop_for(d.base, 250 * US_PER_MS), 0);
    crash_point_disarm();
    doors_await(&d, a);
    assert_string_equal(code_name(a->reply.code), "timeout");
    doors_await_idle(&d);
    assert_string_equal(doors_execute(&d, &txn), "ok everywhere");
    doors_close(&d);
}

/* --- two coordinators on the same keys -------------------------------------------------------- */

static bool all_answered(struct door *const doors[2])
{
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned i = 0; i < doors[k]->n_sent; i++) {
            if (!doors[k]->answer[i].done)
                return false;
        }
    }
    return true;
}

static void serve_both(struct door *const doors[2])
{
    int64_t end = clock_now_us() + DOORS_WAIT_US;

    while (!all_answered(doors) && clock_now_us() < end) {
        (void)event_base_loop(doors[0]->base, EVLOOP_NONBLOCK);
        (void)event_base_loop(doors[1]->base, EVLOOP_NONBLOCK);
    }
    assert_true(all_answered(doors));
    doors_await_idle(doors[0]);
    doors_await_idle(doors[1]);
}

/* Sorted lock order: opposed transactions wait for each other, and none deadlocks. */
static void two_coordinators_on_one_key_both_go_on(void **state)
{
    static struct picture p;
    static struct door d[2];
    struct door *doors[2] = {&d[0], &d[1]};
    char request[16];

    (void)state;
    doors_open(&d[0], "serve1", TWOPC_SORTED);
    doors_open(&d[1], "serve2", TWOPC_SORTED);
    for (unsigned i = 0; i < 40; i++) {
        struct txn txn;

        (void)snprintf(request, sizeof request, "r%u", i);
        txn = doors_fan_out(OP_WRITE, request, "hot");
        (void)doors_send(&d[i % 2], &txn, 10 * US_PER_S);
    }
    serve_both(doors);
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned i = 0; i < d[k].n_sent; i++) {
            if (d[k].answer[i].reply.code != CODE_NONE)
                fail_msg("%s: %s", code_name(d[k].answer[i].reply.code),
                         d[k].answer[i].reply.detail);
        }
    }
    doors_close(&d[0]);
    doors_close(&d[1]);
    doors_look(&p);
    assert_int_equal(p.n_seen, 40);
    for (unsigned i = 0; i < p.n_seen; i++)
        assert_true(doors_happened(&p, p.seen[i].request));
}

/* Of an ok read of a key at every store: how long the journals are, the same everywhere. */
static int64_t journal_length(const struct reply *reply)
{
    for (unsigned i = 1; i < DOORS_STORES; i++) {
        if (reply->read[i].n != reply->read[0].n)
            fail_msg("a fractured read: %lld entries at pg1, %lld at pg2, %lld at redis",
                     (long long)reply->read[0].n, (long long)reply->read[1].n,
                     (long long)reply->read[2].n);
        assert_string_equal(reply->read[i].value, reply->read[0].value);
    }
    return reply->read[0].n;
}

/* Also of keys that are only being made: four transactions on each, two of them reads. */
static void transactional_reads_see_all_of_a_transaction_or_none(void **state)
{
    static const enum twopc_lock_order orders[] = {TWOPC_SORTED, TWOPC_PARALLEL};
    static struct door d[2];
    struct door *doors[2] = {&d[0], &d[1]};
    unsigned n_found = 0;
    unsigned n_none = 0;

    (void)state;
    for (unsigned o = 0; o < 2; o++) {
        doors_open(&d[0], "serve1", orders[o]);
        doors_open(&d[1], "serve2", orders[o]);
        for (unsigned i = 0; i < 160; i++) {
            struct txn txn;
            char request[16], key[16];

            (void)snprintf(request, sizeof request, "r%u", i);
            (void)snprintf(key, sizeof key, "%u-%u", o, i / 4);
            txn = doors_fan_out(i % 4 == 1 || i % 4 == 2 ? OP_READ : OP_WRITE, request, key);
            (void)doors_send(&d[i % 2], &txn, 10 * US_PER_S);
        }
        serve_both(doors);
        for (unsigned i = 0; i < 2 * d[0].n_sent; i++) {
            const struct reply *reply = &d[i % 2].answer[i / 2].reply;

            if (reply->code != CODE_NONE || !reply->has_reads)
                continue;
            n_found += journal_length(reply) > 0;
            n_none += journal_length(reply) == 0;
        }
        doors_close(&d[0]);
        doors_close(&d[1]);
    }
    assert_true(n_found > 0);
    assert_true(n_none > 0);
}

static bool one_stands_locked(void *arg)
{
    (void)arg;
    return crash_point_standing(CRASH_XA_FIRST_LOCKED) == 1;
}

/* The reader has found nothing at pg1 and not looked at the others yet; who would make the key
 * waits for it there, and gives up. */
static void nobody_makes_a_key_that_is_being_read(void **state)
{
    static struct door reader, writer;
    struct txn read = doors_fan_out(OP_READ, "r1", "a");
    struct txn write = doors_fan_out(OP_WRITE, "r2", "a");
    struct answer *a;

    (void)state;
    doors_open(&reader, "serve1", TWOPC_SORTED);
    doors_open(&writer, "serve2", TWOPC_SORTED);
    crash_point_arm(CRASH_XA_FIRST_LOCKED, 1000);
    a = doors_send(&reader, &read, 10 * US_PER_S);
    assert_int_equal(loop_until(reader.base, one_stands_locked, NULL, DOORS_WAIT_US), 0);
    assert_memory_equal(doors_execute(&writer, &write), "conflict pg1", 12);
    crash_point_disarm();
    doors_await(&reader, a);
    assert_int_equal(journal_length(&a->reply), 0);
    write = doors_fan_out(OP_WRITE, "r3", "a");
    assert_string_equal(doors_execute(&writer, &write), "ok everywhere");
    doors_await_idle(&reader);
    doors_await_idle(&writer);
    doors_close(&reader);
    doors_close(&writer);
}

static void the_same_coordinator_twice_is_refused(void **state)
{
    static struct door first, second;

    (void)state;
    doors_open(&first, "serve1", TWOPC_SORTED);
    assert_int_equal(doors_try(&second, "serve1", TWOPC_SORTED), -EBUSY);
    doors_close(&first);
}

/* Without its log it would roll back what it has decided. */
static void a_coordinator_that_lost_its_log_is_refused(void **state)
{
    static struct door d;
    char command[128];

    (void)state;
    doors_open(&d, "serve1", TWOPC_SORTED);
    doors_close(&d);
    (void)snprintf(command, sizeof command, "rm -rf %s/serve1", doors_folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(doors_try(&d, "serve1", TWOPC_SORTED), 0);
    assert_true(d.failed);
    assert_non_null(strstr(d.err.message, "the log was lost or is an old copy"));
    doors_close(&d);
}

/* --- the front door dies ---------------------------------------------------------------------- */

#define GATHER 4

/* In a child: run into the crash point with transactions that commit, or with ones that abort. */
_Noreturn static void die_at(enum crash_point point, enum twopc_lock_order order)
{
    static struct door d;
    char request[16], key[16];

    doors_open(&d, "serve1", order);
    crash_point_arm(point, point == CRASH_XA_ABORTING ? 1 : GATHER); /* those queue for one key */
    for (unsigned i = 0; i < 8; i++) {
        struct txn txn;

        (void)snprintf(request, sizeof request, "r%u", i);
        (void)snprintf(key, sizeof key, "k%u", i);
        txn = doors_fan_out(OP_WRITE, request, key);
        if (point == CRASH_XA_ABORTING)
            txn.op[1] = doors_operation(OP_INSERT, 1, "taken", request);
        (void)doors_send(&d, &txn, 10 * US_PER_S);
    }
    /* Not killed: the parent sees an exit instead of a signal. */
    _exit(loop_until(d.base, doors_is_idle, &d, DOORS_WAIT_US) == 0 ? 1 : 2);
}

static void take_key(void)
{
    static struct door d;
    struct txn txn = doors_fan_out(OP_WRITE, "before", "taken");

    doors_open(&d, "serve2", TWOPC_SORTED);
    assert_string_equal(doors_execute(&d, &txn), "ok everywhere");
    doors_close(&d);
}

/* Returns how many of the eight happened; after recovery they have done so everywhere or nowhere.
 */
static unsigned crash_and_recover(enum crash_point point, enum twopc_lock_order order)
{
    static struct picture p;
    static struct door d;
    unsigned n_happened = 0;
    char request[16];
    int status;
    pid_t child;

    take_key();
    child = fork();
    if (child == 0)
        die_at(point, order);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("%s was not reached", crash_point_info(point)->name);
    doors_open(&d, "serve1", order);
    for (unsigned i = 0; i < 8; i++) {
        bool told_committed;

        (void)snprintf(request, sizeof request, "r%u", i);
        told_committed = strcmp(doors_status(&d, request), "committed") == 0;
        doors_look(&p);
        if (told_committed != doors_happened(&p, request))
            fail_msg("%s: %s: status and journals differ", crash_point_info(point)->name, request);
        n_happened += told_committed;
    }
    assert_int_equal(p.n_in_doubt, 0);
    doors_close(&d);
    return n_happened;
}

static void a_door_killed_at_any_step_leaves_all_or_nothing(void **state)
{
    static const struct {
        enum crash_point point;
        enum twopc_lock_order order;
        unsigned at_least, at_most; /* happened, of 8 */
    } cases[] = {
        {CRASH_XA_RECEIVED, TWOPC_SORTED, 0, 0},
        {CRASH_XA_FIRST_LOCKED, TWOPC_SORTED, 0, 0},
        {CRASH_XA_PREPARE_SENT, TWOPC_SORTED, 0, 0},
        {CRASH_XA_PREPARE_SENT, TWOPC_PARALLEL, 0, 0},
        {CRASH_XA_VOTED, TWOPC_SORTED, 0, 0},
        {CRASH_XA_LOGGING, TWOPC_SORTED, 0, 8},
        {CRASH_XA_DECIDED, TWOPC_SORTED, GATHER, 8},
        {CRASH_XA_DECIDED, TWOPC_PARALLEL, GATHER, 8},
        {CRASH_XA_COMMIT_SENT, TWOPC_SORTED, GATHER, 8},
        {CRASH_XA_FIRST_ACKED, TWOPC_SORTED, GATHER, 8},
        {CRASH_XA_ALL_ACKED, TWOPC_SORTED, GATHER, 8},
        {CRASH_XA_ABORTING, TWOPC_SORTED, 0, 0},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned n = crash_and_recover(cases[i].point, cases[i].order);

        if (n < cases[i].at_least || n > cases[i].at_most)
            fail_msg("%s: %u of 8 happened", crash_point_info(cases[i].point)->name, n);
        assert_int_equal(doors_remove_folder(state), 0);
        assert_int_equal(doors_clean(state), 0);
    }
}

/* In a child: recover, and be killed in the middle of it. */
_Noreturn static void die_recovering(int64_t after_us)
{
    static struct door d;
    struct itimerval after = {.it_value = {.tv_usec = (suseconds_t)after_us}};

    (void)signal(SIGALRM, SIG_DFL);
    (void)setitimer(ITIMER_REAL, &after, NULL); /* SIGALRM ends the process just as suddenly */
    doors_open(&d, "serve1", TWOPC_SORTED);
    _exit(0);
}

static void a_door_killed_while_it_recovers_recovers_the_next_time(void **state)
{
    static struct picture p;
    static struct door d;
    unsigned n_happened = 0;
    char request[16];
    pid_t child = fork();

    (void)state;
    if (child == 0)
        die_at(CRASH_XA_DECIDED, TWOPC_SORTED);
    assert_int_equal(waitpid(child, NULL, 0), child);
    for (int64_t after_us = 2000; after_us < 60000; after_us += 4000) {
        child = fork();
        if (child == 0)
            die_recovering(after_us);
        assert_int_equal(waitpid(child, NULL, 0), child);
    }
    doors_open(&d, "serve1", TWOPC_SORTED);
    doors_close(&d);
    doors_look(&p);
    for (unsigned i = 0; i < 8; i++) {
        (void)snprintf(request, sizeof request, "r%u", i);
        n_happened += doors_happened(&p, request);
    }
    assert_true(n_happened >= GATHER);
    assert_int_equal(p.n_in_doubt, 0);
}

/* --- a store dies, or stops ------------------------------------------------------------------- */

static void a_store_that_is_away_is_unavailable_at_once(void **state)
{
    static struct door d;
    struct txn txn = doors_fan_out(OP_WRITE, "r1", "a");
    struct txn elsewhere = doors_fan_out(OP_WRITE, "r2", "a");

    (void)state;
    elsewhere.n_ops = 1;
    doors_open(&d, "serve1", TWOPC_SORTED);
    live_server_kill(&doors_server[1]);
    for (const char *said = ""; strncmp(said, "unavailable", 11) != 0;) {
        (void)snprintf(txn.request, sizeof txn.request, "r1-%u", d.n_sent);
        said = doors_execute(&d, &txn);
    }
    assert_string_equal(doors_execute(&d, &elsewhere), "ok everywhere");
    live_server_start(&doors_server[1]);
    doors_await_idle(&d);
    doors_close(&d);
}

/* The same request until it is answered so; what was `unavailable` was not begun. */
static void execute_until(struct door *d, const struct txn *txn, const char *expected)
{
    const char *said = "";

    for (int64_t end = clock_now_us() + DOORS_WAIT_US; clock_now_us() < end;) {
        said = doors_execute(d, txn);
        if (strcmp(said, expected) == 0)
            return;
        assert_int_equal(loop_for(d->base, 10 * US_PER_MS), 0);
    }
    fail_msg("%s: %s", txn->request, said);
}

static void recovers_while_a_participant_is_down(void **state)
{
    static struct door d;
    struct txn txn = doors_fan_out(OP_WRITE, "r1", "a");

    (void)state;
    txn.n_ops = 1;
    live_server_kill(&doors_server[1]);
    assert_int_equal(doors_try(&d, "serve1", TWOPC_SORTED), 0); /* ready all the same */
    assert_false(d.failed);
    execute_until(&d, &txn, "ok everywhere");
    live_server_start(&doors_server[1]);
    txn = doors_fan_out(OP_WRITE, "r2", "a");
    execute_until(&d, &txn, "ok everywhere");
    assert_string_equal(doors_status(&d, "r2"), "committed");
    doors_await_idle(&d);
    doors_close(&d);
}

static void by_hand(unsigned i, const char *sql)
{
    char where[128];
    PGconn *conn;

    (void)snprintf(where, sizeof where, "host=127.0.0.1 port=%u user=%s dbname=%s",
                   (unsigned)doors_server[i].port, LIVE_USER, LIVE_DATABASE);
    conn = PQconnectdb(where);
    PQclear(PQexec(conn, sql));
    if (PQerrorMessage(conn)[0])
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    PQfinish(conn);
}

/* As servers are before anybody has made the tables. */
static void a_store_that_cannot_be_asked_is_named_with_the_reason(void **state)
{
    static struct door d;
    struct txn txn = doors_fan_out(OP_WRITE, "r1", "a");
    struct coordinator_counters c;

    (void)state;
    by_hand(0, "DROP TABLE coordinator_epoch");
    doors_open(&d, "serve1", TWOPC_SORTED);
    execute_until(&d, &txn,
                  "unavailable pg1 is not recovered yet: asking what it knows of the decision log: "
                  "fatal, relation \"coordinator_epoch\" does not exist");
    coordinator_counters(d.co, &c);
    assert_int_equal(c.not_recovered, 1);
    doors_reset_store(0);
    execute_until(&d, &txn, "ok everywhere");
    coordinator_counters(d.co, &c);
    assert_int_equal(c.not_recovered, 0);
    doors_await_idle(&d);
    doors_close(&d);
}

static void a_store_that_dies_after_the_decision_commits_when_it_is_back(void **state)
{
    static struct picture p;
    static struct door d;
    struct txn txn = doors_fan_out(OP_WRITE, "r1", "a");
    struct answer *a;

    (void)state;
    doors_open(&d, "serve1", TWOPC_SORTED);
    a = doors_send_held(&d, &txn, CRASH_XA_DECIDED);
    live_server_kill(&doors_server[1]);
    crash_point_disarm();
    doors_await(&d, a);
    assert_int_equal(a->reply.code, CODE_NONE);
    assert_int_equal(a->reply.level, LEVEL_DECIDED);
    assert_int_equal(coordinator_in_flight(d.co), 1);
    live_server_start(&doors_server[1]);
    doors_await_idle(&d);
    doors_close(&d);
    doors_look(&p);
    assert_true(doors_happened(&p, "r1"));
    assert_int_equal(p.n_in_doubt, 0);
}

/* Decided, in doubt everywhere; and then, by hand, at pg1 no more. Who sees it there must not be
 * told by another store that it never was. */
static void a_read_of_one_store_waits_for_what_is_in_doubt_there(void **state)
{
    static struct door writer, reader;
    struct txn write = doors_fan_out(OP_WRITE, "r1", "a");

    (void)state;
    doors_open(&writer, "serve1", TWOPC_SORTED);
    doors_open(&reader, "serve2", TWOPC_SORTED);
    (void)doors_send_held(&writer, &write, CRASH_XA_DECIDED);
    doors_settle_by_hand(0, true);
    for (unsigned i = 0; i < DOORS_STORES; i++) {
        char request[REQUEST_ID_SIZE];
        struct txn read;
        struct answer *a;

        (void)snprintf(request, sizeof request, "read-%s", doors_store_name[i]);
        read = doors_fan_out(OP_READ, request, "a");
        read.op[0] = read.op[i];
        read.n_ops = 1;
        a = doors_send(&reader, &read, 10 * US_PER_S);
        doors_await(&reader, a);
        assert_string_equal(code_name(a->reply.code), i == 0 ? "" : "conflict");
        assert_int_equal(a->reply.read[0].n, i == 0 ? 1 : 0);
    }
    crash_point_disarm();
    doors_await_idle(&writer);
    doors_close(&reader);
    doors_close(&writer);
}

static void waiting_for_a_key_in_doubt_counts_against_the_deadline(void **state)
{
    static struct door d;
    struct txn first = doors_fan_out(OP_WRITE, "r1", "a");
    struct txn second = doors_fan_out(OP_WRITE, "r2", "a");
    struct txn other = doors_fan_out(OP_WRITE, "r3", "b");
    struct answer *a;

    (void)state;
    doors_open(&d, "serve1", TWOPC_SORTED);
    (void)doors_send_held(&d, &first, CRASH_XA_DECIDED);
    assert_string_equal(doors_status(&d, "r1"), "committed");
    a = doors_send(&d, &second, 50 * US_PER_MS);
    doors_await(&d, a);
    assert_int_equal(a->reply.code, CODE_CONFLICT);
    crash_point_disarm();
    assert_string_equal(doors_execute(&d, &other), "ok everywhere");
    doors_await_idle(&d);
    doors_close(&d);
}

static void a_store_paused_before_it_voted_leaves_no_orphan(void **state)
{
    static struct picture p;
    static struct door d;
    struct txn txn = doors_fan_out(OP_WRITE, "r1", "a");
    struct answer *a;

    (void)state;
    for (unsigned paused = 0; paused < DOORS_STORES; paused++) {
        doors_open(&d, "serve1", TWOPC_PARALLEL);
        live_server_pause(&doors_server[paused]);
        a = doors_send(&d, &txn, 300 * US_PER_MS);
        doors_await(&d, a);
        assert_int_equal(a->reply.code, CODE_ABORTED);
        live_server_continue(&doors_server[paused]);
        doors_await_idle(&d);
        doors_close(&d);
        doors_look(&p);
        assert_false(doors_happened(&p, "r1"));
        assert_int_equal(p.n_in_doubt, 0);
    }
}

/* Nothing has been sent of it yet; that it is everywhere in the end it is sure of. */
static void the_early_mode_answers_with_the_decision(void **state)
{
    static struct picture p;
    static struct door d;
    struct txn txn = doors_fan_out(OP_WRITE, "r1", "a");
    struct answer *a;

    (void)state;
    doors_reply_rule = TWOPC_AFTER_DECISION;
    doors_open(&d, "serve1", TWOPC_SORTED);
    doors_await_usable(&d);
    a = doors_send_held(&d, &txn, CRASH_XA_COMMIT_SENT); /* before any store's answer is heard */
    assert_true(a->done);
    assert_int_equal(a->reply.level, LEVEL_DECIDED);
    crash_point_disarm();
    doors_await_idle(&d);
    doors_close(&d);
    doors_reply_rule = TWOPC_AFTER_PHASE_TWO;
    doors_look(&p);
    assert_true(doors_happened(&p, "r1"));
}

static bool two_stand_decided(void *arg)
{
    (void)arg;
    return crash_point_standing(CRASH_XA_DECIDED) == 2;
}

/* Two slots, and two transactions are in doubt: a third is not begun. */
static void prepared_slots_bound_what_is_begun(void **state)
{
    static struct picture p;
    static struct door d;
    struct txn txn[] = {doors_fan_out(OP_WRITE, "r0", "a"), doors_fan_out(OP_WRITE, "r1", "b"),
                        doors_fan_out(OP_WRITE, "r2", "c"), doors_fan_out(OP_READ, "r3", "c")};
    struct coordinator_counters c;

    (void)state;
    live_server_kill(&doors_server[1]);
    doors_server[1].prepared_max = 2;
    live_server_start(&doors_server[1]);
    doors_open(&d, "serve1", TWOPC_SORTED);
    doors_await_usable(&d);
    crash_point_arm(CRASH_XA_DECIDED, 1000);
    for (unsigned i = 0; i < 2; i++)
        (void)doors_send(&d, &txn[i], 10 * US_PER_S);
    assert_int_equal(loop_until(d.base, two_stand_decided, NULL, DOORS_WAIT_US), 0);
    assert_string_equal(doors_execute(&d, &txn[2]),
                        "refused pg2 has no slot left for one more prepared transaction");
    assert_string_equal(doors_execute(&d, &txn[3]), "ok everywhere"); /* reading takes none */
    coordinator_counters(d.co, &c);
    assert_int_equal(c.refused, 1);
    crash_point_disarm();
    doors_await_idle(&d);
    (void)snprintf(txn[2].request, sizeof txn[2].request, "r4");
    assert_string_equal(doors_execute(&d, &txn[2]), "ok everywhere");
    doors_await_idle(&d);
    doors_close(&d);
    doors_look(&p);
    assert_false(doors_happened(&p, "r2"));
    assert_true(doors_happened(&p, "r4"));
    live_server_kill(&doors_server[1]);
    doors_server[1].prepared_max = 0;
    live_server_start(&doors_server[1]);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, doors_clean, doors_remove_folder)
    const struct CMUnitTest tests[] = {
        CASE(commits_everywhere),
        CASE(a_constraint_at_one_store_aborts_at_all),
        CASE(reads_are_answered_from_one_instant),
        CASE(one_store_needs_no_decision),
        CASE(a_request_is_executed_once),
        CASE(a_retry_hears_what_became_of_a_timeout),
        CASE(two_coordinators_on_one_key_both_go_on),
        CASE(transactional_reads_see_all_of_a_transaction_or_none),
        CASE(nobody_makes_a_key_that_is_being_read),
        CASE(the_same_coordinator_twice_is_refused),
        CASE(a_coordinator_that_lost_its_log_is_refused),
        CASE(a_door_killed_at_any_step_leaves_all_or_nothing),
        CASE(a_door_killed_while_it_recovers_recovers_the_next_time),
        CASE(waiting_for_a_key_in_doubt_counts_against_the_deadline),
        CASE(a_read_of_one_store_waits_for_what_is_in_doubt_there),
        CASE(a_store_that_is_away_is_unavailable_at_once),
        CASE(recovers_while_a_participant_is_down),
        CASE(a_store_that_cannot_be_asked_is_named_with_the_reason),
        CASE(a_store_that_dies_after_the_decision_commits_when_it_is_back),
        CASE(a_store_paused_before_it_voted_leaves_no_orphan),
        CASE(the_early_mode_answers_with_the_decision),
        CASE(prepared_slots_bound_what_is_begun),
    };

    return doors_run_tests(tests, sizeof tests / sizeof tests[0]);
}
