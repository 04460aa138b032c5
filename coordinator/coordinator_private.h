/* coordinator_private.h - what a coordinator consists of; private to this folder. */
#ifndef SYNCBED_COORDINATOR_COORDINATOR_PRIVATE_H
#define SYNCBED_COORDINATOR_COORDINATOR_PRIVATE_H

#include "base/soon.h"
#include "coordinator/coordinator.h"
#include "coordinator/forgetting.h"
#include "coordinator/key_queue.h"
#include "coordinator/recovery.h"
#include "coordinator/requests.h"
#include "coordinator/transaction.h"
#include "coordinator/watermark.h"
#include "model/names.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* An answer that needs no transaction, given from the loop. */
struct answer {
    struct coordinator *co;
    struct soon_call soon;
    coordinator_done done;
    void *arg;
    enum code code;
    enum level level;
    bool is_status;
    enum outcome outcome;
    char detail[PROTOCOL_DETAIL_SIZE];
    struct answer *prev, *next; /* in co->answers */
};

struct coordinator {
    struct event_base *base;
    char name[ROLE_NAME_SIZE];
    char dir[PATH_MAX]; /* the log's */
    char application[SESSION_NAME_SIZE];
    enum twopc_lock_order lock_order;
    enum twopc_reply_rule reply_rule;
    enum twopc_break broken;
    bool requests_at_stores;
    struct coordinator_handlers handlers;
    bool ready_said;
    bool failed;
    bool closing;        /* its stores are being freed */
    bool looked_by_hand; /* what was settled by hand was asked for */
    struct event *grace; /* until `ready` at the latest */

    struct decision_log *log;
    struct event *log_event;
    struct soon_call log_due; /* decisions of this round of the loop wait to be written */
    struct watermark *watermark;
    struct recovery *recovery;
    unsigned n_stores;
    struct store *store[STORES_MAX]; /* owned */

    struct key_queue keys;
    struct requests requests;
    struct forgetting forgetting;
    uint64_t seq; /* of the last gid */
    unsigned n_in_flight;
    unsigned n_joined;                /* requests that wait for another's answer */
    struct transaction *transactions; /* that are not freed: in flight, or just over */
    struct answer *answers;           /* that are not given */
    struct soon *soon;                /* begins, answers and freeing, each from the loop */

    struct coordinator_counters counters;
};

/* The participants of `txn`, as bits of co->store; ret_all: every operation names one of ours. */
uint32_t coordinator_participants(const struct coordinator *co, const struct txn *txn,
                                  bool *ret_all);

/* Each of them has a session and may be given transactions; else the first that does not, and why:
 * for the client. */
bool coordinator_can_reach(const struct coordinator *co, uint32_t participants,
                           char ret_why_not[PROTOCOL_DETAIL_SIZE]);

#endif
