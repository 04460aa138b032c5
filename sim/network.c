/*
 * The network: what is sent between doors and stores is delivered later, twice or not at all. What
 * goes over one session stays in order; what goes over any session does not. A message that is lost
 * on a session takes all later ones with it, since TCP has no holes.
 */
#include "sim/world.h"

#include <assert.h>

#define LATENCY_MIN_US  40
#define LATENCY_MORE_US 400
#define KEEPALIVE_US    MS(20000)

enum way { TO_STORE, TO_DOOR };

static enum way way_of(const struct message *m)
{
    return m->type == MSG_REPLY || m->type == MSG_RESET_DOOR ? TO_DOOR : TO_STORE;
}

static bool concerns(const struct sim_fault *f, unsigned name, unsigned store, unsigned nth)
{
    return f->kind <= SIM_RESET && f->door == name && f->store == store && f->nth == nth;
}

/* The fault that hits the next message between the two, or NULL. */
static const struct sim_fault *fault_of(struct sim_world *w, const struct message *m)
{
    unsigned name = w->door[m->slot].name;
    unsigned nth = ++w->links[name][m->store];

    if (w->healed)
        return NULL;
    for (unsigned i = 0; i < w->schedule.n_faults; i++) {
        if (w->options.faults >> i & 1U && concerns(&w->schedule.fault[i], name, m->store, nth)) {
            sim_struck(w, &w->schedule.fault[i]);
            return &w->schedule.fault[i];
        }
    }
    return NULL;
}

static uint16_t keep(struct sim_world *w, const struct message *m)
{
    struct message *kept;

    if (w->n_messages == MESSAGES_MAX) {
        sim_violated(w, SIM_COMES_TO_REST, "more than %d messages", MESSAGES_MAX);
        w->n_messages = 1;
    }
    kept = &w->message[w->n_messages];
    *kept = *m;
    kept->sent_us = w->now_us;
    return (uint16_t)w->n_messages++;
}

static void deliver(struct sim_world *w, uint16_t message, int64_t delay_us)
{
    const struct message *m = &w->message[message];
    int64_t at_us = w->now_us + delay_us;

    if (m->session != NO_SESSION) {
        int64_t *last_us = &w->session[m->session].last_us[way_of(m)];

        if (at_us <= *last_us)
            at_us = *last_us + 1;
        *last_us = at_us;
    }
    sim_after(w, at_us - w->now_us, (struct sim_event){.kind = EV_MESSAGE, .what = message});
}

static void send_reset(struct sim_world *w, uint16_t session, enum message_type type)
{
    const struct session *s = &w->session[session];
    struct message m = {.type = (uint8_t)type,
                        .slot = s->slot,
                        .store = s->store,
                        .session = session,
                        .door_life = s->door_life};

    deliver(w, keep(w, &m), sim_draw(w, LATENCY_MIN_US, LATENCY_MORE_US));
}

/* The store's machine finds out some time: TCP's keepalive. */
static void cut(struct sim_world *w, uint16_t session)
{
    const struct session *s = &w->session[session];
    struct message m = {.type = MSG_RESET_STORE,
                        .slot = s->slot,
                        .store = s->store,
                        .session = session,
                        .door_life = s->door_life};

    if (!s->cut)
        sim_after(w, KEEPALIVE_US, (struct sim_event){.kind = EV_MESSAGE, .what = keep(w, &m)});
    w->session[session].cut = true;
}

static void lose(struct sim_world *w, const struct message *m, const char *how)
{
    if (m->session != NO_SESSION)
        cut(w, m->session);
    if (w->trace)
        sim_trace_message(w, m, how);
}

/* Lost already, whatever comes; or nobody at the sending end has anything to say any more. */
static bool is_cut(const struct sim_world *w, const struct message *m)
{
    unsigned name = w->door[m->slot].name;

    return (m->session != NO_SESSION && w->session[m->session].cut) ||
           w->cut_until_us[name][m->store] > w->now_us;
}

/* True: the message is lost with the connection. Else it was sent already, and arrives; in that
 * case it is only the door that learns of the reset. */
