/* Appending to the log; see the header. */
#include "logsync/log_producer.h"

#include "base/clock.h"
#include "base/mem.h"
#include "logsync/kafka.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* Several requests' worth: one is on its way while the next is gathered. */
#define GIVEN_MAX 512

/* A log that has not acknowledged anything for so long is given nothing more. */
#define SILENCE_US (100 * US_PER_MS)

struct log_producer {
    struct kafka_waker waker;
    rd_kafka_t *kafka; /* NULL only while a replacement could not be made */
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t *topic;
    struct address bootstrap;
    char *topic_name;
    unsigned inflight_max;
    unsigned message_timeout_ms;
    void (*notice)(void *arg, const char *text);
    void *arg;
    struct log_message *waiting; /* in the order in which they came */
    struct log_message *given;   /* what librdkafka holds a pointer to */
    unsigned n_waiting, n_given;
    bool away;        /* an error says so; until the next acknowledgement */
    int64_t heard_us; /* the last acknowledgement; or when there came to be one to wait for */
    unsigned n_replaced;
    bool broken; /* fatal: to be replaced from the loop */
};

__attribute__((format(printf, 2, 3))) static void notice(const struct log_producer *p,
                                                         const char *fmt, ...)
{
    char text[512];
    va_list ap;

    if (!p->notice)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap); /* a long one is cut */
    va_end(ap);
    p->notice(p->arg, text);
}

static int start(struct log_producer *p, struct errctx *err)
{
    char inflight_max[16], timeout_ms[16];
    const struct kafka_setting settings[] = {
        {"enable.idempotence", "true"}, /* and with it acks=all, and retries without reordering */
        {"max.in.flight", "1"},         /* see the header */
        {"linger.ms", "0"},
        {"socket.timeout.ms", "5000"}, /* a broker that keeps silent is connected to again */
        {"message.timeout.ms", timeout_ms},
        {"queue.buffering.max.messages", inflight_max},
        {NULL, NULL},
    };
    int r;

    (void)snprintf(inflight_max, sizeof inflight_max, "%u", p->inflight_max);
    (void)snprintf(timeout_ms, sizeof timeout_ms, "%u", p->message_timeout_ms);
    r = kafka_new(RD_KAFKA_PRODUCER, &p->bootstrap, settings,
                  RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR, &p->kafka, err);
    if (r != 0)
        return r;
    p->topic = rd_kafka_topic_new(p->kafka, p->topic_name, NULL); /* asks for its leaders already */
    if (!p->topic) {
        rd_kafka_destroy(p->kafka);
        p->kafka = NULL;
        return err_set(err, EINVAL, ERR_FATAL, "log topic %s: %s", p->topic_name,
                       rd_kafka_err2str(rd_kafka_last_error()));
    }
    p->queue = rd_kafka_queue_get_main(p->kafka);
    kafka_waker_watch(&p->waker, p->queue);
    return 0;
}

