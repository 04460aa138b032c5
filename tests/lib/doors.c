/* Coordinators on real stores, for tests: see the header. */
#include "doors.h"

#include "base/clock.h"
#include "base/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const char *const doors_store_name[DOORS_STORES] = {"pg1", "pg2", "redis"};
struct live_server doors_server[DOORS_STORES];
bool doors_requests_at_stores;
enum twopc_reply_rule doors_reply_rule;
char doors_folder[64]; /* of the decision logs */

/* --- stores ----------------------------------------------------------------------------------- */

struct store *doors_open_store(struct event_base *base, unsigned i, const char *application)
{
    struct topology_store where = {.kind = doors_server[i].kind,
                                   .address = {.host = "127.0.0.1", .port = doors_server[i].port},
                                   .user = LIVE_USER,
                                   .database = LIVE_DATABASE};
    struct store_options options = {
        .application = application, .sessions = 8, .once = doors_requests_at_stores};
    struct errctx err = {.message = ""};
    struct store *store;

    (void)snprintf(where.name, sizeof where.name, "%s", doors_store_name[i]);
    if (store_open(base, &where, &where.address, &options, &store, &err) != 0)
        fail_msg("%s", err.message);
    return store;
}

void doors_verb_done(void *arg, const struct store_reply *reply)
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

void doors_await_verb(struct event_base *base, struct verb *v)
{
    assert_int_equal(loop_until(base, verb_is_done, v, DOORS_WAIT_US), 0);
    assert_int_equal(v->status, STORE_OK);
}

/* --- what is in the stores -------------------------------------------------------------------- */

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

        assert_true(p->n_seen <= DOORS_SEEN_MAX);
        (void)snprintf(s->request, sizeof s->request, "%s", row->entry[i].request);
        s->n[p->store]++;
    }
}

static void scan_done(void *arg, const struct store_reply *reply)
{
    struct picture *p = arg;

    doors_verb_done(&p->scan, reply);
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

void doors_look(struct picture *p)
{
    struct event_base *base = loop_new();

    memset(p, 0, sizeof *p);
    for (unsigned i = 0; i < DOORS_STORES; i++) {
        struct store *store = doors_open_store(base, i, "test:look");
        struct verb list = {.done = false};

        p->store = i;
        p->scan.done = false;
        store_scan(store, look_at_row, clock_now_us() + DOORS_WAIT_US, scan_done, p);
        doors_await_verb(base, &p->scan);
        store_list_in_doubt(store, "", clock_now_us() + DOORS_WAIT_US, listed, &list);
        doors_await_verb(base, &list);
        p->n_in_doubt += list.n;
        store_free(store);
    }
    event_base_free(base);
}

/* Everywhere (1), nowhere (0); anything else fails the test. */
bool doors_happened(const struct picture *p, const char *request)
{
    const struct seen *s = find_seen(p, request);

    if (!s)
        return false;
    for (unsigned i = 1; i < DOORS_STORES; i++) {
        if (s->n[i] != s->n[0])
            fail_msg("%s stands %u times in pg1, %u in pg2, %u in redis", request, s->n[0], s->n[1],
                     s->n[2]);
    }
    assert_int_equal(s->n[0], 1);
    return true;
}

/* --- a front door ----------------------------------------------------------------------------- */

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

int doors_try(struct door *d, const char *name, enum twopc_lock_order order)
{
    char dir[128];
    struct coordinator_options options = {.name = name,
                                          .dir = dir,
                                          .lock_order = order,
                                          .requests_at_stores = doors_requests_at_stores,
                                          .reply_rule = doors_reply_rule};
    struct coordinator_handlers handlers = {.ready = door_ready, .failed = door_failed, .arg = d};
    int rc;

    (void)snprintf(dir, sizeof dir, "%s/%s", doors_folder, name);
    memset(d, 0, sizeof *d);
    d->base = loop_new();
    rc = coordinator_open(d->base, &options, &handlers, &d->co, &d->err);
    if (rc < 0) {
        event_base_free(d->base);
        return rc;
    }
    for (unsigned i = 0; i < DOORS_STORES; i++)
        d->store[i] = doors_open_store(d->base, i, coordinator_application(d->co));
    coordinator_start(d->co, d->store, DOORS_STORES);
    assert_int_equal(loop_until(d->base, ready_or_failed, d, DOORS_WAIT_US), 0);
    return 0;
}

static bool all_alive(void *arg)
{
    const struct door *d = arg;

    for (unsigned i = 0; i < DOORS_STORES; i++) {
        if (!store_alive(d->store[i]))
            return false;
    }
    return true;
}

/* All stores are up, but a coordinator does not wait for ever for the last of them. */
void doors_open(struct door *d, const char *name, enum twopc_lock_order order)
{
    if (doors_try(d, name, order) < 0 || d->failed)
        fail_msg("%s", d->err.message);
    assert_int_equal(loop_until(d->base, all_alive, d, DOORS_WAIT_US), 0);
}

static bool is_usable(void *arg)
{
    const struct door *d = arg;
    struct coordinator_counters c;

    coordinator_counters(d->co, &c);
    return c.not_recovered == 0;
}

void doors_await_usable(struct door *d)
{
    assert_int_equal(loop_until(d->base, is_usable, d, DOORS_WAIT_US), 0);
}

void doors_close(struct door *d)
{
    coordinator_free(d->co);
    event_base_free(d->base);
}

void doors_answered(void *arg, const struct reply *reply)
{
    struct answer *a = arg;

    assert_false(a->done);
    a->done = true;
    a->reply = *reply;
}

struct op doors_operation(enum op_kind kind, unsigned store, const char *key, const char *value)
{
    struct op op = {.kind = kind};

    (void)snprintf(op.store, sizeof op.store, "%s", doors_store_name[store]);
    (void)snprintf(op.key, sizeof op.key, "%s", key);
    (void)snprintf(op.value, sizeof op.value, "%s", value);
    return op;
}

/* The same key and value at every store. */
struct txn doors_fan_out(enum op_kind kind, const char *request, const char *key)
{
    struct txn txn = {.n_ops = DOORS_STORES};

    (void)snprintf(txn.request, sizeof txn.request, "%s", request);
    for (unsigned i = 0; i < DOORS_STORES; i++)
        txn.op[i] = doors_operation(kind, i, key, request);
    return txn;
}

struct answer *doors_send(struct door *d, const struct txn *txn, int64_t deadline_us)
{
    struct answer *a;

    assert_true(d->n_sent < DOORS_REQUESTS_MAX);
    a = &d->answer[d->n_sent++];
    coordinator_submit(d->co, txn, clock_now_us() + deadline_us, doors_answered, a);
    assert_false(a->done); /* never from inside */
    return a;
}

static bool is_answered(void *arg)
{
    const struct answer *a = arg;

    return a->done;
}

void doors_await(const struct door *d, struct answer *a)
{
    assert_int_equal(loop_until(d->base, is_answered, a, DOORS_WAIT_US), 0);
}

/* Send, wait, and render: "ok everywhere", "conflict pg1 …". */
const char *doors_execute(struct door *d, const struct txn *txn)
{
    static char text[PROTOCOL_DETAIL_SIZE + 64];
    struct answer *a = doors_send(d, txn, 5 * US_PER_S);

    doors_await(d, a);
    if (a->reply.code == CODE_NONE)
        (void)snprintf(text, sizeof text, "ok %s", level_name(a->reply.level));
    else
        (void)snprintf(text, sizeof text, "%s %s", code_name(a->reply.code), a->reply.detail);
    return text;
}

const char *doors_status(struct door *d, const char *request)
{
    struct answer a = {.done = false};

    coordinator_status(d->co, request, doors_answered, &a);
    doors_await(d, &a);
    assert_true(a.reply.is_status);
    return outcome_name(a.reply.outcome);
}

bool doors_is_idle(void *arg)
{
    const struct door *d = arg;

    return coordinator_in_flight(d->co) == 0;
}

void doors_await_idle(struct door *d)
{
    assert_int_equal(loop_until(d->base, doors_is_idle, d, DOORS_WAIT_US), 0);
}

/* --- before each test ------------------------------------------------------------------------- */

void doors_reset_store(unsigned i)
{
    struct event_base *base = loop_new();
    struct store *store = doors_open_store(base, i, "test:reset");
    struct verb reset = {.done = false};

    store_reset(store, clock_now_us() + DOORS_WAIT_US, doors_verb_done, &reset);
    doors_await_verb(base, &reset);
    store_free(store);
    event_base_free(base);
}

int doors_clean(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DOORS_STORES; i++)
        doors_reset_store(i);
    (void)snprintf(doors_folder, sizeof doors_folder, "/tmp/test-coordinator-XXXXXX");
    return mkdtemp(doors_folder) ? 0 : -1;
}

