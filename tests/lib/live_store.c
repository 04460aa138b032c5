/* Straight-line use of a store in tests: see the header. */
#include "live_store.h"

#include "base/clock.h"
#include "base/loop.h"

#include <hiredis.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <mysql.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct live live;

/* --- servers and stores ---------------------------------------------------------------------- */

bool live_is_redis(void)
{
    return live.server.kind == STORE_REDIS;
}

bool live_is_mariadb(void)
{
    return live.server.kind == STORE_MARIADB;
}

static bool is_alive(void *arg)
{
    return store_alive(arg);
}

static bool is_dead(void *arg)
{
    return !store_alive(arg);
}

void live_await_alive(struct store *store, bool alive)
{
    assert_int_equal(loop_until(live.base, alive ? is_alive : is_dead, store, LIVE_DEADLINE_US), 0);
}

struct topology_store live_place(void)
{
    struct topology_store place = {.name = "s",
                                   .kind = live.server.kind,
                                   .address = {.host = "127.0.0.1", .port = live.server.port},
                                   .user = LIVE_USER,
                                   .database = LIVE_DATABASE};

    if (live_is_mariadb())
        (void)strcpy(place.database, LIVE_USER); /* it is larger */
    return place;
}

static struct store *open_with(const struct store_options *options)
{
    struct topology_store where = live_place();
    struct store *store = NULL;
    struct errctx err = {0};

    if (store_open(live.base, &where, &where.address, options, &store, &err) < 0)
        fail_msg("%s", err.message);
    live_await_alive(store, true);
    return store;
}

struct store *live_open(const char *application, unsigned sessions, int64_t lock_timeout_us)
{
    const struct store_options options = {
        .application = application, .sessions = sessions, .lock_timeout_us = lock_timeout_us};

    return open_with(&options);
}

struct store *live_open_once(const char *application)
{
    const struct store_options options = {.application = application, .sessions = 4, .once = true};

    return open_with(&options);
}

int live_empty(void **state)
{
    struct answer answer = {0};

    (void)state;
    if (live.server.pid == 0)
        live_server_start(&live.server);
    live_server_continue(&live.server);
    live_await_alive(live.store, true);
    store_reset(live.store, live_deadline(), answer_done, &answer);
    assert_int_equal(live_await(&answer), STORE_OK);
    return 0;
}

int live_run_tests(const struct CMUnitTest *tests, size_t n)
{
    static const struct server_kind *const kinds[] = {&postgres_kind, &mariadb_kind,
                                                      &mariadb_binlog_kind, &redis_kind};
    int failed = 0;

    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        live_server_new_of(&live.server, kinds[i]);
        live.base = loop_new();
        live.store = live_open("live:1", 8, 0);
        failed += _cmocka_run_group_tests(kinds[i]->name, tests, n, NULL, NULL);
        store_free(live.store);
        event_base_free(live.base);
        live_server_free(&live.server);
    }
    return failed;
}

/* --- verbs ----------------------------------------------------------------------------------- */

int64_t live_deadline(void)
{
    return clock_now_us() + LIVE_DEADLINE_US;
}

void answer_done(void *arg, const struct store_reply *reply)
{
    struct answer *answer = arg;

    answer->n++;
    answer->reply = *reply;
}

static bool has_answered(void *arg)
{
    const struct answer *answer = arg;

    return answer->n > 0;
}

enum store_status live_await(struct answer *answer)
{
    assert_int_equal(loop_until(live.base, has_answered, answer, LIVE_DEADLINE_US), 0);
    assert_int_equal(answer->n, 1);
    if (answer->reply.status == STORE_FATAL)
        print_message("fatal: %s\n", answer->reply.detail);
    return answer->reply.status;
}

void live_turn(int64_t duration_us)
{
    assert_int_equal(loop_for(live.base, duration_us), 0);
}

enum store_status live_execute(struct store *store, const struct txn *txn)
{
    struct answer answer = {0};

    store_execute(store, txn, live_deadline(), answer_done, &answer);
    assert_int_equal(answer.n, 0); /* never from inside the verb */
    return live_await(&answer);
}

enum store_status live_resolve(const char *gid, bool commit)
{
    struct answer answer = {0};

    store_resolve(live.store, gid, commit, live_deadline(), answer_done, &answer);
    assert_int_equal(answer.n, 0);
    return live_await(&answer);
}

