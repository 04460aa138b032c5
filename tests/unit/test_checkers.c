/*
 * Each checker by hand: a history that must fail, and a near miss that must pass.
 * Folder: harness
 *
 * A run folder is built in code, saved, loaded, judged; the verdict is rendered as text with its
 * first sentence, because the sentence is what a reader gets.
 */
#include "harness/checkers/checkers.h"
#include "run_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char dir[64];
static struct built b;

static int setup(void **state)
{
    (void)state;
    built_make_dir(dir);
    built_init(&b);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    built_remove_dir(dir);
    built_done(&b);
    return 0;
}

static void render(const char *name, bool promised, char *text, size_t size)
{
    struct verdict v = {.promised = promised};
    struct run_data run;
    struct errctx err = {0};
    bool found = false;

    built_save(&b, dir);
    if (run_data_load(dir, &run, &err) < 0)
        fail_msg("%s", err.message);
    for (unsigned i = 0; i < CHECKERS; i++) {
        if (strcmp(checker_table[i].name, name) != 0)
            continue;
        checker_table[i].check(&run, &v);
        found = true;
    }
    assert_true(found);
    (void)snprintf(text, size, "%s, %d of %d%s%s", verdict_word_name(v.word), (int)v.count,
                   (int)v.of, v.n_examples ? ": " : "", v.n_examples ? v.example[0].sentence : "");
    run_data_done(&run);
}

static void expect(const char *name, const char *wanted)
{
    char got[EXAMPLE_SENTENCE_MAX + 64];

    render(name, true, got, sizeof got);
    assert_string_equal(got, wanted);
}

/* --- durability ------------------------------------------------------------------------------- */

static void an_acknowledged_write_that_a_store_lacks_is_lost(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK), BUILT_ALL);
    built_apply(&b, built_write(&b, "c1-1", 0, 3210, 3214, HISTORY_OK), 5U);
    expect("durability", "invalid, 1 of 2: c1-1 wrote user:0 at 3.210 s (serve2) and was "
                         "acknowledged at 3.214 s, but pg2's journal of user:0 does not have it.");
}

static void an_acknowledged_write_that_two_stores_lack_is_lost_once(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK), 1U);
    expect("durability", "invalid, 1 of 1: c0-0 wrote user:0 at 0.100 s (serve1) and was "
                         "acknowledged at 0.105 s, but the journals of user:0 at pg2 and redis do "
                         "not have it.");
}

static void an_overwritten_write_is_not_lost(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK), BUILT_ALL);
    built_apply(&b, built_write(&b, "c1-1", 0, 200, 205, HISTORY_OK), BUILT_ALL);
    expect("durability", "valid, 0 of 2");
}

static void an_unknown_write_that_is_nowhere_is_not_lost(void **state)
{
    (void)state;
    (void)built_write(&b, "c0-0", 0, 100, 105, HISTORY_INFO);
    (void)built_write(&b, "c1-1", 0, 100, 105, HISTORY_FAIL);
    expect("durability", "not exercised, 0 of 0");
}

static void a_write_may_still_arrive_while_nothing_is_settled(void **state)
{
    (void)state;
    b.settled = false;
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK), 1U);
    expect("durability", "unknown, 0 of 1");
    expect("atomicity", "unknown, 0 of 1");
    expect("order", "unknown, 0 of 0");
    expect("ghosts", "unknown, 0 of 0");
}

/* --- atomicity -------------------------------------------------------------------------------- */

static void an_unknown_write_in_some_stores_is_half_done(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 2, 3210, 3300, HISTORY_INFO), 5U);
    expect("atomicity", "invalid, 1 of 1: c0-0 wrote user:2 at 3.210 s (serve1) and had no "
                        "answer by 3.300 s: pg1 and redis have it, pg2 never got it.");
}

static void a_write_that_was_never_answered_may_be_half_done(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 2, 3210, 0, HISTORY_OPEN), 4U);
    expect("atomicity", "invalid, 1 of 1: c0-0 wrote user:2 at 3.210 s (serve1) and was never "
                        "answered: redis has it, pg1 and pg2 never got it.");
}

