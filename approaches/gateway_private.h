/*
 * gateway_private.h - the gateway's two files between themselves: requests and their branches
 * (gateway_requests.c), connections and the process (gateway.c).
 *
 * A *call* is a request on its way: it knows whom to answer, which may have left by then. A *held*
 * branch is one that was begun here and not ended; at most one call at a time is at work on it,
 * but that a rollback overtakes a prepare.
 */
#ifndef SYNCBED_APPROACHES_GATEWAY_PRIVATE_H
#define SYNCBED_APPROACHES_GATEWAY_PRIVATE_H

#include "approaches/door_conn.h"
#include "approaches/door_listener.h"
#include "model/participant_protocol.h"
#include "stores/store.h"

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

struct client {
    struct gateway *gateway;
    struct door_conn *conn;
    struct client *prev, *next;
};

struct call {
    struct gateway *gateway;
    struct client *client; /* NULL: it has left */
    int64_t id;
    char gid[GID_SIZE];
    struct held *held; /* whose branch it is at work on, or NULL */
    struct call *prev, *next;
};

struct held {
    char gid[GID_SIZE];
    struct txn txn;
    struct store_branch *branch;
    struct call *preparing; /* its prepare is not answered yet */
    bool ending;            /* a commit or rollback is on its way */
    UT_hash_handle hh;
};

struct gateway {
    struct event_base *base;
    struct store *store;
    struct door_listener *listener; /* NULL: standard input and output */
    struct client *clients;
    struct call *calls;
    struct held *held;
    bool ready_said;
    bool reset_over; /* with reset_reply */
    struct store_reply reset_reply;
};

/* One reply will be given for it. */
void gateway_take(struct client *client, const struct participant_request *request);

/* Nothing more will be said to it, or has been. */
void gateway_call_over(struct call *call);

/* The branch is left as it is. */
void gateway_let_go(struct gateway *gateway, struct held *held);

#endif