enum store_status live_fence(const char *owner, int64_t epoch)
{
    struct answer answer = {0};

    store_fence(live.store, owner, epoch, live_deadline(), answer_done, &answer);
    return live_await(&answer);
}

enum store_status live_forget(const char *gid)
{
    struct answer answer = {0};

    store_forget(live.store, gid, live_deadline(), answer_done, &answer);
    return live_await(&answer);
}

struct proof {
    struct answer answer;
    enum store_outcome outcome;
};

static void proof_done(void *arg, const struct store_reply *reply, enum store_outcome outcome)
{
    struct proof *proof = arg;

    proof->outcome = outcome;
    answer_done(&proof->answer, reply);
}

enum store_outcome live_prove(const char *gid, const char *memo)
{
    struct proof proof = {.answer = {.n = 0}};

    store_prove(live.store, gid, memo, live_deadline(), proof_done, &proof);
    assert_int_equal(live_await(&proof.answer), STORE_OK);
    return proof.outcome;
}

enum store_status live_end_sessions(struct store *store, const char *prefix)
{
    struct answer answer = {0};

    store_end_sessions(store, prefix, live_deadline(), answer_done, &answer);
    return live_await(&answer);
}

struct store_branch *live_begin(struct store *store, const struct txn *txn, const char *gid,
                                enum store_branch_until until, struct answer *ret_answer)
{
    struct store_branch *branch;

    memset(ret_answer, 0, sizeof *ret_answer);
    branch = store_branch_begin(store, txn, gid, until, live_deadline(), answer_done, ret_answer);
    (void)live_await(ret_answer);
    return branch;
}

enum store_status live_branch(struct store_branch *branch, branch_verb verb)
{
    struct answer answer = {0};

    verb(branch, answer_done, &answer);
    assert_int_equal(answer.n, 0);
    return live_await(&answer);
}

enum store_status live_insist(struct store_branch *branch, branch_verb verb)
{
    enum store_status status;

    do
        status = live_branch(branch, verb);
    while (status == STORE_UNAVAILABLE || status == STORE_UNKNOWN || status == STORE_RETRY);
    return status;
}

struct listing {
    struct answer answer;
    char text[2048];
    unsigned waiters;
};

static int by_gid(const void *a, const void *b)
{
    return strcmp(((const struct store_in_doubt *)a)->gid, ((const struct store_in_doubt *)b)->gid);
}

static void take_listing(void *arg, enum store_status status, const struct store_in_doubt *entries,
                         unsigned n_entries, unsigned waiters)
{
    struct listing *listing = arg;
    struct store_in_doubt sorted[64];
    size_t used = 0;

    assert_true(n_entries <= 64);
    if (n_entries > 0)
        memcpy(sorted, entries, n_entries * sizeof sorted[0]);
    qsort(sorted, n_entries, sizeof sorted[0], by_gid);
    for (unsigned i = 0; i < n_entries; i++) {
        assert_true(sorted[i].age_us >= 0);
        used += (size_t)snprintf(listing->text + used, sizeof listing->text - used, "%s%s",
                                 i ? " " : "", sorted[i].gid);
    }
    listing->answer.n++;
    listing->answer.reply.status = status;
    listing->waiters = waiters;
}

bool live_nothing_left(enum store_status status)
{
    return status == STORE_OK || status == STORE_NOTA;
}

const char *live_in_doubt(const char *prefix, unsigned *ret_waiters)
{
    static struct listing listing;

    memset(&listing, 0, sizeof listing);
    store_list_in_doubt(live.store, prefix, live_deadline(), take_listing, &listing);
    assert_int_equal(live_await(&listing.answer), STORE_OK);
    if (ret_waiters)
        *ret_waiters = listing.waiters;
    return listing.text;
}

/* --- transactions in words ------------------------------------------------------------------- */

static void add_op(struct txn *txn, const char *words)
{
    struct op *op = &txn->op[txn->n_ops++];
    char kind[32] = "";
    char key[KEY_SIZE] = "";
    char *version;
    int at = 0;

    assert_true(txn->n_ops <= TXN_OPS_MAX);
    assert_true(sscanf(words, "%31s %64s%n", kind, key, &at) == 2);
    version = strchr(kind, '@');
    if (version)
        *version = '\0';
    assert_true(op_kind_find(kind, &op->kind));
    (void)snprintf(op->store, sizeof op->store, "s");
    (void)snprintf(op->key, sizeof op->key, "%s", key);
    if (op->kind == OP_INCR)
        op->has_min = sscanf(words + at, "%" SCNd64 " %" SCNd64, &op->delta, &op->min) == 2;
    else if (op->kind != OP_READ)
        (void)snprintf(op->value, sizeof op->value, "%s", words + at + 1);
    if (version)
        op->version = strtoll(version + 1, NULL, 10);
}

