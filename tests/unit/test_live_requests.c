/*
 * A request that is sent again, to another door. Folder: coordinator
 *
 * The doors write requests down at the stores. Whatever became of the first sending, and of its
 * door, the request is done once.
 */
#include "base/loop.h"

#include "doors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct door first, second;
static struct picture p;

static void open_both(enum twopc_lock_order order)
{
    doors_requests_at_stores = true;
    doors_open(&first, "serve1", order);
    doors_open(&second, "serve2", order);
    doors_await_usable(&first);
    doors_await_usable(&second);
}

static void close_both(void)
{
    doors_close(&second);
    doors_close(&first);
}

static void what_one_door_has_done_the_other_does_not_do_again(void **state)
{
    struct txn txn = doors_fan_out(OP_WRITE, "", "a");

    (void)state;
    for (enum twopc_lock_order order = TWOPC_SORTED; order <= TWOPC_PARALLEL; order++) {
        (void)snprintf(txn.request, sizeof txn.request, "r%d", (int)order);
        open_both(order);
        assert_string_equal(doors_execute(&first, &txn), "ok everywhere");
        doors_await_idle(&first);
        assert_string_equal(doors_execute(&second, &txn), "ok decided");
        assert_string_equal(doors_status(&second, txn.request), "committed");
        doors_await_idle(&second);
        close_both();
        doors_look(&p);
        assert_true(doors_happened(&p, txn.request));
        assert_int_equal(p.n_in_doubt, 0);
    }
}

/* Once at its store, where only this one is written to. */
static void what_was_done_at_one_store_is_not_done_again(void **state)
{
    struct txn txn = doors_fan_out(OP_INCR, "", "n");

    (void)state;
    open_both(TWOPC_SORTED);
    for (unsigned i = 0; i < DOORS_STORES; i++) {
        (void)snprintf(txn.request, sizeof txn.request, "only-%u", i);
        txn.n_ops = 1;
        txn.op[0] = doors_operation(OP_INCR, i, "n", "");
        txn.op[0].delta = 1;
        assert_string_equal(doors_execute(&first, &txn), "ok everywhere");
        assert_string_equal(doors_execute(&second, &txn), "ok everywhere");
    }
    close_both();
    doors_look(&p);
    assert_int_equal(p.n_seen, DOORS_STORES);
    for (unsigned i = 0; i < DOORS_STORES; i++)
        assert_int_equal(p.seen[i].n[0] + p.seen[i].n[1] + p.seen[i].n[2], 1);
}

/* It may commit yet, or not: so the other door says neither, and knows it later. */
static void while_it_is_in_doubt_nobody_says_what_became_of_it(void **state)
{
    struct txn txn = doors_fan_out(OP_WRITE, "r1", "a");
    struct answer *a;

    (void)state;
    open_both(TWOPC_SORTED);
    a = doors_send_held(&first, &txn, CRASH_XA_VOTED);
    assert_string_equal(doors_execute(&second, &txn),
                        "unknown pg1 in flight elsewhere; ask for its status");
    assert_string_equal(doors_status(&second, "r1"), "unknown");
    crash_point_disarm();
    doors_await(&first, a);
    doors_await_idle(&first);
    assert_string_equal(doors_execute(&second, &txn), "ok decided");
    close_both();
    doors_look(&p);
    assert_true(doors_happened(&p, "r1"));
    assert_int_equal(p.n_in_doubt, 0);
}

static bool has_recovered(void *arg)
{
    struct coordinator_counters c;

    (void)arg;
    coordinator_counters(first.co, &c);
    return c.recovered_committed == DOORS_STORES;
}

/* Its door dies with the decision, comes back, and so does the request, at the other one. */
static void a_door_that_died_has_done_it_once(void **state)
{
    struct txn txn = doors_fan_out(OP_WRITE, "r1", "a");

    (void)state;
    open_both(TWOPC_SORTED);
    (void)doors_send_held(&first, &txn, CRASH_XA_DECIDED);
    doors_close(&first);
    crash_point_disarm();
    doors_open(&first, "serve1", TWOPC_SORTED);
    assert_int_equal(loop_until(first.base, has_recovered, NULL, DOORS_WAIT_US), 0);
    assert_string_equal(doors_execute(&second, &txn), "ok decided");
    close_both();
    doors_look(&p);
    assert_true(doors_happened(&p, "r1"));
    assert_int_equal(p.n_in_doubt, 0);
}

/* An attempt that was rolled back has left nothing that would keep the next from succeeding. */
static void what_was_rolled_back_may_be_sent_again(void **state)
{
    struct txn blocks = doors_fan_out(OP_WRITE, "r1", "a");
    struct txn txn = doors_fan_out(OP_WRITE, "r2", "a");

    (void)state;
    open_both(TWOPC_SORTED);
    (void)doors_send_held(&first, &blocks, CRASH_XA_DECIDED);
    assert_non_null(strstr(doors_execute(&second, &txn), "conflict"));
    crash_point_disarm();
    doors_await_idle(&first);
    assert_string_equal(doors_execute(&first, &txn), "ok everywhere");
    doors_await_idle(&first);
    close_both();
    doors_look(&p);
    assert_true(doors_happened(&p, "r2"));
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, doors_clean, doors_remove_folder)
    const struct CMUnitTest tests[] = {
        CASE(what_one_door_has_done_the_other_does_not_do_again),
        CASE(what_was_done_at_one_store_is_not_done_again),
        CASE(while_it_is_in_doubt_nobody_says_what_became_of_it),
        CASE(a_door_that_died_has_done_it_once),
        CASE(what_was_rolled_back_may_be_sent_again),
    };

    return doors_run_tests(tests, sizeof tests / sizeof tests[0]);
}
