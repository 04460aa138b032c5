/*
 * Folder: stores
 * What an operator sees of a branch in doubt, and does by hand: on every kind that can take part in
 * two-phase commit. Views are compared as text:
 * "GID prepared keys:a,b waiters:1" and "GID committed", age and horizon checked apart.
 */
#include "live_store.h"

#include "base/clock.h"
#include "base/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct seen {
    unsigned n; /* how often it was answered */
    enum store_status status;
    char text[1024];
    int64_t age_us, horizon; /* of the first */
    char who[GID_SIZE];      /* who waits first for it */
};

__attribute__((format(printf, 2, 3))) static void append(struct seen *seen, const char *format, ...)
{
    size_t used = strlen(seen->text);
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(seen->text + used, sizeof seen->text - used, format, ap);
    va_end(ap);
}

static void append_view(struct seen *seen, const struct store_view *view)
{
    static const char *const words[STORE_VIEW_STATES] = {
        [STORE_VIEW_PREPARED] = "prepared",
        [STORE_VIEW_COMMITTED_BY_HAND] = "committed",
        [STORE_VIEW_ROLLED_BACK_BY_HAND] = "rolled back"};

    append(seen, "%s%s %s", seen->text[0] ? "; " : "", view->gid, words[view->state]);
    for (unsigned i = 0; i < view->n_keys; i++)
        append(seen, "%s%s", i == 0 ? " keys:" : ",", view->key[i]);
    if (view->n_waiters > 0)
        append(seen, " waiters:%u", view->n_waiters);
}

static void take(void *arg, const struct store_reply *reply, const struct store_view *view,
                 unsigned n_views)
{
    struct seen *seen = arg;

    seen->n++;
    seen->status = reply->status;
    for (unsigned i = 0; i < n_views; i++)
        append_view(seen, &view[i]);
    if (n_views == 0)
        return;
    seen->age_us = view[0].age_us;
    seen->horizon = view[0].horizon;
    (void)snprintf(seen->who, sizeof seen->who, "%s", view[0].waiter[0].who);
}

static bool answered(void *arg)
{
    return ((struct seen *)arg)->n > 0;
}

static struct seen look(const char *prefix)
{
    struct seen seen = {0};

    store_view(live.store, prefix, live_deadline(), take, &seen);
    assert_int_equal(loop_until(live.base, answered, &seen, LIVE_DEADLINE_US), 0);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.status, STORE_OK);
    return seen;
}

static enum store_status settle(const char *gid, bool commit)
{
    struct answer answer = {0};

    store_settle(live.store, gid, commit, live_deadline(), answer_done, &answer);
    return live_await(&answer);
}

static enum store_status forget_settled(const char *gid)
{
    struct answer answer = {0};

    store_forget_settled(live.store, gid, live_deadline(), answer_done, &answer);
    return live_await(&answer);
}

/* A branch that is prepared and whose session is somebody else's again. */
static void leave_in_doubt(const struct txn *txn, const char *gid)
{
    struct answer answer;
    struct store_branch *branch = live_begin(live.store, txn, gid, STORE_UNTIL_PREPARED, &answer);

    assert_int_equal(answer.reply.status, STORE_OK);
    store_branch_free(branch);
}

/* What was there before, so that PostgreSQL can show whose it is. */
static void fill(void)
{
    struct txn txn = live_txn("r0", "w a v0", "w b v0", "w c v0", NULL);

    assert_int_equal(live_execute(live.store, &txn), STORE_OK);
}

/* --- looking ---------------------------------------------------------------------------------- */

static void shows_what_is_prepared_with_its_keys(void **state)
{
    struct txn one = live_txn("r1", "w a v1", "w b v1", NULL);
    struct txn two = live_txn("r2", "w c v2", NULL);
    struct seen seen;

    (void)state;
    fill();
    leave_in_doubt(&one, "sb1:t:1:1:r1");
    live_turn(2 * US_PER_MS);
    leave_in_doubt(&two, "sb1:u:1:1:r2");
    assert_string_equal(look("").text,
                        "sb1:t:1:1:r1 prepared keys:a,b; sb1:u:1:1:r2 prepared keys:c");
    seen = look("sb1:t:");
    assert_string_equal(seen.text, "sb1:t:1:1:r1 prepared keys:a,b");
    assert_true(seen.age_us >= 2 * US_PER_MS);
    assert_true(seen.age_us < LIVE_DEADLINE_US);
    assert_string_equal(look("sb1:tt:").text, "");
}

