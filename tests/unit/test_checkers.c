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
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

static void judge_saved(const char *name, bool promised, char *text, size_t size)
{
    struct verdict v = {.promised = promised, .level = LEVEL_EVERYWHERE};
    struct run_data run;
    struct errctx err = {0};

    if (run_data_load(dir, &run, &err) < 0)
        fail_msg("%s", err.message);
    assert_non_null(checker_find(name));
    checker_find(name)->check(&run, &v);
    (void)snprintf(text, size, "%s, %d of %d%s%s", verdict_word_name(v.word), (int)v.count,
                   (int)v.of, v.n_examples ? ": " : "", v.n_examples ? v.example[0].sentence : "");
    run_data_done(&run);
}

static void render(const char *name, bool promised, char *text, size_t size)
{
    built_save(&b, dir);
    judge_saved(name, promised, text, size);
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

static void what_an_operator_split_is_told_as_that(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 2, 3210, 3300, HISTORY_INFO), 6);
    buf_append_str(&b.evidence,
                   "{\"t\":\"by_hand\",\"store\":\"pg1\",\"gid\":\"sb1:serve1:1:1:c0-0\","
                   "\"request\":\"c0-0\",\"outcome\":\"rolled back\"}\n");
    expect("atomicity", "invalid, 1 of 1: c0-0 wrote user:2 at 3.210 s (serve1) and had no "
                        "answer by 3.300 s: pg2 and redis have it, pg1 never got it, since an "
                        "operator settled it by hand.");
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

static struct built_op *add(const char *request, int64_t invoked_ms, int64_t ended_ms)
{
    struct built_op *op = built_op(&b, request, invoked_ms, ended_ms, HISTORY_OK);

    built_micro(op, OP_INCR, 0, 0, "")->delta = 5;
    return op;
}

static void additions_have_no_order_in_time(void **state)
{
    struct built_op *x = add("c0-0", 100, 105);
    struct built_op *y = add("c1-1", 106, 110);

    (void)state;
    built_apply(&b, y, BUILT_ALL);
    built_apply(&b, x, BUILT_ALL);
    expect("real-time", "not exercised, 0 of 0");
}

static void an_addition_with_a_bound_has_its_place_in_time(void **state)
{
    struct built_op *x = add("c0-0", 100, 105);
    struct built_op *y = add("c1-1", 106, 110);

    (void)state;
    y->micro[0].has_min = true;
    built_apply(&b, y, BUILT_ALL);
    built_apply(&b, x, BUILT_ALL);
    expect("real-time",
           "invalid, 1 of 2: c0-0 wrote user:0 at 0.100 s (serve1) and was acknowledged at "
           "0.105 s; c1-1 was sent after that, at 0.106 s (serve2), yet pg1's journal of user:0 "
           "has it as entry 1 and c0-0 as entry 2.");
}

/* --- conservation ----------------------------------------------------------------------------- */

/* From account 0 at pg1 to account 1 at pg2. */
static struct built_op *transfer(const char *request, int amount, int64_t at_ms,
                                 enum history_end end)
{
    struct built_op *op = built_op(&b, request, at_ms, at_ms + 5, end);

    built_micro(op, OP_INCR, 0, 0, "")->delta = -amount;
    built_micro(op, OP_INCR, 1, 1, "")->delta = amount;
    return op;
}

static void begin_accounts(void)
{
    b.workload = "{name: transfer, rate_per_s: 400, duration_s: 8, balance: 100, bound: true}";
    b.prefix = "acct";
    for (unsigned i = 0; i < 2; i++)
        built_append(&b, i, i, "init", "0 incr 100");
}

static void balances(const char *first, const char *second)
{
    built_copy(b.state[0][0].value, first);
    built_copy(b.state[1][1].value, second);
}

static void a_balance_that_nobody_moved_may_be_read(void **state)
{
    (void)state;
    begin_accounts();
    (void)built_read(&b, "c0-0", 0, 0, "100", 102, 103);
    balances("100", "100");
    expect("ghosts", "not exercised, 0 of 0");
}

static void half_a_transfer_is_a_wrong_balance(void **state)
{
    (void)state;
    begin_accounts();
    built_apply(&b, transfer("c0-0", 10, 100, HISTORY_OK), BUILT_ALL);
    built_apply(&b, transfer("c1-1", 30, 110, HISTORY_INFO), 1U);
    balances("60", "110");
    expect("conservation",
           "invalid, 1 of 2: acct:1 at pg2 ends with 110; its beginning and what happened make "
           "140: c1-1 wrote acct:1 at 0.110 s (serve2) and had no answer by 0.115 s, "
           "and is missing there.");
    expect("ghosts", "not exercised, 0 of 0");
}