static bool reset(struct sim_world *w, const struct message *m, const struct sim_fault *f)
{
    bool arrives = f->at_us % 2 == 1 && way_of(m) == TO_STORE;

    if (m->session == NO_SESSION)
        return false;
    send_reset(w, m->session, MSG_RESET_DOOR);
    if (arrives) {
        deliver(w, keep(w, m), sim_draw(w, LATENCY_MIN_US, LATENCY_MORE_US));
        cut(w, m->session);
        return true;
    }
    send_reset(w, m->session, MSG_RESET_STORE);
    lose(w, m, "is lost");
    return true;
}

/* Is it a transaction's, not recovery's? */
static bool counts(const struct sim_world *w, const struct message *m)
{
    const struct door *d = &w->door[m->slot];
    bool is_reset = m->type == MSG_RESET_DOOR || m->type == MSG_RESET_STORE;

    return !is_reset && d->life == m->door_life && d->verb[m->verb].tx != NONE;
}

void sim_net_send(struct sim_world *w, const struct message *m)
{
    const struct sim_fault *f = fault_of(w, m);
    int64_t delay_us = sim_draw(w, LATENCY_MIN_US, LATENCY_MORE_US);
    uint16_t kept;

    w->result->costs.n_messages += counts(w, m);
    if (w->store[m->store].mute && way_of(m) == TO_DOOR)
        return;
    if (is_cut(w, m)) {
        lose(w, m, "never arrives");
        return;
    }
    if (f && f->kind == SIM_LOSE) {
        lose(w, m, "is lost");
        return;
    }
    if (f && f->kind == SIM_RESET && reset(w, m, f))
        return;
    if (f && f->kind == SIM_DELAY)
        delay_us += f->delay_us;
    kept = keep(w, m);
    deliver(w, kept, delay_us);
    /* What TCP delivers once is not repeated: only what names its gid, and answers. */
    if (f && f->kind == SIM_REPEAT &&
        (m->type == MSG_COMMIT || m->type == MSG_ROLLBACK || m->type == MSG_REPLY))
        sim_after(w, delay_us + f->delay_us, (struct sim_event){.kind = EV_MESSAGE, .what = kept});
}

void sim_net_send_surely(struct sim_world *w, const struct message *m)
{
    deliver(w, keep(w, m), sim_draw(w, LATENCY_MIN_US, LATENCY_MORE_US));
}

/* --- sessions --------------------------------------------------------------------------------- */

uint16_t sim_net_connect(struct sim_world *w, const struct door *d, unsigned store)
{
    const struct sim_store *st = &w->store[store];

    if (!st->up || w->cut_until_us[d->name][store] > w->now_us || w->n_sessions == SESSIONS_MAX)
        return NO_SESSION;
    if (recovery_fence_epoch(st->fence[d->name]) > d->writer.epoch)
        return NO_SESSION; /* a later incarnation has been here: no session for an earlier one */
    w->session[w->n_sessions] = (struct session){.slot = d->slot,
                                                 .store = (uint8_t)store,
                                                 .door_life = d->life,
                                                 .store_life = st->life,
                                                 .open_at_door = true,
                                                 .open_at_store = true};
    return (uint16_t)w->n_sessions++;
}

/* Does the other end hear of it? Not always: the machine may have gone with the process. */
static bool heard(struct sim_world *w, const struct session *s)
{
    unsigned name = w->door[s->slot].name;

    return !s->cut && w->cut_until_us[name][s->store] <= w->now_us &&
           (!w->schedule.half_open || sim_chance(w, 2));
}

void sim_net_door_died(struct sim_world *w, const struct door *d)
{
    for (unsigned i = 0; i < w->n_sessions; i++) {
        struct session *s = &w->session[i];

        if (s->slot != d->slot || !s->open_at_door)
            continue;
        s->open_at_door = false;
        if (s->open_at_store && heard(w, s))
            send_reset(w, (uint16_t)i, MSG_RESET_STORE);
    }
}

void sim_net_store_died(struct sim_world *w, unsigned store)
{
    for (unsigned i = 0; i < w->n_sessions; i++) {
        struct session *s = &w->session[i];

        if (s->store != store || !s->open_at_store)
            continue;
        s->open_at_store = false;
        s->busy = false;
        s->queued = 0;
        if (s->open_at_door && heard(w, s))
            send_reset(w, (uint16_t)i, MSG_RESET_DOOR);
    }
}
