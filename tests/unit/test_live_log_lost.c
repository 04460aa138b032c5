/*
 * A decision log that is lost, rolled back or out of space. Folder: coordinator
 *
 * On a real PostgreSQL and a real Redis: the log deleted, an older copy of it in its place, from
 * the same epoch or an earlier one; a store whose files are an older copy. None may be started
 * with, or settled at, as if nothing had happened. And a file system that is really full.
 */
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/loop.h"
#include "coordinator/coordinator.h"
#include "coordinator/coordinator_private.h"
#include "coordinator/recovery_private.h"

#include "live_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define N_STORES 2
#define WAIT_US  (20 * US_PER_S)

static const char *const store_names[N_STORES] = {"pg1", "redis"};
static struct live_server server[N_STORES];
static char folder[64]; /* of the decision log, in "serve1", and of copies */

__attribute__((format(printf, 1, 2))) static void shell(const char *format, ...)
{
    char command[512];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(command, sizeof command, format, ap);
    va_end(ap);
    if (system(command) != 0)
        fail_msg("%s", command);
}

/* --- stores ----------------------------------------------------------------------------------- */

static struct store *open_store(struct event_base *base, unsigned i, const char *application)
{
    struct topology_store where = {.kind = server[i].kind,
                                   .address = {.host = "127.0.0.1", .port = server[i].port},
                                   .user = LIVE_USER,
                                   .database = LIVE_DATABASE};
    struct store_options options = {.application = application, .sessions = 4};
    struct errctx err = {.message = ""};
    struct store *store;

    (void)snprintf(where.name, sizeof where.name, "%s", store_names[i]);
    if (store_open(base, &where, &where.address, &options, &store, &err) != 0)
        fail_msg("%s", err.message);
    return store;
}

/* What one verb has answered. */
struct verb {
    bool done;
    enum store_status status;
    struct store_mark mark;
    unsigned n; /* in doubt; or the length of a journal */
};

static bool is_done(void *arg)
{
    const struct verb *v = arg;

    return v->done;
}

static void await_verb(struct event_base *base, struct verb *v)
{
    assert_int_equal(loop_until(base, is_done, v, WAIT_US), 0);
    assert_int_equal(v->status, STORE_OK);
}

static void verb_done(void *arg, const struct store_reply *reply)
{
    struct verb *v = arg;

    v->done = true;
    v->status = reply->status;
}

