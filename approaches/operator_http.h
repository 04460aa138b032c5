/*
 * operator_http.h - the operator's side of a front door over HTTP, on loopback only, and only for
 * who knows the token: "Authorization: Bearer TOKEN" with every request.
 *
 *   GET  /in-doubt   what is in doubt at its stores (coordinator/doubt.h), as JSON
 *   GET  /metrics    counters, as Prometheus reads them
 *   POST /settle     {"name": GID or REQUEST, "outcome": "commit" | "rollback", "store": "pg1",
 *                    "yes": true}; `store` and `yes` may be left out
 *   POST /forget     {"name": GID or REQUEST}
 *
 * 200; 400 a body that is none; 401 without the token; 404, 405; 409 not done, {"error": why}; 502
 * a store did not answer. Runs on the door's event loop, with libevent's evhttp.
 */
#ifndef SYNCBED_APPROACHES_OPERATOR_HTTP_H
#define SYNCBED_APPROACHES_OPERATOR_HTTP_H

#include "approaches/approach.h"
#include "base/error.h"

#include <event2/event.h>
#include <stdint.h>

struct operator_http;

struct operator_http_options {
    struct event_base *base;
    uint16_t port;     /* 0: a free one */
    const char *token; /* borrowed, as is all here */
    const struct approach *approach;
    void *self; /* of the approach, opened */
};

/* -ENOTSUP: nothing can be in doubt under this approach; or why the port is not to be had. */
__attribute__((warn_unused_result)) int
operator_http_open(const struct operator_http_options *options, struct operator_http **ret_http,
                   struct errctx *err);

uint16_t operator_http_port(const struct operator_http *http);

/* Before the approach is closed. What is outstanding goes unanswered. NULL is fine. */
void operator_http_free(struct operator_http *http);

#endif
