/* Dual writes; see the header. */
#include "approaches/dual.h"

#include "base/broken.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/soon.h"

#include <assert.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define READY_WAIT_US  (1 * US_PER_S)   /* for stores that are down when the door starts */
#define AGAIN_US       (5 * US_PER_S)   /* for a write that is sent again blindly */
#define RETRY_AFTER_US (20 * US_PER_MS) /* setting `retry` */

/* Mistakes that can be built in; the table at the end has their sentences. */
enum dual_break {
    DUAL_SOUND,
    DUAL_ACK_AFTER_FIRST,
    DUAL_PARTIAL_IS_FAILURE,
    DUAL_RETRY_BLINDLY,
    DUAL_BREAKS
};

struct dual {
    struct approach_env env;
    enum dual_break broken;
    bool parallel;
    bool retry;
    bool versioned;
    unsigned door;   /* our number among the roles */
    int64_t version; /* the highest given so far */
    bool said_ready;
    bool closing; /* the stores are going: nothing more is sent */
    struct event *ready_timer;
    struct soon *soon; /* an approach may not answer from inside */
    struct part *retrying;
    unsigned n_stores;
    struct store *store[STORES_MAX];
    unsigned in_flight;
    uint64_t n_partial;
    uint64_t n_retries;
};

/* One store's share of a transaction. */
struct part {
    struct work *work;
    struct store *store;
    uint32_t ops;
    bool again;               /* DUAL_RETRY_BLINDLY: was sent twice */
    struct soon_call refused; /* its store was down */
    bool may_have;            /* done it already: an answer was lost */
    struct event timer;       /* while it waits in dual->retrying */
    struct part *prev, *next;
};

/* A status request. */
struct question {
    struct soon_call soon;
    approach_done done;
    void *arg;
};

/* One transaction. */
struct work {
    struct dual *dual;
    const struct txn *txn;
    struct txn *own; /* a copy where the client's will not do: with versions, or kept for longer */
    int64_t deadline_us;
    approach_done done; /* NULL: answered */
    void *arg;
    struct crash_stand stand;
    unsigned n_parts;
    unsigned n_sent;
    unsigned n_answered;
    bool some_wrote;
    bool lost_reads; /* of a request that a store had executed before */
    struct part part[STORES_MAX];
    struct dual_answer answer[STORES_MAX];
    struct reply reply; /* its reads are gathered here */
};

/* Is this the place of its mistake? */
static bool broken(const struct dual *dual, enum dual_break mistake)
{
    if (dual->broken == mistake)
        broken_made();
    return dual->broken == mistake;
}

/* --- one transaction ----------------------------------------------------------------------- */

static void on_answer(void *arg, const struct store_reply *reply);

static void finish(void *arg)
{
    struct work *work = arg;
    struct reply *reply = &work->reply;

    dual_combine(work->answer, work->n_parts, clock_now_us() >= work->deadline_us, reply);
    if (reply->code == CODE_PARTIAL && broken(work->dual, DUAL_PARTIAL_IS_FAILURE))
        reply->code = CODE_UNAVAILABLE;
    reply->has_reads = reply->has_reads && !work->lost_reads && reply->code == CODE_NONE;
    work->dual->n_partial += reply->code == CODE_PARTIAL;
    work->dual->in_flight--;
    crash_point_leave(&work->stand);
    if (work->done)
        work->done(work->arg, reply);
    free(work->own);
    free(work);
}

static void refuse(void *arg)
{
    static const struct store_reply unavailable = {.status = STORE_UNAVAILABLE,
                                                   .detail = "no connection"};

    on_answer(arg, &unavailable);
}

/* A store that is down is not waited for: who writes by itself gets an error and goes on. */
static void send_part(struct part *part)
{
    struct work *work = part->work;
    struct dual *dual = work->dual;

    if (!dual->closing && store_alive(part->store))
        store_execute(part->store, work->txn, work->deadline_us, on_answer, part);
    else
        soon_add(dual->soon, &part->refused, refuse, part);
}

/* Sequential: the next store once the one before has answered, whatever it said: that is how many
 * applications do it, each write with its own error handling. */
static void go_on(void *arg)
{
    struct work *work = arg;

    if (work->n_answered == work->n_parts) {
        if (!crash_point_reach(&work->stand, CRASH_DUAL_ALL_ANSWERED, finish, work))
            finish(work);
        return;
    }
    while (work->n_sent < work->n_parts &&
           (work->dual->parallel || work->n_sent == work->n_answered)) {
        send_part(&work->part[work->n_sent++]);
    }
}

