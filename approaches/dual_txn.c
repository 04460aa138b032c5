/* One transaction of dual writes; see dual.h. */
#include "approaches/dual_private.h"

#include "base/broken.h"
#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#define AGAIN_US       (5 * US_PER_S)   /* for a write that is sent again blindly */
#define RETRY_AFTER_US (20 * US_PER_MS) /* setting `retry` */

/* One store's share of a transaction. */
struct dual_part {
    struct work *work;
    struct store *store;
    uint32_t ops;
    bool again;               /* DUAL_RETRY_BLINDLY: was sent twice */
    struct soon_call refused; /* its store was down */
    bool may_have;            /* done it already: an answer was lost */
    struct event timer;       /* while it waits in dual->retrying */
    struct dual_part *prev, *next;
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
    struct dual_part part[STORES_MAX];
    struct dual_answer answer[STORES_MAX];
    struct reply reply; /* its reads are gathered here */
};

/* --- sending, and the end ----------------------------------------------------------------- */

static void on_answer(void *arg, const struct store_reply *reply);

static void finish(void *arg)
{
    struct work *work = arg;
    struct reply *reply = &work->reply;

    dual_combine(work->answer, work->n_parts, clock_now_us() >= work->deadline_us, reply);
    if (reply->code == CODE_PARTIAL && broken_here(work->dual->broken, DUAL_PARTIAL_IS_FAILURE))
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
static void send_part(struct dual_part *part)
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

static void take_answer(struct dual_part *part, const struct store_reply *reply)
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

static void end_retry(struct dual_part *part)
{
    (void)event_del(&part->timer);
    DL_DELETE(part->work->dual->retrying, part);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct dual_part *part = arg;

    (void)fd;
    (void)what;
    end_retry(part);
    send_part(part);
}

/* By the same request id, which the stores then do once: what was lost is no reason to give up. */
static bool may_try_again(const struct dual_part *part, enum store_status status)
{
    const struct work *work = part->work;

    return work->dual->retry && !work->dual->closing && status != STORE_OK &&
           status != STORE_CONSTRAINT && status != STORE_FATAL &&
           clock_now_us() + RETRY_AFTER_US < work->deadline_us;
}

static bool try_again(struct dual_part *part, enum store_status status)
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

void dual_txn_give_up_retries(struct dual *dual)
{
    while (dual->retrying) {
        struct dual_part *part = dual->retrying;

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

static bool send_again(struct dual_part *part, const struct store_reply *reply)
{
    struct work *work = part->work;

    if (reply->status != STORE_UNKNOWN || part->again || work->dual->closing ||
        !broken_here(work->dual->broken, DUAL_RETRY_BLINDLY))
        return false;
    part->again = true;
    store_execute(part->store, work->txn, clock_now_us() + AGAIN_US, on_answer, part);
    return true;
}

static void on_answer(void *arg, const struct store_reply *reply)
{
    struct dual_part *part = arg;
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
        if (broken_here(work->dual->broken, DUAL_ACK_AFTER_FIRST))
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

    for (unsigned i = 0; i < dual->stores.n; i++) {
        const char *name = store_name(dual->stores.store[i]);
        uint32_t ops = txn_ops_of(work->txn, name);

        if (ops == 0)
            continue;
        work->part[work->n_parts] =
            (struct dual_part){.work = work, .store = dual->stores.store[i], .ops = ops};
        work->answer[work->n_parts] =
            (struct dual_answer){.store = name, .writes = txn_writes(work->txn, ops)};
        work->n_parts++;
    }
    assert(work->n_parts > 0); /* the door knows the stores */
}

/* --- the beginning ------------------------------------------------------------------------- */

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

void dual_txn_submit(void *self, const struct txn *txn, int64_t deadline_us, approach_done done,
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
    work->stand.request = work->txn->request;
    if (!crash_point_reach(&work->stand, CRASH_DUAL_RECEIVED, go_on, work))
        go_on(work);
}
