/*
 * Folder: stores
 * Random branches and direct transactions on few keys, while sessions are cut and ended and the
 * server is killed, against a model of what may be in the store: of each request all operations or
 * none; committed ones there, refused ones not, unknown ones either.
 *
 * The store is looked at over a connection of its own (live_peek). A failure prints the seed;
 * SYNCBED_SEED=N plays it again (the servers' own timing aside).
 */
#include "live_store.h"

#include "base/clock.h"
#include "base/loop.h"
#include "base/random.h"
#include "stores/driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEQUENCES 1000
#define AT_ONCE   6
#define KEYS      5
#define OPS       3

enum fate { FATE_OPEN, FATE_DONE, FATE_REFUSED, FATE_UNKNOWN };

struct sequence {
    struct txn txn;
    char gid[GID_SIZE];
    enum fate fate;
    struct store_branch *branch; /* NULL: direct */
    bool wants_commit;
    bool executed; /* its begin was UNTIL_EXECUTED */
    struct answer answer;
    void (*next)(struct sequence *q);
};

static struct sequence sequences[SEQUENCES];
static struct store *doors[2];
static struct rng rng;

static unsigned below(unsigned n)
{
    return (unsigned)rng_below(&rng, n);
}

/* --- what one sequence does ------------------------------------------------------------------ */

static void step(void *arg, const struct store_reply *reply);

static bool call_again(enum store_status status)
{
    return status == STORE_UNKNOWN || status == STORE_UNAVAILABLE || status == STORE_RETRY;
}

static void over(struct sequence *q, enum fate fate)
{
    store_branch_free(q->branch);
    q->branch = NULL;
    q->fate = fate;
}

static void on_rolled_back(struct sequence *q)
{
    if (call_again(q->answer.reply.status)) {
        store_branch_rollback(q->branch, step, q);
        return;
    }
    assert_true(live_nothing_left(q->answer.reply.status));
    over(q, FATE_REFUSED);
}

/* NOTA is right when an earlier COMMIT took effect and its answer was lost. */
static void on_committed(struct sequence *q)
{
    if (call_again(q->answer.reply.status)) {
        store_branch_commit(q->branch, step, q);
        return;
    }
    assert_true(q->answer.reply.status == STORE_OK || q->answer.reply.status == STORE_NOTA);
    over(q, FATE_DONE);
}

static void on_prepared(struct sequence *q)
{
    if (q->answer.reply.status == STORE_OK && q->wants_commit) {
        q->next = on_committed;
        store_branch_commit(q->branch, step, q);
    } else {
        q->next = on_rolled_back;
        store_branch_rollback(q->branch, step, q);
    }
}

static void on_begun(struct sequence *q)
{
    if (q->answer.reply.status == STORE_OK && q->executed) {
        q->next = on_prepared;
        store_branch_prepare(q->branch, step, q);
    } else {
        on_prepared(q);
    }
}

static void on_executed(struct sequence *q)
{
    switch (q->answer.reply.status) {
    case STORE_OK:
        q->fate = FATE_DONE;
        break;
    case STORE_UNKNOWN:
        q->fate = FATE_UNKNOWN;
        break;
    case STORE_CONSTRAINT:
    case STORE_CONFLICT:
    case STORE_UNAVAILABLE:
        q->fate = FATE_REFUSED;
        break;
    case STORE_BARRED:
    case STORE_AGAIN:
    case STORE_ELSEWHERE:
    case STORE_NOTA:
    case STORE_HEURISTIC:
    case STORE_RETRY:
    case STORE_FENCED:
    case STORE_FATAL:
    case STORE_STATUSES:
        fail_msg("%s: %s", store_status_name(q->answer.reply.status), q->answer.reply.detail);
    }
}

static void step(void *arg, const struct store_reply *reply)
{
    struct sequence *q = arg;

    q->answer.reply = *reply;
    if (reply->status == STORE_FATAL)
        fail_msg("%s: fatal: %s", q->gid, reply->detail);
    q->next(q);
}

static void make_txn(struct txn *txn, unsigned number)
{
    char words[OPS][32];

    for (unsigned i = 0; i < OPS; i++) {
        unsigned key = below(KEYS);

        switch (below(5)) {
        case 0:
            (void)snprintf(words[i], sizeof words[i], "incr k%u %d 0", key, (int)below(20) - 8);
            break;
        case 1:
            (void)snprintf(words[i], sizeof words[i], "append k%u e%u", key, number);
            break;
        case 2:
            (void)snprintf(words[i], sizeof words[i], "r k%u", key);
            break;
        default:
            (void)snprintf(words[i], sizeof words[i], "w k%u v%u", key, number);
        }
    }
    *txn = live_txn("r", words[0], words[1], words[2], NULL);
    (void)snprintf(txn->request, sizeof txn->request, "r%u", number);
}