static void all_or_none_is_atomic_however_it_ended(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 105, HISTORY_INFO), BUILT_ALL);
    (void)built_write(&b, "c1-1", 0, 100, 105, HISTORY_INFO);
    built_apply(&b, built_write(&b, "c2-2", 0, 100, 105, HISTORY_FAIL), BUILT_ALL);
    (void)built_write(&b, "c3-3", 0, 100, 105, HISTORY_OK);
    expect("atomicity", "valid, 0 of 4");
}

static void what_was_decided_is_not_in_no_store(void **state)
{
    (void)state;
    built_decide(&b, built_write(&b, "c0-0", 2, 3210, 3300, HISTORY_INFO));
    expect("atomicity", "invalid, 1 of 1: c0-0 wrote user:2 at 3.210 s (serve1) and had no "
                        "answer by 3.300 s: the decision to commit it is durable, but no store "
                        "ever got it.");
}

static void what_stands_in_the_log_is_not_in_no_store(void **state)
{
    (void)state;
    built_record(&b, built_write(&b, "c0-0", 2, 3210, 3300, HISTORY_INFO));
    expect("atomicity", "invalid, 1 of 1: c0-0 wrote user:2 at 3.210 s (serve1) and had no "
                        "answer by 3.300 s: it stands in the log, but no store ever got it.");
}

static void what_was_decided_and_is_everywhere_is_atomic(void **state)
{
    struct built_op *op = built_write(&b, "c0-0", 0, 100, 105, HISTORY_INFO);

    (void)state;
    built_apply(&b, op, BUILT_ALL);
    built_decide(&b, op);
    expect("atomicity", "valid, 0 of 1");
}

static void only_the_stores_that_it_names_count(void **state)
{
    struct built_op *op = built_op(&b, "c0-0", 100, 105, HISTORY_OK);

    (void)state;
    built_micro(op, OP_WRITE, 0, 0, "x");
    built_micro(op, OP_READ, 1, 0, "");
    built_apply(&b, op, BUILT_ALL);
    expect("atomicity", "valid, 0 of 1");
    expect("durability", "valid, 0 of 1");
}

static void two_keys_are_one_transaction(void **state)
{
    struct built_op *op = built_op(&b, "c0-0", 100, 105, HISTORY_INFO);

    (void)state;
    built_micro(op, OP_INCR, 0, 0, "")->delta = -30;
    built_micro(op, OP_INCR, 1, 1, "")->delta = 30;
    built_apply(&b, op, 1U);
    expect("atomicity", "invalid, 1 of 1: c0-0 wrote user:1 at 0.100 s (serve1) and had no "
                        "answer by 0.105 s: its change of user:0 is at pg1, its change "
                        "of user:1 never got to pg2.");
}

/* --- ghosts ----------------------------------------------------------------------------------- */

static void a_failed_write_in_a_journal_is_a_ghost(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 0, 90, 95, HISTORY_OK), BUILT_ALL);
    built_apply(&b, built_write(&b, "c1-1", 0, 100, 105, HISTORY_FAIL), 2U);
    expect("ghosts", "invalid, 1 of 1: c1-1 wrote user:0 at 0.100 s (serve2) and failed at 0.105 s "
                     "(conflict), so it should be nowhere; yet pg2's journal of user:0 has it as "
                     "entry 2.");
}

static void the_value_of_a_failed_write_in_a_read_is_a_ghost(void **state)
{
    (void)state;
    (void)built_write(&b, "c0-0", 0, 100, 105, HISTORY_FAIL);
    (void)built_read(&b, "c1-1", 2, 0, "c0-0", 102, 103);
    expect("ghosts", "invalid, 1 of 1: The read c1-1 of user:0 at redis returned c0-0 at 0.103 s; "
                     "but c0-0 wrote user:0 at 0.100 s (serve1) and failed at 0.105 s (conflict).");
}

