/* mariadb_admin.c - looking at a whole database, clearing it, ending its sessions. */
#include "stores/mariadb.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_US (5 * US_PER_MS)

/* --- in doubt -------------------------------------------------------------------------------- */

/*
 * A row of XA RECOVER: formatID, the sizes of gtrid and bqual, both joined. Branches of a server
 * are told apart by the database that is their bqual.
 */
bool maria_gid(const struct maria_session *s, MYSQL_ROW row, char ret_gid[GID_SIZE])
{
    const char *database = s->base.store->where.database;
    size_t gid_size = strtoul(row[1], NULL, 10);
    size_t bqual_size = strtoul(row[2], NULL, 10);

    if (strtol(row[0], NULL, 10) != MARIA_FORMAT_ID || gid_size >= GID_SIZE ||
        bqual_size != strlen(database) || memcmp(row[3] + gid_size, database, bqual_size) != 0)
        return false;
    (void)snprintf(ret_gid, GID_SIZE, "%.*s", (int)gid_size, row[3]);
    return true;
}

enum list_step { LISTING, LOOKING_AT };
enum list_rows { LIST_GIDS, LIST_AGES, LIST_WAITERS };

void maria_list_start(struct maria_session *s)
{
    s->step = LISTING;
    buf_append_str(maria_statement(s, MARIA_ROWS, LIST_GIDS), "XA RECOVER");
    maria_send(s);
}

static void add_gid(struct maria_session *s, MYSQL_ROW row)
{
    struct job *job = s->base.job;
    char gid[GID_SIZE];
    struct store_in_doubt *entry;

    if (!maria_gid(s, row, gid) || strncmp(gid, job->text, strlen(job->text)) != 0)
        return;
    job->entry = mem_grow(job->entry, job->n_entries, &job->entries_capacity, sizeof *job->entry);
    entry = &job->entry[job->n_entries++];
    memcpy(entry->gid, gid, sizeof entry->gid);
    entry->age_us = 0;
}

static void add_age(struct job *job, MYSQL_ROW row)
{
    for (unsigned i = 0; i < job->n_entries; i++) {
        if (strcmp(job->entry[i].gid, row[0]) == 0)
            job->entry[i].age_us = strtoll(row[1], NULL, 10);
    }
}

void maria_list_row(struct maria_session *s, unsigned what, MYSQL_ROW row)
{
    if (what == LIST_GIDS)
        add_gid(s, row);
    else if (what == LIST_AGES)
        add_age(s->base.job, row);
    else
        s->base.job->waiters = (unsigned)strtoul(row[0], NULL, 10);
}

/*
 * When a branch began is only in the witness table of a transaction that is not committed. Waiters
 * are all sessions that wait for a row's lock, whoever has it: INNODB_LOCK_WAITS tells whom they
 * wait for, but tells nothing new to who asks more often than every 100 ms.
 */
static void look_at_listed(struct maria_session *s)
{
    struct buf *sql;

    s->step = LOOKING_AT;
    maria_say(s, MARIA_COMMAND, MARIA_READ_UNCOMMITTED);
    sql = maria_statement(s, MARIA_ROWS, LIST_AGES);
    buf_append_str(sql, "SELECT gid, " MARIA_US_SINCE("begun") " FROM witness WHERE gid IN (");
    for (unsigned i = 0; i < s->base.job->n_entries; i++) {
        buf_append_str(sql, i ? ", " : "");
        maria_quote(sql, s->base.job->entry[i].gid);
    }
    buf_append_char(sql, ')');
    buf_append_str(maria_statement(s, MARIA_ROWS, LIST_WAITERS),
                   "SELECT variable_value FROM information_schema.GLOBAL_STATUS"
                   " WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS'");
    maria_send(s);
}

void maria_list_next(struct maria_session *s)
{
    if (s->step == LISTING && s->base.reply.status == STORE_OK && s->base.job->n_entries > 0)
        look_at_listed(s);
    else
        session_finish(&s->base);
}

/* --- ending sessions ------------------------------------------------------------------------- */

enum poll_step { ASKING, PAUSED, ENDING_HOLDER, ROLLING_BACK, MAKING, UNLOCKING };

/* The name is an attribute of the connection, which the server keeps as long as the connection. */
void maria_end_sessions_start(struct maria_session *s)
{
    struct buf others = {0};

    buf_append_str(&others, "FROM performance_schema.session_account_connect_attrs a"
                            " JOIN information_schema.PROCESSLIST p ON p.ID = a.processlist_id"
                            " WHERE a.attr_name = 'program_name' AND LEFT(a.attr_value, ");
    buf_printf(&others, "%zu) = ", strlen(s->base.job->text));
    maria_quote(&others, s->base.job->text);
    buf_append_str(&others, " AND a.attr_value <> ");
    maria_quote(&others, s->base.store->application);

    s->step = ASKING;
    s->rows_seen = 0;
    buf_printf(maria_statement(s, MARIA_COMMAND, 0),
               "BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;"
               " FOR other IN (SELECT p.ID AS id %s) DO KILL CONNECTION other.id; END FOR; END",
               buf_str(&others));
    buf_printf(maria_statement(s, MARIA_ROWS, 0), "SELECT p.ID %s", buf_str(&others));
    buf_done(&others);
    maria_send(s);
}

void maria_count_row(struct maria_session *s, unsigned what, MYSQL_ROW row)
{
    (void)what;
    (void)row;
    s->rows_seen++;
}

/* A session leaves the list after its transaction is over, so absence is proof. */
void maria_end_sessions_next(struct maria_session *s)
{
    bool gone = s->step == ASKING && s->rows_seen == 0;

    if (gone || s->base.job->told || s->base.reply.status != STORE_OK) {
        session_finish(&s->base);
    } else if (s->step == ASKING) {
        s->step = PAUSED;
        maria_pause(s, POLL_US);
    } else {
        maria_end_sessions_start(s);
    }
}

