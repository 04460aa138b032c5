/*
 * Folder: stores
 * A store as the target of a sink: batches and positions take effect together or not at all, an
 * earlier owner is fenced, and a crash in the middle loses and repeats nothing.
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

#define TOPIC     "t1"
#define BATCH_MAX 64

struct opened {
    struct answer answer;
    int64_t epoch;
    struct position position;
};

static void take_opened(void *arg, const struct store_reply *reply, int64_t epoch,
                        const struct position *position)
{
    struct opened *opened = arg;

    opened->epoch = epoch;
    if (position)
        opened->position = *position;
    answer_done(&opened->answer, reply);
}

static enum store_status sink_open(struct store *store, const char *owner,
                                   enum store_sink_mode mode, struct opened *ret_opened)
{
    memset(ret_opened, 0, sizeof *ret_opened);
    store_sink_open(store, TOPIC, 2, owner, mode, live_deadline(), take_opened, ret_opened);
    return live_await(&ret_opened->answer);
}

/* A batch of records of partition 0 from `offset` on, one transaction each. */
struct batch {
    struct envelope envelope[BATCH_MAX];
    struct store_record record[BATCH_MAX];
    struct store_batch batch;
};

static void batch_init(struct batch *b, int64_t epoch, const struct position *from)
{
    memset(b, 0, sizeof *b);
    b->batch = (struct store_batch){
        .topic = TOPIC, .epoch = epoch, .record = b->record, .from = *from, .to = *from};
}

static void batch_add(struct batch *b, const struct txn *txn)
{
    unsigned i = b->batch.n_records++;

    assert_true(i < BATCH_MAX);
    b->envelope[i].txn = *txn;
    b->record[i] =
        (struct store_record){.offset = b->batch.to.offset[0]++, .envelope = &b->envelope[i]};
}

static enum store_status apply(struct store *store, const struct batch *b)
{
    struct answer answer = {0};

    store_sink_apply(store, &b->batch, live_deadline(), answer_done, &answer);
    return live_await(&answer);
}

static void a_batch_and_its_position_take_effect_together(void **state)
{
    struct txn one = live_txn("r1", "w a v1", "w b \"{\\}\"", NULL);
    struct txn two = live_txn("r2", "w a v2", "append c x", NULL);
    struct txn three = live_txn("r3", "w a v3", "incr d 4", NULL);
    struct txn four = live_txn("r4", "incr d -6", "incr e 1", NULL);
    struct opened opened;
    struct batch batch;

    (void)state;
    assert_int_equal(sink_open(live.store, "sink:1", STORE_SINK_TAKE_OVER, &opened), STORE_OK);
    assert_true(opened.epoch == 1);
    assert_int_equal(opened.position.n, 2);
    assert_true(opened.position.offset[0] == 0);
    batch_init(&batch, opened.epoch, &opened.position);
    batch_add(&batch, &one);
    batch_add(&batch, &two);
    batch_add(&batch, &three);
    batch_add(&batch, &four);
    assert_int_equal(apply(live.store, &batch), STORE_OK);
    assert_string_equal(live_peek("a"), "v3 n=3: 1 r1 0 w v1; 2 r2 0 w v2; 3 r3 0 w v3");
    assert_string_equal(live_peek("b"), "\"{\\}\" n=1: 1 r1 1 w \"{\\}\"");
    assert_string_equal(live_peek("d"), "-2 n=2: 1 r3 1 incr 4; 2 r4 0 incr -6");
    assert_int_equal(sink_open(live.store, "sink:1", STORE_SINK_RESUME, &opened), STORE_OK);
    assert_true(opened.position.offset[0] == 4);
    assert_true(opened.position.offset[1] == 0);
    assert_true(opened.epoch == 2);
    live_check_folds();
}

static void op_words(char words[64], unsigned kind, unsigned key, unsigned i)
{
    switch (kind) {
    case 0:
        (void)snprintf(words, 64, "w k%u v%u", key, i);
        break;
    case 1:
        (void)snprintf(words, 64, "incr k%u %u", key, i);
        break;
    case 2:
        (void)snprintf(words, 64, "w@%u k%u v%u", 1 + i * 37 % BATCH_MAX, key, i);
        break;
    default:
        (void)snprintf(words, 64, "append k%u e%u", key, i);
    }
}

