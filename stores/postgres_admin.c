/* postgres_admin.c - looking at a whole database, clearing it, ending its sessions. */
#include "stores/postgres.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_US (5 * US_PER_MS)

enum poll_step { ASKING, PAUSED, MAKING };

static int64_t number_at(const PGresult *res, int row, int column)
{
    return strtoll(PQgetvalue(res, row, column), NULL, 10);
}

/* --- in doubt -------------------------------------------------------------------------------- */

/*
 * Who waits for a prepared transaction waits for its transaction id, which has no process in
 * pg_locks; who waits behind such a waiter for the same row waits for its tuple lock.
 */
void pg_list_start(struct pg_session *s)
{
    const char *params[] = {s->base.job->text};

    pg_send(s, PG_ROWS,
            "WITH doubt AS (SELECT gid, transaction, prepared FROM pg_prepared_xacts"
            "  WHERE database = current_database() AND starts_with(gid, $1)),"
            " locks AS MATERIALIZED (SELECT * FROM pg_locks"
            "  WHERE locktype = 'tuple' OR (locktype = 'transactionid' AND NOT granted)),"
            " first AS (SELECT l.pid FROM locks l"
            "  JOIN doubt d ON l.transactionid = d.transaction AND NOT l.granted),"
            " behind AS (SELECT w.pid FROM first f"
            "  JOIN locks h ON h.pid = f.pid AND h.locktype = 'tuple' AND h.granted"
            "  JOIN locks w ON w.locktype = 'tuple' AND NOT w.granted AND w.database = h.database"
            "   AND w.relation = h.relation AND w.page = h.page AND w.tuple = h.tuple)"
            " SELECT gid, (extract(epoch FROM clock_timestamp() - prepared) * 1e6)::bigint,"
            "  (SELECT count(*) FROM (SELECT pid FROM first UNION SELECT pid FROM behind) w)"
            " FROM doubt ORDER BY prepared",
            1, params);
    pg_end_segment(s);
}

void pg_list_rows(struct pg_session *s, const PGresult *res)
{
    struct job *job = s->base.job;

    for (int i = 0; i < PQntuples(res); i++) {
        const char *gid = PQgetvalue(res, i, 0);
        struct store_in_doubt *entry;

        if (strlen(gid) >= GID_SIZE) /* not one of ours */
            continue;
        job->entry =
            mem_grow(job->entry, job->n_entries, &job->entries_capacity, sizeof *job->entry);
        entry = &job->entry[job->n_entries++];
        (void)snprintf(entry->gid, sizeof entry->gid, "%s", gid);
        entry->age_us = number_at(res, i, 1);
        job->waiters = (unsigned)number_at(res, i, 2);
    }
}

/* --- ending sessions ------------------------------------------------------------------------- */

void pg_end_sessions_start(struct pg_session *s)
{
    const char *params[] = {s->base.job->text, s->base.store->application};

    s->step = ASKING;
    s->rows_seen = 0;
    pg_send(s, PG_ROWS,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE starts_with(application_name, $1) AND application_name <> $2",
            2, params);
    pg_end_segment(s);
}

/* A backend leaves pg_stat_activity after its transaction is over, so absence is proof. */
void pg_end_sessions_next(struct pg_session *s)
{
    bool gone = s->step == ASKING && s->rows_seen == 0;

    if (gone || s->base.job->told || s->base.reply.status != STORE_OK) {
        session_finish(&s->base);
    } else if (s->step == ASKING) {
        s->step = PAUSED;
        pg_pause(s, POLL_US);
    } else {
        pg_end_sessions_start(s);
    }
}

/* --- a place of our own ---------------------------------------------------------------------- */

/* The name was checked to be one that needs no quoting. */
static void send_schema_command(struct pg_session *s, const char *command, const char *how)
{
    char sql[128];

    assert(s->base.store->where.schema[0]);
    (void)snprintf(sql, sizeof sql, "%s %s%s", command, s->base.store->where.schema, how);
    pg_send(s, PG_COMMAND, sql, 0, NULL);
    pg_end_segment(s);
}

void pg_claim(struct pg_session *s)
{
    send_schema_command(s, "CREATE SCHEMA", "");
}

