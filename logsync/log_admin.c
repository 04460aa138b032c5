/* The harness's side of the log; see the header. Nothing here runs in a role. */
#include "logsync/log_admin.h"

#include "base/clock.h"
#include "base/mem.h"
#include "logsync/kafka.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LEADER_POLL_MS 10

struct log_admin {
    rd_kafka_t *kafka; /* a producer: it writes the markers, and any handle can administrate */
    rd_kafka_queue_t *answers;
    struct address bootstrap;
    uintptr_t n_marks; /* tells the reports of this call from late ones of an earlier */
};

static int time_left_ms(int64_t deadline_us)
{
    int64_t left_us = deadline_us - clock_now_us();

    return left_us > 0 ? (int)(left_us / US_PER_MS) + 1 : 0;
}

static int refused(struct errctx *err, const char *what, const char *topic,
                   rd_kafka_resp_err_t code, const char *why)
{
    switch ((int)code) { /* of some 150 codes these concern us */
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
        return err_set(err, EEXIST, ERR_ABORT, "%s %s: it exists already", what, topic);
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return err_set(err, ENOENT, ERR_ABORT, "%s %s: there is no such topic", what, topic);
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
        return err_set(err, ETIMEDOUT, ERR_RETRY, "%s %s: no answer in time", what, topic);
    default:
        return err_set(err, EIO, ERR_RETRY, "%s %s: %s", what, topic,
                       why ? why : rd_kafka_err2str(code));
    }
}

int log_admin_new(const struct address *bootstrap, struct log_admin **ret_admin, struct errctx *err)
{
    static const struct kafka_setting settings[] = {{"enable.idempotence", "true"},
                                                    {"max.in.flight", "1"}, /* log_producer.h */
                                                    {"linger.ms", "0"},
                                                    {NULL, NULL}};
    struct log_admin *a = mem_alloc(sizeof *a);
    int r;

    a->bootstrap = *bootstrap;
    r = kafka_new(RD_KAFKA_PRODUCER, bootstrap, settings, RD_KAFKA_EVENT_DR, &a->kafka, err);
    if (r != 0) {
        free(a);
        return r;
    }
    a->answers = rd_kafka_queue_get_main(a->kafka);
    *ret_admin = a;
    return 0;
}

void log_admin_free(struct log_admin *a)
{
    if (!a)
        return;
    rd_kafka_queue_destroy(a->answers);
    (void)rd_kafka_purge(a->kafka, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(a->kafka);
    free(a);
}

/* --- topics ---------------------------------------------------------------------------------- */

static rd_kafka_AdminOptions_t *admin_options(struct log_admin *a, rd_kafka_admin_op_t operation,
                                              int timeout_ms)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(a->kafka, operation);
    char why[128];

    (void)rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why, sizeof why);
    (void)rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, why, sizeof why);
    return options;
}

/* The answer to the one admin request under way on `queue`, and of it the one topic's result. */
static int admin_answer(rd_kafka_queue_t *queue, const char *what, const char *topic,
                        int timeout_ms, struct errctx *err)
{
    /* A little longer, so that librdkafka's own time-out comes first and with its words. */
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + 1000);
    const rd_kafka_topic_result_t **results = NULL;
    rd_kafka_resp_err_t code;
    const char *why;
    size_t n = 0;
    int r = 0;

    if (!event)
        return refused(err, what, topic, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL);
    code = rd_kafka_event_error(event);
    why = rd_kafka_event_error_string(event);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATETOPICS_RESULT)
            results =
                rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
        else
            results =
                rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n);
        if (n > 0) {
            code = rd_kafka_topic_result_error(results[0]);
            why = rd_kafka_topic_result_error_string(results[0]);
        }
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        r = refused(err, what, topic, code, why);
    rd_kafka_event_destroy(event);
    return r;
}

static unsigned count_led(const struct rd_kafka_metadata *m)
{
    unsigned n = 0;

    if (m->topic_cnt == 0)
        return 0;
    for (int i = 0; i < m->topics[0].partition_cnt; i++)
        n += m->topics[0].partitions[i].leader >= 0;
    return n;
}

/* A topic is created before its partitions are led, and only then is it of use. */
static int wait_for_leaders(struct log_admin *a, const char *topic, unsigned n_partitions,
                            int64_t deadline_us, struct errctx *err)
{
    const struct timespec poll_pause = {.tv_nsec = LEADER_POLL_MS * 1000000L};
    rd_kafka_topic_t *handle = rd_kafka_topic_new(a->kafka, topic, NULL);
    const struct rd_kafka_metadata *m;
    unsigned n_led = 0;

    if (!handle)
        return refused(err, "topic", topic, rd_kafka_last_error(), NULL);
    while (n_led < n_partitions && time_left_ms(deadline_us) > 0) {
        if (rd_kafka_metadata(a->kafka, 0, handle, &m, time_left_ms(deadline_us)) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
            n_led = count_led(m);
            rd_kafka_metadata_destroy(m);
        }
        if (n_led < n_partitions)
            (void)nanosleep(&poll_pause, NULL);
    }
    rd_kafka_topic_destroy(handle);
    if (n_led < n_partitions)
        return err_set(err, ETIMEDOUT, ERR_RETRY, "topic %s: %u of %u partitions have a leader",
                       topic, n_led, n_partitions);
    return 0;
}