static void a_transfer_done_twice_is_a_wrong_balance(void **state)
{
    struct built_op *op = transfer("c0-0", 10, 100, HISTORY_OK);

    (void)state;
    begin_accounts();
    built_apply(&b, op, BUILT_ALL);
    built_apply(&b, op, 2U);
    balances("90", "120");
    expect("conservation",
           "invalid, 1 of 2: acct:1 at pg2 ends with 120; its beginning and what happened make "
           "110: c0-0 wrote acct:1 at 0.100 s (serve1) and was acknowledged at 0.105 "
           "s, and is there more than once, or as something else.");
}

static void a_failed_transfer_that_moved_money_is_two_wrong_balances(void **state)
{
    (void)state;
    begin_accounts();
    built_apply(&b, transfer("c0-0", 10, 100, HISTORY_FAIL), BUILT_ALL);
    balances("90", "110");
    expect("conservation",
           "invalid, 2 of 2: acct:0 at pg1 ends with 90; its beginning and what happened make 100: "
           "c0-0 wrote acct:0 at 0.100 s (serve1) and failed at 0.105 s "
           "(conflict), and is there all the same.");
}

static void money_that_was_never_put_there_is_missed(void **state)
{
    (void)state;
    begin_accounts();
    built_apply(&b, transfer("c0-0", 10, 100, HISTORY_OK), BUILT_ALL);
    b.state[0][0].entry[0] = b.state[0][0].entry[1];
    b.state[0][0].n_entries = 1;
    balances("-10", "110");
    expect(
        "conservation",
        "invalid, 1 of 2: acct:0 at pg1 ends with -10; its beginning and what happened make 90.");
}

static void unknown_transfers_that_did_or_did_not_happen_conserve(void **state)
{
    (void)state;
    begin_accounts();
    built_apply(&b, transfer("c0-0", 10, 100, HISTORY_INFO), BUILT_ALL);
    (void)transfer("c1-1", 30, 110, HISTORY_INFO);
    (void)transfer("c2-2", 30, 110, HISTORY_FAIL);
    (void)transfer("c3-3", 30, 110, HISTORY_OPEN);
    balances("90", "110");
    expect("conservation", "valid, 0 of 2");
    expect("ghosts", "valid, 0 of 1");
    expect("duplicates", "valid, 0 of 4");
}

static void money_may_be_on_its_way_while_nothing_is_settled(void **state)
{
    (void)state;
    b.settled = false;
    begin_accounts();
    built_apply(&b, transfer("c0-0", 10, 100, HISTORY_OK), 1U);
    balances("90", "100");
    expect("conservation", "unknown, 0 of 2");
}

static void only_the_first_entry_of_an_account_is_its_beginning(void **state)
{
    (void)state;
    begin_accounts();
    (void)transfer("c0-0", 10, 100, HISTORY_INFO);
    built_append(&b, 0, 0, "init", "0 incr 100");
    balances("200", "100");
    expect("ghosts", "invalid, 1 of 0: Entry 2 of pg1's journal of acct:0 is an operation of init "
                     "that nobody sent.");
    expect(
        "conservation",
        "invalid, 1 of 2: acct:0 at pg1 ends with 200; its beginning and what happened make 100.");
}

static void an_account_below_its_bound_breaks_conservation_before_anything_settled(void **state)
{
    struct built_op *op = transfer("c0-0", 120, 100, HISTORY_OK);

    (void)state;
    b.settled = false;
    begin_accounts();
    op->micro[0].has_min = true;
    op->micro[0].min = 0;
    built_apply(&b, op, BUILT_ALL);
    balances("-20", "220");
    expect("conservation", "invalid, 1 of 2: c0-0 wrote acct:0 at 0.100 s (serve1) and was "
                           "acknowledged at 0.105 s: as entry 2 of pg1's journal of acct:0 it "
                           "makes -20, below its bound of 0.");
}

static void an_account_at_its_bound_keeps_it(void **state)
{
    struct built_op *op = transfer("c0-0", 100, 100, HISTORY_OK);

    (void)state;
    begin_accounts();
    op->micro[0].has_min = true;
    op->micro[0].min = 0;
    built_apply(&b, op, BUILT_ALL);
    balances("0", "200");
    expect("conservation", "valid, 0 of 2");
}

