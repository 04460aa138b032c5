/* Recovery's driver: carries out what recovery_core.h decides. It decides nothing itself. */
#include "coordinator/recovery.h"

#include "base/broken.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "coordinator/recovery_private.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const step_words[RECOVERY_STATES] = {
    [RECOVERY_IDLE] = "not begun",
    [RECOVERY_ENDING] = "ending the sessions of earlier incarnations",
    [RECOVERY_FENCING] = "raising the epoch of its coordinator",
    [RECOVERY_MARKING] = "telling it of the decision log",
    [RECOVERY_LISTING] = "listing what is in doubt",
    [RECOVERY_SETTLING] = "settling what is in doubt",
    [RECOVERY_PROVING] = "proving what became of decisions",
    [RECOVERY_SETTLED] = "recovered",
    [RECOVERY_HELD] =
        "it was restored from a backup or emptied: settle by hand what is in doubt there",
};

static void act(struct recovering *p, const struct recovery_action *a,
                const struct recovery_scene *scene);

static const struct recovery_participant *core_of(const struct recovering *p)
{
    return &p->recovery->core.participant[p->index];
}

bool recovery_is_held(const struct recovering *p)
{
    return core_of(p)->state == RECOVERY_HELD;
}

static void decide(struct recovering *p, const struct recovery_event *ev,
                   struct recovery_actions *ret_todo)
{
    int rc = recovery_step(&p->recovery->core, ev, ret_todo);

    assert(rc == 0);
}

static void carry_out(struct recovering *p, const struct recovery_actions *todo,
                      const struct recovery_scene *scene)
{
    for (unsigned i = 0; i < todo->n; i++)
        act(p, &todo->item[i], scene);
}

void recovery_feed(struct recovering *p, const struct recovery_event *ev,
                   const struct recovery_scene *scene)
{
    struct recovery_actions todo;

    decide(p, ev, &todo);
    carry_out(p, &todo, scene);
}

/*
 * The log hears of a step's first failure and of each other status after it, not of every try. What
 * is no passing condition is an error: only somebody's hand will mend it, and it is tried for ever.
 */
void recovery_failed(struct recovering *p, enum store_status status, const char *detail)
{
    bool passing = status == STORE_UNAVAILABLE || status == STORE_UNKNOWN || status == STORE_RETRY;
    bool news = status != p->status;

    p->status = status;
    (void)snprintf(p->detail, sizeof p->detail, "%s%s%s", store_status_name(status),
                   detail[0] ? ", " : "", detail);
    if (!news || p->recovery->stopped || recovery_is_held(p))
        return;
    p->complained = true;
    log_line(passing ? LOG_WARN : LOG_ERROR, "%s: recovering at %s: %s: %s; tried again and again",
             p->recovery->name, store_name(p->store), step_words[core_of(p)->state], p->detail);
}

/* --- steps that answer once ------------------------------------------------------------------- */

static void resume(void *arg)
{
    struct recovering *p = arg;

    carry_out(p, &p->todo, NULL);
}

/* When it went well, the participant stands at `point` before it goes on. */
static void answered(struct recovering *p, enum recovery_event_type type,
                     const struct store_reply *reply, enum crash_point point)
{
    struct recovery_event ev = {.type = type, .participant = p->index};

    if (type == RECOVERY_EV_FENCED && reply->status == STORE_FENCED) {
        ev.answer = RECOVERY_STALE;
    } else if (reply->status != STORE_OK) {
        recovery_failed(p, reply->status, reply->detail);
        ev.answer = RECOVERY_AGAIN;
    }
    decide(p, &ev, &p->todo);
    if (ev.answer != RECOVERY_OK || !crash_point_reach(&p->stand, point, resume, p))
        resume(p);
}

static void sessions_ended(void *arg, const struct store_reply *reply)
{
    answered(arg, RECOVERY_EV_ENDED, reply, CRASH_XA_START_ENDED);
}

static void fence_answered(void *arg, const struct store_reply *reply)
{
    answered(arg, RECOVERY_EV_FENCED, reply, CRASH_XA_START_FENCED);
}

