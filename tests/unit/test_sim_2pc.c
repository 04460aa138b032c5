/*
 * The simulator of two-phase commit. Folder: sim
 *
 * That it is one function of its seed; that nothing sound breaks a property, and every mistake
 * breaks the one that it should; that a failing schedule is made as small as it goes and told in
 * words; and every single call of log and recovery failing in turn.
 */
#include "sim/exhaustive.h"
#include "sim/sim.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SOUND_SCHEDULES  4000
#define MUTANT_SCHEDULES 60000

static struct sim_world *world;
static const struct sim_options all = {.txns = UINT32_MAX, .faults = UINT32_MAX};

static int make_world(void **state)
{
    (void)state;
    world = sim_world_new();
    return 0;
}

static int free_world(void **state)
{
    (void)state;
    sim_world_free(world);
    return 0;
}

static struct sim_options with(const struct sim_mutant *m)
{
    struct sim_options options = all;

    options.core_break = m->core_break;
    options.own_break = m->own_break;
    return options;
}

static void the_same_seed_gives_the_same_run(void **state)
{
    struct sim_world *other = sim_world_new();
    struct sim_result a, b;

    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        sim_run(world, seed, &all, NULL, &a);
        sim_run(other, seed + 1, &all, NULL, &b); /* what went before makes no difference */
        assert_true(a.digest != b.digest);
        sim_run(other, seed, &all, NULL, &b);
        if (a.digest != b.digest || a.n_events != b.n_events)
            fail_msg("seed %" PRIu64 " gave two runs", seed);
    }
    sim_world_free(other);
}

static void nothing_sound_breaks_a_property(void **state)
{
    const char *only = getenv("SEED");
    uint64_t first = only ? strtoull(only, NULL, 10) : 1;
    uint64_t last = only ? first : SOUND_SCHEDULES;
    uint64_t n_committed = 0, n_aborted = 0;
    struct sim_result r;

    (void)state;
    for (uint64_t seed = first; seed <= last; seed++) {
        sim_run(world, seed, &all, NULL, &r);
        if (r.violation.found)
            fail_msg("seed %" PRIu64 " breaks %s: %s; syncbed sim 2pc --seed %" PRIu64 " --trace",
                     seed, sim_property_name(r.violation.property), r.violation.text, seed);
        n_committed += r.n_committed;
        n_aborted += r.n_aborted;
    }
    if (!only) { /* it was no idle running */
        assert_true(n_committed > SOUND_SCHEDULES / 2);
        assert_true(n_aborted > SOUND_SCHEDULES / 4);
    }
}

static void every_kind_of_fault_strikes(void **state)
{
    uint32_t struck = 0;
    struct sim_result r;

    (void)state;
    for (uint64_t seed = 1; seed <= SOUND_SCHEDULES; seed++) {
        sim_run(world, seed, &all, NULL, &r);
        struck |= r.struck;
    }
    assert_int_equal(struck, (UINT32_C(1) << SIM_FAULT_KINDS) - 1);
}

/* The first seed at which it breaks one of the properties that it should; 0: none does. */
static uint64_t catch_mutant(const struct sim_mutant *m)
{
    struct sim_options options = with(m);
    struct sim_result r;

    for (uint64_t seed = 1; seed <= MUTANT_SCHEDULES; seed++) {
        sim_run(world, seed, &options, NULL, &r);
        if (r.violation.found && m->properties >> r.violation.property & 1U)
            return seed;
    }
    return 0;
}

static void every_mistake_is_caught_by_the_property_that_it_breaks(void **state)
{
    (void)state;
    assert_true(sim_mutant_count() >= 15);
    for (unsigned i = 0; i < sim_mutant_count(); i++) {
        if (catch_mutant(&sim_mutant[i]) == 0)
            fail_msg("%s is not noticed in %d schedules", sim_mutant[i].name, MUTANT_SCHEDULES);
    }
}

/* Nothing more can be left out. */
static void check_minimal(uint64_t seed, const struct sim_options *small,
                          enum sim_property property)
{
    struct sim_result r;

    for (unsigned i = 0; i < SIM_TXNS_MAX + SIM_FAULTS_MAX; i++) {
        struct sim_options smaller = *small;
        uint32_t *bits = i < SIM_TXNS_MAX ? &smaller.txns : &smaller.faults;
        uint32_t bit = UINT32_C(1) << (i < SIM_TXNS_MAX ? i : i - SIM_TXNS_MAX);

        if (!(*bits & bit))
            continue;
        *bits &= ~bit;
        sim_run(world, seed, &smaller, NULL, &r);
        assert_false(r.violation.found && r.violation.property == property);
    }
}

static void a_failing_schedule_is_made_as_small_as_it_goes(void **state)
{
    static const char *const names[] = {"forget-early", "presume-commit", "late-prepare"};
    struct sim_result r;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct sim_mutant *m = sim_mutant_find(names[i]);
        struct sim_options options = with(m);
        uint64_t seed = catch_mutant(m);
        enum sim_property property;

        sim_run(world, seed, &options, NULL, &r);
        property = r.violation.property;
        assert_true(sim_shrink(world, seed, &options) > 1);
        sim_run(world, seed, &options, NULL, &r);
        assert_true(r.violation.found);
        assert_int_equal(r.violation.property, property);
        check_minimal(seed, &options, property);
    }
}

/* --- by hand ---------------------------------------------------------------------------------- */

