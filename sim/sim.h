/*
 * sim.h - two-phase commit under virtual time: what the rest of syncbed sees of this folder.
 *
 * A *schedule* (schedule.h) is a handful of transactions and faults drawn from one seed. A run
 * carries it out in virtual time on one thread: the real cores (twopc_core, recovery_core), the
 * real decision log on a simulated disk, key queues and request table, against stores that are a
 * small precise model of PostgreSQL as a participant, over a network that loses, delays, repeats
 * and resets. Then everything is mended and has to come to rest, and all that can be said of the
 * outcome is checked. The same seed gives the same run, event by event.
 *
 * In reading order:
 *   schedule.h      what happens: transactions, faults
 *   world.h         who is there: doors (coordinators), stores, clients, and what is in flight
 *   store*.c, door*.c, client.c, network.c   what each of them does
 *   properties.c    what must hold
 *   disk.h          a disk that forgets
 *   shrink.c        a failing schedule made as small as it goes
 *   exhaustive.h    small cases in every order
 *   costs.h         presumed abort, nothing and commit compared
 */
#ifndef SYNCBED_SIM_SIM_H
#define SYNCBED_SIM_SIM_H

#include "coordinator/twopc_core.h"
#include "sim/schedule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SIM_TEXT_SIZE 320

/* What must hold. R1 to R6: the rules of presumed abort, docs/simulator.md. */
enum sim_property {
    SIM_R1_LOG_DECIDES,
    SIM_R2_ANSWER_AFTER_LOG,
    SIM_R3_KEPT_UNTIL_ACKNOWLEDGED,
    SIM_R4_NEVER_BY_TIME,
    SIM_R5_FENCED_FIRST,
    SIM_R6_RECOVERY_REPEATS,
    SIM_AGREEMENT,
    SIM_VALIDITY,
    SIM_DURABILITY,
    SIM_NOTHING_IN_DOUBT,
    SIM_ONE_ANSWER,
    SIM_ONCE,
    SIM_READ_LOCKS,
    SIM_HEURISTIC_TOLD,
    SIM_LOG_READABLE,
    SIM_COMES_TO_REST,
    SIM_PROPERTIES
};

const char *sim_property_name(enum sim_property p);     /* "R1" … "agreement" */
const char *sim_property_sentence(enum sim_property p); /* what must hold */

/* Mistakes to build in. Those of the core are its own (twopc_core.h); the others are made by the
 * simulator in place of the driver, the log or the store. */
enum sim_break {
    SIM_NO_BREAK,
    SIM_BREAK_LOG_NOT_FORCED,
    SIM_BREAK_REPLY_WHEN_QUEUED,
    SIM_BREAK_ABORT_WHILE_LOGGING,
    SIM_BREAK_END_BEFORE_COMMIT,
    SIM_BREAK_END_AFTER_FIRST_ACK,
    SIM_BREAK_ABORT_BY_AGE,
    SIM_BREAK_PREFIX_OWNER,
    SIM_BREAK_ANY_EPOCH,
    SIM_BREAK_NO_SESSION_FENCE,
    SIM_BREAK_LATE_PREPARE,
    SIM_BREAK_FSYNC_RETRIED,
    SIM_BREAK_FOLDER_NOT_SYNCED,
    SIM_BREAK_TORN_TAIL_TAKEN,
    SIM_BREAK_DAMAGE_SKIPPED,
    SIM_BREAK_EPOCH_NOT_LOGGED,
    SIM_BREAK_PREPARE_RESENT,
    SIM_BREAK_VOTE_COUNTED_TWICE,
    SIM_BREAK_READER_RELEASED_EARLY,
    SIM_BREAK_ROLLBACK_NOT_RETRIED,
    SIM_BREAK_COMMIT_NOT_RETRIED,
    SIM_BREAK_REQUEST_FORGOTTEN,
    SIM_BREAK_RECOVERY_LISTS_ONCE,
    SIM_BREAK_NOTA_IS_COMMITTED,
    SIM_BREAKS
};

struct sim_options {
    unsigned n_stores; /* 0: 2 or 3, drawn */
    enum twopc_break core_break;
    enum sim_break own_break;
    /* What of the schedule takes part: bit i. All, unless it is being made smaller. */
    uint32_t txns, faults;
};

struct sim_violation {
    bool found;
    enum sim_property property;
    int64_t at_us;
    char text[SIM_TEXT_SIZE];
};

/* What the transactions cost; what recovery and clients send is not counted. */
struct sim_costs {
    unsigned n_messages;             /* between coordinators and stores, both ways, lost ones too */
    unsigned coordinator_forced;     /* syncs of the log for decisions */
    unsigned coordinator_lazy;       /* ENDs */
    unsigned forced[SIM_STORES_MAX]; /* flushes of each store */
    unsigned n_prepared;             /* branches */
};

struct sim_result {
    struct sim_violation violation;
    unsigned n_events;
    unsigned n_committed, n_aborted; /* transactions */
    unsigned n_faults;               /* that have struck */
    uint32_t struck;                 /* their kinds: bits */
    struct sim_costs costs;
    uint64_t digest; /* of all events in order: equal runs have equal ones */
};

struct sim_world;

struct sim_world *sim_world_new(void);
void sim_world_free(struct sim_world *w); /* NULL is fine */

/* Run the schedule of `seed`. `trace` may be NULL; else the run in words, and drawn. */
void sim_run(struct sim_world *w, uint64_t seed, const struct sim_options *options, FILE *trace,
             struct sim_result *ret_result);

/* The same of a schedule made by hand; `options->n_stores` counts for nothing. */
void sim_run_schedule(struct sim_world *w, const struct sim_schedule *schedule,
                      const struct sim_options *options, FILE *trace,
                      struct sim_result *ret_result);

/*
 * Make a failing schedule smaller while it still breaks the same property: without a fault, without
 * a transaction, with two stores. Changes `options`; returns how many runs that took.
 */
unsigned sim_shrink(struct sim_world *w, uint64_t seed, struct sim_options *options);

/* --- mutants ---------------------------------------------------------------------------------- */

struct sim_mutant {
    const char *name; /* "forget-early" */
    const char *sentence;
    enum twopc_break core_break;
    enum sim_break own_break;
    uint32_t properties; /* that notice it: bit of each */
};

extern const struct sim_mutant sim_mutant[];
unsigned sim_mutant_count(void);
const struct sim_mutant *sim_mutant_find(const char *name); /* or NULL */

#endif
