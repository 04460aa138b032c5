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
#include "coordinator/coordinator.h"

#include "live_server.h"

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

#define N_STORES          3
#define WAIT_US           (20 * US_PER_S)
#define REQUESTS_MAX_HERE 512 /* of one door */
#define SEEN_MAX          256

static const char *const store_names[N_STORES] = {"pg1", "pg2", "redis"};
static struct live_server server[N_STORES];
static char folder[64]; /* of the decision logs */

/* --- stores ----------------------------------------------------------------------------------- */

static struct store *open_store(struct event_base *base, unsigned i, const char *application)
{
    struct topology_store where = {.kind = server[i].kind,
                                   .address = {.host = "127.0.0.1", .port = server[i].port},
                                   .user = LIVE_USER,
                                   .database = LIVE_DATABASE};
    struct store_options options = {.application = application, .sessions = 8};
    struct errctx err = {.message = ""};
    struct store *store;

    (void)snprintf(where.name, sizeof where.name, "%s", store_names[i]);
    if (store_open(base, &where, &where.address, &options, &store, &err) != 0)
        fail_msg("%s", err.message);
    return store;
}

struct verb {
    bool done;
    enum store_status status;
    unsigned n;
};

static void verb_done(void *arg, const struct store_reply *reply)
{
    struct verb *v = arg;

    v->done = true;
    v->status = reply->status;
}

static bool verb_is_done(void *arg)
{
    const struct verb *v = arg;

    return v->done;
}

static void await_verb(struct event_base *base, struct verb *v)
{
    assert_int_equal(loop_until(base, verb_is_done, v, WAIT_US), 0);
    assert_int_equal(v->status, STORE_OK);
}

/* --- what is in the stores -------------------------------------------------------------------- */

/* How often a request stands in each store's journals. */
struct seen {
    char request[REQUEST_ID_SIZE];
    unsigned n[N_STORES];
};

struct picture {
    struct verb scan; /* first: rows and end come with one argument */
    unsigned store;   /* being scanned */
    unsigned n_seen;
    struct seen seen[SEEN_MAX];
    unsigned n_in_doubt;
};

static const struct seen *find_seen(const struct picture *p, const char *request)
{
    for (unsigned i = 0; i < p->n_seen; i++) {
        if (strcmp(p->seen[i].request, request) == 0)
            return &p->seen[i];
    }
    return NULL;
}

static void look_at_row(void *arg, const struct store_scan_row *row)
{
    struct picture *p = arg;

    for (unsigned i = 0; i < row->n_entries; i++) {
        const struct seen *known = find_seen(p, row->entry[i].request);
        struct seen *s = known ? &p->seen[known - p->seen] : &p->seen[p->n_seen++];

        assert_true(p->n_seen <= SEEN_MAX);
        (void)snprintf(s->request, sizeof s->request, "%s", row->entry[i].request);
        s->n[p->store]++;
    }
}

static void scan_done(void *arg, const struct store_reply *reply)
{
    struct picture *p = arg;

    verb_done(&p->scan, reply);
}

static void listed(void *arg, enum store_status status, const struct store_in_doubt *entries,
                   unsigned n_entries, unsigned waiters)
{
    struct verb *v = arg;

    (void)entries;
    (void)waiters;
    v->done = true;
    v->status = status;
    v->n = n_entries;
}

static void take_picture(struct picture *p)
{
    struct event_base *base = loop_new();

    memset(p, 0, sizeof *p);
    for (unsigned i = 0; i < N_STORES; i++) {
        struct store *store = open_store(base, i, "test:look");
        struct verb list = {.done = false};

        p->store = i;
        p->scan.done = false;
        store_scan(store, look_at_row, clock_now_us() + WAIT_US, scan_done, p);
        await_verb(base, &p->scan);
        store_list_in_doubt(store, "", clock_now_us() + WAIT_US, listed, &list);
        await_verb(base, &list);
        p->n_in_doubt += list.n;
        store_free(store);
    }
    event_base_free(base);
}

/* Everywhere (1), nowhere (0); anything else fails the test. */
static bool happened(const struct picture *p, const char *request)
{
    const struct seen *s = find_seen(p, request);

    if (!s)
        return false;
    for (unsigned i = 1; i < N_STORES; i++) {
        if (s->n[i] != s->n[0])
            fail_msg("%s stands %u times in pg1, %u in pg2, %u in redis", request, s->n[0], s->n[1],
                     s->n[2]);
    }
    assert_int_equal(s->n[0], 1);
    return true;
}

/* --- a front door ----------------------------------------------------------------------------- */

