/* The operator's view, joined: see the header. */
#include "coordinator/doubt.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const decision_words[DOUBT_DECISIONS] = {
    [DOUBT_NOT_KNOWN] = "not known",
    [DOUBT_COMMIT] = "commit",
    [DOUBT_NONE_YET] = "none yet",
    [DOUBT_ABORT] = "abort (presumed)",
};

static const char *const state_words[DOUBT_STATES] = {
    [DOUBT_NOTHING] = "nothing",
    [DOUBT_COMMITTED] = "committed",
    [DOUBT_ROLLED_BACK] = "rolled back",
    [DOUBT_LOST] = "lost",
    [DOUBT_UNREACHABLE] = "unreachable",
    [DOUBT_PREPARED] = "prepared",
    [DOUBT_COMMITTED_BY_HAND] = "committed by hand",
    [DOUBT_ROLLED_BACK_BY_HAND] = "rolled back by hand",
};

static const char *const heuristic_words[DOUBT_HEURISTICS] = {
    [DOUBT_NO_HAND] = "none",
    [DOUBT_AGREES] = "agrees",
    [DOUBT_CONTRADICTS] = "contradicts",
    [DOUBT_UNDECIDED] = "undecided",
};

const char *doubt_decision_word(enum doubt_decision decision)
{
    assert(decision < DOUBT_DECISIONS);
    return decision_words[decision];
}

const char *doubt_state_word(enum doubt_state state)
{
    assert(state < DOUBT_STATES);
    return state_words[state];
}

const char *doubt_heuristic_word(enum doubt_heuristic heuristic)
{
    assert(heuristic < DOUBT_HEURISTICS);
    return heuristic_words[heuristic];
}

/* --- what the stores say ---------------------------------------------------------------------- */

void doubt_init(struct doubt *d, const char *const *stores, unsigned n_stores)
{
    assert(n_stores <= STORES_MAX);
    *d = (struct doubt){.n_stores = n_stores};
    for (unsigned i = 0; i < n_stores; i++) {
        (void)snprintf(d->store[i].name, sizeof d->store[i].name, "%s", stores[i]);
        doubt_cannot_reach(d, i, "it was not asked");
    }
}

void doubt_done(struct doubt *d)
{
    struct doubt_txn *txn, *tmp;

    HASH_ITER (hh, d->by_gid, txn, tmp) {
        HASH_DEL(d->by_gid, txn);
        free(txn);
    }
    for (unsigned i = 0; i < d->n_logs; i++) {
        log_past_done(&d->log[i].past);
        open_decisions_done(&d->log[i].open);
    }
    free(d->txn);
    *d = (struct doubt){0};
}

static struct doubt_txn *find(const struct doubt *d, const char *gid)
{
    struct doubt_txn *txn;

    HASH_FIND_STR(d->by_gid, gid, txn);
    return txn;
}

static struct doubt_txn *find_or_add(struct doubt *d, const char *gid)
{
    struct doubt_txn *txn = find(d, gid);

    if (txn)
        return txn;
    txn = mem_alloc(sizeof *txn);
    (void)snprintf(txn->gid, sizeof txn->gid, "%s", gid);
    if (!gid_parse(gid, &txn->name))
        txn->name = (struct gid){.coordinator = ""};
    HASH_ADD_STR(d->by_gid, gid, txn);
    return txn;
}

static enum doubt_state state_of(const struct store_view *view)
{
    switch (view->state) {
    case STORE_VIEW_COMMITTED_BY_HAND:
        return DOUBT_COMMITTED_BY_HAND;
    case STORE_VIEW_ROLLED_BACK_BY_HAND:
        return DOUBT_ROLLED_BACK_BY_HAND;
    case STORE_VIEW_PREPARED:
    case STORE_VIEW_STATES:
        break;
    }
    return DOUBT_PREPARED;
}

/* What holds up the whole store. */
static void count(struct doubt_store *store, const struct store_view *view)
{
    store->n_prepared++;
    store->n_waiters += view->n_waiters;
    if (view->age_us > store->oldest_us)
        store->oldest_us = view->age_us;
    if (view->horizon > store->horizon)
        store->horizon = view->horizon;
}

void doubt_take_views(struct doubt *d, unsigned store, const struct store_view *view,
                      unsigned n_views)
{
    struct doubt_store *s = &d->store[store];

    assert(store < d->n_stores);
    s->reachable = true;
    s->why[0] = '\0';
    for (unsigned i = 0; i < n_views; i++) {
        struct doubt_branch *branch = &find_or_add(d, view[i].gid)->branch[store];

        branch->state = state_of(&view[i]);
        branch->view = view[i];
        if (branch->state == DOUBT_PREPARED)
            count(s, &view[i]);
    }
}

void doubt_cannot_reach(struct doubt *d, unsigned store, const char *why)
{
    struct doubt_store *s = &d->store[store];

    assert(store < d->n_stores);
    s->reachable = false;
    s->horizon = -1;
    (void)snprintf(s->why, sizeof s->why, "%s", why);
}

