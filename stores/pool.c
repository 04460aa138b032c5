/*
 * pool.c - sessions, queues and deadlines: every change of a job's or a session's state is here.
 *
 * See driver.h for the two state diagrams. Callers are told from the loop only; while one is being
 * told, its session still counts as busy, so that nothing else writes over the reply it reads.
 */
#include "stores/driver.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define CONNECT_TIMEOUT_US (5 * US_PER_S)
#define OVERTAKEN          "fenced: the store has seen a higher epoch than ours"

static void serve(struct session *s);

/* --- replies --------------------------------------------------------------------------------- */

void reply_fail(struct store_reply *reply, enum store_status status, const char *detail)
{
    assert(status != STORE_OK);
    if (reply->status != STORE_OK)
        return;
    reply->status = status;
    (void)snprintf(reply->detail, sizeof reply->detail, "%s", detail);
    reply->detail[strcspn(reply->detail, "\n")] = '\0';
}

void reply_not_once(const struct job *job, struct store_reply *reply, enum store_status status,
                    const char *detail)
{
    if (status == STORE_CONSTRAINT && job->verb == VERB_EXECUTE)
        reply->again = true;
    else if (status == STORE_CONSTRAINT)
        reply_fail(reply, STORE_AGAIN, "executed before");
    else if (status == STORE_CONFLICT) /* whoever is at it may still give up */
        reply_fail(reply, STORE_ELSEWHERE, "in flight elsewhere; ask for its status");
    else
        reply_fail(reply, status, detail);
}

static void tell(struct job *job, const struct store_reply *reply)
{
    bool ok = reply->status == STORE_OK;

    if (job->told)
        return;
    job->told = true;
    if (job->listed)
        job->listed(job->arg, reply->status, job->entry, ok ? job->n_entries : 0, job->waiters);
    else if (job->viewed)
        job->viewed(job->arg, reply, job->view, ok ? job->n_views : 0);
    else if (job->opened)
        job->opened(job->arg, reply, ok ? job->epoch : 0, ok ? &job->position : NULL);
    else if (job->positioned)
        job->positioned(job->arg, reply->status, ok ? &job->position : NULL);
    else if (job->marked)
        job->marked(job->arg, reply, ok ? job->fence : 0, &job->before);
    else if (job->proved)
        job->proved(job->arg, reply, ok ? job->outcome : STORE_OUTCOME_UNKNOWN);
    else if (job->done)
        job->done(job->arg, reply);
}

static void job_free(struct job *job)
{
    (void)event_del(&job->timer); /* cannot fail: it was assigned */
    free(job->entry);
    free(job->view);
    free(job);
}

/* Also when its caller was told "unknown" meanwhile: it was raised to this, whatever follows. */
static void hold_fence(const struct job *job)
{
    struct store_fence *fence = &job->store->fence;

    fence->epoch = job->epoch;
    (void)snprintf(fence->owner, sizeof fence->owner, "%s", job->text);
}

/* The job is in no queue and on no session any more. */
static void end_job(struct job *job, const struct store_reply *reply)
{
    if (job->verb == VERB_FENCE && reply->status == STORE_OK)
        hold_fence(job);
    if (job->branch)
        branch_job_over(job->branch, job, reply->status);
    tell(job, reply);
    job_free(job);
}

static void end_unsent(struct job *job, const char *why)
{
    struct store_reply reply = {.status = STORE_OK};

    reply_fail(&reply, STORE_UNAVAILABLE, why);
    end_job(job, &reply);
}

/* --- jobs ------------------------------------------------------------------------------------ */

static void dequeue(struct job *job)
{
    struct store *store = job->store;

    assert(job->state == JOB_QUEUED);
    assert(store->n_queued[job->lane] > 0);
    DL_DELETE(store->queue[job->lane], job);
    store->n_queued[job->lane]--;
}

static void end_answered(void *arg)
{
    struct job *job = arg;

    assert(job->state == JOB_ANSWERED);
    end_job(job, &job->answer);
}

static void on_job_timer(evutil_socket_t fd, short what, void *arg)
{
    struct job *job = arg;
    struct store_reply reply = {.status = STORE_OK};

    (void)fd;
    (void)what;
    switch (job->state) {
    case JOB_QUEUED:
        dequeue(job);
        end_unsent(job, job->store->fence.overtaken ? OVERTAKEN : "no session was free in time");
        break;
    case JOB_WAITING:
        job->session->following = NULL;
        end_unsent(job, "its session was busy until the deadline");
        break;
    case JOB_SENT:
        reply_fail(&reply, STORE_UNKNOWN, "no answer in time");
        tell(job, &reply);
        break;
    case JOB_ANSWERED:
        break;
    }
}

