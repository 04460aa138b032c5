/* What is left of earlier incarnations; see the header for the contract and the state diagram. */
#include "coordinator/recovery_core.h"

#include "coordinator/backoff.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void emit(struct recovery_actions *out, struct recovery_action a)
{
    assert(out->n < RECOVERY_ACTIONS_MAX);
    out->item[out->n++] = a;
}

static void act(struct recovery_actions *out, enum recovery_action_type type)
{
    emit(out, (struct recovery_action){.type = type});
}

static void set_state(struct recovery_participant *p, enum recovery_state state)
{
    static const unsigned legal[RECOVERY_STATES] = {
        [RECOVERY_IDLE] = 1U << RECOVERY_FENCING,
        [RECOVERY_FENCING] = 1U << RECOVERY_ENDING,
        [RECOVERY_ENDING] = 1U << RECOVERY_MARKING,
        [RECOVERY_MARKING] = 1U << RECOVERY_LISTING,
        [RECOVERY_LISTING] = 1U << RECOVERY_SETTLING | 1U << RECOVERY_PROVING,
        [RECOVERY_SETTLING] = 1U << RECOVERY_LISTING,
        [RECOVERY_PROVING] = 1U << RECOVERY_SETTLED,
    };

    assert((legal[p->state] | 1U << RECOVERY_HELD) & 1U << state);
    p->state = state;
}

/* --- steps ------------------------------------------------------------------------------------ */

static int64_t fence_of(int64_t epoch, unsigned n_fences)
{
    return epoch * (RECOVERY_FENCE_TRIES_MAX + 1) + n_fences;
}

/*
 * Each try raises the fence a little more: when the answer to one was lost, an equal value would
 * look like somebody else's. After RECOVERY_FENCE_TRIES_MAX tries it does, and the coordinator
 * ends.
 */
static void fence(const struct recovery_core *core, struct recovery_participant *p,
                  struct recovery_actions *out)
{
    if (p->n_fences < RECOVERY_FENCE_TRIES_MAX)
        p->n_fences++;
    emit(out, (struct recovery_action){.type = RECOVERY_ACT_FENCE,
                                       .epoch = fence_of(core->epoch, p->n_fences)});
}

static void review(struct recovery_participant *p, struct recovery_actions *out)
{
    p->unsettled = false;
    p->reviewed = false;
    act(out, RECOVERY_ACT_REVIEW_DECISIONS);
}

static void try_step(const struct recovery_core *core, struct recovery_participant *p,
                     struct recovery_actions *out)
{
    switch (p->state) {
    case RECOVERY_ENDING:
        act(out, RECOVERY_ACT_END_SESSIONS);
        break;
    case RECOVERY_FENCING:
        fence(core, p, out);
        break;
    case RECOVERY_MARKING:
        act(out, RECOVERY_ACT_MARK);
        break;
    case RECOVERY_LISTING:
        act(out, RECOVERY_ACT_LIST);
        break;
    case RECOVERY_PROVING:
        review(p, out);
        break;
    case RECOVERY_IDLE:
    case RECOVERY_SETTLING:
    case RECOVERY_SETTLED:
    case RECOVERY_HELD:
    case RECOVERY_STATES:
        assert(!"a state with a verb of its own");
    }
}

static void next_step(const struct recovery_core *core, struct recovery_participant *p,
                      enum recovery_state state, struct recovery_actions *out)
{
    set_state(p, state);
    p->n_failed = 0;
    try_step(core, p, out);
}

static void try_later(struct recovery_participant *p, struct recovery_actions *out)
{
    p->waiting = true;
    emit(out, (struct recovery_action){.type = RECOVERY_ACT_SET_RETRY,
                                       .delay_us = backoff_delay_us(p->n_failed++)});
}

static void on_fenced(const struct recovery_core *core, struct recovery_participant *p,
                      enum recovery_answer answer, struct recovery_actions *out)
{
    if (answer == RECOVERY_STALE)
        act(out, RECOVERY_ACT_FAIL);
    else if (answer == RECOVERY_OK)
        next_step(core, p, RECOVERY_ENDING, out);
    else
        try_later(p, out);
}