static void a_failed_write_that_was_decided_is_a_ghost(void **state)
{
    (void)state;
    built_decide(&b, built_write(&b, "c0-0", 1, 100, 105, HISTORY_FAIL));
    expect("ghosts", "invalid, 1 of 1: c0-0 wrote user:1 at 0.100 s (serve1) and failed at 0.105 s "
                     "(conflict), so it should be nowhere; yet the decision to commit it is "
                     "durable.");
}

static void a_failed_write_in_the_log_is_a_ghost_before_anything_settled(void **state)
{
    (void)state;
    b.settled = false;
    built_record(&b, built_write(&b, "c0-0", 1, 100, 105, HISTORY_FAIL));
    expect("ghosts", "invalid, 1 of 1: c0-0 wrote user:1 at 0.100 s (serve1) and failed at 0.105 s "
                     "(conflict), so it should be nowhere; yet it stands in the log.");
}

static void a_decision_of_somebody_else_makes_no_ghost(void **state)
{
    struct built_op *other = built_write(&b, "c0-0", 1, 100, 105, HISTORY_INFO);

    (void)state;
    (void)built_write(&b, "c1-1", 1, 100, 105, HISTORY_FAIL);
    built_decide(&b, other);
    built_record(&b, other);
    expect("ghosts", "valid, 0 of 1");
}

static void an_unknown_write_may_be_seen(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 105, HISTORY_INFO), BUILT_ALL);
    (void)built_read(&b, "c1-1", 2, 0, "c0-0", 102, 103);
    (void)built_read(&b, "c2-2", 2, 0, "", 90, 91);
    (void)built_write(&b, "c3-3", 0, 100, 105, HISTORY_FAIL);
    expect("ghosts", "valid, 0 of 1");
}

static void a_value_that_nobody_wrote_is_garbage(void **state)
{
    (void)state;
    (void)built_read(&b, "c0-0", 0, 0, "zz", 102, 103);
    expect("ghosts", "invalid, 1 of 0: The read c0-0 of user:0 at pg1 returned \"zz\" at 0.103 s, "
                     "which nobody had written there at all.");
}

static void a_value_of_another_key_is_garbage(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 1, 10, 15, HISTORY_OK), BUILT_ALL);
    (void)built_read(&b, "c1-1", 0, 0, "c0-0", 102, 103);
    expect("ghosts", "invalid, 1 of 0: The read c1-1 of user:0 at pg1 returned \"c0-0\" at 0.103 "
                     "s, which nobody had written there at all.");
}

static void a_value_from_the_future_is_garbage(void **state)
{
    (void)state;
    (void)built_read(&b, "c0-0", 0, 0, "c1-1", 102, 103);
    built_apply(&b, built_write(&b, "c1-1", 0, 104, 108, HISTORY_OK), BUILT_ALL);
    expect("ghosts", "invalid, 1 of 0: The read c0-0 of user:0 at pg1 returned \"c1-1\" at 0.103 "
                     "s, which nobody had written by then.");
}

static void a_value_sent_before_the_read_returned_is_fine(void **state)
{
    (void)state;
    (void)built_read(&b, "c0-0", 0, 0, "c1-1", 102, 104);
    built_apply(&b, built_write(&b, "c1-1", 0, 104, 108, HISTORY_OK), BUILT_ALL);
    expect("ghosts", "not exercised, 0 of 0");
}

static void an_entry_that_nobody_asked_for_is_garbage(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 0, 10, 15, HISTORY_OK), BUILT_ALL);
    built_append(&b, 0, 1, "x9-9", "0 w x9-9");
    expect("ghosts", "invalid, 1 of 0: Entry 2 of pg2's journal of user:0 is an operation of x9-9 "
                     "that nobody sent.");
}

static void an_entry_other_than_what_was_asked_for_is_garbage(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 0, 10, 15, HISTORY_OK), 5U);
    built_append(&b, 0, 1, "c0-0", "1 w other");
    expect("ghosts", "invalid, 1 of 0: Entry 1 of pg2's journal of user:0 is an operation of c0-0 "
                     "that this request did not ask for.");
}