struct answer {
    bool done;
    struct reply reply;
};

struct door {
    struct event_base *base;
    struct coordinator *co;
    struct store *store[N_STORES]; /* the coordinator's */
    bool ready;
    bool failed;
    struct errctx err;
    unsigned n_answered;
    unsigned n_sent;
    struct answer answer[REQUESTS_MAX_HERE];
};

static void door_ready(void *arg)
{
    struct door *d = arg;

    d->ready = true;
}

static void door_failed(void *arg, const struct errctx *err)
{
    struct door *d = arg;

    d->failed = true;
    d->err = *err;
}

static bool ready_or_failed(void *arg)
{
    const struct door *d = arg;

    return d->ready || d->failed;
}

static int try_door(struct door *d, const char *name, enum twopc_lock_order order)
{
    char dir[128];
    struct coordinator_options options = {.name = name, .dir = dir, .lock_order = order};
    struct coordinator_handlers handlers = {.ready = door_ready, .failed = door_failed, .arg = d};
    int rc;

    (void)snprintf(dir, sizeof dir, "%s/%s", folder, name);
    memset(d, 0, sizeof *d);
    d->base = loop_new();
    rc = coordinator_open(d->base, &options, &handlers, &d->co, &d->err);
    if (rc < 0) {
        event_base_free(d->base);
        return rc;
    }
    for (unsigned i = 0; i < N_STORES; i++)
        d->store[i] = open_store(d->base, i, coordinator_application(d->co));
    coordinator_start(d->co, d->store, N_STORES);
    assert_int_equal(loop_until(d->base, ready_or_failed, d, WAIT_US), 0);
    return 0;
}

static bool all_alive(void *arg)
{
    const struct door *d = arg;

    for (unsigned i = 0; i < N_STORES; i++) {
        if (!store_alive(d->store[i]))
            return false;
    }
    return true;
}

/* All stores are up, but a coordinator does not wait for ever for the last of them. */
static void open_door(struct door *d, const char *name, enum twopc_lock_order order)
{
    if (try_door(d, name, order) < 0 || d->failed)
        fail_msg("%s", d->err.message);
    assert_int_equal(loop_until(d->base, all_alive, d, WAIT_US), 0);
}

static void close_door(struct door *d)
{
    coordinator_free(d->co);
    event_base_free(d->base);
}

static void answered(void *arg, const struct reply *reply)
{
    struct answer *a = arg;

    assert_false(a->done);
    a->done = true;
    a->reply = *reply;
}

static struct op operation(enum op_kind kind, unsigned store, const char *key, const char *value)
{
    struct op op = {.kind = kind};

    (void)snprintf(op.store, sizeof op.store, "%s", store_names[store]);
    (void)snprintf(op.key, sizeof op.key, "%s", key);
    (void)snprintf(op.value, sizeof op.value, "%s", value);
    return op;
}

/* The same key and value at every store. */
static struct txn fan_out(enum op_kind kind, const char *request, const char *key)
{
    struct txn txn = {.n_ops = N_STORES};

    (void)snprintf(txn.request, sizeof txn.request, "%s", request);
    for (unsigned i = 0; i < N_STORES; i++)
        txn.op[i] = operation(kind, i, key, request);
    return txn;
}

static struct answer *send_txn(struct door *d, const struct txn *txn, int64_t deadline_us)
{
    struct answer *a;

    assert_true(d->n_sent < REQUESTS_MAX_HERE);
    a = &d->answer[d->n_sent++];
    coordinator_submit(d->co, txn, clock_now_us() + deadline_us, answered, a);
    assert_false(a->done); /* never from inside */
    return a;
}

static bool is_answered(void *arg)
{
    const struct answer *a = arg;

    return a->done;
}

static void await_answer(const struct door *d, struct answer *a)
{
    assert_int_equal(loop_until(d->base, is_answered, a, WAIT_US), 0);
}

/* Send, wait, and render: "ok everywhere", "conflict pg1 …". */
static const char *execute(struct door *d, const struct txn *txn)
{
    static char text[PROTOCOL_DETAIL_SIZE + 64];
    struct answer *a = send_txn(d, txn, 5 * US_PER_S);

    await_answer(d, a);
    if (a->reply.code == CODE_NONE)
        (void)snprintf(text, sizeof text, "ok %s", level_name(a->reply.level));
    else
        (void)snprintf(text, sizeof text, "%s %s", code_name(a->reply.code), a->reply.detail);
    return text;
}

