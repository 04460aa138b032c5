/* Recovery: see the header. */
#include "coordinator/recovery.h"

#include "base/broken.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "base/mem.h"
#include "coordinator/backoff.h"
#include "coordinator/open_decisions.h"
#include "model/names.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define VERB_DEADLINE_US INT64_C(2000000)
#define FENCE_TRIES_MAX  ((1 << 20) - 1) /* 12 days of them; Redis compares up to 2^53 */

enum step { ENDING, FENCING, LISTING, SETTLING, SETTLED };

static const char *const step_words[] = {
    [ENDING] = "ending the sessions of earlier incarnations",
    [FENCING] = "raising the epoch of its coordinator",
    [LISTING] = "listing what is in doubt",
    [SETTLING] = "settling what is in doubt",
    [SETTLED] = "recovered",
};

struct participant {
    struct recovery *recovery;
    struct store *store;
    enum step step;
    bool fenced;
    bool busy;         /* a verb is outstanding */
    unsigned n_fences; /* sent */
    unsigned n_failed; /* tries of this step */
    struct event *retry;
    enum store_status status; /* of the last try of this step that failed; OK: none did */
    char detail[STORE_DETAIL_SIZE];
    bool complained;          /* of some step: the log is told when all is well again */
    unsigned n_settling;      /* resolve verbs outstanding */
    struct crash_stand stand; /* of its start */
    bool unsettled;           /* one of them has to be tried again */
};

struct recovery {
    struct event_base *base;
    char name[ROLE_NAME_SIZE];
    char prefix[ROLE_PREFIX_SIZE];
    enum twopc_break broken;
    struct recovery_handlers handlers;
    struct decision_log *log;
    struct open_decisions open;
    bool stopped;
    struct settling *settlings; /* all that are not over */
    unsigned n_participants;
    struct participant participant[STORES_MAX];
};

static void go_on(struct participant *p);

/* --- what the log says ------------------------------------------------------------------------ */

static bool settled_at(const struct recovery *r, const char *store)
{
    for (unsigned i = 0; i < r->n_participants; i++) {
        if (strcmp(store_name(r->participant[i].store), store) == 0)
            return r->participant[i].step == SETTLED;
    }
    return false; /* not among our stores: the decision stays open */
}

static void forgotten(void *arg, const struct store_reply *reply)
{
    (void)arg;
    (void)reply; /* what was not forgotten costs the store some space, nothing else */
}

static void forget_everywhere(const struct recovery *r, const char *gid)
{
    for (unsigned i = 0; i < r->n_participants; i++)
        store_forget(r->participant[i].store, gid, clock_now_us() + VERB_DEADLINE_US, forgotten,
                     NULL);
}

static bool may_end(const struct recovery *r, const struct open_decision *d)
{
    unsigned n_settled = 0;

    for (unsigned i = 0; i < d->n_participants; i++)
        n_settled += settled_at(r, d->participant[i]);
    if (n_settled > 0 && n_settled < d->n_participants)
        return broken_here(r->broken, TWOPC_FORGET_EARLY);
    return n_settled == d->n_participants && !d->contradicted;
}

/* END for every decision whose participants are all settled. */
static void end_decisions(struct recovery *r)
{
    struct open_decision *d, *tmp;

    HASH_ITER (hh, r->open.by_gid, d, tmp) {
        if (!may_end(r, d))
            continue;
        decision_log_end(r->log, d->gid, d->segment);
        forget_everywhere(r, d->gid);
        open_decisions_remove(&r->open, d);
    }
}

/* --- one participant -------------------------------------------------------------------------- */

/*
 * The log hears of a step's first failure and of each other status after it, not of every try. What
 * is no passing condition is an error: only somebody's hand will mend it, and it is tried for ever.
 */
