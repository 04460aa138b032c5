/*
 * door.h - the front door: takes requests from clients over TCP, checks them, hands them to an
 * approach and sends the replies back, in whatever order they come.
 *
 *   line -> decode -> admit -> approach.submit … done -> reply
 *              |         +--> refused, unsupported, bad-request
 *              +--> bad-request
 *
 * Bounded everywhere: requests in flight for each connection and in total (`refused` beyond),
 * connections, and what a client leaves unread (door_conn.h). A reply whose client is gone is
 * dropped. Runs on the caller's event loop, so that tests can run it in their own process.
 */
#ifndef SYNCBED_APPROACHES_DOOR_H
#define SYNCBED_APPROACHES_DOOR_H

#include "approaches/approach.h"
#include "approaches/settings.h"
#include "base/error.h"
#include "model/topology.h"

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define DOOR_IN_FLIGHT_MAX      8192
#define DOOR_CONN_IN_FLIGHT_MAX 2048
#define DOOR_CONNECTIONS_MAX    16384
#define DOOR_STALL_US           INT64_C(10000000)

struct door;

struct door_options {
    struct event_base *base;
    const struct topology *topology;
    const struct topology_role *role; /* listens at role->address; port 0 takes a free one */
    const struct approach *approach;
    const struct settings *settings;
    const char *token;        /* what a client has to say first (model/token.h); NULL: nothing */
    bool force_presume_abort; /* approach.h */
    int64_t stall_us; /* a client that reads nothing for so long is cut off; 0: DOOR_STALL_US */
    /* Clients may come, at this port. May be called from inside door_open(). */
    void (*ready)(void *arg, uint16_t port);
    /* The approach cannot go on, or the port is not to be had. May come from inside, too. */
    void (*failed)(void *arg, const struct errctx *err);
    void *arg;
};

/* What `options` points at must outlive the door. -EACCES without a token where others can come. */
__attribute__((warn_unused_result)) int door_open(const struct door_options *options,
                                                  struct door **ret_door, struct errctx *err);
/* Closes all connections, then the approach. NULL is fine. */
void door_free(struct door *door);

/*
 * Refuse new transactions and call `drained`, once, when nothing is in flight, clean-up behind the
 * replies included, and every reply has been sent. Status requests are still answered. May be
 * called again: each caller gets its call.
 */
void door_drain(struct door *door, void (*drained)(void *arg), void *arg);

/* The approach behind it, for approach->operate(). */
void *door_approach(const struct door *door);

/* Add counters: requests, replies by code, in flight, cut off, malformed …, and the approach's. */
void door_counters(const struct door *door, json_t *into);

#endif