static void take_answer(struct part *part, const struct store_reply *reply)
{
    struct work *work = part->work;
    struct dual_answer *answer = &work->answer[part - work->part];

    answer->status = reply->status;
    (void)snprintf(answer->detail, sizeof answer->detail, "%s", reply->detail);
    for (unsigned i = 0; i < work->txn->n_ops; i++) {
        if (reply->status != STORE_OK || !(part->ops & UINT32_C(1) << i))
            continue;
        if (work->txn->op[i].kind == OP_READ) {
            work->reply.has_reads = true;
            work->lost_reads |= reply->again;
            work->reply.read[i] = reply->read[i];
        }
    }
}

/* --- sending again ------------------------------------------------------------------------- */

static void end_retry(struct part *part)
{
    (void)event_del(&part->timer);
    DL_DELETE(part->work->dual->retrying, part);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct part *part = arg;

    (void)fd;
    (void)what;
    end_retry(part);
    send_part(part);
}

/* By the same request id, which the stores then do once: what was lost is no reason to give up. */
static bool may_try_again(const struct part *part, enum store_status status)
{
    const struct work *work = part->work;

    return work->dual->retry && !work->dual->closing && status != STORE_OK &&
           status != STORE_CONSTRAINT && status != STORE_FATAL &&
           clock_now_us() + RETRY_AFTER_US < work->deadline_us;
}

static bool try_again(struct part *part, enum store_status status)
{
    struct dual *dual = part->work->dual;
    struct timeval delay = clock_timeval(RETRY_AFTER_US);

    if (!may_try_again(part, status))
        return false;
    dual->n_retries++;
    DL_APPEND(dual->retrying, part);
    (void)evtimer_assign(&part->timer, dual->env.base, on_retry, part);
    (void)evtimer_add(&part->timer, &delay);
    return true;
}

static void give_up_retries(struct dual *dual)
{
    while (dual->retrying) {
        struct part *part = dual->retrying;

        end_retry(part);
        refuse(part);
    }
}

/* --- answers ------------------------------------------------------------------------------- */

/* The moment that makes dual writes what they are: one store has it, another does not. */
static bool first_to_write(const struct work *work, const struct dual_answer *answer)
{
    return answer->status == STORE_OK && answer->writes && !work->some_wrote &&
           work->n_answered < work->n_parts;
}

static void acknowledge_early(struct work *work)
{
    const struct reply reply = {.level = LEVEL_EVERYWHERE};
    approach_done done = work->done;

    work->done = NULL;
    done(work->arg, &reply);
}

static bool send_again(struct part *part, const struct store_reply *reply)
{
    struct work *work = part->work;

    if (reply->status != STORE_UNKNOWN || part->again || work->dual->closing ||
        !broken(work->dual, DUAL_RETRY_BLINDLY))
        return false;
    part->again = true;
    store_execute(part->store, work->txn, clock_now_us() + AGAIN_US, on_answer, part);
    return true;
}

static void on_answer(void *arg, const struct store_reply *reply)
{
    struct part *part = arg;
    struct work *work = part->work;

    part->may_have |= reply->status == STORE_UNKNOWN;
    if (send_again(part, reply) || try_again(part, reply->status))
        return;
    take_answer(part, reply);
    if (part->may_have && reply->status != STORE_OK)
        work->answer[part - work->part].status = STORE_UNKNOWN; /* whatever the last try says */
    work->n_answered++;
    if (first_to_write(work, &work->answer[part - work->part])) {
        work->some_wrote = true;
        if (broken(work->dual, DUAL_ACK_AFTER_FIRST))
            acknowledge_early(work);
        if (crash_point_reach(&work->stand, CRASH_DUAL_FIRST_ANSWERED, go_on, work))
            return;
    }
    if (!work->stand.held) /* in parallel, the others' answers come while this stands held */
        go_on(work);
}

static void divide(struct work *work)
{
    const struct dual *dual = work->dual;

    for (unsigned i = 0; i < dual->n_stores; i++) {
        const char *name = store_name(dual->store[i]);
        uint32_t ops = txn_ops_of(work->txn, name);

        if (ops == 0)
            continue;
        work->part[work->n_parts] =
            (struct part){.work = work, .store = dual->store[i], .ops = ops};
        work->answer[work->n_parts] =
            (struct dual_answer){.store = name, .writes = txn_writes(work->txn, ops)};
        work->n_parts++;
    }
    assert(work->n_parts > 0); /* the door knows the stores */
}

int64_t dual_version(int64_t wall_us, unsigned door, int64_t last)
{
    int64_t version = wall_us * ROLES_MAX + door;

    assert(door < ROLES_MAX);
    return version > last ? version : last + ROLES_MAX;
}

