/* Queues before the stores: see the header. */
#include "coordinator/key_queue.h"

#include <assert.h>
#include <string.h>

/* FNV-1a over store and key. */
static uint32_t hash_of(const char *store, const char *key)
{
    uint32_t h = 2166136261U;

    for (const char *c = store; *c; c++)
        h = (h ^ (unsigned char)*c) * 16777619U;
    h = (h ^ '/') * 16777619U;
    for (const char *c = key; *c; c++)
        h = (h ^ (unsigned char)*c) * 16777619U;
    return h;
}

static bool same_key(const struct key_entry *a, const struct key_entry *b)
{
    return a->hash == b->hash && strcmp(a->key, b->key) == 0 && strcmp(a->store, b->store) == 0;
}

static void append(struct key_queue *q, struct key_entry *e)
{
    unsigned b = e->hash % KEY_QUEUE_BUCKETS;

    e->next = NULL;
    e->prev = q->last[b];
    if (e->prev)
        e->prev->next = e;
    else
        q->first[b] = e;
    q->last[b] = e;
}

static void take_out(struct key_queue *q, struct key_entry *e)
{
    unsigned b = e->hash % KEY_QUEUE_BUCKETS;

    if (e->prev)
        e->prev->next = e->next;
    else
        q->first[b] = e->next;
    if (e->next)
        e->next->prev = e->prev;
    else
        q->last[b] = e->prev;
    e->ticket = NULL;
}

/* Nobody ahead on this key, or only readers ahead of a reader. */
static bool may_go_on(const struct key_queue *q, const struct key_entry *e)
{
    const struct key_entry *ahead = q->first[e->hash % KEY_QUEUE_BUCKETS];

    for (; ahead != e; ahead = ahead->next) {
        if (same_key(ahead, e) && (ahead->exclusive || e->exclusive))
            return false;
    }
    return true;
}

void key_queue_init(struct key_queue *q)
{
    *q = (struct key_queue){0};
}

/* One entry a distinct key, exclusive if any operation on it writes. */
static void fill_in(struct key_ticket *ticket, const struct txn *txn)
{
    ticket->n = ticket->n_waiting = 0;
    ticket->next = NULL;
    for (unsigned i = 0; i < txn->n_ops; i++) {
        const struct op *op = &txn->op[i];
        struct key_entry e = {.ticket = ticket,
                              .store = op->store,
                              .key = op->key,
                              .hash = hash_of(op->store, op->key),
                              .exclusive = op->kind != OP_READ};
        unsigned k = 0;

        while (k < ticket->n && !same_key(&ticket->entry[k], &e))
            k++;
        if (k == ticket->n)
            ticket->entry[ticket->n++] = e;
        else
            ticket->entry[k].exclusive |= e.exclusive;
    }
}

bool key_queue_enter(struct key_queue *q, struct key_ticket *ticket, const struct txn *txn)
{
    fill_in(ticket, txn);
    for (unsigned i = 0; i < ticket->n; i++) {
        struct key_entry *e = &ticket->entry[i];

        append(q, e);
        e->granted = may_go_on(q, e);
        ticket->n_waiting += !e->granted;
    }
    return ticket->n_waiting == 0;
}

/* `left` is out: grant its key to the next, or to the next readers; append who is ready to `tail`.
 */
static struct key_ticket **pass_on(struct key_queue *q, const struct key_entry *left,
                                   struct key_ticket **tail)
{
    struct key_entry *e = q->first[left->hash % KEY_QUEUE_BUCKETS];

    for (; e; e = e->next) {
        if (!same_key(e, left))
            continue;
        if (!e->granted) {
            if (!may_go_on(q, e))
                break;
            e->granted = true;
            if (--e->ticket->n_waiting == 0) {
                e->ticket->next = NULL;
                *tail = e->ticket;
                tail = &e->ticket->next;
            }
        }
        if (e->exclusive)
            break;
    }
    return tail;
}

struct key_ticket *key_queue_leave(struct key_queue *q, struct key_ticket *ticket,
                                   const char *store)
{
    struct key_ticket *ready = NULL;
    struct key_ticket **tail = &ready;

    for (unsigned i = 0; i < ticket->n; i++) {
        struct key_entry *e = &ticket->entry[i];

        if (!e->ticket || (store && strcmp(e->store, store) != 0))
            continue;
        take_out(q, e);
        if (!e->granted)
            ticket->n_waiting--;
        tail = pass_on(q, e, tail);
    }
    return ready;
}