static void what_runs_meanwhile_moves_the_horizon(void **state)
{
    struct txn in_doubt = live_txn("r1", "w a v1", NULL);
    struct txn other = live_txn("r2", "w b v2", NULL);
    int64_t before;

    (void)state;
    fill();
    leave_in_doubt(&in_doubt, "sb1:t:1:1:r1");
    before = look("").horizon;
    assert_int_equal(live_execute(live.store, &other), STORE_OK);
    assert_int_equal(live_execute(live.store, &other), STORE_OK);
    if (live.server.kind != STORE_POSTGRES)
        assert_true(look("").horizon == -1);
    else
        assert_true(look("").horizon >= before + 2);
}

static void names_who_waits(void **state)
{
    struct store *patient = live_open("patient:1", 4, 5 * US_PER_S);
    struct txn holds = live_txn("r1", "w a v1", NULL);
    struct txn waits = live_txn("r2", "w a v2", NULL);
    struct answer answer = {0};
    struct store_branch *waiter;
    struct seen seen;

    (void)state;
    fill();
    leave_in_doubt(&holds, "sb1:t:1:1:r1");
    waiter = store_branch_begin(patient, &waits, "sb1:t:1:2:r2", STORE_UNTIL_PREPARED,
                                live_deadline(), answer_done, &answer);
    do {
        live_turn(150 * US_PER_MS); /* asked more often, MariaDB shows nothing new */
        seen = look("sb1:t:1:1:");
    } while (!seen.who[0]);
    assert_string_equal(seen.text, "sb1:t:1:1:r1 prepared keys:a waiters:1");
    assert_string_equal(seen.who, live_is_redis() ? "sb1:t:1:2:r2" : "patient:1");
    assert_int_equal(settle("sb1:t:1:1:r1", true), STORE_OK);
    assert_int_equal(live_await(&answer), STORE_OK);
    assert_int_equal(live_branch(waiter, store_branch_rollback), STORE_OK);
    store_branch_free(waiter);
    store_free(patient);
}

/* --- settling by hand ------------------------------------------------------------------------- */

static void what_was_settled_by_hand_is_remembered_until_forgotten(void **state)
{
    struct txn one = live_txn("r1", "w a v1", NULL);
    struct txn two = live_txn("r2", "w b v2", NULL);

    (void)state;
    fill();
    leave_in_doubt(&one, "sb1:t:1:1:r1");
    leave_in_doubt(&two, "sb1:t:1:2:r2");
    assert_int_equal(settle("sb1:t:1:1:r1", true), STORE_OK);
    live_turn(2 * US_PER_MS);
    assert_int_equal(settle("sb1:t:1:2:r2", false), STORE_OK);
    assert_string_equal(live_peek("a"), "v1 n=2: 1 r0 0 w v0; 2 r1 0 w v1");
    assert_string_equal(live_peek("b"), "v0 n=1: 1 r0 1 w v0");
    assert_string_equal(live_in_doubt("", NULL), "");
    if (!live_is_redis()) /* whose hash has no order */
        assert_string_equal(look("").text, "sb1:t:1:1:r1 committed; sb1:t:1:2:r2 rolled back");
    assert_string_equal(look("sb1:t:1:1:").text, "sb1:t:1:1:r1 committed");
    assert_int_equal(forget_settled("sb1:t:1:1:r1"), STORE_OK);
    assert_int_equal(forget_settled("sb1:t:1:1:r1"), STORE_OK);
    assert_string_equal(look("").text, "sb1:t:1:2:r2 rolled back");
}

static void settling_what_is_not_in_doubt_does_and_remembers_nothing(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", NULL);

    (void)state;
    fill();
    assert_int_equal(settle("sb1:t:1:9:r9", false), STORE_NOTA);
    leave_in_doubt(&txn, "sb1:t:1:1:r1");
    assert_int_equal(live_resolve("sb1:t:1:1:r1", true), STORE_OK);
    assert_int_equal(settle("sb1:t:1:1:r1", false), STORE_NOTA);
    assert_int_equal(settle("not 'a gid", true), STORE_FATAL);
    assert_string_equal(look("").text, "");
    assert_string_equal(live_peek("a"), "v1 n=2: 1 r0 0 w v0; 2 r1 0 w v1");
}

#define CASE(f) cmocka_unit_test_setup(f, live_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(shows_what_is_prepared_with_its_keys),
        CASE(what_runs_meanwhile_moves_the_horizon),
        CASE(names_who_waits),
        CASE(what_was_settled_by_hand_is_remembered_until_forgotten),
        CASE(settling_what_is_not_in_doubt_does_and_remembers_nothing),
    };

    return live_run_tests(tests, sizeof tests / sizeof tests[0]);
}
