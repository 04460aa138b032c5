/* Waiting for verbs that cannot be called back: see the header. */
#include "harness/run/await.h"

#include "base/clock.h"
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>

static bool none_left(void *arg)
{
    const struct await *await = arg;

    return await->n_left == 0;
}

int await_all(struct event_base *base, struct await *await, struct errctx *err)
{
    int interrupted = 0;

    while (await->n_left > 0) {
        int rc = loop_until(base, none_left, await, US_PER_S);

        assert(rc == 0 || rc == -ETIMEDOUT || rc == -EINTR);
        if (rc == -EINTR) {
            interrupted = err_set(err, EINTR, ERR_ABORT, "interrupted");
            loop_resume(base);
        }
    }
    if (interrupted)
        loop_interrupt(base); /* for whoever waits next */
    return interrupted;
}
