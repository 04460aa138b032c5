/* Dual writes; see the header. */
#include "approaches/dual_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READY_WAIT_US (1 * US_PER_S) /* for stores that are down when the door starts */

/* A status request. */
struct question {
    struct soon_call soon;
    approach_done done;
    void *arg;
};

/* --- status -------------------------------------------------------------------------------- */

/* Nothing is remembered, so nothing is known. */
static void answer_unknown(void *arg)
{
    static const struct reply unknown = {.outcome = OUTCOME_UNKNOWN};
    struct question *question = arg;

    question->done(question->arg, &unknown);
    free(question);
}

static void dual_status(void *self, const char *request, approach_done done, void *arg)
{
    const struct dual *dual = self;
    struct question *question = mem_alloc(sizeof *question);

    (void)request;
    question->done = done;
    question->arg = arg;
    soon_add(dual->soon, &question->soon, answer_unknown, question);
}

/* --- opening and closing ------------------------------------------------------------------- */

static void say_ready(struct dual *dual)
{
    if (dual->said_ready)
        return;
    dual->said_ready = true;
    event_del(dual->ready_timer);
    dual->env.ready(dual->env.arg);
}

static void on_alive(void *arg, bool alive)
{
    struct dual *dual = arg;

    (void)alive;
    if (store_set_alive(&dual->stores))
        say_ready(dual);
}

static void on_ready_timer(evutil_socket_t fd, short events, void *arg)
{
    struct dual *dual = arg;

    (void)fd;
    (void)events;
    for (unsigned i = 0; i < dual->stores.n; i++) {
        if (!store_alive(dual->stores.store[i]))
            log_warn("beginning without %s", store_name(dual->stores.store[i]));
    }
    say_ready(dual);
}

static int open_stores(struct dual *dual, struct errctx *err)
{
    const struct approach_env *env = &dual->env;
    const struct store_options options = {.once = dual->retry};
    int r = store_set_open(&dual->stores, env->base, env->topology, env->role->name, "dual",
                           &options, err);

    for (unsigned i = 0; i < dual->stores.n && r == 0; i++)
        store_on_alive(dual->stores.store[i], on_alive, dual);
    return r;
}

static void dual_close(void *self)
{
    struct dual *dual = self;

    dual->closing = true;
    event_free(dual->ready_timer);
    dual_txn_give_up_retries(dual);
    for (unsigned i = 0; i < dual->stores.n; i++)
        store_on_alive(dual->stores.store[i], NULL, NULL);
    store_set_done(&dual->stores); /* what was outstanding there is answered */
    soon_now(dual->soon);
    soon_free(dual->soon);
    free(dual);
}

static unsigned role_number(const struct approach_env *env)
{
    unsigned i = 0;

    while (i < env->topology->n_roles && strcmp(env->topology->role[i].name, env->role->name) != 0)
        i++;
    return i < ROLES_MAX ? i : 0;
}

static int dual_open(const struct approach_env *env, void **ret_self, struct errctx *err)
{
    struct dual *dual = mem_alloc(sizeof *dual);
    struct timeval wait = clock_timeval(READY_WAIT_US);
    int r;

    dual->env = *env;
    dual->broken = (enum dual_break)approach_break_number(&dual_approach, env->broken);
    dual->soon = soon_new(env->base);
    dual->parallel = strcmp(settings_get(env->settings, "order"), "parallel") == 0;
    dual->retry = strcmp(settings_get(env->settings, "retry"), "same-request") == 0;
    dual->door = role_number(env);
    dual->versioned = strcmp(settings_get(env->settings, "versioned"), "yes") == 0;
    dual->ready_timer = evtimer_new(env->base, on_ready_timer, dual);
    event_add(dual->ready_timer, &wait);
    r = open_stores(dual, err);
    if (r < 0) {
        dual_close(dual);
        return r;
    }
    *ret_self = dual;
    return 0;
}

static unsigned dual_in_flight(const void *self)
{
    const struct dual *dual = self;

    return dual->in_flight;
}

static void dual_counters(const void *self, json_t *into)
{
    const struct dual *dual = self;

    json_object_set_new(into, "partial", json_integer((json_int_t)dual->n_partial));
    json_object_set_new(into, "retries", json_integer((json_int_t)dual->n_retries));
}

static const struct setting_info settings[] = {
    {"order", {"sequential", "parallel"}, "the stores one after the other, or all at once"},
    {"retry",
     {"none", "same-request"},
     "what a store has not done is sent again until the deadline; stores do a request once"},
    {"versioned",
     {"no", "yes"},
     "writes get a version from the door's clock; the last writer wins"},
};

static const struct approach_break breaks[] = {
    {DUAL_ACK_AFTER_FIRST, "ack-after-first",
     "The client is told `ok` when the first store has it.", "durability"},
    {DUAL_PARTIAL_IS_FAILURE, "partial-is-failure",
     "What some stores have written is answered as a failure.", "ghosts"},
    {DUAL_RETRY_BLINDLY, "retry-blindly",
     "A write whose answer was lost is sent again without a look at "
     "whether it had happened.",
     "duplicates"},
};
_Static_assert(sizeof breaks / sizeof breaks[0] == DUAL_BREAKS - 1, "each has its sentence");

const struct approach dual_approach = {
    .name = "dual",
    .summary = "the front door writes each store by itself",
    .batching = "each write by itself: a local transaction and a flush at each store",
    .ops = (UINT32_C(1) << OP_KINDS) - 1,
    .native = LEVEL_EVERYWHERE,
    .worst = CRASH_DUAL_FIRST_ANSWERED,
    .before_worst = CRASH_DUAL_RECEIVED,
    .settings = settings,
    .n_settings = sizeof settings / sizeof settings[0],
    .breaks = breaks,
    .n_breaks = sizeof breaks / sizeof breaks[0],
    .promise = {{"durability", "in the stores that were written", 0},
                {"duplicates", "without retries", ONLY_WITHOUT_RETRIES},
                {"read-your-writes", "", 0},
                {"monotonic-reads", "one copy of each store", 0}},
    .open = dual_open,
    .submit = dual_txn_submit,
    .status = dual_status,
    .in_flight = dual_in_flight,
    .counters = dual_counters,
    .close = dual_close,
};
