/*
 * Folder: approaches
 * Reads through the front door of a log, at real stores whose sink is this test: not before the
 * store stands where the read wants it, and not after the deadline.
 */
#include "live_store.h"

#include "approaches/log_reads.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOPIC      "t"
#define PARTITIONS 2

/* A door's surroundings: one store "s", two partitions. */
static struct topology *topology;
static struct approach_env env;
static struct log_reads *reads;
static int64_t epoch;
static struct position stands; /* where the store does */

struct call {
    bool answered;
    struct reply reply;
};

static void on_answer(void *arg, const struct reply *reply)
{
    struct call *call = arg;

    assert_false(call->answered);
    call->answered = true;
    call->reply = *reply;
}

static bool answered(void *arg)
{
    return ((const struct call *)arg)->answered;
}

static void take_opened(void *arg, const struct store_reply *reply, int64_t opened_epoch,
                        const struct position *position)
{
    epoch = opened_epoch;
    stands = *position;
    answer_done(arg, reply);
}

static int begin(void **state)
{
    static struct topology_role role = {.kind = ROLE_SERVE, .name = "serve1"};
    struct answer opened = {0};

    assert_int_equal(live_empty(state), 0);
    store_sink_open(live.store, TOPIC, PARTITIONS, "sink", STORE_SINK_TAKE_OVER, live_deadline(),
                    take_opened, &opened);
    assert_int_equal(live_await(&opened), STORE_OK);
    topology = mem_alloc(sizeof *topology);
    topology->n_stores = 1;
    topology->store[0] = live_place();
    (void)snprintf(topology->topic, sizeof topology->topic, TOPIC);
    topology->n_partitions = PARTITIONS;
    env = (struct approach_env){.base = live.base, .topology = topology, .role = &role};
    reads = log_reads_new(&env);
    return 0;
}

static int end(void **state)
{
    (void)state;
    log_reads_free(reads);
    free(topology);
    return 0;
}

/* One record of partition 1, which writes "a". */
static void apply(const char *request)
{
    static struct envelope envelope;
    char words[64];
    struct store_record record = {.partition = 1, .envelope = &envelope};
    struct store_batch batch = {.topic = TOPIC, .epoch = epoch, .n_records = 1, .record = &record};
    struct answer answer = {0};

    (void)snprintf(words, sizeof words, "w a %s", request);
    envelope.txn = live_txn(request, words, NULL);
    batch.from = batch.to = stands;
    record.offset = batch.to.offset[1]++;
    store_sink_apply(live.store, &batch, live_deadline(), answer_done, &answer);
    assert_int_equal(live_await(&answer), STORE_OK);
    stands = batch.to;
}

/* A read of "a", after `offset` records of partition 1; -1: after nothing. */
static struct txn read_after(int64_t offset)
{
    struct txn txn = live_txn("r", "r a", NULL);

    txn.op[0].has_after = offset >= 0;
    if (offset >= 0)
        txn.after = (struct position){.n = 2, .offset = {-1, offset}};
    return txn;
}

static void send_read(struct call *call, const struct txn *txn, int64_t in_us)
{
    memset(call, 0, sizeof *call);
    log_reads_submit(reads, txn, clock_now_us() + in_us, on_answer, call);
    assert_false(call->answered); /* never from inside */
}

static void await(struct call *call)
{
    assert_int_equal(loop_until(live.base, answered, call, 10 * US_PER_S), 0);
}

static void reads_at_once_without_a_position(void **state)
{
    struct txn txn = read_after(-1);
    struct call call;

    (void)state;
    apply("r1");
    send_read(&call, &txn, 10 * US_PER_S);
    await(&call);
    assert_int_equal(call.reply.code, CODE_NONE);
    assert_true(call.reply.has_reads);
    assert_string_equal(call.reply.read[0].value, "r1");
}

static void waits_until_the_store_stands_there(void **state)
{
    struct txn second = read_after(2);
    struct txn first = read_after(1);
    struct call late, early, again;

    (void)state;
    send_read(&late, &second, 10 * US_PER_S);
    send_read(&early, &first, 10 * US_PER_S);
    live_turn(50 * US_PER_MS);
    assert_false(early.answered);
    apply("r1");
    await(&early);
    assert_string_equal(early.reply.read[0].value, "r1");
    live_turn(50 * US_PER_MS);
    assert_false(late.answered);
    assert_int_equal(log_reads_in_flight(reads), 1);
    apply("r2");
    await(&late);
    assert_string_equal(late.reply.read[0].value, "r2");
    assert_true(late.reply.read[0].n == 2);
    send_read(&again, &second, 10 * US_PER_S);
    await(&again);
    assert_int_equal(again.reply.code, CODE_NONE);
}

static void what_does_not_come_in_time_is_a_timeout(void **state)
{
    struct txn txn = read_after(1);
    struct call call;
    int64_t since = clock_now_us();

    (void)state;
    send_read(&call, &txn, 100 * US_PER_MS);
    await(&call);
    assert_true(clock_now_us() - since >= 100 * US_PER_MS);
    assert_int_equal(call.reply.code, CODE_TIMEOUT);
    assert_string_equal(call.reply.detail, "s has not reached the position in time");
    assert_int_equal(log_reads_in_flight(reads), 0);
}

/* A partition that the topic does not have is never reached. */
static void waits_at_the_partitions_that_are_named(void **state)
{
    struct txn other = read_after(-1);
    struct call call;

    (void)state;
    other.op[0].has_after = true;
    other.after = (struct position){.n = PARTITIONS + 1, .offset = {-1, -1, 0}};
    send_read(&call, &other, 50 * US_PER_MS);
    await(&call);
    assert_int_equal(call.reply.code, CODE_TIMEOUT);
    other.after = (struct position){.n = 1, .offset = {0}};
    send_read(&call, &other, 10 * US_PER_S);
    await(&call);
    assert_int_equal(call.reply.code, CODE_NONE);
    assert_false(call.reply.read[0].found);
}

static void a_closing_door_answers_who_still_waits(void **state)
{
    struct txn txn = read_after(1);
    struct call call;

    (void)state;
    send_read(&call, &txn, 10 * US_PER_S);
    live_turn(20 * US_PER_MS);
    log_reads_free(reads);
    reads = NULL;
    assert_true(call.answered);
    assert_int_equal(call.reply.code, CODE_UNAVAILABLE);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(reads_at_once_without_a_position),        CASE(waits_until_the_store_stands_there),
        CASE(what_does_not_come_in_time_is_a_timeout), CASE(waits_at_the_partitions_that_are_named),
        CASE(a_closing_door_answers_who_still_waits),
    };

    return live_run_tests(tests, sizeof tests / sizeof tests[0]);
}