static void what_is_written_over_is_no_account(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK), 1U);
    expect("conservation", "not exercised, 0 of 0");
}

/* --- fractured -------------------------------------------------------------------------------- */

static struct built_op *read_n(const char *request, unsigned store, const char *value, unsigned n,
                               int64_t invoked_ms, int64_t ended_ms)
{
    struct built_op *op = built_read(&b, request, store, 0, value, invoked_ms, ended_ms);

    op->micro[0].n = n;
    return op;
}

/* user:0 is written twice, c1-1 the second, everywhere. */
static void write_twice(void)
{
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK), BUILT_ALL);
    built_apply(&b, built_write(&b, "c1-1", 0, 200, 230, HISTORY_OK), BUILT_ALL);
}

static void what_was_seen_at_one_store_and_then_not_at_another_is_fractured(void **state)
{
    (void)state;
    write_twice();
    (void)read_n("c2-2", 0, "c1-1", 2, 210, 212);
    (void)read_n("c3-3", 2, "c0-0", 1, 213, 215);
    expect("fractured", "invalid, 1 of 1: c3-3 read user:0 at redis at 0.213 s (directly) and did "
                        "not see c1-1 (changes found: 1, that one is number 2); but c2-2 read "
                        "user:0 at pg1 at 0.210 s (directly), "
                        "and saw it by 0.212 s.");
}

static void what_was_not_seen_yet_and_then_seen_elsewhere_is_not_fractured(void **state)
{
    (void)state;
    write_twice();
    (void)read_n("c2-2", 0, "c1-1", 2, 213, 215);
    (void)read_n("c3-3", 2, "c0-0", 1, 210, 212);
    expect("fractured", "valid, 0 of 1");
}

static void reads_in_flight_together_are_not_fractured(void **state)
{
    (void)state;
    write_twice();
    (void)read_n("c2-2", 0, "c1-1", 2, 210, 213);
    (void)read_n("c3-3", 2, "c0-0", 1, 213, 215);
    expect("fractured", "not exercised, 0 of 0");
}

static void another_key_of_the_transaction_fractures_it_too(void **state)
{
    struct built_op *op = transfer("c0-0", 10, 100, HISTORY_INFO);

    (void)state;
    begin_accounts();
    built_apply(&b, op, BUILT_ALL);
    balances("90", "110");
    (void)read_n("c1-1", 0, "90", 2, 102, 103);
    built_micro(built_op(&b, "c2-2", 104, 105, HISTORY_OK), OP_READ, 1, 1, "100")->n = 1;
    expect("fractured", "invalid, 1 of 1: c2-2 read acct:1 at pg2 at 0.104 s (serve1) and did not "
                        "see c0-0 (changes found: 1, that one is number 2); but c1-1 read acct:0 "
                        "at pg1 at 0.102 s (directly), "
                        "and saw it by 0.103 s.");
}

static struct built_op *read_together(unsigned n_pg1, unsigned n_redis)
{
    static const char *const shows[] = {"", "c0-0", "c1-1"};
    struct built_op *op = built_op(&b, "c2-2", 210, 215, HISTORY_OK);

    built_micro(op, OP_READ, 0, 0, shows[n_pg1])->n = n_pg1;
    built_micro(op, OP_READ, 2, 0, shows[n_redis])->n = n_redis;
    return op;
}

static void one_transaction_that_sees_half_is_fractured(void **state)
{
    (void)state;
    write_twice();
    (void)read_together(2, 1);
    expect(
        "fractured",
        "invalid, 1 of 2: c2-2 read user:0 at redis at 0.210 s (serve1) and did not see c1-1 "
        "(changes found: 1, that one is number 2); but in the same transaction it saw it in user:0 "
        "at pg1.");
}

static void one_transaction_that_sees_all_or_nothing_is_whole(void **state)
{
    (void)state;
    write_twice();
    (void)read_together(1, 1);
    (void)built_op(&b, "c3-3", 210, 215, HISTORY_INFO);
    built_micro(&b.op[3], OP_READ, 0, 0, "");
    expect("fractured", "valid, 0 of 2");
}

static void a_part_that_never_came_is_no_matter_of_reads(void **state)
{
    (void)state;
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK), BUILT_ALL);
    built_apply(&b, built_write(&b, "c1-1", 0, 200, 230, HISTORY_INFO), 1U);
    (void)read_n("c2-2", 0, "c1-1", 2, 210, 212);
    (void)read_n("c3-3", 2, "c0-0", 1, 213, 215);
    expect("fractured", "valid, 0 of 1");
}

