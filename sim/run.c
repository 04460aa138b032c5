/*
 * One run: what the schedule says happens, then everything is mended and has to come to rest; then
 * every coordinator is started once more, and nothing may change.
 */
#include "base/mem.h"
#include "sim/world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN_US  MS(5)    /* recovery of the first incarnations is over by then */
#define MENDED_US MS(7000) /* from then on nothing fails any more */

int64_t sim_draw(struct sim_world *w, int64_t from, int64_t range)
{
    return from + (int64_t)((rng_next(&w->rng) >> 32) * (uint64_t)range >> 32);
}

bool sim_chance(struct sim_world *w, unsigned one_in)
{
    return sim_draw(w, 0, one_in) == 0;
}

unsigned sim_ghost_of(const struct sim_world *w, const char *gid)
{
    unsigned i = 0;

    while (i < w->n_ghosts && strcmp(w->ghost[i].gid, gid) != 0)
        i++;
    return i;
}

void sim_struck(struct sim_world *w, const struct sim_fault *f)
{
    w->result->n_faults++;
    w->result->struck |= UINT32_C(1) << f->kind;
}

void sim_after(struct sim_world *w, int64_t delay_us, struct sim_event ev)
{
    ev.at_us = w->now_us + delay_us;
    if (!event_queue_add(&w->queue, ev))
        sim_violated(w, SIM_COMES_TO_REST, "more than %d events are waiting", SIM_EVENTS_MAX);
}

/* --- faults that come at a time --------------------------------------------------------------- */

static void resume(struct sim_world *w, struct door *d)
{
    if (d->paused && w->trace)
        sim_trace_door(w, d->slot, "goes on");
    d->paused = false;
}

static void pause(struct sim_world *w, struct door *d, const struct sim_fault *f)
{
    if (!d->up || d->paused)
        return;
    if (w->trace)
        sim_trace_door(w, d->slot, "stands still");
    d->paused = true;
    d->resumes_us = w->now_us + f->delay_us;
    sim_after(w, f->delay_us,
              (struct sim_event){.kind = EV_DOOR_RESUMES, .who = d->slot, .life = d->life});
    if (f->kind == SIM_TAKE_OVER)
        sim_after(w, f->delay_us / 3, (struct sim_event){.kind = EV_DOOR_STARTS, .who = d->name});
}

static void flip(struct sim_world *w, struct door *d, const struct sim_fault *f)
{
    for (unsigned i = 0; i < w->n_ghosts; i++)
        (void)sim_decided(w, i);
    if (!sim_disk_flip(&w->name[d->name].disk, w->now_us))
        return;
    w->name[d->name].flipped = true;
    if (d->up)
        sim_door_dies(w, d, false, f->delay_us);
}

static bool is_timer(uint8_t kind)
{
    return kind == EV_TX_TIMER || kind == EV_TX_RETRY || kind == EV_VERB_TIMEOUT ||
           kind == EV_RECOVERY_RETRY;
}

/* Its timers are due by its own clock. */
static void jump(struct sim_world *w, const struct door *d, int64_t by_us)
{
    for (unsigned i = 0; i < w->queue.n; i++) {
        struct sim_event *ev = &w->queue.heap[i];

        if (!is_timer(ev->kind) || ev->who != d->slot || ev->life != d->life)
            continue;
        ev->at_us -= by_us;
        if (ev->at_us < w->now_us)
            ev->at_us = w->now_us;
    }
    event_queue_reorder(&w->queue);
    if (w->trace)
        sim_trace_door(w, d->slot, "'s clock jumps");
}

static void strike(struct sim_world *w, const struct sim_fault *f)
{
    struct door *d = &w->door[w->name[f->door].owner];

    if (w->healed)
        return;
    sim_struck(w, f);
    if (f->kind == SIM_CUT)
        w->cut_until_us[f->door][f->store] = w->now_us + f->delay_us;
    else if (f->kind == SIM_PAUSE || f->kind == SIM_TAKE_OVER)
        pause(w, d, f);
    else if (f->kind == SIM_FLIP)
        flip(w, d, f);
    else if (f->kind == SIM_CLOCK)
        jump(w, d, f->delay_us);
    else if (f->kind == SIM_HAND)
        sim_part_by_hand(w, f->store, f->nth % 2 == 0);
}

/* --- events ----------------------------------------------------------------------------------- */

static bool for_door(const struct message *m)
{
    return m->type == MSG_SUBMIT || m->type == MSG_STATUS || m->type == MSG_REPLY ||
           m->type == MSG_RESET_DOOR;
}

