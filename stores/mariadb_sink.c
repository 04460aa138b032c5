/*
 * mariadb_sink.c - a sink's batch in one transaction and one round trip.
 *
 *   START TRANSACTION; advance positions, or raise; operations; COMMIT
 *
 * Neighbouring operations of the same kind go as one statement of many rows, which the server takes
 * in their order.
 */
#include "stores/mariadb.h"

#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Raised where the condition holds; what was done before is rolled back. */
#define FENCED_IF(condition)                                                                       \
    "IF " condition " THEN SIGNAL SQLSTATE '45000'"                                                \
    " SET MYSQL_ERRNO = %d, MESSAGE_TEXT = 'another epoch or position'; END IF"

/* --- owning ---------------------------------------------------------------------------------- */

/* The rows are made where there are none, and locked. */
static void add_rows(struct maria_session *s, const char *topic)
{
    struct buf *sql = maria_statement(s, MARIA_COMMAND, 0);

    buf_append_str(sql, "INSERT INTO sink_position (topic, part, position, epoch, owner) VALUES ");
    for (unsigned p = 0; p < s->base.job->n_partitions; p++) {
        buf_append_str(sql, p == 0 ? "(" : ", (");
        maria_quote(sql, topic);
        buf_printf(sql, ", %u, 0, 0, '')", p);
    }
    buf_append_str(sql, " ON DUPLICATE KEY UPDATE position = sink_position.position");
}

static void add_owner_check(struct maria_session *s, const struct job *job)
{
    struct buf *sql = maria_statement(s, MARIA_COMMAND, 0);
    struct buf others = {0};

    buf_append_str(&others, "EXISTS (SELECT * FROM sink_position WHERE topic = ");
    maria_quote(&others, job->text);
    buf_append_str(&others, " AND owner <> ");
    maria_quote(&others, job->owner);
    buf_append_str(&others, ")");
    buf_printf(sql, FENCED_IF("%s"), buf_str(&others), MARIA_ERROR_FENCED);
    buf_done(&others);
}

static void add_for_topic(struct maria_session *s, enum maria_purpose purpose, const char *sql,
                          const char *topic)
{
    struct buf *statement = maria_statement(s, purpose, 0);

    buf_append_str(statement, sql);
    maria_quote(statement, topic);
}

void maria_sink_open_start(struct maria_session *s)
{
    struct job *job = s->base.job;
    struct buf *sql;

    maria_say(s, MARIA_COMMAND, "START TRANSACTION");
    add_rows(s, job->text);
    if (job->mode == STORE_SINK_RESUME)
        add_owner_check(s, job);
    sql = maria_statement(s, MARIA_COMMAND, 0);
    buf_append_str(sql, "UPDATE sink_position SET epoch = epoch + 1, owner = ");
    maria_quote(sql, job->owner);
    buf_append_str(sql, " WHERE topic = ");
    maria_quote(sql, job->text);
    add_for_topic(s, MARIA_ROWS,
                  "SELECT part, position, epoch FROM sink_position WHERE topic = ", job->text);
    maria_say(s, MARIA_COMMAND, "COMMIT");
    job->position.n = job->n_partitions;
    maria_send(s);
}

void maria_position_row(struct maria_session *s, unsigned what, MYSQL_ROW row)
{
    struct job *job = s->base.job;
    unsigned long part = strtoul(row[0], NULL, 10);

    (void)what;
    if (part < job->n_partitions)
        job->position.offset[part] = strtoll(row[1], NULL, 10);
    else
        reply_fail(&s->base.reply, STORE_FATAL, "a partition that was not asked for");
}

void maria_sink_open_row(struct maria_session *s, unsigned what, MYSQL_ROW row)
{
    maria_position_row(s, what, row);
    s->base.job->epoch = strtoll(row[2], NULL, 10);
}

void maria_position_start(struct maria_session *s)
{
    add_for_topic(s, MARIA_ROWS,
                  "SELECT part, position FROM sink_position WHERE topic = ", s->base.job->text);
    maria_send(s);
}

/* --- applying -------------------------------------------------------------------------------- */

/* Every row that is found moves, so the number of changed rows is that of the partitions. */
static void add_advance(struct maria_session *s, const struct store_batch *batch)
{
    struct buf *sql = maria_statement(s, MARIA_COMMAND, 0);
    struct buf from = {0};
    unsigned n = 0;

    assert(batch->from.n == batch->to.n);
    buf_append_str(sql, "UPDATE sink_position SET position = CASE part");
    for (unsigned p = 0; p < batch->to.n; p++) {
        if (batch->to.offset[p] == batch->from.offset[p])
            continue;
        buf_printf(sql, " WHEN %u THEN %" PRId64, p, batch->to.offset[p]);
        buf_printf(&from, "%s(%u, %" PRId64 ")", n++ ? ", " : "", p, batch->from.offset[p]);
    }
    assert(n > 0); /* a batch that moves nothing would not be fenced */
    buf_printf(sql, " END WHERE epoch = %" PRId64 " AND (part, position) IN (%s) AND topic = ",
               batch->epoch, buf_str(&from));
    maria_quote(sql, batch->topic);
    buf_done(&from);
    buf_printf(maria_statement(s, MARIA_COMMAND, 0), FENCED_IF("ROW_COUNT() <> %u"), n,
               MARIA_ERROR_FENCED);
}

struct run {
    struct maria_change *change;
    size_t capacity;
    unsigned n;
};

static void run_end(struct maria_session *s, struct run *run)
{
    if (run->n > 0)
        maria_changes(s, run->change, run->n, false);
    run->n = 0;
}

static void run_add(struct maria_session *s, struct run *run, const struct maria_change *change)
{
    if (run->n > 0 && !maria_same_kind(&run->change[run->n - 1], change))
        run_end(s, run);
    run->change = mem_grow(run->change, run->n, &run->capacity, sizeof *run->change);
    run->change[run->n++] = *change;
}

static void add_records(struct maria_session *s, const struct store_batch *batch)
{
    const char *name = s->base.store->where.name;
    struct run run = {0};

    for (unsigned r = 0; r < batch->n_records; r++) {
        const struct txn *txn = &batch->record[r].envelope->txn;
        uint32_t ours = txn_ops_of(txn, name);

        for (unsigned i = 0; i < txn->n_ops; i++) {
            const struct maria_change change = {.txn = txn, .op = i};

            if (ours & (UINT32_C(1) << i) && txn->op[i].kind != OP_READ)
                run_add(s, &run, &change);
        }
    }
    run_end(s, &run);
    free(run.change);
}

void maria_sink_apply_start(struct maria_session *s)
{
    maria_say(s, MARIA_COMMAND, "START TRANSACTION");
    add_advance(s, s->base.job->batch);
    add_records(s, s->base.job->batch);
    maria_say(s, MARIA_COMMAND, "COMMIT");
    maria_send(s);
}