static const char *status_of(struct door *d, const char *request)
{
    struct answer a = {.done = false};

    coordinator_status(d->co, request, answered, &a);
    await_answer(d, &a);
    assert_true(a.reply.is_status);
    return outcome_name(a.reply.outcome);
}

static bool is_idle(void *arg)
{
    const struct door *d = arg;

    return coordinator_in_flight(d->co) == 0;
}

static void await_idle(struct door *d)
{
    assert_int_equal(loop_until(d->base, is_idle, d, WAIT_US), 0);
}

/* --- before each test ------------------------------------------------------------------------- */

static void reset_store(unsigned i)
{
    struct event_base *base = loop_new();
    struct store *store = open_store(base, i, "test:reset");
    struct verb reset = {.done = false};

    store_reset(store, clock_now_us() + WAIT_US, verb_done, &reset);
    await_verb(base, &reset);
    store_free(store);
    event_base_free(base);
}

static int clean(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_STORES; i++)
        reset_store(i);
    (void)snprintf(folder, sizeof folder, "/tmp/test-coordinator-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* --- plain ------------------------------------------------------------------------------------ */

static void commits_everywhere(void **state)
{
    static struct picture p;
    static struct door d;
    struct txn txn = fan_out(OP_WRITE, "r1", "a");
    struct coordinator_counters c;

    (void)state;
    open_door(&d, "serve1", TWOPC_SORTED);
    assert_string_equal(execute(&d, &txn), "ok everywhere");
    assert_string_equal(status_of(&d, "r1"), "committed");
    assert_string_equal(status_of(&d, "r2"), "unknown");
    await_idle(&d);
    coordinator_counters(d.co, &c);
    assert_int_equal(c.log.fsyncs, 1);
    close_door(&d);
    take_picture(&p);
    assert_true(happened(&p, "r1"));
    assert_int_equal(p.n_in_doubt, 0);
}

static void a_constraint_at_one_store_aborts_at_all(void **state)
{
    static struct picture p;
    static struct door d;
    struct txn first = fan_out(OP_WRITE, "r1", "a");
    struct txn second = fan_out(OP_WRITE, "r2", "a");
    struct coordinator_counters c;

    (void)state;
    second.op[2].kind = OP_INSERT; /* redis has it already */
    open_door(&d, "serve1", TWOPC_SORTED);
    assert_string_equal(execute(&d, &first), "ok everywhere");
    assert_string_equal(execute(&d, &second), "constraint redis a: exists");
    assert_string_equal(status_of(&d, "r2"), "aborted");
    assert_string_equal(execute(&d, &second), "constraint as answered before"); /* barred */
    await_idle(&d);
    coordinator_counters(d.co, &c);
    assert_int_equal(c.log.fsyncs, 1); /* none for the abort */
    close_door(&d);
    take_picture(&p);
    assert_false(happened(&p, "r2"));
    assert_int_equal(p.n_in_doubt, 0);
}

static void reads_are_answered_from_one_instant(void **state)
{
    static struct door d;
    struct txn write = fan_out(OP_WRITE, "r1", "a");
    struct txn mixed = fan_out(OP_READ, "r2", "a");
    struct txn reads = fan_out(OP_READ, "r3", "a");
    struct answer *a;

    (void)state;
    open_door(&d, "serve1", TWOPC_SORTED);
    assert_string_equal(execute(&d, &write), "ok everywhere");
    mixed.op[1].kind = OP_WRITE;
    a = send_txn(&d, &mixed, US_PER_S);
    await_answer(&d, a);
    assert_int_equal(a->reply.code, CODE_NONE);
    assert_true(a->reply.has_reads);
    assert_string_equal(a->reply.read[0].value, "r1");
    assert_string_equal(a->reply.read[2].value, "r1");
    a = send_txn(&d, &reads, US_PER_S);
    await_answer(&d, a);
    assert_int_equal(a->reply.code, CODE_NONE);
    assert_string_equal(a->reply.read[1].value, "r2");
    assert_int_equal(a->reply.read[1].n, 2);
    await_idle(&d);
    close_door(&d);
}

static void one_store_needs_no_decision(void **state)
{
    static struct door d;
    struct txn txn = fan_out(OP_WRITE, "r1", "a");
    struct coordinator_counters c;

    (void)state;
    txn.n_ops = 1;
    open_door(&d, "serve1", TWOPC_SORTED);
    assert_string_equal(execute(&d, &txn), "ok everywhere");
    coordinator_counters(d.co, &c);
    assert_int_equal(c.log.fsyncs, 0);
    close_door(&d);
}

static void a_request_is_executed_once(void **state)
{
    static struct picture p;
    static struct door d;
    struct txn txn = fan_out(OP_APPEND, "r1", "a");
    struct answer *first, *second;

    (void)state;
    open_door(&d, "serve1", TWOPC_SORTED);
    first = send_txn(&d, &txn, US_PER_S);
    second = send_txn(&d, &txn, US_PER_S); /* joins */
    assert_string_equal(status_of(&d, "r1"), "pending");
    await_answer(&d, first);
    await_answer(&d, second);
    assert_int_equal(second->reply.code, CODE_NONE);
    assert_string_equal(execute(&d, &txn), "ok everywhere");
    await_idle(&d);
    close_door(&d);
    open_door(&d, "serve1", TWOPC_SORTED); /* known from the log */
    assert_string_equal(execute(&d, &txn), "ok decided");
    close_door(&d);
    take_picture(&p);
    assert_true(happened(&p, "r1")); /* once in each */
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
    struct txn txn = fan_out(OP_WRITE, "r1", "a");
    struct answer *a;

    (void)state;
    open_door(&d, "serve1", TWOPC_SORTED);
    crash_point_arm(CRASH_XA_VOTED, 1000);
    a = send_txn(&d, &txn, 200 * US_PER_MS);
    assert_int_equal(loop_until(d.base, one_has_voted, NULL, WAIT_US), 0);
    assert_int_equal(loop_for(d.base, 250 * US_PER_MS), 0);
    crash_point_disarm();
    await_answer(&d, a);
    assert_string_equal(code_name(a->reply.code), "timeout");
    await_idle(&d);
    assert_string_equal(execute(&d, &txn), "ok everywhere");
    close_door(&d);
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
    int64_t end = clock_now_us() + WAIT_US;

    while (!all_answered(doors) && clock_now_us() < end) {
        (void)event_base_loop(doors[0]->base, EVLOOP_NONBLOCK);
        (void)event_base_loop(doors[1]->base, EVLOOP_NONBLOCK);
    }
    assert_true(all_answered(doors));
    await_idle(doors[0]);
    await_idle(doors[1]);
}

/* Sorted lock order: opposed transactions wait for each other, and none deadlocks. */
static void two_coordinators_on_one_key_both_go_on(void **state)
{
    static struct picture p;
    static struct door d[2];
    struct door *doors[2] = {&d[0], &d[1]};
    char request[16];

    (void)state;
    open_door(&d[0], "serve1", TWOPC_SORTED);
    open_door(&d[1], "serve2", TWOPC_SORTED);
    for (unsigned i = 0; i < 40; i++) {
        struct txn txn;

        (void)snprintf(request, sizeof request, "r%u", i);
        txn = fan_out(OP_WRITE, request, "hot");
        (void)send_txn(&d[i % 2], &txn, 10 * US_PER_S);
    }
    serve_both(doors);
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned i = 0; i < d[k].n_sent; i++) {
            if (d[k].answer[i].reply.code != CODE_NONE)
                fail_msg("%s: %s", code_name(d[k].answer[i].reply.code),
                         d[k].answer[i].reply.detail);
        }
    }
    close_door(&d[0]);
    close_door(&d[1]);
    take_picture(&p);
    assert_int_equal(p.n_seen, 40);
    for (unsigned i = 0; i < p.n_seen; i++)
        assert_true(happened(&p, p.seen[i].request));
}

