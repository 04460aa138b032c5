/*
 * operate.h - what an operator asks of a running coordinator: the view of what is in doubt at its
 * stores (doubt.h), settling by hand, forgetting, and counters for Prometheus.
 *
 * The answer is a body and a status, as HTTP has them: approaches/operator_http.h brings it to the
 * operator. The same beside a coordinator that does not run: "syncbed in-doubt" and its kin.
 *
 * Looking reads the decision log's files, a few 10 ms of the event loop; metrics do not.
 */
#ifndef SYNCBED_COORDINATOR_OPERATE_H
#define SYNCBED_COORDINATOR_OPERATE_H

#include "base/buf.h"
#include "coordinator/coordinator.h"

#include <stdbool.h>

enum operate_verb { OPERATE_LOOK, OPERATE_SETTLE, OPERATE_FORGET, OPERATE_METRICS };

struct operate {
    enum operate_verb verb;
    const char *name;  /* SETTLE, FORGET: a gid, or a request; copied */
    bool commit;       /* SETTLE: else roll back */
    const char *store; /* SETTLE: only there; NULL: wherever it is prepared; copied */
    bool yes;          /* SETTLE: also against the decision, or where none is known */
};

/*
 * Once, from the loop. `status`: 200; 404 nothing of that name; 409 not done, the body says why;
 * 502 a store did not answer, or not with yes; 503 the door has not begun. `body` is valid during
 * the call: JSON, or of METRICS Prometheus' text.
 */
typedef void (*coordinator_operated)(void *arg, int status, const struct buf *body);

void coordinator_operate(struct coordinator *co, const struct operate *what,
                         coordinator_operated done, void *arg);

#endif
