/*
 * redis_verbs.c - each verb's arguments to the script, and what is done with its reply.
 *
 * Only `prepare` takes more than one call: told to wait, the session blocks on the gid's token, for
 * the lock time-out at most, and then asks again; the last time it leaves the queue if it must.
 *
 * Nothing needs to be known of a lost session: rolling back an unknown gid bars it, so a prepare
 * that was still on its way is refused when it comes.
 */
#include "stores/redis.h"

#include "base/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TURN_ARG 2 /* prepare gid *turn* … */

enum begin_step { ASKED, WAITING };

/* --- operations ------------------------------------------------------------------------------ */

/* key, operation, bound */
static void operation_args(struct redis_session *s, const struct txn *txn, unsigned i)
{
    const struct op *op = &txn->op[i];
    char text[JOURNAL_OP_SIZE];

    if (op->kind == OP_READ)
        (void)snprintf(text, sizeof text, "r %u", i);
    else
        txn_journal_op(txn, i, text);
    redis_arg(s, op->key);
    redis_arg(s, text);
    if (op->kind == OP_INCR && op->has_min)
        redis_arg_number(s, op->min);
    else
        redis_arg(s, "");
}

static void txn_args(struct redis_session *s, const struct txn *txn)
{
    unsigned index[TXN_OPS_MAX];
    unsigned n = ops_by_key(txn, s->base.store, index);

    for (unsigned k = 0; k < n; k++)
        operation_args(s, txn, index[k]);
}

static void journalled_arg(struct redis_session *s)
{
    redis_arg(s, s->base.store->no_journal ? "0" : "1");
}

/* What was read, behind status and detail: index, value or nothing, n. */
static void take_reads(struct redis_session *s, const redisReply *reply)
{
    for (size_t i = 2; i + 2 < reply->elements; i += 3) {
        int64_t op = redis_number_at(reply, i);
        struct read_result *read;

        if (op < 0 || op >= TXN_OPS_MAX)
            continue;
        read = &s->base.reply.read[op];
        read->found = reply->element[i + 1]->type == REDIS_REPLY_STRING;
        (void)snprintf(read->value, sizeof read->value, "%s", redis_text_at(reply, i + 1));
        read->n = redis_number_at(reply, i + 2);
    }
}

static void reads_reply(struct redis_session *s, const redisReply *reply)
{
    if (redis_take_status(s, reply))
        take_reads(s, reply);
    session_finish(&s->base);
}

static void execute(struct redis_session *s)
{
    const struct txn *txn = s->base.job->txn;

    redis_call(s, "execute");
    journalled_arg(s);
    redis_arg(s, s->base.store->once ? "1" : "0");
    redis_arg(s, s->base.job->locking ? "1" : "0");
    redis_arg(s, txn->request);
    txn_args(s, txn);
    redis_call_end(s);
}

static void execute_reply(struct redis_session *s, const redisReply *reply)
{
    s->base.reply.again = strcmp(redis_text_at(reply, 1), "again") == 0;
    reads_reply(s, reply);
}

/* --- intents --------------------------------------------------------------------------------- */

static void begin(struct redis_session *s)
{
    const struct job *job = s->base.job;

    s->step = ASKED;
    s->until_us = clock_now_us() + s->base.store->lock_timeout_us;
    redis_call(s, "prepare");
    redis_arg(s, job->gid);
    redis_arg(s, "first");
    redis_arg(s, job->until == STORE_UNTIL_PREPARED ? "prepared" : "executed");
    redis_arg_number(s, s->base.store->lock_timeout_us);
    journalled_arg(s);
    redis_arg(s, job->txn->request);
    txn_args(s, job->txn);
    redis_call_end(s);
}

/* Block on the token that the next unlocking pushes for us. */
static void wait_for_token(struct redis_session *s)
{
    int64_t left_us = s->until_us - clock_now_us();

    s->step = WAITING;
    redis_send(s, "BLPOP w:%s %.3f", s->base.job->gid,
               (double)(left_us > US_PER_MS ? left_us : US_PER_MS) / (double)US_PER_S);
}

