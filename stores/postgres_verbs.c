/*
 * postgres_verbs.c - transactions, branches and their ends: what each verb sends.
 *
 *   begin      BEGIN; operations; PREPARE TRANSACTION 'gid' |       one round trip, one flush
 *   commit     COMMIT PREPARED 'gid' |
 *   rollback   ROLLBACK | ROLLBACK PREPARED 'gid' |                 `|` is a sync
 *
 * An operation that fails makes the server skip the rest of its segment, the PREPARE too.
 */
#include "stores/postgres.h"

#include "base/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_US        (5 * US_PER_MS)
#define POLL_GIVEUP_US (5 * US_PER_S)

enum rollback_step { ENDING_LOST, PAUSED, ROLLING_BACK };

/* --- operations ------------------------------------------------------------------------------ */

/* A read that is not alone keeps its lock until its transaction is over (two-phase locking). */
static enum pg_statement read_locked(const struct txn *txn, const struct op *read)
{
    enum pg_statement statement = PG_READ_SHARED;

    for (unsigned i = 0; i < txn->n_ops; i++) {
        const struct op *op = &txn->op[i];

        if (op->kind == OP_READ || strcmp(op->store, read->store) != 0 ||
            strcmp(op->key, read->key) != 0)
            continue;
        if (op->kind == OP_INSERT)
            return PG_READ_INSERTING;
        statement = PG_READ_EXCLUSIVE;
    }
    return statement;
}

static enum pg_statement statement_of(const struct op *op)
{
    static const enum pg_statement statements[OP_KINDS] = {
        [OP_WRITE] = PG_WRITE,
        [OP_INSERT] = PG_INSERT,
        [OP_INCR] = PG_INCR,
        [OP_APPEND] = PG_APPEND,
    };

    if (op->kind == OP_INCR && op->has_min)
        return PG_INCR_BOUNDED;
    if (op->kind == OP_WRITE && op->version != 0)
        return PG_WRITE_VERSIONED;
    return statements[op->kind];
}

void pg_send_change(struct pg_session *s, const struct txn *txn, unsigned i)
{
    const struct op *op = &txn->op[i];
    char journal[JOURNAL_OP_SIZE];
    char delta[24];
    char last[24]; /* bound or version */
    const char *params[] = {op->key, op->value, txn->request, journal, last};

    assert(op->kind != OP_READ);
    txn_journal_op(txn, i, journal);
    (void)snprintf(delta, sizeof delta, "%" PRId64, op->delta);
    (void)snprintf(last, sizeof last, "%" PRId64, op->kind == OP_INCR ? op->min : op->version);
    if (op->kind == OP_INCR)
        params[1] = delta;
    pg_send_prepared(s, PG_CHANGE, i, statement_of(op), params);
}

static void send_operations(struct pg_session *s, bool locked)
{
    const struct txn *txn = s->base.job->txn;
    unsigned index[TXN_OPS_MAX];
    unsigned n = ops_by_key(txn, s->base.store, index);

    for (unsigned k = 0; k < n; k++) {
        const struct op *op = &txn->op[index[k]];
        const char *key[] = {op->key};

        if (op->kind != OP_READ)
            pg_send_change(s, txn, index[k]);
        else
            pg_send_prepared(s, PG_VALUE, index[k], locked ? read_locked(txn, op) : PG_READ, key);
    }
}

static bool writes(const struct pg_session *s)
{
    const struct txn *txn = s->base.job->txn;

    return txn_writes(txn, txn_ops_of(txn, s->base.store->where.name));
}

/* What reads of absent keys have put there. Before a commit only: what only read is rolled back. */
static void send_clearing(struct pg_session *s)
{
    const struct txn *txn = s->base.job->txn;
    unsigned index[TXN_OPS_MAX];
    unsigned n = ops_by_key(txn, s->base.store, index);

    for (unsigned k = 0; k < n; k++) {
        const struct op *op = &txn->op[index[k]];
        const char *key[] = {op->key};

        if (op->kind == OP_READ && read_locked(txn, op) == PG_READ_SHARED)
            pg_send_prepared(s, PG_COMMAND, 0, PG_CLEAR, key);
    }
}

/* Cheaper than COMMIT and the same for a transaction that only read: no record, no flush. */
static void send_release(struct pg_session *s)
{
    pg_send(s, PG_COMMAND, "ROLLBACK", 0, NULL);
}

