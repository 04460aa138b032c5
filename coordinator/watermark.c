/* How far the log had got, remembered elsewhere: see the header. */
#include "coordinator/watermark.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "coordinator/backoff.h"
#include "coordinator/log_past.h"
#include "coordinator/recovery_core.h"
#include "model/names.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB_DEADLINE_US INT64_C(2000000)
#define CHECK_GRACE_US   INT64_C(200000) /* how long those that answer wait for those that do not */

enum mark_step { CHECKING, LOOKED, CHECKED, MARKED, RESTORED, MARK_STEPS };

static const char *const step_words[MARK_STEPS] = {
    [CHECKING] = "asking what it knows of the decision log",
    [LOOKED] = "waiting for what the other stores know of the decision log",
    [CHECKED] = "telling it of the decision log",
    [MARKED] = "told of the decision log",
    [RESTORED] = "restored from a backup or emptied",
};

/* What the log remembers to have told a participant; also one that is none of our stores now. */
struct remembered {
    char name[STORE_NAME_SIZE];
    int64_t epoch;
    int64_t sequence;
};

struct marked {
    struct watermark *watermark;
    struct store *store;
    enum mark_step step;
    bool busy; /* a verb is outstanding */
    unsigned n_failed;
    struct event *retry;
    char detail[STORE_DETAIL_SIZE]; /* of the last try that failed */
    bool stranger;                  /* none of us was ever fenced there */
    int64_t seen_epoch;             /* the highest of ours that it knows of, in whatever way */
    int64_t fence;                  /* 0: not ours yet */
    struct store_mark told;         /* and acknowledged; before that, what it was found to know */
    int64_t telling;                /* the sequence on its way */
};

struct watermark {
    struct event_base *base;
    char name[ROLE_NAME_SIZE];
    char prefix[ROLE_PREFIX_SIZE];
    bool force;
    struct watermark_handlers handlers;
    struct decision_log *log;
    struct log_past past;
    size_t n_remembered, remembered_capacity;
    struct remembered *remembered; /* owned */
    bool off;
    bool stopped;
    bool released; /* the first may be written to */
    struct event *grace;
    struct event *every;
    unsigned n_participants;
    struct marked participant[STORES_MAX];
};

static void look(struct marked *p);

static unsigned index_of(const struct marked *p)
{
    return (unsigned)(p - p->watermark->participant);
}

/* --- what the log says ------------------------------------------------------------------------ */

static struct remembered *find_remembered(const struct watermark *w, const char *name)
{
    for (size_t i = 0; i < w->n_remembered; i++) {
        if (strcmp(w->remembered[i].name, name) == 0)
            return &w->remembered[i];
    }
    return NULL;
}

void watermark_note(struct watermark *w, const struct decision *decision)
{
    struct remembered *r;

    log_past_note(&w->past, decision);
    if (decision->kind != DECISION_MARK)
        return;
    r = find_remembered(w, decision->participant[0]);
    if (!r) {
        w->remembered = mem_grow(w->remembered, w->n_remembered, &w->remembered_capacity,
                                 sizeof *w->remembered);
        r = &w->remembered[w->n_remembered++];
        (void)snprintf(r->name, sizeof r->name, "%s", decision->participant[0]);
    }
    r->epoch = decision->epoch;
    r->sequence = (int64_t)decision->marked;
}

static bool mark_is_below(const struct store_mark *mark, int64_t epoch, int64_t sequence)
{
    return mark->epoch < epoch || (mark->epoch == epoch && mark->sequence < sequence);
}

/* --- verdicts --------------------------------------------------------------------------------- */

static void refuse(const struct marked *p, const char *saw)
{
    const struct watermark *w = p->watermark;
    struct errctx err;

    err_set(
        &err, ESTALE, ERR_FENCED,
        "%s has seen %s of %s, and this decision log ends with record %" PRId64 " of epoch %" PRId64
        ": the log was lost or is an old copy, or another coordinator runs "
        "under this name. Not started: it would roll back what was decided. Put the latest copy "
        "back; if there is none, start once with --force-presume-abort",
        store_name(p->store), saw, w->name, w->past.sequence, w->past.epoch);
    w->handlers.failed(w->handlers.arg, &err);
}

static void note_restored(struct marked *p)
{
    struct watermark *w = p->watermark;

    if (p->step == RESTORED)
        return;
    p->step = RESTORED;
    log_error("%s: %s knows less of this decision log than it was told: restored from a backup, or "
              "emptied. Nothing is settled there: what it says of a branch proves nothing. Settle "
              "by hand, then start once with --force-presume-abort",
              w->name, store_name(p->store));
    w->handlers.restored(w->handlers.arg, index_of(p));
}