static void fail(const struct recovering *p)
{
    const struct recovery *r = p->recovery;
    struct errctx err;

    err_set(&err, ESTALE, ERR_FENCED,
            "%s has seen a later incarnation of %s than epoch %" PRId64
            " of this decision log: the log was lost or is an old copy, or another coordinator "
            "runs under this name. Not started, since it would roll back what was decided",
            store_name(p->store), r->name, r->core.epoch);
    r->handlers.failed(r->handlers.arg, &err);
}

/* We have run, or still recover, and somebody else of our name has begun there. */
static void overtaken(void *arg)
{
    const struct recovering *p = arg;
    const struct recovery *r = p->recovery;
    struct errctx err;

    err_set(&err, ESTALE, ERR_FENCED,
            "%s has seen a later incarnation of %s than epoch %" PRId64
            " of this decision log: another coordinator has taken over under this name, and what "
            "was begun here is its to settle",
            store_name(p->store), r->name, r->core.epoch);
    r->handlers.failed(r->handlers.arg, &err);
}

/* --- what is in doubt there ------------------------------------------------------------------- */

static void found(struct recovering *p, const char *gid)
{
    struct recovery_event ev = {.type = RECOVERY_EV_FOUND,
                                .participant = p->index,
                                .gid = gid,
                                .decision = open_decisions_find(&p->recovery->open, gid)};

    recovery_feed(p, &ev, &(struct recovery_scene){.gid = gid});
}

static void listed(void *arg, enum store_status status, const struct store_in_doubt *entries,
                   unsigned n_entries, unsigned waiters)
{
    struct recovering *p = arg;
    struct recovery_event ev = {.type = RECOVERY_EV_LISTED, .participant = p->index};

    (void)waiters;
    if (status == STORE_OK) {
        crash_point_leave(&p->stand);
        for (unsigned i = 0; i < n_entries && !p->recovery->settled_elsewhere; i++)
            found(p, entries[i].gid);
    } else {
        recovery_failed(p, status, "");
        ev.answer = RECOVERY_AGAIN;
    }
    recovery_feed(p, &ev, NULL);
}

static void contradicted(const struct recovering *p, const struct recovery_scene *scene)
{
    const struct recovery_handlers *h = &p->recovery->handlers;

    log_error("%s at %s: ended by somebody else against what was decided for it%s%s; it stays so",
              scene->gid, store_name(p->store), scene->detail[0] ? ": " : "", scene->detail);
    h->contradicted(h->arg);
}

static void lost(const struct recovering *p, const struct recovery_scene *scene)
{
    const struct recovery_handlers *h = &p->recovery->handlers;

    log_error("%s at %s: lost, though it was decided to commit it: %s. Its decision stays open",
              scene->gid, store_name(p->store), scene->detail);
    h->lost(h->arg);
}

/* --- decisions -------------------------------------------------------------------------------- */

static void end_decision(struct recovery *r, struct open_decision *d)
{
    if (decision_log_end(r->log, d->gid)) {
        for (unsigned i = 0; i < r->n_participants; i++)
            forgetting_add(r->forgetting, r->participant[i].store, d->gid);
    }
    open_decisions_remove(&r->open, d);
}

static void review_decisions(struct recovering *p)
{
    struct open_decision *d, *tmp;

    HASH_ITER (hh, p->recovery->open.by_gid, d, tmp) {
        struct recovery_event ev = {
            .type = RECOVERY_EV_REVIEW, .participant = p->index, .decision = d};

        recovery_feed(p, &ev, &(struct recovery_scene){.decision = d});
    }
    recovery_feed(
        p, &(struct recovery_event){.type = RECOVERY_EV_REVIEWED, .participant = p->index}, NULL);
}

static void progress(const struct recovering *p)
{
    const struct recovery_handlers *h = &p->recovery->handlers;

    if (core_of(p)->state == RECOVERY_SETTLED && p->complained)
        log_info("%s: %s is recovered", p->recovery->name, store_name(p->store));
    h->progress(h->arg);
}

/* --- actions ---------------------------------------------------------------------------------- */

