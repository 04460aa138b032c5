/*
 * Folder: stores
 * What a store does while nothing fails: the same cases against every kind that can take part in
 * two-phase commit, on real servers that this program starts on directories of its own.
 */
#include "live_store.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- direct ---------------------------------------------------------------------------------- */

static void executes_and_journals(void **state)
{
    struct txn one = live_txn("r1", "w a v1", NULL);
    struct txn two = live_txn("r2", "w a v2", "incr b -3", "append c x", "insert d y", NULL);

    (void)state;
    assert_int_equal(live_execute(live.store, &one), STORE_OK);
    assert_string_equal(live_peek("a"), "v1 n=1: 1 r1 0 w v1");
    assert_int_equal(live_execute(live.store, &two), STORE_OK);
    assert_string_equal(live_peek("a"), "v2 n=2: 1 r1 0 w v1; 2 r2 0 w v2");
    assert_string_equal(live_peek("b"), "-3 n=1: 1 r2 1 incr -3");
    assert_string_equal(live_peek("c"), "x n=1: 1 r2 2 append x");
    assert_string_equal(live_peek("d"), "y n=1: 1 r2 3 insert y");
}

static void operations_on_one_key_take_effect_in_their_order(void **state)
{
    struct txn txn =
        live_txn("r1", "w a x", "r a", "append a y", "r a", "w b 1", "append a z", NULL);
    struct answer answer = {0};

    (void)state;
    store_execute(live.store, &txn, live_deadline(), answer_done, &answer);
    assert_int_equal(live_await(&answer), STORE_OK);
    assert_string_equal(answer.reply.read[1].value, "x");
    assert_string_equal(answer.reply.read[3].value, "x,y");
    assert_true(answer.reply.read[3].n == 2);
    assert_string_equal(live_peek("a"), "x,y,z n=3: 1 r1 0 w x; 2 r1 2 append y; 3 r1 5 append z");
}

static void reads_find_value_and_journal_length(void **state)
{
    struct txn write = live_txn("r1", "w a v1", "incr b 5", "incr b 6", NULL);
    struct txn read = live_txn("r2", "r a", "r b", "r none", NULL);
    struct answer answer = {0};

    (void)state;
    assert_int_equal(live_execute(live.store, &write), STORE_OK);
    store_execute(live.store, &read, live_deadline(), answer_done, &answer);
    assert_int_equal(live_await(&answer), STORE_OK);
    assert_true(answer.reply.read[0].found);
    assert_string_equal(answer.reply.read[0].value, "v1");
    assert_string_equal(answer.reply.read[1].value, "11");
    assert_true(answer.reply.read[1].n == 2);
    assert_false(answer.reply.read[2].found);
    assert_true(answer.reply.read[2].n == 0);
}

/* What is refused raises, and takes everything before it along. */
static void a_refusal_leaves_nothing(void **state)
{
    struct txn base = live_txn("r1", "insert a 1", "incr b 10", NULL);
    struct txn exists = live_txn("r2", "w c v", "insert a 2", NULL);
    struct txn below = live_txn("r3", "w c v", "incr b -8 3", NULL);
    struct txn fresh_below = live_txn("r4", "incr d -1 0", NULL);
    struct txn reaches = live_txn("r5", "incr b -7 3", NULL);
    struct txn overflow = live_txn("r6", "incr b 9223372036854775807", NULL);

    (void)state;
    assert_int_equal(live_execute(live.store, &base), STORE_OK);
    assert_int_equal(live_execute(live.store, &exists), STORE_CONSTRAINT);
    assert_int_equal(live_execute(live.store, &below), STORE_CONSTRAINT);
    assert_int_equal(live_execute(live.store, &fresh_below), STORE_CONSTRAINT);
    assert_int_equal(live_execute(live.store, &reaches), STORE_OK);
    assert_int_equal(live_execute(live.store, &overflow), STORE_CONSTRAINT);
    assert_string_equal(live_peek("a"), "1 n=1: 1 r1 0 insert 1");
    assert_string_equal(live_peek("b"), "3 n=2: 1 r1 1 incr 10; 2 r5 0 incr -7");
    assert_string_equal(live_peek("c"), "none");
    assert_string_equal(live_peek("d"), "none");
}