static void note_failure(struct participant *p, enum store_status status, const char *detail)
{
    bool passing = status == STORE_UNAVAILABLE || status == STORE_UNKNOWN || status == STORE_RETRY;
    bool news = status != p->status;

    p->status = status;
    (void)snprintf(p->detail, sizeof p->detail, "%s%s%s", store_status_name(status),
                   detail[0] ? ", " : "", detail);
    if (!news || p->recovery->stopped)
        return;
    p->complained = true;
    log_line(passing ? LOG_WARN : LOG_ERROR, "%s: recovering at %s: %s: %s; tried again and again",
             p->recovery->name, store_name(p->store), step_words[p->step], p->detail);
}

static void try_later(struct participant *p)
{
    struct timeval delay = clock_timeval(backoff_delay_us(p->n_failed++));

    if (!p->recovery->stopped)
        (void)evtimer_add(p->retry, &delay);
}

static void next_step(struct participant *p, enum step step)
{
    p->step = step;
    p->n_failed = 0;
    p->status = STORE_OK;
    go_on(p);
}

static void go_fence(void *arg)
{
    next_step(arg, FENCING);
}

static void go_list(void *arg)
{
    struct participant *p = arg;

    next_step(p, LISTING);
    p->recovery->handlers.progress(p->recovery->handlers.arg);
}

static void sessions_ended(void *arg, const struct store_reply *reply)
{
    struct participant *p = arg;

    p->busy = false;
    if (reply->status == STORE_OK) {
        if (!crash_point_reach(&p->stand, CRASH_XA_START_ENDED, go_fence, p))
            go_fence(p);
        return;
    }
    note_failure(p, reply->status, reply->detail);
    try_later(p);
}

static void fence_answered(void *arg, const struct store_reply *reply)
{
    struct participant *p = arg;
    struct recovery *r = p->recovery;
    struct errctx err;

    p->busy = false;
    if (reply->status == STORE_FENCED) {
        err_set(&err, ESTALE, ERR_FENCED,
                "%s has seen a later incarnation of %s than epoch %" PRId64
                " of this decision log: the log was lost or is an old copy, or another coordinator "
                "runs under this name. Not started, since it would roll back what was decided",
                store_name(p->store), r->name, decision_log_epoch(r->log));
        r->handlers.failed(r->handlers.arg, &err);
        return;
    }
    if (reply->status != STORE_OK) {
        note_failure(p, reply->status, reply->detail);
        try_later(p);
        return;
    }
    p->fenced = true;
    if (!crash_point_reach(&p->stand, CRASH_XA_START_FENCED, go_list, p))
        go_list(p);
}

/*
 * Each try raises the fence a little more: when the answer to one was lost, an equal value would
 * look like somebody else's. After FENCE_TRIES_MAX tries it does, and the coordinator ends.
 */
static void fence(struct participant *p)
{
    int64_t epoch = decision_log_epoch(p->recovery->log);

    if (p->n_fences < FENCE_TRIES_MAX)
        p->n_fences++;
    store_fence(p->store, p->recovery->name, epoch * (FENCE_TRIES_MAX + 1) + p->n_fences,
                clock_now_us() + VERB_DEADLINE_US, fence_answered, p);
}

/* --- what is in doubt there ------------------------------------------------------------------- */

struct settling {
    struct participant *participant;
    char gid[GID_SIZE];
    char request[REQUEST_ID_SIZE];
    bool commit;
    struct crash_stand stand;
    bool answered; /* by the store: while it is held at a crash point */
    enum store_status status;
    char detail[STORE_DETAIL_SIZE];
    struct settling *prev, *next; /* in recovery->settlings */
};

static void settling_free(struct settling *s)
{
    crash_point_leave(&s->stand);
    DL_DELETE(s->participant->recovery->settlings, s);
    free(s);
}

static void list_again(struct participant *p)
{
    if (!p->unsettled) {
        next_step(p, LISTING);
        return;
    }
    p->step = LISTING;
    try_later(p);
}

