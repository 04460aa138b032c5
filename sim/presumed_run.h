/*
 * presumed_run.h - one transaction under a presumption (presumed.h), carried out: messages one
 * after the other, a log that loses in a crash what was not forced, a coordinator that crashes
 * where it is told to and starts again, participants that ask when they are in doubt. Counts what
 * it costs.
 */
#ifndef SYNCBED_SIM_PRESUMED_RUN_H
#define SYNCBED_SIM_PRESUMED_RUN_H

#include "sim/presumed.h"

#include <stdbool.h>
#include <stdint.h>

#define PRESUMED_CRASHES_MAX 2

struct presumed_case {
    struct presumed_rules rules;
    unsigned n_participants;
    uint32_t readers;                        /* bit of each */
    bool vote_lost;                          /* the last participant's: the coordinator aborts */
    unsigned crash_at[PRESUMED_CRASHES_MAX]; /* before this action of the coordinator, counted
                                                from 1 through all its lives; 0: none */
    bool kept; /* in a crash what was written and not forced is durable by chance */
};

struct presumed_result {
    unsigned n_messages; /* sent, lost ones as well */
    unsigned coordinator_forced, coordinator_lazy;
    unsigned forced[PRESUMED_PARTICIPANTS_MAX];
    unsigned n_actions; /* of the coordinator */
    bool committed;     /* the COMMITTED record was durable */
    bool agreed; /* all is at rest, nobody in doubt, and each that updates has ended so, or else
                    has not committed */
};

void presumed_run(const struct presumed_case *what, struct presumed_result *ret_result);

#endif