/* Lists are cut to 256 bytes of whole characters; numbers and texts of a key are kept apart. */
static void values_are_the_folds_of_their_journals(void **state)
{
    char request[REQUEST_ID_SIZE];

    (void)state;
    for (unsigned i = 0; i < 30; i++) {
        struct txn txn =
            live_txn("r", i % 7 ? "append a \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" : "append a x",
                     "append b 0123456789abcdef", i % 2 ? "w c \"back\\slash\" {}" : "incr c 7",
                     i % 3 ? "incr c -2" : "append c tail", NULL);

        (void)snprintf(request, sizeof request, "r%u", i);
        memcpy(txn.request, request, sizeof request);
        assert_int_equal(live_execute(live.store, &txn), STORE_OK);
    }
    live_check_folds();
}

static void an_unsent_verb_is_unavailable_at_its_deadline(void **state)
{
    struct store *narrow = live_open("narrow:1", 1, 0);
    struct txn holds = live_txn("r1", "w a v1", NULL);
    struct txn late = live_txn("r2", "w b v1", NULL);
    struct answer answer;
    struct store_branch *branch =
        live_begin(narrow, &holds, "sb1:t:1:1:r1", STORE_UNTIL_EXECUTED, &answer);

    (void)state;
    assert_int_equal(answer.reply.status, STORE_OK);
    memset(&answer, 0, sizeof answer);
    store_execute(narrow, &late, clock_now_us() + 20 * US_PER_MS, answer_done, &answer);
    assert_int_equal(live_await(&answer), STORE_UNAVAILABLE);
    store_branch_free(branch); /* the session goes back, without a transaction */
    assert_int_equal(live_execute(narrow, &late), STORE_OK);
    assert_string_equal(live_peek("a"), "none");
    store_free(narrow);
}

/* --- branches -------------------------------------------------------------------------------- */

static void commits_a_prepared_branch(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", "r b", NULL);
    struct answer answer;
    struct store_branch *branch =
        live_begin(live.store, &txn, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &answer);

    (void)state;
    assert_int_equal(answer.reply.status, STORE_OK);
    assert_false(answer.reply.read[1].found);
    assert_string_equal(live_peek("a"), "none");
    assert_string_equal(live_in_doubt("sb1:t:", NULL), "sb1:t:1:1:r1");
    assert_string_equal(live_in_doubt("sb1:other:", NULL), "");
    assert_int_equal(live_branch(branch, store_branch_commit), STORE_OK);
    assert_string_equal(live_peek("a"), "v1 n=1: 1 r1 0 w v1");
    assert_string_equal(live_in_doubt("", NULL), "");
    store_branch_free(branch);
}

/* Its outcome can be proven later, where the store has a function for that. */
static void a_branch_that_writes_has_a_memo_if_its_store_needs_one(void **state)
{
    struct txn txn = live_txn("c1-1", "incr n 5 0", "w a 1", NULL);
    struct answer answer;
    struct store_branch *branch =
        live_begin(live.store, &txn, "sb1:serve1:1:1:c1-1", STORE_UNTIL_PREPARED, &answer);

    (void)state;
    assert_int_equal(strtoull(answer.reply.memo, NULL, 10) > 0, live.server.kind == STORE_POSTGRES);
    assert_int_equal(live_branch(branch, store_branch_rollback), STORE_OK);
    store_branch_free(branch);
}

/* While it is prepared, and after either end, also from another session. */
static void what_became_of_a_branch_can_be_proven(void **state)
{
    static const char *const gid[] = {"sb1:serve1:1:1:c1-1", "sb1:serve1:1:2:c1-2"};

    (void)state;
    for (unsigned commit = 0; commit < 2; commit++) {
        struct txn txn = live_txn("c1-1", "w a 1", NULL);
        struct answer answer;
        struct store_branch *branch =
            live_begin(live.store, &txn, gid[commit], STORE_UNTIL_PREPARED, &answer);
        const char *memo = answer.reply.memo;

        assert_int_equal(live_prove(gid[commit], memo), STORE_OUTCOME_PREPARED);
        store_branch_free(branch);
        assert_int_equal(live_prove(gid[commit], memo), STORE_OUTCOME_PREPARED);
        assert_int_equal(live_resolve(gid[commit], commit), STORE_OK);
        assert_int_equal(live_prove(gid[commit], memo),
                         commit ? STORE_OUTCOME_COMMITTED : STORE_OUTCOME_ROLLED_BACK);
    }
}