static void execute_several(struct pg_session *s)
{
    const char *request[] = {s->base.job->txn->request};

    pg_send_prepared(s, PG_COMMAND, 0, PG_BEGIN, NULL);
    if (s->base.store->once && writes(s))
        pg_send_prepared(s, PG_NEW, 0, PG_ONCE, request);
    send_operations(s, true);
    if (!writes(s)) {
        send_release(s);
        return;
    }
    send_clearing(s);
    pg_send_prepared(s, PG_COMMAND, 0, PG_COMMIT, NULL);
}

/* One operation is a transaction by itself: it is committed at the sync. */
static void execute(struct pg_session *s)
{
    const struct job *job = s->base.job;
    unsigned index[TXN_OPS_MAX];
    bool several = ops_by_key(job->txn, s->base.store, index) > 1;

    pg_need_statements(s);
    if (several || (writes(s) ? s->base.store->once : job->locking))
        execute_several(s);
    else
        send_operations(s, false);
    pg_end_segment(s);
}

/* --- branches -------------------------------------------------------------------------------- */

static void begin(struct pg_session *s)
{
    const char *request[] = {s->base.job->txn->request};

    s->memo[0] = '\0';
    pg_need_statements(s);
    pg_send_prepared(s, PG_COMMAND, 0, PG_BEGIN, NULL);
    if (s->base.job->once)
        pg_send_prepared(s, PG_NEW, 0, PG_ONCE, request);
    send_operations(s, true);
    if (writes(s) || s->base.job->until == STORE_UNTIL_PREPARED)
        send_clearing(s);
    if (s->base.job->until == STORE_UNTIL_PREPARED)
        pg_send_gid(s, PG_PREPARE, "PREPARE TRANSACTION");
    pg_end_segment(s);
}

static void prepare(struct pg_session *s)
{
    pg_send_gid(s, PG_PREPARE, "PREPARE TRANSACTION");
    pg_end_segment(s);
}

static void commit(struct pg_session *s)
{
    pg_send_gid(s, PG_COMMAND, "COMMIT PREPARED");
    pg_end_segment(s);
}

static void release(struct pg_session *s)
{
    send_release(s);
    pg_end_segment(s);
}

/*
 * The backend that may still be at our PREPARE: asked to end, and counted while it is there. After
 * a restart of the server nobody has its process id and start time any more, so it counts as gone,
 * as it is.
 */
static void send_end_of_lost(struct pg_session *s)
{
    const struct session_identity *lost = &s->base.job->lost;
    char pid[24];
    const char *params[] = {pid, lost->since};

    (void)snprintf(pid, sizeof pid, "%" PRId64, lost->number);
    s->step = ENDING_LOST;
    s->rows_seen = 0;
    pg_send(s, PG_ROWS,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid = $1::int AND backend_start = $2::timestamptz",
            2, params);
    pg_end_segment(s);
}

static void send_rollback(struct pg_session *s)
{
    s->step = ROLLING_BACK;
    pg_send(s, PG_IGNORED, "ROLLBACK", 0, NULL);
    pg_sync(s);
    pg_send_gid(s, PG_COMMAND, "ROLLBACK PREPARED");
    pg_end_segment(s);
}

static void rollback(struct pg_session *s)
{
    s->until_us = clock_now_us() + POLL_GIVEUP_US;
    if (s->base.job->lost.number)
        send_end_of_lost(s);
    else
        send_rollback(s);
}

static void look_at_lost(struct pg_session *s)
{
    struct store_reply *reply = &s->base.reply;

    if (reply->status == STORE_OK && s->rows_seen == 0) {
        send_rollback(s);
        return;
    }
    if (clock_now_us() > s->until_us)
        reply_fail(reply, STORE_RETRY, "the branch's old backend has not ended yet");
    if (reply->status != STORE_OK) {
        session_finish(&s->base);
        return;
    }
    s->step = PAUSED;
    pg_pause(s, POLL_US);
}

static void rollback_next(struct pg_session *s)
{
    switch (s->step) {
    case ENDING_LOST:
        look_at_lost(s);
        break;
    case PAUSED:
        send_end_of_lost(s);
        break;
    case ROLLING_BACK:
        session_finish(&s->base);
        break;
    default:
        assert(false);
    }
}

void pg_count_rows(struct pg_session *s, const PGresult *res)
{
    s->rows_seen += PQntuples(res);
}

/* --- the rest -------------------------------------------------------------------------------- */

