/*
 * One operation of the load: what is recorded of it, and whether it is sent again. A history line
 * is written when something is known: an invocation when it was sent, an end when it was answered,
 * lost, or too late.
 */
#include "harness/workload/generator_state.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <stdio.h>

/* --- one operation ------------------------------------------------------------------------- */

struct operation *operation_at(const struct generator *g, size_t i)
{
    return &g->chunk[i / OPS_PER_CHUNK][i % OPS_PER_CHUNK];
}

static struct operation *operation_of(struct load_op *op)
{
    return (struct operation *)op;
}

void operations_make(struct generator *g)
{
    while (g->n_chunks * OPS_PER_CHUNK < g->plan.n) {
        struct operation *chunk = mem_alloc_array(OPS_PER_CHUNK, sizeof *chunk);

        for (size_t i = 0; i < OPS_PER_CHUNK; i++)
            chunk[i].number = g->n_chunks * OPS_PER_CHUNK + i;
        g->chunk = mem_grow(g->chunk, g->n_chunks, &g->chunks_capacity, sizeof(struct operation *));
        g->chunk[g->n_chunks++] = chunk;
    }
}

bool generator_is_closed(const struct generator *g)
{
    return g->options.workload.arrivals == ARRIVALS_CLOSED;
}

bool operation_is_direct(const struct generator *g, size_t i)
{
    return g->plan.arrival[i].is_read && g->options.workload.reads == READS_DIRECT;
}

int64_t operation_planned_us(const struct generator *g, size_t i)
{
    return g->start_us + g->plan.arrival[i].planned_us;
}

int64_t operation_expires_us(const struct generator *g, size_t i)
{
    return operation_planned_us(g, i) + g->deadline_us;
}

/* Into the scratch request. */
const struct txn *operation_txn(struct generator *g, size_t i)
{
    const struct arrival *a = &g->plan.arrival[i];
    struct txn *txn = &g->request.txn;

    plan_txn(&g->plan, i, &g->options.workload, g->options.topology, txn);
    if (!a->is_read || !g->seen || g->seen[a->client].n == 0)
        return txn;
    txn->after = g->seen[a->client];
    for (unsigned k = 0; k < txn->n_ops; k++)
        txn->op[k].has_after = true;
    return txn;
}

void operation_invoked(struct generator *g, size_t i, const char *server, int64_t at_us)
{
    const struct arrival *a = &g->plan.arrival[i];
    const struct history_invocation invocation = {.op = (int64_t)i,
                                                  .client = a->client,
                                                  .server = server,
                                                  .planned_us = operation_planned_us(g, i),
                                                  .at_us = at_us,
                                                  .probe = a->is_probe};

    history_invoke(g->history, &invocation, operation_txn(g, i));
    g->n_invoked++;
}

void operation_sent(struct generator *g, size_t i, int64_t at_us)
{
    const struct operation *op = operation_at(g, i);

    if (op->n_retries > 0) {
        history_retry(g->history, (int64_t)i, op->load.door, at_us);
        return;
    }
    operation_invoked(g, i, op->load.door, at_us);
    if (g->prober && g->plan.arrival[i].is_probe)
        prober_watch(g->prober, (int64_t)i, operation_txn(g, i));
}

/* A closed loop's client goes on. One that could not even ask does not spin. */
static void next_turn(struct generator *g, size_t i, enum code code)
{
    int64_t due_us = clock_now_us() + g->options.workload.think_ms * US_PER_MS;

    if (code == CODE_UNAVAILABLE)
        due_us += LOAD_RETRY_US;
    if (due_us < g->end_us)
        turns_add(&g->turns, g->plan.arrival[i].client, due_us);
}

void operation_ended(struct generator *g, size_t i, const struct reply *reply,
                     const struct txn *txn)
{
    struct operation *op = operation_at(g, i);
    enum history_end end = HISTORY_OK;

    if (reply->code != CODE_NONE)
        end = code_definite(reply->code) ? HISTORY_FAIL : HISTORY_INFO;
    assert(op->load.state != LOAD_ENDED);
    op->load.state = LOAD_ENDED;
    g->n_ended[end]++;
    history_end(g->history, (int64_t)i, end, clock_now_us(), reply, txn);
    if (end == HISTORY_FAIL && g->prober)
        prober_forget(g->prober, (int64_t)i);
    if (generator_is_closed(g))
        next_turn(g, i, reply->code);
}

static void end_with(struct generator *g, size_t i, enum code code, const char *detail)
{
    struct reply reply = {.code = code};

    (void)snprintf(reply.detail, sizeof reply.detail, "%s", detail);
    operation_ended(g, i, &reply, NULL);
}

/* At the deadline, or when the load is ended. What was sent before and is to be sent again may have
 * happened. */