static void deliver(struct sim_world *w, const struct sim_event *ev)
{
    struct message *m = &w->message[ev->what];
    struct door *d = &w->door[m->slot];

    if (for_door(m) && d->paused && d->life == m->door_life) {
        sim_after(w, d->resumes_us - w->now_us, *ev);
        return;
    }
    if (w->trace)
        sim_trace_message(w, m, NULL);
    if (for_door(m))
        sim_door_takes(w, d, m);
    else if (m->type == MSG_ANSWER)
        sim_client_hears(w, m);
    else if (m->type == MSG_RESET_STORE)
        sim_part_reset_by_door(w, m->session);
    else
        sim_part_takes(w, m);
}

/* Of a door's process: its timers, its log. */
static void happen_at_door(struct sim_world *w, const struct sim_event *ev)
{
    struct door *d = &w->door[ev->who];

    if (!d->up || d->life != ev->life)
        return;
    if (ev->kind == EV_DOOR_RESUMES) {
        resume(w, d);
        return;
    }
    if (d->paused) {
        sim_after(w, d->resumes_us - w->now_us, *ev);
        return;
    }
    switch (ev->kind) {
    case EV_TX_BEGINS:
        sim_tx_begins(w, d, &d->tx[ev->what]);
        break;
    case EV_TX_TIMER:
        if (d->tx[ev->what].timer == ev->more)
            sim_tx_timer(w, d, &d->tx[ev->what]);
        break;
    case EV_TX_RETRY:
        if (d->tx[ev->what].state == TX_RUNNING)
            sim_tx_feed(w, d, &d->tx[ev->what],
                        (struct twopc_event){.type = TWOPC_EV_RETRY, .participant = ev->more});
        break;
    case EV_VERB_TIMEOUT:
        sim_door_verb_timeout(w, d, ev->what);
        break;
    case EV_RECOVERY_RETRY:
        if (d->recovery_timer[ev->what] == ev->more)
            sim_recovery_event(
                w, d, (struct recovery_event){.type = RECOVERY_EV_RETRY, .participant = ev->what});
        break;
    case EV_LOG_OPENED:
        sim_door_log_opened(w, d);
        break;
    case EV_LOG_WRITTEN:
        sim_door_log_written(w, d);
        break;
    case EV_POWER_LOST:
        sim_door_dies(w, d, true, MS(20));
        break;
    case EV_KILLED:
        sim_door_dies(w, d, false, MS(20));
        break;
    case EV_SWEEP:
        sim_recovery_sweep_by_age(w, d);
        break;
    default:
        assert(!"an event of a door");
    }
}

static void happen_at_store(struct sim_world *w, const struct sim_event *ev)
{
    if (w->store[ev->who].life != ev->life)
        return;
    if (ev->kind == EV_STORE_STARTS)
        sim_part_starts(w, ev->who);
    else if (ev->kind == EV_FLUSHED)
        sim_part_flushed(w, ev->who, ev->what);
    else
        sim_part_lock_timeout(w, ev->who, ev->what, ev->more);
}

static void happen(struct sim_world *w, const struct sim_event *ev)
{
    switch (ev->kind) {
    case EV_CLIENT_SENDS:
        sim_client_sends(w, ev->who);
        break;
    case EV_CLIENT_TIMEOUT:
        sim_client_timeout(w, ev->what);
        break;
    case EV_MESSAGE:
        deliver(w, ev);
        break;
    case EV_DOOR_STARTS:
        sim_door_starts(w, ev->who);
        break;
    case EV_FAULT:
        strike(w, &w->schedule.fault[ev->what]);
        break;
    case EV_FLUSHED:
    case EV_LOCK_TIMEOUT:
    case EV_STORE_STARTS:
        happen_at_store(w, ev);
        break;
    default:
        happen_at_door(w, ev);
    }
}

static void digest(struct sim_result *r, const struct sim_event *ev)
{
    r->digest = (r->digest ^ (uint64_t)ev->at_us ^ (uint64_t)ev->kind << 40 ^
                 (uint64_t)ev->who << 48 ^ (uint64_t)ev->what << 56) *
                UINT64_C(0x9e3779b97f4a7c15);
}

static void go_on_until(struct sim_world *w, int64_t until_us)
{
    struct sim_result *r = w->result;

    while (w->queue.n > 0 && w->queue.heap[0].at_us < until_us && !r->violation.found) {
        struct sim_event ev = event_queue_take(&w->queue);

        assert(ev.at_us >= w->now_us);
        w->now_us = ev.at_us;
        digest(r, &ev);
        if (++r->n_events > EVENTS_LIMIT)
            sim_violated(w, SIM_COMES_TO_REST, "it goes on and on");
        happen(w, &ev);
    }
}

