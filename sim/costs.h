/*
 * costs.h - what a transaction costs under each presumption: forced writes and messages, counted in
 * runs, none of them computed.
 *
 * As built: the real twopc_core in the simulator (sim.h), on stores that are like PostgreSQL, in
 * lock order `parallel`, so that operations travel with PREPARE. The others, presumed.h: after the
 * books, for comparison.
 */
#ifndef SYNCBED_SIM_COSTS_H
#define SYNCBED_SIM_COSTS_H

#include "sim/sim.h"

#define COSTS_PARTICIPANTS_MIN 2
#define COSTS_PARTICIPANTS_MAX 4

enum costs_protocol {
    COSTS_PRESUMED_NOTHING,
    COSTS_PRESUMED_ABORT,
    COSTS_AS_BUILT, /* presumed abort by twopc_core */
    COSTS_PRESUMED_COMMIT,
    COSTS_PROTOCOLS
};

enum costs_case {
    COSTS_COMMIT,
    COSTS_ABORT,     /* all are prepared, and one vote does not reach the coordinator */
    COSTS_ONE_READS, /* commits; the last participant only reads */
    COSTS_CASES
};

struct costs {
    unsigned coordinator_forced;
    unsigned coordinator_lazy;   /* records that nobody waits for */
    unsigned participant_forced; /* by each that updates */
    unsigned reader_forced;      /* COSTS_ONE_READS: by the one that reads */
    unsigned messages; /* between coordinator and participants, both ways, lost ones too */
};

const char *costs_protocol_name(enum costs_protocol p); /* "presumed abort" */
const char *costs_case_name(enum costs_case c);         /* "one-reads" */

void costs_count(struct sim_world *w, enum costs_protocol protocol, enum costs_case which,
                 unsigned n_participants, struct costs *ret_costs);

#endif