/* --- what the logs say ------------------------------------------------------------------------ */

void doubt_take_log(struct doubt *d, const char *coordinator)
{
    struct doubt_log *log = &d->log[d->n_logs++];

    assert(d->n_logs <= ROLES_MAX);
    (void)snprintf(log->coordinator, sizeof log->coordinator, "%s", coordinator);
}

/* Of most decisions no store lists anything, and of these only the open ones matter. */
static void end_decision(struct doubt *d, struct doubt_log *log, const char *gid)
{
    struct open_decision *open = open_decisions_find(&log->open, gid);
    struct doubt_txn *txn = find(d, gid);

    if (txn)
        txn->ended = true;
    else if (open)
        open_decisions_remove(&log->open, open);
}

void doubt_take_ends(struct doubt *d, unsigned log, bool (*is_open)(void *arg, const char *gid),
                     void *arg)
{
    struct open_decision *open, *next_open;
    struct doubt_txn *txn, *next_txn;

    assert(log < d->n_logs);
    HASH_ITER (hh, d->log[log].open.by_gid, open, next_open) {
        if (!is_open(arg, open->gid))
            end_decision(d, &d->log[log], open->gid);
    }
    HASH_ITER (hh, d->by_gid, txn, next_txn) {
        if (txn->decided && txn->log == log && !is_open(arg, txn->gid))
            txn->ended = true;
    }
}

/* Its stores, and what proves its outcome there. */
static void note_stores(const struct doubt *d, struct doubt_txn *txn,
                        const struct open_decision *commit)
{
    unsigned n_known = 0;

    for (unsigned i = 0; i < d->n_stores; i++) {
        for (unsigned p = 0; p < commit->n_participants; p++) {
            if (strcmp(commit->participant[p], d->store[i].name) != 0)
                continue;
            txn->members |= UINT32_C(1) << i;
            memcpy(txn->memo[i], commit->memo[p], sizeof txn->memo[i]);
            n_known++;
        }
    }
    txn->others = n_known < commit->n_participants;
}

/* Also where no store lists it: what has not ended may have gone otherwise. */
static void take_commits(struct doubt *d, unsigned log)
{
    struct open_decisions *decisions = &d->log[log].open;
    struct open_decision *commit, *next;

    HASH_ITER (hh, decisions->by_gid, commit, next) {
        struct doubt_txn *txn = find_or_add(d, commit->gid);

        txn->decided = true;
        txn->log = log;
        note_stores(d, txn, commit);
        open_decisions_remove(decisions, commit);
    }
}

/* --- what the stores can prove ---------------------------------------------------------------- */

bool doubt_needs_proof(const struct doubt *d, const struct doubt_txn *txn, unsigned store)
{
    assert(store < d->n_stores);
    return txn->decided && (txn->members >> store & 1U) &&
           txn->branch[store].state == DOUBT_NOTHING;
}

void doubt_take_proof(struct doubt *d, const char *gid, unsigned store, enum store_outcome outcome)
{
    struct doubt_txn *txn = find(d, gid);

    assert(txn);
    if (!doubt_needs_proof(d, txn, store))
        return;
    switch (outcome) {
    case STORE_OUTCOME_COMMITTED:
        txn->branch[store].state = DOUBT_COMMITTED;
        break;
    case STORE_OUTCOME_ROLLED_BACK:
        txn->branch[store].state = DOUBT_ROLLED_BACK;
        break;
    case STORE_OUTCOME_LOST:
        txn->branch[store].state = DOUBT_LOST;
        break;
    case STORE_OUTCOME_UNKNOWN:
    case STORE_OUTCOME_PREPARED: /* by now, which the view does not say: look again */
    case STORE_OUTCOMES:
        break;
    }
}

void doubt_take_decision(struct doubt *d, const struct decision *decision)
{
    struct doubt_log *log = &d->log[d->n_logs - 1];

    assert(d->n_logs > 0);
    log_past_note(&log->past, decision);
    switch (decision->kind) {
    case DECISION_EPOCH:
        log->epoch = log->past.epoch = decision->epoch;
        break;
    case DECISION_COMMIT:
        open_decisions_note(&log->open, decision);
        break;
    case DECISION_END:
        end_decision(d, log, decision->gid);
        break;
    case DECISION_MARK: /* decides nothing */
        break;
    }
}

void doubt_take_mark(struct doubt *d, const char *coordinator, int64_t fence,
                     const struct store_mark *mark)
{
    for (unsigned i = 0; i < d->n_logs; i++) {
        struct doubt_log *log = &d->log[i];

        if (strcmp(log->coordinator, coordinator) == 0)
            log->untrue |= fence > log->epoch || !log_past_holds(&log->past, mark);
    }
}

/* --- the join --------------------------------------------------------------------------------- */

