/*
 * dual_private.h - dual writes from inside: what their files share.
 *
 *   dual.c          the row of the table, the stores, opening and closing
 *   dual_txn.c      one transaction: its parts, sending them again, what is answered
 *   dual_combine.c  what the client hears of the stores' answers
 */
#ifndef SYNCBED_APPROACHES_DUAL_PRIVATE_H
#define SYNCBED_APPROACHES_DUAL_PRIVATE_H

#include "approaches/dual.h"
#include "base/soon.h"
#include "stores/store_set.h"

/* Mistakes that can be built in; dual.c has a sentence for each. */
enum dual_break {
    DUAL_SOUND,
    DUAL_ACK_AFTER_FIRST,
    DUAL_PARTIAL_IS_FAILURE,
    DUAL_RETRY_BLINDLY,
    DUAL_BREAKS
};

struct dual {
    struct approach_env env;
    enum dual_break broken;
    bool parallel;
    bool retry;
    bool versioned;
    unsigned door;   /* our number among the roles */
    int64_t version; /* the highest given so far */
    bool said_ready;
    bool closing; /* the stores are going: nothing more is sent */
    struct event *ready_timer;
    struct soon *soon;          /* an approach may not answer from inside */
    struct dual_part *retrying; /* parts that wait to be sent again */
    struct store_set stores;
    unsigned in_flight;
    uint64_t n_partial;
    uint64_t n_retries;
};

/* As approach.h says of `submit`. */
void dual_txn_submit(void *self, const struct txn *txn, int64_t deadline_us, approach_done done,
                     void *arg);

/* Parts that wait to be sent again are refused; for who is closing. */
void dual_txn_give_up_retries(struct dual *dual);

#endif
