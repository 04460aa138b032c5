/*
 * load_clients.h - the load generator's clients and their connections to the front doors.
 *
 * A client's own door is the first for even clients, the second for odd ones. While its own door is
 * down it goes on at the next living one, and back when its own is up again; doors are tried every
 * 50 ms. A connection holds a client's operations in three steps:
 *
 *   pending --(its line is in the buffer)--> staged --(the socket took a byte)--> sent --> replied
 *
 * When a connection is lost, what is sent is lost with it, because it may have happened; what is
 * not goes to the next door. So nothing is sent twice, unless the caller says so by
 * load_clients_retry(). A client without a living door keeps its operations waiting.
 */
#ifndef SYNCBED_HARNESS_WORKLOAD_LOAD_CLIENTS_H
#define SYNCBED_HARNESS_WORKLOAD_LOAD_CLIENTS_H

#include "base/buf.h"
#include "model/protocol.h"
#include "model/topology.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#define LOAD_RETRY_US INT64_C(50000)

enum load_state {
    LOAD_PLANNED,
    LOAD_UNSENT, /* waiting, or pending at a door */
    LOAD_STAGED, /* in a connection's buffer: unsent today, perhaps sent a moment later */
    LOAD_SENT,   /* or read directly */
    LOAD_ENDED,
};

/* One operation, where it stands. */
struct load_op {
    enum load_state state;
    const char *door;            /* STAGED, SENT and after: its name */
    unsigned door_index;         /* the same */
    unsigned from_door;          /* the living door that it goes to is looked for from here on */
    struct load_link *link;      /* the connection it is at, NULL while it waits */
    struct load_op *prev, *next; /* in the list of its state */
};

struct load_handlers {
    /* Append the request's line, as of now; its id is what `find` knows. */
    void (*encode)(void *arg, struct load_op *op, int64_t now_us, struct buf *out);
    struct load_op *(*find)(void *arg, int64_t id); /* or NULL */
    void (*sent)(void *arg, struct load_op *op, int64_t at_us);
    void (*replied)(void *arg, struct load_op *op, const struct reply *reply);
    /* Its connection was lost after it was sent. */
    void (*lost)(void *arg, struct load_op *op);
    void *arg;
    const char *token; /* said first on every connection (model/token.h); NULL: nothing */
};

struct load_door {
    const char *name;
    struct address address;
};

struct load_clients;

enum load_connect {
    LOAD_CONNECT_OWN, /* other doors only while the own one is down */
    LOAD_CONNECT_ALL, /* for workloads with retries, which go to another door */
};

/* Begins to connect each client to its doors. `doors` has 1..ROLES_MAX, borrowed. */
struct load_clients *load_clients_new(struct event_base *base, unsigned n_clients,
                                      const struct load_door *doors, unsigned n_doors,
                                      enum load_connect connect,
                                      const struct load_handlers *handlers);
void load_clients_free(struct load_clients *clients); /* no handler is called; NULL is fine */

/* Every client is connected to its own door. */
bool load_clients_connected(const struct load_clients *clients);

/* Send it once the loop comes round, or when there is a door. */
void load_clients_submit(struct load_clients *clients, unsigned client, struct load_op *op);

/* Send it once more, when its reply or its loss was just told: at the next living door behind the
 * one it was at, which is that one again when no other lives. */
void load_clients_retry(struct load_clients *clients, unsigned client, struct load_op *op);

/* Take it out of its list, whether UNSENT, STAGED or SENT; the caller decides what it became. */
void load_clients_withdraw(struct load_clients *clients, unsigned client, struct load_op *op);

#endif
