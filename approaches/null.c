/* No approach; see the header. */
#include "approaches/null.h"

#include "approaches/later.h"

static int null_open(const struct approach_env *env, void **ret_self, struct errctx *err)
{
    const struct reply ok = {.level = LEVEL_NONE, .outcome = OUTCOME_UNKNOWN};

    (void)err;
    *ret_self = later_new(env->base, &ok);
    env->ready(env->arg);
    return 0;
}

static void null_submit(void *self, const struct txn *txn, int64_t deadline_us, approach_done done,
                        void *arg)
{
    (void)txn;
    (void)deadline_us;
    later_answer(self, done, arg);
}

static void null_status(void *self, const char *request, approach_done done, void *arg)
{
    (void)request;
    later_answer(self, done, arg);
}

static unsigned null_in_flight(const void *self)
{
    return later_waiting(self);
}

static void null_close(void *self)
{
    later_free(self);
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
