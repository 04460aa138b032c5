/* Reading the log from given positions; see the header. */
#include "logsync/log_consumer.h"

#include "base/mem.h"
#include "logsync/kafka.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAKEN_MAX 128 /* records moved out of librdkafka's queue at a time: one lock for many */

struct log_consumer {
    struct kafka_waker waker;
    rd_kafka_t *kafka; /* NULL: not started; and so are the next three */
    rd_kafka_queue_t *errors;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *records; /* one queue for all partitions */
    struct address bootstrap;
    char *topic_name;
    unsigned n_partitions;
    void (*readable)(void *arg);
    void (*notice)(void *arg, const char *text);
    void *arg;
    rd_kafka_message_t *taken[TAKEN_MAX];
    unsigned n_taken;
    unsigned next; /* in `taken`; those before it are destroyed */
    rd_kafka_message_t *current;
};

static void serve_errors(struct log_consumer *c)
{
    rd_kafka_event_t *event;
    char text[512];

    while (c->errors && (event = rd_kafka_queue_poll(c->errors, 0))) {
        if (c->notice && rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR) {
            (void)snprintf(text, sizeof text, "log: %s", rd_kafka_event_error_string(event));
            c->notice(c->arg, text);
        }
        rd_kafka_event_destroy(event);
    }
}

static void on_woken(void *arg)
{
    struct log_consumer *c = arg;

    serve_errors(c);
    c->readable(c->arg);
}

static const struct kafka_setting settings[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "error"}, /* a position the log has lost must be heard of, not guessed */
    {"check.crcs", "true"},
    {"queued.max.messages.kbytes", "16384"}, /* LOG_CONSUMER_BUFFER_KB */
    {"fetch.max.bytes", "8388608"},
    {"fetch.error.backoff.ms", "50"},
    {NULL, NULL},
};
_Static_assert(LOG_CONSUMER_BUFFER_KB == 16384, "as in queued.max.messages.kbytes");

int log_consumer_new(struct event_base *base, const struct log_consumer_options *options,
                     struct log_consumer **ret_consumer, struct errctx *err)
{
    struct log_consumer *c = mem_alloc(sizeof *c);
    int r;

    assert(options->n_partitions > 0);
    assert(options->n_partitions <= PARTITIONS_MAX);
    c->bootstrap = *options->bootstrap;
    c->topic_name = mem_strdup(options->topic);
    c->n_partitions = options->n_partitions;
    c->readable = options->readable;
    c->notice = options->notice;
    c->arg = options->arg;
    r = kafka_waker_init(&c->waker, base, on_woken, c, err);
    if (r != 0) {
        log_consumer_free(c);
        return r;
    }
    *ret_consumer = c;
    return 0;
}

static void drop_taken(struct log_consumer *c)
{
    if (c->current)
        rd_kafka_message_destroy(c->current);
    c->current = NULL;
    while (c->next < c->n_taken)
        rd_kafka_message_destroy(c->taken[c->next++]);
}

static void drop_queue(rd_kafka_queue_t *queue)
{
    rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
    rd_kafka_queue_destroy(queue);
}

static void stop(struct log_consumer *c)
{
    drop_taken(c);
    for (unsigned i = 0; c->topic && i < c->n_partitions; i++)
        (void)rd_kafka_consume_stop(c->topic, (int32_t)i); /* fails where it was not started */
    if (c->records)
        drop_queue(c->records);
    if (c->errors)
        drop_queue(c->errors);
    if (c->topic)
        rd_kafka_topic_destroy(c->topic);
    if (c->kafka)
        rd_kafka_destroy(c->kafka);
    c->records = NULL;
    c->errors = NULL;
    c->topic = NULL;
    c->kafka = NULL;
}

void log_consumer_free(struct log_consumer *c)
{
    if (!c)
        return;
    stop(c);
    kafka_waker_done(&c->waker);
    free(c->topic_name);
    free(c);
}

static int lost_topic(const struct log_consumer *c, struct errctx *err)
{
    return err_set(err, EIO, ERR_FATAL, "log topic %s: %s", c->topic_name,
                   rd_kafka_err2str(rd_kafka_last_error()));
}

static int make_handle(struct log_consumer *c, struct errctx *err)
{
    int r =
        kafka_new(RD_KAFKA_CONSUMER, &c->bootstrap, settings, RD_KAFKA_EVENT_ERROR, &c->kafka, err);

    if (r != 0)
        return r;
    c->errors = rd_kafka_queue_get_main(c->kafka);
    kafka_waker_watch(&c->waker, c->errors);
    c->records = rd_kafka_queue_new(c->kafka);
    kafka_waker_watch(&c->waker, c->records);
    c->topic = rd_kafka_topic_new(c->kafka, c->topic_name, NULL);
    return c->topic ? 0 : lost_topic(c, err);
}

/*
 * A handle for each start. One that is used again answers only when the fetch that it has under way
 * comes back, up to half a second later; and what goes with the handle cannot come late.
 */
int log_consumer_start(struct log_consumer *c, const struct position *position, struct errctx *err)
{
    int r;

    assert(position->n == c->n_partitions);
    stop(c);
    r = make_handle(c, err);
    for (unsigned i = 0; i < c->n_partitions && r == 0; i++) {
        assert(position->offset[i] >= 0);
        if (rd_kafka_consume_start_queue(c->topic, (int32_t)i, position->offset[i], c->records) !=
            0)
            r = lost_topic(c, err);
    }
    if (r != 0)
        stop(c);
    return r;
}

static rd_kafka_message_t *take(struct log_consumer *c)
{
    ssize_t n;

    if (c->next == c->n_taken) {
        n = rd_kafka_consume_batch_queue(c->records, 0, c->taken, TAKEN_MAX);
        c->next = 0;
        c->n_taken = n > 0 ? (unsigned)n : 0;
    }
    return c->next < c->n_taken ? c->taken[c->next++] : NULL;
}

/* In the place of a record there may be an error of its partition: passing, but for one. */
static int complaint(struct log_consumer *c, const rd_kafka_message_t *m, struct errctx *err)
{
    char text[512];

    if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
        return err_set(err, ENODATA, ERR_FATAL,
                       "log topic %s, partition %" PRId32 ": the position is not in the log: %s",
                       c->topic_name, m->partition, rd_kafka_message_errstr(m));
    if (c->notice) {
        (void)snprintf(text, sizeof text, "log topic %s, partition %" PRId32 ": %s", c->topic_name,
                       m->partition, rd_kafka_message_errstr(m));
        c->notice(c->arg, text);
    }
    return 0;
}

int log_consumer_next(struct log_consumer *c, struct log_record *ret_record, struct errctx *err)
{
    rd_kafka_message_t *m;
    int r;

    if (c->current)
        rd_kafka_message_destroy(c->current);
    c->current = NULL;
    if (!c->records)
        return 0;
    while ((m = take(c)) && m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        r = complaint(c, m, err);
        rd_kafka_message_destroy(m);
        if (r != 0)
            return r;
    }
    if (!m)
        return 0;
    c->current = m;
    *ret_record = (struct log_record){.partition = (unsigned)m->partition,
                                      .offset = m->offset,
                                      .data = m->payload,
                                      .size = m->len};
    return 1;
}

int64_t log_consumer_end(const struct log_consumer *c, unsigned partition)
{
    int64_t low, high;

    if (!c->kafka)
        return -1;
    if (rd_kafka_get_watermark_offsets(c->kafka, c->topic_name, (int32_t)partition, &low, &high) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return -1;
    return high >= 0 ? high : -1;
}
