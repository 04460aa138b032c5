/* Drawing a schedule, and saying it in words: see the header. */
#include "sim/schedule.h"

#include "base/random.h"

#include <stdio.h>

#define STORES_DRAWN_MAX 3

#define MS(n) (INT64_C(1000) * (n))
#define DAY   (INT64_C(86400) * 1000000)

const char *const sim_store_name[SIM_STORES_MAX] = {"pg1", "pg2", "pg3", "pg4"};
const char *const sim_door_name[SIM_DOORS] = {"serve1", "serve10"};

static unsigned below(struct rng *rng, unsigned n)
{
    return (unsigned)rng_below(rng, n);
}

static bool chance(struct rng *rng, unsigned one_in)
{
    return below(rng, one_in) == 0;
}

/* --- transactions ----------------------------------------------------------------------------- */

static void draw_txn(struct sim_schedule *s, struct sim_txn *t, struct rng *rng)
{
    uint32_t all = (UINT32_C(1) << s->n_stores) - 1;

    t->at_us = (int64_t)rng_below(rng, MS(12));
    t->door = below(rng, 4) == 0;
    t->stores = all;
    if (s->n_stores > 2 && chance(rng, 3))
        t->stores &= ~(UINT32_C(1) << below(rng, s->n_stores));
    t->readers = chance(rng, 4) ? t->stores & (UINT32_C(1) << below(rng, s->n_stores)) : 0;
    t->refused = chance(rng, 6) ? t->stores & (UINT32_C(1) << below(rng, s->n_stores)) : 0;
    for (unsigned i = 0; i < STORES_DRAWN_MAX; i++)
        t->key[i] = below(rng, 3);
    t->sent_again = chance(rng, 2);
}

/* --- faults ----------------------------------------------------------------------------------- */

static int64_t down_time(struct rng *rng)
{
    static const int64_t choice[] = {MS(2), MS(20), MS(300), MS(3000)};

    return choice[below(rng, 4)];
}

/* How often a kind is drawn. */
static const unsigned char weight[SIM_FAULT_KINDS] = {
    [SIM_LOSE] = 6,    [SIM_DELAY] = 5,     [SIM_REPEAT] = 4,   [SIM_RESET] = 5,
    [SIM_CUT] = 2,     [SIM_KILL] = 6,      [SIM_POWER] = 6,    [SIM_CRASH] = 8,
    [SIM_PAUSE] = 2,   [SIM_TAKE_OVER] = 3, [SIM_IO_FAILS] = 4, [SIM_IO_FULL] = 2,
    [SIM_IO_SLOW] = 2, [SIM_IO_KILLS] = 4,  [SIM_IO_POWER] = 6, [SIM_FLIP] = 1,
    [SIM_CLOCK] = 2,   [SIM_HAND] = 3,
};

static enum sim_fault_kind draw_kind(struct rng *rng)
{
    unsigned sum = 0, drawn;
    int kind = 0;

    for (int k = 0; k < SIM_FAULT_KINDS; k++)
        sum += weight[k];
    drawn = below(rng, sum);
    while (drawn >= weight[kind])
        drawn -= weight[kind++];
    return (enum sim_fault_kind)kind;
}

static void draw_fault(const struct sim_schedule *s, struct sim_fault *f, struct rng *rng)
{
    f->kind = draw_kind(rng);
    f->door = below(rng, 5) == 0;
    f->store = below(rng, s->n_stores);
    f->at_us = (int64_t)rng_below(rng, MS(16));
    f->delay_us = down_time(rng);
    f->nth = 1 + below(rng, 40);
    switch (f->kind) {
    case SIM_CRASH:
        f->nth = 1 + below(rng, 30);
        break;
    case SIM_IO_FAILS:
    case SIM_IO_FULL:
    case SIM_IO_SLOW:
    case SIM_IO_KILLS:
    case SIM_IO_POWER:
        f->nth = 1 + below(rng, 24);
        break;
    case SIM_CLOCK:
        f->delay_us = chance(rng, 2) ? DAY : -DAY;
        break;
    case SIM_REPEAT:
        if (chance(rng, 2))
            f->delay_us = (int64_t)rng_below(rng, 500);
        break;
    case SIM_LOSE:
    case SIM_DELAY:
    case SIM_RESET:
    case SIM_CUT:
    case SIM_KILL:
    case SIM_POWER:
    case SIM_PAUSE:
    case SIM_TAKE_OVER:
    case SIM_FLIP:
    case SIM_HAND:
    case SIM_FAULT_KINDS:
        break;
    }
}

