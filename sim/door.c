/*
 * A coordinator's process: it starts, asks stores, hears them, and dies at any step. What it
 * decides is decided by the cores; this and the other door_*.c stand in for their drivers.
 */
#include "sim/world.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VERB_DEADLINE_US MS(2000)
#define RESTART_US       MS(200) /* after it ended by itself */
#define SWEEP_US         MS(400)

bool sim_broken(const struct sim_world *w, enum sim_break mistake)
{
    return w->options.own_break == mistake;
}

/* The process that a client reaches under this name. */
struct door *sim_door_serving(struct sim_world *w, unsigned name)
{
    struct door *d = &w->door[w->name[name].owner];

    return d->up && d->open ? d : NULL;
}

/* --- start ------------------------------------------------------------------------------------ */

static void clear(struct door *d)
{
    d->open = d->paused = d->is_writing = false;
    d->seq = 0;
    d->has_listed = 0;
    d->write_rc = 0;
    d->n_waiting = d->n_writing = d->n_verbs = 0;
    for (unsigned i = 0; i < TXS_MAX; i++)
        d->tx[i].state = TX_FREE;
    memset(d->recovery_timer, 0, sizeof d->recovery_timer);
}

static void start_again(struct sim_world *w, const struct door *d, int64_t delay_us)
{
    sim_after(w, delay_us, (struct sim_event){.kind = EV_DOOR_STARTS, .who = d->name});
}

/* A log that is refused is right to be so only when it was damaged. */
static void refused(struct sim_world *w, struct door *d, const char *why)
{
    struct name *n = &w->name[d->name];

    n->refused = true;
    if (!n->flipped)
        sim_violated(w, SIM_LOG_READABLE, "%s: %s", sim_door_name[d->name], why);
    sim_door_dies(w, d, false, 0);
}

/* Its disk goes to it from whoever had it, which loses what it had not synced. */
static void take_disk(struct sim_world *w, struct door *d)
{
    struct name *n = &w->name[d->name];
    struct door *before = &w->door[n->owner];
    unsigned torn;

    if (before != d && before->up) {
        sim_disk_power_lost(&n->disk, w->now_us, &torn);
        if (n->disk.at_us > w->now_us)
            before->write_rc = -ESTALE;
    }
    n->owner = d->slot;
    n->disk.gone = false;
    n->disk.at_us = w->now_us;
}

void sim_door_disk_used(struct sim_world *w, struct door *d, enum event_kind then)
{
    struct sim_disk *disk = &w->name[d->name].disk;
    int64_t takes_us = disk->at_us > w->now_us ? disk->at_us - w->now_us : 1;

    if (sim_broken(w, SIM_BREAK_LOG_NOT_FORCED) && then == EV_LOG_WRITTEN)
        takes_us = 1;
    if (disk->power_us != 0)
        sim_after(w, disk->power_us - w->now_us,
                  (struct sim_event){.kind = EV_POWER_LOST, .who = d->slot, .life = d->life});
    if (disk->killed)
        then = EV_KILLED;
    disk->power_us = 0;
    disk->killed = false;
    sim_after(w, takes_us,
              (struct sim_event){.kind = (uint8_t)then, .who = d->slot, .life = d->life});
}

void sim_door_starts(struct sim_world *w, unsigned name)
{
    struct door *d = &w->door[2 * name];
    struct errctx err;

    if (d->up)
        d = &w->door[2 * name + 1];
    if (d->up || w->name[name].refused)
        return;
    clear(d);
    take_disk(w, d);
    d->up = true;
    d->write_rc = sim_door_log_open(w, d, &err);
    if (w->trace)
        sim_trace_door(w, d->slot, "starts as epoch %lld%s%s", (long long)d->writer.epoch,
                       d->write_rc < 0 ? ": " : "", d->write_rc < 0 ? err.message : "");
    if (d->write_rc == -EBADMSG)
        refused(w, d, err.message);
    else
        sim_door_disk_used(w, d, EV_LOG_OPENED);
}