static void stop(struct log_producer *p)
{
    if (!p->kafka)
        return;
    rd_kafka_queue_io_event_enable(p->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(p->queue);
    (void)rd_kafka_purge(p->kafka, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                       RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_topic_destroy(p->topic);
    rd_kafka_destroy(p->kafka);
    p->kafka = NULL;
    p->queue = NULL;
    p->topic = NULL;
}

/* --- waiting and giving ---------------------------------------------------------------------- */

static bool may_give(const struct log_producer *p)
{
    if (!p->kafka || p->broken)
        return false;
    if (p->n_given == 0)
        return true;
    return !p->away && p->n_given < GIVEN_MAX && clock_now_us() - p->heard_us < SILENCE_US;
}

/* `key` is a string; librdkafka copies it and the record. */
static rd_kafka_resp_err_t produce(struct log_producer *p, struct log_message *m, const char *key,
                                   const char *record, size_t size)
{
    return rd_kafka_producev(
        p->kafka, RD_KAFKA_V_RKT(p->topic), RD_KAFKA_V_PARTITION((int32_t)m->partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, strlen(key)),
        RD_KAFKA_V_VALUE((char *)(uintptr_t)record, size), RD_KAFKA_V_OPAQUE(m), RD_KAFKA_V_END);
}

static void begin_given(struct log_producer *p, struct log_message *m)
{
    if (p->n_given == 0)
        p->heard_us = clock_now_us();
    DL_APPEND(p->given, m);
    p->n_given++;
}

static void begin_wait(struct log_producer *p, struct log_message *m, const char *key,
                       const struct buf *record)
{
    buf_append(&m->content, key, strlen(key) + 1);
    buf_append(&m->content, record->data, record->size);
    m->waits = true;
    DL_APPEND(p->waiting, m);
    p->n_waiting++;
}

static void end_wait(struct log_producer *p, struct log_message *m)
{
    assert(m->waits);
    m->waits = false;
    DL_DELETE(p->waiting, m);
    p->n_waiting--;
    buf_done(&m->content);
}

static void deliver_never_given(struct log_producer *p, struct log_message *m, const char *why)
{
    const struct log_delivery d = {
        .result = LOG_NOT_PERSISTED, .partition = m->partition, .offset = -1, .detail = why};

    end_wait(p, m);
    m->delivered(m->arg, &d);
}

static void give_waiting(struct log_producer *p)
{
    while (p->waiting && may_give(p)) {
        struct log_message *m = p->waiting;
        const char *key = buf_str(&m->content);
        const char *record = key + strlen(key) + 1;
        rd_kafka_resp_err_t code =
            produce(p, m, key, record, m->content.size - (size_t)(record - key));

        if (code == RD_KAFKA_RESP_ERR__FATAL)
            return; /* it goes to the next producer */
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            deliver_never_given(p, m, rd_kafka_err2str(code));
            continue;
        }
        end_wait(p, m);
        begin_given(p, m);
    }
}

static void deliver(struct log_producer *p, struct log_message *m, const struct log_delivery *d)
{
    DL_DELETE(p->given, m);
    p->n_given--;
    if (d->result == LOG_ACKNOWLEDGED) {
        p->away = false;
        p->heard_us = clock_now_us();
    }
    m->delivered(m->arg, d); /* may send, and may free m */
}

static void deliver_all_unknown(struct log_producer *p, const char *detail)
{
    const struct log_delivery unknown = {.result = LOG_UNKNOWN, .offset = -1, .detail = detail};
    struct log_message *lost = p->given;
    struct log_message *m;

    p->given = NULL; /* what is sent from inside is another producer's */
    p->n_given = 0;
    while ((m = lost)) {
        DL_DELETE(lost, m);
        m->delivered(m->arg, &unknown);
    }
}

/* --- from librdkafka ------------------------------------------------------------------------- */

static enum log_result result_of(const rd_kafka_message_t *report)
{
    switch (rd_kafka_message_status(report)) {
    case RD_KAFKA_MSG_STATUS_PERSISTED:
        return report->offset >= 0 ? LOG_ACKNOWLEDGED : LOG_UNKNOWN;
    case RD_KAFKA_MSG_STATUS_NOT_PERSISTED:
        return LOG_NOT_PERSISTED;
    case RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED:
        break;
    }
    return LOG_UNKNOWN;
}

static const char *detail_of(const rd_kafka_message_t *report)
{
    if (report->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return rd_kafka_err2str(report->err);
    return report->offset >= 0 ? "" : "the log has had its sequence number, but cannot say where";
}

static void on_reports(struct log_producer *p, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *report;

    while ((report = rd_kafka_event_message_next(event))) {
        struct log_delivery d = {
            .result = result_of(report),
            .partition = (unsigned)report->partition,
            .offset = report->offset,
            .detail = detail_of(report),
        };

        deliver(p, report->_private, &d);
    }
}

/*
 * Looked at before any report is believed: the reports of what a fatal error swept away come before
 * its own event, and call "not persisted" what we have to call unknown.
 */
static bool fatal(struct log_producer *p)
{
    char why[256];

    if (!p->broken &&
        rd_kafka_fatal_error(p->kafka, why, sizeof why) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        notice(p, "log: the producer is beyond repair and is replaced: %s", why);
        p->broken = true;
    }
    return p->broken;
}

/* New sequence numbers, nobody's retry: what the old one had open stays unknown for good. */
static void replace(struct log_producer *p)
{
    struct errctx err;

    stop(p);
    p->broken = false;
    p->n_replaced++;
    if (start(p, &err) != 0)
        notice(p, "%s", err.message); /* the next send tries again */
    deliver_all_unknown(p, "the producer met a fatal error");
}

static void take_event(struct log_producer *p, rd_kafka_event_t *event)
{
    if (fatal(p))
        return;
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
        on_reports(p, event);
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR) {
        p->away = true; /* the connection is lost, or was refused */
        notice(p, "log: %s", rd_kafka_event_error_string(event));
    }
}

static void on_woken(void *arg)
{
    struct log_producer *p = arg;
    rd_kafka_event_t *event;

    if (!p->kafka)
        return;
    while ((event = rd_kafka_queue_poll(p->queue, 0))) {
        take_event(p, event);
        rd_kafka_event_destroy(event);
    }
    give_waiting(p);
    if (fatal(p))
        replace(p);
}

int log_producer_new(struct event_base *base, const struct log_producer_options *options,
                     struct log_producer **ret_producer, struct errctx *err)
{
    struct log_producer *p = mem_alloc(sizeof *p);
    int r;

    assert(options->inflight_max > 0);
    p->bootstrap = *options->bootstrap;
    p->topic_name = mem_strdup(options->topic);
    p->inflight_max = options->inflight_max;
    p->message_timeout_ms = options->message_timeout_ms;
    p->notice = options->notice;
    p->arg = options->arg;
    r = kafka_waker_init(&p->waker, base, on_woken, p, err);
    if (r == 0)
        r = start(p, err);
    if (r != 0) {
        log_producer_free(p);
        return r;
    }
    *ret_producer = p;
    return 0;
}

void log_producer_free(struct log_producer *p)
{
    if (!p)
        return;
    stop(p);
    kafka_waker_done(&p->waker);
    deliver_all_unknown(p, "the producer was closed");
    while (p->waiting)
        deliver_never_given(p, p->waiting, "the producer was closed");
    free(p->topic_name);
    free(p);
}

static int refusal(struct log_producer *p, rd_kafka_resp_err_t code, struct errctx *err)
{
    switch ((int)code) { /* of some 150 codes three concern us */
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return err_set(err, EMSGSIZE, ERR_ABORT, "the record is larger than the log takes");
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return err_set(err, EAGAIN, ERR_RETRY, "too many records on their way to the log");
    case RD_KAFKA_RESP_ERR__FATAL:
        kafka_waker_poke(&p->waker); /* the loop will see to it; this is inside of some caller */
        return err_set(err, EAGAIN, ERR_RETRY, "the producer is being replaced");
    default:
        return err_set(err, EIO, ERR_FATAL, "log: %s", rd_kafka_err2str(code));
    }
}

int log_producer_send(struct log_producer *p, struct log_message *message, unsigned partition,
                      const char *key, const struct buf *record, struct errctx *err)
{
    rd_kafka_resp_err_t code;
    int r;

    if (p->n_waiting + p->n_given >= p->inflight_max)
        return refusal(p, RD_KAFKA_RESP_ERR__QUEUE_FULL, err);
    if (p->broken)
        return refusal(p, RD_KAFKA_RESP_ERR__FATAL, err);
    if (!p->kafka) {
        r = start(p, err);
        if (r != 0)
            return r;
    }
    message->partition = partition;
    if (p->waiting || !may_give(p)) {
        begin_wait(p, message, key, record);
        return 0;
    }
    code = produce(p, message, key, record->data, record->size);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return refusal(p, code, err);
    begin_given(p, message);
    return 0;
}

bool log_producer_withdraw(struct log_producer *p, struct log_message *message)
{
    if (!message->waits)
        return false;
    end_wait(p, message);
    return true;
}

unsigned log_producer_replaced(const struct log_producer *p)
{
    return p->n_replaced;
}

void log_producer_break(struct log_producer *p)
{
    (void)rd_kafka_test_fatal_error(p->kafka, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                                    "broken by a test");
}