/* A step is begun, or tried again. */
static void ask(struct recovering *p, const struct recovery_action *a)
{
    const struct recovery *r = p->recovery;
    int64_t deadline_us = clock_now_us() + RECOVERY_VERB_DEADLINE_US;

    if (core_of(p)->n_failed == 0)
        p->status = STORE_OK;
    if (a->type == RECOVERY_ACT_END_SESSIONS)
        store_end_sessions(p->store, r->prefix, deadline_us, sessions_ended, p);
    else if (a->type == RECOVERY_ACT_FENCE)
        store_fence(p->store, r->name, a->epoch, deadline_us, fence_answered, p);
    else
        store_list_in_doubt(p->store, r->prefix, deadline_us, listed, p);
}

static void set_retry(struct recovering *p, int64_t delay_us)
{
    struct timeval delay = clock_timeval(delay_us);

    (void)evtimer_add(p->retry, &delay);
}

static void act(struct recovering *p, const struct recovery_action *a,
                const struct recovery_scene *scene)
{
    struct recovery *r = p->recovery;
    const struct recovery_handlers *h = &r->handlers;

    if (r->stopped)
        return;
    switch (a->type) {
    case RECOVERY_ACT_END_SESSIONS:
    case RECOVERY_ACT_FENCE:
    case RECOVERY_ACT_LIST:
        ask(p, a);
        break;
    case RECOVERY_ACT_MARK:
        h->mark(h->arg, p->index, recovery_core_fence(&r->core, p->index));
        break;
    case RECOVERY_ACT_COMMIT:
        recovery_settle(p, scene->gid, true);
        break;
    case RECOVERY_ACT_ROLLBACK:
        recovery_settle(p, scene->gid, false);
        break;
    case RECOVERY_ACT_SET_RETRY:
        set_retry(p, a->delay_us);
        break;
    case RECOVERY_ACT_CANCEL_RETRY:
        (void)evtimer_del(p->retry);
        break;
    case RECOVERY_ACT_TELL_SETTLED:
        h->settled(h->arg, scene->request, scene->commit);
        break;
    case RECOVERY_ACT_TELL_CONTRADICTED:
        contradicted(p, scene);
        break;
    case RECOVERY_ACT_TELL_LOST:
        lost(p, scene);
        break;
    case RECOVERY_ACT_FORGET:
        forget_at(p->store, scene->gid);
        break;
    case RECOVERY_ACT_PROVE:
        recovery_prove(p, scene->decision);
        break;
    case RECOVERY_ACT_REVIEW_DECISIONS:
        review_decisions(p);
        break;
    case RECOVERY_ACT_LOG_END:
        end_decision(r, scene->decision);
        break;
    case RECOVERY_ACT_PROGRESS:
        progress(p);
        break;
    case RECOVERY_ACT_FAIL:
        fail(p);
        break;
    case RECOVERY_ACT_TELL_BROKEN:
        broken_made();
        break;
    case RECOVERY_ACTION_TYPES:
        break;
    }
}

static void go_on(struct recovering *p, enum recovery_event_type type)
{
    recovery_feed(p, &(struct recovery_event){.type = type, .participant = p->index}, NULL);
}

static void retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    go_on(arg, RECOVERY_EV_RETRY);
}

static void alive_changed(void *arg, bool alive)
{
    struct recovering *p = arg;

    if (!alive)
        return;
    go_on(p, RECOVERY_EV_ALIVE);
    p->recovery->handlers.progress(p->recovery->handlers.arg);
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
        store_on_overtaken(r->participant[i].store, NULL, NULL);
        (void)evtimer_del(r->participant[i].retry);
    }
}

void recovery_free(struct recovery *r)
{
    if (!r)
        return;
    while (r->settlings) /* held at a crash point: their stores have answered, or were not asked */
        recovery_settling_free(r->settlings);
    for (unsigned i = 0; i < r->n_participants; i++) {
        crash_point_leave(&r->participant[i].stand);
        event_free(r->participant[i].retry);
    }
    open_decisions_done(&r->open);
    free(r);
}

static void note_memo(struct recovery *r, const char *store, const char *memo)
{
    unsigned i = 0;

    while (i < r->n_memos && strcmp(r->memo[i].store, store) != 0)
        i++;
    if (i == STORES_MAX || memo[0] == '\0')
        return;
    if (i == r->n_memos)
        r->n_memos++;
    (void)snprintf(r->memo[i].store, sizeof r->memo[i].store, "%s", store);
    (void)snprintf(r->memo[i].memo, sizeof r->memo[i].memo, "%s", memo);
}

