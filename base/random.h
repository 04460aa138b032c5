/*
 * random.h - splitmix64 (Steele, Lea, Flood, OOPSLA 2014): a seed gives the same sequence on every
 * machine. Not for secrets.
 */
#ifndef SYNCBED_BASE_RANDOM_H
#define SYNCBED_BASE_RANDOM_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

/* A stream of its own for each (seed, purpose), so that adding a draw here moves nothing there. */
struct rng rng_new(uint64_t seed, const char *purpose);

uint64_t rng_next(struct rng *rng);

/* Uniform in [0, n), without modulo bias; n above 0. */
uint64_t rng_below(struct rng *rng, uint64_t n);

/* Uniform in [0, 1). */
double rng_unit(struct rng *rng);

/* Exponentially distributed with this mean: the gaps of a Poisson process. */
double rng_exponential(struct rng *rng, double mean);

#endif