static int configure_topic(rd_kafka_NewTopic_t *t)
{
    static const struct kafka_setting settings[] = {
        {"flush.messages",
         "1"}, /* durability D3: the record is on disk before it is acknowledged */
        {"retention.ms", "-1"},
        {"retention.bytes", "-1"},
        {NULL, NULL},
    };

    for (const struct kafka_setting *s = settings; s->name; s++) {
        if (rd_kafka_NewTopic_set_config(t, s->name, s->value) != RD_KAFKA_RESP_ERR_NO_ERROR)
            return -EINVAL;
    }
    return 0;
}

int log_admin_create(struct log_admin *a, const char *topic, unsigned n_partitions, int timeout_ms,
                     struct errctx *err)
{
    int64_t deadline_us = clock_now_us() + timeout_ms * US_PER_MS;
    char why[256];
    rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(topic, (int)n_partitions, 1, why, sizeof why);
    rd_kafka_AdminOptions_t *options;
    rd_kafka_queue_t *queue;
    int r;

    if (!t)
        return err_set(err, EINVAL, ERR_ABORT, "create topic %s: %s", topic, why);
    if (configure_topic(t) != 0) {
        rd_kafka_NewTopic_destroy(t);
        return err_set(err, EINVAL, ERR_FATAL, "create topic %s: a setting was refused", topic);
    }
    options = admin_options(a, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
    queue = rd_kafka_queue_new(a->kafka);
    rd_kafka_CreateTopics(a->kafka, &t, 1, options, queue);
    r = admin_answer(queue, "create topic", topic, timeout_ms, err);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(t);
    return r != 0 ? r : wait_for_leaders(a, topic, n_partitions, deadline_us, err);
}

int log_admin_delete(struct log_admin *a, const char *topic, int timeout_ms, struct errctx *err)
{
    rd_kafka_DeleteTopic_t *t = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_AdminOptions_t *options = admin_options(a, RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout_ms);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(a->kafka);
    int r;

    rd_kafka_DeleteTopics(a->kafka, &t, 1, options, queue);
    r = admin_answer(queue, "delete topic", topic, timeout_ms, err);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_DeleteTopic_destroy(t);
    return r;
}

int log_admin_ends(struct log_admin *a, const char *topic, unsigned n_partitions, int timeout_ms,
                   struct position *ret_ends, struct errctx *err)
{
    int64_t deadline_us = clock_now_us() + timeout_ms * US_PER_MS;
    struct position ends = {.n = n_partitions};
    int64_t low;

    for (unsigned i = 0; i < n_partitions; i++) {
        rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
            a->kafka, topic, (int32_t)i, &low, &ends.offset[i], time_left_ms(deadline_us));

        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            return refused(err, "ends of", topic, code, NULL);
    }
    *ret_ends = ends;
    return 0;
}

/* --- markers --------------------------------------------------------------------------------- */

static int send_marker(struct log_admin *a, const char *topic, unsigned partition, const char *name,
                       struct errctx *err)
{
    struct envelope marker = {.kind = ENVELOPE_MARKER};
    struct buf record = {0};
    rd_kafka_resp_err_t code;