/* --- duplicates ------------------------------------------------------------------------------- */

static void an_operation_twice_in_a_journal_is_a_duplicate(void **state)
{
    struct built_op *op = built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK);

    (void)state;
    built_apply(&b, op, BUILT_ALL);
    built_apply(&b, built_write(&b, "c1-1", 0, 110, 115, HISTORY_OK), BUILT_ALL);
    built_apply(&b, op, 4U);
    expect("duplicates", "invalid, 1 of 7: redis's journal of user:0 has c0-0 more than once: as "
                         "entry 1 and again as entry 3.");
}

static void equal_operations_of_one_transaction_are_no_duplicates(void **state)
{
    struct built_op *op = built_op(&b, "c0-0", 100, 105, HISTORY_OK);

    (void)state;
    built_micro(op, OP_INCR, 0, 0, "")->delta = 5;
    built_micro(op, OP_INCR, 0, 0, "")->delta = 5;
    built_apply(&b, op, BUILT_ALL);
    expect("duplicates", "valid, 0 of 2");
}

/* --- convergence ------------------------------------------------------------------------------ */

static void stores_that_end_with_different_values_diverge(void **state)
{
    struct built_op *x = built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK);
    struct built_op *y = built_write(&b, "c1-1", 0, 100, 105, HISTORY_OK);

    (void)state;
    built_apply(&b, x, 3U);
    built_apply(&b, y, BUILT_ALL);
    built_apply(&b, x, 4U);
    built_apply(&b, built_write(&b, "c2-2", 1, 200, 205, HISTORY_OK), BUILT_ALL);
    expect("convergence",
           "invalid, 1 of 2: user:0 ends as c1-1 in pg1 and pg2 but as c0-0 in redis.");
}

static void a_key_that_a_store_lacks_diverges(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 3, 100, 105, HISTORY_INFO), 6U);
    expect("convergence",
           "invalid, 1 of 1: user:3 is missing in pg1 but ends as c0-0 in pg2 and redis.");
}

static void equal_values_after_different_ways_converge(void **state)
{
    struct built_op *x = built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK);

    (void)state;
    built_apply(&b, built_write(&b, "c1-1", 0, 90, 95, HISTORY_INFO), 2U);
    built_apply(&b, x, BUILT_ALL);
    (void)built_write(&b, "c2-2", 1, 90, 95, HISTORY_FAIL);
    expect("convergence", "valid, 0 of 2");
}

static void a_value_that_the_journal_does_not_make_diverges(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK), BUILT_ALL);
    for (unsigned store = 0; store < BUILT_STORES; store++)
        (void)snprintf(b.state[0][store].value, BUILT_TEXT, "zz");
    expect("convergence", "invalid, 1 of 1: pg1 holds \"zz\" for user:0, but the changes in its "
                          "own journal add up to \"c0-0\".");
}

static void numbers_and_lists_are_folded(void **state)
{
    struct built_op *op = built_op(&b, "c0-0", 100, 105, HISTORY_OK);

    (void)state;
    built_micro(op, OP_INCR, 0, 0, "")->delta = 5;
    built_micro(op, OP_INCR, 0, 0, "")->delta = -7;
    built_micro(op, OP_APPEND, 1, 1, "a");
    built_micro(op, OP_APPEND, 1, 1, "b");
    built_apply(&b, op, BUILT_ALL);
    (void)snprintf(b.state[0][0].value, BUILT_TEXT, "-2");
    (void)snprintf(b.state[1][1].value, BUILT_TEXT, "a,b");
    expect("convergence", "valid, 0 of 2");
    (void)snprintf(b.state[0][0].value, BUILT_TEXT, "-7");
    expect("convergence",
           "invalid, 1 of 2: pg1 holds \"-7\" for user:0, but the changes in its own "
           "journal add up to \"-2\".");
}

