/*
 * generator.h - carries out a plan and writes the history.
 *
 * Open loop: arrival i happens at its planned time whatever became of the others; its latency
 * counts from there. One timer serves them all: the next arrival, or the next deadline. Since all
 * have the same deadline, they expire in the order of the plan, and two cursors over it find them.
 *
 * Closed loop: each client has one operation outstanding. Its next arrives `think_ms` after the end
 * of the last, until the duration is over; that instant is its planned time.
 *
 * At its deadline an operation that was not sent is `fail unavailable`; one that was, and is not
 * answered a little later (the door's own `timeout` is on its way), is `info timeout`. With
 * `retries`, one that ended unknown is sent again under its request id at the next living door;
 * only an ok makes it certain then.
 */
#ifndef SYNCBED_HARNESS_WORKLOAD_GENERATOR_H
#define SYNCBED_HARNESS_WORKLOAD_GENERATOR_H

#include "base/error.h"
#include "harness/workload/workload.h"
#include "model/topology.h"

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define GENERATOR_GRACE_US INT64_C(250000)

struct generator;

struct generator_options {
    struct event_base *base;
    const struct topology *topology;
    const char *role; /* our name in the topology */
    struct workload workload;
    uint64_t seed;
    const char *history; /* path */
    const char *token;   /* what to say first to front doors; NULL: nothing */
    const char *probes;  /* path, made when the workload has probes; NULL: nobody looks for them */
    /* The last operation has ended, and the history is closed: 0, or -errno with `err`. */
    void (*finished)(void *arg, int r, const struct errctx *err);
    void *arg;
};

/* Draws the plan and begins to connect. */
__attribute__((warn_unused_result)) int generator_new(const struct generator_options *options,
                                                      struct generator **ret_generator,
                                                      struct errctx *err);

/* Every client is connected to its own door, and every store that is read. */
bool generator_connected(const struct generator *generator);

/* Once. */
void generator_start(struct generator *generator, int64_t at_us);
bool generator_started(const struct generator *generator);

/* Add planned, invoked, acknowledged ("ok" is the control reply's own), fail, info, in_flight,
 * done. */
void generator_progress(const struct generator *generator, json_t *into);

/*
 * End now: operations that arrived and were not sent are recorded as failed, those that are
 * outstanding stay open, and the history is closed, if the last has not ended yet. Probes are not
 * looked for any more. Does nothing the second time.
 */
__attribute__((warn_unused_result)) int generator_stop(struct generator *generator,
                                                       struct errctx *err);
void generator_free(struct generator *generator); /* after generator_stop(); NULL is fine */

#endif