void operation_never_sent(struct generator *g, size_t i)
{
    struct operation *op = operation_at(g, i);

    load_clients_withdraw(g->clients, g->plan.arrival[i].client, &op->load);
    if (op->unknown != CODE_NONE) {
        end_with(g, i, op->unknown, "not sent again: no front door");
        return;
    }
    operation_invoked(g, i, "", clock_now_us());
    end_with(g, i, CODE_UNAVAILABLE, "no front door");
}

void operation_never_answered(struct generator *g, size_t i)
{
    struct operation *op = operation_at(g, i);

    if (op->load.state == LOAD_UNSENT) { /* staged once, and its connection was lost before */
        operation_never_sent(g, i);
        return;
    }
    if (op->load.state == LOAD_STAGED) /* the socket may take it yet */
        operation_sent(g, i, clock_now_us());
    load_clients_withdraw(g->clients, g->plan.arrival[i].client, &op->load);
    end_with(g, i, CODE_TIMEOUT, "no answer");
}

/* --- sending again ------------------------------------------------------------------------- */

/* Its sending ended unknown. True: it is on its way once more, under the same request id. */
static bool try_again(struct generator *g, size_t i, enum code code)
{
    struct operation *op = operation_at(g, i);
    int64_t now_us = clock_now_us();

    if (op->n_retries == g->options.workload.retries || now_us >= operation_expires_us(g, i))
        return false;
    if (op->unknown == CODE_NONE)
        op->unknown = code;
    op->n_retries++;
    load_clients_retry(g->clients, g->plan.arrival[i].client, &op->load);
    if (g->next_unsent > i)
        g->next_unsent = i;
    generator_arm_timer(g, now_us);
    return true;
}

/* A refusal is definite for that sending only: an earlier one may have happened. */
static void end_in_doubt(struct generator *g, size_t i, const struct reply *refusal)
{
    char detail[sizeof refusal->detail];

    (void)snprintf(detail, sizeof detail, "sent again: %s", code_name(refusal->code));
    end_with(g, i, operation_at(g, i)->unknown, detail);
}

/* --- from the clients ---------------------------------------------------------------------- */

static void on_encode(void *arg, struct load_op *op, int64_t now_us, struct buf *out)
{
    struct generator *g = arg;
    size_t i = operation_of(op)->number;
    int64_t left_ms = (operation_expires_us(g, i) - now_us) / US_PER_MS;

    (void)operation_txn(g, i);
    g->request.kind = REQUEST_TXN;
    g->request.id = (int64_t)i;
    g->request.deadline_ms = left_ms > 0 ? left_ms : 1;
    protocol_encode_request(out, &g->request);
}

static struct load_op *on_find(void *arg, int64_t id)
{
    const struct generator *g = arg;

    return id >= 0 && (size_t)id < g->plan.n ? &operation_at(g, (size_t)id)->load : NULL;
}

static void on_sent(void *arg, struct load_op *op, int64_t at_us)
{
    struct generator *g = arg;

    operation_sent(g, operation_of(op)->number, at_us);
}

static void see(struct position *seen, const struct position *position)
{
    for (unsigned p = 0; p < position->n; p++) {
        if (p >= seen->n || position->offset[p] > seen->offset[p])
            seen->offset[p] = position->offset[p];
    }
    if (position->n > seen->n)
        seen->n = position->n;
}

/* Somebody else's door may say anything; what it says of another transaction says nothing of this.
 * `txn` is looked at where there are reads. */
static bool is_answer(const struct txn *txn, const struct reply *reply)
{
    uint32_t asked = 0;

    if (!reply->has_reads)
        return !reply->is_status;
    for (unsigned k = 0; k < txn->n_ops; k++)
        asked |= (uint32_t)(txn->op[k].kind == OP_READ) << k;
    return reply->came == asked;
}

static void on_replied(void *arg, struct load_op *op, const struct reply *reply)
{
    static const struct reply nonsense = {.code = CODE_UNKNOWN, .detail = "not what was asked"};
    struct generator *g = arg;
    size_t i = operation_of(op)->number;
    const struct txn *txn = reply->has_reads ? operation_txn(g, i) : NULL;

    if (!is_answer(txn, reply))
        reply = &nonsense;

    bool ok = reply->code == CODE_NONE;
    bool definite = ok || code_definite(reply->code);

    if (!definite && try_again(g, i, reply->code))
        return;
    if (ok && g->seen)
        see(&g->seen[g->plan.arrival[i].client], &reply->position);
    if (!ok && definite && operation_of(op)->unknown != CODE_NONE)
        end_in_doubt(g, i, reply);
    else
        operation_ended(g, i, reply, txn);
    generator_go_on(g);
}

static void on_lost(void *arg, struct load_op *op)
{
    struct generator *g = arg;
    size_t i = operation_of(op)->number;

    if (try_again(g, i, CODE_UNKNOWN))
        return;
    end_with(g, i, CODE_UNKNOWN, "connection lost");
    generator_go_on(g);
}

const struct load_handlers operation_handlers = {
    .encode = on_encode, .find = on_find, .sent = on_sent, .replied = on_replied, .lost = on_lost};