/* An id that PostgreSQL has never handed out; an intent that Redis has never seen. MariaDB has no
 * witness of it, as of what was rolled back; whether it was restored its mark tells. */
static void what_a_store_never_knew_has_not_committed(void **state)
{
    bool maria = store_kind(live.store) == STORE_MARIADB;

    (void)state;
    assert_int_equal(live_prove("sb1:serve1:1:9:c1-9", live_is_redis() ? "" : "4000000000"),
                     maria ? STORE_OUTCOME_ROLLED_BACK : STORE_OUTCOME_LOST);
}

static void rolls_a_prepared_branch_back(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct txn next = live_txn("r2", "w a v2", NULL);
    struct answer answer;
    struct store_branch *branch =
        live_begin(live.store, &txn, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &answer);

    (void)state;
    assert_int_equal(live_branch(branch, store_branch_rollback), STORE_OK);
    assert_true(live_nothing_left(live_branch(branch, store_branch_rollback)));
    store_branch_free(branch);
    assert_int_equal(live_execute(live.store, &next), STORE_OK);
    assert_string_equal(live_peek("a"), "v2 n=1: 1 r2 0 w v2");
}

static void executes_first_and_prepares_later(void **state)
{
    struct txn txn = live_txn("r1", "incr a 5", "r a", NULL);
    struct answer answer;
    struct store_branch *branch =
        live_begin(live.store, &txn, "sb1:t:1:1:r1", STORE_UNTIL_EXECUTED, &answer);

    (void)state;
    assert_int_equal(answer.reply.status, STORE_OK);
    assert_string_equal(answer.reply.read[1].value, "5");
    assert_int_equal(live_branch(branch, store_branch_prepare), STORE_OK);
    assert_string_equal(live_peek("a"), "none");
    assert_int_equal(live_branch(branch, store_branch_commit), STORE_OK);
    assert_string_equal(live_peek("a"), "5 n=1: 1 r1 0 incr 5");
    store_branch_free(branch);
}

/* Two-phase locking: what a branch has read stays as it is until the branch is over. */
static void reads_of_a_branch_are_locked_until_release(void **state)
{
    struct txn first = live_txn("r1", "w a v1", NULL);
    struct txn read = live_txn("r2", "r a", NULL);
    struct txn write = live_txn("r3", "w a v2", NULL);
    struct answer answer;
    struct store_branch *branch;

    (void)state;
    assert_int_equal(live_execute(live.store, &first), STORE_OK);
    branch = live_begin(live.store, &read, "sb1:t:1:1:r2", STORE_UNTIL_EXECUTED, &answer);
    assert_string_equal(answer.reply.read[0].value, "v1");
    assert_int_equal(live_execute(live.store, &write), STORE_CONFLICT);
    assert_int_equal(live_branch(branch, store_branch_release), STORE_OK);
    assert_int_equal(live_execute(live.store, &write), STORE_OK);
    store_branch_free(branch);
    assert_string_equal(live_in_doubt("", NULL), "");
}

static void a_lock_not_to_be_had_is_a_conflict(void **state)
{
    struct txn one = live_txn("r1", "w a v1", "w b v1", NULL);
    struct txn two = live_txn("r2", "w b v2", "w c v2", NULL);
    struct answer answer;
    struct store_branch *holder =
        live_begin(live.store, &one, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &answer);
    int64_t since = clock_now_us();
    struct store_branch *waiter =
        live_begin(live.store, &two, "sb1:t:1:2:r2", STORE_UNTIL_PREPARED, &answer);

    (void)state;
    assert_int_equal(answer.reply.status, STORE_CONFLICT);
    assert_true(clock_now_us() - since >= STORE_LOCK_TIMEOUT_US * 9 / 10);
    assert_int_equal(live_branch(waiter, store_branch_rollback), STORE_OK);
    assert_int_equal(live_execute(live.store, &two), STORE_CONFLICT);
    assert_int_equal(live_branch(holder, store_branch_commit), STORE_OK);
    assert_int_equal(live_execute(live.store, &two), STORE_OK);
    store_branch_free(waiter);
    store_branch_free(holder);
}

