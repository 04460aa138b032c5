/* No approach; see the header. */
#include "approaches/null.h"

#include "base/mem.h"
#include "base/soon.h"

#include <stdlib.h>

struct null {
    struct soon *soon; /* an approach may not answer from inside */
    unsigned in_flight;
};

struct answer {
    struct null *null;
    struct soon_call soon;
    approach_done done;
    void *arg;
};

static int null_open(const struct approach_env *env, void **ret_self, struct errctx *err)
{
    struct null *null = mem_alloc(sizeof *null);

    (void)err;
    null->soon = soon_new(env->base);
    *ret_self = null;
    env->ready(env->arg);
    return 0;
}

static void give(void *arg)
{
    static const struct reply ok = {.level = LEVEL_NONE, .outcome = OUTCOME_UNKNOWN};
    struct answer *answer = arg;

    answer->null->in_flight--;
    answer->done(answer->arg, &ok);
    free(answer);
}

static void answer_soon(struct null *null, approach_done done, void *arg)
{
    struct answer *answer = mem_alloc(sizeof *answer);

    answer->null = null;
    answer->done = done;
    answer->arg = arg;
    null->in_flight++;
    soon_add(null->soon, &answer->soon, give, answer);
}

static void null_submit(void *self, const struct txn *txn, int64_t deadline_us, approach_done done,
                        void *arg)
{
    (void)txn;
    (void)deadline_us;
    answer_soon(self, done, arg);
}

static void null_status(void *self, const char *request, approach_done done, void *arg)
{
    (void)request;
    answer_soon(self, done, arg);
}

static unsigned null_in_flight(const void *self)
{
    const struct null *null = self;

    return null->in_flight;
}

static void null_close(void *self)
{
    struct null *null = self;

    soon_now(null->soon);
    soon_free(null->soon);
    free(null);
}

const struct approach null_approach = {
    .name = "null",
    .summary = "answers ok and does nothing: measures the harness itself",
    .batching = "nothing to put together",
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