static void begin(struct sequence *q, unsigned number)
{
    struct store *door = doors[below(2)];
    int64_t deadline_us = clock_now_us() + (below(4) ? 5 * US_PER_S : 3 * US_PER_MS);
    enum store_branch_until until;

    make_txn(&q->txn, number);
    (void)snprintf(q->gid, sizeof q->gid, "sb1:t:1:%u:r%u", number, number);
    if (below(3) == 0) {
        q->next = on_executed;
        store_execute(door, &q->txn, deadline_us, step, q);
        return;
    }
    q->wants_commit = below(3) != 0;
    q->executed = below(3) == 0;
    q->next = on_begun;
    until = q->executed ? STORE_UNTIL_EXECUTED : STORE_UNTIL_PREPARED;
    q->branch = store_branch_begin(door, &q->txn, q->gid, until, deadline_us, step, q);
}

/* --- faults ---------------------------------------------------------------------------------- */

static void cut_one_session(void)
{
    struct store *door = doors[below(2)];
    struct session *s = door->session[below(door->n_sessions)];

    if (s->state == SESSION_READY)
        session_lost(s, "cut by the test");
}

static void fault(unsigned number)
{
    if (number % 200 == 150) {
        live_server_kill(&live.server);
        live_server_start(&live.server);
    } else if (below(6) == 0) {
        cut_one_session();
    } else if (below(30) == 0) {
        live_kill_sessions(below(2) ? "door:1" : "door:2");
    }
}

/* --- the model ------------------------------------------------------------------------------- */

/* The entry that operation `i` of the sequence leaves, as it stands in a peeked state. */
static bool has_entry(const char *peeked, const struct txn *txn, unsigned i)
{
    char journal[JOURNAL_OP_SIZE];
    char entry[JOURNAL_OP_SIZE + REQUEST_ID_SIZE + 2];
    size_t size;

    txn_journal_op(txn, i, journal);
    size = (size_t)snprintf(entry, sizeof entry, " %s %s", txn->request, journal);
    for (const char *at = strstr(peeked, entry); at; at = strstr(at + 1, entry)) {
        if (at[size] == ';' || at[size] == '\0')
            return true;
    }
    return false;
}

static void check_sequence(const struct sequence *q, char *const peeked[KEYS])
{
    unsigned n_writes = 0;
    unsigned n_there = 0;

    for (unsigned i = 0; i < q->txn.n_ops; i++) {
        unsigned key = (unsigned)(q->txn.op[i].key[1] - '0');

        if (q->txn.op[i].kind == OP_READ)
            continue;
        n_writes++;
        n_there += has_entry(peeked[key], &q->txn, i);
    }
    if (n_there != 0 && n_there != n_writes)
        fail_msg("%s: %u of %u operations are there", q->gid, n_there, n_writes);
    if (q->fate == FATE_DONE && n_there != n_writes)
        fail_msg("%s: was committed and is not there", q->gid);
    if (q->fate == FATE_REFUSED && n_there > 0)
        fail_msg("%s: was refused and is there", q->gid);
}

static void check_all(void)
{
    char *peeked[KEYS];
    unsigned count[4] = {0};

    for (unsigned k = 0; k < KEYS; k++) {
        char key[8];

        (void)snprintf(key, sizeof key, "k%u", k);
        peeked[k] = strdup(live_peek(key));
        assert_non_null(peeked[k]);
    }
    for (unsigned i = 0; i < SEQUENCES; i++) {
        check_sequence(&sequences[i], peeked);
        count[sequences[i].fate]++;
    }
    for (unsigned k = 0; k < KEYS; k++)
        free(peeked[k]);
    print_message("%u done, %u refused, %u unknown\n", count[FATE_DONE], count[FATE_REFUSED],
                  count[FATE_UNKNOWN]);
    assert_true(count[FATE_DONE] > SEQUENCES / 10);
}

static bool fewer_than(void *arg)
{
    unsigned n_open = 0;

    for (unsigned i = 0; i < SEQUENCES; i++)
        n_open += sequences[i].next && sequences[i].fate == FATE_OPEN;
    return n_open < *(unsigned *)arg;
}

static void random_schedules_agree_with_the_model(void **state)
{
    const char *given = getenv("SYNCBED_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)clock_now_us() % 1000000;
    unsigned at_once = AT_ONCE;
    unsigned last = 1;

    (void)state;
    print_message("SYNCBED_SEED=%llu\n", (unsigned long long)seed);
    rng = rng_new(seed, "stores");
    memset(sequences, 0, sizeof sequences);
    doors[0] = live_open("door:1", 3, 40 * US_PER_MS);
    doors[1] = live_open("door:2", 3, 40 * US_PER_MS);
    for (unsigned i = 0; i < SEQUENCES; i++) {
        assert_int_equal(loop_until(live.base, fewer_than, &at_once, LIVE_DEADLINE_US), 0);
        begin(&sequences[i], i);
        fault(i);
    }
    assert_int_equal(loop_until(live.base, fewer_than, &last, 3 * LIVE_DEADLINE_US), 0);
    store_free(doors[0]);
    store_free(doors[1]);
    live_await_alive(live.store, true);
    assert_int_equal(live_end_sessions(live.store, "door:"), STORE_OK);
    assert_string_equal(live_in_doubt("", NULL), "");
    check_all();
    live_check_folds();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(random_schedules_agree_with_the_model, live_empty),
    };

    return live_run_tests(tests, sizeof tests / sizeof tests[0]);
}