static void on_ended(const struct recovery_core *core, struct recovery_participant *p,
                     enum recovery_answer answer, struct recovery_actions *out)
{
    if (answer != RECOVERY_OK) {
        try_later(p, out);
        return;
    }
    p->fenced = true;
    next_step(core, p, RECOVERY_MARKING, out);
}

/* --- what is in doubt there ------------------------------------------------------------------- */

/* Is this the place of its mistake? */
static bool broken(const struct recovery_core *core, enum twopc_break mistake,
                   struct recovery_actions *out)
{
    if (core->broken != mistake)
        return false;
    act(out, RECOVERY_ACT_TELL_BROKEN);
    return true;
}

/* Ours are those of our exact name and an earlier incarnation. */
static bool is_left_over(const struct recovery_core *core, const char *text)
{
    struct gid gid;

    return gid_parse(text, &gid) && strcmp(gid.coordinator, core->coordinator) == 0 &&
           gid.epoch < core->epoch;
}

static void on_found(const struct recovery_core *core, struct recovery_participant *p,
                     const struct recovery_event *ev, struct recovery_actions *out)
{
    bool commit = ev->decision != NULL;

    if (!is_left_over(core, ev->gid))
        return;
    if (!commit) /* abort is presumed */
        commit = broken(core, TWOPC_PRESUME_COMMIT, out);
    p->n_settling++;
    act(out, commit ? RECOVERY_ACT_COMMIT : RECOVERY_ACT_ROLLBACK);
}

static void on_listed(const struct recovery_core *core, struct recovery_participant *p,
                      enum recovery_answer answer, struct recovery_actions *out)
{
    if (answer != RECOVERY_OK) {
        try_later(p, out);
        return;
    }
    p->unsettled = false;
    if (p->n_settling > 0) {
        set_state(p, RECOVERY_SETTLING);
        return;
    }
    next_step(core, p, RECOVERY_PROVING, out);
}

static void list_again(const struct recovery_core *core, struct recovery_participant *p,
                       struct recovery_actions *out)
{
    if (!p->unsettled) {
        next_step(core, p, RECOVERY_LISTING, out);
        return;
    }
    set_state(p, RECOVERY_LISTING);
    try_later(p, out);
}

/* The participant's bit in a decision; 0: it has no part in it. */
static uint32_t bit_of(const struct open_decision *d, const struct recovery_participant *p)
{
    for (unsigned i = 0; i < d->n_participants; i++) {
        if (strcmp(d->participant[i], p->store) == 0)
            return UINT32_C(1) << i;
    }
    return 0;
}

static void on_resolved(const struct recovery_core *core, struct recovery_participant *p,
                        const struct recovery_event *ev, struct recovery_actions *out)
{
    struct open_decision *d = ev->decision;

    if (ev->answer == RECOVERY_OK) {
        if (d && ev->committed)
            d->committed |= bit_of(d, p);
        act(out, RECOVERY_ACT_TELL_SETTLED);
        if (!ev->committed)
            act(out, RECOVERY_ACT_FORGET);
    } else if (ev->answer == RECOVERY_OTHER_WAY) {
        if (d)
            d->contradicted |= bit_of(d, p);
        act(out, RECOVERY_ACT_TELL_CONTRADICTED);
    } else if (ev->answer != RECOVERY_GONE) {
        p->unsettled = true;
    }
    if (--p->n_settling == 0)
        list_again(core, p, out);
}

/* --- what became of decisions ----------------------------------------------------------------- */

static bool committed_everywhere(const struct open_decision *d)
{
    return d->committed == (UINT32_C(1) << d->n_participants) - 1;
}

static void on_review(const struct recovery_core *core, struct recovery_participant *p,
                      const struct open_decision *d, struct recovery_actions *out)
{
    uint32_t here = bit_of(d, p);

    if (committed_everywhere(d)) {
        act(out, RECOVERY_ACT_LOG_END);
    } else if (d->committed && broken(core, TWOPC_FORGET_EARLY, out)) {
        act(out, RECOVERY_ACT_LOG_END);
    } else if (here & ~(d->committed | d->contradicted | d->lost)) {
        p->n_proving++;
        act(out, RECOVERY_ACT_PROVE);
    }
}