static void await_waiters(unsigned wanted)
{
    unsigned waiters;

    do
        (void)live_in_doubt("", &waiters); /* the caller's test looks at it elsewhere */
    while (waiters != wanted);
}

/* PostgreSQL promises no order; an intent does. */
static void waiters_go_on_when_the_lock_is_freed(void **state)
{
    struct store *patient = live_open("patient:1", 4, 5 * US_PER_S);
    struct txn txn[4];
    struct store_branch *branch[4];
    struct answer answer[4] = {{0}};
    unsigned n = live_is_redis() ? 4 : 2;

    (void)state;
    for (unsigned i = 0; i < n; i++) {
        char gid[GID_SIZE];

        txn[i] = live_txn("r", "append a x", NULL);
        (void)snprintf(txn[i].request, sizeof txn[i].request, "r%u", i);
        (void)snprintf(gid, sizeof gid, "sb1:t:1:%u:r%u", i, i);
        branch[i] = store_branch_begin(patient, &txn[i], gid, STORE_UNTIL_PREPARED, live_deadline(),
                                       answer_done, &answer[i]);
        if (i == 0)
            (void)live_await(&answer[0]);
        await_waiters(i);
    }
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(live_await(&answer[i]), STORE_OK);
        assert_int_equal(live_branch(branch[i], store_branch_commit), STORE_OK);
        store_branch_free(branch[i]);
    }
    if (live_is_redis())
        assert_string_equal(
            live_peek("a"),
            "x,x,x,x n=4: 1 r0 0 append x; 2 r1 0 append x; 3 r2 0 append x; 4 r3 0 append x");
    store_free(patient);
}

static void a_branch_refused_by_a_constraint_leaves_no_lock(void **state)
{
    struct txn bad = live_txn("r1", "w a v1", "incr b -1 0", NULL);
    struct txn good = live_txn("r2", "w a v2", NULL);
    struct answer answer;
    struct store_branch *branch =
        live_begin(live.store, &bad, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &answer);

    (void)state;
    assert_int_equal(answer.reply.status, STORE_CONSTRAINT);
    assert_string_equal(live_in_doubt("", NULL), "");
    assert_int_equal(live_execute(live.store, &good), STORE_OK);
    store_branch_free(branch);
}

static void a_begin_that_still_queues_can_be_rolled_back(void **state)
{
    struct store *narrow = live_open("narrow:1", 1, 0);
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct answer first;
    struct answer second = {0};
    struct store_branch *holds =
        live_begin(narrow, &txn, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &first);
    struct store_branch *queued = store_branch_begin(
        narrow, &txn, "sb1:t:1:2:r1", STORE_UNTIL_PREPARED, live_deadline(), answer_done, &second);

    (void)state;
    assert_int_equal(live_branch(queued, store_branch_rollback), STORE_OK);
    assert_int_equal(second.n, 0);
    assert_int_equal(live_branch(holds, store_branch_rollback), STORE_OK);
    store_branch_free(queued);
    store_branch_free(holds);
    store_free(narrow);
}

static void freeing_a_branch_with_a_verb_outstanding_gives_the_session_back(void **state)
{
    struct store *narrow = live_open("narrow:1", 1, 0);
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct txn next = live_txn("r2", "w a v2", NULL);
    struct answer answer = {0};

    (void)state;
    store_branch_free(store_branch_begin(narrow, &txn, "sb1:t:1:1:r1", STORE_UNTIL_EXECUTED,
                                         live_deadline(), answer_done, &answer));
    assert_int_equal(live_execute(narrow, &next), STORE_OK);
    assert_int_equal(answer.n, 0);
    assert_string_equal(live_peek("a"), "v2 n=1: 1 r2 0 w v2");
    store_free(narrow);
}

/* --- by gid ---------------------------------------------------------------------------------- */

