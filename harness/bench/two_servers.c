/* Servers with accounts; see the header. */
#include "harness/bench/two_servers.h"

#include "base/clock.h"
#include "base/loop.h"
#include "stores/postgres.h" /* the schema and the statement, which all contenders share */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENTS_RECYCLED 100 /* of 16 MiB, by all servers together */
#define SESSIONS_END_US   (10 * US_PER_S)
#define POLL_US           (10 * US_PER_MS)

static PGconn *conn_of(const struct two_servers *s, unsigned i)
{
    return s->conn[i];
}

static int failed(const struct two_servers *s, unsigned i, const char *what, struct errctx *err)
{
    return err_set(err, EIO, ERR_FATAL, "%s at %s: %s", what, s->topology.store[i].name,
                   PQerrorMessage(conn_of(s, i)));
}

static int run(const struct two_servers *s, unsigned i, const char *sql, struct errctx *err)
{
    PGresult *res = PQexec(conn_of(s, i), sql);
    ExecStatusType status = PQresultStatus(res);

    PQclear(res);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return 0;
    return failed(s, i, sql, err);
}

/* A query of one number. */
static int ask(const struct two_servers *s, unsigned i, const char *sql, int64_t *ret_value,
               struct errctx *err)
{
    PGresult *res = PQexec(conn_of(s, i), sql);
    int rc = 0;

    if (PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) == 1)
        *ret_value = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
    else
        rc = failed(s, i, sql, err);
    PQclear(res);
    return rc;
}

/* --- start ------------------------------------------------------------------------------------ */

static int connect_to(struct two_servers *s, unsigned i, struct errctx *err)
{
    const struct topology_store *store = &s->topology.store[i];
    char port[8];

    (void)snprintf(port, sizeof port, "%u", store->address.port);

    const char *const keywords[] = {"host",    "port", "user", "dbname", "application_name",
                                    "options", NULL};
    const char *const values[] = {store->address.host,
                                  port,
                                  store->user,
                                  store->database,
                                  "syncbed bench",
                                  "-c client_min_messages=error",
                                  NULL};

    s->conn[i] = PQconnectdbParams(keywords, values, 0);
    if (PQstatus(conn_of(s, i)) != CONNECTION_OK)
        return failed(s, i, "connecting", err);
    return 0;
}

static int fill(const struct two_servers *s, unsigned i, struct errctx *err)
{
    char sql[256];
    int rc = 0;

    for (unsigned k = 0; rc == 0 && pg_schema[k]; k++)
        rc = run(s, i, pg_schema[k], err);
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO kv (key, val, num, n) SELECT 'acct:' || g, '%d', %d, 1"
                   " FROM generate_series(0, %d) g",
                   BENCH_BALANCE, BENCH_BALANCE, BENCH_ACCOUNTS - 1);
    if (rc == 0)
        rc = run(s, i, sql, err);
    if (rc == 0) /* where the floor of `commit-markable` writes its decisions */
        rc = run(s, i, "CREATE TABLE IF NOT EXISTS bench_decision (gid text PRIMARY KEY)", err);
    return rc;
}

/* Fill as many segments as will be kept, and free them by a checkpoint: from then on they are
 * written over instead of made. */
static int recycle_log(const struct two_servers *s, unsigned i, struct errctx *err)
{
    int rc = run(s, i, "ALTER SYSTEM SET min_wal_size = '1GB'", err);

    if (rc == 0)
        rc = run(s, i, "ALTER SYSTEM SET max_wal_size = '4GB'", err);
    if (rc == 0)
        rc = run(s, i, "SELECT pg_reload_conf()", err);
    for (unsigned k = 0; rc == 0 && k < SEGMENTS_RECYCLED / s->n; k++) {
        rc = run(s, i, "INSERT INTO bench_decision VALUES ('') ON CONFLICT DO NOTHING", err);
        if (rc == 0)
            rc = run(s, i, "DELETE FROM bench_decision", err);
        if (rc == 0)
            rc = run(s, i, "SELECT pg_switch_wal()", err);
    }
    return rc < 0 ? rc : run(s, i, "CHECKPOINT", err);
}

int two_servers_start(struct two_servers *s, unsigned n, keeper_event event, void *arg,
                      struct errctx *err)
{
    char name[STORES_MAX][STORE_NAME_SIZE];
    const char *names[STORES_MAX];
    int rc;

