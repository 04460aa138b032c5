/*
 * sampler.h - looks at everything every 100 ms while a run goes on, and writes samples.ndjson: what
 * is in doubt at each store, how far each sink lags, what each front door has in flight.
 *
 * It never waits: who has not answered the last question is not asked the next one, and leaves a
 * gap, not a zero.
 */
#ifndef SYNCBED_HARNESS_RUN_SAMPLER_H
#define SYNCBED_HARNESS_RUN_SAMPLER_H

#include "base/error.h"
#include "harness/lines.h"
#include "harness/run/await.h"
#include "harness/run/roles.h"
#include "stores/store_set.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#define SAMPLER_PERIOD_US INT64_C(100000)

struct sampler;

struct sampled {
    struct sampler *sampler;
    unsigned index; /* of the store, or the role */
    bool asked;     /* no answer yet */
};

struct sampler_options {
    struct event_base *base;
    const struct store_set *stores; /* borrowed, as is all here */
    struct roles *roles;
    struct lines *samples;
    /* After each round of questions, for the live line. May be NULL. */
    void (*tick)(void *arg);
    void *arg;
};

struct sampler {
    struct sampler_options options;
    struct event *timer;
    struct await await; /* stores that have not answered */
    struct sampled store[STORES_MAX];
    struct sampled role[ROLES_MAX];
    /* The newest answers. */
    unsigned in_doubt[STORES_MAX];
    bool sink_known[ROLES_MAX];        /* this role is a sink that has said where it is */
    int64_t applied[ROLES_MAX];        /* then: records that its store has applied */
    int64_t log_end;                   /* records in the log, as far as any sink knows */
    uint64_t invoked, failed, unknown; /* the load's operations */
};

/* Must not be moved afterwards. */
void sampler_start(struct sampler *sampler, const struct sampler_options *options);

/* Records to be applied, over all sinks; one that does not answer stands where it last was. */
int64_t sampler_lag(const struct sampler *sampler);

/* Stop asking, and wait for what the stores still owe. Not started is fine. -EINTR. */
__attribute__((warn_unused_result)) int sampler_stop(struct sampler *sampler, struct errctx *err);

#endif
