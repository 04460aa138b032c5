/* key_choice.h - which key: uniform, or by Zipf's law. */
#ifndef SYNCBED_HARNESS_WORKLOAD_KEY_CHOICE_H
#define SYNCBED_HARNESS_WORKLOAD_KEY_CHOICE_H

#include "base/random.h"
#include "harness/workload/workload.h"

#include <stdint.h>

struct key_choice {
    unsigned n;
    double *cumulative; /* zipf: [k] is the probability of a key up to k; NULL: uniform */
};

void key_choice_init(struct key_choice *choice, const struct workload *workload);
void key_choice_done(struct key_choice *choice);

/* In [0, n); index 0 is the most popular. One draw. */
uint32_t key_choose(const struct key_choice *choice, struct rng *rng);

#endif