static void fence(struct pg_session *s)
{
    const struct job *job = s->base.job;
    char epoch[24];
    const char *params[] = {job->text, epoch};

    (void)snprintf(epoch, sizeof epoch, "%" PRId64, job->epoch);
    pg_send(s, PG_ROWS,
            "INSERT INTO coordinator_epoch AS c (owner, epoch) VALUES ($1, $2::bigint)"
            " ON CONFLICT (owner) DO UPDATE SET epoch = excluded.epoch"
            " WHERE c.epoch < excluded.epoch RETURNING epoch",
            2, params);
    pg_end_segment(s);
}

void pg_fence_ask(struct pg_session *s)
{
    const struct store_fence *ours = &s->base.store->fence;
    const char *params[] = {ours->owner};

    if (ours->epoch > 0)
        pg_send(s, PG_FENCE, "SELECT epoch FROM coordinator_epoch WHERE owner = $1", 1, params);
}

static void fence_rows(struct pg_session *s, const PGresult *res)
{
    if (PQntuples(res) == 0)
        reply_fail(&s->base.reply, STORE_FENCED, "the store has seen a higher or equal epoch");
}

static void mark(struct pg_session *s)
{
    const struct job *job = s->base.job;
    char number[4][24];
    const char *params[] = {job->text, number[0], number[1], number[2], number[3]};
    const int64_t numbers[] = {job->epoch, job->mark.epoch, job->mark.incarnation,
                               job->mark.sequence};

    for (unsigned i = 0; i < 4; i++)
        (void)snprintf(number[i], sizeof number[i], "%" PRId64, numbers[i]);
    pg_send(s, PG_ROWS,
            "WITH raised AS (UPDATE coordinator_epoch SET mark_epoch = $3::bigint,"
            "  mark_incarnation = $4::bigint, mark_sequence = $5::bigint"
            "  WHERE owner = $1 AND epoch = $2::bigint)"
            " SELECT epoch, mark_epoch, mark_incarnation, mark_sequence"
            " FROM coordinator_epoch WHERE owner = $1",
            5, params);
    pg_end_segment(s);
}

/* The row as it was before the statement; none: never seen. */
static void mark_rows(struct pg_session *s, const PGresult *res)
{
    struct job *job = s->base.job;
    int64_t *found[] = {&job->fence, &job->before.epoch, &job->before.incarnation,
                        &job->before.sequence};

    for (int i = 0; i < 4 && PQntuples(res) > 0; i++)
        *found[i] = strtoll(PQgetvalue(res, 0, i), NULL, 10);
}

const struct pg_verb pg_verbs[VERBS] = {
    [VERB_EXECUTE] = {.start = execute},
    [VERB_BEGIN] = {.start = begin},
    [VERB_PREPARE] = {.start = prepare},
    [VERB_COMMIT] = {.start = commit},
    [VERB_ROLLBACK] = {.start = rollback, .rows = pg_count_rows, .next = rollback_next},
    [VERB_RELEASE] = {.start = release},
    [VERB_LIST] = {.start = pg_list_start, .rows = pg_list_rows},
    [VERB_PROVE] = {.start = pg_prove_start, .rows = pg_prove_rows},
    [VERB_VIEW] = {.start = pg_view_start, .rows = pg_view_rows, .next = pg_view_next},
    [VERB_SETTLE] = {.start = pg_settle_start, .rows = pg_count_rows, .next = pg_settle_next},
    [VERB_FORGET_SETTLED] = {.start = pg_forget_settled},
    [VERB_END_SESSIONS] = {.start = pg_end_sessions_start,
                           .rows = pg_count_rows,
                           .next = pg_end_sessions_next},
    [VERB_FENCE] = {.start = fence, .rows = fence_rows},
    [VERB_MARK] = {.start = mark, .rows = mark_rows},
    [VERB_SINK_OPEN] = {.start = pg_sink_open_start, .rows = pg_sink_open_rows},
    [VERB_SINK_APPLY] = {.start = pg_sink_apply_start},
    [VERB_POSITION] = {.start = pg_position_start, .rows = pg_position_rows},
    [VERB_CLAIM] = {.start = pg_claim},
    [VERB_LEAVE] = {.start = pg_leave},
    [VERB_RESET] = {.start = pg_reset_start, .rows = pg_reset_rows, .next = pg_reset_next},
    [VERB_SCAN] = {.start = pg_scan_start, .rows = pg_scan_rows, .next = pg_scan_next},
};