void sim_door_log_opened(struct sim_world *w, struct door *d)
{
    struct name *n = &w->name[d->name];

    if (d->write_rc < 0) {
        sim_door_dies(w, d, false, RESTART_US);
        return;
    }
    if (d->writer.epoch == n->epoch_max)
        sim_violated(w, SIM_R5_FENCED_FIRST, "%s: epoch %lld is given twice",
                     sim_door_name[d->name], (long long)d->writer.epoch);
    if (d->writer.epoch > n->epoch_max)
        n->epoch_max = d->writer.epoch;
    d->open = true;
    if (sim_broken(w, SIM_BREAK_ABORT_BY_AGE))
        sim_after(w, SWEEP_US,
                  (struct sim_event){.kind = EV_SWEEP, .who = d->slot, .life = d->life});
    sim_recovery_begin(w, d);
}

/* --- end -------------------------------------------------------------------------------------- */

void sim_door_free(struct sim_world *w, struct door *d)
{
    (void)w;
    for (unsigned i = 0; i < TXS_MAX; i++) {
        if (d->tx[i].state == TX_QUEUED || d->tx[i].state == TX_RUNNING)
            (void)key_queue_leave(&d->keys, &d->tx[i].keys, NULL);
        d->tx[i].state = TX_FREE;
    }
    open_decisions_done(&d->decisions);
    requests_done(&d->requests);
}

void sim_door_dies(struct sim_world *w, struct door *d, bool power, int64_t down_us)
{
    struct name *n = &w->name[d->name];
    bool owns = n->owner == d->slot;
    unsigned torn = 0;

    assert(d->up);
    if (owns && power)
        sim_disk_power_lost(&n->disk, w->now_us, &torn);
    else if (owns)
        sim_disk_killed(&n->disk, w->now_us);
    if (w->trace)
        sim_trace_door(w, d->slot, "%s%s", power ? "loses power" : "dies",
                       torn ? ", with writes that were not synced" : "");
    d->up = d->open = d->paused = false;
    d->life++;
    sim_door_free(w, d);
    sim_net_door_died(w, d);
    sim_client_door_died(w, d);
    if (owns && !n->refused)
        start_again(w, d, down_us);
}

bool sim_door_step(struct sim_world *w, struct door *d)
{
    unsigned step = ++w->name[d->name].steps;

    for (unsigned i = 0; i < w->schedule.n_faults && !w->healed; i++) {
        const struct sim_fault *f = &w->schedule.fault[i];

        if (w->options.faults >> i & 1U && (f->kind == SIM_KILL || f->kind == SIM_POWER) &&
            f->door == d->name && f->nth == step) {
            sim_struck(w, f);
            sim_door_dies(w, d, f->kind == SIM_POWER, f->delay_us);
            return false;
        }
    }
    return true;
}

/* --- asking stores ---------------------------------------------------------------------------- */

/* It has a number, by which its answer names it. */
static struct verb *add_verb(struct sim_world *w, struct door *d, const struct verb *v)
{
    if (d->n_verbs == VERBS_MAX) {
        sim_violated(w, SIM_COMES_TO_REST, "%s has asked %d times", sim_door_name[d->name],
                     VERBS_MAX);
        d->n_verbs = 0;
    }
    d->verb[d->n_verbs] = *v;
    return &d->verb[d->n_verbs++];
}

static struct message address(const struct door *d, const struct verb *v)
{
    return (struct message){.type = v->type,
                            .slot = d->slot,
                            .store = v->store,
                            .ghost = v->ghost,
                            .session = NO_SESSION,
                            .ends = NO_SESSION,
                            .verb = (uint16_t)(v - d->verb),
                            .door_life = d->life,
                            .epoch = d->writer.epoch};
}

void sim_door_ask(struct sim_world *w, struct door *d, const struct verb *v, struct message *m)
{
    struct verb *kept = add_verb(w, d, v);
    struct message out = address(d, kept);

    out.session = kept->session = m->session;
    out.ends = m->ends;
    if (m->epoch != 0)
        out.epoch = m->epoch;
    if (v->tx == NONE || v->type >= MSG_COMMIT)
        sim_after(w, VERB_DEADLINE_US,
                  (struct sim_event){
                      .kind = EV_VERB_TIMEOUT, .who = d->slot, .what = out.verb, .life = d->life});
    sim_net_send(w, &out);
}