    *s = (struct two_servers){.base = loop_new(), .n_started = n, .n = n};
    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(name[i], sizeof name[i], "pg%u", i + 1);
        names[i] = name[i];
    }
    rc = keeper_start(s->base, KEEPER_OF_CALLER, event, arg, &s->keeper, err);
    if (rc == 0)
        rc = keeper_servers_up(s->keeper, names, n, err);
    if (rc == 0)
        rc = keeper_topology(s->keeper, &s->topology, err);
    if (rc == 0)
        rc = keeper_folder(s->keeper, "bench", s->folder, err);
    for (unsigned i = 0; rc == 0 && i < n; i++)
        rc = connect_to(s, i, err);
    for (unsigned i = 0; rc == 0 && i < n; i++)
        rc = fill(s, i, err);
    for (unsigned i = 0; rc == 0 && i < n; i++)
        rc = recycle_log(s, i, err);
    return rc;
}

void two_servers_stop(struct two_servers *s)
{
    for (unsigned i = 0; i < s->n_started; i++)
        PQfinish(conn_of(s, i));
    keeper_free(s->keeper);
    if (s->base)
        event_base_free(s->base);
    *s = (struct two_servers){0};
}

const char *two_servers_statement(void)
{
    return pg_prepared[PG_INCR].sql_no_journal;
}

/* --- around a measurement --------------------------------------------------------------------- */

static int await_sessions_gone(const struct two_servers *s, unsigned i, struct errctx *err)
{
    int64_t until_us = clock_now_us() + SESSIONS_END_US, n = 0;
    int rc;

    do {
        rc = ask(s, i,
                 "SELECT count(*) FROM pg_stat_activity"
                 " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
                 &n, err);
        if (rc < 0 || n == 0)
            return rc;
        rc = loop_for(s->base, POLL_US);
    } while (rc == 0 && clock_now_us() < until_us);
    return rc < 0 ? rc
                  : err_set(err, ETIMEDOUT, ERR_FATAL, "%" PRId64 " sessions have not left %s", n,
                            s->topology.store[i].name);
}

int two_servers_settle(struct two_servers *s, struct errctx *err)
{
    int rc = 0;

    for (unsigned i = 0; rc == 0 && i < s->n_started; i++) {
        rc = await_sessions_gone(s, i, err);
        if (rc == 0)
            rc = run(s, i, "CHECKPOINT", err);
    }
    return rc;
}

int two_servers_flushes(struct two_servers *s, double *ret_flushes, struct errctx *err)
{
    int64_t all = 0, here = 0;
    int rc = 0;

    for (unsigned i = 0; rc == 0 && i < s->n; i++) {
        rc = await_sessions_gone(s, i, err);
        if (rc == 0)
            rc = ask(s, i, "SELECT wal_sync FROM pg_stat_wal", &here, err);
        all += here;
    }
    if (rc == 0)
        *ret_flushes = (double)all;
    return rc;
}

int two_servers_prepared(const struct two_servers *s, unsigned i, unsigned *ret_n,
                         struct errctx *err)
{
    int64_t n = 0;
    int rc = ask(s, i, "SELECT count(*) FROM pg_prepared_xacts", &n, err);

    if (rc == 0)
        *ret_n = (unsigned)n;
    return rc;
}

static int check_server(const struct two_servers *s, unsigned i, int64_t *sum, struct errctx *err)
{
    const char *name = s->topology.store[i].name;
    int64_t here = 0, seen = 0;
    unsigned prepared = 0;
    int rc = two_servers_prepared(s, i, &prepared, err);

    if (rc == 0 && prepared > 0)
        return err_set(err, EIO, ERR_FATAL, "%u transactions are left prepared at %s", prepared,
                       name);
    if (rc == 0)
        rc = ask(s, i, "SELECT sum(n)::bigint FROM kv", &seen, err);
    seen -= BENCH_ACCOUNTS; /* each begins at 1 */
    if (rc == 0 && seen != s->n_transfers[i])
        return err_set(err, EIO, ERR_FATAL,
                       "%s has seen %" PRId64 " transfers, of %" PRId64 " that were told", name,
                       seen, s->n_transfers[i]);
    if (rc == 0)
        rc = ask(s, i, "SELECT sum(num)::bigint FROM kv", &here, err);
    *sum += here;
    return rc;
}

int two_servers_check(struct two_servers *s, int64_t committed, struct errctx *err)
{
    const int64_t expected = (int64_t)s->n_started * BENCH_ACCOUNTS * BENCH_BALANCE;
    int64_t sum = 0;
    int rc = 0;

    for (unsigned i = 0; i < s->n; i++)
        s->n_transfers[i] += committed;
    for (unsigned i = 0; rc == 0 && i < s->n_started; i++)
        rc = check_server(s, i, &sum, err);
    if (rc == 0 && sum != expected)
        return err_set(err, EIO, ERR_FATAL, "the balances add up to %" PRId64 ", not %" PRId64, sum,
                       expected);
    return rc;
}
