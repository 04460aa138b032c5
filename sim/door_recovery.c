/* A door's recovery: what recovery_core.c decides is carried out here, as recovery.c does it. */
#include "sim/world.h"

#include <assert.h>
#include <string.h>

static void carry_out(struct sim_world *w, struct door *d, const struct recovery_event *ev,
                      const struct recovery_actions *todo, const struct verb *v);

static void feed(struct sim_world *w, struct door *d, const struct recovery_event *ev,
                 const struct verb *v)
{
    struct recovery_actions todo;
    int rc = recovery_step(&d->recovery, ev, &todo);

    assert(rc == 0);
    carry_out(w, d, ev, &todo, v);
}

void sim_recovery_event(struct sim_world *w, struct door *d, struct recovery_event ev)
{
    feed(w, d, &ev, NULL);
}

void sim_recovery_begin(struct sim_world *w, struct door *d)
{
    uint32_t life = d->life;

    recovery_core_init(&d->recovery, sim_door_name[d->name], d->writer.epoch,
                       w->options.core_break);
    for (unsigned i = 0; i < w->schedule.n_stores; i++)
        recovery_core_add(&d->recovery, sim_store_name[i]);
    for (unsigned i = 0; i < w->schedule.n_stores && d->life == life; i++)
        sim_recovery_event(w, d,
                           (struct recovery_event){.type = RECOVERY_EV_START, .participant = i});
}

/* --- asking ----------------------------------------------------------------------------------- */

static void ask(struct sim_world *w, struct door *d, unsigned store, enum message_type type,
                int64_t epoch)
{
    struct verb v = {.type = (uint8_t)type, .store = (uint8_t)store, .tx = NONE, .ghost = NONE};
    struct message m = {.session = NO_SESSION, .ends = NO_SESSION, .epoch = epoch};

    sim_door_ask(w, d, &v, &m);
}

static void end_sessions(struct sim_world *w, struct door *d, unsigned store)
{
    struct verb v = {.type = MSG_END_SESSIONS, .store = (uint8_t)store, .tx = NONE, .ghost = NONE};

    if (sim_broken(w, SIM_BREAK_NO_SESSION_FENCE))
        sim_door_answer_itself(w, d, &v, STORE_OK);
    else
        ask(w, d, store, MSG_END_SESSIONS, 0);
}

static void list(struct sim_world *w, struct door *d, unsigned store)
{
    struct verb v = {.type = MSG_LIST, .store = (uint8_t)store, .tx = NONE, .ghost = NONE};

    if (sim_broken(w, SIM_BREAK_RECOVERY_LISTS_ONCE) && d->has_listed >> store & 1U)
        sim_door_answer_itself(w, d, &v, STORE_OK); /* nothing is left there */
    else
        ask(w, d, store, MSG_LIST, 0);
    d->has_listed |= UINT32_C(1) << store;
}

static void resolve(struct sim_world *w, struct door *d, unsigned store, const char *gid,
                    bool commit)
{
    struct message m = {.session = NO_SESSION, .ends = NO_SESSION};
    struct verb v = {.type = commit ? MSG_COMMIT : MSG_ROLLBACK,
                     .store = (uint8_t)store,
                     .tx = NONE,
                     .ghost = (uint8_t)sim_ghost_of(w, gid),
                     .commit = commit};

    sim_door_ask(w, d, &v, &m);
}

static void set_retry(struct sim_world *w, struct door *d, unsigned store, int64_t delay_us)
{
    sim_after(w, delay_us,
              (struct sim_event){.kind = EV_RECOVERY_RETRY,
                                 .who = d->slot,
                                 .what = (uint16_t)store,
                                 .more = ++d->recovery_timer[store],
                                 .life = d->life});
}

/* --- decisions -------------------------------------------------------------------------------- */

static void end_decision(struct sim_world *w, struct door *d, struct open_decision *decision)
{
    struct log_entry e = {
        .tx = NONE, .end = true, .ghost = (uint8_t)sim_ghost_of(w, decision->gid)};

    sim_check_ended(w, e.ghost);
    open_decisions_remove(&d->decisions, decision);
    sim_door_log_queue(w, d, &e);
}

static void review_decisions(struct sim_world *w, struct door *d, unsigned store)
{
    struct open_decision *decision, *tmp;
    uint32_t life = d->life;

    HASH_ITER (hh, d->decisions.by_gid, decision, tmp) {
        struct recovery_event ev = {
            .type = RECOVERY_EV_REVIEW, .participant = store, .decision = decision};

        feed(w, d, &ev, NULL);
        if (d->life != life)
            return;
    }
    sim_recovery_event(w, d,
                       (struct recovery_event){.type = RECOVERY_EV_REVIEWED, .participant = store});
}

