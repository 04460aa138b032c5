/* two_phase_cases.h - who takes part in `bench 2pc`, under which loads, and against what bounds. */
#ifndef SYNCBED_HARNESS_BENCH_TWO_PHASE_CASES_H
#define SYNCBED_HARNESS_BENCH_TWO_PHASE_CASES_H

#include "harness/bench/bench.h"
#include "harness/bench/contest.h"

#define TWO_PHASE_LOADS 3

struct two_phase_case {
    const char *name; /* "default"; its scenarios are default/1 … */
    enum contender_kind kind;
    const char *mode;
    const char *floor, *peer; /* the names of the cases that it is compared with; "": none */
    const char *what;         /* for the table */
};

extern const unsigned two_phase_clients[TWO_PHASE_LOADS]; /* 1, 8, 32 */
extern const struct two_phase_case two_phase_cases[];
extern const unsigned two_phase_n_cases;

void two_phase_scenario(const struct two_phase_case *c, unsigned clients,
                        char ret_scenario[BENCH_NAME_SIZE]);

/* What the coordinator has to reach. */
struct two_phase_bound {
    const char *name; /* of the case */
    const char *metric;
    const char *against; /* "floor", "peer", or "": the number itself */
    bool at_most;
    double limit[TWO_PHASE_LOADS];
};
extern const struct two_phase_bound two_phase_bounds[];
extern const unsigned two_phase_n_bounds;

#endif