/* Requests are "r<round>-<record>": each key's journal has them in the order of the log. */
static void check_log_order(void *arg, const struct store_scan_row *row)
{
    unsigned last = 0;

    (void)arg;
    for (unsigned i = 0; i < row->n_entries; i++) {
        unsigned round;
        unsigned record;

        assert_int_equal(sscanf(row->entry[i].request, "r%u-%u", &round, &record), 2);
        assert_true(round * BATCH_MAX + record >= last);
        last = round * BATCH_MAX + record;
    }
}

/* Values may be coalesced, journal entries may not: several operations of a key in one batch. */
static void every_operation_of_a_batch_is_journalled_in_log_order(void **state)
{
    struct answer scanned = {0};
    struct opened opened;
    struct batch batch;

    (void)state;
    assert_int_equal(sink_open(live.store, "sink:1", STORE_SINK_TAKE_OVER, &opened), STORE_OK);
    for (unsigned round = 0; round < 6; round++) {
        batch_init(&batch, opened.epoch, &opened.position);
        for (unsigned i = 0; i < BATCH_MAX; i++) {
            char words[64];
            struct txn txn;

            op_words(words, (i / 5 + round) % 4, i % 4, i);
            txn = live_txn("r", words, round % 2 ? "w k0 same" : "incr k3 1", words, NULL);
            (void)snprintf(txn.request, sizeof txn.request, "r%u-%u", round, i);
            batch_add(&batch, &txn);
        }
        assert_int_equal(apply(live.store, &batch), STORE_OK);
        opened.position = batch.batch.to;
    }
    live_check_folds();
    store_scan(live.store, check_log_order, live_deadline(), answer_done, &scanned);
    assert_int_equal(live_await(&scanned), STORE_OK);
}

static void a_position_that_is_not_the_stores_is_fenced(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct opened opened;
    struct batch batch;

    (void)state;
    assert_int_equal(sink_open(live.store, "sink:1", STORE_SINK_TAKE_OVER, &opened), STORE_OK);
    batch_init(&batch, opened.epoch, &opened.position);
    batch_add(&batch, &txn);
    assert_int_equal(apply(live.store, &batch), STORE_OK);
    assert_int_equal(apply(live.store, &batch), STORE_FENCED);
    assert_string_equal(live_peek("a"), "v1 n=1: 1 r1 0 w v1");
}

static void an_earlier_owner_is_fenced_and_cannot_resume(void **state)
{
    struct txn txn = live_txn("r1", "w a v1", NULL);
    struct opened old;
    struct opened new;
    struct opened again;
    struct batch late;
    struct batch batch;

    (void)state;
    assert_int_equal(sink_open(live.store, "sink:1", STORE_SINK_RESUME, &old), STORE_FENCED);
    assert_int_equal(sink_open(live.store, "sink:1", STORE_SINK_TAKE_OVER, &old), STORE_OK);
    assert_int_equal(sink_open(live.store, "sink:2", STORE_SINK_TAKE_OVER, &new), STORE_OK);
    assert_true(new.epoch == old.epoch + 1);
    assert_int_equal(sink_open(live.store, "sink:1", STORE_SINK_RESUME, &again), STORE_FENCED);
    assert_true(again.epoch == 0);
    batch_init(&late, old.epoch, &old.position);
    batch_add(&late, &txn);
    assert_int_equal(apply(live.store, &late), STORE_FENCED);
    assert_string_equal(live_peek("a"), "none");
    batch_init(&batch, new.epoch, &new.position);
    batch_add(&batch, &txn);
    assert_int_equal(apply(live.store, &batch), STORE_OK);
}