static enum doubt_decision decision_of(const struct doubt *d, const struct doubt_txn *txn)
{
    if (txn->decided)
        return DOUBT_COMMIT;
    for (unsigned i = 0; i < d->n_logs; i++) {
        const struct doubt_log *log = &d->log[i];

        if (strcmp(log->coordinator, txn->name.coordinator) != 0)
            continue;
        if (log->untrue || txn->name.epoch > log->epoch) /* empty, or an old copy: it was lost */
            return DOUBT_NOT_KNOWN;
        return txn->name.epoch < log->epoch ? DOUBT_ABORT : DOUBT_NONE_YET;
    }
    return DOUBT_NOT_KNOWN;
}

static bool any(const struct doubt *d, const struct doubt_txn *txn, enum doubt_state state)
{
    for (unsigned i = 0; i < d->n_stores; i++) {
        if (txn->branch[i].state == state)
            return true;
    }
    return false;
}

static bool went_otherwise(const struct doubt *d, const struct doubt_txn *txn)
{
    return any(d, txn, DOUBT_ROLLED_BACK) || any(d, txn, DOUBT_LOST);
}

static enum doubt_heuristic heuristic_of(const struct doubt *d, const struct doubt_txn *txn)
{
    bool committed = any(d, txn, DOUBT_COMMITTED_BY_HAND);
    bool rolled_back = any(d, txn, DOUBT_ROLLED_BACK_BY_HAND);

    if (txn->decision == DOUBT_COMMIT && went_otherwise(d, txn))
        return DOUBT_CONTRADICTS;
    if (!committed && !rolled_back)
        return DOUBT_NO_HAND;
    if (committed && rolled_back)
        return DOUBT_CONTRADICTS;
    switch (txn->decision) {
    case DOUBT_COMMIT:
        return committed ? DOUBT_AGREES : DOUBT_CONTRADICTS;
    case DOUBT_ABORT:
        return committed ? DOUBT_CONTRADICTS : DOUBT_AGREES;
    case DOUBT_NOT_KNOWN:
    case DOUBT_NONE_YET:
    case DOUBT_DECISIONS:
        break;
    }
    return DOUBT_UNDECIDED;
}

static bool has_view(const struct doubt_branch *branch)
{
    return branch->state == DOUBT_PREPARED || branch->state == DOUBT_COMMITTED_BY_HAND ||
           branch->state == DOUBT_ROLLED_BACK_BY_HAND;
}

static void conclude_branch(const struct doubt *d, struct doubt_txn *txn, unsigned i)
{
    struct doubt_branch *branch = &txn->branch[i];

    if (!d->store[i].reachable)
        branch->state = DOUBT_UNREACHABLE;
    if (txn->ended && branch->state == DOUBT_LOST)
        branch->state = DOUBT_NOTHING; /* no: it need not remember it any more */
    if (!has_view(branch))
        return;
    if (branch->view.age_us > txn->age_us)
        txn->age_us = branch->view.age_us;
    txn->n_prepared += branch->state == DOUBT_PREPARED;
    txn->n_waiters += branch->view.n_waiters;
}

static void conclude(const struct doubt *d, struct doubt_txn *txn)
{
    txn->age_us = -1;
    txn->n_prepared = 0;
    txn->n_waiters = 0;
    for (unsigned i = 0; i < d->n_stores; i++) {
        conclude_branch(d, txn, i);
        if (txn->decided && !(txn->members >> i & 1U) && txn->branch[i].state == DOUBT_UNREACHABLE)
            txn->branch[i].state = DOUBT_NOTHING; /* it took no part in it */
    }
    txn->decision = decision_of(d, txn);
    txn->heuristic = heuristic_of(d, txn);
}

/* Not a decision of which nothing is left, or may be, and that went as decided. */
static bool is_shown(const struct doubt *d, const struct doubt_txn *txn)
{
    if (txn->age_us >= 0)
        return true;
    return !txn->ended && (any(d, txn, DOUBT_UNREACHABLE) || went_otherwise(d, txn));
}

/* Oldest first; what no store lists, and so has no age, at the end. */
static int by_age(const void *a, const void *b)
{
    const struct doubt_txn *const *x = a;
    const struct doubt_txn *const *y = b;

    if ((*x)->age_us != (*y)->age_us)
        return (*x)->age_us > (*y)->age_us ? -1 : 1;
    return strcmp((*x)->gid, (*y)->gid);
}

void doubt_conclude(struct doubt *d)
{
    struct doubt_txn *txn, *tmp;
    size_t capacity = 0;

    for (unsigned i = 0; i < d->n_logs; i++)
        take_commits(d, i);
    d->n_txns = 0;
    HASH_ITER (hh, d->by_gid, txn, tmp) {
        conclude(d, txn);
        if (!is_shown(d, txn))
            continue;
        d->txn = mem_grow(d->txn, d->n_txns, &capacity, sizeof *d->txn);
        d->txn[d->n_txns++] = txn;
    }
    if (d->n_txns > 0)
        qsort(d->txn, d->n_txns, sizeof *d->txn, by_age);
}
