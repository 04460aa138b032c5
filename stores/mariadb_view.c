/*
 * mariadb_view.c - what is in doubt here, as an operator looks at it.
 *
 * What a prepared branch has changed can be read by who reads what is not committed: its witness
 * row and its journal entries, which name its keys. Who waits for a row's lock says for which one.
 */
#include "stores/mariadb.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum view_step { LISTING, LOOKING };
enum view_rows { VIEW_GIDS, VIEW_TABLES, VIEW_AGES, VIEW_KEYS, VIEW_WAITERS, VIEW_BY_HAND };

/* A server that nothing has been done at yet has none of our tables. */
void maria_view_start(struct maria_session *s)
{
    s->step = LISTING;
    s->listed = false;
    buf_append_str(maria_statement(s, MARIA_ROWS, VIEW_GIDS), "XA RECOVER");
    buf_append_str(maria_statement(s, MARIA_ROWS, VIEW_TABLES),
                   "SELECT 1 FROM information_schema.TABLES WHERE table_schema = DATABASE()"
                   " AND table_name = 'settled_by_hand'");
    maria_send(s);
}

static void take_gid(struct maria_session *s, MYSQL_ROW row)
{
    const char *prefix = s->base.job->text;
    char gid[GID_SIZE];

    if (maria_gid(s, row, gid) && strncmp(gid, prefix, strlen(prefix)) == 0)
        job_add_view(s->base.job, gid)->state = STORE_VIEW_PREPARED;
}

static void take_waiter(struct store_view *view, MYSQL_ROW row)
{
    struct store_waiter waiter = {.pid = strtoll(row[2], NULL, 10),
                                  .for_us = strtoll(row[3], NULL, 10) * US_PER_S};

    (void)snprintf(waiter.who, sizeof waiter.who, "%.*s", (int)sizeof waiter.who - 1, row[1]);
    view_add_waiter(view, &waiter);
}

/* What is written of a gid that is still prepared says nothing yet. */
static void take_by_hand(struct job *job, MYSQL_ROW row)
{
    struct store_view *view;

    if (job_find_view(job, row[0]))
        return;
    view = job_add_view(job, row[0]);
    view->state =
        strcmp(row[1], "1") == 0 ? STORE_VIEW_COMMITTED_BY_HAND : STORE_VIEW_ROLLED_BACK_BY_HAND;
    view->age_us = strtoll(row[2], NULL, 10);
}

void maria_view_row(struct maria_session *s, unsigned what, MYSQL_ROW row)
{
    struct store_view *view = s->step == LISTING ? NULL : job_find_view(s->base.job, row[0]);

    switch ((enum view_rows)what) {
    case VIEW_GIDS:
        take_gid(s, row);
        break;
    case VIEW_TABLES:
        s->listed = true; /* there may be more to see */
        break;
    case VIEW_AGES:
        if (view)
            view->age_us = strtoll(row[1], NULL, 10);
        break;
    case VIEW_KEYS:
        if (view)
            view_add_key(view, row[1]);
        break;
    case VIEW_WAITERS:
        if (view)
            take_waiter(view, row);
        break;
    case VIEW_BY_HAND:
        take_by_hand(s->base.job, row);
        break;
    }
}

static struct buf *add_look(struct maria_session *s, enum view_rows what)
{
    maria_say(s, MARIA_COMMAND, MARIA_READ_UNCOMMITTED);
    return maria_statement(s, MARIA_ROWS, what);
}

static void add_prefix(struct buf *sql, const struct maria_session *s)
{
    buf_printf(sql, " WHERE LEFT(gid, %zu) = ", strlen(s->base.job->text));
    maria_quote(sql, s->base.job->text);
}

static void look(struct maria_session *s)
{
    struct buf *sql = add_look(s, VIEW_AGES);

    s->step = LOOKING;
    buf_append_str(sql, "SELECT gid, " MARIA_US_SINCE("begun") " FROM witness w");
    add_prefix(sql, s);
    sql = add_look(s, VIEW_KEYS);
    buf_append_str(sql, "SELECT DISTINCT gid, j.`key` FROM witness w"
                        " JOIN journal j ON j.request = w.request");
    add_prefix(sql, s);
    buf_append_str(sql, " ORDER BY 1, 2");
    sql = add_look(s, VIEW_WAITERS);
    buf_append_str(
        sql, "SELECT DISTINCT gid, COALESCE(a.attr_value, ''), t.trx_mysql_thread_id,"
             " TIMESTAMPDIFF(SECOND, t.trx_wait_started, NOW())"
             " FROM information_schema.INNODB_LOCKS l"
             " JOIN information_schema.INNODB_TRX t ON t.trx_requested_lock_id = l.lock_id"
             " JOIN journal j ON j.`key` = UNHEX(SUBSTRING(l.lock_data, 3))"
             " JOIN witness w ON w.request = j.request"
             " LEFT JOIN performance_schema.session_account_connect_attrs a"
             "  ON a.processlist_id = t.trx_mysql_thread_id AND a.attr_name = 'program_name'");
    add_prefix(sql, s);
    buf_append_str(sql, " AND l.lock_table = CONCAT('`', DATABASE(), '`.`kv`')");
    sql = add_look(s, VIEW_BY_HAND);
    buf_append_str(sql, "SELECT gid, committed, " MARIA_US_SINCE("at") " FROM settled_by_hand");
    add_prefix(sql, s);
    maria_send(s);
}

/* What is prepared before what was settled by hand, each with the oldest first. */
static int by_state_and_age(const void *a, const void *b)
{
    const struct store_view *x = a, *y = b;
    bool x_is_over = x->state != STORE_VIEW_PREPARED, y_is_over = y->state != STORE_VIEW_PREPARED;

    if (x_is_over != y_is_over)
        return x_is_over - y_is_over;
    return (x->age_us < y->age_us) - (x->age_us > y->age_us);
}

void maria_view_next(struct maria_session *s)
{
    struct job *job = s->base.job;

    if (s->step == LISTING && s->listed && s->base.reply.status == STORE_OK && !job->told) {
        look(s);
        return;
    }
    if (job->n_views > 1)
        qsort(job->view, job->n_views, sizeof *job->view, by_state_and_age);
    session_finish(&s->base);
}