static void a_refused_operation_takes_the_whole_batch_back(void **state)
{
    struct txn good = live_txn("r1", "w a v1", NULL);
    struct txn bad = live_txn("r2", "w b v1", "incr c -1 0", NULL);
    struct opened opened;
    struct batch batch;

    (void)state;
    assert_int_equal(sink_open(live.store, "sink:1", STORE_SINK_TAKE_OVER, &opened), STORE_OK);
    batch_init(&batch, opened.epoch, &opened.position);
    batch_add(&batch, &good);
    batch_add(&batch, &bad);
    assert_int_equal(apply(live.store, &batch), STORE_CONSTRAINT);
    assert_string_equal(live_peek("a"), "none");
    assert_int_equal(sink_open(live.store, "sink:1", STORE_SINK_RESUME, &opened), STORE_OK);
    assert_true(opened.position.offset[0] == 0);
}

static void a_record_without_operations_of_ours_moves_the_position(void **state)
{
    struct txn elsewhere = live_txn("r1", "w a v1", NULL);
    struct opened opened;
    struct batch batch;

    (void)state;
    memcpy(elsewhere.op[0].store, "other", sizeof "other");
    assert_int_equal(sink_open(live.store, "sink:1", STORE_SINK_TAKE_OVER, &opened), STORE_OK);
    batch_init(&batch, opened.epoch, &opened.position);
    batch_add(&batch, &elsewhere);
    assert_int_equal(apply(live.store, &batch), STORE_OK);
    assert_string_equal(live_peek("a"), "none");
    assert_int_equal(sink_open(live.store, "sink:1", STORE_SINK_RESUME, &opened), STORE_OK);
    assert_true(opened.position.offset[0] == 1);
}

/* The server is killed while a batch is under way, again and again: resume, and go on from there.
 */
static void a_kill_in_the_middle_loses_and_repeats_nothing(void **state)
{
    struct opened opened;
    struct batch batch;
    unsigned n_entries = 0;

    (void)state;
    assert_int_equal(sink_open(live.store, "sink:1", STORE_SINK_TAKE_OVER, &opened), STORE_OK);
    for (unsigned round = 0; round < 4; round++) {
        struct answer answer = {0};

        batch_init(&batch, opened.epoch, &opened.position);
        for (int64_t i = 0; i < BATCH_MAX; i++) {
            struct txn txn = live_txn("r", "append a x", "w b y", NULL);

            (void)snprintf(txn.request, sizeof txn.request, "r%lld",
                           (long long)(opened.position.offset[0] + i));
            batch_add(&batch, &txn);
        }
        store_sink_apply(live.store, &batch.batch, live_deadline(), answer_done, &answer);
        live_turn((int64_t)(round + 1) * 300);
        live_server_kill(&live.server);
        live_await_alive(live.store, false);
        live_server_start(&live.server);
        live_await_alive(live.store, true);
        (void)live_await(&answer); /* whatever it was told, the store knows */
        assert_int_equal(sink_open(live.store, "sink:1", STORE_SINK_RESUME, &opened), STORE_OK);
        assert_true(opened.position.offset[0] % BATCH_MAX == 0);
    }
    for (const char *p = live_peek("b"); (p = strstr(p, " 1 w y")) != NULL; p++) {
        char request[REQUEST_ID_SIZE + 8];

        (void)snprintf(request, sizeof request, " r%u 1 w y", n_entries++);
        assert_memory_equal(p - (strlen(request) - strlen(" 1 w y")), request, strlen(request));
    }
    assert_true(opened.position.offset[0] == n_entries);
    live_check_folds();
}

#define CASE(f) cmocka_unit_test_setup(f, live_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_batch_and_its_position_take_effect_together),
        CASE(every_operation_of_a_batch_is_journalled_in_log_order),
        CASE(a_position_that_is_not_the_stores_is_fenced),
        CASE(an_earlier_owner_is_fenced_and_cannot_resume),
        CASE(a_refused_operation_takes_the_whole_batch_back),
        CASE(a_record_without_operations_of_ours_moves_the_position),
        CASE(a_kill_in_the_middle_loses_and_repeats_nothing),
    };

    return live_run_tests(tests, sizeof tests / sizeof tests[0]);
}
