/*
 * mariadb_verbs.c - transactions, branches and their ends: what each verb sends.
 *
 *   begin      XA START x; witness; operations; XA END x; XA PREPARE x      one round trip
 *   commit     XA COMMIT x
 *   rollback   XA END x; XA ROLLBACK x, or XA ROLLBACK x once it is prepared
 *
 * An operation that fails makes the server skip the rest; the branch is then still active, and is
 * left before the job is answered.
 */
#include "stores/mariadb.h"

#include "base/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum work_step { WORKING, LEAVING };

/* --- operations ------------------------------------------------------------------------------ */

static bool writes(const struct maria_session *s)
{
    const struct txn *txn = s->base.job->txn;

    return txn_writes(txn, txn_ops_of(txn, s->base.store->where.name));
}

/* A read that is not alone keeps its lock until its transaction is over (two-phase locking). */
static enum maria_lock lock_of(const struct txn *txn, const struct op *read, bool kept)
{
    for (unsigned i = 0; i < txn->n_ops; i++) {
        const struct op *op = &txn->op[i];

        if (op->kind == OP_INSERT && strcmp(op->store, read->store) == 0 &&
            strcmp(op->key, read->key) == 0)
            return MARIA_LOCK_INSERTING;
    }
    return kept ? MARIA_LOCK_KEPT : MARIA_LOCK_SHARED;
}

static void add_operations(struct maria_session *s, bool locked, bool kept)
{
    const struct txn *txn = s->base.job->txn;
    unsigned index[TXN_OPS_MAX];
    unsigned n = ops_by_key(txn, s->base.store, index);

    for (unsigned k = 0; k < n; k++) {
        const struct op *op = &txn->op[index[k]];
        const struct maria_change change = {.txn = txn, .op = index[k]};

        if (op->kind != OP_READ)
            maria_changes(s, &change, 1, true);
        else
            maria_read(s, op->key, index[k], locked ? lock_of(txn, op, kept) : MARIA_LOCK_NONE);
    }
}

/* What reads of absent keys have put there. Before a commit only: what only read is rolled back. */
static void add_clearing(struct maria_session *s)
{
    const struct txn *txn = s->base.job->txn;
    unsigned index[TXN_OPS_MAX];
    unsigned n = ops_by_key(txn, s->base.store, index);

    for (unsigned k = 0; k < n; k++) {
        const struct op *op = &txn->op[index[k]];

        if (op->kind == OP_READ && lock_of(txn, op, true) == MARIA_LOCK_KEPT)
            maria_clear(s, op->key);
    }
}

/* --- local transactions ---------------------------------------------------------------------- */

static void add_request(struct maria_session *s)
{
    struct buf *sql = maria_statement(s, MARIA_NEW, 0);

    maria_limit(sql, s);
    buf_append_str(sql, "INSERT INTO executed (request) VALUES (");
    maria_quote(sql, s->base.job->txn->request);
    buf_append_char(sql, ')');
}

static void execute_several(struct maria_session *s)
{
    maria_say(s, MARIA_COMMAND, "START TRANSACTION");
    if (s->base.store->once && writes(s))
        add_request(s);
    add_operations(s, true, writes(s));
    if (writes(s))
        add_clearing(s);
    maria_say(s, MARIA_COMMAND, writes(s) ? "COMMIT" : "ROLLBACK");
}

static void execute(struct maria_session *s)
{
    const struct job *job = s->base.job;
    unsigned index[TXN_OPS_MAX];

    if (writes(s) || job->locking || ops_by_key(job->txn, s->base.store, index) > 1)
        execute_several(s);
    else
        add_operations(s, false, false);
    maria_send(s);
}

static void local_next(struct maria_session *s)
{
    if (s->step == WORKING && s->skipped) {
        s->step = LEAVING;
        maria_say(s, MARIA_COMMAND, "ROLLBACK");
        maria_send(s);
    } else {
        session_finish(&s->base);
    }
}

/* --- branches -------------------------------------------------------------------------------- */

static void add_witness(struct maria_session *s)
{
    const struct session_identity *us = &s->base.identity;
    struct buf *sql = maria_statement(s, MARIA_COMMAND, 0);

    buf_printf(sql,
               "INSERT INTO witness (gid, connection, server_start, begun, request)"
               " VALUES ('%s', %" PRId64 ", %s, UTC_TIMESTAMP(6), ",
               s->base.job->gid, us->number, us->since);
    maria_quote(sql, s->base.job->txn->request);
    buf_append_char(sql, ')');
}

static void add_preparing(struct maria_session *s)
{
    maria_xa(s, MARIA_COMMAND, "END");
    maria_xa(s, MARIA_PREPARED, "PREPARE");
}

static void begin(struct maria_session *s)
{
    bool prepares = s->base.job->until == STORE_UNTIL_PREPARED;
    bool kept = prepares || writes(s);

    maria_xa(s, MARIA_STARTED, "START");
    if (s->base.job->once)
        add_request(s);
    if (kept)
        add_witness(s);
    add_operations(s, true, kept);
    if (kept)
        add_clearing(s);
    if (prepares)
        add_preparing(s);
    maria_send(s);
}

static void prepare(struct maria_session *s)
{
    add_preparing(s);
    maria_send(s);
}

/*
 * What failed is left behind before it is answered. XA END is refused where the server has rolled
 * the branch back already, or it was ended before; XA ROLLBACK is due in any case.
 */