/* --- a place of our own ---------------------------------------------------------------------- */

/* The name was checked to be one that needs no quoting. */
static void send_database_command(struct maria_session *s, const char *command)
{
    buf_printf(maria_statement(s, MARIA_COMMAND, 0), "%s `%s`", command,
               s->base.store->where.database);
    maria_send(s);
}

void maria_claim(struct maria_session *s)
{
    send_database_command(s, "CREATE DATABASE");
}

void maria_leave(struct maria_session *s)
{
    send_database_command(s, "DROP DATABASE IF EXISTS");
}

/* --- reset ----------------------------------------------------------------------------------- */

/*
 * What is prepared would block the emptying: one after another, its session is ended, if it has one
 * still (the witness table names it), and then it is rolled back; until there is none.
 */
void maria_reset_start(struct maria_session *s)
{
    s->step = ASKING;
    s->listed = false;
    maria_say(s, MARIA_ROWS, "XA RECOVER");
    maria_send(s);
}

void maria_reset_row(struct maria_session *s, unsigned what, MYSQL_ROW row)
{
    struct job *job = s->base.job;
    bool any = !s->base.store->where.attached;
    char gid[GID_SIZE];

    (void)what;
    if (s->listed || !maria_gid(s, row, gid))
        return;
    s->listed = any || strncmp(gid, NAMES_PREFIX, strlen(NAMES_PREFIX)) == 0;
    memcpy(job->gid, gid, sizeof job->gid);
}

/* Whether these two work is asked again. */
static void end_holder(struct maria_session *s)
{
    s->step = ENDING_HOLDER;
    maria_say(s, MARIA_COMMAND, "SET SESSION tx_isolation='READ-UNCOMMITTED'");
    buf_printf(maria_statement(s, MARIA_IGNORED, 0),
               "BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;"
               " FOR holder IN (SELECT connection AS id FROM witness WHERE gid = '%s'"
               " AND server_start = UUID_SHORT() >> 24) DO KILL CONNECTION holder.id; END FOR; END",
               s->base.job->gid);
    maria_send(s);
}

static void roll_back(struct maria_session *s)
{
    s->step = ROLLING_BACK;
    maria_say(s, MARIA_COMMAND, "SET SESSION tx_isolation='READ-COMMITTED'");
    maria_xa(s, MARIA_IGNORED, "ROLLBACK");
    maria_send(s);
}

/* Two resets at once would trip over each other's DDL, hence the lock by name. */
static void send_schema(struct maria_session *s)
{
    int64_t left_us = s->base.job->deadline_us - clock_now_us();
    int64_t left_s = left_us > US_PER_S ? left_us / US_PER_S : 1;
    const char *database = s->base.store->where.database;

    s->step = MAKING;
    buf_printf(maria_statement(s, MARIA_COMMAND, 0),
               "IF NOT GET_LOCK('syncbed %s', %" PRId64 ") THEN SIGNAL SQLSTATE '45000'"
               " SET MESSAGE_TEXT = 'another reset is under way'; END IF",
               database, left_s);
    buf_printf(maria_statement(s, MARIA_COMMAND, 0), "SET SESSION lock_wait_timeout=%" PRId64,
               left_s);
    for (unsigned i = 0; maria_schema[i]; i++)
        maria_say(s, MARIA_COMMAND, maria_schema[i]);
    maria_send(s);
}

static void send_unlock(struct maria_session *s)
{
    s->step = UNLOCKING;
    buf_printf(maria_statement(s, MARIA_COMMAND, 0), "DO RELEASE_LOCK('syncbed %s')",
               s->base.store->where.database);
    maria_send(s);
}

void maria_reset_next(struct maria_session *s)
{
    switch (s->step) {
    case ASKING:
        if (s->base.reply.status != STORE_OK || s->base.job->told)
            session_finish(&s->base);
        else if (s->listed)
            end_holder(s);
        else
            send_schema(s);
        break;
    case ENDING_HOLDER:
        roll_back(s);
        break;
    case ROLLING_BACK:
        s->step = PAUSED;
        maria_pause(s, POLL_US);
        break;
    case PAUSED:
        maria_reset_start(s);
        break;
    case MAKING:
        send_unlock(s);
        break;
    default:
        session_finish(&s->base);
    }
}

/* --- scan ------------------------------------------------------------------------------------ */

/* One statement is one snapshot; its rows are taken one by one, whatever the size of the whole. */
void maria_scan_start(struct maria_session *s)
{
    assert(!s->scan);
    s->scan = scan_new();
    maria_say(s, MARIA_ROWS,
              "SELECT k.`key`, k.val, k.n, j.n, j.request, j.op"
              " FROM kv k LEFT JOIN journal j ON j.`key` = k.`key`"
              " UNION ALL SELECT j.`key`, '', 0, j.n, j.request, j.op"
              " FROM journal j LEFT JOIN kv k ON k.`key` = j.`key` WHERE k.`key` IS NULL"
              " ORDER BY 1, 4");
    maria_send(s);
}

void maria_scan_row(struct maria_session *s, unsigned what, MYSQL_ROW row)
{
    (void)what;
    scan_key(s->scan, s->base.job, row[0], row[1], strtoll(row[2], NULL, 10));
    if (row[3])
        scan_entry(s->scan, strtoll(row[3], NULL, 10), row[4], row[5]);
}

void maria_scan_next(struct maria_session *s)
{
    if (s->base.reply.status == STORE_OK)
        scan_end(s->scan, s->base.job);
    scan_free(s->scan);
    s->scan = NULL;
    session_finish(&s->base);
}