/* Two writes that the door gave versions 7 and 5: the stores got them in opposite orders. */
static void versioned_writes_converge_in_any_order(void **state)
{
    static const char *const requests[] = {"c0-0", "c1-1"};
    static const unsigned versions[] = {7, 5};

    (void)state;
    (void)built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK);
    (void)built_write(&b, "c1-1", 0, 101, 106, HISTORY_OK);
    for (unsigned store = 0; store < BUILT_STORES; store++) {
        for (unsigned i = 0; i < 2; i++) {
            unsigned op = store == 1 ? 1 - i : i;
            char text[40];

            (void)snprintf(text, sizeof text, "%u w@%u %s", store, versions[op], requests[op]);
            built_append(&b, 0, store, requests[op], text);
        }
        built_copy(b.state[0][store].value, "c0-0");
    }
    expect("convergence", "valid, 0 of 1");
    for (unsigned store = 0; store < BUILT_STORES; store++)
        built_copy(b.state[0][store].value, "c1-1");
    expect("convergence", "invalid, 1 of 1: pg1 holds \"c1-1\" for user:0, but the changes in its "
                          "own journal add up to \"c0-0\".");
}

static void a_gap_in_a_journal_diverges(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK), BUILT_ALL);
    built_apply(&b, built_write(&b, "c1-1", 0, 110, 115, HISTORY_OK), BUILT_ALL);
    b.state[0][1].skip_n = 2;
    expect("convergence", "invalid, 1 of 1: pg2's journal of user:0 does not count 1, 2, 3 … "
                          "without a gap: it goes wrong at entry 2.");
}

/* Lag at sink pg2: `at_half` records at the settling's half-time, `at_end` at its end. */
static void restless(unsigned at_half, unsigned at_end)
{
    b.settled = false;
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK), 5U);
    buf_clear(&b.samples);
    buf_printf(&b.samples,
               "{\"t\":\"lag\",\"at\":%lld,\"store\":\"pg2\",\"records\":%u,\"position\":1}\n"
               "{\"t\":\"lag\",\"at\":%lld,\"store\":\"pg2\",\"records\":%u,\"position\":1}\n",
               (long long)built_us(10000), at_half, (long long)built_us(11900), at_end);
}

static void no_rest_and_no_progress_breaks_convergence(void **state)
{
    char got[1024];

    (void)state;
    restless(7, 7);
    expect("convergence", "invalid, 2 of 1: The run did not come to rest, and nothing was moving "
                          "any more: serve1 holds 2 transactions.");
    render("convergence", false, got, sizeof got);
    assert_string_equal(got, "unknown, 0 of 1");
}

static void no_rest_with_progress_leaves_convergence_unknown(void **state)
{
    (void)state;
    restless(7, 3);
    expect("convergence", "unknown, 0 of 1");
}

static void no_rest_and_no_samples_leave_convergence_unknown(void **state)
{
    (void)state;
    b.settled = false;
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK), 5U);
    expect("convergence", "unknown, 0 of 1");
}

/* --- order ------------------------------------------------------------------------------------ */

static void two_writes_in_opposite_order_are_out_of_order(void **state)
{
    struct built_op *x = built_write(&b, "c0-0", 0, 3210, 3215, HISTORY_OK);
    struct built_op *y = built_write(&b, "c1-1", 0, 3210, 3216, HISTORY_OK);
    struct built_op *last = built_write(&b, "c2-2", 0, 3300, 3305, HISTORY_OK);

    (void)state;
    built_apply(&b, x, 3U);
    built_apply(&b, y, BUILT_ALL);
    built_apply(&b, x, 4U);
    built_apply(&b, last, BUILT_ALL);
    expect("order", "invalid, 1 of 1: c1-1 wrote user:0 at 3.210 s (serve2), c0-0 wrote user:0 at "
                    "3.210 s (serve1); redis's journal of user:0 has c1-1 first, pg1's has c0-0 "
                    "first.");
    expect("convergence", "valid, 0 of 1");
}

