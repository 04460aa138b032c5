/*
 * exhaustive.h - one transaction in every order: each message delivered or lost, the coordinator
 * and the stores crashing and starting again, timers whenever they may run, up to a number of
 * crashes and losses. The real cores, on a log that is a word: nothing, written, durable.
 */
#ifndef SYNCBED_SIM_EXHAUSTIVE_H
#define SYNCBED_SIM_EXHAUSTIVE_H

#include "coordinator/twopc_core.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exhaustive_options {
    unsigned n_stores; /* 2 or 3 */
    unsigned crashes_max, losses_max;
    uint64_t states_max; /* then it gives up */
    enum twopc_break broken;
};

struct exhaustive_result {
    uint64_t n_states;
    uint64_t n_ends; /* of them: nothing can happen any more */
    bool complete;   /* all were visited */
    bool violated;
    char text[160];
};

void sim_exhaustive(const struct exhaustive_options *options, struct exhaustive_result *ret_result);

#endif