static void prove(struct sim_world *w, struct door *d, unsigned store,
                  const struct open_decision *decision)
{
    struct message m = {.session = NO_SESSION, .ends = NO_SESSION};
    struct verb v = {.type = MSG_PROVE,
                     .store = (uint8_t)store,
                     .tx = NONE,
                     .ghost = (uint8_t)sim_ghost_of(w, decision->gid)};

    if (sim_broken(w, SIM_BREAK_NOTA_IS_COMMITTED))
        sim_door_answer_itself(w, d, &v, STORE_OK);
    else
        sim_door_ask(w, d, &v, &m);
}

static void proved(struct sim_world *w, struct door *d, const struct verb *v,
                   enum store_status status, enum store_outcome outcome)
{
    static const enum recovery_answer answers[STORE_OUTCOMES] = {
        [STORE_OUTCOME_UNKNOWN] = RECOVERY_AGAIN,
        [STORE_OUTCOME_PREPARED] = RECOVERY_AGAIN,
        [STORE_OUTCOME_COMMITTED] = RECOVERY_OK,
        [STORE_OUTCOME_LOST] = RECOVERY_LOST,
        [STORE_OUTCOME_ROLLED_BACK] = RECOVERY_OTHER_WAY};
    struct recovery_event ev = {.type = RECOVERY_EV_PROVED,
                                .participant = v->store,
                                .answer = status == STORE_OK ? answers[outcome] : RECOVERY_AGAIN,
                                .decision =
                                    open_decisions_find(&d->decisions, w->ghost[v->ghost].gid)};

    if (sim_broken(w, SIM_BREAK_NOTA_IS_COMMITTED))
        ev.answer = RECOVERY_OK;
    feed(w, d, &ev, v);
}

/* --- actions ---------------------------------------------------------------------------------- */

static void act(struct sim_world *w, struct door *d, const struct recovery_event *ev,
                const struct recovery_action *a, const struct verb *v)
{
    unsigned i = ev->participant;

    switch (a->type) {
    case RECOVERY_ACT_END_SESSIONS:
        end_sessions(w, d, i);
        break;
    case RECOVERY_ACT_FENCE:
        ask(w, d, i, MSG_FENCE, a->epoch);
        break;
    case RECOVERY_ACT_MARK: /* no store is restored here, and no log lost */
        sim_recovery_event(w, d,
                           (struct recovery_event){.type = RECOVERY_EV_MARKED, .participant = i});
        break;
    case RECOVERY_ACT_LIST:
        list(w, d, i);
        break;
    case RECOVERY_ACT_COMMIT:
        resolve(w, d, i, ev->gid, true);
        break;
    case RECOVERY_ACT_ROLLBACK:
        resolve(w, d, i, ev->gid, false);
        break;
    case RECOVERY_ACT_SET_RETRY:
        set_retry(w, d, i, a->delay_us);
        break;
    case RECOVERY_ACT_CANCEL_RETRY:
        d->recovery_timer[i]++;
        break;
    case RECOVERY_ACT_TELL_SETTLED:
        if (!ev->committed)
            requests_remember(&d->requests, w->txn[w->ghost[v->ghost].txn].request,
                              OUTCOME_ABORTED);
        break;
    case RECOVERY_ACT_REVIEW_DECISIONS:
        review_decisions(w, d, i);
        break;
    case RECOVERY_ACT_LOG_END:
        end_decision(w, d, ev->decision);
        break;
    case RECOVERY_ACT_FAIL:
        sim_door_dies(w, d, false, MS(200));
        break;
    case RECOVERY_ACT_PROVE:
        prove(w, d, i, ev->decision);
        break;
    case RECOVERY_ACT_TELL_CONTRADICTED:
    case RECOVERY_ACT_TELL_LOST:
        w->ghost[v->ghost].at[i].told = true;
        break;
    case RECOVERY_ACT_FORGET:
    case RECOVERY_ACT_PROGRESS:
    case RECOVERY_ACT_TELL_BROKEN:
    case RECOVERY_ACTION_TYPES:
        break;
    }
}

static void carry_out(struct sim_world *w, struct door *d, const struct recovery_event *ev,
                      const struct recovery_actions *todo, const struct verb *v)
{
    uint32_t life = d->life;

    for (unsigned i = 0; i < todo->n && d->up && d->life == life; i++) {
        if (!sim_door_step(w, d))
            return;
        act(w, d, ev, &todo->item[i], v);
    }
}

/* --- the stores' answers ---------------------------------------------------------------------- */

