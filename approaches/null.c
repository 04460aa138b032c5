/*
 * No approach; see the header. An approach may not answer from inside submit(), so that requests
 * gather in a queue, which is answered as a whole at the end of the event loop's round.
 */
#include "approaches/null.h"

#include "base/mem.h"

#include <stdlib.h>

struct waiting {
    approach_done done;
    void *arg;
};

struct null {
    struct event *answer;
    struct waiting *queue;
    size_t n;
    size_t capacity;
};

static void on_answer(evutil_socket_t fd, short events, void *arg)
{
    static const struct reply ok = {.level = LEVEL_NONE, .outcome = OUTCOME_UNKNOWN};
    struct null *null = arg;

    (void)fd;
    (void)events;
    for (size_t i = 0; i < null->n; i++) /* nothing can be added meanwhile: no line is read here */
        null->queue[i].done(null->queue[i].arg, &ok);
    null->n = 0;
}

static void enqueue(struct null *null, approach_done done, void *arg)
{
    null->queue = mem_grow(null->queue, null->n, &null->capacity, sizeof *null->queue);
    null->queue[null->n++] = (struct waiting){done, arg};
    if (null->n == 1)
        event_active(null->answer, EV_TIMEOUT, 1);
}

static int null_open(const struct approach_env *env, void **ret_self, struct errctx *err)
{
    struct null *null = mem_alloc(sizeof *null);

    (void)err;
    null->answer = event_new(env->base, -1, 0, on_answer, null);
    *ret_self = null;
    env->ready(env->arg);
    return 0;
}

static void null_submit(void *self, const struct txn *txn, int64_t deadline_us, approach_done done,
                        void *arg)
{
    (void)txn;
    (void)deadline_us;
    enqueue(self, done, arg);
}

static void null_status(void *self, const char *request, approach_done done, void *arg)
{
    (void)request;
    enqueue(self, done, arg);
}

static unsigned null_in_flight(const void *self)
{
    const struct null *null = self;

    return (unsigned)null->n;
}

static void null_close(void *self)
{
    struct null *null = self;

    event_free(null->answer);
    free(null->queue);
    free(null);
}

const struct approach null_approach = {
    .name = "null",
    .summary = "answers ok and does nothing: measures the harness itself",
    .ops = (UINT32_C(1) << OP_KINDS) - 1,
    .native = LEVEL_NONE,
    .worst = CRASH_NONE,
    .before_worst = CRASH_NONE,
    .open = null_open,
    .submit = null_submit,
    .status = null_status,
    .in_flight = null_in_flight,
    .close = null_close,
};