static void marked(void *arg, const struct store_reply *reply, int64_t fence,
                   const struct store_mark *before)
{
    struct verb *v = arg;

    (void)fence;
    v->done = true;
    v->status = reply->status;
    v->mark = *before;
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

static void count_row(void *arg, const struct store_scan_row *row)
{
    struct verb *v = arg;

    v->n += row->n_entries;
}

/* Entries of all journals at a store. */
static unsigned n_written(unsigned i)
{
    struct event_base *base = loop_new();
    struct store *store = open_store(base, i, "test:look");
    struct verb v = {.done = false};

    store_scan(store, count_row, clock_now_us() + WAIT_US, verb_done, &v);
    await_verb(base, &v);
    store_free(store);
    event_base_free(base);
    return v.n;
}

static unsigned n_in_doubt(unsigned i)
{
    struct event_base *base = loop_new();
    struct store *store = open_store(base, i, "test:look");
    struct verb v = {.done = false};

    store_list_in_doubt(store, "", clock_now_us() + WAIT_US, listed, &v);
    await_verb(base, &v);
    store_free(store);
    event_base_free(base);
    return v.n;
}

static void reset(unsigned i)
{
    struct event_base *base = loop_new();
    struct store *store = open_store(base, i, "test:reset");
    struct verb v = {.done = false};

    store_reset(store, clock_now_us() + WAIT_US, verb_done, &v);
    await_verb(base, &v);
    store_free(store);
    event_base_free(base);
}

/* --- a front door ----------------------------------------------------------------------------- */

struct door {
    struct event_base *base;
    struct coordinator *co;
    bool ready, failed, answered;
    struct errctx err;
    struct reply reply;
};

static void on_ready(void *arg)
{
    struct door *d = arg;

    d->ready = true;
}

static void on_failed(void *arg, const struct errctx *err)
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

static void start_door(struct door *d, bool force)
{
    char dir[128];
    struct coordinator_options options = {
        .name = "serve1", .dir = dir, .force_presume_abort = force};
    struct coordinator_handlers handlers = {.ready = on_ready, .failed = on_failed, .arg = d};
    struct store *stores[N_STORES];

    (void)snprintf(dir, sizeof dir, "%s/serve1", folder);
    *d = (struct door){.base = loop_new()};
    if (coordinator_open(d->base, &options, &handlers, &d->co, &d->err) != 0)
        fail_msg("%s", d->err.message);
    for (unsigned i = 0; i < N_STORES; i++)
        stores[i] = open_store(d->base, i, coordinator_application(d->co));
    coordinator_start(d->co, stores, N_STORES);
}

static void try_door(struct door *d, bool force)
{
    start_door(d, force);
    assert_int_equal(loop_until(d->base, ready_or_failed, d, WAIT_US), 0);
}

static void open_door(struct door *d)
{
    try_door(d, false);
    if (d->failed)
        fail_msg("%s", d->err.message);
}

static void close_door(struct door *d)
{
    coordinator_free(d->co);
    event_base_free(d->base);
}

static void answered(void *arg, const struct reply *reply)
{
    struct door *d = arg;

    d->answered = true;
    d->reply = *reply;
}

static bool is_answered(void *arg)
{
    const struct door *d = arg;

    return d->answered;
}

static bool is_idle(void *arg)
{
    const struct door *d = arg;

    return coordinator_in_flight(d->co) == 0;
}

static void submit(struct door *d, const char *request)
{
    struct txn txn = {.n_ops = N_STORES};

    (void)snprintf(txn.request, sizeof txn.request, "%s", request);
    for (unsigned i = 0; i < N_STORES; i++) {
        txn.op[i].kind = OP_WRITE;
        (void)snprintf(txn.op[i].store, sizeof txn.op[i].store, "%s", store_names[i]);
        (void)snprintf(txn.op[i].key, sizeof txn.op[i].key, "%s", request);
        (void)snprintf(txn.op[i].value, sizeof txn.op[i].value, "v");
    }
    d->answered = false;
    coordinator_submit(d->co, &txn, clock_now_us() + WAIT_US, answered, d);
}

static void write_everywhere(struct door *d, const char *request)
{
    submit(d, request);
    assert_int_equal(loop_until(d->base, is_answered, d, WAIT_US), 0);
    if (d->reply.code != CODE_NONE)
        fail_msg("%s: %s", code_name(d->reply.code), d->reply.detail);
    assert_int_equal(loop_until(d->base, is_idle, d, WAIT_US), 0);
}

/* Until each store was told of all that is durable now. */
static void await_marks(const struct door *d)
{
    int64_t durable = (int64_t)decision_log_durable(d->co->log);

    for (unsigned i = 0; i < N_STORES; i++) {
        struct store *store = open_store(d->base, i, "test:look");
        struct verb v = {.done = false};

        while (v.mark.sequence < durable) {
            v.done = false;
            store_mark(store, "serve1", 0, NULL, clock_now_us() + WAIT_US, marked, &v);
            await_verb(d->base, &v);
        }
        store_free(store);
    }
}

static void must_refuse(const char *why)
{
    struct door d;

    for (unsigned tries = 0; tries < 3; tries++) { /* a refused start changes nothing */
        try_door(&d, false);
        assert_true(d.failed);
        assert_int_equal(d.err.class, ERR_FENCED);
        if (!strstr(d.err.message, why) || !strstr(d.err.message, "--force-presume-abort"))
            fail_msg("%s", d.err.message);
        close_door(&d);
    }
}

/* --- before each test ------------------------------------------------------------------------- */

static int clean(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_STORES; i++)
        reset(i);
    (void)snprintf(folder, sizeof folder, "/tmp/test-log-lost-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    shell("umount -ql %s 2>/dev/null; rm -rf %s", folder, folder); /* after a failure, too */
    return 0;
}

/* --- the log ---------------------------------------------------------------------------------- */

#define GATHER 2

/* In a child: decided, and killed before any store was told. */
_Noreturn static void die_decided(void)
{
    struct door d;

    open_door(&d);
    write_everywhere(&d, "r0");
    await_marks(&d);
    crash_point_arm(CRASH_XA_DECIDED, GATHER);
    submit(&d, "r1");
    submit(&d, "r2");
    _exit(loop_until(d.base, is_idle, &d, WAIT_US) == 0 ? 1 : 2);
}

static void leave_two_in_doubt(void)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        die_decided();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(n_in_doubt(0), GATHER);
}

static void sql(const char *statement)
{
    shell("printf '%%s\\n' \"%s\" | psql -v ON_ERROR_STOP=1 -qh 127.0.0.1 -p %u -U %s %s",
          statement, (unsigned)server[0].port, LIVE_USER, LIVE_DATABASE);
}

static void commit_one_by_hand(void)
{
    sql("SELECT format('COMMIT PREPARED %L', min(gid)) FROM pg_prepared_xacts \\\\gexec");
}