/* A mutant's: gids of whatever epoch, or of names that begin like ours, are taken for left over. */
static bool taken_by_mistake(const struct sim_world *w, const struct door *d, unsigned ghost)
{
    const struct ghost *g = &w->ghost[ghost];

    return (sim_broken(w, SIM_BREAK_ANY_EPOCH) && g->name == d->name &&
            g->epoch == d->writer.epoch) ||
           (sim_broken(w, SIM_BREAK_PREFIX_OWNER) && g->name != d->name);
}

static void found(struct sim_world *w, struct door *d, unsigned store, unsigned ghost)
{
    struct ghost *g = &w->ghost[ghost];
    struct recovery_event ev = {.type = RECOVERY_EV_FOUND,
                                .participant = store,
                                .gid = g->gid,
                                .decision = open_decisions_find(&d->decisions, g->gid)};
    struct message m = {.session = NO_SESSION, .ends = NO_SESSION};
    struct verb v = {
        .type = MSG_ROLLBACK, .store = (uint8_t)store, .tx = NONE, .ghost = (uint8_t)ghost};

    if (taken_by_mistake(w, d, ghost) && !ev.decision) {
        sim_door_ask(w, d, &v, &m);
        d->verb[d->n_verbs - 1].done = true; /* nobody waits for the answer */
    } else {
        feed(w, d, &ev, NULL);
    }
}

static void listed(struct sim_world *w, struct door *d, unsigned store, enum store_status status,
                   uint32_t ghosts)
{
    struct recovery_event ev = {.type = RECOVERY_EV_LISTED, .participant = store};
    uint32_t life = d->life;

    if (status != STORE_OK) {
        ev.answer = RECOVERY_AGAIN;
        ghosts = 0;
    }
    for (unsigned i = 0; i < w->n_ghosts && d->life == life; i++) {
        if (ghosts >> i & 1U)
            found(w, d, store, i);
    }
    if (d->life == life)
        feed(w, d, &ev, NULL);
}

static enum recovery_answer answer_of(enum store_status status)
{
    if (status == STORE_OK)
        return RECOVERY_OK;
    return status == STORE_NOTA ? RECOVERY_GONE : RECOVERY_AGAIN;
}

static void resolved(struct sim_world *w, struct door *d, const struct verb *v,
                     enum store_status status)
{
    struct recovery_event ev = {.type = RECOVERY_EV_RESOLVED,
                                .participant = v->store,
                                .answer = answer_of(status),
                                .decision =
                                    open_decisions_find(&d->decisions, w->ghost[v->ghost].gid),
                                .committed = v->commit};

    if (sim_broken(w, SIM_BREAK_RECOVERY_LISTS_ONCE) && ev.answer == RECOVERY_AGAIN)
        ev.answer = RECOVERY_GONE;
    feed(w, d, &ev, v);
}

void sim_recovery_reply(struct sim_world *w, struct door *d, const struct verb *v,
                        enum store_status status, uint32_t ghosts)
{
    struct recovery_event ev = {.participant = v->store,
                                .answer = status == STORE_OK ? RECOVERY_OK : RECOVERY_AGAIN};

    switch (v->type) {
    case MSG_END_SESSIONS:
        ev.type = RECOVERY_EV_ENDED;
        break;
    case MSG_FENCE:
        ev.type = RECOVERY_EV_FENCED;
        if (status == STORE_FENCED)
            ev.answer = RECOVERY_STALE;
        break;
    case MSG_LIST:
        listed(w, d, v->store, status, ghosts);
        return;
    case MSG_PROVE:
        proved(w, d, v, status, (enum store_outcome)ghosts);
        return;
    default:
        resolved(w, d, v, status);
        return;
    }
    feed(w, d, &ev, NULL);
}

/* A mutant's: what has been in doubt for some time is rolled back, whoever's turn it would be. */
void sim_recovery_sweep_by_age(struct sim_world *w, struct door *d)
{
    uint32_t life = d->life;

    for (unsigned i = 0; i < w->n_ghosts * w->schedule.n_stores && d->life == life; i++) {
        unsigned ghost = i / w->schedule.n_stores, store = i % w->schedule.n_stores;
        const struct branch *b = &w->ghost[ghost].at[store];
        struct message m = {.session = NO_SESSION, .ends = NO_SESSION};
        struct verb v = {
            .type = MSG_ROLLBACK, .store = (uint8_t)store, .tx = NONE, .ghost = (uint8_t)ghost};

        if (w->ghost[ghost].name != d->name || b->state != BRANCH_PREPARED ||
            w->now_us - b->prepared_us < MS(300))
            continue;
        sim_door_ask(w, d, &v, &m);
        d->verb[d->n_verbs - 1].done = true; /* nobody waits for the answer */
    }
}
