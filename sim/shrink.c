/* Making a failing schedule smaller: see sim.h. */
#include "sim/sim.h"

/* Does it still break this property? */
static bool still(struct sim_world *w, uint64_t seed, const struct sim_options *options,
                  enum sim_property property)
{
    struct sim_result result;

    sim_run(w, seed, options, NULL, &result);
    return result.violation.found && result.violation.property == property;
}

/* Try without each bit of `*mask`, in turn, again and again until none can go. */
static unsigned drop_bits(struct sim_world *w, uint64_t seed, struct sim_options *options,
                          uint32_t *mask, enum sim_property property)
{
    unsigned n_runs = 0;
    bool smaller = true;

    while (smaller) {
        smaller = false;
        for (unsigned i = 0; i < 32; i++) {
            uint32_t before = *mask;

            if (!(before >> i & 1U))
                continue;
            *mask = before & ~(UINT32_C(1) << i);
            n_runs++;
            if (still(w, seed, options, property))
                smaller = true;
            else
                *mask = before;
        }
    }
    return n_runs;
}

unsigned sim_shrink(struct sim_world *w, uint64_t seed, struct sim_options *options)
{
    struct sim_result result;
    enum sim_property property;
    unsigned n_runs = 1;

    sim_run(w, seed, options, NULL, &result);
    if (!result.violation.found)
        return n_runs;
    property = result.violation.property;
    options->faults &= (UINT32_C(1) << SIM_FAULTS_MAX) - 1;
    options->txns &= (UINT32_C(1) << SIM_TXNS_MAX) - 1;
    n_runs += drop_bits(w, seed, options, &options->faults, property);
    n_runs += drop_bits(w, seed, options, &options->txns, property);
    n_runs += drop_bits(w, seed, options, &options->faults, property);
    return n_runs;
}
