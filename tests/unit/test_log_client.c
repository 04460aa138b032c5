/*
 * Unit tests of the log client (Folder: logsync) against librdkafka's own mock of a broker: what a
 * message is said to have become under each kind of trouble, and reading from given positions.
 *
 * The mock keeps records in memory and can be told to fail, to be slow and to be away; it is good
 * for a client's error paths and proves nothing about consistency (tests/integration does).
 */
#include "base/clock.h"
#include "base/loop.h"
#include "logsync/log_consumer.h"
#include "logsync/log_producer.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* own block: must follow the three above, and clang-format sorts in blocks */

#define TOPIC       "t"
#define PARTITIONS  2
#define MESSAGES    8
#define WAIT_US     (20 * US_PER_S)
#define GIVE_UP_MS  1000 /* a message's time-out */
#define MOCK_BROKER 1

struct sent {
    struct log_message message;
    bool delivered;
    enum log_result result;
    unsigned partition;
    int64_t offset;
};

struct fixture {
    struct event_base *base;
    rd_kafka_t *kafka; /* the mock needs a handle to live in */
    rd_kafka_mock_cluster_t *mock;
    struct address address;
    struct log_producer *producer;
    unsigned give_up_ms; /* 0: GIVE_UP_MS */
    unsigned n_notices;
    struct log_consumer *consumer;
    unsigned n_sent;
    struct sent sent[MESSAGES];
    char read[512]; /* "0@0 1@0 …" */
    unsigned n_read;
    int status; /* of the last log_consumer_next() */
};

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];

    assert_non_null(f);
    rd_kafka_conf_set_log_cb(conf, NULL);
    f->base = loop_new();
    f->kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    assert_non_null(f->kafka);
    f->mock = rd_kafka_mock_cluster_new(f->kafka, 1);
    assert_non_null(f->mock);
    assert_int_equal(rd_kafka_mock_topic_create(f->mock, TOPIC, PARTITIONS, 1), 0);
    assert_int_equal(address_parse(rd_kafka_mock_cluster_bootstraps(f->mock), &f->address), 0);
    *state = f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;

    log_producer_free(f->producer);
    log_consumer_free(f->consumer);
    rd_kafka_mock_cluster_destroy(f->mock);
    rd_kafka_destroy(f->kafka);
    event_base_free(f->base);
    free(f);
    return 0;
}

/* --- producer -------------------------------------------------------------------------------- */

static void on_delivered(void *arg, const struct log_delivery *d)
{
    struct sent *sent = arg;

    assert_false(sent->delivered);
    sent->delivered = true;
    sent->result = d->result;
    sent->partition = d->partition;
    sent->offset = d->offset;
}

static void on_notice(void *arg, const char *text)
{
    struct fixture *f = arg;

    (void)text;
    f->n_notices++;
}

static bool noticed(void *arg)
{
    return ((const struct fixture *)arg)->n_notices > 0;
}

static void open_producer(struct fixture *f, unsigned inflight_max)
{
    const struct log_producer_options options = {.bootstrap = &f->address,
                                                 .topic = TOPIC,
                                                 .inflight_max = inflight_max,
                                                 .message_timeout_ms =
                                                     f->give_up_ms ? f->give_up_ms : GIVE_UP_MS,
                                                 .notice = on_notice,
                                                 .arg = f};
    struct errctx err;

    assert_int_equal(log_producer_new(f->base, &options, &f->producer, &err), 0);
}

static int send_one(struct fixture *f, unsigned partition)
{
    struct sent *sent = &f->sent[f->n_sent];
    struct buf record = {0};
    struct errctx err;
    int r;

    assert_true(f->n_sent < MESSAGES);
    sent->message = (struct log_message){.delivered = on_delivered, .arg = sent};
    buf_printf(&record, "record %u", f->n_sent);
    r = log_producer_send(f->producer, &sent->message, partition, "key", &record, &err);
    buf_done(&record);
    f->n_sent += r == 0;
    return r;
}

