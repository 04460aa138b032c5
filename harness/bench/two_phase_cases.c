/* Contenders, stages and bounds; see the header. */
#include "harness/bench/two_phase_cases.h"

#include <stdio.h>

#define FASTEST_SAFE_PEER "narayana-slots" /* of its stores that force what they write */

/* clang-format off */
#define USUAL        {1, 8, 32}
#define FEW_AND_MANY {1, 32, -1}
#define ALONE        {1, -1, -1}
#define SERVERS      {2, 4, 8}
#define HOT          {0, 1, 10}

const struct two_phase_case two_phase_cases[] = {
    {"default", STAGE_PLAIN, CONTENDER_IN_PROCESS, "default", "floor-l3", FASTEST_SAFE_PEER, USUAL,
     "answered when committed everywhere"},
    {"floor-l3", STAGE_PLAIN, CONTENDER_FLOOR, "l3", "", "", USUAL,
     "its floor: pipelined, group commit"},
    {"served", STAGE_PLAIN, CONTENDER_SERVED, "default", "floor-l3", FASTEST_SAFE_PEER, USUAL,
     "the same through `serve`"},
    {"early", STAGE_PLAIN, CONTENDER_IN_PROCESS, "early", "floor-z3", FASTEST_SAFE_PEER, USUAL,
     "answered when the decision is durable"},
    {"floor-z3", STAGE_PLAIN, CONTENDER_FLOOR, "z3", "", "", USUAL,
     "its floor: phase two piggybacked"},
    {"floor-c0", STAGE_PLAIN, CONTENDER_FLOOR, "c0", "", "", USUAL,
     "floor: decision in the first's commit"},
    {"floor-s1", STAGE_PLAIN, CONTENDER_FLOOR, "s1", "", "", USUAL,
     "floor: in sequence, a trip a statement"},
    {"floor-o0", STAGE_PLAIN, CONTENDER_FLOOR, "o0", "", "", USUAL,
     "two plain commits, not atomic"},
    {"narayana-slots", STAGE_PLAIN, CONTENDER_PEER, "narayana-slots", "", "", USUAL,
     "slot store, forced writes"},
    {"narayana-file", STAGE_PLAIN, CONTENDER_PEER, "narayana-file", "", "", USUAL,
     "a file a transaction, its default"},
    {"atomikos", STAGE_PLAIN, CONTENDER_PEER, "atomikos", "", "", USUAL,
     "its only store"},

    {"slow/default", STAGE_SLOW, CONTENDER_IN_PROCESS, "default", "slow/floor-l3",
     "slow/narayana-slots", FEW_AND_MANY, "as default"},
    {"slow/floor-l3", STAGE_SLOW, CONTENDER_FLOOR, "l3", "", "", FEW_AND_MANY, ""},
    {"slow/floor-z3", STAGE_SLOW, CONTENDER_FLOOR, "z3", "", "", FEW_AND_MANY, ""},
    {"slow/floor-h3", STAGE_SLOW, CONTENDER_FLOOR, "h3", "", "", FEW_AND_MANY,
     "phase two held for the next PREPARE's flush"},
    {"slow/narayana-slots", STAGE_SLOW, CONTENDER_PEER, "narayana-slots", "", "", FEW_AND_MANY, ""},
    {"slow/atomikos", STAGE_SLOW, CONTENDER_PEER, "atomikos", "", "", FEW_AND_MANY, ""},

    {"links/default", STAGE_LINKS, CONTENDER_IN_PROCESS, "default", "links/floor-l3", "", ALONE,
     "two round trips"},
    {"links/early", STAGE_LINKS, CONTENDER_IN_PROCESS, "early", "links/floor-z3", "", ALONE,
     "one: that to the decision"},
    {"links/floor-l3", STAGE_LINKS, CONTENDER_FLOOR, "l3", "", "", ALONE, ""},
    {"links/floor-z3", STAGE_LINKS, CONTENDER_FLOOR, "z3", "", "", ALONE, ""},

    {"participants", STAGE_PARTICIPANTS, CONTENDER_IN_PROCESS, "default", "participants-floor", "",
     SERVERS, "servers; 8 clients"},
    {"participants-floor", STAGE_PARTICIPANTS, CONTENDER_FLOOR, "l3", "", "", SERVERS, ""},

    {"contention", STAGE_CONTENTION, CONTENDER_IN_PROCESS, "default", "contention-floor", "", HOT,
     "% at one account; 32 clients"},
    {"contention-floor", STAGE_CONTENTION, CONTENDER_FLOOR, "l3", "", "", HOT, ""},
};
const unsigned two_phase_n_cases = sizeof two_phase_cases / sizeof *two_phase_cases;

#define NO_MORE {-1, 0}

const struct two_phase_bound two_phase_bounds[] = {
    {"default", "tps", "floor", false, {{1, 0.95}, {8, 0.95}, {32, 0.95}}},
    {"default", "p50_ms", "floor", true, {{1, 1.10}, {8, 1.10}, {32, 1.10}}},
    {"default", "tps", "peer", false, {{1, 1.8}, {8, 1.1}, {32, 1.15}}},
    {"early", "tps", "floor", false, {{1, 0.93}, {8, 0.93}, {32, 0.93}}},
    {"served", "tps", "floor", false, {{1, 0.85}, {8, 0.85}, {32, 0.85}}},
    {"default", "fsyncs_per_txn", "", true, {{1, 1.0}, {8, 0.5}, {32, 0.2}}},
    {"slow/default", "p50_ms", "", true, {{1, 4.1}, NO_MORE}},
    {"slow/default", "tps", "", false, {{32, 3700}, NO_MORE}},
    {"links/default", "p50_ms", "", true, {{1, 3.0}, NO_MORE}},
    {"links/early", "p50_ms", "", true, {{1, 2.0}, NO_MORE}},
    {"recovery", "from_log_ms", "", true, {{190, 300}, NO_MORE}},
    {"recovery", "from_start_ms", "", true, {{190, 1000}, NO_MORE}},
};
/* clang-format on */
const unsigned two_phase_n_bounds = sizeof two_phase_bounds / sizeof *two_phase_bounds;

void two_phase_scenario(const char *name, int number, char ret_scenario[BENCH_NAME_SIZE])
{
    (void)snprintf(ret_scenario, BENCH_NAME_SIZE, "%s/%d", name, number);
}