int doors_remove_folder(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s", doors_folder);
    return system(command);
}

static bool stands(void *arg)
{
    const enum crash_point *at = arg;

    return crash_point_standing(*at) == 1;
}

struct answer *doors_send_held(struct door *d, const struct txn *txn, enum crash_point at)
{
    struct answer *a;

    crash_point_arm(at, 1000);
    a = doors_send(d, txn, 10 * US_PER_S);
    assert_int_equal(loop_until(d->base, stands, &at, DOORS_WAIT_US), 0);
    return a;
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
        store_list_in_doubt(hand->store, "", clock_now_us() + DOORS_WAIT_US, resolve_all, hand);
        return;
    }
    assert_int_equal(n_entries, 1);
    store_resolve(hand->store, entries[0].gid, hand->commit, clock_now_us() + DOORS_WAIT_US,
                  doors_verb_done, &hand->resolve);
}

void doors_settle_by_hand(unsigned i, bool commit)
{
    struct event_base *base = loop_new();
    struct hand hand = {.store = doors_open_store(base, i, "test:hand"), .commit = commit};

    store_list_in_doubt(hand.store, "", clock_now_us() + DOORS_WAIT_US, resolve_all, &hand);
    doors_await_verb(base, &hand.resolve);
    store_free(hand.store);
    event_base_free(base);
}

int doors_run_tests(const struct CMUnitTest *tests, size_t n)
{
    int failed;

    live_server_new(&doors_server[0], STORE_POSTGRES);
    live_server_new(&doors_server[1], STORE_POSTGRES);
    live_server_new(&doors_server[2], STORE_REDIS);
    failed = _cmocka_run_group_tests("doors", tests, n, NULL, NULL);
    for (unsigned i = 0; i < DOORS_STORES; i++)
        live_server_free(&doors_server[i]);
    return failed;
}
