/*
 * postgres_sink.c - a sink's batch in one transaction and one round trip.
 *
 *   BEGIN; advance positions, or raise; operations; COMMIT |
 *
 * Neighbouring operations of the same kind go as one statement over arrays: writes and plain
 * increments, which is what a log is full of. The rest goes one by one.
 */
#include "stores/postgres.h"

#include "base/buf.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- owning ---------------------------------------------------------------------------------- */

void pg_sink_open_start(struct pg_session *s)
{
    const struct job *job = s->base.job;
    char n[16];
    const char *lock[] = {job->text};
    const char *params[] = {job->text, n, job->owner,
                            job->mode == STORE_SINK_TAKE_OVER ? "true" : "false"};

    (void)snprintf(n, sizeof n, "%u", job->n_partitions);
    pg_send(s, PG_COMMAND, "BEGIN", 0, NULL);
    pg_send(s, PG_COMMAND, "SELECT pg_advisory_xact_lock(hashtext('syncbed sink'), hashtext($1))",
            1, lock);
    pg_send(s, PG_ROWS,
            "WITH e AS (SELECT coalesce(max(epoch), 0) + 1 AS epoch FROM sink_position"
            "  WHERE topic = $1 HAVING $4::boolean OR bool_and(owner = $3))"
            " INSERT INTO sink_position (topic, part, position, epoch, owner)"
            " SELECT $1, p, 0, e.epoch, $3 FROM e, generate_series(0, $2::int - 1) p"
            " ON CONFLICT (topic, part) DO UPDATE SET epoch = excluded.epoch,"
            "  owner = excluded.owner RETURNING part, position, epoch",
            4, params);
    pg_send(s, PG_COMMAND, "COMMIT", 0, NULL);
    pg_end_segment(s);
}

/* Rows of partition and position. */
static void take_positions(struct pg_session *s, const PGresult *res)
{
    struct job *job = s->base.job;

    for (int i = 0; i < PQntuples(res); i++) {
        unsigned long part = strtoul(PQgetvalue(res, i, 0), NULL, 10);

        if (part >= job->n_partitions) {
            reply_fail(&s->base.reply, STORE_FATAL, "a partition that was not asked for");
            return;
        }
        job->position.offset[part] = strtoll(PQgetvalue(res, i, 1), NULL, 10);
    }
}

void pg_sink_open_rows(struct pg_session *s, const PGresult *res)
{
    struct job *job = s->base.job;

    if (PQntuples(res) != (int)job->n_partitions) {
        reply_fail(&s->base.reply, STORE_FENCED, "another sink has taken over");
        return;
    }
    job->position.n = job->n_partitions;
    take_positions(s, res);
    job->epoch = strtoll(PQgetvalue(res, 0, 2), NULL, 10);
}

void pg_position_start(struct pg_session *s)
{
    const char *params[] = {s->base.job->text};

    pg_send(s, PG_ROWS, "SELECT part, position FROM sink_position WHERE topic = $1", 1, params);
    pg_end_segment(s);
}

void pg_position_rows(struct pg_session *s, const PGresult *res)
{
    take_positions(s, res);
}

/* --- arrays ---------------------------------------------------------------------------------- */

/* An array of PostgreSQL as text: {"a","b"}. */
static void array_add(struct buf *array, const char *element)
{
    buf_append_str(array, array->size == 0 ? "{\"" : ",\"");
    for (const char *p = element; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_append_char(array, '\\');
        buf_append_char(array, *p);
    }
    buf_append_char(array, '"');
}

static void array_add_number(struct buf *array, int64_t element)
{
    buf_printf(array, "%c%" PRId64, array->size == 0 ? '{' : ',', element);
}

static const char *array_end(struct buf *array)
{
    buf_append_char(array, '}');
    return buf_str(array);
}

/* --- runs of one kind ------------------------------------------------------------------------ */

struct run {
    enum op_kind kind; /* of the operations gathered, WRITE or INCR */
    unsigned n;
    struct buf keys, values, requests, ops;
    const struct txn *last_txn; /* the latest, sent alone when it stays the only one */
    unsigned last_op;
};

