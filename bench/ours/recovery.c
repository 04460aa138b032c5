/*
 * recovery.c - how long our coordinator needs for what its predecessor left in doubt.
 *
 *   --mode crash     brings `clients` transactions to where their decisions are durable and no
 *                    server has been told, and dies there by SIGKILL
 *   --mode recover   is the next one: opens the log, commits what is prepared, and says how long
 *                    that took from the start of the process and from the opened log
 */
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/loop.h"
#include "bench/ours/our_coordinator.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DEADLINE_US (20 * US_PER_S)

static void answered(void *arg, const struct reply *reply)
{
    (void)arg;
    contender_fail("a transaction was answered: %s", reply->detail);
}

static _Noreturn void crash(struct event_base *base, struct coordinator *coordinator,
                            const struct contender_options *options)
{
    uint64_t random = 1;

    crash_point_arm(CRASH_XA_DECIDED, options->clients);
    for (unsigned i = 0; i < options->clients; i++) {
        struct txn txn = {.n_ops = 0};

        our_transfer(&txn, options, i, 0, &random);
        /* Each its own account: none waits for another's locks. */
        for (unsigned k = 0; k < txn.n_ops; k++)
            (void)snprintf(txn.op[k].key, sizeof txn.op[k].key, "acct:%u", i);
        coordinator_submit(coordinator, &txn, clock_now_us() + DEADLINE_US, answered, NULL);
    }
    if (loop_for(base, DEADLINE_US) == 0) /* SIGKILL comes from inside */
        contender_fail("not all transactions were decided");
    contender_fail("the event loop ended");
}

struct recovered {
    const struct coordinator *coordinator;
    uint64_t branches;
};

static bool all_committed(void *arg)
{
    const struct recovered *r = arg;
    struct coordinator_counters counters;

    coordinator_counters(r->coordinator, &counters);
    return counters.recovered_committed >= r->branches;
}

static void recover(struct event_base *base, struct coordinator *coordinator,
                    const struct contender_options *options, int64_t began_us, int64_t opened_us)
{
    struct recovered r = {coordinator, (uint64_t)options->clients * options->n_servers};
    int64_t ended_us;

    if (loop_until(base, all_committed, &r, DEADLINE_US) < 0)
        contender_fail("not all branches were committed");
    ended_us = clock_now_us();
    (void)printf("{\"committed\":%u,\"branches\":%" PRIu64
                 ",\"from_start_ms\":%.3f,\"from_log_ms\":%.3f}\n",
                 options->clients, r.branches, (double)(ended_us - began_us) / US_PER_MS,
                 (double)(ended_us - opened_us) / US_PER_MS);
}

int main(int argc, char **argv)
{
    int64_t began_us = clock_now_us(), opened_us;
    const struct contender_options options = contender_options(argc, argv);
    struct event_base *base = loop_new();
    bool ready = false, crashes = strcmp(options.mode, "crash") == 0;
    /* A transaction that is decided holds its sessions; who recovers has as many as any front door.
     */
    unsigned sessions = crashes ? options.clients : STORE_SESSIONS;
    struct coordinator *coordinator =
        our_coordinator_open(base, &options, TWOPC_AFTER_PHASE_TWO, sessions, &ready);

    opened_us = clock_now_us();
    if (crashes) {
        our_coordinator_await(base, coordinator, &ready);
        crash(base, coordinator, &options);
    }
    recover(base, coordinator, &options, began_us, opened_us);
    coordinator_free(coordinator);
    event_base_free(base);
    return 0;
}
