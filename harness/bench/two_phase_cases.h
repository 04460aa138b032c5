/*
 * two_phase_cases.h - what `bench 2pc` measures: contenders under loads, on stages, and the bounds.
 *
 * A stage is how servers and links are for a while. The number in a scenario's name ("default/8",
 * "participants/4") is what varies there: the clients, unless the stage says otherwise.
 */
#ifndef SYNCBED_HARNESS_BENCH_TWO_PHASE_CASES_H
#define SYNCBED_HARNESS_BENCH_TWO_PHASE_CASES_H

#include "harness/bench/bench.h"
#include "harness/bench/contest.h"

#define TWO_PHASE_LOADS 3

enum two_phase_stage {
    STAGE_PLAIN,
    STAGE_SLOW,         /* every fsync takes 1 ms longer */
    STAGE_LINKS,        /* every round trip to a server takes 1 ms longer */
    STAGE_PARTICIPANTS, /* the number: servers that take part */
    STAGE_CONTENTION,   /* the number: transfers in a hundred that meet at one account */
    TWO_PHASE_STAGES
};

struct two_phase_case {
    const char *name; /* "default"; its scenarios are default/1 … */
    enum two_phase_stage stage;
    enum contender_kind kind;
    const char *mode;
    const char *floor, *peer;    /* the names of the cases that it is compared with; "": none */
    int number[TWO_PHASE_LOADS]; /* below 0: no more */
    const char *what;            /* for the table */
};

extern const struct two_phase_case two_phase_cases[];
extern const unsigned two_phase_n_cases;

void two_phase_scenario(const char *name, int number, char ret_scenario[BENCH_NAME_SIZE]);

/* What the coordinator has to reach. */
struct two_phase_bound {
    const char *name; /* of the case */
    const char *metric;
    const char *against; /* "floor", "peer", or "": the number itself */
    bool at_most;
    struct {
        int number; /* below 0: no more */
        double limit;
    } at[TWO_PHASE_LOADS];
};
extern const struct two_phase_bound two_phase_bounds[];
extern const unsigned two_phase_n_bounds;

#endif
