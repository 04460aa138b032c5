/*
 * schedule.h - what a simulated run is made of: transactions and faults, all drawn from one seed
 * before it begins. So a schedule can be made smaller: without this transaction, without that
 * fault.
 */
#ifndef SYNCBED_SIM_SCHEDULE_H
#define SYNCBED_SIM_SCHEDULE_H

#include "coordinator/twopc_core.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_STORES_MAX 4 /* drawn are 2 or 3 */
#define SIM_DOORS      2 /* coordinators: names and decision logs */
#define SIM_TXNS_MAX   6
#define SIM_FAULTS_MAX 8

enum sim_fault_kind {
    SIM_LOSE,  /* the nth message between door and store (either way) is lost, connection and all */
    SIM_DELAY, /* … comes later by delay_us */
    SIM_REPEAT,    /* … comes twice, the second time later by delay_us */
    SIM_RESET,     /* … is lost, and both ends see the connection reset; or it arrives, and
                      only the door sees it reset */
    SIM_CUT,       /* no message passes between door and store, from at_us for delay_us */
    SIM_KILL,      /* the door is killed after its nth step; restarted after delay_us */
    SIM_POWER,     /* … with its disk's cache */
    SIM_CRASH,     /* the store crashes at its nth step; restarted after delay_us */
    SIM_PAUSE,     /* the door stands still from at_us for delay_us */
    SIM_TAKE_OVER, /* … and meanwhile another process takes over its name and its disk */
    SIM_IO_FAILS,  /* the nth changing call of the door's disk fails */
    SIM_IO_FULL,   /* … and the next ones: disk full */
    SIM_IO_SLOW,   /* … takes a second, if it is a sync */
    SIM_IO_KILLS,  /* the door is killed at that call */
    SIM_IO_POWER,  /* it loses power while that call, a sync, is under way */
    SIM_FLIP,      /* at at_us a bit of the door's log flips, and the door is killed */
    SIM_CLOCK,     /* the door's clock jumps by delay_us at at_us */
    SIM_HAND,      /* at at_us somebody settles by hand the first branch in doubt at the store */
    SIM_FAULT_KINDS
};

struct sim_fault {
    enum sim_fault_kind kind;
    unsigned door, store;
    unsigned nth;
    int64_t at_us;
    int64_t delay_us;
};

struct sim_txn {
    int64_t at_us; /* when its client sends it */
    unsigned door;
    uint32_t stores;  /* bit i: at store i; two or more */
    uint32_t readers; /* of these: only read there */
    uint32_t refused; /* of these: the store will say no */
    unsigned key[SIM_STORES_MAX];
    bool sent_again; /* the client sends it again when it hears nothing, else asks for its status */
};

struct sim_schedule {
    uint64_t seed;
    unsigned n_stores;
    enum twopc_lock_order lock_order;
    enum twopc_reply_rule reply_rule;
    bool half_open;      /* a dying process's connections are seen to break by chance only */
    bool small_segments; /* as small as can be: a new one every few records */
    unsigned n_txns;
    struct sim_txn txn[SIM_TXNS_MAX];
    unsigned n_faults;
    struct sim_fault fault[SIM_FAULTS_MAX];
};

/* n_stores 0: drawn, too. `flips`: some schedules damage a log (then its door stays away). */
void sim_schedule_draw(struct sim_schedule *s, uint64_t seed, unsigned n_stores);

/* "serve1 is killed at its step 17, back after 20 ms" */
void sim_fault_print(const struct sim_fault *f, char *ret_text, size_t size);

/* "t1: pg1/a pg2/b through serve1 at 0.5 ms" */
void sim_txn_print(const struct sim_schedule *s, unsigned i, char *ret_text, size_t size);

extern const char *const sim_store_name[SIM_STORES_MAX];
extern const char *const sim_door_name[SIM_DOORS]; /* the second begins with the first */

#endif