struct txn live_txn(const char *request, ...)
{
    struct txn txn = {0};
    const char *words;
    va_list ops;

    (void)snprintf(txn.request, sizeof txn.request, "%s", request);
    va_start(ops, request);
    while ((words = va_arg(ops, const char *)) != NULL)
        add_op(&txn, words);
    va_end(ops);
    return txn;
}

/* --- past the store -------------------------------------------------------------------------- */

static char peeked[65536];

static PGconn *plain_postgres(void)
{
    char where[160];
    PGconn *conn;

    (void)snprintf(where, sizeof where, "host=127.0.0.1 port=%d user=%s dbname=%s",
                   live.server.port, LIVE_USER, LIVE_DATABASE);
    conn = PQconnectdb(where);
    if (PQstatus(conn) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(conn));
    return conn;
}

static PGresult *ask_postgres(PGconn *conn, const char *sql, const char *param)
{
    const char *params[] = {param};
    PGresult *res = PQexecParams(conn, sql, 1, NULL, params, NULL, NULL, 0);

    if (PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    return res;
}

static void peek_postgres(const char *key)
{
    PGconn *conn = plain_postgres();
    PGresult *res = ask_postgres(
        conn,
        "SELECT val || ' n=' || kv.n || ':' || coalesce((SELECT string_agg(' ' || j.n || ' ' ||"
        " request || ' ' || op, ';' ORDER BY j.n) FROM journal j WHERE j.key = kv.key), '')"
        " FROM kv WHERE key = $1",
        key);

    (void)snprintf(peeked, sizeof peeked, "%s",
                   PQntuples(res) == 1 ? PQgetvalue(res, 0, 0) : "none");
    PQclear(res);
    PQfinish(conn);
}

static MYSQL *plain_mariadb(void)
{
    MYSQL *conn = mysql_init(NULL);

    assert_non_null(conn);
    if (!mysql_real_connect(conn, "127.0.0.1", LIVE_USER, NULL, LIVE_USER, live.server.port, NULL,
                            0))
        fail_msg("%s", mysql_error(conn));
    return conn;
}

static MYSQL_RES *ask_mariadb(MYSQL *conn, const char *sql)
{
    MYSQL_RES *res;

    if (mysql_query(conn, sql) != 0)
        fail_msg("%s: %s", sql, mysql_error(conn));
    res = mysql_store_result(conn);
    assert_non_null(res);
    return res;
}

static void peek_mariadb(const char *key)
{
    MYSQL *conn = plain_mariadb();
    char sql[512];
    MYSQL_RES *res;
    MYSQL_ROW row;

    assert_null(strpbrk(key, "'\\"));
    assert_int_equal(mysql_query(conn, "SET SESSION group_concat_max_len = 1000000"), 0);
    (void)snprintf(sql, sizeof sql,
                   "SELECT CONCAT(val, ' n=', n, ':', COALESCE((SELECT GROUP_CONCAT(' ', n, ' ',"
                   " request, ' ', op ORDER BY n SEPARATOR ';') FROM journal j"
                   " WHERE j.`key` = kv.`key`), '')) FROM kv WHERE `key` = '%s'",
                   key);
    res = ask_mariadb(conn, sql);
    row = mysql_fetch_row(res);
    (void)snprintf(peeked, sizeof peeked, "%s", row ? row[0] : "none");
    mysql_free_result(res);
    mysql_close(conn);
}

static redisContext *plain_redis(void)
{
    redisContext *c = redisConnect("127.0.0.1", live.server.port);

    assert_non_null(c);
    if (c->err)
        fail_msg("%s", c->errstr);
    return c;
}

static void peek_redis(const char *key)
{
    redisContext *c = plain_redis();
    redisReply *state = redisCommand(c, "HMGET k:%s val n", key);
    redisReply *journal = redisCommand(c, "LRANGE j:%s 0 -1", key);
    size_t used;

    assert_int_equal(state->type, REDIS_REPLY_ARRAY);
    assert_int_equal(journal->type, REDIS_REPLY_ARRAY);
    if (state->element[0]->type == REDIS_REPLY_NIL) {
        (void)snprintf(peeked, sizeof peeked, "none");
    } else {
        used = (size_t)snprintf(peeked, sizeof peeked, "%s n=%s:", state->element[0]->str,
                                state->element[1]->str);
        for (size_t i = 0; i < journal->elements; i++)
            used += (size_t)snprintf(peeked + used, sizeof peeked - used, "%s %s", i ? ";" : "",
                                     journal->element[i]->str);
    }
    freeReplyObject(state);
    freeReplyObject(journal);
    redisFree(c);
}

const char *live_peek(const char *key)
{
    if (live_is_redis())
        peek_redis(key);
    else if (live_is_mariadb())
        peek_mariadb(key);
    else
        peek_postgres(key);
    return peeked;
}

static void kill_redis_sessions(const char *application)
{
    redisContext *c = plain_redis();
    redisReply *list = redisCommand(c, "CLIENT LIST");
    char *rest = list->str;
    const char *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        char name[64];
        long id;

        if (sscanf(line, "id=%ld %*s %*s %*s name=%63[^ ]", &id, name) == 2 &&
            strcmp(name, application) == 0)
            freeReplyObject(redisCommand(c, "CLIENT KILL ID %ld", id));
    }
    freeReplyObject(list);
    redisFree(c);
}