/* --- sessions --------------------------------------------------------------------------------- */

/* c0-0 and c1-1 write user:0, then client 1 reads it at pg2. */
static struct built_op *read_after_writes(unsigned n, int64_t invoked_ms)
{
    struct built_op *read;

    write_twice();
    read = read_n("c1-2", 1, n == 2 ? "c1-1" : "c0-0", n, invoked_ms, invoked_ms + 2);
    read->client = 1;
    return read;
}

static void a_client_that_does_not_read_its_write_is_told(void **state)
{
    (void)state;
    (void)read_after_writes(1, 231);
    expect(
        "read-your-writes",
        "invalid, 1 of 1: c1-1 wrote user:0 at 0.200 s (serve2) and was acknowledged at 0.230 s; "
        "then, for the same client, c1-2 read user:0 at pg2 at 0.231 s (directly) and found only 1 "
        "of its changes: c1-1 is number 2.");
}

static void a_client_that_reads_its_write_or_later_is_well(void **state)
{
    (void)state;
    (void)read_after_writes(2, 231);
    expect("read-your-writes", "valid, 0 of 1");
}

static void a_read_sent_with_the_answer_on_its_way_may_miss_the_write(void **state)
{
    (void)state;
    (void)read_after_writes(1, 230);
    expect("read-your-writes", "not exercised, 0 of 0");
}

static void another_client_need_not_see_the_write(void **state)
{
    (void)state;
    read_after_writes(1, 231)->client = 2;
    expect("read-your-writes", "not exercised, 0 of 0");
}

static void an_unknown_write_obliges_nothing(void **state)
{
    (void)state;
    (void)read_after_writes(1, 231);
    b.op[1].end = HISTORY_INFO;
    expect("read-your-writes", "not exercised, 0 of 0");
}

static void a_write_whose_version_came_too_late_need_not_be_read(void **state)
{
    struct built_op *x, *y;

    (void)state;
    x = built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK);
    y = built_write(&b, "c1-1", 0, 101, 106, HISTORY_OK);
    for (unsigned i = 0; i < BUILT_STORES; i++) {
        x->micro[i].version = 7;
        y->micro[i].version = 5;
    }
    built_apply(&b, x, BUILT_ALL);
    built_apply(&b, y, BUILT_ALL);
    for (unsigned i = 0; i < BUILT_STORES; i++)
        built_copy(b.state[0][i].value, "c0-0");
    read_n("c1-2", 1, "c0-0", 1, 200, 202)->client = 1;
    expect("read-your-writes", "not exercised, 0 of 0");
    expect("fractured", "not exercised, 0 of 0");
}

static void a_store_that_was_filled_anew_proves_nothing(void **state)
{
    (void)state;
    (void)read_after_writes(1, 231);
    (void)read_n("c0-3", 1, "c1-1", 1, 300, 301); /* by then c1-1 was the first there */
    expect("read-your-writes", "unknown, 0 of 0");
    expect("fractured", "unknown, 0 of 0");
}

static void a_store_with_fewer_changes_than_were_read_proves_nothing(void **state)
{
    (void)state;
    (void)read_after_writes(1, 231);
    (void)read_n("c0-3", 1, "c1-1", 3, 300, 301);
    expect("read-your-writes", "unknown, 0 of 0");
}

static void a_store_that_could_not_be_collected_proves_nothing(void **state)
{
    char path[128], got[EXAMPLE_SENTENCE_MAX];

    (void)state;
    b.settled = false;
    (void)read_after_writes(1, 231);
    render("read-your-writes", true, got, sizeof got);
    assert_int_equal(strncmp(got, "invalid, 1 of 1", 15), 0);
    (void)snprintf(path, sizeof path, "%s/final/pg2.ndjson", dir);
    assert_int_equal(unlink(path), 0);
    judge_saved("read-your-writes", true, got, sizeof got);
    assert_string_equal(got, "unknown, 0 of 0");
}

static void a_client_that_reads_back_in_time_is_told(void **state)
{
    (void)state;
    write_twice();
    (void)read_n("c1-2", 1, "c1-1", 2, 240, 241);
    read_n("c1-3", 1, "c0-0", 1, 242, 243)->client = 2;
    expect("monotonic-reads", "invalid, 1 of 1: c1-2 read user:0 at pg2 at 0.240 s (directly) and "
                              "had found 2 changes by 0.241 s; then, for the same client, c1-3 "
                              "read user:0 at pg2 at 0.242 s (directly) and found only 1.");
}