void sim_door_answer_itself(struct sim_world *w, struct door *d, const struct verb *v,
                            enum store_status status)
{
    struct verb *kept = add_verb(w, d, v);
    struct message m = address(d, kept);

    kept->session = NO_SESSION;
    m.verb_type = m.type;
    m.type = MSG_REPLY;
    m.status = (uint8_t)status;
    sim_net_send_surely(w, &m);
}

static void answered(struct sim_world *w, struct door *d, struct verb *v, enum store_status status,
                     uint32_t listed)
{
    bool again = v->done;

    v->done = true;
    if (v->tx != NONE)
        sim_tx_reply(w, d, v, status, (enum store_outcome)listed);
    else if (!again)
        sim_recovery_reply(w, d, v, status, listed);
}

void sim_door_verb_timeout(struct sim_world *w, struct door *d, unsigned verb)
{
    struct verb *v = &d->verb[verb];

    if (v->done)
        return;
    if (v->session != NO_SESSION) /* closed, since its answer could be taken for another's */
        w->session[v->session].open_at_door = false;
    answered(w, d, v, STORE_UNKNOWN, 0);
}

static void session_lost(struct sim_world *w, struct door *d, uint16_t session)
{
    uint32_t life = d->life;

    w->session[session].open_at_door = false;
    for (unsigned i = 0; i < d->n_verbs && d->up && d->life == life; i++) {
        if (!d->verb[i].done && d->verb[i].session == session)
            answered(w, d, &d->verb[i], STORE_UNKNOWN, 0);
    }
}

/* --- hearing ---------------------------------------------------------------------------------- */

void sim_door_answer(struct sim_world *w, struct door *d, unsigned attempt, enum code code,
                     enum level level)
{
    struct attempt *a = &w->attempt[attempt];
    struct message m = {.type = MSG_ANSWER,
                        .slot = d->slot,
                        .session = NO_SESSION,
                        .attempt = (uint16_t)attempt,
                        .code = (uint8_t)code,
                        .outcome = OUTCOME_UNKNOWN,
                        .status = (uint8_t)level};

    if (++a->n_answers > 1)
        sim_violated(w, SIM_ONE_ANSWER, "t%u is answered twice", a->txn);
    sim_check_answer(w, a->txn, &m);
    sim_net_send_surely(w, &m);
}

static void answer_status(struct sim_world *w, struct door *d, unsigned attempt)
{
    struct attempt *a = &w->attempt[attempt];
    const struct known_request *known = requests_find(&d->requests, w->txn[a->txn].request);
    struct message m = {.type = MSG_ANSWER,
                        .slot = d->slot,
                        .session = NO_SESSION,
                        .attempt = (uint16_t)attempt,
                        .code = CODE_UNKNOWN,
                        .outcome = (uint8_t)(known ? known->outcome : OUTCOME_UNKNOWN)};

    a->n_answers++;
    sim_check_answer(w, a->txn, &m);
    sim_net_send_surely(w, &m);
}

void sim_door_takes(struct sim_world *w, struct door *d, const struct message *m)
{
    if (!d->up || d->life != m->door_life) /* its connection is gone */
        return;
    if (!sim_door_step(w, d))
        return;
    switch (m->type) {
    case MSG_SUBMIT:
        sim_tx_submit(w, d, m->attempt);
        break;
    case MSG_STATUS:
        answer_status(w, d, m->attempt);
        break;
    case MSG_REPLY:
        if (m->session == NO_SESSION || w->session[m->session].open_at_door)
            answered(w, d, &d->verb[m->verb], (enum store_status)m->status, m->listed);
        break;
    case MSG_RESET_DOOR:
        session_lost(w, d, m->session);
        break;
    default:
        assert(!"a message for a door");
    }
}
