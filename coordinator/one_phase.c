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

    switch (reply->status) {
    case STORE_OK:
        transaction_take_reads(t, store, reply);
        transaction_answer(t, CODE_NONE, LEVEL_EVERYWHERE);
        transaction_over(t, OUTCOME_COMMITTED);
        return;
    case STORE_UNKNOWN:
        transaction_refused(t, clock_now_us() >= t->deadline_us ? CODE_TIMEOUT : CODE_UNKNOWN,
                            store, reply->detail);
        transaction_answer_refused(t);
        transaction_over(t, OUTCOME_UNKNOWN);
        return;
    case STORE_CONSTRAINT:
    case STORE_CONFLICT:
    case STORE_BARRED:
    case STORE_UNAVAILABLE:
    case STORE_NOTA:
    case STORE_RETRY:
    case STORE_FENCED:
    case STORE_FATAL:
    case STORE_STATUSES:
        transaction_refused(t, code_of_status(reply->status), store, reply->detail);
        transaction_answer_refused(t);
        transaction_over(t, OUTCOME_ABORTED);
        return;
    }
}

void one_phase_begin(struct transaction *t)
{
    store_execute(t->branch[0].store, &t->txn, t->deadline_us, executed, t);
}