static void a_missing_write_is_not_out_of_order(void **state)
{
    struct built_op *x = built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK);
    struct built_op *y = built_write(&b, "c1-1", 0, 100, 105, HISTORY_OK);
    struct built_op *z = built_write(&b, "c2-2", 0, 100, 105, HISTORY_OK);

    (void)state;
    built_apply(&b, x, 1U);
    built_apply(&b, y, 2U);
    built_apply(&b, z, BUILT_ALL);
    expect("order", "valid, 0 of 1");
}

static void increments_commute(void **state)
{
    struct built_op *x = built_op(&b, "c0-0", 100, 105, HISTORY_OK);
    struct built_op *y = built_op(&b, "c1-1", 100, 105, HISTORY_OK);

    (void)state;
    for (unsigned store = 0; store < 2; store++) {
        built_micro(x, OP_INCR, store, 0, "")->delta = 1;
        built_micro(y, OP_INCR, store, 0, "")->delta = 2;
    }
    built_apply(&b, x, 1U);
    built_apply(&b, y, 3U);
    built_apply(&b, x, 2U);
    expect("order", "valid, 0 of 1");
    y->micro[0].has_min = y->micro[1].has_min = true;
    expect("order", "invalid, 1 of 1: c1-1 wrote user:0 at 0.100 s (serve2), c0-0 wrote user:0 at "
                    "0.100 s (serve1); pg2's journal of user:0 has c1-1 first, pg1's has c0-0 "
                    "first.");
}

static void a_second_application_does_not_change_the_order(void **state)
{
    struct built_op *x = built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK);
    struct built_op *y = built_write(&b, "c1-1", 0, 100, 105, HISTORY_OK);

    (void)state;
    built_apply(&b, x, BUILT_ALL);
    built_apply(&b, y, BUILT_ALL);
    built_apply(&b, x, 2U);
    expect("order", "valid, 0 of 1");
}

/* --- real time -------------------------------------------------------------------------------- */

static void an_acknowledged_write_behind_a_later_one_is_overtaken(void **state)
{
    struct built_op *x = built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK);
    struct built_op *y = built_write(&b, "c1-1", 0, 106, 110, HISTORY_INFO);

    (void)state;
    built_apply(&b, y, 2U);
    built_apply(&b, x, BUILT_ALL);
    expect("real-time",
           "invalid, 1 of 1: c0-0 wrote user:0 at 0.100 s (serve1) and was acknowledged at 0.105 "
           "s; c1-1 was sent after that, at 0.106 s (serve2), yet pg2's journal of user:0 has it "
           "as entry 1 and c0-0 as entry 2.");
}

static void concurrent_writes_may_stand_either_way(void **state)
{
    struct built_op *x = built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK);
    struct built_op *y = built_write(&b, "c1-1", 0, 105, 110, HISTORY_OK);

    (void)state;
    built_apply(&b, y, BUILT_ALL);
    built_apply(&b, x, BUILT_ALL);
    expect("real-time", "valid, 0 of 2");
}

static void an_unknown_write_may_take_effect_late(void **state)
{
    struct built_op *x = built_write(&b, "c0-0", 0, 100, 105, HISTORY_INFO);
    struct built_op *y = built_write(&b, "c1-1", 0, 205, 210, HISTORY_OK);

    (void)state;
    built_apply(&b, y, BUILT_ALL);
    built_apply(&b, x, BUILT_ALL);
    expect("real-time", "valid, 0 of 1");
}

/* --- fates ------------------------------------------------------------------------------------ */

