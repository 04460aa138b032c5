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
    rd_kafka_t *kafka;
    rd_kafka_queue_t *errors;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue; /* one for all partitions; NULL: not started */
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

    while ((event = rd_kafka_queue_poll(c->errors, 0))) {
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
    c->waker.fd = -1;
    c->topic_name = mem_strdup(options->topic);
    c->n_partitions = options->n_partitions;
    c->readable = options->readable;
    c->notice = options->notice;
    c->arg = options->arg;
    r = kafka_waker_init(&c->waker, base, on_woken, c, err);
    if (r != 0)
        goto fail;
    r = kafka_new(RD_KAFKA_CONSUMER, options->bootstrap, settings, RD_KAFKA_EVENT_ERROR, &c->kafka,
                  err);
    if (r != 0)
        goto fail;
    c->errors = rd_kafka_queue_get_main(c->kafka);
    kafka_waker_watch(&c->waker, c->errors);
    c->topic = rd_kafka_topic_new(c->kafka, c->topic_name, NULL);
    if (!c->topic) {
        r = err_set(err, EINVAL, ERR_FATAL, "log topic %s: %s", c->topic_name,
                    rd_kafka_err2str(rd_kafka_last_error()));
        goto fail;
    }
    *ret_consumer = c;
    return 0;

fail:
    log_consumer_free(c);
    return r;
}

static void drop_taken(struct log_consumer *c)
{
    if (c->current)
        rd_kafka_message_destroy(c->current);
    c->current = NULL;
    while (c->next < c->n_taken)
        rd_kafka_message_destroy(c->taken[c->next++]);
}

/* The queue goes, and what is in it: the only sure way that no stale record comes later. */
static void stop(struct log_consumer *c)
{
    if (!c->queue)
        return;
    for (unsigned i = 0; i < c->n_partitions; i++)
        (void)rd_kafka_consume_stop(c->topic, (int32_t)i); /* fails where it was not started */
    rd_kafka_queue_io_event_enable(c->queue, -1, NULL, 0);
    drop_taken(c);
    rd_kafka_queue_destroy(c->queue);
    c->queue = NULL;
}

void log_consumer_free(struct log_consumer *c)
{
    if (!c)
        return;
    stop(c);
    if (c->errors) {
        rd_kafka_queue_io_event_enable(c->errors, -1, NULL, 0);
        rd_kafka_queue_destroy(c->errors);
    }
    if (c->topic)
        rd_kafka_topic_destroy(c->topic);
    if (c->kafka)
        rd_kafka_destroy(c->kafka);
    kafka_waker_done(&c->waker);
    free(c->topic_name);
    free(c);
}

int log_consumer_start(struct log_consumer *c, const struct position *position, struct errctx *err)
{
    assert(position->n == c->n_partitions);
    stop(c);
    c->queue = rd_kafka_queue_new(c->kafka);
    kafka_waker_watch(&c->waker, c->queue);
    for (unsigned i = 0; i < c->n_partitions; i++) {
        assert(position->offset[i] >= 0);
        if (rd_kafka_consume_start_queue(c->topic, (int32_t)i, position->offset[i], c->queue) != 0)
            return err_set(err, EIO, ERR_FATAL, "log topic %s, partition %u: %s", c->topic_name, i,
                           rd_kafka_err2str(rd_kafka_last_error()));
    }
    return 0;
}

static rd_kafka_message_t *take(struct log_consumer *c)
{
    ssize_t n;

    if (c->next == c->n_taken) {
        n = rd_kafka_consume_batch_queue(c->queue, 0, c->taken, TAKEN_MAX);
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
    if (!c->queue)
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

    if (rd_kafka_get_watermark_offsets(c->kafka, c->topic_name, (int32_t)partition, &low, &high) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return -1;
    return high >= 0 ? high : -1;
}
