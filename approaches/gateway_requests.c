/* What is asked of a gateway, and the branches that come of it: see gateway_private.h. */
#include "approaches/gateway_private.h"

#include "base/clock.h"
#include "base/mem.h"
#include "model/protocol.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

_Static_assert(PARTICIPANT_MEMO_SIZE == STORE_MEMO_SIZE, "a memo is handed on as it is");

/* --- answers ---------------------------------------------------------------------------------- */

static struct call *call_new(struct client *client, const struct participant_request *request)
{
    struct call *call = mem_alloc(sizeof *call);

    call->gateway = client->gateway;
    call->client = client;
    call->id = request->id;
    memcpy(call->gid, request->gid, sizeof call->gid);
    DL_APPEND(call->gateway->calls, call);
    return call;
}

/* Where the answer is to be written; NULL: nobody waits for it. */
static struct buf *output(const struct call *call)
{
    return call->client ? door_conn_output(call->client->conn) : NULL;
}

void gateway_call_over(struct call *call)
{
    if (call->client)
        door_conn_replied(call->client->conn);
    DL_DELETE(call->gateway->calls, call);
    free(call);
}

static void append_text(struct buf *out, const char *name, const char *text)
{
    if (!*text)
        return;
    buf_printf(out, ",\"%s\":", name);
    protocol_append_string(out, text);
}

static void refuse(struct call *call, const char *code, const char *detail)
{
    struct buf *out = output(call);

    if (out)
        participant_refuse(out, call->id, code, detail);
    gateway_call_over(call);
}

static void answer(struct call *call, const struct store_reply *reply)
{
    struct buf *out = output(call);

    if (reply->status != STORE_OK) {
        refuse(call, store_status_name(reply->status), reply->detail);
        return;
    }
    if (out) {
        participant_begin_reply(out, call->id);
        buf_append_str(out, "}\n");
    }
    gateway_call_over(call);
}

static void on_answered(void *arg, const struct store_reply *reply)
{
    answer(arg, reply);
}

/* --- branches --------------------------------------------------------------------------------- */

static struct held *find_held(const struct gateway *g, const char *gid)
{
    struct held *held;

    HASH_FIND_STR(g->held, gid, held);
    return held;
}

void gateway_let_go(struct gateway *g, struct held *held)
{
    HASH_DEL(g->held, held);
    store_branch_free(held->branch);
    free(held);
}

/* Is something of it left here, or may be? Then it stays, and can be ended. */
static bool stays(enum store_status status)
{
    return status == STORE_OK || status == STORE_UNKNOWN || status == STORE_FATAL;
}

/* The operations of this store, with what they have read. */
static void append_ours(struct buf *out, const struct gateway *g, const struct txn *txn,
                        const struct read_result *reads)
{
    uint32_t ours = txn_ops_of(txn, store_name(g->store));
    struct txn part = {0};
    struct read_result found[TXN_OPS_MAX];

    for (unsigned i = 0; i < txn->n_ops; i++) {
        if (!(ours & (UINT32_C(1) << i)))
            continue;
        found[part.n_ops] = reads[i];
        part.op[part.n_ops++] = txn->op[i];
    }
    protocol_append_txn(out, &part, found);
}

static void on_prepared(void *arg, const struct store_reply *reply)
{
    struct call *call = arg;
    struct gateway *g = call->gateway;
    struct held *held = call->held;
    struct buf *out = output(call);

    held->preparing = NULL;
    if (out && reply->status == STORE_OK) {
        participant_begin_reply(out, call->id);
        buf_append_str(out, ",\"txn\":");
        append_ours(out, g, &held->txn, reply->read);
        append_text(out, "memo", reply->memo);
        buf_append_str(out, "}\n");
    }
    if (reply->status == STORE_OK)
        gateway_call_over(call);
    else
        refuse(call, store_status_name(reply->status), reply->detail);
    if (!stays(reply->status))
        gateway_let_go(g, held);
}

static void prepare(struct client *client, const struct participant_request *request)
{
    struct gateway *g = client->gateway;
    struct call *call = call_new(client, request);
    struct held *held;

    if (!txn_ops_of(&request->txn, store_name(g->store))) {
        refuse(call, code_name(CODE_BAD_REQUEST), "no operation is of this store");
        return;
    }
    if (find_held(g, request->gid)) {
        refuse(call, code_name(CODE_BAD_REQUEST), "a branch of this gid was begun here already");
        return;
    }
    held = mem_alloc(sizeof *held);
    memcpy(held->gid, request->gid, sizeof held->gid);
    held->txn = request->txn;
    held->preparing = call;
    call->held = held;
    HASH_ADD_STR(g->held, gid, held);
    held->branch =
        store_branch_begin(g->store, &held->txn, held->gid, STORE_UNTIL_PREPARED,
                           clock_now_us() + request->deadline_ms * US_PER_MS, on_prepared, call);
}

