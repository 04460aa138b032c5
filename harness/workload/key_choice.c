/* Zipf: the k-th most popular of the keys has a weight of 1 / k^exponent. */
#include "harness/workload/key_choice.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

void key_choice_init(struct key_choice *choice, const struct workload *w)
{
    double sum = 0;

    *choice = (struct key_choice){.n = w->keys};
    if (!w->zipf)
        return;
    choice->cumulative = mem_alloc_array(w->keys, sizeof *choice->cumulative);
    for (unsigned k = 0; k < w->keys; k++) {
        sum += pow(k + 1.0, -w->zipf_exponent);
        choice->cumulative[k] = sum;
    }
    for (unsigned k = 0; k < w->keys; k++)
        choice->cumulative[k] /= sum;
}

void key_choice_done(struct key_choice *choice)
{
    free(choice->cumulative);
    *choice = (struct key_choice){0};
}

uint32_t key_choose(const struct key_choice *choice, struct rng *rng)
{
    double u = rng_unit(rng);
    uint32_t low = 0;
    uint32_t high = choice->n - 1;

    if (!choice->cumulative)
        return (uint32_t)(u * choice->n);
    while (low < high) { /* the first key whose cumulative probability is above u */
        uint32_t middle = low + (high - low) / 2;

        if (choice->cumulative[middle] > u)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