static void a_log_that_was_deleted_is_refused(void **state)
{
    (void)state;
    leave_two_in_doubt();
    shell("mv %s/serve1 %s/true", folder, folder);
    must_refuse("has seen record");
    assert_int_equal(n_in_doubt(0), GATHER); /* untouched */
    assert_int_equal(n_in_doubt(1), GATHER);
}

/* … and the refusals have left nothing behind that the true log would be refused for. */
static void the_true_log_put_back_is_started_with(void **state)
{
    struct door d;

    (void)state;
    leave_two_in_doubt();
    shell("mv %s/serve1 %s/true", folder, folder);
    must_refuse("has seen record");
    shell("rm -r %s/serve1; mv %s/true %s/serve1", folder, folder, folder);
    open_door(&d);
    close_door(&d);
    assert_int_equal(n_written(0), 1 + GATHER);
    assert_int_equal(n_written(1), 1 + GATHER);
    assert_int_equal(n_in_doubt(0) + n_in_doubt(1), 0);
}

static void forced_it_goes_on_above_and_rolls_back(void **state)
{
    struct door d;

    (void)state;
    leave_two_in_doubt();
    shell("rm -r %s/serve1", folder);
    must_refuse("has seen record");
    try_door(&d, true);
    assert_true(d.ready);
    write_everywhere(&d, "r3");
    close_door(&d);
    assert_int_equal(n_in_doubt(0) + n_in_doubt(1), 0);
    assert_int_equal(n_written(0), 2); /* r0 and r3 */
    assert_int_equal(n_written(1), 2);
    open_door(&d); /* and not to be forced again */
    close_door(&d);
}

/* The tables were emptied: what is prepared there tells still. */
static void branches_alone_are_enough_to_refuse(void **state)
{
    (void)state;
    leave_two_in_doubt();
    shell("rm -r %s/serve1", folder);
    for (unsigned i = 0; i < N_STORES; i++) {
        if (server[i].kind == STORE_POSTGRES)
            sql("DELETE FROM coordinator_epoch");
        else
            shell("redis-cli -p %u DEL epoch mark >/dev/null", (unsigned)server[i].port);
    }
    must_refuse("has seen a transaction");
    assert_int_equal(n_in_doubt(0), GATHER);
}

static void a_copy_from_the_same_epoch_is_refused(void **state)
{
    struct door d;

    (void)state;
    open_door(&d);
    write_everywhere(&d, "r1");
    shell("cp -a %s/serve1 %s/copy", folder, folder);
    write_everywhere(&d, "r2");
    await_marks(&d);
    close_door(&d);
    shell("rm -r %s/serve1; mv %s/copy %s/serve1", folder, folder, folder);
    must_refuse("has seen record");
}

static void a_copy_from_an_earlier_epoch_is_refused(void **state)
{
    struct door d;

    (void)state;
    open_door(&d);
    write_everywhere(&d, "r1");
    close_door(&d);
    shell("cp -a %s/serve1 %s/copy", folder, folder);
    open_door(&d); /* decides nothing */
    close_door(&d);
    shell("rm -r %s/serve1; mv %s/copy %s/serve1", folder, folder, folder);
    must_refuse("of epoch 2");
}

static void the_latest_copy_is_not(void **state)
{
    struct door d;

    (void)state;
    open_door(&d);
    write_everywhere(&d, "r1");
    await_marks(&d);
    close_door(&d);
    shell("cp -a %s/serve1 %s/copy; rm -r %s/serve1; mv %s/copy %s/serve1", folder, folder, folder,
          folder, folder);
    open_door(&d);
    close_door(&d);
}

/* --- a store ---------------------------------------------------------------------------------- */

static bool knows_restored(void *arg)
{
    const struct door *d = arg;

    return watermark_restored(d->co->watermark, 0) || watermark_restored(d->co->watermark, 1);
}

static void backup(unsigned i)
{
    live_server_kill(&server[i]);
    shell("rm -rf %s.copy; cp -a %s %s.copy", server[i].folder, server[i].folder, server[i].folder);
    live_server_start(&server[i]);
}

static void restore(unsigned i)
{
    live_server_kill(&server[i]);
    shell("rm -rf %s; mv %s.copy %s", server[i].folder, server[i].folder, server[i].folder);
    live_server_start(&server[i]);
}