static bool all_delivered(void *arg)
{
    const struct fixture *f = arg;

    for (unsigned i = 0; i < f->n_sent; i++) {
        if (!f->sent[i].delivered)
            return false;
    }
    return true;
}

static void expect_all(struct fixture *f, enum log_result result)
{
    assert_int_equal(loop_until(f->base, all_delivered, f, WAIT_US), 0);
    for (unsigned i = 0; i < f->n_sent; i++)
        assert_int_equal(f->sent[i].result, result);
}

static void tells_partition_and_offset_of_what_the_log_has(void **state)
{
    struct fixture *f = *state;

    open_producer(f, 100);
    assert_int_equal(send_one(f, 1), 0);
    assert_int_equal(send_one(f, 0), 0);
    assert_int_equal(send_one(f, 1), 0);
    expect_all(f, LOG_ACKNOWLEDGED);
    assert_int_equal(f->sent[0].partition, 1);
    assert_int_equal(f->sent[0].offset, 0);
    assert_int_equal(f->sent[1].partition, 0);
    assert_int_equal(f->sent[1].offset, 0);
    assert_int_equal(f->sent[2].partition, 1);
    assert_int_equal(f->sent[2].offset, 1);
}

static void what_never_left_is_not_persisted(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(rd_kafka_mock_broker_set_down(f->mock, MOCK_BROKER), 0);
    open_producer(f, 100);
    assert_int_equal(send_one(f, 0), 0);
    expect_all(f, LOG_NOT_PERSISTED);
}

/* It was written to the socket and nobody answered: not even a time-out makes that a no. */
static void what_was_sent_and_not_answered_is_unknown(void **state)
{
    struct fixture *f = *state;

    open_producer(f, 100);
    assert_int_equal(send_one(f, 0), 0);
    expect_all(f, LOG_ACKNOWLEDGED);
    assert_int_equal(rd_kafka_mock_broker_set_rtt(f->mock, MOCK_BROKER, 10 * GIVE_UP_MS), 0);
    f->n_sent = 0;
    memset(f->sent, 0, sizeof f->sent);
    assert_int_equal(send_one(f, 0), 0);
    expect_all(f, LOG_UNKNOWN);
}