void pg_leave(struct pg_session *s)
{
    send_schema_command(s, "DROP SCHEMA IF EXISTS", " CASCADE");
}

/* --- reset ----------------------------------------------------------------------------------- */

/* What is prepared would block the TRUNCATE. */
void pg_reset_start(struct pg_session *s)
{
    const char *params[] = {s->base.store->where.attached ? NAMES_PREFIX : ""};

    s->step = ASKING;
    s->rows_seen = 0;
    pg_send(s, PG_ROWS,
            "SELECT quote_literal(gid) FROM pg_prepared_xacts"
            " WHERE database = current_database() AND starts_with(gid, $1)",
            1, params);
    pg_end_segment(s);
}

void pg_reset_rows(struct pg_session *s, const PGresult *res)
{
    for (int i = 0; i < PQntuples(res); i++) {
        char sql[512]; /* a gid has at most 199 bytes, doubled by quoting at worst */

        (void)snprintf(sql, sizeof sql, "ROLLBACK PREPARED %s", PQgetvalue(res, i, 0));
        pg_send(s, PG_IGNORED, sql, 0, NULL); /* whether it worked is asked again */
        pg_sync(s);
    }
    s->rows_seen += PQntuples(res);
}

/* Two resets at once would trip over each other's DDL, hence the advisory lock. */
static void send_schema(struct pg_session *s)
{
    int64_t left_us = s->base.job->deadline_us - clock_now_us();
    char wait[64];

    s->step = MAKING;
    (void)snprintf(wait, sizeof wait, "SET LOCAL lock_timeout = '%" PRId64 "ms'",
                   left_us > US_PER_MS ? left_us / US_PER_MS : 1);
    pg_send(s, PG_COMMAND, "BEGIN", 0, NULL);
    pg_send(s, PG_COMMAND, wait, 0, NULL);
    pg_send(s, PG_COMMAND, "SELECT pg_advisory_xact_lock(hashtext('syncbed'))", 0, NULL);
    for (unsigned i = 0; pg_schema[i]; i++)
        pg_send(s, PG_COMMAND, pg_schema[i], 0, NULL);
    pg_send(s, PG_COMMAND, "COMMIT", 0, NULL);
    pg_end_segment(s);
}

void pg_reset_next(struct pg_session *s)
{
    if (s->step == MAKING || s->base.job->told || s->base.reply.status != STORE_OK) {
        session_finish(&s->base);
    } else if (s->step == PAUSED) {
        pg_reset_start(s);
    } else if (s->rows_seen == 0) {
        send_schema(s);
    } else {
        s->step = PAUSED;
        pg_pause(s, POLL_US);
    }
}

/* --- scan ------------------------------------------------------------------------------------ */

/* One statement is one snapshot; its rows are taken one by one, whatever the size of the whole. */
void pg_scan_start(struct pg_session *s)
{
    assert(!s->scan);
    s->scan = scan_new();
    pg_send(s, PG_ROWS,
            "SELECT coalesce(k.key, j.key), coalesce(k.val, ''), coalesce(k.n, 0), j.n, j.request,"
            " j.op FROM kv k FULL JOIN journal j ON j.key = k.key ORDER BY 1, j.n",
            0, NULL);
    (void)PQsetSingleRowMode(s->conn); /* refused when not idle: then all rows come at once */
    pg_end_segment(s);
}

void pg_scan_rows(struct pg_session *s, const PGresult *res)
{
    for (int i = 0; i < PQntuples(res); i++) {
        scan_key(s->scan, s->base.job, PQgetvalue(res, i, 0), PQgetvalue(res, i, 1),
                 number_at(res, i, 2));
        if (!PQgetisnull(res, i, 3))
            scan_entry(s->scan, number_at(res, i, 3), PQgetvalue(res, i, 4), PQgetvalue(res, i, 5));
    }
}

void pg_scan_next(struct pg_session *s)
{
    if (s->base.reply.status == STORE_OK)
        scan_end(s->scan, s->base.job);
    scan_free(s->scan);
    s->scan = NULL;
    session_finish(&s->base);
}