static void a_store_restored_from_a_backup_is_settled_by_nobody(void **state)
{
    struct door d;
    struct coordinator_counters counters;

    for (unsigned i = 0; i < N_STORES; i++) {
        open_door(&d);
        write_everywhere(&d, "r1");
        close_door(&d);
        backup(i);
        open_door(&d);
        write_everywhere(&d, "r2");
        await_marks(&d);
        write_everywhere(&d, "r3"); /* with it the log remembers what they were told */
        close_door(&d);
        restore(i);
        open_door(&d); /* the other store is well */
        assert_int_equal(loop_until(d.base, knows_restored, &d, WAIT_US), 0);
        assert_true(watermark_restored(d.co->watermark, i));
        coordinator_counters(d.co, &counters);
        assert_int_equal(counters.not_recovered, 1);
        submit(&d, "r4");
        assert_int_equal(loop_until(d.base, is_answered, &d, WAIT_US), 0);
        assert_int_equal(d.reply.code, CODE_UNAVAILABLE);
        assert_non_null(strstr(d.reply.detail, "restored from a backup"));
        close_door(&d);
        assert_int_equal(remove_folder(state), 0);
        assert_int_equal(clean(state), 0);
    }
}

/* … also one that is restored while the door goes on. */
static void a_store_restored_under_a_living_door_is_noticed(void **state)
{
    struct door d;

    (void)state;
    backup(0);
    open_door(&d);
    write_everywhere(&d, "r1");
    await_marks(&d);
    restore(0);
    for (unsigned n = 2; !watermark_restored(d.co->watermark, 0) && n < 1000; n++) {
        char request[16];

        (void)snprintf(request, sizeof request, "r%u", n);
        submit(&d, request); /* the first are `unavailable` */
        assert_int_equal(loop_until(d.base, is_answered, &d, WAIT_US), 0);
        assert_int_equal(loop_for(d.base, 10 * US_PER_MS), 0);
    }
    assert_true(watermark_restored(d.co->watermark, 0));
    close_door(&d);
}

static bool all_stand(void *arg)
{
    (void)arg;
    return crash_point_standing(CRASH_XA_START_ENDED) == N_STORES;
}

static bool redis_is_restored_and_postgres_recovered(void *arg)
{
    const struct door *d = arg;
    const struct recovery_core *core = &d->co->recovery->core;

    return d->failed || (watermark_restored(d->co->watermark, 1) &&
                         core->participant[0].state == RECOVERY_SETTLED);
}

/* It was asked what it knows, and has forgotten it by the time it is told more: then what is
 * prepared there may have been committed after the backup. */
static void a_store_restored_while_it_is_recovered_is_settled_by_nobody(void **state)
{
    char why_not[PROTOCOL_DETAIL_SIZE];
    struct door d;

    (void)state;
    leave_two_in_doubt();
    crash_point_arm(CRASH_XA_START_ENDED, N_STORES + 1);
    start_door(&d, false);
    assert_int_equal(loop_until(d.base, all_stand, NULL, WAIT_US), 0);
    shell("redis-cli -p %u HDEL mark serve1 >/dev/null", (unsigned)server[1].port);
    crash_point_disarm();
    assert_int_equal(loop_until(d.base, redis_is_restored_and_postgres_recovered, &d, WAIT_US), 0);
    assert_false(d.failed);
    assert_false(watermark_marked(d.co->watermark, 1));
    recovery_why_not(d.co->recovery, 1, why_not, sizeof why_not);
    assert_non_null(strstr(why_not, "restored from a backup"));
    assert_int_equal(recovery_open_decisions(d.co->recovery), GATHER);
    assert_int_equal(n_in_doubt(0), 0);
    assert_int_equal(n_in_doubt(1), GATHER); /* also decided, it is not committed */
    close_door(&d);
}

static bool all_found(void *arg)
{
    (void)arg;
    return crash_point_standing(CRASH_XA_START_LISTED) == 2 * N_STORES - 1;
}

static bool postgres_is_restored(void *arg)
{
    struct coordinator_counters counters;
    const struct door *d = arg;

    coordinator_counters(d->co, &counters);
    return d->failed || counters.lost > 0;
}

/* One of two is committed there by hand, so a proof is asked for; and it is no proof any more. */
static void a_proof_of_a_store_restored_since_its_mark_ends_no_decision(void **state)
{
    struct door d;

    (void)state;
    leave_two_in_doubt();
    commit_one_by_hand();
    assert_int_equal(n_in_doubt(0), GATHER - 1);
    crash_point_arm(CRASH_XA_START_LISTED, 2 * N_STORES);
    start_door(&d, false);
    assert_int_equal(loop_until(d.base, all_found, NULL, WAIT_US), 0);
    sql("UPDATE coordinator_epoch SET mark_epoch = 0, mark_sequence = 0");
    crash_point_disarm();
    assert_int_equal(loop_until(d.base, postgres_is_restored, &d, WAIT_US), 0);
    assert_false(d.failed);
    assert_true(watermark_restored(d.co->watermark, 0));
    assert_true(recovery_open_decisions(d.co->recovery) > 0);
    close_door(&d);
}