void sim_schedule_draw(struct sim_schedule *s, uint64_t seed, unsigned n_stores)
{
    struct rng rng = rng_new(seed, "schedule");

    s->seed = seed;
    s->n_stores = n_stores > 0 ? n_stores : 2 + below(&rng, 2);
    s->lock_order = chance(&rng, 2) ? TWOPC_SORTED : TWOPC_PARALLEL;
    s->reply_rule = chance(&rng, 4) ? TWOPC_AFTER_DECISION : TWOPC_AFTER_PHASE_TWO;
    s->half_open = chance(&rng, 2);
    s->small_segments = chance(&rng, 2);
    s->n_txns = 1 + below(&rng, 3);
    for (unsigned i = 0; i < s->n_txns; i++)
        draw_txn(s, &s->txn[i], &rng);
    s->n_faults = below(&rng, 6);
    for (unsigned i = 0; i < s->n_faults; i++)
        draw_fault(s, &s->fault[i], &rng);
}

/* --- words ------------------------------------------------------------------------------------ */

static double ms(int64_t us)
{
    return (double)us / 1000;
}

void sim_fault_print(const struct sim_fault *f, char *ret_text, size_t size)
{
    const char *door = sim_door_name[f->door];
    const char *store = sim_store_name[f->store];
    static const char *const message[] = {[SIM_LOSE] = "is lost",
                                          [SIM_DELAY] = "is delayed",
                                          [SIM_REPEAT] = "comes twice",
                                          [SIM_RESET] = "is lost and the connection reset"};
    static const char *const call[] = {[SIM_IO_FAILS] = "fails",
                                       [SIM_IO_FULL] = "and the next ones find the disk full",
                                       [SIM_IO_SLOW] = "takes a second, if it is a sync",
                                       [SIM_IO_KILLS] = "is its last: it is killed",
                                       [SIM_IO_POWER] = "is a sync in which power is lost"};

    switch (f->kind) {
    case SIM_LOSE:
    case SIM_DELAY:
    case SIM_REPEAT:
    case SIM_RESET:
        (void)snprintf(ret_text, size, "message %u between %s and %s %s (%.0f ms)", f->nth, door,
                       store, message[f->kind], ms(f->delay_us));
        break;
    case SIM_CUT:
        (void)snprintf(ret_text, size,
                       "no message passes between %s and %s from %.1f ms, for %.0f ms", door, store,
                       ms(f->at_us), ms(f->delay_us));
        break;
    case SIM_KILL:
    case SIM_POWER:
        (void)snprintf(ret_text, size, "%s %s at its step %u, back after %.0f ms", door,
                       f->kind == SIM_KILL ? "is killed" : "loses power", f->nth, ms(f->delay_us));
        break;
    case SIM_CRASH:
        (void)snprintf(ret_text, size, "%s crashes at its step %u, back after %.0f ms", store,
                       f->nth, ms(f->delay_us));
        break;
    case SIM_PAUSE:
    case SIM_TAKE_OVER:
        (void)snprintf(ret_text, size, "%s stands still from %.1f ms, for %.0f ms%s", door,
                       ms(f->at_us), ms(f->delay_us),
                       f->kind == SIM_TAKE_OVER ? "; meanwhile another takes over" : "");
        break;
    case SIM_IO_FAILS:
    case SIM_IO_FULL:
    case SIM_IO_SLOW:
    case SIM_IO_KILLS:
    case SIM_IO_POWER:
        (void)snprintf(ret_text, size, "call %u of %s's disk %s", f->nth, door, call[f->kind]);
        break;
    case SIM_FLIP:
        (void)snprintf(ret_text, size, "a bit of %s's log flips at %.1f ms, and %s is killed", door,
                       ms(f->at_us), door);
        break;
    case SIM_HAND:
        (void)snprintf(ret_text, size, "at %.1f ms somebody %s what is in doubt at %s",
                       ms(f->at_us), f->nth % 2 ? "rolls back" : "commits", store);
        break;
    case SIM_CLOCK:
        (void)snprintf(ret_text, size, "%s's clock jumps a day %s at %.1f ms", door,
                       f->delay_us > 0 ? "forward" : "back", ms(f->at_us));
        break;
    case SIM_FAULT_KINDS:
        break;
    }
}

void sim_txn_print(const struct sim_schedule *s, unsigned i, char *ret_text, size_t size)
{
    const struct sim_txn *t = &s->txn[i];
    size_t used = (size_t)snprintf(ret_text, size, "t%u through %s at %.1f ms:", i,
                                   sim_door_name[t->door], ms(t->at_us));

    for (unsigned p = 0; p < s->n_stores && used < size; p++) {
        if (!(t->stores >> p & 1U))
            continue;
        used += (size_t)snprintf(ret_text + used, size - used, " %s %s/%c%s",
                                 t->readers >> p & 1U ? "reads" : "writes", sim_store_name[p],
                                 (char)('a' + t->key[p]), t->refused >> p & 1U ? " (refused)" : "");
    }
}