static struct sim_schedule two_transactions(void)
{
    return (struct sim_schedule){
        .seed = 1,
        .n_stores = 2,
        .lock_order = TWOPC_PARALLEL,
        .small_segments = true,
        .n_txns = 2,
        .txn = {{.stores = 3, .key = {0, 1}}, {.at_us = 3000, .stores = 3, .key = {1, 0}}}};
}

static void a_run_is_told_in_words(void **state)
{
    struct sim_schedule s = two_transactions();
    struct sim_options options = all;
    struct sim_result r;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    const char *from;

    (void)state;
    s.n_txns = 1;
    options.faults = 0;
    sim_run_schedule(world, &s, &options, out, &r);
    (void)fclose(out);
    assert_false(r.violation.found);
    from = strstr(text, "      5.");
    assert_non_null(from);
    *strstr(from, "   7000.000") = '\0';
    assert_string_equal(
        from,
        "      5.148   ●───────▶       │       │       asks for t0\n"
        "      5.190   │       ●───────────────▶       begin and prepare sb1:serve1:1:1:t0\n"
        "      5.457   │       ●───────▶       │       begin and prepare sb1:serve1:1:1:t0\n"
        "      5.513   │       │       │       ●       sb1:serve1:1:1:t0 is prepared\n"
        "      5.644   │       │       ●       │       sb1:serve1:1:1:t0 is prepared\n"
        "      5.732   │       ◀───────●       │       begin and prepare: ok, sb1:serve1:1:1:t0\n"
        "      5.823   │       ◀───────────────●       begin and prepare: ok, sb1:serve1:1:1:t0\n"
        "      6.227   │       ●───────────────▶       commit sb1:serve1:1:1:t0\n"
        "      6.296   │       ●───────▶       │       commit sb1:serve1:1:1:t0\n"
        "      6.326   │       │       │       ●       sb1:serve1:1:1:t0 is committed\n"
        "      6.403   │       │       ●       │       sb1:serve1:1:1:t0 is committed\n"
        "      6.559   │       ◀───────●       │       commit: ok, sb1:serve1:1:1:t0\n"
        "      6.708   │       ◀───────────────●       commit: ok, sb1:serve1:1:1:t0\n"
        "      6.792   ◀───────●       │       │       t0: ok, everywhere\n");
    free(text);
}

/* True when the call was reached. Power is lost some time after it, too. */
static bool survive(enum sim_fault_kind kind, unsigned nth, unsigned power_step)
{
    struct sim_schedule s = two_transactions();
    struct sim_result r;

    s.seed = nth;
    s.n_faults = 2;
    s.fault[0] = (struct sim_fault){.kind = kind, .nth = nth};
    s.fault[1] = (struct sim_fault){.kind = SIM_POWER, .nth = power_step, .delay_us = 2000};
    sim_run_schedule(world, &s, &all, NULL, &r);
    if (r.violation.found)
        fail_msg("fault %d at call %u, power lost at step %u: %s is broken: %s", (int)kind, nth,
                 power_step, sim_property_name(r.violation.property), r.violation.text);
    return r.struck >> kind & 1U;
}

static void every_single_failing_call_is_survived(void **state)
{
    static const enum sim_fault_kind kinds[] = {SIM_IO_FAILS, SIM_IO_FULL, SIM_IO_KILLS,
                                                SIM_IO_POWER};

    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (unsigned power_step = 1; power_step <= 60; power_step++) {
            unsigned nth = 1;

            while (survive(kinds[k], nth, power_step))
                nth++;
            if (kinds[k] == SIM_IO_FAILS)
                assert_true(nth > 8); /* it did reach the disk */
        }
    }
}

/* --- every order ------------------------------------------------------------------------------ */

static struct exhaustive_result every_order(unsigned n_stores, unsigned crashes, unsigned losses,
                                            enum twopc_break broken)
{
    struct exhaustive_options options = {.n_stores = n_stores,
                                         .crashes_max = crashes,
                                         .losses_max = losses,
                                         .states_max = 1000000,
                                         .broken = broken};
    struct exhaustive_result r;

    sim_exhaustive(&options, &r);
    return r;
}

static void every_order_of_a_small_case_is_sound(void **state)
{
    struct exhaustive_result r = every_order(2, 1, 1, TWOPC_SOUND);

    (void)state;
    assert_string_equal(r.text, "");
    assert_true(r.complete && !r.violated);
    assert_true(r.n_states > 50000 && r.n_ends > 100);
    r = every_order(3, 0, 1, TWOPC_SOUND);
    assert_true(r.complete && !r.violated);
}

static void some_order_shows_each_mistake_of_the_core(void **state)
{
    static const enum twopc_break broken[] = {TWOPC_ACK_BEFORE_DECISION,
                                              TWOPC_COMMIT_BEFORE_DECISION, TWOPC_TIMEOUT_IS_ABORT,
                                              TWOPC_FORGET_EARLY, TWOPC_PRESUME_COMMIT};

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        assert_true(every_order(2, 1, 1, broken[i]).violated);
}

int main(void)
{
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, free_world)
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(the_same_seed_gives_the_same_run),
        IN_A_WORLD(nothing_sound_breaks_a_property),
        IN_A_WORLD(every_kind_of_fault_strikes),
        IN_A_WORLD(every_mistake_is_caught_by_the_property_that_it_breaks),
        IN_A_WORLD(a_failing_schedule_is_made_as_small_as_it_goes),
        IN_A_WORLD(a_run_is_told_in_words),
        IN_A_WORLD(every_single_failing_call_is_survived),
        cmocka_unit_test(every_order_of_a_small_case_is_sound),
        cmocka_unit_test(some_order_shows_each_mistake_of_the_core),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
