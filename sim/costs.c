/* What a transaction costs under each presumption, counted in runs: see the header. */
#include "sim/costs.h"

#include "sim/presumed_run.h"

#include <assert.h>

#define LINK_MESSAGES_MAX 32 /* more than a start and one transaction send over a link */

const char *costs_protocol_name(enum costs_protocol p)
{
    static const char *const names[COSTS_PROTOCOLS] = {
        [COSTS_PRESUMED_NOTHING] = "presumed nothing",
        [COSTS_PRESUMED_ABORT] = "presumed abort",
        [COSTS_AS_BUILT] = "presumed abort, as built",
        [COSTS_PRESUMED_COMMIT] = "presumed commit"};

    return names[p];
}

const char *costs_case_name(enum costs_case c)
{
    static const char *const names[COSTS_CASES] = {
        [COSTS_COMMIT] = "commit", [COSTS_ABORT] = "abort", [COSTS_ONE_READS] = "one-reads"};

    return names[c];
}

static uint32_t readers_of(enum costs_case which, unsigned n_participants)
{
    return which == COSTS_ONE_READS ? UINT32_C(1) << (n_participants - 1) : 0;
}

/* Those that update pay alike. */
static void take_forced(struct costs *c, enum costs_case which, const unsigned *forced, unsigned n)
{
    unsigned n_updaters = which == COSTS_ONE_READS ? n - 1 : n;

    for (unsigned i = 0; i < n_updaters; i++)
        assert(forced[i] == forced[0]);
    c->participant_forced = forced[0];
    c->reader_forced = which == COSTS_ONE_READS ? forced[n - 1] : 0;
}

/* --- after the books -------------------------------------------------------------------------- */

static void count_presumed(enum presumption p, enum costs_case which, unsigned n,
                           struct costs *ret_costs)
{
    struct presumed_case what = {.rules = presumed_rules[p],
                                 .n_participants = n,
                                 .readers = readers_of(which, n),
                                 .vote_lost = which == COSTS_ABORT};
    struct presumed_result r;

    presumed_run(&what, &r);
    assert(r.agreed);
    assert(r.committed == (which != COSTS_ABORT));
    *ret_costs = (struct costs){.coordinator_forced = r.coordinator_forced,
                                .coordinator_lazy = r.coordinator_lazy,
                                .messages = r.n_messages};
    take_forced(ret_costs, which, r.forced, n);
}

/* --- as built --------------------------------------------------------------------------------- */

/* One transaction; the `lost`-th message between the coordinator and store 0 is lost with its
 * session (0: none). */
static void run_built(struct sim_world *w, enum costs_case which, unsigned n, unsigned lost,
                      struct sim_result *ret_result)
{
    struct sim_schedule s = {
        .seed = 1, .n_stores = n, .lock_order = TWOPC_PARALLEL, .n_txns = 1, .n_faults = lost > 0};
    struct sim_options options = {.txns = UINT32_MAX, .faults = UINT32_MAX};

    s.txn[0].stores = (UINT32_C(1) << n) - 1;
    s.txn[0].readers = readers_of(which, n);
    s.fault[0] = (struct sim_fault){.kind = SIM_RESET, .nth = lost};
    sim_run_schedule(w, &s, &options, NULL, ret_result);
    assert(!ret_result->violation.found);
}

/* The message to lose is store 0's vote: the one whose loss aborts what all have prepared. */
static void abort_built(struct sim_world *w, unsigned n, struct sim_result *ret_result)
{
    unsigned lost = 0;

    do {
        run_built(w, COSTS_ABORT, n, ++lost, ret_result);
        assert(lost < LINK_MESSAGES_MAX);
    } while (ret_result->n_aborted == 0 || ret_result->costs.n_prepared < n);
}

static void count_built(struct sim_world *w, enum costs_case which, unsigned n,
                        struct costs *ret_costs)
{
    struct sim_result r;

    if (which == COSTS_ABORT)
        abort_built(w, n, &r);
    else
        run_built(w, which, n, 0, &r);
    assert(r.n_committed == (which != COSTS_ABORT));
    *ret_costs = (struct costs){.coordinator_forced = r.costs.coordinator_forced,
                                .coordinator_lazy = r.costs.coordinator_lazy,
                                .messages = r.costs.n_messages};
    take_forced(ret_costs, which, r.costs.forced, n);
}

/* ---------------------------------------------------------------------------------------------- */

void costs_count(struct sim_world *w, enum costs_protocol protocol, enum costs_case which,
                 unsigned n_participants, struct costs *ret_costs)
{
    assert(n_participants >= COSTS_PARTICIPANTS_MIN && n_participants <= COSTS_PARTICIPANTS_MAX);
    switch (protocol) {
    case COSTS_PRESUMED_NOTHING:
        count_presumed(PRESUMED_NOTHING, which, n_participants, ret_costs);
        break;
    case COSTS_PRESUMED_ABORT:
        count_presumed(PRESUMED_ABORT, which, n_participants, ret_costs);
        break;
    case COSTS_AS_BUILT:
        count_built(w, which, n_participants, ret_costs);
        break;
    case COSTS_PRESUMED_COMMIT:
        count_presumed(PRESUMED_COMMIT, which, n_participants, ret_costs);
        break;
    case COSTS_PROTOCOLS:
        break;
    }
}
