/*
 * transaction.h - one transaction inside the coordinator; private to this folder.
 *
 *   QUEUED --keys granted--> GRANTED --> RUNNING --> OVER
 *     |                         |           one_phase.c (one store) or twopc_driver.c
 *     +--deadline: conflict-----+--a store is away: unavailable--^
 *
 * It is over when nothing of it is left at any store; its client was answered then or before.
 */
#ifndef SYNCBED_COORDINATOR_TRANSACTION_H
#define SYNCBED_COORDINATOR_TRANSACTION_H

#include "base/crash_point.h"
#include "base/soon.h"
#include "coordinator/coordinator.h"
#include "coordinator/key_queue.h"
#include "coordinator/requests.h"
#include "coordinator/twopc_core.h"

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

/* Who wants to hear the answer: the client, and others that sent the same request. */
struct waiter {
    coordinator_done done;
    void *arg;
    struct waiter *next;
};

/* A participant's part. */
struct branch {
    struct transaction *transaction;
    unsigned index;
    struct store *store;
    struct store_branch *handle;   /* NULL: nothing was sent, or nothing is left there */
    char memo[STORE_MEMO_SIZE];    /* what proves its outcome, once it has executed */
    bool told;                     /* the decision was sent there */
    char words[STORE_DETAIL_SIZE]; /* the store's, of how it has ended */
    bool complained;               /* of an answer to it that no waiting mends */
    struct event retry;
};

/* Events that come while a crash point holds the transaction: one answer and one retry timer a
 * participant, the log's, the deadline. */
#define HELD_EVENTS_MAX (2 * TWOPC_PARTICIPANTS_MAX + 2)

enum transaction_state {
    TRANSACTION_QUEUED,
    TRANSACTION_GRANTED,
    TRANSACTION_RUNNING,
    TRANSACTION_OVER
};

struct transaction {
    struct coordinator *co;
    enum transaction_state state;
    struct txn txn;
    int64_t deadline_us;
    struct event timer; /* the deadline; in phase two the core's */
    struct known_request *request;
    struct waiter *waiters; /* owned; NULL once answered */
    struct reply reply;     /* what is known of it so far: reads, the first refusal */
    struct key_ticket keys;
    struct crash_stand stand;

    bool decided;        /* two-phase: to commit, and that is durable */
    bool again;          /* two-phase: an earlier attempt has committed, so this one must not */
    bool elsewhere;      /* … or may do so yet */
    unsigned n_branches; /* in the order of the stores' names */
    struct branch branch[STORES_MAX];

    struct twopc_txn core; /* twopc_driver.c's, like the rest */
    int64_t phase_us;      /* since when it is in this phase */
    char gid[GID_SIZE];
    struct decision_ticket ticket;
    uint64_t ends_before;      /* queued before its COMMIT: forgetting.h */
    struct twopc_actions todo; /* what the core has decided and a crash point may hold back */
    bool done_todo;
    unsigned n_held;
    struct twopc_event held[HELD_EVENTS_MAX];

    struct soon_call soon;           /* granted: it begins; over: it is freed */
    struct transaction *prev, *next; /* in co->transactions */
};

/* --- transaction.c -----------------------------------------------------------------------------
 */

/* Copies `txn`; enters the request and queues for the keys. */
void transaction_new(struct coordinator *co, const struct txn *txn, int64_t deadline_us,
                     coordinator_done done, void *arg);

/* Free at once, in whatever state; its branches have been freed. */
void transaction_free(struct transaction *t);

/* One more wants to hear the answer, which has not been given. */
void transaction_join(struct transaction *t, coordinator_done done, void *arg);

/* Nobody will be told. */
void transaction_drop_waiters(struct transaction *t);

/* Tell who waits, unless they have been told. */
void transaction_answer(struct transaction *t, enum code code, enum level level);

/* Remember why it fails; the first reason stays. `store` may be NULL. */
void transaction_refused(struct transaction *t, enum code code, const struct store *store,
                         const char *detail);

/* … and tell. */
void transaction_answer_refused(struct transaction *t);

/* Take over what a store has read. */
void transaction_take_reads(struct transaction *t, const struct store *store,
                            const struct store_reply *reply);

/* Its keys at `store` (NULL: at all stores) are free; who waits for them may go on. */
void transaction_leave_keys(struct transaction *t, const char *store);

/* Nothing of it is left, and it was answered. It is freed from the loop. */
void transaction_over(struct transaction *t, enum outcome outcome);

/* --- the two engines; each ends with transaction_over() ----------------------------------------
 */

void one_phase_begin(struct transaction *t);

void twopc_driver_begin(struct transaction *t);
void twopc_driver_timeout(struct transaction *t); /* t->timer is due */
void twopc_driver_done(struct transaction *t);    /* give back what it holds, also in mid-flight */

#endif
