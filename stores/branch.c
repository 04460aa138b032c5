/*
 * branch.c - a branch keeps its session from begin to free, so that what is sent later goes behind
 * what was sent before. When that session is lost, commit and rollback go over any other; rollback
 * then takes along who the session was, for the driver to end it first.
 */
#include "stores/driver.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long commit and rollback of a branch without a session wait for one before "call again". */
#define PHASE_TWO_WAIT_US (2 * US_PER_S)

struct store_branch {
    struct store *store;
    const struct txn *txn;
    char gid[GID_SIZE];
    struct session *session; /* NULL: none yet, or lost */
    struct session_identity lost;
    struct job *job; /* the latest, while it is not over */
    unsigned n_jobs; /* not over: at most a given-up one and one behind it */
    bool sent;       /* something went out under this gid */
    bool executed;   /* a local transaction is open on the session */
    bool refused; /* begin or prepare failed for certain: nothing of this gid is or will be here */
    bool writes;  /* sent, and counted as one that may take a slot */
    bool freed;   /* the caller is gone; we stay until the jobs are over */
};

static struct job *new_job(struct store_branch *b, enum verb verb, store_done done, void *arg)
{
    struct job *job = job_new(b->store, verb, LANE_WORK, 0);

    job->branch = b;
    job->txn = b->txn;
    memcpy(job->gid, b->gid, sizeof job->gid);
    job->done = done;
    job->arg = arg;
    b->job = job;
    b->n_jobs++;
    return job;
}

static void submit(struct store_branch *b, struct job *job)
{
    if (b->session) {
        job_submit_on(job, b->session);
        return;
    }
    job->lost = b->lost;
    job->urgent = true;
    job->patient = true;
    job->deadline_us = clock_now_us() + PHASE_TWO_WAIT_US;
    job_submit(job);
}

static struct store_branch *begin(struct store *store, const struct txn *txn, const char *gid,
                                  enum store_branch_until until, bool once, int64_t deadline_us,
                                  store_done done, void *arg)
{
    struct store_branch *b = mem_alloc(sizeof *b);
    struct job *job;

    assert(gid_valid(gid));
    b->store = store;
    b->txn = txn;
    (void)snprintf(b->gid, sizeof b->gid, "%s", gid);
    job = new_job(b, VERB_BEGIN, done, arg);
    job->until = until;
    job->once = once;
    job->deadline_us = deadline_us;
    job_submit(job);
    return b;
}

struct store_branch *store_branch_begin(struct store *store, const struct txn *txn, const char *gid,
                                        enum store_branch_until until, int64_t deadline_us,
                                        store_done done, void *arg)
{
    return begin(store, txn, gid, until, false, deadline_us, done, arg);
}

struct store_branch *store_branch_begin_once(struct store *store, const struct txn *txn,
                                             const char *gid, enum store_branch_until until,
                                             int64_t deadline_us, store_done done, void *arg)
{
    assert(store->where.kind != STORE_REDIS);
    assert(txn_writes(txn, txn_ops_of(txn, store->where.name)));
    return begin(store, txn, gid, until, true, deadline_us, done, arg);
}

void store_branch_prepare(struct store_branch *b, store_done done, void *arg)
{
    struct job *job = new_job(b, VERB_PREPARE, done, arg);

    if (b->session)
        submit(b, job);
    else
        job_answer(job, STORE_UNKNOWN, "the branch's session was lost");
}

void store_branch_commit(struct store_branch *b, store_done done, void *arg)
{
    submit(b, new_job(b, VERB_COMMIT, done, arg));
}

void store_branch_rollback(struct store_branch *b, store_done done, void *arg)
{
    struct job *job;

    if (b->job)
        job_give_up(b->job);
    job = new_job(b, VERB_ROLLBACK, done, arg);
    if (b->sent && !b->refused)
        submit(b, job);
    else
        job_answer(job, STORE_OK, "");
}

void store_branch_release(struct store_branch *b, store_done done, void *arg)
{
    submit(b, new_job(b, VERB_RELEASE, done, arg));
}

/* The caller and all jobs are gone: hand the session back, without an open transaction on it. */
static void dispose(struct store_branch *b)
{
    struct session *s = b->session;

    if (s && b->executed) {
        struct job *job = job_new(b->store, VERB_RELEASE, LANE_WORK, 0);

        memcpy(job->gid, b->gid, sizeof job->gid);
        job_submit_on(job, s);
    }
    b->store->n_writing -= b->writes;
    if (s)
        session_unbind(s);
    free(b);
}

void store_branch_free(struct store_branch *b)
{
    if (!b)
        return;
    b->freed = true;
    b->n_jobs++; /* keeps it here while a queued job is dropped */
    if (b->job)
        job_give_up(b->job);
    b->n_jobs--;
    if (b->n_jobs == 0)
        dispose(b);
}

/* --- from the pool --------------------------------------------------------------------------- */

void branch_sent(struct store_branch *b, struct session *s)
{
    b->writes = txn_writes(b->txn, txn_ops_of(b->txn, b->store->where.name));
    b->store->n_writing += b->writes;
    b->session = s;
    b->sent = true;
}

void branch_session_lost(struct store_branch *b)
{
    b->lost = b->session->identity;
    b->session = NULL;
    b->executed = false;
}

/*
 * Not FATAL: what is in no table may be anything. Nor UNAVAILABLE: what begin did stays, though
 * prepare was not sent.
 */
static bool certain(enum store_status status)
{
    return status != STORE_OK && status != STORE_UNKNOWN && status != STORE_UNAVAILABLE &&
           status != STORE_FATAL;
}

void branch_job_over(struct store_branch *b, struct job *job, enum store_status status)
{
    assert(b->n_jobs > 0);
    b->n_jobs--;
    if (b->job == job)
        b->job = NULL;
    if (job->verb == VERB_BEGIN || job->verb == VERB_PREPARE)
        b->refused = b->refused || certain(status);
    b->executed = job->verb == VERB_BEGIN && job->until == STORE_UNTIL_EXECUTED &&
                  status == STORE_OK && b->session;
    if (b->freed && b->n_jobs == 0)
        dispose(b);
}
