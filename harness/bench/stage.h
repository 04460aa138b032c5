/*
 * stage.h - how servers and links are for some of the measurements of `bench 2pc`: as they are, on
 * a slow disk, behind slow links.
 */
#ifndef SYNCBED_HARNESS_BENCH_STAGE_H
#define SYNCBED_HARNESS_BENCH_STAGE_H

#include "harness/bench/contest.h"
#include "harness/bench/two_phase_cases.h"

#include <sys/types.h>

struct stage {
    struct two_servers servers;
    struct contest contest;
    char folder[64]; /* of what the servers have to be able to read; "": not made */
    char preload[128];
    pid_t relay; /* 0: none */
    int relay_input;
};

/* Start it; `folder` is for logs. Frees nothing on failure: call stage_end(). */
__attribute__((warn_unused_result)) int stage_begin(struct stage *stage, enum two_phase_stage which,
                                                    const char *folder, struct errctx *err);
void stage_end(struct stage *stage);

/* How many servers take part, under how many clients, in a scenario of this number. */
unsigned stage_clients(enum two_phase_stage which, int number);
void stage_set(struct stage *stage, enum two_phase_stage which, int number);

#endif