static void branch_next(struct maria_session *s)
{
    if (s->step == WORKING && s->skipped && s->branch == MARIA_ACTIVE) {
        s->step = LEAVING;
        maria_xa(s, MARIA_IGNORED, "END");
        maria_send(s);
    } else if (s->step == LEAVING && s->branch == MARIA_ACTIVE) {
        s->step = WORKING;
        s->branch = MARIA_NO_BRANCH; /* sent once: when it fails, so does the session */
        maria_xa(s, MARIA_ENDED, "ROLLBACK");
        maria_send(s);
    } else {
        session_finish(&s->base);
    }
}

static void release(struct maria_session *s)
{
    if (s->branch == MARIA_ACTIVE)
        maria_xa(s, MARIA_COMMAND, "END");
    if (s->branch == MARIA_NO_BRANCH)
        maria_say(s, MARIA_COMMAND, "DO 1");
    else
        maria_xa(s, MARIA_ENDED, "ROLLBACK");
    maria_send(s);
}

/* --- the rest -------------------------------------------------------------------------------- */

static void forget(struct maria_session *s)
{
    buf_printf(maria_statement(s, MARIA_COMMAND, 0), "DELETE FROM witness WHERE gid = '%s'",
               s->base.job->gid);
    maria_send(s);
}

static void fence(struct maria_session *s)
{
    struct buf *sql = maria_statement(s, MARIA_RAISED, 0);

    buf_append_str(sql, "INSERT INTO coordinator_epoch (owner, epoch) VALUES (");
    maria_quote(sql, s->base.job->text);
    buf_printf(sql, ", %" PRId64 ") ON DUPLICATE KEY UPDATE epoch = GREATEST(epoch, VALUES(epoch))",
               s->base.job->epoch);
    maria_send(s);
}

void maria_fence_ask(struct maria_session *s)
{
    const struct store_fence *ours = &s->base.store->fence;
    struct buf *sql;

    if (ours->epoch == 0)
        return;
    sql = maria_statement(s, MARIA_FENCE, 0);
    buf_printf(sql, "SELECT epoch FROM `%s`.coordinator_epoch WHERE owner = ",
               s->base.store->where.database);
    maria_quote(sql, ours->owner);
}

/* The row as it was before; none: never seen. */
static void mark(struct maria_session *s)
{
    const struct job *job = s->base.job;
    struct buf *sql;

    maria_say(s, MARIA_COMMAND, "START TRANSACTION");
    sql = maria_statement(s, MARIA_ROWS, 0);
    buf_append_str(sql, "SELECT epoch, mark_epoch, mark_incarnation, mark_sequence"
                        " FROM coordinator_epoch WHERE owner = ");
    maria_quote(sql, job->text);
    buf_append_str(sql, " FOR UPDATE");
    sql = maria_statement(s, MARIA_COMMAND, 0);
    buf_printf(sql,
               "UPDATE coordinator_epoch SET mark_epoch = %" PRId64 ", mark_incarnation = %" PRId64
               ", mark_sequence = %" PRId64 " WHERE epoch = %" PRId64 " AND owner = ",
               job->mark.epoch, job->mark.incarnation, job->mark.sequence, job->epoch);
    maria_quote(sql, job->text);
    maria_say(s, MARIA_COMMAND, "COMMIT");
    maria_send(s);
}

static void mark_row(struct maria_session *s, unsigned what, MYSQL_ROW row)
{
    struct job *job = s->base.job;
    int64_t *found[] = {&job->fence, &job->before.epoch, &job->before.incarnation,
                        &job->before.sequence};

    (void)what;
    for (int i = 0; i < 4; i++)
        *found[i] = strtoll(row[i], NULL, 10);
}

const struct maria_verb maria_verbs[VERBS] = {
    [VERB_EXECUTE] = {.start = execute, .next = local_next},
    [VERB_BEGIN] = {.start = begin, .next = branch_next},
    [VERB_PREPARE] = {.start = prepare, .next = branch_next},
    [VERB_COMMIT] = {.start = maria_end, .row = maria_end_row, .next = maria_end_next},
    [VERB_ROLLBACK] = {.start = maria_end, .row = maria_end_row, .next = maria_end_next},
    [VERB_RELEASE] = {.start = release},
    [VERB_LIST] = {.start = maria_list_start, .row = maria_list_row, .next = maria_list_next},
    [VERB_PROVE] = {.start = maria_prove_start, .row = maria_end_row, .next = maria_prove_next},
    [VERB_FORGET] = {.start = forget},
    [VERB_VIEW] = {.start = maria_view_start, .row = maria_view_row, .next = maria_view_next},
    [VERB_SETTLE] = {.start = maria_settle_start, .row = maria_end_row, .next = maria_end_next},
    [VERB_FORGET_SETTLED] = {.start = maria_forget_settled},
    [VERB_END_SESSIONS] = {.start = maria_end_sessions_start,
                           .row = maria_count_row,
                           .next = maria_end_sessions_next},
    [VERB_FENCE] = {.start = fence},
    [VERB_MARK] = {.start = mark, .row = mark_row, .next = local_next},
    [VERB_SINK_OPEN] = {.start = maria_sink_open_start,
                        .row = maria_sink_open_row,
                        .next = local_next},
    [VERB_SINK_APPLY] = {.start = maria_sink_apply_start, .next = local_next},
    [VERB_POSITION] = {.start = maria_position_start, .row = maria_position_row},
    [VERB_CLAIM] = {.start = maria_claim},
    [VERB_LEAVE] = {.start = maria_leave},
    [VERB_RESET] = {.start = maria_reset_start, .row = maria_reset_row, .next = maria_reset_next},
    [VERB_SCAN] = {.start = maria_scan_start, .row = maria_scan_row, .next = maria_scan_next},
};