static void kill_mariadb_sessions(const char *application)
{
    MYSQL *conn = plain_mariadb();
    char sql[256];
    MYSQL_RES *res;
    MYSQL_ROW row;

    (void)snprintf(sql, sizeof sql,
                   "SELECT processlist_id FROM performance_schema.session_account_connect_attrs"
                   " WHERE attr_name = 'program_name' AND attr_value = '%s'",
                   application);
    res = ask_mariadb(conn, sql);
    while ((row = mysql_fetch_row(res)) != NULL) {
        (void)snprintf(sql, sizeof sql, "KILL CONNECTION %s", row[0]);
        (void)mysql_query(conn, sql); /* gone already is as well */
    }
    mysql_free_result(res);
    mysql_close(conn);
}

static void kill_postgres_sessions(const char *application)
{
    PGconn *conn = plain_postgres();

    PQclear(ask_postgres(conn,
                         "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                         " WHERE application_name = $1",
                         application));
    PQfinish(conn);
}

void live_kill_sessions(const char *application)
{
    if (live_is_redis())
        kill_redis_sessions(application);
    else if (live_is_mariadb())
        kill_mariadb_sessions(application);
    else
        kill_postgres_sessions(application);
}

static void drop_mariadb_fences(void)
{
    MYSQL *conn = plain_mariadb();

    assert_int_equal(mysql_query(conn, "DROP TABLE coordinator_epoch"), 0);
    mysql_close(conn);
}

static void drop_postgres_fences(void)
{
    PGconn *conn = plain_postgres();
    PGresult *res = PQexec(conn, "DROP TABLE coordinator_epoch");

    assert_int_equal(PQresultStatus(res), PGRES_COMMAND_OK);
    PQclear(res);
    PQfinish(conn);
}

void live_drop_fences(void)
{
    if (live_is_redis())
        live_redis("DEL epoch");
    else if (live_is_mariadb())
        drop_mariadb_fences();
    else
        drop_postgres_fences();
}

void live_redis(const char *command)
{
    redisContext *c = plain_redis();
    redisReply *reply = redisCommand(c, command);

    assert_non_null(reply);
    assert_true(reply->type != REDIS_REPLY_ERROR);
    freeReplyObject(reply);
    redisFree(c);
}

/* --- scan ------------------------------------------------------------------------------------ */

static void check_row(void *arg, const struct store_scan_row *row)
{
    struct folded state = {0};

    (void)arg;
    for (unsigned i = 0; i < row->n_entries; i++) {
        unsigned index;
        struct op op;

        assert_true(row->entry[i].n == i + 1);
        assert_true(request_id_valid(row->entry[i].request));
        assert_true(journal_op_parse(row->entry[i].op, &index, &op));
        journal_fold(&state, &op);
    }
    assert_string_equal(row->value, state.value);
    assert_true(row->n == state.n);
}

void live_check_folds(void)
{
    struct answer answer = {0};

    store_scan(live.store, check_row, live_deadline(), answer_done, &answer);
    assert_int_equal(live_await(&answer), STORE_OK);
}