struct job *job_new(struct store *store, enum verb verb, enum lane lane, int64_t deadline_us)
{
    struct job *job = mem_alloc(sizeof *job);

    job->store = store;
    job->verb = verb;
    job->lane = lane;
    job->deadline_us = deadline_us;
    if (evtimer_assign(&job->timer, store->base, on_job_timer, job) < 0)
        abort(); /* fails only for an event that is in use */
    return job;
}

static void arm(struct event *timer, int64_t delay_us)
{
    struct timeval delay = clock_timeval(delay_us);

    if (evtimer_add(timer, &delay) < 0)
        abort(); /* out of memory */
}

void job_answer(struct job *job, enum store_status status, const char *detail)
{
    job->state = JOB_ANSWERED;
    job->answer.status = status;
    (void)snprintf(job->answer.detail, sizeof job->answer.detail, "%s", detail);
    soon_add(job->store->soon, &job->soon, end_answered, job);
}

static void start(struct session *s, struct job *job)
{
    assert(s->state == SESSION_READY);
    assert(!s->job);
    job->state = JOB_SENT;
    job->session = s;
    s->job = job;
    memset(&s->reply, 0, sizeof s->reply);
    if (job->patient)
        (void)event_del(&job->timer); /* cannot fail: it was assigned */
    if (job->branch && job->verb == VERB_BEGIN) {
        s->branch = job->branch;
        branch_sent(job->branch, s);
    }
    s->store->driver->start(s);
}

static bool is_free(const struct session *s)
{
    return s->state == SESSION_READY && !s->job && !s->branch && !s->dropped;
}

static struct session *free_session(const struct store *store, enum lane lane)
{
    for (unsigned i = 0; i < store->n_sessions; i++) {
        if (store->session[i]->lane == lane && is_free(store->session[i]))
            return store->session[i];
    }
    return NULL;
}

void job_submit(struct job *job)
{
    struct store *store = job->store;
    struct session *s = free_session(store, job->lane);

    if (job->deadline_us && job->deadline_us <= clock_now_us()) {
        job_answer(job, STORE_UNAVAILABLE, "the deadline had passed already");
        return;
    }
    if (store->n_queued[job->lane] >= STORE_QUEUE_MAX) {
        job_answer(job, STORE_UNAVAILABLE, "the queue is full");
        return;
    }
    if (job->deadline_us)
        arm(&job->timer, job->deadline_us - clock_now_us());
    if (s) {
        start(s, job);
        return;
    }
    job->state = JOB_QUEUED;
    if (job->urgent)
        DL_PREPEND(store->queue[job->lane], job);
    else
        DL_APPEND(store->queue[job->lane], job);
    store->n_queued[job->lane]++;
}

void job_submit_on(struct job *job, struct session *s)
{
    assert(s->state == SESSION_READY);
    if (job->deadline_us)
        arm(&job->timer, job->deadline_us - clock_now_us());
    if (!s->job) {
        start(s, job);
        return;
    }
    assert(!s->following);
    job->state = JOB_WAITING;
    job->session = s;
    s->following = job;
}

void job_give_up(struct job *job)
{
    struct store_reply reply = {.status = STORE_UNAVAILABLE};

    job->told = true;
    switch (job->state) {
    case JOB_QUEUED:
        dequeue(job);
        end_job(job, &reply);
        break;
    case JOB_WAITING:
        job->session->following = NULL;
        end_job(job, &reply);
        break;
    case JOB_ANSWERED:
        soon_remove(job->store->soon, &job->soon);
        end_answered(job);
        break;
    case JOB_SENT:
        break;
    }
}

/* --- sessions -------------------------------------------------------------------------------- */

static void set_state(struct session *s, enum session_state state)
{
    struct store *store = s->store;
    unsigned before = store->n_ready;

    assert(s->state != state);
    if (s->lane == LANE_WORK)
        store->n_ready = before + (state == SESSION_READY) - (s->state == SESSION_READY);
    s->state = state;
    if (store->changed && (before > 0) != (store->n_ready > 0))
        store->changed(store->changed_arg, store->n_ready > 0);
}

static void on_session_timer(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;

    (void)fd;
    (void)what;
    switch (s->state) {
    case SESSION_DOWN:
        set_state(s, SESSION_CONNECTING);
        s->fence = SESSION_NOT_ASKED;
        arm(&s->timer, CONNECT_TIMEOUT_US);
        s->store->driver->connect(s);
        break;
    case SESSION_CONNECTING:
        session_lost(s, "no connection in time");
        break;
    case SESSION_READY:
        if (s->dropped)
            session_lost(s, "its branch was left prepared");
        else
            s->store->driver->timeout(s);
        break;
    }
}