/* Sent and lost, then refused on the retry: the refusal says nothing about the first attempt. */
static void a_possible_first_attempt_is_not_forgotten(void **state)
{
    struct fixture *f = *state;

    open_producer(f, 100);
    rd_kafka_mock_push_request_errors(f->mock, 0 /* Produce */, 2,
                                      RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    assert_int_equal(send_one(f, 0), 0);
    expect_all(f, LOG_UNKNOWN);
}

static void a_refusal_of_the_first_attempt_is_definite(void **state)
{
    struct fixture *f = *state;

    open_producer(f, 100);
    rd_kafka_mock_push_request_errors(f->mock, 0 /* Produce */, 1,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    assert_int_equal(send_one(f, 0), 0);
    expect_all(f, LOG_NOT_PERSISTED);
}

/* librdkafka takes it for a success, without an offset: it may stand for somebody else's record. */
static void a_duplicate_that_nobody_can_place_is_unknown(void **state)
{
    struct fixture *f = *state;

    open_producer(f, 100);
    rd_kafka_mock_push_request_errors(f->mock, 0 /* Produce */, 1,
                                      RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER);
    assert_int_equal(send_one(f, 0), 0);
    expect_all(f, LOG_UNKNOWN);
}

static void refuses_more_than_its_bound(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(rd_kafka_mock_broker_set_down(f->mock, MOCK_BROKER), 0);
    open_producer(f, 2);
    assert_int_equal(send_one(f, 0), 0);
    assert_int_equal(send_one(f, 0), 0);
    assert_int_equal(send_one(f, 0), -EAGAIN);
}

static bool withdraw(struct fixture *f, unsigned i)
{
    return log_producer_withdraw(f->producer, &f->sent[i].message);
}

static bool delivered(void *arg)
{
    return ((const struct sent *)arg)->delivered;
}

static void expect_acknowledged(struct fixture *f, unsigned i, int64_t offset)
{
    assert_int_equal(loop_until(f->base, delivered, &f->sent[i], WAIT_US), 0);
    assert_int_equal(f->sent[i].result, LOG_ACKNOWLEDGED);
    assert_int_equal(f->sent[i].offset, offset);
}

/* One is out to find the log when it is back: whether that was written nobody can tell. */
static void what_waits_for_a_log_that_is_away_can_be_withdrawn(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(rd_kafka_mock_broker_set_down(f->mock, MOCK_BROKER), 0);
    f->give_up_ms = WAIT_US / US_PER_MS;
    open_producer(f, 100);
    assert_int_equal(send_one(f, 0), 0);
    assert_int_equal(loop_until(f->base, noticed, f, WAIT_US), 0);
    assert_int_equal(send_one(f, 0), 0);
    assert_int_equal(send_one(f, 0), 0);
    assert_int_equal(send_one(f, 0), 0);
    assert_false(withdraw(f, 0));
    assert_true(withdraw(f, 2));
    assert_false(withdraw(f, 2));
    assert_int_equal(rd_kafka_mock_broker_set_up(f->mock, MOCK_BROKER), 0);
    expect_acknowledged(f, 3, 2);
    expect_acknowledged(f, 1, 1);
    expect_acknowledged(f, 0, 0);
    assert_false(f->sent[2].delivered);
    assert_false(withdraw(f, 1));
}

static void a_silent_log_is_given_nothing_more(void **state)
{
    struct fixture *f = *state;

    f->give_up_ms = WAIT_US / US_PER_MS;
    open_producer(f, 100);
    assert_int_equal(send_one(f, 0), 0);
    expect_acknowledged(f, 0, 0);
    assert_int_equal(rd_kafka_mock_broker_set_rtt(f->mock, MOCK_BROKER, 1000), 0);
    assert_int_equal(send_one(f, 0), 0);
    assert_int_equal(loop_for(f->base, 150 * US_PER_MS), 0);
    assert_int_equal(send_one(f, 0), 0);
    assert_int_equal(send_one(f, 0), 0);
    assert_true(withdraw(f, 2));
    assert_false(withdraw(f, 1));
    expect_acknowledged(f, 3, 2);
    expect_acknowledged(f, 1, 1);
}

/* Even what was never sent is unknown then, and is never produced again. */
static void after_a_fatal_error_all_is_unknown_and_work_goes_on(void **state)
{
    struct fixture *f = *state;

    open_producer(f, 100);
    assert_int_equal(rd_kafka_mock_broker_set_rtt(f->mock, MOCK_BROKER, 300), 0);
    assert_int_equal(send_one(f, 0), 0);
    assert_int_equal(send_one(f, 1), 0);
    log_producer_break(f->producer);
    expect_all(f, LOG_UNKNOWN);
    assert_int_equal(log_producer_replaced(f->producer), 1);
    assert_int_equal(rd_kafka_mock_broker_set_rtt(f->mock, MOCK_BROKER, 0), 0);
    f->n_sent = 0;
    memset(f->sent, 0, sizeof f->sent);
    assert_int_equal(send_one(f, 0), 0);
    expect_all(f, LOG_ACKNOWLEDGED);
}

static void delivers_what_is_open_when_it_is_freed(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(rd_kafka_mock_broker_set_down(f->mock, MOCK_BROKER), 0);
    open_producer(f, 100);
    assert_int_equal(send_one(f, 0), 0);
    log_producer_free(f->producer);
    f->producer = NULL;
    assert_true(f->sent[0].delivered);
    assert_int_equal(f->sent[0].result, LOG_UNKNOWN);
}

/* --- consumer -------------------------------------------------------------------------------- */

static void pull(void *arg)
{
    struct fixture *f = arg;
    struct log_record record;
    struct errctx err;

    while ((f->status = log_consumer_next(f->consumer, &record, &err)) == 1) {
        size_t used = strlen(f->read);

        f->n_read++;
        (void)snprintf(f->read + used, sizeof f->read - used, "%u@%lld=%.*s ", record.partition,
                       (long long)record.offset, (int)record.size, record.data);
    }
}

static void open_consumer(struct fixture *f)
{
    const struct log_consumer_options options = {.bootstrap = &f->address,
                                                 .topic = TOPIC,
                                                 .n_partitions = PARTITIONS,
                                                 .readable = pull,
                                                 .arg = f};
    struct errctx err;

    assert_int_equal(log_consumer_new(f->base, &options, &f->consumer, &err), 0);
}

static void fill(struct fixture *f, unsigned n)
{
    open_producer(f, 100);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(send_one(f, 0), 0);
    expect_all(f, LOG_ACKNOWLEDGED);
}

static void start_at(struct fixture *f, int64_t p0, int64_t p1)
{
    const struct position position = {.n = PARTITIONS, .offset = {p0, p1}};
    struct errctx err;

    f->n_read = 0;
    f->read[0] = '\0';
    assert_int_equal(log_consumer_start(f->consumer, &position, &err), 0);
}

static bool read_three(void *arg)
{
    return ((const struct fixture *)arg)->n_read >= 3;
}

static bool refused(void *arg)
{
    return ((const struct fixture *)arg)->status < 0;
}

static void reads_from_the_position_and_knows_the_end(void **state)
{
    struct fixture *f = *state;

    fill(f, 5);
    open_consumer(f);
    start_at(f, 2, 0);
    assert_int_equal(loop_until(f->base, read_three, f, WAIT_US), 0);
    assert_string_equal(f->read, "0@2=record 2 0@3=record 3 0@4=record 4 ");
    assert_int_equal(log_consumer_end(f->consumer, 0), 5);
}

static void starts_again_without_anything_stale(void **state)
{
    struct fixture *f = *state;

    fill(f, 5);
    open_consumer(f);
    for (unsigned i = 0; i < 20; i++) {
        start_at(f, 0, 0); /* some of its records may be under way when it starts again */
        assert_int_equal(loop_for(f->base, (int64_t)i * 100), 0);
    }
    start_at(f, 2, 0);
    assert_int_equal(loop_until(f->base, read_three, f, WAIT_US), 0);
    assert_string_equal(f->read, "0@2=record 2 0@3=record 3 0@4=record 4 ");
}

/* A sink must never go on from somewhere else than its store's position. */
static void refuses_a_position_that_the_log_does_not_have(void **state)
{
    struct fixture *f = *state;

    fill(f, 5);
    open_consumer(f);
    start_at(f, 100, 0);
    assert_int_equal(loop_until(f->base, refused, f, WAIT_US), 0);
    assert_int_equal(f->status, -ENODATA);
    assert_int_equal(f->n_read, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_partition_and_offset_of_what_the_log_has),
        TEST(what_never_left_is_not_persisted),
        TEST(what_was_sent_and_not_answered_is_unknown),
        TEST(a_possible_first_attempt_is_not_forgotten),
        TEST(a_refusal_of_the_first_attempt_is_definite),
        TEST(a_duplicate_that_nobody_can_place_is_unknown),
        TEST(refuses_more_than_its_bound),
        TEST(what_waits_for_a_log_that_is_away_can_be_withdrawn),
        TEST(a_silent_log_is_given_nothing_more),
        TEST(after_a_fatal_error_all_is_unknown_and_work_goes_on),
        TEST(delivers_what_is_open_when_it_is_freed),
        TEST(reads_from_the_position_and_knows_the_end),
        TEST(starts_again_without_anything_stale),
        TEST(refuses_a_position_that_the_log_does_not_have),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
