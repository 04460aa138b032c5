/* A connection in pipeline mode; see the header. */
#include "bench/floors/server.h"

#include <stdio.h>
#include <string.h>

enum { T_INT8 = 20, T_TEXT = 25 }; /* pg_type.dat */

static void check(const struct server *server, int good, const char *what)
{
    if (!good)
        contender_fail("%s: %s", what, PQerrorMessage(server->conn));
}

static void prepare(const struct server *server, const char *name, const char *sql, int n_params,
                    const Oid *types)
{
    PGresult *res = PQprepare(server->conn, name, sql, n_params, types);

    check(server, PQresultStatus(res) == PGRES_COMMAND_OK, sql);
    PQclear(res);
}

void server_connect(struct server *server, const struct contender_options *options, unsigned i)
{
    static const Oid types[] = {T_TEXT, T_INT8};
    const char *const keywords[] = {"host",       "port",    "user", "dbname",
                                    "gssencmode", "options", NULL};
    const char *const values[] = {"127.0.0.1",
                                  options->port[i],
                                  options->user,
                                  options->database,
                                  "disable",
                                  "-c lock_timeout=2s -c plan_cache_mode=force_generic_plan"
                                  " -c jit=off",
                                  NULL};

    server->conn = PQconnectdbParams(keywords, values, 0);
    check(server, PQstatus(server->conn) == CONNECTION_OK, "connect");
    prepare(server, "begin", "BEGIN", 0, NULL);
    prepare(server, "commit", "COMMIT", 0, NULL);
    prepare(server, "transfer", options->statement, 2, types);
    check(server, PQenterPipelineMode(server->conn), "pipeline mode");
}

void server_close(struct server *server)
{
    PQfinish(server->conn);
}

void server_queue(struct server *server, const char *sql)
{
    check(server, PQsendQueryParams(server->conn, sql, 0, NULL, NULL, NULL, NULL, 0), sql);
}

static void queue_prepared(const struct server *server, const char *name, int n_params,
                           const char *const *params)
{
    check(server, PQsendQueryPrepared(server->conn, name, n_params, params, NULL, NULL, 0), name);
}

void server_begin(struct server *server)
{
    queue_prepared(server, "begin", 0, NULL);
}

void server_commit(struct server *server)
{
    queue_prepared(server, "commit", 0, NULL);
}

void server_transfer(struct server *server, unsigned account, int amount)
{
    char key[24], delta[16];
    const char *const params[] = {key, delta};

    (void)snprintf(key, sizeof key, "acct:%u", account);
    (void)snprintf(delta, sizeof delta, "%d", amount);
    queue_prepared(server, "transfer", 2, params);
}

void server_gid(struct server *server, const char *verb, const char *gid)
{
    char sql[160];

    (void)snprintf(sql, sizeof sql, "%s '%s'", verb, gid);
    server_queue(server, sql);
}

void server_end_segment(struct server *server)
{
    check(server, PQpipelineSync(server->conn), "sync");
    server->n_segments++;
}

void server_send(struct server *server)
{
    server_end_segment(server);
    check(server, PQflush(server->conn) == 0, "flush");
}

void server_wait(struct server *server)
{
    unsigned n_empty = 0; /* NULL ends a statement's results; several in a row: nothing comes */

    while (server->n_segments > 0) {
        PGresult *res = PQgetResult(server->conn);
        ExecStatusType status = PQresultStatus(res);

        if (!res) {
            check(server, ++n_empty < 2, "no answer");
            continue;
        }
        n_empty = 0;
        if (status == PGRES_PIPELINE_SYNC)
            server->n_segments--;
        else if (status == PGRES_COMMAND_OK)
            check(server, strcmp(PQcmdStatus(res), "ROLLBACK") != 0, "rolled back");
        else
            check(server, status == PGRES_TUPLES_OK, "statement");
        PQclear(res);
    }
}