static bool is_tied(const struct session *s)
{
    return s->store->driver->tied && s->store->driver->tied(s);
}

/* Losing a session calls back, so not from inside a caller's verb. */
static void drop(struct session *s)
{
    s->dropped = true;
    arm(&s->timer, 0);
}

/* An idle session takes what waits for it, else what waits for any. */
static void serve(struct session *s)
{
    struct job *job = s->following;

    if (s->state != SESSION_READY || s->job || s->dropped)
        return;
    s->following = NULL;
    if (!job && !s->branch && is_tied(s)) {
        drop(s);
        return;
    }
    if (!job && !s->branch) {
        job = s->store->queue[s->lane];
        if (job)
            dequeue(job);
    }
    if (job)
        start(s, job);
}

/* One that was under way when we raised the fence has not asked: it connects once more. */
static bool is_current(const struct session *s)
{
    int64_t ours = s->store->fence.epoch;

    return ours == 0 || (s->fence != SESSION_NOT_ASKED && s->fence <= ours);
}

static void refuse(struct session *s)
{
    struct store *store = s->store;
    bool news = s->fence != SESSION_NOT_ASKED && !store->fence.overtaken;

    store->fence.overtaken |= news;
    session_lost(s, OVERTAKEN);
    if (news && store->overtaken)
        store->overtaken(store->overtaken_arg);
}

void session_up(struct session *s)
{
    if (!is_current(s)) {
        refuse(s);
        return;
    }
    (void)event_del(&s->timer); /* cannot fail: it was assigned */
    set_state(s, SESSION_READY);
    serve(s);
}

void session_finish(struct session *s)
{
    struct job *job = s->job;

    assert(s->state == SESSION_READY);
    assert(job);
    (void)event_del(&s->timer); /* cannot fail: it was assigned */
    end_job(job, &s->reply);
    s->job = NULL;
    serve(s);
}

void session_lost(struct session *s, const char *why)
{
    struct job *job = s->job;
    struct job *following = s->following;
    struct store_reply reply = {.status = STORE_OK};

    reply_fail(&reply, STORE_UNKNOWN, why); /* `why` may be the connection's own */
    s->store->driver->disconnect(s);
    (void)event_del(&s->timer); /* cannot fail: it was assigned */
    s->job = NULL;
    s->following = NULL;
    if (s->branch)
        branch_session_lost(s->branch);
    s->branch = NULL;
    s->dropped = false;
    memset(&s->identity, 0, sizeof s->identity);
    arm(&s->timer, STORE_RECONNECT_US);
    set_state(s, SESSION_DOWN);
    if (job)
        end_job(job, &reply);
    if (following)
        end_unsent(following, reply.detail);
}

void session_unbind(struct session *s)
{
    assert(s->branch);
    s->branch = NULL;
    serve(s);
}

/* --- the whole ------------------------------------------------------------------------------- */

int pool_open(struct store *store, unsigned n_sessions, struct errctx *err)
{
    store->soon = soon_new(store->base);
    store->session = mem_alloc_array(n_sessions, sizeof(struct session *));
    for (unsigned i = 0; i < n_sessions; i++) {
        struct session *s = store->driver->session_new(store);

        s->store = store;
        s->lane = i + 1 == n_sessions ? LANE_ADMIN : LANE_WORK;
        s->state = SESSION_DOWN;
        store->session[i] = s;
        store->n_sessions = i + 1;
        if (evtimer_assign(&s->timer, store->base, on_session_timer, s) < 0)
            return err_set(err, ENOMEM, ERR_FATAL, "store %s: no timer", store->where.name);
        arm(&s->timer, 0);
    }
    return 0;
}

static void end_all(struct job **queue)
{
    while (*queue) {
        struct job *job = *queue;

        dequeue(job);
        end_unsent(job, "the store was closed");
    }
}

void pool_close(struct store *store)
{
    store->changed = NULL;
    store->overtaken = NULL;
    for (unsigned i = 0; i < store->n_sessions; i++) {
        struct session *s = store->session[i];

        if (s->state != SESSION_DOWN)
            session_lost(s, "the store was closed");
        (void)event_del(&s->timer); /* cannot fail: it was assigned */
    }
    for (unsigned lane = 0; lane < LANES; lane++)
        end_all(&store->queue[lane]);
    soon_now(store->soon);
    soon_free(store->soon);
    for (unsigned i = 0; i < store->n_sessions; i++)
        store->driver->session_free(store->session[i]);
    free(store->session);
}
