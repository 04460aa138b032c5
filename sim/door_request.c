/* A request in a door, until its transaction takes its first step: is it known, can it be served,
 * are its keys free? */
#include "sim/world.h"

#include <assert.h>
#include <string.h>

#define DEADLINE_US MS(1000)

void sim_tx_give_up(struct sim_world *w, struct door *d, struct tx *t, enum code code)
{
    sim_tx_answer(w, d, t, code, LEVEL_NONE);
    sim_tx_over(w, d, t, OUTCOME_ABORTED);
}

static bool can_reach(const struct sim_world *w, const struct door *d, uint32_t stores)
{
    for (unsigned i = 0; i < w->schedule.n_stores; i++) {
        if (stores >> i & 1U && (!w->store[i].up || !d->recovery.participant[i].fenced))
            return false;
    }
    return true;
}

static unsigned new_ghost(struct sim_world *w, struct door *d, unsigned txn)
{
    const struct sim_txn *s = &w->schedule.txn[txn];
    struct ghost *g = &w->ghost[w->n_ghosts];
    struct gid gid = {.epoch = d->writer.epoch, .seq = ++d->seq};

    assert(w->n_ghosts < GHOSTS_MAX);
    memset(g, 0, sizeof *g);
    memcpy(gid.coordinator, sim_door_name[d->name], strlen(sim_door_name[d->name]) + 1);
    memcpy(gid.request, w->txn[txn].request, sizeof gid.request);
    gid_format(g->gid, &gid);
    g->name = d->name;
    g->txn = (uint8_t)txn;
    g->slot = d->slot;
    g->door_life = d->life;
    g->epoch = gid.epoch;
    g->updaters = s->stores & ~s->readers;
    g->readers = s->readers;
    return w->n_ghosts++;
}

/* Bits of branches, where a schedule has bits of stores. */
static uint32_t in_branches(const struct tx *t, uint32_t stores)
{
    uint32_t branches = 0;

    for (unsigned i = 0; i < t->n_branches; i++)
        branches |= (stores >> t->branch[i].store & 1U) << i;
    return branches;
}

void sim_tx_begins(struct sim_world *w, struct door *d, struct tx *t)
{
    const struct sim_txn *s = &w->schedule.txn[t->txn];
    struct twopc_options options = {.lock_order = w->schedule.lock_order,
                                    .reply_rule = w->schedule.reply_rule,
                                    .broken = w->options.core_break};

    if (t->state != TX_QUEUED)
        return;
    if (!can_reach(w, d, s->stores) || w->n_ghosts == GHOSTS_MAX) {
        sim_tx_give_up(w, d, t, CODE_UNAVAILABLE);
        return;
    }
    t->state = TX_RUNNING;
    t->ghost = (uint8_t)new_ghost(w, d, t->txn);
    options.n_participants = t->n_branches;
    options.readers = in_branches(t, s->readers);
    twopc_init(&t->core, &options);
    sim_tx_feed(w, d, t, (struct twopc_event){.type = TWOPC_EV_BEGIN});
}

static struct tx *free_tx(struct door *d)
{
    for (unsigned i = 0; i < TXS_MAX; i++) {
        if (d->tx[i].state == TX_FREE || d->tx[i].state == TX_OVER)
            return &d->tx[i];
    }
    return NULL;
}

static void begin(struct sim_world *w, struct door *d, struct tx *t, unsigned attempt)
{
    unsigned txn = w->attempt[attempt].txn;
    const struct sim_txn *s = &w->schedule.txn[txn];

    t->state = TX_QUEUED;
    t->txn = (uint8_t)txn;
    t->ghost = NONE;
    t->answered = false;
    t->waiting = UINT32_C(1) << attempt;
    t->voted = 0;
    t->n_branches = 0;
    t->request = requests_find(&d->requests, w->txn[txn].request); /* only a mutant's is known */
    if (!t->request)
        t->request = requests_begin(&d->requests, w->txn[txn].request, (struct transaction *)t);
    for (unsigned i = 0; i < w->schedule.n_stores; i++) {
        if (!(s->stores >> i & 1U))
            continue;
        memset(&t->branch[t->n_branches], 0, sizeof t->branch[0]);
        t->branch[t->n_branches].session = NO_SESSION;
        t->branch[t->n_branches++].store = (uint8_t)i;
    }
    sim_tx_set_timer(w, d, t, DEADLINE_US);
    t->keys.arg = t;
    if (key_queue_enter(&d->keys, &t->keys, &w->txn[txn]))
        sim_tx_begins(w, d, t);
}

/* A request that came before is not executed again. */
static void submit_again(struct sim_world *w, struct door *d, const struct known_request *known,
                         unsigned attempt)
{
    struct tx *t = (struct tx *)known->running;
    enum level level;
    enum code code;

    if (t && !t->answered) {
        t->waiting |= UINT32_C(1) << attempt;
        return;
    }
    code = requests_answer(known, &level);
    sim_door_answer(w, d, attempt, code, level);
}

void sim_tx_submit(struct sim_world *w, struct door *d, unsigned attempt)
{
    unsigned txn = w->attempt[attempt].txn;
    const struct known_request *known = requests_find(&d->requests, w->txn[txn].request);
    struct tx *t = free_tx(d);

    if (known && !sim_broken(w, SIM_BREAK_REQUEST_FORGOTTEN))
        submit_again(w, d, known, attempt);
    else if (!t)
        sim_door_answer(w, d, attempt, CODE_REFUSED, LEVEL_NONE);
    else if (!can_reach(w, d, w->schedule.txn[txn].stores))
        sim_door_answer(w, d, attempt, CODE_UNAVAILABLE, LEVEL_NONE);
    else
        begin(w, d, t, attempt);
}