/* One for all writes of the transaction, unless the client has given them theirs. */
static void give_version(struct dual *dual, struct txn *txn)
{
    dual->version = dual_version(clock_wall_us(), dual->door, dual->version);
    for (unsigned i = 0; i < txn->n_ops; i++) {
        if (txn->op[i].kind == OP_WRITE && txn->op[i].version == 0)
            txn->op[i].version = dual->version;
    }
}

static void dual_submit(void *self, const struct txn *txn, int64_t deadline_us, approach_done done,
                        void *arg)
{
    struct dual *dual = self;
    struct work *work = mem_alloc(sizeof *work);

    work->dual = dual;
    work->txn = txn;
    work->deadline_us = deadline_us;
    work->done = done;
    work->arg = arg;
    if (dual->versioned || dual->broken == DUAL_ACK_AFTER_FIRST) {
        work->own = mem_alloc(sizeof *work->own);
        *work->own = *txn;
        work->txn = work->own;
    }
    if (dual->versioned)
        give_version(dual, work->own);
    divide(work);
    dual->in_flight++;
    if (!crash_point_reach(&work->stand, CRASH_DUAL_RECEIVED, go_on, work))
        go_on(work);
}

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
    bool all = true;

    (void)alive;
    for (unsigned i = 0; i < dual->n_stores; i++)
        all = all && store_alive(dual->store[i]);
    if (all)
        say_ready(dual);
}

static void on_ready_timer(evutil_socket_t fd, short events, void *arg)
{
    struct dual *dual = arg;

    (void)fd;
    (void)events;
    for (unsigned i = 0; i < dual->n_stores; i++) {
        if (!store_alive(dual->store[i]))
            log_warn("beginning without %s", store_name(dual->store[i]));
    }
    say_ready(dual);
}

static int open_store(struct dual *dual, const struct topology_store *where, struct errctx *err)
{
    const struct approach_env *env = &dual->env;
    const struct address *address = topology_address(env->topology, env->role->name, where->name);
    char application[SESSION_NAME_SIZE];
    const struct store_options options = {.application = application, .once = dual->retry};

    session_name(application, env->role->name, "dual");
    int r = store_open(env->base, where, address, &options, &dual->store[dual->n_stores], err);

    if (r < 0)
        return err_prefix(err, r, "%s", where->name);
    store_on_alive(dual->store[dual->n_stores], on_alive, dual);
    dual->n_stores++;
    return 0;
}

static void dual_close(void *self)
{
    struct dual *dual = self;

    dual->closing = true;
    event_free(dual->ready_timer);
    give_up_retries(dual);
    for (unsigned i = 0; i < dual->n_stores; i++)
        store_on_alive(dual->store[i], NULL, NULL);
    for (unsigned i = 0; i < dual->n_stores; i++)
        store_free(dual->store[i]); /* what was outstanding there is answered */
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

    dual->env = *env;
    dual->broken = (enum dual_break)approach_break_number(&dual_approach, env->broken);
    dual->soon = soon_new(env->base);
    dual->parallel = strcmp(settings_get(env->settings, "order"), "parallel") == 0;
    dual->retry = strcmp(settings_get(env->settings, "retry"), "same-request") == 0;
    dual->door = role_number(env);
    dual->versioned = strcmp(settings_get(env->settings, "versioned"), "yes") == 0;
    dual->ready_timer = evtimer_new(env->base, on_ready_timer, dual);
    event_add(dual->ready_timer, &wait);
    for (unsigned i = 0; i < env->topology->n_stores; i++) {
        int r = open_store(dual, &env->topology->store[i], err);

        if (r < 0) {
            dual_close(dual);
            return r;
        }
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

#define BREAK(number) [(number)-1] /* the place that approach_break_number() counts from 1 */

static const struct approach_break breaks[DUAL_BREAKS - 1] = {
    BREAK(DUAL_ACK_AFTER_FIRST) = {"ack-after-first",
                                   "The client is told `ok` when the first store has it.",
                                   "durability"},
    BREAK(DUAL_PARTIAL_IS_FAILURE) = {"partial-is-failure",
                                      "What some stores have written is answered as a failure.",
                                      "ghosts"},
    BREAK(DUAL_RETRY_BLINDLY) = {"retry-blindly",
                                 "A write whose answer was lost is sent again without a look at "
                                 "whether it had happened.",
                                 "duplicates"},
};

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
    .submit = dual_submit,
    .status = dual_status,
    .in_flight = dual_in_flight,
    .counters = dual_counters,
    .close = dual_close,
};
