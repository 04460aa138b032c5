/* What a store's answer is to the core: see the header. */
#include "coordinator/twopc_answers.h"

#include "base/clock.h"
#include "base/log.h"
#include "coordinator/coordinator_private.h"
#include "coordinator/proof.h"

#include <stdio.h>
#include <string.h>

#define PROOF_DEADLINE_US (2 * US_PER_S)

/* --- votes ------------------------------------------------------------------------------------ */

/*
 * Of execute, prepare and release: a NO means that the store has surely rolled back and needs not
 * be told. What is in no table of the store's errors (FATAL) may be anything.
 */
static enum twopc_answer vote_of(enum store_status status)
{
    switch (status) {
    case STORE_OK:
        return TWOPC_YES;
    case STORE_UNKNOWN:
    case STORE_HEURISTIC:
    case STORE_FATAL:
        return TWOPC_UNKNOWN;
    case STORE_CONSTRAINT:
    case STORE_CONFLICT:
    case STORE_BARRED:
    case STORE_AGAIN:
    case STORE_ELSEWHERE:
    case STORE_UNAVAILABLE:
    case STORE_NOTA:
    case STORE_RETRY:
    case STORE_FENCED:
    case STORE_STATUSES:
        break;
    }
    return TWOPC_NO;
}

/* Its session goes back to the others. */
void twopc_free_branch(struct branch *b)
{
    store_branch_free(b->handle);
    b->handle = NULL;
}

static void voted(struct branch *b, enum twopc_event_type type, const struct store_reply *reply)
{
    struct transaction *t = b->transaction;
    enum twopc_answer answer = vote_of(reply->status);

    if (answer != TWOPC_YES) {
        enum code code = store_status_code(reply->status);

        if (code == CODE_UNAVAILABLE && t->core.state != TWOPC_LOCKING)
            code = CODE_ABORTED; /* others were sent theirs */
        t->again |= reply->status == STORE_AGAIN;
        t->elsewhere |= reply->status == STORE_ELSEWHERE;
        if (!code_definite(code) && reply->status != STORE_ELSEWHERE)
            code = CODE_ABORTED; /* what it is at this store is not known, the decision is */
        transaction_refused(t, code, b->store, reply->detail);
    }
    if (answer == TWOPC_NO || type == TWOPC_EV_RELEASED)
        twopc_free_branch(b);
    twopc_driver_feed(
        t, (struct twopc_event){.type = type, .participant = b->index, .answer = answer});
}

static void take_found(struct branch *b, const struct store_reply *reply)
{
    if (reply->status != STORE_OK)
        return;
    transaction_take_reads(b->transaction, b->store, reply);
    memcpy(b->memo, reply->memo, sizeof b->memo);
}

void twopc_executed(void *arg, const struct store_reply *reply)
{
    take_found(arg, reply);
    voted(arg, TWOPC_EV_EXECUTED, reply);
}

void twopc_prepared(void *arg, const struct store_reply *reply)
{
    voted(arg, TWOPC_EV_PREPARED, reply);
}

void twopc_executed_and_prepared(void *arg, const struct store_reply *reply)
{
    take_found(arg, reply);
    voted(arg, TWOPC_EV_PREPARED, reply);
}

void twopc_released(void *arg, const struct store_reply *reply)
{
    voted(arg, TWOPC_EV_RELEASED, reply);
}

/* Nobody has to be told there any more. */
static void leave_if_settled(struct branch *b)
{
    struct transaction *t = b->transaction;

    if (t->state == TRANSACTION_OVER || !(t->core.settled >> b->index & 1U))
        return;
    twopc_free_branch(b);
    transaction_leave_keys(t, store_name(b->store));
}

static void acked(struct branch *b, enum twopc_event_type type, enum twopc_answer answer)
{
    twopc_driver_feed(b->transaction, (struct twopc_event){
                                          .type = type, .participant = b->index, .answer = answer});
    leave_if_settled(b);
}

static void keep_words(struct branch *b, const struct store_reply *reply)
{
    (void)snprintf(b->words, sizeof b->words, "%s", reply->detail);
}

/* What no waiting mends is logged, but not each of the tries that go on for ever. */
static void not_settled(struct branch *b, const struct store_reply *reply)
{
    bool mends = reply->status != STORE_FATAL && reply->status != STORE_FENCED;

    if (!mends && !b->complained)
        log_error("%s at %s: %s, %s; sent again and again", b->transaction->gid,
                  store_name(b->store), store_status_name(reply->status), reply->detail);
    b->complained = !mends;
    acked(b, TWOPC_EV_ACK, TWOPC_UNKNOWN);
}

/* `contradicted`: what a store means that remembers how somebody else has ended it. */
static void ended(struct branch *b, const struct store_reply *reply, enum twopc_answer contradicted)
{
    if (reply->status == STORE_OK) {
        acked(b, TWOPC_EV_ACK, TWOPC_YES);
    } else if (reply->status == STORE_NOTA) {
        acked(b, TWOPC_EV_ACK, TWOPC_NOTA);
    } else if (reply->status == STORE_HEURISTIC) {
        keep_words(b, reply);
        acked(b, TWOPC_EV_ACK, contradicted);
    } else {
        not_settled(b, reply);
    }
}

void twopc_committed(void *arg, const struct store_reply *reply)
{
    ended(arg, reply, TWOPC_ROLLED_BACK);
}

void twopc_rolled_back(void *arg, const struct store_reply *reply)
{
    ended(arg, reply, TWOPC_COMMITTED);
}

/* --- proofs ----------------------------------------------------------------------------------- */

static void proved(void *arg, const struct store_reply *reply, enum store_outcome outcome)
{
    static const enum twopc_answer answers[STORE_OUTCOMES] = {
        [STORE_OUTCOME_UNKNOWN] = TWOPC_UNKNOWN,
        [STORE_OUTCOME_PREPARED] = TWOPC_UNKNOWN,
        [STORE_OUTCOME_COMMITTED] = TWOPC_COMMITTED,
        [STORE_OUTCOME_ROLLED_BACK] = TWOPC_ROLLED_BACK,
        [STORE_OUTCOME_LOST] = TWOPC_LOST,
    };
    struct branch *b = arg;

    if (!b->handle) /* given back: the coordinator is being closed */
        return;
    keep_words(b, reply);
    acked(b, TWOPC_EV_PROVED, answers[outcome]);
}

void twopc_prove(struct branch *b)
{
    struct coordinator *co = b->transaction->co;

    co->counters.proofs++;
    proof_ask(co->watermark, b->store, b->transaction->gid, b->memo,
              clock_now_us() + PROOF_DEADLINE_US, proved, b);
}

/* Neither committed nor aborted would be true of it, now or when it is asked for again. */
static void has_no_one_outcome(struct transaction *t)
{
    t->request->outcome = OUTCOME_UNKNOWN;
    t->request->mixed = true;
}

void twopc_tell_heuristic(struct branch *b)
{
    struct transaction *t = b->transaction;
    bool commits = t->decided;

    if (commits)
        has_no_one_outcome(t);
    t->co->counters.heuristic++;
    log_error("%s at %s: %s by somebody else, though it was decided to %s%s%s; it stays so", t->gid,
              store_name(b->store), commits ? "rolled back" : "committed",
              commits ? "commit it" : "roll it back", b->words[0] ? ": " : "", b->words);
}

void twopc_tell_lost(struct branch *b)
{
    b->transaction->co->counters.lost++;
    has_no_one_outcome(b->transaction);
    log_error("%s at %s: lost, though it was decided to commit it: %s. Its decision stays open",
              b->transaction->gid, store_name(b->store), b->words);
}