/* Listed as in doubt, and ended by somebody else before our verb came. */
static void contradicted(struct settling *s, const char *how)
{
    struct recovery *r = s->participant->recovery;
    struct open_decision *d = open_decisions_find(&r->open, s->gid);

    log_error("%s at %s: %s by somebody else, against what was decided for it; it stays so", s->gid,
              store_name(s->participant->store), how);
    if (d)
        d->contradicted = true;
    r->handlers.contradicted(r->handlers.arg);
}

static void settled(void *arg)
{
    struct settling *s = arg;
    struct participant *p = s->participant;
    const struct recovery_handlers *h = &p->recovery->handlers;

    if (s->status == STORE_OK) {
        h->settled(h->arg, s->request, s->commit);
        if (!s->commit)
            store_forget(p->store, s->gid, clock_now_us() + VERB_DEADLINE_US, forgotten, NULL);
    } else if (s->status == STORE_HEURISTIC) {
        contradicted(s, s->detail);
    } else if (s->status != STORE_NOTA) { /* NOTA: gone since, by a try whose answer was lost */
        p->unsettled = true;
        note_failure(p, s->status, s->detail);
    }
    settling_free(s);
    if (--p->n_settling == 0)
        list_again(p);
}

static void take_answer(struct settling *s)
{
    s->answered = false;
    if (s->status != STORE_OK || !crash_point_reach(&s->stand, CRASH_XA_START_RESOLVED, settled, s))
        settled(s);
}

static void settle_answered(void *arg, const struct store_reply *reply)
{
    struct settling *s = arg;

    s->answered = true;
    s->status = reply->status;
    (void)snprintf(s->detail, sizeof s->detail, "%s", reply->detail);
    if (!s->stand.held) /* else released() takes it */
        take_answer(s);
}

static void released(void *arg)
{
    struct settling *s = arg;

    if (s->answered) /* else settle_answered() will find it free to go on */
        take_answer(s);
}

static void resolve(void *arg)
{
    struct settling *s = arg;

    store_resolve(s->participant->store, s->gid, s->commit, clock_now_us() + VERB_DEADLINE_US,
                  settle_answered, s);
    (void)crash_point_reach(&s->stand, CRASH_XA_START_RESOLVING, released, s);
}

static void settle(struct participant *p, const char *gid, const char *request)
{
    struct settling *s = mem_alloc(sizeof *s);

    s->participant = p;
    s->commit = open_decisions_find(&p->recovery->open, gid) != NULL;
    if (!s->commit) /* abort is presumed */
        s->commit = broken_here(p->recovery->broken, TWOPC_PRESUME_COMMIT);
    (void)snprintf(s->gid, sizeof s->gid, "%s", gid);
    (void)snprintf(s->request, sizeof s->request, "%s", request);
    p->n_settling++;
    DL_APPEND(p->recovery->settlings, s);
    if (!crash_point_reach(&s->stand, CRASH_XA_START_LISTED, resolve, s))
        resolve(s);
}

static void listed(void *arg, enum store_status status, const struct store_in_doubt *entries,
                   unsigned n_entries, unsigned waiters)
{
    struct participant *p = arg;
    struct recovery *r = p->recovery;

    (void)waiters;
    p->busy = false;
    if (status != STORE_OK) {
        note_failure(p, status, "");
        try_later(p);
        return;
    }
    crash_point_leave(&p->stand);
    p->step = SETTLING;
    p->unsettled = false;
    for (unsigned i = 0; i < n_entries; i++) {
        struct gid gid;

        if (gid_parse(entries[i].gid, &gid) && strcmp(gid.coordinator, r->name) == 0 &&
            gid.epoch < decision_log_epoch(r->log))
            settle(p, entries[i].gid, gid.request);
    }
    if (p->n_settling > 0)
        return;
    p->step = SETTLED;
    if (p->complained)
        log_info("%s: %s is recovered", r->name, store_name(p->store));
    end_decisions(r);
    r->handlers.progress(r->handlers.arg);
}

