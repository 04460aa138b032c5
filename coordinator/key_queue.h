/*
 * key_queue.h - transactions of one coordinator on the same keys queue here, before the stores.
 *
 * Without it they would queue inside the stores, holding a session each, and give up after the
 * stores' short lock time-out; here they wait in order, until their deadline.
 *
 * A transaction enters the queues of all its keys in one step and may go on when it is at the head
 * of each (readers of a key share the head). Whoever waits, waits for one that entered earlier: so
 * there is no deadlock, and nobody is overtaken on a key.
 *
 *   pg1/a:  T1  T2            T1 goes on, T2 and T3 wait;
 *   pg1/b:      T2  T3        T3 goes on when T2 has left, T2 when T1 has
 *
 * No clock, no allocation: entries live in the transactions.
 */
#ifndef SYNCBED_COORDINATOR_KEY_QUEUE_H
#define SYNCBED_COORDINATOR_KEY_QUEUE_H

#include "model/txn.h"

#include <stdbool.h>
#include <stdint.h>

#define KEY_QUEUE_BUCKETS 4096

struct key_ticket;

struct key_entry {
    struct key_ticket *ticket; /* NULL: not in a queue */
    const char *store, *key;   /* borrowed from the transaction */
    uint32_t hash;
    bool exclusive; /* the transaction writes the key */
    bool granted;
    struct key_entry *prev, *next; /* in its bucket, in the order of entering */
};

/* One transaction's place; must not move while it is in the queues. Fields are private but arg. */
struct key_ticket {
    unsigned n;         /* distinct keys */
    unsigned n_waiting; /* of them not granted */
    struct key_entry entry[TXN_OPS_MAX];
    struct key_ticket *next; /* in what key_queue_leave() returns */
    void *arg;               /* the caller's */
};

struct key_queue {
    struct key_entry *first[KEY_QUEUE_BUCKETS];
    struct key_entry *last[KEY_QUEUE_BUCKETS];
};

void key_queue_init(struct key_queue *q);

/* `txn` is borrowed until the ticket has left. True: granted, go on at once. */
bool key_queue_enter(struct key_queue *q, struct key_ticket *ticket, const struct txn *txn);

/*
 * Leave the queues of the keys of `store` (NULL: of all), granted or waiting. Leaving what was left
 * already does nothing. Returns those that may now go on, linked by `next`, in the order of
 * entering each queue; each is returned once.
 */
struct key_ticket *key_queue_leave(struct key_queue *q, struct key_ticket *ticket,
                                   const char *store);

#endif
