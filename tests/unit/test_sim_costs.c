/*
 * What two-phase commit costs under each presumption. Folder: sim
 *
 * That the runs cost what the literature says (Mohan, Lindsay, Obermarck, TODS 11(4) 1986), and the
 * coordinator as built what its departures from there make of it; that each presumption survives
 * two crashes of the coordinator wherever they come, and that a wrong one does not.
 */
#include "sim/costs.h"
#include "sim/presumed_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Of N participants that update; a reader adds two messages and no forced write to a commit. */
struct formula {
    unsigned coordinator, participant, messages_each;
};

static const struct formula book[COSTS_PROTOCOLS][2] = {
    [COSTS_PRESUMED_NOTHING] = {[COSTS_COMMIT] = {1, 2, 4}, [COSTS_ABORT] = {1, 2, 4}},
    [COSTS_PRESUMED_ABORT] = {[COSTS_COMMIT] = {1, 2, 4}, [COSTS_ABORT] = {0, 1, 3}},
    /* the departures: an abort is acknowledged, and PostgreSQL flushes ROLLBACK PREPARED */
    [COSTS_AS_BUILT] = {[COSTS_COMMIT] = {1, 2, 4}, [COSTS_ABORT] = {0, 2, 4}},
    [COSTS_PRESUMED_COMMIT] = {[COSTS_COMMIT] = {2, 1, 3}, [COSTS_ABORT] = {2, 2, 4}},
};

static struct sim_world *world;

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

static void check(enum costs_protocol protocol, enum costs_case which, unsigned n)
{
    const struct formula *f = &book[protocol][which == COSTS_ABORT ? COSTS_ABORT : COSTS_COMMIT];
    unsigned n_readers = which == COSTS_ONE_READS;
    /* as built a reader is released in a message of its own, once all votes are in */
    unsigned reader_messages = protocol == COSTS_AS_BUILT ? 4 : 2;
    char expected[80], counted[80];
    struct costs c;

    costs_count(world, protocol, which, n, &c);
    (void)snprintf(expected, sizeof expected, "forced %u, %u, reader 0, messages %u",
                   f->coordinator, f->participant,
                   f->messages_each * (n - n_readers) + reader_messages * n_readers);
    (void)snprintf(counted, sizeof counted, "forced %u, %u, reader %u, messages %u",
                   c.coordinator_forced, c.participant_forced, c.reader_forced, c.messages);
    if (strcmp(counted, expected) != 0)
        fail_msg("%s, %s, %u participants: %s; by the formula %s", costs_protocol_name(protocol),
                 costs_case_name(which), n, counted, expected);
}

static void runs_cost_what_the_formulas_say(void **state)
{
    (void)state;
    for (int p = 0; p < COSTS_PROTOCOLS; p++) {
        for (int which = 0; which < COSTS_CASES; which++) {
            for (unsigned n = COSTS_PARTICIPANTS_MIN; n <= COSTS_PARTICIPANTS_MAX; n++)
                check((enum costs_protocol)p, (enum costs_case)which, n);
        }
    }
}

static void an_end_is_written_where_acks_are_awaited_and_not_forced(void **state)
{
    static const unsigned ends[COSTS_PROTOCOLS][2] = {
        [COSTS_PRESUMED_NOTHING] = {[COSTS_COMMIT] = 1, [COSTS_ABORT] = 1},
        [COSTS_PRESUMED_ABORT] = {[COSTS_COMMIT] = 1, [COSTS_ABORT] = 0},
        [COSTS_AS_BUILT] = {[COSTS_COMMIT] = 1, [COSTS_ABORT] = 0}, /* there is no record to end */
        [COSTS_PRESUMED_COMMIT] = {[COSTS_COMMIT] = 0, [COSTS_ABORT] = 1},
    };
    struct costs c;

    (void)state;
    for (int p = 0; p < COSTS_PROTOCOLS; p++) {
        for (int which = COSTS_COMMIT; which <= COSTS_ABORT; which++) {
            costs_count(world, (enum costs_protocol)p, (enum costs_case)which, 2, &c);
            assert_int_equal(c.coordinator_lazy, ends[p][which]);
        }
    }
}

/* --- crashes ---------------------------------------------------------------------------------- */

struct crashed {
    unsigned n_runs, n_disagreed, n_committed;
};

/* The second crash comes anywhere after the first, in what recovery does, too. */
static void crash_twice(struct presumed_case *what, struct crashed *total)
{
    struct presumed_result r;
    unsigned *at = what->crash_at;

    for (at[0] = 1;; at[0]++) {
        for (at[1] = at[0];; at[1]++) {
            presumed_run(what, &r);
            if (r.n_actions < at[0])
                return;
            total->n_runs++;
            total->n_disagreed += !r.agreed;
            total->n_committed += r.committed;
            if (r.n_actions < at[1])
                break;
        }
    }
}

static struct crashed crash_everywhere(const struct presumed_rules *rules)
{
    struct crashed total = {.n_runs = 0};

    for (unsigned i = 0; i < 12; i++) {
        struct presumed_case what = {
            .rules = *rules, .n_participants = 2 + i % 3, .kept = i / 3 % 2, .vote_lost = i / 6};

        crash_twice(&what, &total);
        what.readers = 1;
        crash_twice(&what, &total);
    }
    return total;
}

static void every_presumption_survives_two_crashes_of_the_coordinator_anywhere(void **state)
{
    (void)state;
    for (int p = 0; p < PRESUMPTIONS; p++) {
        struct crashed total = crash_everywhere(&presumed_rules[p]);

        assert_true(total.n_runs > 500);
        assert_true(total.n_committed > 0 && total.n_committed < total.n_runs);
        assert_int_equal(total.n_disagreed, 0);
    }
}

static void what_a_presumption_saves_elsewhere_is_noticed(void **state)
{
    struct presumed_rules wrong[] = {
        presumed_rules[PRESUMED_COMMIT], presumed_rules[PRESUMED_COMMIT],
        presumed_rules[PRESUMED_ABORT], presumed_rules[PRESUMED_ABORT]};

    (void)state;
    wrong[0].collects = false;    /* a crash in the votes is forgotten, and so presumed to commit */
    wrong[1].acks_abort = false;  /* an abort is forgotten before all know of it */
    wrong[2].acks_commit = false; /* a commit is */
    wrong[3].presumes_commit = true; /* an abort that was not written */
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (crash_everywhere(&wrong[i]).n_disagreed == 0)
            fail_msg("mistake %zu is not noticed", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_cost_what_the_formulas_say),
        cmocka_unit_test(an_end_is_written_where_acks_are_awaited_and_not_forced),
        cmocka_unit_test(every_presumption_survives_two_crashes_of_the_coordinator_anywhere),
        cmocka_unit_test(what_a_presumption_saves_elsewhere_is_noticed),
    };

    return cmocka_run_group_tests(tests, make_world, free_world);
}