static void begin_reply(struct redis_session *s, const redisReply *reply)
{
    bool wanted = !s->base.job->told;

    if (s->step == WAITING) {
        bool woken = reply->type == REDIS_REPLY_ARRAY;

        s->step = ASKED;
        redis_call_again(s, TURN_ARG, !wanted ? "leave" : woken ? "again" : "last");
    } else if (strcmp(redis_text_at(reply, 0), "wait") != 0) {
        reads_reply(s, reply);
    } else if (wanted) {
        wait_for_token(s);
    } else {
        redis_call_again(s, TURN_ARG, "leave");
    }
}

static void call_of_gid(struct redis_session *s, const char *verb)
{
    redis_call(s, verb);
    redis_arg(s, s->base.job->gid);
}

static void prepare(struct redis_session *s)
{
    call_of_gid(s, "promote");
    redis_call_end(s);
}

static void commit(struct redis_session *s)
{
    call_of_gid(s, "commit");
    redis_call_end(s);
}

/* With the operations, where we know them: their keys' queues are left. */
static void rollback(struct redis_session *s)
{
    call_of_gid(s, "rollback");
    if (s->base.job->txn)
        txn_args(s, s->base.job->txn);
    redis_call_end(s);
}

static void release(struct redis_session *s)
{
    call_of_gid(s, "release");
    if (s->base.job->txn)
        txn_args(s, s->base.job->txn);
    redis_call_end(s);
}

static void prove(struct redis_session *s)
{
    call_of_gid(s, "prove");
    redis_call_end(s);
}

static void prove_reply(struct redis_session *s, const redisReply *reply)
{
    struct job *job = s->base.job;
    const char *state = redis_text_at(reply, 2);

    if (!redis_take_status(s, reply)) {
        session_finish(&s->base);
        return;
    }
    if (strcmp(state, "committed") == 0) {
        job->outcome = STORE_OUTCOME_COMMITTED;
    } else if (strcmp(state, "aborted") == 0) {
        job->outcome = STORE_OUTCOME_ROLLED_BACK;
    } else if (state[0]) {
        job->outcome = STORE_OUTCOME_PREPARED;
    } else {
        job->outcome = STORE_OUTCOME_LOST;
        (void)snprintf(s->base.reply.detail, sizeof s->base.reply.detail, "%s",
                       "its intent is not there: an older copy, or what was not yet on disk");
    }
    session_finish(&s->base);
}

static void forget(struct redis_session *s)
{
    call_of_gid(s, "forget");
    redis_call_end(s);
}

static void settle(struct redis_session *s)
{
    call_of_gid(s, "settle");
    redis_arg(s, s->base.job->commit ? "commit" : "rollback");
    redis_call_end(s);
}

static void forget_settled(struct redis_session *s)
{
    call_of_gid(s, "forget_settled");
    redis_call_end(s);
}

static void fence(struct redis_session *s)
{
    redis_call(s, "fence");
    redis_arg(s, s->base.job->text);
    redis_arg_number(s, s->base.job->epoch);
    redis_call_end(s);
}

static void mark(struct redis_session *s)
{
    const struct job *job = s->base.job;

    redis_call(s, "mark");
    redis_arg(s, job->text);
    redis_arg_number(s, job->epoch);
    redis_arg_number(s, job->mark.epoch);
    redis_arg_number(s, job->mark.incarnation);
    redis_arg_number(s, job->mark.sequence);
    redis_call_end(s);
}

static void mark_reply(struct redis_session *s, const redisReply *reply)
{
    struct job *job = s->base.job;

    if (redis_take_status(s, reply)) {
        job->fence = redis_number_at(reply, 2);
        job->before = (struct store_mark){.epoch = redis_number_at(reply, 3),
                                          .incarnation = redis_number_at(reply, 4),
                                          .sequence = redis_number_at(reply, 5)};
    }
    session_finish(&s->base);
}

/* --- sinks ----------------------------------------------------------------------------------- */

static void sink_open(struct redis_session *s)
{
    const struct job *job = s->base.job;

    redis_call(s, "sink_open");
    redis_arg(s, job->text);
    redis_arg_number(s, job->n_partitions);
    redis_arg(s, job->owner);
    redis_arg(s, job->mode == STORE_SINK_RESUME ? "resume" : "take over");
    redis_call_end(s);
}