static void release(struct marked *p)
{
    struct watermark *w = p->watermark;

    p->step = CHECKED;
    p->detail[0] = '\0';
    p->n_failed = 0;
    store_on_alive(p->store, NULL, NULL);
    w->handlers.checked(w->handlers.arg, index_of(p));
}

static int64_t highest_epoch(const struct watermark *w)
{
    int64_t highest = 0;

    for (unsigned i = 0; i < w->n_participants; i++) {
        if (w->participant[i].seen_epoch > highest)
            highest = w->participant[i].seen_epoch;
    }
    return highest;
}

/* Above all that anybody has seen, so that what is in doubt there is older, and is settled. */
static int go_above(const struct watermark *w, struct errctx *err)
{
    int64_t highest = highest_epoch(w);

    if (highest < decision_log_epoch(w->log))
        return 0;
    log_warn("%s: --force-presume-abort: the decision log knew nothing above epoch %" PRId64
             ", and goes on as epoch %" PRId64 ". What is in doubt and has no decision in it is "
             "rolled back now, also where another store has committed it",
             w->name, w->past.epoch, highest + 1);
    return decision_log_raise(w->log, highest + 1, err);
}

static bool all_looked(const struct watermark *w)
{
    for (unsigned i = 0; i < w->n_participants; i++) {
        if (w->participant[i].step == CHECKING)
            return false;
    }
    return true;
}

static void release_looked(struct watermark *w)
{
    w->released = true;
    for (unsigned i = 0; i < w->n_participants; i++) {
        if (w->participant[i].step == LOOKED)
            release(&w->participant[i]);
    }
}

/* A log that is refused must not have changed anything: so the answers of all are awaited, but not
 * for long. With `force`, for ever. */
static void looked(struct marked *p)
{
    struct watermark *w = p->watermark;
    struct timeval grace = clock_timeval(CHECK_GRACE_US);
    struct errctx err;

    p->step = LOOKED;
    if (w->released) {
        release(p);
    } else if (!all_looked(w)) {
        if (!w->force && !evtimer_pending(w->grace, NULL))
            (void)evtimer_add(w->grace, &grace);
    } else if (w->force && go_above(w, &err) < 0) {
        w->handlers.failed(w->handlers.arg, &err);
    } else {
        release_looked(w);
    }
}

static void grace_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    release_looked(arg);
}

/* --- looking ---------------------------------------------------------------------------------- */

static void retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    look(arg);
}

/* Once for the log, each time for who asks. */
static void note_failure(struct marked *p, enum store_status status, const char *detail)
{
    if (p->n_failed++ == 0)
        log_warn("%s: %s at %s: %s, %s; tried again and again", p->watermark->name,
                 step_words[p->step], store_name(p->store), store_status_name(status), detail);
    (void)snprintf(p->detail, sizeof p->detail, "%s%s%s", store_status_name(status),
                   detail[0] ? ", " : "", detail);
}

static void try_later(struct marked *p, enum store_status status, const char *detail)
{
    struct timeval delay = clock_timeval(backoff_delay_us(p->n_failed));

    if (p->watermark->stopped)
        return;
    note_failure(p, status, detail);
    (void)evtimer_add(p->retry, &delay);
}

/* What is in doubt tells of an epoch, too. A stranger has none: it was given none before it was
 * fenced, so somebody has emptied it, or our log was another. */
static void listed(void *arg, enum store_status status, const struct store_in_doubt *entries,
                   unsigned n_entries, unsigned waiters)
{
    struct marked *p = arg;
    struct watermark *w = p->watermark;
    int64_t highest = 0;
    struct gid gid;

    (void)waiters;
    p->busy = false;
    if (status != STORE_OK) {
        try_later(p, status, "");
        return;
    }
    for (unsigned i = 0; i < n_entries; i++) {
        if (gid_parse(entries[i].gid, &gid) && strcmp(gid.coordinator, w->name) == 0 &&
            gid.epoch > highest)
            highest = gid.epoch;
    }
    if (highest > p->seen_epoch)
        p->seen_epoch = highest;
    if (!w->force && (highest > w->past.epoch || (highest > 0 && p->stranger)))
        refuse(p, "a transaction");
    else
        looked(p);
}