static void go_on(struct participant *p)
{
    int64_t deadline_us = clock_now_us() + VERB_DEADLINE_US;

    if (p->busy || p->recovery->stopped)
        return;
    p->busy = true;
    switch (p->step) {
    case ENDING:
        store_end_sessions(p->store, p->recovery->prefix, deadline_us, sessions_ended, p);
        break;
    case FENCING:
        fence(p);
        break;
    case LISTING:
        store_list_in_doubt(p->store, p->recovery->prefix, deadline_us, listed, p);
        break;
    case SETTLING: /* goes on when the last verb has answered */
    case SETTLED:
        p->busy = false;
        break;
    }
}

static void retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    go_on(arg);
}

/* The store is back: do not sit out the back-off. */
static void alive_changed(void *arg, bool alive)
{
    struct participant *p = arg;

    if (alive && evtimer_pending(p->retry, NULL)) {
        (void)evtimer_del(p->retry);
        go_on(p);
    }
}

/* ---------------------------------------------------------------------------------------------- */

struct recovery *recovery_new(struct event_base *base, const char *name, enum twopc_break broken,
                              const struct recovery_handlers *handlers)
{
    struct recovery *r = mem_alloc(sizeof *r);

    r->base = base;
    r->broken = broken;
    r->handlers = *handlers;
    (void)snprintf(r->name, sizeof r->name, "%s", name);
    role_prefix(r->prefix, name);
    return r;
}

void recovery_stop(struct recovery *r)
{
    r->stopped = true;
    for (unsigned i = 0; i < r->n_participants; i++) {
        store_on_alive(r->participant[i].store, NULL, NULL);
        (void)evtimer_del(r->participant[i].retry);
    }
}

void recovery_free(struct recovery *r)
{
    if (!r)
        return;
    while (r->settlings) /* held at a crash point: their stores have answered, or were not asked */
        settling_free(r->settlings);
    for (unsigned i = 0; i < r->n_participants; i++) {
        crash_point_leave(&r->participant[i].stand);
        event_free(r->participant[i].retry);
    }
    open_decisions_done(&r->open);
    free(r);
}

void recovery_note(struct recovery *r, const struct decision *decision)
{
    open_decisions_note(&r->open, decision);
}

void recovery_start(struct recovery *r, struct decision_log *log, struct store *const *stores,
                    unsigned n_stores)
{
    assert(n_stores <= STORES_MAX);
    r->log = log;
    r->n_participants = n_stores;
    for (unsigned i = 0; i < n_stores; i++) {
        struct participant *p = &r->participant[i];

        *p = (struct participant){.recovery = r, .store = stores[i]};
        p->retry = evtimer_new(r->base, retry, p);
        assert(p->retry);
        store_on_alive(stores[i], alive_changed, p);
    }
    for (unsigned i = 0; i < n_stores; i++)
        go_on(&r->participant[i]);
}

bool recovery_fenced(const struct recovery *r, unsigned i)
{
    assert(i < r->n_participants);
    return r->participant[i].fenced;
}

void recovery_why_not(const struct recovery *r, unsigned i, char *ret_text, size_t size)
{
    const struct participant *p = &r->participant[i];
    bool failed = p->status != STORE_OK;

    assert(i < r->n_participants);
    (void)snprintf(ret_text, size, "%s%s%s", step_words[p->step], failed ? ": " : "",
                   failed ? p->detail : "");
}

unsigned recovery_unfenced(const struct recovery *r)
{
    unsigned n = 0;

    for (unsigned i = 0; i < r->n_participants; i++)
        n += !r->participant[i].fenced;
    return n;
}

bool recovery_complete(const struct recovery *r)
{
    for (unsigned i = 0; i < r->n_participants; i++) {
        if (r->participant[i].step != SETTLED)
            return false;
    }
    return true;
}

unsigned recovery_open_decisions(const struct recovery *r)
{
    return HASH_COUNT(r->open.by_gid);
}
