/* splitmix64: see the header. */
#include "base/random.h"

#include <assert.h>
#include <math.h>

uint64_t rng_next(struct rng *rng)
{
    uint64_t z = (rng->state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct rng rng_new(uint64_t seed, const char *purpose)
{
    struct rng rng = {.state = seed};

    for (const char *c = purpose; *c; c++)
        rng.state = rng_next(&rng) ^ (unsigned char)*c;
    return rng;
}

uint64_t rng_below(struct rng *rng, uint64_t n)
{
    uint64_t limit, x;

    assert(n > 0);
    limit = UINT64_MAX - UINT64_MAX % n;
    do {
        x = rng_next(rng);
    } while (x >= limit);
    return x % n;
}

double rng_unit(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1.0p-53;
}

double rng_exponential(struct rng *rng, double mean)
{
    return -mean * log(1.0 - rng_unit(rng));
}