/* Does the log hold what the participant was told, and the participant what the log says? */
static bool is_sound(struct marked *p, int64_t fence, const struct store_mark *mark)
{
    const struct watermark *w = p->watermark;
    const struct remembered *r = find_remembered(w, store_name(p->store));
    char saw[96];

    if (w->force)
        return true;
    if (!log_past_holds(&w->past, mark)) {
        (void)snprintf(saw, sizeof saw, "record %" PRId64 " of epoch %" PRId64, mark->sequence,
                       mark->epoch);
        refuse(p, saw);
        return false;
    }
    if (recovery_fence_epoch(fence) > w->past.epoch) {
        (void)snprintf(saw, sizeof saw, "epoch %" PRId64, recovery_fence_epoch(fence));
        refuse(p, saw);
        return false;
    }
    if (r && mark_is_below(mark, r->epoch, r->sequence)) {
        note_restored(p);
        return false;
    }
    return true;
}

static void answered(void *arg, const struct store_reply *reply, int64_t fence,
                     const struct store_mark *mark)
{
    struct marked *p = arg;
    const struct watermark *w = p->watermark;

    p->busy = false;
    if (reply->status != STORE_OK) {
        try_later(p, reply->status, reply->detail);
        return;
    }
    p->stranger = fence == 0;
    p->seen_epoch =
        recovery_fence_epoch(fence) > mark->epoch ? recovery_fence_epoch(fence) : mark->epoch;
    if (!is_sound(p, fence, mark))
        return;
    p->told = *mark; /* by whomever: when it is told next, it must not know less */
    p->busy = true;
    store_list_in_doubt(p->store, w->prefix, clock_now_us() + VERB_DEADLINE_US, listed, p);
}

static void look(struct marked *p)
{
    if (p->busy || p->watermark->stopped || p->step != CHECKING)
        return;
    p->busy = true;
    store_mark(p->store, p->watermark->name, 0, NULL, clock_now_us() + VERB_DEADLINE_US, answered,
               p);
}

/* The store is back: do not sit out the back-off. */
static void alive_changed(void *arg, bool alive)
{
    struct marked *p = arg;

    if (alive && evtimer_pending(p->retry, NULL)) {
        (void)evtimer_del(p->retry);
        look(p);
    }
}

/* --- telling ---------------------------------------------------------------------------------- */

static void told(void *arg, const struct store_reply *reply, int64_t fence,
                 const struct store_mark *before)
{
    struct marked *p = arg;
    struct watermark *w = p->watermark;
    bool first = p->step == CHECKED;
    struct errctx err;

    p->busy = false;
    if (w->stopped || p->step == RESTORED)
        return;
    if (reply->status != STORE_OK) { /* told again soon, where there is something to tell */
        if (first)
            note_failure(p, reply->status, reply->detail);
        return;
    }
    if (fence > p->fence) {
        err_set(&err, ESTALE, ERR_FENCED,
                "%s has seen a later incarnation of %s than epoch %" PRId64
                ": another coordinator runs under this name",
                store_name(p->store), w->name, decision_log_epoch(w->log));
        w->handlers.failed(w->handlers.arg, &err);
        return;
    }
    if (fence < p->fence || mark_is_below(before, p->told.epoch, p->told.sequence)) {
        note_restored(p);
        return;
    }
    p->told = (struct store_mark){.epoch = decision_log_epoch(w->log), .sequence = p->telling};
    decision_log_mark(w->log, store_name(p->store), (uint64_t)p->telling);
    p->step = MARKED;
    if (first)
        w->handlers.marked(w->handlers.arg, index_of(p));
}

static void tell(struct marked *p)
{
    struct watermark *w = p->watermark;
    struct store_mark mark = {.epoch = decision_log_epoch(w->log),
                              .incarnation = decision_log_incarnation(w->log),
                              .sequence = (int64_t)decision_log_durable(w->log)};
    bool news = mark.epoch != p->told.epoch || mark.sequence != p->told.sequence;

    if (p->busy || p->fence == 0 || p->step == RESTORED || !news)
        return;
    p->busy = true;
    p->telling = mark.sequence;
    store_mark(p->store, w->name, p->fence, &mark, clock_now_us() + VERB_DEADLINE_US, told, p);
}

static void tell_all(evutil_socket_t fd, short what, void *arg)
{
    struct watermark *w = arg;

    (void)fd;
    (void)what;
    for (unsigned i = 0; i < w->n_participants; i++)
        tell(&w->participant[i]);
}

void watermark_fenced(struct watermark *w, unsigned i, int64_t fence)
{
    struct marked *p = &w->participant[i];

    assert(i < w->n_participants);
    if (p->fence != 0)
        return;
    p->fence = fence;
    if (w->off) {
        p->step = MARKED;
        w->handlers.marked(w->handlers.arg, i);
    } else {
        tell(p);
    }
}

/* --- asking ----------------------------------------------------------------------------------- */