static void expect_fate(const char *request, enum run_fate wanted)
{
    struct run_data run;
    struct errctx err = {0};

    built_save(&b, dir);
    if (run_data_load(dir, &run, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(run_op_fate(&run, run_find_op(&run, request)), wanted);
    run_data_done(&run);
}

static void evidence_resolves_what_is_unknown(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 105, HISTORY_INFO), 4U);
    (void)built_write(&b, "c1-1", 0, 100, 105, HISTORY_INFO);
    (void)built_write(&b, "c2-2", 0, 100, 105, HISTORY_OPEN);
    (void)built_write(&b, "c3-3", 0, 100, 105, HISTORY_INFO);
    buf_append_str(&b.evidence,
                   "{\"t\":\"decision\",\"server\":\"serve1\",\"gid\":\"g\",\"request\":\"c1-1\"}\n"
                   "{\"t\":\"record\",\"partition\":0,\"offset\":3,\"request\":\"c2-2\"}\n"
                   "{\"t\":\"record\",\"partition\":0,\"offset\":0,\"request\":\"warm-1\"}\n");
    expect_fate("c0-0", FATE_HAPPENED);
    expect_fate("c1-1", FATE_HAPPENED);
    expect_fate("c2-2", FATE_HAPPENED);
    expect_fate("c3-3", FATE_DID_NOT);
    b.settled = false;
    expect_fate("c3-3", FATE_UNKNOWN);
    expect_fate("c0-0", FATE_HAPPENED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_acknowledged_write_that_a_store_lacks_is_lost),
        TEST(an_acknowledged_write_that_two_stores_lack_is_lost_once),
        TEST(an_overwritten_write_is_not_lost),
        TEST(an_unknown_write_that_is_nowhere_is_not_lost),
        TEST(a_write_may_still_arrive_while_nothing_is_settled),
        TEST(an_unknown_write_in_some_stores_is_half_done),
        TEST(a_write_that_was_never_answered_may_be_half_done),
        TEST(all_or_none_is_atomic_however_it_ended),
        TEST(what_was_decided_is_not_in_no_store),
        TEST(what_stands_in_the_log_is_not_in_no_store),
        TEST(what_was_decided_and_is_everywhere_is_atomic),
        TEST(only_the_stores_that_it_names_count),
        TEST(two_keys_are_one_transaction),
        TEST(a_failed_write_in_a_journal_is_a_ghost),
        TEST(the_value_of_a_failed_write_in_a_read_is_a_ghost),
        TEST(a_failed_write_that_was_decided_is_a_ghost),
        TEST(a_failed_write_in_the_log_is_a_ghost_before_anything_settled),
        TEST(a_decision_of_somebody_else_makes_no_ghost),
        TEST(an_unknown_write_may_be_seen),
        TEST(a_value_that_nobody_wrote_is_garbage),
        TEST(a_value_of_another_key_is_garbage),
        TEST(a_value_from_the_future_is_garbage),
        TEST(a_value_sent_before_the_read_returned_is_fine),
        TEST(an_entry_that_nobody_asked_for_is_garbage),
        TEST(an_entry_other_than_what_was_asked_for_is_garbage),
        TEST(an_operation_twice_in_a_journal_is_a_duplicate),
        TEST(equal_operations_of_one_transaction_are_no_duplicates),
        TEST(stores_that_end_with_different_values_diverge),
        TEST(a_key_that_a_store_lacks_diverges),
        TEST(equal_values_after_different_ways_converge),
        TEST(a_value_that_the_journal_does_not_make_diverges),
        TEST(numbers_and_lists_are_folded),
        TEST(versioned_writes_converge_in_any_order),
        TEST(a_gap_in_a_journal_diverges),
        TEST(no_rest_and_no_progress_breaks_convergence),
        TEST(no_rest_with_progress_leaves_convergence_unknown),
        TEST(no_rest_and_no_samples_leave_convergence_unknown),
        TEST(two_writes_in_opposite_order_are_out_of_order),
        TEST(a_missing_write_is_not_out_of_order),
        TEST(increments_commute),
        TEST(a_second_application_does_not_change_the_order),
        TEST(an_acknowledged_write_behind_a_later_one_is_overtaken),
        TEST(concurrent_writes_may_stand_either_way),
        TEST(an_unknown_write_may_take_effect_late),
        TEST(evidence_resolves_what_is_unknown),
    };

    return cmocka_run_group_tests_name("checkers", tests, NULL, NULL);
}
