/*
 * postgres_view.c - what is in doubt here, as an operator looks at it, and settling it by hand.
 *
 * The locks of a prepared transaction on rows are in no view: they are in the rows. What it has
 * changed shows its transaction id as the xmax of the version that everybody else still sees.
 * (A multixact, that is several holders of one row, has a number of its own there; should it be the
 * same one by chance, a key too many is listed.)
 *
 * What was settled by hand stands in settled_by_hand, written *before* COMMIT or ROLLBACK PREPARED,
 * which can't be in one transaction with anything: a row of a gid that is still prepared says
 * nothing yet.
 */
#include "stores/postgres.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- looking ---------------------------------------------------------------------------------- */

enum view_step { LOOKING_FOR_TABLES, LOOKING };

/* Which kind of row it is; also the order in which they come. */
enum view_row { ROW_PREPARED = 1, ROW_KEY = 2, ROW_WAITER = 3, ROW_BY_HAND = 4 };

/* Who waits for a prepared transaction: see pg_list_start(). */
#define PREPARED_AND_WAITERS                                                                       \
    "WITH doubt AS (SELECT gid, transaction, prepared FROM pg_prepared_xacts"                      \
    "  WHERE database = current_database() AND starts_with(gid, $1)),"                             \
    " locks AS MATERIALIZED (SELECT * FROM pg_locks"                                               \
    "  WHERE locktype = 'tuple' OR (locktype = 'transactionid' AND NOT granted)),"                 \
    " first AS (SELECT l.pid, d.gid FROM locks l"                                                  \
    "  JOIN doubt d ON l.transactionid = d.transaction AND NOT l.granted),"                        \
    " behind AS (SELECT w.pid, f.gid FROM first f"                                                 \
    "  JOIN locks h ON h.pid = f.pid AND h.locktype = 'tuple' AND h.granted"                       \
    "  JOIN locks w ON w.locktype = 'tuple' AND NOT w.granted AND w.database = h.database"         \
    "   AND w.relation = h.relation AND w.page = h.page AND w.tuple = h.tuple)"                    \
    " SELECT 1 AS kind, gid, '' AS text, 0 AS pid, age(transaction)::bigint AS horizon,"           \
    "  (extract(epoch FROM clock_timestamp() - prepared) * 1e6)::bigint AS us FROM doubt"          \
    " UNION ALL SELECT 3, gid, application_name, pid, 0,"                                          \
    "  (extract(epoch FROM clock_timestamp() - query_start) * 1e6)::bigint"                        \
    "  FROM (SELECT * FROM first UNION SELECT * FROM behind) w JOIN pg_stat_activity USING (pid)"
#define KEYS_AND_BY_HAND                                                                           \
    " UNION ALL SELECT 2, gid, key, 0, 0, 0 FROM kv JOIN doubt ON kv.xmax = doubt.transaction"     \
    " UNION ALL SELECT 4, s.gid, s.commit::text, 0, 0,"                                            \
    "  (extract(epoch FROM clock_timestamp() - s.at) * 1e6)::bigint FROM settled_by_hand s"        \
    "  WHERE starts_with(s.gid, $1) AND NOT EXISTS (SELECT FROM doubt d WHERE d.gid = s.gid)"
#define IN_ORDER " ORDER BY kind, us DESC, gid, text"

/* A server that nothing has been done at yet has none of our tables. */
void pg_view_start(struct pg_session *s)
{
    s->step = LOOKING_FOR_TABLES;
    s->rows_seen = 0;
    pg_send(s, PG_ROWS,
            "SELECT WHERE to_regclass('kv') IS NOT NULL"
            " AND to_regclass('settled_by_hand') IS NOT NULL",
            0, NULL);
    pg_end_segment(s);
}

void pg_view_next(struct pg_session *s)
{
    const char *params[] = {s->base.job->text};
    bool tables = s->rows_seen > 0;

    if (s->step == LOOKING || s->base.job->told || s->base.reply.status != STORE_OK) {
        session_finish(&s->base);
        return;
    }
    s->step = LOOKING;
    pg_send(s, PG_ROWS,
            tables ? PREPARED_AND_WAITERS KEYS_AND_BY_HAND IN_ORDER : PREPARED_AND_WAITERS IN_ORDER,
            1, params);
    pg_end_segment(s);
}