/* --- phases ----------------------------------------------------------------------------------- */

static bool concerned(const struct sim_world *w, unsigned name)
{
    for (unsigned i = 0; i < w->schedule.n_txns; i++) {
        if (w->options.txns >> i & 1U && w->schedule.txn[i].door == name)
            return true;
    }
    return false;
}

static enum disk_fault disk_fault_of(enum sim_fault_kind kind)
{
    static const enum disk_fault fault[SIM_FAULT_KINDS] = {[SIM_IO_FAILS] = DISK_FAILS,
                                                           [SIM_IO_FULL] = DISK_FULL,
                                                           [SIM_IO_SLOW] = DISK_SLOW,
                                                           [SIM_IO_KILLS] = DISK_KILLS,
                                                           [SIM_IO_POWER] = DISK_LOSES_POWER};

    return fault[kind];
}

/* Faults that wait for their n-th message or step are looked for when it comes. */
static void arm(struct sim_world *w, unsigned i)
{
    const struct sim_fault *f = &w->schedule.fault[i];
    struct sim_disk *disk = &w->name[f->door].disk;
    enum disk_fault at_disk = disk_fault_of(f->kind);

    if (at_disk != DISK_SOUND) {
        disk->fault = at_disk;
        disk->fault_at = f->nth;
        disk->n_faults = f->kind == SIM_IO_FULL ? 6 : 1;
    } else if (f->kind == SIM_CUT || f->kind == SIM_PAUSE || f->kind == SIM_TAKE_OVER ||
               f->kind == SIM_FLIP || f->kind == SIM_CLOCK || f->kind == SIM_HAND) {
        sim_after(w, BEGIN_US + f->at_us,
                  (struct sim_event){.kind = EV_FAULT, .what = (uint16_t)i});
    }
}

static void make_txn(struct sim_world *w, unsigned i)
{
    const struct sim_txn *s = &w->schedule.txn[i];
    struct txn *t = &w->txn[i];

    (void)snprintf(t->request, sizeof t->request, "t%u", i);
    t->n_ops = 0;
    for (unsigned p = 0; p < w->schedule.n_stores; p++) {
        struct op *op = &t->op[t->n_ops];

        if (!(s->stores >> p & 1U))
            continue;
        t->n_ops++;
        op->kind = s->readers >> p & 1U ? OP_READ : OP_WRITE;
        memcpy(op->store, sim_store_name[p], strlen(sim_store_name[p]) + 1);
        op->key[0] = (char)('a' + s->key[p]);
        op->key[1] = '\0';
    }
}

static void make_world(struct sim_world *w)
{
    w->rng = rng_new(w->schedule.seed, "world");
    w->disk_rng = rng_new(w->schedule.seed, "disk");
    w->now_us = 0;
    w->healed = false;
    event_queue_init(&w->queue);
    w->n_messages = 1; /* 0: none */
    w->n_sessions = w->n_ghosts = w->n_attempts = 0;
    memset(w->links, 0, sizeof w->links);
    memset(w->cut_until_us, 0, sizeof w->cut_until_us);
    memset(w->client, 0, sizeof w->client);
    for (unsigned i = 0; i < SIM_STORES_MAX; i++)
        w->store[i] = (struct sim_store){.up = true, .ended_us = {-1, -1}};
    for (unsigned i = 0; i < SIM_DOORS; i++) {
        struct name *n = &w->name[i];

        sim_disk_init(&n->disk, &w->disk_rng);
        n->disk.retries_sync = sim_broken(w, SIM_BREAK_FSYNC_RETRIED);
        n->disk.folder_lies = sim_broken(w, SIM_BREAK_FOLDER_NOT_SYNCED);
        n->owner = (uint8_t)(2 * i);
        n->refused = n->flipped = false;
        n->steps = 0;
        n->epoch_max = 0;
    }
}

static void set_out(struct sim_world *w)
{
    for (unsigned i = 0; i < w->schedule.n_txns; i++) {
        make_txn(w, i);
        if (w->options.txns >> i & 1U)
            sim_after(w, BEGIN_US + w->schedule.txn[i].at_us,
                      (struct sim_event){.kind = EV_CLIENT_SENDS, .who = (uint8_t)i});
    }
    for (unsigned i = 0; i < w->schedule.n_faults; i++) {
        if (w->options.faults >> i & 1U)
            arm(w, i);
    }
    for (unsigned i = 0; i < SIM_DOORS; i++) {
        if (concerned(w, i))
            sim_after(w, 0, (struct sim_event){.kind = EV_DOOR_STARTS, .who = (uint8_t)i});
        else
            w->name[i].refused = true; /* nobody needs it */
    }
}