static void run_send(struct pg_session *s, struct run *run)
{
    if (run->n == 1) {
        pg_send_change(s, run->last_txn, run->last_op);
    } else if (run->n > 1) {
        const char *params[] = {array_end(&run->keys), array_end(&run->values),
                                array_end(&run->requests), array_end(&run->ops)};

        pg_send_prepared(s, PG_COMMAND, 0, run->kind == OP_WRITE ? PG_SINK_WRITE : PG_SINK_INCR,
                         params);
    }
    run->n = 0;
    buf_clear(&run->keys);
    buf_clear(&run->values);
    buf_clear(&run->requests);
    buf_clear(&run->ops);
}

static void run_add(struct run *run, const struct txn *txn, unsigned i)
{
    const struct op *op = &txn->op[i];
    char journal[JOURNAL_OP_SIZE];

    txn_journal_op(txn, i, journal);
    array_add(&run->keys, op->key);
    if (op->kind == OP_INCR)
        array_add_number(&run->values, op->delta);
    else
        array_add(&run->values, op->value);
    array_add(&run->requests, txn->request);
    array_add(&run->ops, journal);
    run->kind = op->kind;
    run->last_txn = txn;
    run->last_op = i;
    run->n++;
}

static bool goes_in_a_run(const struct op *op)
{
    return (op->kind == OP_WRITE && op->version == 0) || (op->kind == OP_INCR && !op->has_min);
}

static void send_operation(struct pg_session *s, struct run *run, const struct txn *txn, unsigned i)
{
    const struct op *op = &txn->op[i];

    if (op->kind == OP_READ)
        return;
    if (run->n > 0 && (!goes_in_a_run(op) || op->kind != run->kind))
        run_send(s, run);
    if (goes_in_a_run(op))
        run_add(run, txn, i);
    else
        pg_send_change(s, txn, i);
}

static void send_records(struct pg_session *s, const struct store_batch *batch)
{
    const char *name = s->base.store->where.name;
    struct run run = {0};

    for (unsigned r = 0; r < batch->n_records; r++) {
        const struct txn *txn = &batch->record[r].envelope->txn;
        uint32_t ours = txn_ops_of(txn, name);

        for (unsigned i = 0; i < txn->n_ops; i++) {
            if (ours & (UINT32_C(1) << i))
                send_operation(s, &run, txn, i);
        }
    }
    run_send(s, &run);
    buf_done(&run.keys);
    buf_done(&run.values);
    buf_done(&run.requests);
    buf_done(&run.ops);
}

/* --- applying -------------------------------------------------------------------------------- */

static void send_advance(struct pg_session *s, const struct store_batch *batch)
{
    struct buf parts = {0};
    struct buf from = {0};
    struct buf to = {0};
    char epoch[24];

    assert(batch->from.n == batch->to.n);
    for (unsigned p = 0; p < batch->to.n; p++) {
        if (batch->to.offset[p] == batch->from.offset[p])
            continue;
        array_add_number(&parts, p);
        array_add_number(&from, batch->from.offset[p]);
        array_add_number(&to, batch->to.offset[p]);
    }
    assert(parts.size > 0); /* a batch that moves nothing would not be fenced */
    (void)snprintf(epoch, sizeof epoch, "%" PRId64, batch->epoch);

    const char *params[] = {batch->topic, epoch, array_end(&parts), array_end(&from),
                            array_end(&to)};

    pg_send_prepared(s, PG_COMMAND, 0, PG_SINK_ADVANCE, params);
    buf_done(&parts);
    buf_done(&from);
    buf_done(&to);
}

void pg_sink_apply_start(struct pg_session *s)
{
    const struct store_batch *batch = s->base.job->batch;

    pg_need_statements(s);
    pg_send_prepared(s, PG_COMMAND, 0, PG_BEGIN, NULL);
    send_advance(s, batch);
    send_records(s, batch);
    pg_send_prepared(s, PG_COMMAND, 0, PG_COMMIT, NULL);
    pg_end_segment(s);
}