/* The branch is over, unless it has to be asked again. */
static void on_ended(void *arg, const struct store_reply *reply)
{
    struct call *call = arg;
    struct gateway *g = call->gateway;
    struct held *held = call->held;
    enum store_status status = reply->status;

    held->ending = false;
    answer(call, reply);
    if (status == STORE_OK || status == STORE_NOTA || status == STORE_HEURISTIC)
        gateway_let_go(g, held);
}

/* A rollback overtakes a prepare that is not answered, whose answer then never comes. */
static void take_back_prepare(struct held *held)
{
    struct call *call = held->preparing;

    held->preparing = NULL;
    refuse(call, store_status_name(STORE_BARRED), "it was rolled back meanwhile");
}

static void end_held(struct call *call, struct held *held, bool commit)
{
    if (held->ending || (held->preparing && commit)) {
        refuse(call, store_status_name(STORE_RETRY), "an earlier request is at work on it");
        return;
    }
    held->ending = true;
    call->held = held;
    if (commit) {
        store_branch_commit(held->branch, on_ended, call);
        return;
    }
    store_branch_rollback(held->branch, on_ended, call);
    if (held->preparing)
        take_back_prepare(held);
}

static void end(struct client *client, const struct participant_request *request)
{
    struct gateway *g = client->gateway;
    struct call *call = call_new(client, request);
    struct held *held = find_held(g, request->gid);
    bool commit = request->verb == PARTICIPANT_COMMIT;

    if (held)
        end_held(call, held, commit);
    else
        store_resolve(g->store, request->gid, commit,
                      clock_now_us() + request->deadline_ms * US_PER_MS, on_answered, call);
}

/* --- looking ---------------------------------------------------------------------------------- */

static void on_recovered(void *arg, enum store_status status, const struct store_in_doubt *entries,
                         unsigned n_entries, unsigned waiters)
{
    struct call *call = arg;
    struct buf *out = output(call);

    (void)waiters;
    if (status != STORE_OK) {
        refuse(call, store_status_name(status), "");
        return;
    }
    if (out) {
        participant_begin_reply(out, call->id);
        buf_append_str(out, ",\"prepared\":[");
        for (unsigned i = 0; i < n_entries; i++)
            buf_printf(out, "%s{\"gid\":\"%s\",\"age_ms\":%" PRId64 "}", i ? "," : "",
                       entries[i].gid, entries[i].age_us / US_PER_MS);
        buf_append_str(out, "]}\n");
    }
    gateway_call_over(call);
}

static void on_proved(void *arg, const struct store_reply *reply, enum store_outcome outcome)
{
    static const char *const words[STORE_OUTCOMES] = {
        [STORE_OUTCOME_UNKNOWN] = "unknown",     [STORE_OUTCOME_PREPARED] = "prepared",
        [STORE_OUTCOME_COMMITTED] = "committed", [STORE_OUTCOME_ROLLED_BACK] = "rolled-back",
        [STORE_OUTCOME_LOST] = "lost",
    };
    struct call *call = arg;
    struct buf *out = output(call);

    if (reply->status != STORE_OK) {
        refuse(call, store_status_name(reply->status), reply->detail);
        return;
    }
    if (out) {
        participant_begin_reply(out, call->id);
        buf_printf(out, ",\"outcome\":\"%s\"", words[outcome]);
        append_text(out, "detail", reply->detail);
        buf_append_str(out, "}\n");
    }
    gateway_call_over(call);
}

/* --- requests --------------------------------------------------------------------------------- */

void gateway_take(struct client *client, const struct participant_request *request)
{
    struct gateway *g = client->gateway;
    int64_t deadline_us = clock_now_us() + request->deadline_ms * US_PER_MS;

    switch (request->verb) {
    case PARTICIPANT_PREPARE:
        prepare(client, request);
        break;
    case PARTICIPANT_COMMIT:
    case PARTICIPANT_ROLLBACK:
        end(client, request);
        break;
    case PARTICIPANT_RECOVER:
        store_list_in_doubt(g->store, request->gid, deadline_us, on_recovered,
                            call_new(client, request));
        break;
    case PARTICIPANT_STATUS:
        store_prove(g->store, request->gid, request->memo, deadline_us, on_proved,
                    call_new(client, request));
        break;
    case PARTICIPANT_FORGET:
        store_forget(g->store, request->gid, clock_now_us() + request->deadline_ms * US_PER_MS,
                     on_answered, call_new(client, request));
        break;
    case PARTICIPANT_VERBS:
        break;
    }
}