/* --- a full file system ----------------------------------------------------------------------- */

static void nothing(void *arg)
{
    unsigned *n_durable = arg;

    (*n_durable)++;
}

static void ignore(void *arg, const struct decision *decision)
{
    (void)arg;
    (void)decision;
}

/* Fill the first segment until no decision has room, with nothing left for a second one. */
static void fill_log(void)
{
    struct decision_ticket ticket[1000];
    struct decision d = {
        .kind = DECISION_COMMIT, .n_participants = 2, .participant = {"pg1", "redis"}};
    struct decision_log *log;
    char dir[128];
    struct decision_log_options options = {.dir = dir, .owner = "serve1"};
    struct errctx err = {.message = ""};
    unsigned n_durable = 0, n_sent = 0;

    (void)snprintf(dir, sizeof dir, "%s/serve1", folder);
    if (decision_log_open(&options, ignore, NULL, &log, &err) != 0)
        fail_msg("%s", err.message);
    shell("dd if=/dev/zero of=%s/ballast bs=64k 2>/dev/null; true", folder);
    for (unsigned n = 1; n > 0;) { /* records are shorter than what is reserved for one */
        n = 0;

        memset(ticket, 0, sizeof ticket);
        while (n < 1000 && decision_log_reserve(log, &ticket[n], &err) == 0) {
            (void)snprintf(d.gid, sizeof d.gid, "sb1:serve1:1:%u:old-%u", n_sent, n_sent);
            (void)snprintf(d.request, sizeof d.request, "old-%u", n_sent++);
            ticket[n].durable = nothing;
            ticket[n].arg = &n_durable;
            decision_log_commit(log, &d, &ticket[n++]);
        }
        decision_log_write(log);
        while (n_durable < n_sent)
            assert_int_equal(decision_log_collect(log, NULL), 0);
    }
    decision_log_close(log);
}

static void a_full_disk_refuses_before_anything_is_sent(void **state)
{
    struct door d;
    unsigned n_tries = 0;

    (void)state;
    if (geteuid() != 0)
        skip(); /* cannot mount */
    shell("mount -t tmpfs -o size=9m tmpfs %s", folder);
    fill_log();
    open_door(&d);
    while (watermark_unmarked(d.co->watermark) > 0)
        assert_int_equal(event_base_loop(d.base, EVLOOP_ONCE), 0);
    submit(&d, "r1");
    assert_int_equal(loop_until(d.base, is_answered, &d, WAIT_US), 0);
    assert_int_equal(d.reply.code, CODE_REFUSED);
    assert_string_equal(d.reply.detail, "the decision log has no room: No space left on device");
    assert_int_equal(n_written(0), 0);
    shell("rm %s/ballast", folder);
    do { /* refused until the writer has made room */
        char request[16];

        (void)snprintf(request, sizeof request, "again-%u", n_tries++);
        submit(&d, request);
        assert_int_equal(loop_until(d.base, is_answered, &d, WAIT_US), 0);
    } while (d.reply.code == CODE_REFUSED && n_tries < 10000);
    assert_int_equal(d.reply.code, CODE_NONE);
    assert_int_equal(loop_until(d.base, is_idle, &d, WAIT_US), 0);
    close_door(&d);
    shell("umount %s", folder);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, clean, remove_folder)
    const struct CMUnitTest tests[] = {
        CASE(a_log_that_was_deleted_is_refused),
        CASE(the_true_log_put_back_is_started_with),
        CASE(forced_it_goes_on_above_and_rolls_back),
        CASE(branches_alone_are_enough_to_refuse),
        CASE(a_copy_from_the_same_epoch_is_refused),
        CASE(a_copy_from_an_earlier_epoch_is_refused),
        CASE(the_latest_copy_is_not),
        CASE(a_store_restored_from_a_backup_is_settled_by_nobody),
        CASE(a_store_restored_under_a_living_door_is_noticed),
        CASE(a_store_restored_while_it_is_recovered_is_settled_by_nobody),
        CASE(a_proof_of_a_store_restored_since_its_mark_ends_no_decision),
        CASE(a_full_disk_refuses_before_anything_is_sent),
    };
    int failed;

    live_server_new(&server[0], STORE_POSTGRES);
    live_server_new(&server[1], STORE_REDIS);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (unsigned i = 0; i < N_STORES; i++)
        live_server_free(&server[i]);
    return failed;
}