static void sink_open_reply(struct redis_session *s, const redisReply *reply)
{
    struct job *job = s->base.job;

    if (redis_take_status(s, reply)) {
        job->epoch = redis_number_at(reply, 2);
        job->position.n = job->n_partitions;
        for (unsigned p = 0; p < job->n_partitions; p++)
            job->position.offset[p] = redis_number_at(reply, 3 + p);
    }
    session_finish(&s->base);
}

static void position(struct redis_session *s)
{
    redis_call(s, "position");
    redis_arg(s, s->base.job->text);
    redis_arg_number(s, s->base.job->n_partitions);
    redis_call_end(s);
}

static void position_reply(struct redis_session *s, const redisReply *reply)
{
    struct job *job = s->base.job;

    if (redis_take_status(s, reply)) {
        for (unsigned p = 0; p < job->n_partitions; p++)
            job->position.offset[p] = redis_number_at(reply, 2 + p);
    }
    session_finish(&s->base);
}

static unsigned moved_partitions(const struct store_batch *batch)
{
    unsigned n = 0;

    assert(batch->from.n == batch->to.n);
    for (unsigned p = 0; p < batch->to.n; p++)
        n += batch->to.offset[p] != batch->from.offset[p];
    return n;
}

static void record_args(struct redis_session *s, const struct txn *txn)
{
    uint32_t ours = txn_ops_of(txn, s->base.store->where.name);

    for (unsigned i = 0; i < txn->n_ops; i++) {
        if (!(ours & (UINT32_C(1) << i)) || txn->op[i].kind == OP_READ)
            continue;
        operation_args(s, txn, i);
        redis_arg(s, txn->request);
    }
}

static void sink_apply(struct redis_session *s)
{
    const struct store_batch *batch = s->base.job->batch;

    redis_call(s, "sink_apply");
    redis_arg(s, batch->topic);
    redis_arg_number(s, batch->epoch);
    journalled_arg(s);
    redis_arg_number(s, moved_partitions(batch));
    for (unsigned p = 0; p < batch->to.n; p++) {
        if (batch->to.offset[p] == batch->from.offset[p])
            continue;
        redis_arg_number(s, p);
        redis_arg_number(s, batch->from.offset[p]);
        redis_arg_number(s, batch->to.offset[p]);
    }
    for (unsigned r = 0; r < batch->n_records; r++)
        record_args(s, &batch->record[r].envelope->txn);
    redis_call_end(s);
}

const struct redis_verb redis_verbs[VERBS] = {
    [VERB_EXECUTE] = {.start = execute, .reply = execute_reply},
    [VERB_BEGIN] = {.start = begin, .reply = begin_reply},
    [VERB_PREPARE] = {.start = prepare},
    [VERB_COMMIT] = {.start = commit},
    [VERB_ROLLBACK] = {.start = rollback},
    [VERB_RELEASE] = {.start = release},
    [VERB_LIST] = {.start = redis_list_start, .reply = redis_list_reply},
    [VERB_PROVE] = {.start = prove, .reply = prove_reply},
    [VERB_FORGET] = {.start = forget},
    [VERB_VIEW] = {.start = redis_view_start, .reply = redis_view_reply},
    [VERB_SETTLE] = {.start = settle},
    [VERB_FORGET_SETTLED] = {.start = forget_settled},
    [VERB_END_SESSIONS] = {.start = redis_end_sessions_start, .reply = redis_end_sessions_reply},
    [VERB_FENCE] = {.start = fence},
    [VERB_MARK] = {.start = mark, .reply = mark_reply},
    [VERB_SINK_OPEN] = {.start = sink_open, .reply = sink_open_reply},
    [VERB_SINK_APPLY] = {.start = sink_apply},
    [VERB_POSITION] = {.start = position, .reply = position_reply},
    [VERB_CLAIM] = {.start = redis_claim_start, .reply = redis_claim_reply},
    [VERB_LEAVE] = {.start = redis_leave_start, .reply = redis_reset_reply},
    [VERB_RESET] = {.start = redis_reset_start, .reply = redis_reset_reply},
    [VERB_SCAN] = {.start = redis_scan_start, .reply = redis_scan_reply},
};