    (void)snprintf(marker.id, sizeof marker.id, "%s-%u", name, partition);
    envelope_encode(&record, &marker);
    code = rd_kafka_producev(
        a->kafka, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION((int32_t)partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(record.data, record.size),
        RD_KAFKA_V_OPAQUE((void *)a->n_marks), RD_KAFKA_V_END);
    buf_done(&record);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : refused(err, "mark", topic, code, NULL);
}

/* Take the reports in one event; returns an error among them. */
static rd_kafka_resp_err_t take_reports(const struct log_admin *a, rd_kafka_event_t *event,
                                        struct position *past, unsigned *n_reported)
{
    const rd_kafka_message_t *report;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    while ((report = rd_kafka_event_message_next(event))) {
        if ((uintptr_t)report->_private != a->n_marks)
            continue;
        (*n_reported)++;
        if (report->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            code = report->err;
        else if (report->offset < 0)
            code = RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER; /* log_producer.h: it may be lost */
        else if ((unsigned)report->partition < past->n)
            past->offset[report->partition] = report->offset + 1;
    }
    return code;
}

int log_admin_mark(struct log_admin *a, const char *topic, unsigned n_partitions, const char *name,
                   int timeout_ms, struct position *ret_past, struct errctx *err)
{
    int64_t deadline_us = clock_now_us() + timeout_ms * US_PER_MS;
    struct position past = {.n = n_partitions};
    unsigned n_reported = 0;
    rd_kafka_event_t *event;
    rd_kafka_resp_err_t code;
    int r;

    a->n_marks++;
    for (unsigned i = 0; i < n_partitions; i++) {
        r = send_marker(a, topic, i, name, err);
        if (r != 0)
            return r;
    }
    while (n_reported < n_partitions) {
        event = rd_kafka_queue_poll(a->answers, time_left_ms(deadline_us));
        if (!event)
            return refused(err, "mark", topic, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL);
        code = take_reports(a, event, &past, &n_reported);
        rd_kafka_event_destroy(event);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            return refused(err, "mark", topic, code, NULL);
    }
    *ret_past = past;
    return 0;
}

/* --- reading it all -------------------------------------------------------------------------- */

struct reading {
    const char *topic;
    int64_t deadline_us;
    struct position ends;
    struct position at;
    struct envelope *envelope; /* large: on the heap */
    log_admin_record record;
    void *arg;
};

static bool read_all(const struct reading *read)
{
    for (unsigned i = 0; i < read->ends.n; i++) {
        if (read->at.offset[i] < read->ends.offset[i])
            return false;
    }
    return true;
}

static int read_record(struct reading *read, const rd_kafka_message_t *m, struct errctx *err)
{
    int r;

    read->at.offset[m->partition] = m->offset + 1;
    if (m->offset >= read->ends.offset[m->partition])
        return 0; /* written since */
    r = envelope_decode(m->payload ? m->payload : "", m->len, read->envelope, err);
    if (r != 0)
        return err_prefix(err, r, "record %" PRId32 "@%" PRId64 " of %s", m->partition, m->offset,
                          read->topic);
    read->record(read->arg, (unsigned)m->partition, m->offset, read->envelope);
    return 0;
}

/* In the place of a record there may be the news that the partition's end was reached: the last
 * offsets below it need not hold a record. */
static int read_message(struct reading *read, const rd_kafka_message_t *m, struct errctx *err)
{
    switch ((int)m->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return read_record(read, m, err);
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        read->at.offset[m->partition] = m->offset;
        return 0;
    default:
        return refused(err, "read", read->topic, m->err, rd_kafka_message_errstr(m));
    }
}

static int read_queue(struct reading *read, rd_kafka_queue_t *queue, struct errctx *err)
{
    rd_kafka_message_t *m;
    int r = 0;

    while (r == 0 && !read_all(read)) {
        m = rd_kafka_consume_queue(queue, time_left_ms(read->deadline_us));
        if (!m)
            return refused(err, "read", read->topic, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL);
        r = read_message(read, m, err);
        rd_kafka_message_destroy(m);
    }
    return r;
}

static int read_topic(struct reading *read, rd_kafka_t *kafka, struct errctx *err)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(kafka, read->topic, NULL);
    rd_kafka_queue_t *queue;
    unsigned n_started = 0;
    int r = 0;

    if (!topic)
        return refused(err, "read", read->topic, rd_kafka_last_error(), NULL);
    queue = rd_kafka_queue_new(kafka);
    for (; n_started < read->ends.n && r == 0; n_started++) {
        if (rd_kafka_consume_start_queue(topic, (int32_t)n_started, RD_KAFKA_OFFSET_BEGINNING,
                                         queue) != 0)
            r = refused(err, "read", read->topic, rd_kafka_last_error(), NULL);
    }
    if (r == 0)
        r = read_queue(read, queue, err);
    while (n_started-- > 0)
        (void)rd_kafka_consume_stop(topic, (int32_t)n_started); /* fails where start did */
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_destroy(topic);
    return r;
}

int log_admin_read(struct log_admin *a, const char *topic, unsigned n_partitions, int timeout_ms,
                   log_admin_record record, void *arg, struct errctx *err)
{
    static const struct kafka_setting settings[] = {{"enable.auto.commit", "false"},
                                                    {"enable.partition.eof", "true"},
                                                    {"fetch.wait.max.ms", "10"},
                                                    {"check.crcs", "true"},
                                                    {NULL, NULL}};
    struct reading read = {.topic = topic,
                           .deadline_us = clock_now_us() + timeout_ms * US_PER_MS,
                           .at = {.n = n_partitions},
                           .record = record,
                           .arg = arg};
    rd_kafka_t *kafka;
    int r = log_admin_ends(a, topic, n_partitions, timeout_ms, &read.ends, err);

    if (r != 0)
        return r;
    r = kafka_new(RD_KAFKA_CONSUMER, &a->bootstrap, settings, 0, &kafka, err);
    if (r != 0)
        return r;
    read.envelope = mem_alloc(sizeof *read.envelope);
    r = read_topic(&read, kafka, err);
    free(read.envelope);
    rd_kafka_destroy(kafka);
    return r;
}