struct question {
    struct marked *participant;
    struct store_mark told; /* it had acknowledged this when it was asked */
    watermark_trusted done;
    void *arg;
};

static void question_answered(void *arg, const struct store_reply *reply, int64_t fence,
                              const struct store_mark *mark)
{
    struct question *q = arg;
    struct marked *p = q->participant;
    enum watermark_trust trust = WATERMARK_TRUSTED;

    (void)fence;
    if (reply->status != STORE_OK || p->watermark->stopped) {
        trust = WATERMARK_NOT_KNOWN;
    } else if (p->step == RESTORED || mark_is_below(mark, q->told.epoch, q->told.sequence)) {
        note_restored(p);
        trust = WATERMARK_RESTORED;
    }
    q->done(q->arg, trust);
    free(q);
}

void watermark_ask(struct watermark *w, const struct store *store, int64_t deadline_us,
                   watermark_trusted done, void *arg)
{
    struct question *q;
    unsigned i = 0;

    while (i < w->n_participants && w->participant[i].store != store)
        i++;
    if (w->off || i == w->n_participants || w->participant[i].step == RESTORED) {
        done(arg, w->off || i == w->n_participants ? WATERMARK_TRUSTED : WATERMARK_RESTORED);
        return;
    }
    q = mem_alloc(sizeof *q);
    *q = (struct question){.participant = &w->participant[i],
                           .told = w->participant[i].told,
                           .done = done,
                           .arg = arg};
    store_mark(w->participant[i].store, w->name, 0, NULL, deadline_us, question_answered, q);
}

void watermark_turn_off(struct watermark *w)
{
    w->off = true;
}

/* ---------------------------------------------------------------------------------------------- */

struct watermark *watermark_new(struct event_base *base, const char *name, bool force,
                                const struct watermark_handlers *handlers)
{
    struct watermark *w = mem_alloc(sizeof *w);

    w->base = base;
    w->force = force;
    w->handlers = *handlers;
    (void)snprintf(w->name, sizeof w->name, "%s", name);
    role_prefix(w->prefix, name);
    w->grace = evtimer_new(base, grace_over, w);
    w->every = event_new(base, -1, EV_PERSIST, tell_all, w);
    assert(w->grace);
    assert(w->every);
    return w;
}

void watermark_stop(struct watermark *w)
{
    w->stopped = true;
    (void)evtimer_del(w->grace);
    (void)event_del(w->every);
    for (unsigned i = 0; i < w->n_participants; i++)
        (void)evtimer_del(w->participant[i].retry);
}

void watermark_free(struct watermark *w)
{
    if (!w)
        return;
    for (unsigned i = 0; i < w->n_participants; i++)
        event_free(w->participant[i].retry);
    event_free(w->grace);
    event_free(w->every);
    log_past_done(&w->past);
    free(w->remembered);
    free(w);
}

void watermark_start(struct watermark *w, struct decision_log *log, struct store *const *stores,
                     unsigned n_stores)
{
    struct timeval every = clock_timeval(WATERMARK_EVERY_US);

    assert(n_stores <= STORES_MAX);
    w->log = log;
    w->past.epoch = decision_log_epoch(log) - 1;
    w->n_participants = n_stores;
    for (unsigned i = 0; i < n_stores; i++) {
        struct marked *p = &w->participant[i];

        *p = (struct marked){.watermark = w, .store = stores[i]};
        p->retry = evtimer_new(w->base, retry, p);
        assert(p->retry);
        store_on_alive(stores[i], alive_changed, p);
    }
    if (!w->off)
        (void)event_add(w->every, &every);
    for (unsigned i = 0; i < n_stores; i++) {
        if (w->off)
            release(&w->participant[i]);
        else
            look(&w->participant[i]);
    }
}

bool watermark_checked(const struct watermark *w, unsigned i)
{
    assert(i < w->n_participants);
    return w->participant[i].step == CHECKED || w->participant[i].step == MARKED;
}

bool watermark_marked(const struct watermark *w, unsigned i)
{
    assert(i < w->n_participants);
    return w->participant[i].step == MARKED;
}

bool watermark_restored(const struct watermark *w, unsigned i)
{
    assert(i < w->n_participants);
    return w->participant[i].step == RESTORED;
}

void watermark_why_not(const struct watermark *w, unsigned i, char *ret_text, size_t size)
{
    const struct marked *p = &w->participant[i];

    assert(i < w->n_participants);
    (void)snprintf(ret_text, size, "%s%s%s", step_words[p->step], p->detail[0] ? ": " : "",
                   p->detail);
}

unsigned watermark_unmarked(const struct watermark *w)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->n_participants; i++)
        n += w->participant[i].step != MARKED;
    return n;
}