static void resolves_by_gid_from_another_session(void **state)
{
    struct txn one = live_txn("r1", "w a v1", NULL);
    struct txn two = live_txn("r2", "w b v2", NULL);
    struct answer answer;
    struct store *other = live_open("other:1", 2, 0);
    struct store_branch *first =
        live_begin(other, &one, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &answer);
    struct store_branch *second =
        live_begin(other, &two, "sb1:t:1:2:r2", STORE_UNTIL_PREPARED, &answer);

    (void)state;
    store_branch_free(first);
    store_branch_free(second);
    store_free(other);
    assert_string_equal(live_in_doubt("", NULL), "sb1:t:1:1:r1 sb1:t:1:2:r2");
    assert_int_equal(live_resolve("sb1:t:1:1:r1", true), STORE_OK);
    assert_int_equal(live_resolve("sb1:t:1:2:r2", false), STORE_OK);
    assert_string_equal(live_peek("a"), "v1 n=1: 1 r1 0 w v1");
    assert_string_equal(live_peek("b"), "none");
    assert_string_equal(live_in_doubt("", NULL), "");
}

/* PostgreSQL knows nothing of what is over; MariaDB's witness row and the intent tell until they
 * are forgotten. */
static void what_is_over_is_said_again_or_unknown(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct answer answer;
    struct store_branch *branch =
        live_begin(live.store, &txn, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &answer);
    bool remembers = live.server.kind != STORE_POSTGRES;

    (void)state;
    assert_int_equal(live_branch(branch, store_branch_commit), STORE_OK);
    store_branch_free(branch);
    assert_int_equal(live_resolve("sb1:t:1:1:r1", true), remembers ? STORE_OK : STORE_NOTA);
    assert_int_equal(live_resolve("sb1:t:1:1:r1", false), remembers ? STORE_HEURISTIC : STORE_NOTA);
    assert_int_equal(live_forget("sb1:t:1:1:r1"), STORE_OK);
    assert_int_equal(live_resolve("sb1:t:1:1:r1", true), STORE_NOTA);
    assert_int_equal(live_forget("sb1:t:1:1:r1"), STORE_OK);
    assert_int_equal(live_resolve("not 'a gid", true), STORE_FATAL);
    assert_string_equal(live_peek("a"), "v1 n=1: 1 r1 0 w v1");
}

static void an_intent_rolled_back_first_is_barred(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct answer answer;
    struct store_branch *branch;

    (void)state;
    if (!live_is_redis())
        skip();
    assert_int_equal(live_resolve("sb1:t:1:1:r1", false), STORE_OK);
    assert_int_equal(live_resolve("sb1:t:1:1:r1", true), STORE_HEURISTIC);
    branch = live_begin(live.store, &txn, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &answer);
    assert_int_equal(answer.reply.status, STORE_BARRED);
    store_branch_free(branch);
    assert_int_equal(live_forget("sb1:t:1:1:r1"), STORE_OK); /* and barred still, for a while */
    branch = live_begin(live.store, &txn, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &answer);
    assert_int_equal(answer.reply.status, STORE_BARRED);
    store_branch_free(branch);
    assert_string_equal(live_peek("a"), "none");
}

/* What recovery may find of a transaction that was decided: readers never vote. */
static void an_executed_intent_commits_only_if_it_wrote_nothing(void **state)
{
    struct txn reads = live_txn("r1", "r a", NULL);
    struct txn writes = live_txn("r2", "w b v", NULL);
    struct txn next = live_txn("r3", "w a v", NULL);
    struct answer answer;
    struct store_branch *reader;
    struct store_branch *writer;

    (void)state;
    if (!live_is_redis())
        skip();
    reader = live_begin(live.store, &reads, "sb1:t:1:1:r1", STORE_UNTIL_EXECUTED, &answer);
    writer = live_begin(live.store, &writes, "sb1:t:1:2:r2", STORE_UNTIL_EXECUTED, &answer);
    assert_int_equal(live_resolve("sb1:t:1:1:r1", true), STORE_OK);
    assert_int_equal(live_resolve("sb1:t:1:2:r2", true), STORE_FATAL);
    assert_int_equal(live_execute(live.store, &next), STORE_OK);
    assert_int_equal(live_branch(writer, store_branch_rollback), STORE_OK);
    assert_string_equal(live_peek("b"), "none");
    store_branch_free(reader);
    store_branch_free(writer);
}