static void go_on_if_proved(struct recovery_participant *p, struct recovery_actions *out)
{
    if (!p->reviewed || p->n_proving > 0)
        return;
    if (p->unsettled) {
        try_later(p, out);
        return;
    }
    set_state(p, RECOVERY_SETTLED);
    act(out, RECOVERY_ACT_PROGRESS);
}

static void on_proved(struct recovery_participant *p, enum recovery_answer answer,
                      struct open_decision *d, struct recovery_actions *out)
{
    if (!d) {
        /* broken: it was forgotten early */
    } else if (answer == RECOVERY_OK) {
        d->committed |= bit_of(d, p);
        if (committed_everywhere(d))
            act(out, RECOVERY_ACT_LOG_END);
    } else if (answer == RECOVERY_OTHER_WAY) {
        d->contradicted |= bit_of(d, p);
        act(out, RECOVERY_ACT_TELL_CONTRADICTED);
    } else if (answer == RECOVERY_LOST) {
        d->lost |= bit_of(d, p);
        act(out, RECOVERY_ACT_TELL_LOST);
    } else {
        p->unsettled = true;
    }
    p->n_proving--;
    go_on_if_proved(p, out);
}

/* ---------------------------------------------------------------------------------------------- */

void recovery_core_init(struct recovery_core *core, const char *coordinator, int64_t epoch,
                        enum twopc_break broken)
{
    *core = (struct recovery_core){.epoch = epoch, .broken = broken};
    assert(strlen(coordinator) < sizeof core->coordinator);
    (void)snprintf(core->coordinator, sizeof core->coordinator, "%s", coordinator);
}

void recovery_core_raise(struct recovery_core *core, int64_t epoch)
{
    assert(epoch >= core->epoch);
    core->epoch = epoch;
}

int64_t recovery_core_fence(const struct recovery_core *core, unsigned i)
{
    assert(i < core->n_participants);
    return fence_of(core->epoch, core->participant[i].n_fences);
}

int64_t recovery_fence_epoch(int64_t fence)
{
    return fence / (RECOVERY_FENCE_TRIES_MAX + 1);
}

void recovery_core_add(struct recovery_core *core, const char *store)
{
    struct recovery_participant *p = &core->participant[core->n_participants];

    assert(core->n_participants < STORES_MAX);
    assert(strlen(store) < sizeof p->store);
    core->n_participants++;
    (void)snprintf(p->store, sizeof p->store, "%s", store);
}

bool recovery_core_complete(const struct recovery_core *core)
{
    for (unsigned i = 0; i < core->n_participants; i++) {
        if (core->participant[i].state != RECOVERY_SETTLED)
            return false;
    }
    return true;
}

/* The state in which an event that answers something is expected. */
static bool expected(const struct recovery_participant *p, enum recovery_event_type type)
{
    static const enum recovery_state asked[] = {
        [RECOVERY_EV_START] = RECOVERY_IDLE,     [RECOVERY_EV_ENDED] = RECOVERY_ENDING,
        [RECOVERY_EV_FENCED] = RECOVERY_FENCING, [RECOVERY_EV_FOUND] = RECOVERY_LISTING,
        [RECOVERY_EV_LISTED] = RECOVERY_LISTING, [RECOVERY_EV_RESOLVED] = RECOVERY_SETTLING,
        [RECOVERY_EV_REVIEW] = RECOVERY_PROVING, [RECOVERY_EV_REVIEWED] = RECOVERY_PROVING,
        [RECOVERY_EV_PROVED] = RECOVERY_PROVING, [RECOVERY_EV_MARKED] = RECOVERY_MARKING,
    };

    return p->state == asked[type] && !p->waiting;
}

static void on_answer(const struct recovery_core *core, struct recovery_participant *p,
                      const struct recovery_event *ev, struct recovery_actions *out)
{
    switch (ev->type) {
    case RECOVERY_EV_START:
        next_step(core, p, RECOVERY_FENCING, out);
        break;
    case RECOVERY_EV_ENDED:
        on_ended(core, p, ev->answer, out);
        break;
    case RECOVERY_EV_FENCED:
        on_fenced(core, p, ev->answer, out);
        break;
    case RECOVERY_EV_MARKED:
        next_step(core, p, RECOVERY_LISTING, out);
        break;
    case RECOVERY_EV_FOUND:
        on_found(core, p, ev, out);
        break;
    case RECOVERY_EV_LISTED:
        on_listed(core, p, ev->answer, out);
        break;
    case RECOVERY_EV_RESOLVED:
        on_resolved(core, p, ev, out);
        break;
    case RECOVERY_EV_REVIEW:
        on_review(core, p, ev->decision, out);
        break;
    case RECOVERY_EV_REVIEWED:
        p->reviewed = true;
        go_on_if_proved(p, out);
        break;
    case RECOVERY_EV_PROVED:
        on_proved(p, ev->answer, ev->decision, out);
        break;
    case RECOVERY_EV_RETRY:
    case RECOVERY_EV_ALIVE:
    case RECOVERY_EV_RESTORED:
        break; /* answer nothing */
    }
}

