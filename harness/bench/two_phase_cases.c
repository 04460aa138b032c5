/* Contenders and bounds; see the header. */
#include "harness/bench/two_phase_cases.h"

#include <stdio.h>

#define SAFEST_FAST_PEER                                                                           \
    "narayana-slots" /* the fastest of its stores that force what they write                       \
                      */

const unsigned two_phase_clients[TWO_PHASE_LOADS] = {1, 8, 32};

const struct two_phase_case two_phase_cases[] = {
    {"default", CONTENDER_IN_PROCESS, "default", "floor-l3", SAFEST_FAST_PEER,
     "answered when committed everywhere"},
    {"floor-l3", CONTENDER_FLOOR, "l3", "", "", "its floor: pipelined, group commit"},
    {"served", CONTENDER_SERVED, "default", "floor-l3", SAFEST_FAST_PEER,
     "the same through `serve`"},
    {"early", CONTENDER_IN_PROCESS, "early", "floor-z3", SAFEST_FAST_PEER,
     "answered when the decision is durable"},
    {"floor-z3", CONTENDER_FLOOR, "z3", "", "", "its floor: second phase piggybacked"},
    {"floor-c0", CONTENDER_FLOOR, "c0", "", "", "floor: decision in the first server's commit"},
    {"floor-s1", CONTENDER_FLOOR, "s1", "", "", "floor: a round trip a statement, in sequence"},
    {"floor-o0", CONTENDER_FLOOR, "o0", "", "", "two plain commits, not atomic"},
    {"narayana-slots", CONTENDER_PEER, "narayana-slots", "", "", "slot store, forced writes"},
    {"narayana-file", CONTENDER_PEER, "narayana-file", "", "", "a file a transaction, its default"},
    {"atomikos", CONTENDER_PEER, "atomikos", "", "", "its only store"},
};
const unsigned two_phase_n_cases = sizeof two_phase_cases / sizeof *two_phase_cases;

const struct two_phase_bound two_phase_bounds[] = {
    {"default", "tps", "floor", false, {0.95, 0.95, 0.95}},
    {"default", "p50_ms", "floor", true, {1.10, 1.10, 1.10}},
    {"default", "tps", "peer", false, {1.8, 1.1, 1.15}},
    {"early", "tps", "floor", false, {0.93, 0.93, 0.93}},
    {"served", "tps", "floor", false, {0.85, 0.85, 0.85}},
    {"default", "fsyncs_per_txn", "", true, {1.0, 0.5, 0.2}},
};
const unsigned two_phase_n_bounds = sizeof two_phase_bounds / sizeof *two_phase_bounds;

void two_phase_scenario(const struct two_phase_case *c, unsigned clients,
                        char ret_scenario[BENCH_NAME_SIZE])
{
    (void)snprintf(ret_scenario, BENCH_NAME_SIZE, "%s/%u", c->name, clients);
}