static void a_script_that_redis_has_lost_is_sent_again(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct answer answer;
    struct store_branch *branch;

    (void)state;
    if (!live_is_redis())
        skip();
    live_redis("SCRIPT FLUSH");
    branch = live_begin(live.store, &txn, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &answer);
    assert_int_equal(answer.reply.status, STORE_OK);
    live_redis("SCRIPT FLUSH");
    assert_int_equal(live_branch(branch, store_branch_commit), STORE_OK);
    store_branch_free(branch);
    assert_string_equal(live_peek("a"), "v1 n=1: 1 r1 0 w v1");
}

static void an_epoch_only_rises(void **state)
{
    (void)state;
    assert_int_equal(live_fence("sb1:serve1", 3), STORE_OK);
    assert_int_equal(live_fence("sb1:serve1", 3), STORE_FENCED);
    assert_int_equal(live_fence("sb1:serve1", 2), STORE_FENCED);
    assert_int_equal(live_fence("sb1:serve1", 10), STORE_OK);
    assert_int_equal(live_fence("sb1:serve2", 1), STORE_OK);
}

static void ends_the_sessions_of_an_earlier_incarnation(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct txn next = live_txn("r2", "w a v2", NULL);
    struct store *old = live_open("sb1:serve1:3", 4, 0);
    struct store *new = live_open("sb1:serve1:4", 4, 0);
    struct answer answer;
    struct store_branch *branch =
        live_begin(old, &txn, "sb1:serve1:3:1:r1", STORE_UNTIL_EXECUTED, &answer);

    (void)state;
    assert_int_equal(live_end_sessions(new, "sb1:serve1:"), STORE_OK);
    if (!live_is_redis()) /* its open transaction went with the session */
        assert_int_equal(live_execute(new, &next), STORE_OK);
    assert_int_equal(live_branch(branch, store_branch_prepare), STORE_UNKNOWN);
    assert_true(live_nothing_left(live_insist(branch, store_branch_rollback)));
    store_branch_free(branch);
    assert_true(store_alive(new));
    store_free(old);
    store_free(new);
}

static void reset_rolls_back_what_is_prepared(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct answer answer;
    struct store_branch *branch =
        live_begin(live.store, &txn, "sb1:t:1:1:r1", STORE_UNTIL_PREPARED, &answer);

    store_branch_free(branch);
    assert_int_equal(live_empty(state), 0);
    assert_string_equal(live_in_doubt("", NULL), "");
    assert_int_equal(live_execute(live.store, &txn), STORE_OK);
}

#define CASE(f) cmocka_unit_test_setup(f, live_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(executes_and_journals),
        CASE(operations_on_one_key_take_effect_in_their_order),
        CASE(reads_find_value_and_journal_length),
        CASE(a_refusal_leaves_nothing),
        CASE(values_are_the_folds_of_their_journals),
        CASE(an_unsent_verb_is_unavailable_at_its_deadline),
        CASE(commits_a_prepared_branch),
        CASE(a_branch_that_writes_has_a_memo_if_its_store_needs_one),
        CASE(what_became_of_a_branch_can_be_proven),
        CASE(what_a_store_never_knew_has_not_committed),
        CASE(rolls_a_prepared_branch_back),
        CASE(executes_first_and_prepares_later),
        CASE(reads_of_a_branch_are_locked_until_release),
        CASE(a_lock_not_to_be_had_is_a_conflict),
        CASE(waiters_go_on_when_the_lock_is_freed),
        CASE(a_branch_refused_by_a_constraint_leaves_no_lock),
        CASE(a_begin_that_still_queues_can_be_rolled_back),
        CASE(freeing_a_branch_with_a_verb_outstanding_gives_the_session_back),
        CASE(resolves_by_gid_from_another_session),
        CASE(what_is_over_is_said_again_or_unknown),
        CASE(an_intent_rolled_back_first_is_barred),
        CASE(an_executed_intent_commits_only_if_it_wrote_nothing),
        CASE(a_script_that_redis_has_lost_is_sent_again),
        CASE(an_epoch_only_rises),
        CASE(ends_the_sessions_of_an_earlier_incarnation),
        CASE(reset_rolls_back_what_is_prepared),
    };

    return live_run_tests(tests, sizeof tests / sizeof tests[0]);
}
