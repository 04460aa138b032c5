/* What was settled by hand against the decision: see the header. */
#include "coordinator/by_hand.h"

#include "base/clock.h"
#include "base/log.h"
#include "coordinator/coordinator_private.h"
#include "coordinator/doubt_ask.h"

#include <string.h>

#define LOOK_TIMEOUT_US INT64_C(5000000) /* for a store to answer */

static bool is_against(const struct coordinator *co, const struct doubt_txn *txn)
{
    return txn->heuristic == DOUBT_CONTRADICTS && strcmp(txn->name.coordinator, co->name) == 0;
}

void by_hand_count(struct coordinator *co, const struct doubt *d)
{
    co->counters.against_by_hand = 0;
    for (size_t i = 0; i < d->n_txns; i++)
        co->counters.against_by_hand += is_against(co, d->txn[i]);
}

static void complain(const struct coordinator *co, const struct doubt *d)
{
    for (size_t i = 0; i < d->n_txns; i++) {
        const struct doubt_txn *txn = d->txn[i];

        if (!is_against(co, txn))
            continue;
        for (unsigned s = 0; s < d->n_stores; s++) {
            enum doubt_state state = txn->branch[s].state;

            if (state == DOUBT_COMMITTED_BY_HAND || state == DOUBT_ROLLED_BACK_BY_HAND)
                log_error("%s at %s: %s; its decision: %s. It stays so until it is forgotten",
                          txn->gid, d->store[s].name, doubt_state_word(state),
                          doubt_decision_word(txn->decision));
        }
    }
}

static void take_decision(void *arg, const struct decision *decision)
{
    doubt_take_decision(arg, decision);
}

static void looked(void *arg, struct doubt *asked)
{
    struct coordinator *co = arg;
    struct doubt d = *asked;
    struct errctx err;

    if (co->closing) {
        doubt_done(&d);
        return;
    }
    doubt_take_log(&d, co->name);
    if (decision_log_read(co->dir, take_decision, &d, &err))
        log_warn("%s: what was settled by hand is not compared: %s", co->name, err.message);
    doubt_conclude(&d);
    by_hand_count(co, &d);
    complain(co, &d);
    doubt_done(&d);
}

void by_hand_look(struct coordinator *co)
{
    char prefix[ROLE_PREFIX_SIZE];

    role_prefix(prefix, co->name);
    doubt_ask(co->store, co->n_stores, prefix, clock_now_us() + LOOK_TIMEOUT_US, looked, co);
}