static int64_t number_at(const PGresult *res, int row, int column)
{
    return strtoll(PQgetvalue(res, row, column), NULL, 10);
}

static void take_waiter(struct store_view *view, const PGresult *res, int i)
{
    struct store_waiter waiter = {.pid = number_at(res, i, 3), .for_us = number_at(res, i, 5)};

    (void)snprintf(waiter.who, sizeof waiter.who, "%.*s", (int)sizeof waiter.who - 1,
                   PQgetvalue(res, i, 2));
    view_add_waiter(view, &waiter);
}

static void take_branch(struct job *job, const PGresult *res, int i, enum store_view_state state)
{
    struct store_view *view = job_add_view(job, PQgetvalue(res, i, 1));

    view->state = state;
    view->age_us = number_at(res, i, 5);
    if (state == STORE_VIEW_PREPARED)
        view->horizon = number_at(res, i, 4);
}

static void take_row(struct job *job, const PGresult *res, int i)
{
    struct store_view *view = job_find_view(job, PQgetvalue(res, i, 1));

    switch ((enum view_row)number_at(res, i, 0)) {
    case ROW_PREPARED:
        take_branch(job, res, i, STORE_VIEW_PREPARED);
        break;
    case ROW_KEY:
        if (view)
            view_add_key(view, PQgetvalue(res, i, 2));
        break;
    case ROW_WAITER:
        if (view)
            take_waiter(view, res, i);
        break;
    case ROW_BY_HAND:
        take_branch(job, res, i,
                    strcmp(PQgetvalue(res, i, 2), "true") == 0 ? STORE_VIEW_COMMITTED_BY_HAND
                                                               : STORE_VIEW_ROLLED_BACK_BY_HAND);
        break;
    }
}

void pg_view_rows(struct pg_session *s, const PGresult *res)
{
    if (s->step == LOOKING_FOR_TABLES) {
        pg_count_rows(s, res);
        return;
    }
    for (int i = 0; i < PQntuples(res); i++) {
        if (strlen(PQgetvalue(res, i, 1)) < GID_SIZE) /* else not one of ours */
            take_row(s->base.job, res, i);
    }
}

/* --- settling by hand ------------------------------------------------------------------------- */

enum settle_step { REMEMBERING, SETTLING, TAKING_BACK };

static void send_forget_settled(struct pg_session *s)
{
    const char *params[] = {s->base.job->gid};

    pg_send(s, PG_COMMAND, "DELETE FROM settled_by_hand WHERE gid = $1", 1, params);
    pg_end_segment(s);
}

void pg_forget_settled(struct pg_session *s)
{
    send_forget_settled(s);
}

void pg_settle_start(struct pg_session *s)
{
    const char *params[] = {s->base.job->gid, s->base.job->commit ? "true" : "false"};

    s->step = REMEMBERING;
    s->rows_seen = 0;
    pg_send(s, PG_ROWS,
            "INSERT INTO settled_by_hand AS h (gid, commit)"
            " SELECT gid, $2::boolean FROM pg_prepared_xacts"
            "  WHERE database = current_database() AND gid = $1"
            " ON CONFLICT (gid) DO UPDATE SET commit = excluded.commit, at = excluded.at"
            " RETURNING gid",
            2, params);
    pg_end_segment(s);
}

/* It was not done, so there is nothing to remember. The reason stays in the reply. */
static void take_back(struct pg_session *s)
{
    s->step = TAKING_BACK;
    send_forget_settled(s);
}

void pg_settle_next(struct pg_session *s)
{
    struct store_reply *reply = &s->base.reply;

    if (s->step == REMEMBERING && reply->status == STORE_OK && s->rows_seen == 0)
        reply_fail(reply, STORE_NOTA, "nothing of this gid is prepared");
    if (s->step == REMEMBERING && reply->status == STORE_OK) {
        s->step = SETTLING;
        pg_send_gid(s, PG_COMMAND, s->base.job->commit ? "COMMIT PREPARED" : "ROLLBACK PREPARED");
        pg_end_segment(s);
    } else if (s->step == SETTLING && reply->status != STORE_OK) {
        take_back(s);
    } else {
        session_finish(&s->base);
    }
}