/* Its timer is due, or needs not be waited for. */
static void go_on(const struct recovery_core *core, struct recovery_participant *p,
                  enum recovery_event_type type, struct recovery_actions *out)
{
    if (!p->waiting)
        return;
    p->waiting = false;
    if (type == RECOVERY_EV_ALIVE)
        act(out, RECOVERY_ACT_CANCEL_RETRY);
    try_step(core, p, out);
}

/* --- a participant that was restored ---------------------------------------------------------- */

static void hold(struct recovery_participant *p, struct recovery_actions *out)
{
    if (p->state == RECOVERY_HELD)
        return;
    set_state(p, RECOVERY_HELD);
    if (p->waiting)
        act(out, RECOVERY_ACT_CANCEL_RETRY);
    p->waiting = false;
}

/* What was under way when it became known. What is committed there now is no proof that it stays
 * so: the decision stays open. */
static int on_held(struct recovery_participant *p, const struct recovery_event *ev,
                   struct recovery_actions *out)
{
    switch (ev->type) {
    case RECOVERY_EV_FOUND:
    case RECOVERY_EV_LISTED:
    case RECOVERY_EV_REVIEW:
    case RECOVERY_EV_REVIEWED:
        return 0;
    case RECOVERY_EV_RESOLVED:
        if (p->n_settling == 0)
            return -EPROTO;
        p->n_settling--;
        if (ev->answer == RECOVERY_OK)
            act(out, RECOVERY_ACT_TELL_SETTLED);
        return 0;
    case RECOVERY_EV_PROVED:
        if (p->n_proving == 0)
            return -EPROTO;
        p->n_proving--;
        if (!ev->decision || ev->answer == RECOVERY_AGAIN)
            return 0;
        ev->decision->lost |= bit_of(ev->decision, p);
        act(out, RECOVERY_ACT_TELL_LOST);
        return 0;
    case RECOVERY_EV_START:
    case RECOVERY_EV_ENDED:
    case RECOVERY_EV_FENCED:
    case RECOVERY_EV_MARKED:
    case RECOVERY_EV_RETRY:
    case RECOVERY_EV_ALIVE:
    case RECOVERY_EV_RESTORED:
        break;
    }
    return -EPROTO;
}

/* ---------------------------------------------------------------------------------------------- */

int recovery_step(struct recovery_core *core, const struct recovery_event *ev,
                  struct recovery_actions *ret_actions)
{
    struct recovery_participant *p = &core->participant[ev->participant];

    assert(ev->participant < STORES_MAX);
    ret_actions->n = 0;

    switch (ev->type) {
    case RECOVERY_EV_START:
    case RECOVERY_EV_ENDED:
    case RECOVERY_EV_FENCED:
    case RECOVERY_EV_MARKED:
    case RECOVERY_EV_FOUND:
    case RECOVERY_EV_LISTED:
    case RECOVERY_EV_RESOLVED:
    case RECOVERY_EV_REVIEW:
    case RECOVERY_EV_REVIEWED:
    case RECOVERY_EV_PROVED:
        if (p->state == RECOVERY_HELD)
            return on_held(p, ev, ret_actions);
        if (!expected(p, ev->type))
            return -EPROTO;
        on_answer(core, p, ev, ret_actions);
        return 0;
    case RECOVERY_EV_RETRY:
    case RECOVERY_EV_ALIVE:
        go_on(core, p, ev->type, ret_actions);
        return 0;
    case RECOVERY_EV_RESTORED:
        hold(p, ret_actions);
        return 0;
    }
    return -EPROTO;
}