static void another_store_may_be_behind(void **state)
{
    (void)state;
    write_twice();
    (void)read_n("c1-2", 1, "c1-1", 2, 240, 241);
    read_n("c1-3", 2, "c0-0", 1, 242, 243)->client = 2;
    expect("monotonic-reads", "not exercised, 0 of 0");
}

static void reads_of_a_client_in_flight_together_may_cross(void **state)
{
    (void)state;
    write_twice();
    (void)read_n("c1-2", 1, "c1-1", 2, 240, 243);
    read_n("c1-3", 1, "c0-0", 1, 241, 242)->client = 2;
    expect("monotonic-reads", "not exercised, 0 of 0");
}

static void a_client_that_reads_the_same_again_is_well(void **state)
{
    (void)state;
    write_twice();
    (void)read_n("c1-2", 1, "c0-0", 1, 220, 221);
    read_n("c1-3", 1, "c0-0", 1, 222, 223)->client = 2;
    read_n("c1-4", 1, "c1-1", 2, 242, 243)->client = 2;
    expect("monotonic-reads", "valid, 0 of 2");
}

/* What a transaction reads of its own may be rolled back behind it. */
static void a_read_of_an_own_write_obliges_nothing(void **state)
{
    struct built_op *op = built_op(&b, "c0-0", 100, 105, HISTORY_OK);

    (void)state;
    built_micro(op, OP_WRITE, 1, 0, "c0-0");
    built_micro(op, OP_READ, 1, 0, "c0-0");
    read_n("c0-1", 1, "", 0, 110, 111)->client = 0;
    expect("monotonic-reads", "not exercised, 0 of 0");
    expect("read-your-writes", "not exercised, 0 of 0");
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
        TEST(what_an_operator_split_is_told_as_that),
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
        TEST(additions_have_no_order_in_time),
        TEST(an_addition_with_a_bound_has_its_place_in_time),
        TEST(a_balance_that_nobody_moved_may_be_read),
        TEST(half_a_transfer_is_a_wrong_balance),
        TEST(a_transfer_done_twice_is_a_wrong_balance),
        TEST(a_failed_transfer_that_moved_money_is_two_wrong_balances),
        TEST(money_that_was_never_put_there_is_missed),
        TEST(unknown_transfers_that_did_or_did_not_happen_conserve),
        TEST(money_may_be_on_its_way_while_nothing_is_settled),
        TEST(only_the_first_entry_of_an_account_is_its_beginning),
        TEST(an_account_below_its_bound_breaks_conservation_before_anything_settled),
        TEST(an_account_at_its_bound_keeps_it),
        TEST(what_is_written_over_is_no_account),
        TEST(what_was_seen_at_one_store_and_then_not_at_another_is_fractured),
        TEST(what_was_not_seen_yet_and_then_seen_elsewhere_is_not_fractured),
        TEST(reads_in_flight_together_are_not_fractured),
        TEST(another_key_of_the_transaction_fractures_it_too),
        TEST(one_transaction_that_sees_half_is_fractured),
        TEST(one_transaction_that_sees_all_or_nothing_is_whole),
        TEST(a_part_that_never_came_is_no_matter_of_reads),
        TEST(a_client_that_does_not_read_its_write_is_told),
        TEST(a_client_that_reads_its_write_or_later_is_well),
        TEST(a_read_sent_with_the_answer_on_its_way_may_miss_the_write),
        TEST(another_client_need_not_see_the_write),
        TEST(an_unknown_write_obliges_nothing),
        TEST(a_write_whose_version_came_too_late_need_not_be_read),
        TEST(a_store_that_was_filled_anew_proves_nothing),
        TEST(a_store_with_fewer_changes_than_were_read_proves_nothing),
        TEST(a_store_that_could_not_be_collected_proves_nothing),
        TEST(a_client_that_reads_back_in_time_is_told),
        TEST(another_store_may_be_behind),
        TEST(reads_of_a_client_in_flight_together_may_cross),
        TEST(a_client_that_reads_the_same_again_is_well),
        TEST(a_read_of_an_own_write_obliges_nothing),
        TEST(evidence_resolves_what_is_unknown),
    };

    return cmocka_run_group_tests_name("checkers", tests, NULL, NULL);
}
