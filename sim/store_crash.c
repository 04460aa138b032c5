/*
 * What happens to a store: it crashes at a step, and starts again; somebody settles by hand what is
 * in doubt there.
 */
#include "sim/world.h"

/* What a crash leaves of a branch. */
static void crash_branch(struct sim_world *w, unsigned ghost, unsigned store)
{
    struct branch *b = &w->ghost[ghost].at[store];

    switch (b->state) {
    case BRANCH_WAITING:
    case BRANCH_EXECUTED:
        w->ghost[ghost].read_lost |= b->reads;
        b->state = BRANCH_NONE;
        break;
    case BRANCH_PREPARING:
        b->state = sim_chance(w, 2) ? BRANCH_PREPARED : BRANCH_NONE;
        if (b->state == BRANCH_PREPARED)
            sim_check_prepared(w, ghost, store);
        break;
    case BRANCH_COMMITTING:
        b->state = sim_chance(w, 2) ? BRANCH_COMMITTED : BRANCH_PREPARED;
        break;
    case BRANCH_ROLLING_BACK:
        b->state = sim_chance(w, 2) ? BRANCH_ROLLED_BACK : BRANCH_PREPARED;
        break;
    default:
        break;
    }
}

static void store_crash(struct sim_world *w, unsigned store, int64_t down_us)
{
    struct sim_store *st = &w->store[store];

    st->mute = false;
    if (!st->up)
        return;
    if (w->trace)
        sim_trace_store(w, store, "crashes");
    st->up = false;
    st->life++;
    for (unsigned i = 0; i < w->n_ghosts; i++)
        crash_branch(w, i, store);
    sim_net_store_died(w, store);
    sim_after(w, down_us,
              (struct sim_event){.kind = EV_STORE_STARTS, .who = (uint8_t)store, .life = st->life});
}

/* The crash that strikes at this step, or NULL. */
static const struct sim_fault *crash_of(struct sim_world *w, unsigned store)
{
    unsigned step = ++w->store[store].steps;

    for (unsigned i = 0; i < w->schedule.n_faults && !w->healed; i++) {
        const struct sim_fault *f = &w->schedule.fault[i];

        if (w->options.faults >> i & 1U && f->kind == SIM_CRASH && f->store == store &&
            f->nth == step)
            return f;
    }
    return NULL;
}

bool sim_part_begin_step(struct sim_world *w, unsigned store, const struct sim_fault **ret_crash)
{
    const struct sim_fault *f = crash_of(w, store);

    *ret_crash = f;
    if (!f)
        return true;
    sim_struck(w, f);
    if (f->at_us % 2 == 0) {
        store_crash(w, store, f->delay_us);
        return false;
    }
    w->store[store].mute = true;
    return true;
}

void sim_part_end_step(struct sim_world *w, unsigned store, const struct sim_fault *crash)
{
    if (crash)
        store_crash(w, store, crash->delay_us);
}

void sim_part_starts(struct sim_world *w, unsigned store)
{
    if (w->store[store].up)
        return;
    w->store[store].up = true;
    if (w->trace)
        sim_trace_store(w, store, "is back");
}

/* --- by hand ---------------------------------------------------------------------------------- */

void sim_part_by_hand(struct sim_world *w, unsigned store, bool commit)
{
    for (unsigned i = 0; i < w->n_ghosts; i++) {
        struct branch *b = &w->ghost[i].at[store];

        if (b->state != BRANCH_PREPARED || !w->store[store].up)
            continue;
        b->state = commit ? BRANCH_COMMITTED : BRANCH_ROLLED_BACK;
        b->by_hand = true;
        if (w->trace)
            sim_trace_store(w, store, "somebody %s %s by hand", commit ? "commits" : "rolls back",
                            w->ghost[i].gid);
        sim_part_pass_locks_on(w, store);
        return;
    }
}
