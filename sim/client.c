/*
 * Clients: one a transaction. It sends its request; when it hears nothing in time, or its
 * connection breaks, it sends the same request again or asks for its status, until it knows.
 */
#include "sim/world.h"

#define LATENCY_US  100
#define PATIENCE_US MS(1500)
#define AGAIN_US    MS(400)
#define SENDS_MAX   5 /* before all is mended */
#define SENDS_AFTER 8

static bool knows(const struct client *c)
{
    return (c->told & (TOLD_COMMITTED | TOLD_ABORTED)) != 0;
}

static void again_later(struct sim_world *w, unsigned txn)
{
    struct client *c = &w->client[txn];

    if (knows(c) || c->n_attempts >= SENDS_AFTER || (!w->healed && c->n_attempts >= SENDS_MAX))
        return;
    sim_after(w, sim_draw(w, AGAIN_US, AGAIN_US),
              (struct sim_event){.kind = EV_CLIENT_SENDS, .who = (uint8_t)txn});
}

void sim_client_sends(struct sim_world *w, unsigned txn)
{
    const struct sim_txn *t = &w->schedule.txn[txn];
    const struct door *d = sim_door_serving(w, t->door);
    struct client *c = &w->client[txn];
    struct attempt *a = &w->attempt[w->n_attempts];
    bool first = c->n_attempts == 0;

    if (knows(c) || w->n_attempts == ATTEMPTS_MAX || w->name[t->door].refused)
        return;
    if (!d) { /* refused: nobody listens there */
        sim_after(w, AGAIN_US, (struct sim_event){.kind = EV_CLIENT_SENDS, .who = (uint8_t)txn});
        return;
    }
    c->n_attempts++;
    *a = (struct attempt){.txn = (uint8_t)txn,
                          .slot = d->slot,
                          .is_status = !first && !t->sent_again,
                          .open = true,
                          .door_life = d->life};
    sim_net_send_surely(w, &(struct message){.type = a->is_status ? MSG_STATUS : MSG_SUBMIT,
                                             .slot = d->slot,
                                             .session = NO_SESSION,
                                             .attempt = (uint16_t)w->n_attempts,
                                             .door_life = d->life});
    sim_after(w, PATIENCE_US,
              (struct sim_event){.kind = EV_CLIENT_TIMEOUT, .what = (uint16_t)w->n_attempts});
    w->n_attempts++;
}

void sim_client_timeout(struct sim_world *w, unsigned attempt)
{
    struct attempt *a = &w->attempt[attempt];

    if (!a->open)
        return;
    a->open = false;
    again_later(w, a->txn);
}

void sim_client_door_died(struct sim_world *w, const struct door *d)
{
    for (unsigned i = 0; i < w->n_attempts; i++) {
        struct attempt *a = &w->attempt[i];

        if (!a->open || a->slot != d->slot || a->door_life + 1 != d->life)
            continue;
        a->open = false;
        again_later(w, a->txn);
    }
}

void sim_client_hears(struct sim_world *w, const struct message *m)
{
    struct attempt *a = &w->attempt[m->attempt];
    struct client *c = &w->client[a->txn];

    if (!a->open)
        return;
    a->open = false;
    if (m->code == CODE_NONE || m->outcome == OUTCOME_COMMITTED)
        c->told |= TOLD_COMMITTED;
    else if (m->outcome == OUTCOME_ABORTED || (!a->is_status && code_definite((enum code)m->code)))
        c->told |= TOLD_ABORTED;
    else
        again_later(w, a->txn);
}
