/*
 * A transaction at one store: the store commits or does not, and that is the decision. Nothing is
 * prepared or logged. What an answer lost on the way meant is not known here afterwards: the
 * request's journal entry, written in the same local transaction, tells.
 */
#include "coordinator/transaction.h"

#include "base/clock.h"

static void executed(void *arg, const struct store_reply *reply)
{
    struct transaction *t = arg;
    const struct store *store = t->branch[0].store;
    enum code code = store_status_code(reply->status);

    if (code == CODE_NONE) {
        transaction_take_reads(t, store, reply);
        transaction_answer(t, CODE_NONE, LEVEL_EVERYWHERE);
        transaction_over(t, OUTCOME_COMMITTED);
        return;
    }
    if (code == CODE_UNKNOWN && clock_now_us() >= t->deadline_us)
        code = CODE_TIMEOUT;
    transaction_refused(t, code, store, reply->detail);
    transaction_answer_refused(t);
    transaction_over(t, code_definite(code) ? OUTCOME_ABORTED : OUTCOME_UNKNOWN);
}

/* A read, too, waits for what is prepared here: somebody may have seen the rest of it elsewhere. */
void one_phase_begin(struct transaction *t)
{
    store_execute_locking(t->branch[0].store, &t->txn, t->deadline_us, executed, t);
}