static void mend(struct sim_world *w)
{
    if (w->now_us < MENDED_US)
        w->now_us = MENDED_US;
    if (w->trace)
        sim_trace_all(w, "from here on nothing fails any more");
    w->healed = true;
    memset(w->cut_until_us, 0, sizeof w->cut_until_us);
    for (unsigned i = 0; i < SIM_DOORS; i++)
        w->name[i].disk.fault = DISK_SOUND;
    for (unsigned i = 0; i < SLOTS_MAX; i++)
        resume(w, &w->door[i]);
    for (unsigned i = 0; i < w->schedule.n_stores; i++)
        sim_part_starts(w, i);
    for (unsigned i = 0; i < w->schedule.n_txns; i++) {
        if (w->options.txns >> i & 1U)
            sim_after(w, MS(100), (struct sim_event){.kind = EV_CLIENT_SENDS, .who = (uint8_t)i});
    }
}

static void end_all(struct sim_world *w)
{
    for (unsigned i = 0; i < SLOTS_MAX; i++) {
        struct door *d = &w->door[i];

        if (d->up)
            sim_door_free(w, d);
        d->up = d->open = d->paused = false;
        d->life++;
    }
}

/* R6: every coordinator once more, from what its log says. */
static void recover_again(struct sim_world *w)
{
    uint64_t before = sim_outcome_digest(w);

    if (w->trace)
        sim_trace_all(w, "and every coordinator is killed and started once more");
    for (unsigned i = 0; i < SLOTS_MAX; i++) {
        if (w->door[i].up)
            sim_door_dies(w, &w->door[i], false, MS(1));
    }
    go_on_until(w, INT64_MAX);
    if (w->result->violation.found)
        return;
    if (sim_outcome_digest(w) != before)
        sim_violated(w, SIM_R6_RECOVERY_REPEATS, "a second recovery changed an outcome");
    sim_check_at_rest(w);
}

static void count(struct sim_world *w)
{
    for (unsigned i = 0; i < w->schedule.n_faults; i++) {
        const struct sim_fault *f = &w->schedule.fault[i];

        if (w->options.faults >> i & 1U && disk_fault_of(f->kind) != DISK_SOUND &&
            w->name[f->door].disk.hit)
            sim_struck(w, f);
    }
    for (unsigned i = 0; i < w->schedule.n_txns; i++) {
        bool committed = false;

        for (unsigned k = 0; k < w->n_ghosts; k++)
            committed |= w->ghost[k].txn == i && w->ghost[k].decided;
        w->result->n_committed += committed;
        w->result->n_aborted += !committed && w->options.txns >> i & 1U;
    }
}

static void carry_out(struct sim_world *w, const struct sim_options *options, FILE *trace,
                      struct sim_result *ret_result)
{
    *ret_result = (struct sim_result){.digest = w->schedule.seed};
    w->options = *options;
    w->result = ret_result;
    w->trace = trace;
    make_world(w);
    if (w->trace)
        sim_trace_begin(w);
    set_out(w);
    go_on_until(w, MENDED_US);
    if (!ret_result->violation.found)
        mend(w);
    go_on_until(w, INT64_MAX);
    if (!ret_result->violation.found)
        sim_check_at_rest(w);
    if (!ret_result->violation.found)
        recover_again(w);
    count(w);
    end_all(w);
}

void sim_run(struct sim_world *w, uint64_t seed, const struct sim_options *options, FILE *trace,
             struct sim_result *ret_result)
{
    sim_schedule_draw(&w->schedule, seed, options->n_stores);
    carry_out(w, options, trace, ret_result);
}

void sim_run_schedule(struct sim_world *w, const struct sim_schedule *schedule,
                      const struct sim_options *options, FILE *trace, struct sim_result *ret_result)
{
    w->schedule = *schedule;
    carry_out(w, options, trace, ret_result);
}

struct sim_world *sim_world_new(void)
{
    struct sim_world *w = mem_alloc(sizeof *w);

    for (unsigned i = 0; i < SLOTS_MAX; i++) {
        w->door[i].slot = (uint8_t)i;
        w->door[i].name = (uint8_t)(i / 2);
        key_queue_init(&w->door[i].keys);
    }
    for (unsigned i = 0; i < SIM_DOORS; i++)
        w->name[i].io = sim_disk_io(&w->name[i].disk);
    return w;
}

void sim_world_free(struct sim_world *w)
{
    free(w);
}