/* Of an ok read of a key at every store: how long the journals are, the same everywhere. */
static int64_t journal_length(const struct reply *reply)
{
    for (unsigned i = 1; i < N_STORES; i++) {
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
        open_door(&d[0], "serve1", orders[o]);
        open_door(&d[1], "serve2", orders[o]);
        for (unsigned i = 0; i < 160; i++) {
            struct txn txn;
            char request[16], key[16];

            (void)snprintf(request, sizeof request, "r%u", i);
            (void)snprintf(key, sizeof key, "%u-%u", o, i / 4);
            txn = fan_out(i % 4 == 1 || i % 4 == 2 ? OP_READ : OP_WRITE, request, key);
            (void)send_txn(&d[i % 2], &txn, 10 * US_PER_S);
        }
        serve_both(doors);
        for (unsigned i = 0; i < 2 * d[0].n_sent; i++) {
            const struct reply *reply = &d[i % 2].answer[i / 2].reply;

            if (reply->code != CODE_NONE || !reply->has_reads)
                continue;
            n_found += journal_length(reply) > 0;
            n_none += journal_length(reply) == 0;
        }
        close_door(&d[0]);
        close_door(&d[1]);
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
    struct txn read = fan_out(OP_READ, "r1", "a");
    struct txn write = fan_out(OP_WRITE, "r2", "a");
    struct answer *a;

    (void)state;
    open_door(&reader, "serve1", TWOPC_SORTED);
    open_door(&writer, "serve2", TWOPC_SORTED);
    crash_point_arm(CRASH_XA_FIRST_LOCKED, 1000);
    a = send_txn(&reader, &read, 10 * US_PER_S);
    assert_int_equal(loop_until(reader.base, one_stands_locked, NULL, WAIT_US), 0);
    assert_memory_equal(execute(&writer, &write), "conflict pg1", 12);
    crash_point_disarm();
    await_answer(&reader, a);
    assert_int_equal(journal_length(&a->reply), 0);
    write = fan_out(OP_WRITE, "r3", "a");
    assert_string_equal(execute(&writer, &write), "ok everywhere");
    await_idle(&reader);
    await_idle(&writer);
    close_door(&reader);
    close_door(&writer);
}

static void the_same_coordinator_twice_is_refused(void **state)
{
    static struct door first, second;

    (void)state;
    open_door(&first, "serve1", TWOPC_SORTED);
    assert_int_equal(try_door(&second, "serve1", TWOPC_SORTED), -EBUSY);
    close_door(&first);
}

/* Without its log it would roll back what it has decided. */
static void a_coordinator_that_lost_its_log_is_refused(void **state)
{
    static struct door d;
    char command[128];

    (void)state;
    open_door(&d, "serve1", TWOPC_SORTED);
    close_door(&d);
    (void)snprintf(command, sizeof command, "rm -rf %s/serve1", folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(try_door(&d, "serve1", TWOPC_SORTED), 0);
    assert_true(d.failed);
    assert_non_null(strstr(d.err.message, "the log was lost or is an old copy"));
    close_door(&d);
}

/* --- the front door dies ---------------------------------------------------------------------- */

#define GATHER 4

/* In a child: run into the crash point with transactions that commit, or with ones that abort. */
_Noreturn static void die_at(enum crash_point point, enum twopc_lock_order order)
{
    static struct door d;
    char request[16], key[16];

    open_door(&d, "serve1", order);
    crash_point_arm(point, point == CRASH_XA_ABORTING ? 1 : GATHER); /* those queue for one key */
    for (unsigned i = 0; i < 8; i++) {
        struct txn txn;

        (void)snprintf(request, sizeof request, "r%u", i);
        (void)snprintf(key, sizeof key, "k%u", i);
        txn = fan_out(OP_WRITE, request, key);
        if (point == CRASH_XA_ABORTING)
            txn.op[1] = operation(OP_INSERT, 1, "taken", request);
        (void)send_txn(&d, &txn, 10 * US_PER_S);
    }
    /* Not killed: the parent sees an exit instead of a signal. */
    _exit(loop_until(d.base, is_idle, &d, WAIT_US) == 0 ? 1 : 2);
}

static void take_key(void)
{
    static struct door d;
    struct txn txn = fan_out(OP_WRITE, "before", "taken");

    open_door(&d, "serve2", TWOPC_SORTED);
    assert_string_equal(execute(&d, &txn), "ok everywhere");
    close_door(&d);
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
    open_door(&d, "serve1", order);
    for (unsigned i = 0; i < 8; i++) {
        bool told_committed;

        (void)snprintf(request, sizeof request, "r%u", i);
        told_committed = strcmp(status_of(&d, request), "committed") == 0;
        take_picture(&p);
        if (told_committed != happened(&p, request))
            fail_msg("%s: %s: status and journals differ", crash_point_info(point)->name, request);
        n_happened += told_committed;
    }
    assert_int_equal(p.n_in_doubt, 0);
    close_door(&d);
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
        {CRASH_XA_ABORTING, TWOPC_SORTED, 0, 0},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned n = crash_and_recover(cases[i].point, cases[i].order);

        if (n < cases[i].at_least || n > cases[i].at_most)
            fail_msg("%s: %u of 8 happened", crash_point_info(cases[i].point)->name, n);
        assert_int_equal(remove_folder(state), 0);
        assert_int_equal(clean(state), 0);
    }
}

/* In a child: recover, and be killed in the middle of it. */
_Noreturn static void die_recovering(int64_t after_us)
{
    static struct door d;
    struct itimerval after = {.it_value = {.tv_usec = (suseconds_t)after_us}};

    (void)signal(SIGALRM, SIG_DFL);
    (void)setitimer(ITIMER_REAL, &after, NULL); /* SIGALRM ends the process just as suddenly */
    open_door(&d, "serve1", TWOPC_SORTED);
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
    open_door(&d, "serve1", TWOPC_SORTED);
    close_door(&d);
    take_picture(&p);
    for (unsigned i = 0; i < 8; i++) {
        (void)snprintf(request, sizeof request, "r%u", i);
        n_happened += happened(&p, request);
    }
    assert_true(n_happened >= GATHER);
    assert_int_equal(p.n_in_doubt, 0);
}

/* --- a store dies, or stops ------------------------------------------------------------------- */

static void a_store_that_is_away_is_unavailable_at_once(void **state)
{
    static struct door d;
    struct txn txn = fan_out(OP_WRITE, "r1", "a");
    struct txn elsewhere = fan_out(OP_WRITE, "r2", "a");

    (void)state;
    elsewhere.n_ops = 1;
    open_door(&d, "serve1", TWOPC_SORTED);
    live_server_kill(&server[1]);
    for (const char *said = ""; strncmp(said, "unavailable", 11) != 0;) {
        (void)snprintf(txn.request, sizeof txn.request, "r1-%u", d.n_sent);
        said = execute(&d, &txn);
    }
    assert_string_equal(execute(&d, &elsewhere), "ok everywhere");
    live_server_start(&server[1]);
    await_idle(&d);
    close_door(&d);
}

/* The same request until it is answered so; what was `unavailable` was not begun. */
static void execute_until(struct door *d, const struct txn *txn, const char *expected)
{
    const char *said = "";

    for (int64_t end = clock_now_us() + WAIT_US; clock_now_us() < end;) {
        said = execute(d, txn);
        if (strcmp(said, expected) == 0)
            return;
        assert_int_equal(loop_for(d->base, 10 * US_PER_MS), 0);
    }
    fail_msg("%s: %s", txn->request, said);
}

static void recovers_while_a_participant_is_down(void **state)
{
    static struct door d;
    struct txn txn = fan_out(OP_WRITE, "r1", "a");

    (void)state;
    txn.n_ops = 1;
    live_server_kill(&server[1]);
    assert_int_equal(try_door(&d, "serve1", TWOPC_SORTED), 0); /* ready all the same */
    assert_false(d.failed);
    execute_until(&d, &txn, "ok everywhere");
    live_server_start(&server[1]);
    txn = fan_out(OP_WRITE, "r2", "a");
    execute_until(&d, &txn, "ok everywhere");
    assert_string_equal(status_of(&d, "r2"), "committed");
    await_idle(&d);
    close_door(&d);
}

static void by_hand(unsigned i, const char *sql)
{
    char where[128];
    PGconn *conn;

    (void)snprintf(where, sizeof where, "host=127.0.0.1 port=%u user=%s dbname=%s",
                   (unsigned)server[i].port, LIVE_USER, LIVE_DATABASE);
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
    struct txn txn = fan_out(OP_WRITE, "r1", "a");
    struct coordinator_counters c;

    (void)state;
    by_hand(0, "DROP TABLE coordinator_epoch");
    open_door(&d, "serve1", TWOPC_SORTED);
    execute_until(&d, &txn,
                  "unavailable pg1 is not recovered yet: asking what it knows of the decision log: "
                  "fatal, relation \"coordinator_epoch\" does not exist");
    coordinator_counters(d.co, &c);
    assert_int_equal(c.not_recovered, 1);
    reset_store(0);
    execute_until(&d, &txn, "ok everywhere");
    coordinator_counters(d.co, &c);
    assert_int_equal(c.not_recovered, 0);
    await_idle(&d);
    close_door(&d);
}

static bool one_stands_decided(void *arg)
{
    (void)arg;
    return crash_point_standing(CRASH_XA_DECIDED) == 1;
}

static void a_store_that_dies_after_the_decision_commits_when_it_is_back(void **state)
{
    static struct picture p;
    static struct door d;
    struct txn txn = fan_out(OP_WRITE, "r1", "a");
    struct answer *a;

    (void)state;
    open_door(&d, "serve1", TWOPC_SORTED);
    crash_point_arm(CRASH_XA_DECIDED, 1000);
    a = send_txn(&d, &txn, 10 * US_PER_S);
    assert_int_equal(loop_until(d.base, one_stands_decided, NULL, WAIT_US), 0);
    live_server_kill(&server[1]);
    crash_point_disarm();
    await_answer(&d, a);
    assert_int_equal(a->reply.code, CODE_NONE);
    assert_int_equal(a->reply.level, LEVEL_DECIDED);
    assert_int_equal(coordinator_in_flight(d.co), 1);
    live_server_start(&server[1]);
    await_idle(&d);
    close_door(&d);
    take_picture(&p);
    assert_true(happened(&p, "r1"));
    assert_int_equal(p.n_in_doubt, 0);
}

/* An operator at a store: settles the one branch that is in doubt there, once it is. */
struct hand {
    struct store *store;
    bool commit;
    struct verb resolve;
};

static void resolve_all(void *arg, enum store_status status, const struct store_in_doubt *entries,
                        unsigned n_entries, unsigned waiters)
{
    struct hand *hand = arg;

    (void)waiters;
    assert_int_equal(status, STORE_OK);
    if (n_entries == 0) {
        store_list_in_doubt(hand->store, "", clock_now_us() + WAIT_US, resolve_all, hand);
        return;
    }
    assert_int_equal(n_entries, 1);
    store_resolve(hand->store, entries[0].gid, hand->commit, clock_now_us() + WAIT_US, verb_done,
                  &hand->resolve);
}

static void settle_by_hand(unsigned i, bool commit)
{
    struct event_base *base = loop_new();
    struct hand hand = {.store = open_store(base, i, "test:hand"), .commit = commit};

    store_list_in_doubt(hand.store, "", clock_now_us() + WAIT_US, resolve_all, &hand);
    await_verb(base, &hand.resolve);
    store_free(hand.store);
    event_base_free(base);
}

static void count_open(void *arg, const struct decision *decision)
{
    int *n_open = arg;

    *n_open += decision->kind == DECISION_COMMIT;
    *n_open -= decision->kind == DECISION_END;
}

/* Rolled back by hand, after the decision. PostgreSQL knows nothing of it then, Redis remembers. */
static void what_was_settled_by_hand_is_not_called_committed_everywhere(void **state)
{
    static struct door d;
    struct txn txn = fan_out(OP_WRITE, "r1", "a");
    struct coordinator_counters c;
    struct answer *a;
    char dir[128];
    int n_open = 0;

    (void)state;
    for (unsigned by_hand_at = 0; by_hand_at < N_STORES; by_hand_at++) {
        (void)snprintf(txn.request, sizeof txn.request, "r%u", by_hand_at);
        open_door(&d, "serve1", TWOPC_SORTED);
        crash_point_arm(CRASH_XA_DECIDED, 1000);
        a = send_txn(&d, &txn, 10 * US_PER_S);
        assert_int_equal(loop_until(d.base, one_stands_decided, NULL, WAIT_US), 0);
        settle_by_hand(by_hand_at, false);
        crash_point_disarm();
        await_answer(&d, a);
        await_idle(&d);
        assert_string_equal(execute(&d, &txn), "ok decided");
        assert_int_equal(a->reply.level, LEVEL_DECIDED);
        coordinator_counters(d.co, &c);
        assert_int_equal(c.not_there, by_hand_at < 2);
        assert_int_equal(c.heuristic, by_hand_at == 2);
        assert_int_equal(c.open_decisions, 1);
        close_door(&d);
    }
    (void)snprintf(dir, sizeof dir, "%s/serve1", folder);
    assert_int_equal(decision_log_read(dir, count_open, &n_open, NULL), 0);
    assert_int_equal(n_open, 1); /* the last; the others were ended by the next incarnation */
}

static bool one_stands_aborting(void *arg)
{
    (void)arg;
    return crash_point_standing(CRASH_XA_ABORTING) == 1;
}

/* Committed by hand at Redis while it aborts, since pg2 refuses: the door is not kept by it. */
/* Decided, in doubt everywhere; and then, by hand, at pg1 no more. Who sees it there must not be
 * told by another store that it never was. */
static void a_read_of_one_store_waits_for_what_is_in_doubt_there(void **state)
{
    static struct door writer, reader;
    struct txn write = fan_out(OP_WRITE, "r1", "a");

    (void)state;
    open_door(&writer, "serve1", TWOPC_SORTED);
    open_door(&reader, "serve2", TWOPC_SORTED);
    crash_point_arm(CRASH_XA_DECIDED, 1000);
    (void)send_txn(&writer, &write, 10 * US_PER_S);
    assert_int_equal(loop_until(writer.base, one_stands_decided, NULL, WAIT_US), 0);
    settle_by_hand(0, true);
    for (unsigned i = 0; i < N_STORES; i++) {
        char request[REQUEST_ID_SIZE];
        struct txn read;
        struct answer *a;

        (void)snprintf(request, sizeof request, "read-%s", store_names[i]);
        read = fan_out(OP_READ, request, "a");
        read.op[0] = read.op[i];
        read.n_ops = 1;
        a = send_txn(&reader, &read, 10 * US_PER_S);
        await_answer(&reader, a);
        assert_string_equal(code_name(a->reply.code), i == 0 ? "" : "conflict");
        assert_int_equal(a->reply.read[0].n, i == 0 ? 1 : 0);
    }
    crash_point_disarm();
    await_idle(&writer);
    close_door(&reader);
    close_door(&writer);
}

static void an_abort_that_was_committed_by_hand_is_counted_and_over(void **state)
{
    static struct door d;
    struct txn first = fan_out(OP_WRITE, "r1", "a");
    struct txn second = fan_out(OP_WRITE, "r2", "a");
    struct coordinator_counters c;
    struct answer *a;

    (void)state;
    second.op[1].kind = OP_INSERT;
    open_door(&d, "serve1", TWOPC_SORTED);
    assert_string_equal(execute(&d, &first), "ok everywhere");
    await_idle(&d);
    crash_point_arm(CRASH_XA_ABORTING, 1000);
    a = send_txn(&d, &second, 10 * US_PER_S);
    assert_int_equal(loop_until(d.base, one_stands_aborting, NULL, WAIT_US), 0);
    settle_by_hand(2, true);
    crash_point_disarm();
    await_answer(&d, a);
    assert_int_equal(a->reply.code, CODE_CONSTRAINT);
    await_idle(&d);
    coordinator_counters(d.co, &c);
    assert_int_equal(c.heuristic, 1);
    assert_int_equal(c.open_decisions, 0);
    close_door(&d);
}

static void waiting_for_a_key_in_doubt_counts_against_the_deadline(void **state)
{
    static struct door d;
    struct txn first = fan_out(OP_WRITE, "r1", "a");
    struct txn second = fan_out(OP_WRITE, "r2", "a");
    struct txn other = fan_out(OP_WRITE, "r3", "b");
    struct answer *a;

    (void)state;
    open_door(&d, "serve1", TWOPC_SORTED);
    crash_point_arm(CRASH_XA_DECIDED, 1000);
    (void)send_txn(&d, &first, 10 * US_PER_S);
    assert_int_equal(loop_until(d.base, one_stands_decided, NULL, WAIT_US), 0);
    assert_string_equal(status_of(&d, "r1"), "committed");
    a = send_txn(&d, &second, 50 * US_PER_MS);
    await_answer(&d, a);
    assert_int_equal(a->reply.code, CODE_CONFLICT);
    crash_point_disarm();
    assert_string_equal(execute(&d, &other), "ok everywhere");
    await_idle(&d);
    close_door(&d);
}

static void a_store_paused_before_it_voted_leaves_no_orphan(void **state)
{
    static struct picture p;
    static struct door d;
    struct txn txn = fan_out(OP_WRITE, "r1", "a");
    struct answer *a;

    (void)state;
    for (unsigned paused = 0; paused < N_STORES; paused++) {
        open_door(&d, "serve1", TWOPC_PARALLEL);
        live_server_pause(&server[paused]);
        a = send_txn(&d, &txn, 300 * US_PER_MS);
        await_answer(&d, a);
        assert_int_equal(a->reply.code, CODE_ABORTED);
        live_server_continue(&server[paused]);
        await_idle(&d);
        close_door(&d);
        take_picture(&p);
        assert_false(happened(&p, "r1"));
        assert_int_equal(p.n_in_doubt, 0);
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, clean, remove_folder)
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
        CASE(what_was_settled_by_hand_is_not_called_committed_everywhere),
        CASE(a_read_of_one_store_waits_for_what_is_in_doubt_there),
        CASE(an_abort_that_was_committed_by_hand_is_counted_and_over),
        CASE(a_store_that_is_away_is_unavailable_at_once),
        CASE(recovers_while_a_participant_is_down),
        CASE(a_store_that_cannot_be_asked_is_named_with_the_reason),
        CASE(a_store_that_dies_after_the_decision_commits_when_it_is_back),
        CASE(a_store_paused_before_it_voted_leaves_no_orphan),
    };
    int failed;

    live_server_new(&server[0], STORE_POSTGRES);
    live_server_new(&server[1], STORE_POSTGRES);
    live_server_new(&server[2], STORE_REDIS);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (unsigned i = 0; i < N_STORES; i++)
        live_server_free(&server[i]);
    return failed;
}