/* The stores have been as far as the log knows. */
static void expect_memos(const struct recovery *r, struct store *store)
{
    for (unsigned i = 0; i < r->n_memos; i++) {
        if (strcmp(r->memo[i].store, store_name(store)) == 0)
            store_expect(store, r->memo[i].memo);
    }
}

void recovery_note(struct recovery *r, const struct decision *decision)
{
    open_decisions_note(&r->open, decision);
    for (unsigned i = 0; i < decision->n_participants; i++)
        note_memo(r, decision->participant[i], decision->memo[i]);
}

void recovery_start(struct recovery *r, struct decision_log *log, struct forgetting *forgetting,
                    struct watermark *watermark, struct store *const *stores, unsigned n_stores)
{
    assert(n_stores <= STORES_MAX);
    r->log = log;
    r->forgetting = forgetting;
    r->watermark = watermark;
    recovery_core_init(&r->core, r->name, decision_log_epoch(log), r->broken);
    r->n_participants = n_stores;
    for (unsigned i = 0; i < n_stores; i++) {
        struct recovering *p = &r->participant[i];

        *p = (struct recovering){.recovery = r, .index = i, .store = stores[i]};
        p->retry = evtimer_new(r->base, retry, p);
        assert(p->retry);
        recovery_core_add(&r->core, store_name(stores[i]));
        expect_memos(r, stores[i]);
    }
}

void recovery_leave_settling(struct recovery *r)
{
    r->settled_elsewhere = true;
}

void recovery_begin(struct recovery *r, unsigned i)
{
    struct recovering *p = &r->participant[i];

    assert(i < r->n_participants);
    recovery_core_raise(&r->core, decision_log_epoch(r->log));
    store_on_alive(p->store, alive_changed, p);
    store_on_overtaken(p->store, overtaken, p);
    go_on(p, RECOVERY_EV_START);
}

void recovery_marked(struct recovery *r, unsigned i)
{
    assert(i < r->n_participants);
    go_on(&r->participant[i], RECOVERY_EV_MARKED);
}

void recovery_restored(struct recovery *r, unsigned i)
{
    struct recovering *p = &r->participant[i];

    assert(i < r->n_participants);
    crash_point_leave(&p->stand);
    p->status = STORE_OK;
    go_on(p, RECOVERY_EV_RESTORED);
}

bool recovery_fenced(const struct recovery *r, unsigned i)
{
    assert(i < r->n_participants);
    return r->core.participant[i].fenced;
}

void recovery_why_not(const struct recovery *r, unsigned i, char *ret_text, size_t size)
{
    const struct recovering *p = &r->participant[i];
    bool failed = p->status != STORE_OK;

    assert(i < r->n_participants);
    (void)snprintf(ret_text, size, "%s%s%s", step_words[core_of(p)->state], failed ? ": " : "",
                   failed ? p->detail : "");
}

bool recovery_complete(const struct recovery *r)
{
    return recovery_core_complete(&r->core);
}

static uint32_t all_of(const struct open_decision *d)
{
    return (UINT32_C(1) << d->n_participants) - 1;
}

void recovery_leave_open(struct recovery *r, const struct decision *commit, uint32_t contradicted,
                         uint32_t lost)
{
    struct open_decision *d;

    open_decisions_note(&r->open, commit);
    d = open_decisions_find(&r->open, commit->gid);
    d->contradicted = contradicted;
    d->lost = lost;
    d->committed = all_of(d) & ~(contradicted | lost);
}

bool recovery_forget(struct recovery *r, const char *gid)
{
    struct open_decision *d = open_decisions_find(&r->open, gid);

    if (!d || (d->committed | d->contradicted | d->lost) != all_of(d))
        return false;
    end_decision(r, d);
    decision_log_flush(r->log);
    return true;
}

bool recovery_has_open(const struct recovery *r, const char *gid)
{
    return open_decisions_find(&r->open, gid) != NULL;
}

unsigned recovery_open_decisions(const struct recovery *r)
{
    return HASH_COUNT(r->open.by_gid);
}
