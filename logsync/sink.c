/* The driver of one sink; see the header. */
#include "logsync/sink.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/mem.h"
#include "logsync/log_consumer.h"
#include "logsync/sink_batch.h"
#include "logsync/sink_core.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct sink {
    struct sink_core core;
    struct log_consumer *consumer;
    struct store *store;
    struct event *timer;
    char *topic;
    char *owner;
    void (*stopped)(void *arg, const struct errctx *err);
    void (*notice)(void *arg, const char *text);
    void *arg;
    struct sink_counters counters;
    bool is_stopped;
    struct crash_stand stand; /* of its opening */
    struct {
        bool there; /* the store's answer, while it is held at a crash point */
        enum store_status status;
        int64_t epoch;
        struct position position;
    } opened;
    bool in_trouble; /* told once, not every 50 ms while a store is down */

    struct sink_batch *gathering;
    struct sink_batch *under_way; /* n = 0: none */
    /* The batch under way, as the store wants it. */
    struct store_record record[SINK_BATCH_RECORDS_MAX];
    struct store_batch request;
    struct sink_torn torn; /* broken variants only */
    enum store_status answer;
    char detail[STORE_DETAIL_SIZE]; /* of the store's last answer */
    struct errctx unreadable;       /* what is wrong with the last bad record */
};

static void step(struct sink *s, const struct sink_event *ev);

static void stop(struct sink *s, const struct errctx *err)
{
    s->is_stopped = true;
    s->stopped(s->arg, err);
}

/* --- from the log ---------------------------------------------------------------------------- */

static void on_notice(void *arg, const char *text)
{
    const struct sink *s = arg;

    if (s->notice)
        s->notice(s->arg, text);
}

/* Decoded into the place behind those gathered; the core's answer decides whether it stays. */
static void take(struct sink *s, const struct log_record *record)
{
    struct sink_record *place = &s->gathering->record[s->gathering->n];
    struct sink_event ev = {.type = SINK_EV_RECORD,
                            .partition = record->partition,
                            .offset = record->offset,
                            .size = record->size};
    int r;

    assert(s->gathering->n < SINK_BATCH_RECORDS_MAX);
    place->partition = record->partition;
    place->offset = record->offset;
    r = envelope_decode(record->data ? record->data : "", record->size, &place->envelope,
                        &s->unreadable);
    if (r != 0) {
        (void)err_prefix(&s->unreadable, r, "record %u@%" PRId64 " of %s", record->partition,
                         record->offset, s->topic);
        ev.type = SINK_EV_BAD_RECORD;
    }
    step(s, &ev);
}

static void pump(void *arg)
{
    struct sink *s = arg;
    struct log_record record;
    struct errctx err;

    while (!s->is_stopped && sink_core_wants(&s->core)) {
        int r = log_consumer_next(s->consumer, &record, &err);

        if (r == 0) {
            step(s, &(struct sink_event){.type = SINK_EV_NO_MORE});
            return;
        }
        if (r < 0)
            stop(s, &err);
        else
            take(s, &record);
    }
}

/* --- to the store ---------------------------------------------------------------------------- */

static enum sink_failure failure_of(enum store_status status)
{
    switch (status) {
    case STORE_UNAVAILABLE:
    case STORE_UNKNOWN:
    case STORE_RETRY:
    case STORE_CONFLICT: /* rolled back: somebody else held a lock for too long */
        return SINK_LOST;
    case STORE_FENCED:
        return SINK_FENCED;
    case STORE_CONSTRAINT:
    case STORE_BARRED:
    case STORE_AGAIN:
    case STORE_ELSEWHERE:
    case STORE_NOTA:
    case STORE_HEURISTIC:
    case STORE_FATAL:
        return SINK_REFUSED;
    case STORE_OK:
    case STORE_STATUSES:
        break;
    }
    assert(!"a success is no failure");
    return SINK_REFUSED;
}

static void failed(struct sink *s, enum store_status status)
{
    char text[STORE_DETAIL_SIZE + 128];

    if (!s->in_trouble) {
        (void)snprintf(text, sizeof text, "%s: %s: %s", store_name(s->store),
                       store_status_name(status), s->detail);
        on_notice(s, text);
    }
    s->in_trouble = true;
    step(s, &(struct sink_event){.type = SINK_EV_FAILED, .failure = failure_of(status)});
}

static void tell_start(struct sink *s, int64_t epoch, const struct position *position)
{
    struct buf text = {0};

    buf_printf(&text, "%s follows %s as epoch %" PRId64 " from", store_name(s->store), s->topic,
               epoch);
    for (unsigned i = 0; i < position->n; i++)
        buf_printf(&text, " %u@%" PRId64, i, position->offset[i]);
    on_notice(s, buf_str(&text));
    buf_done(&text);
}

static void follow(void *arg)
{
    struct sink *s = arg;

    crash_point_leave(&s->stand);
    s->in_trouble = false;
    s->request.epoch = s->opened.epoch;
    tell_start(s, s->opened.epoch, &s->opened.position);
    step(s, &(struct sink_event){.type = SINK_EV_OPENED, .position = s->opened.position});
    pump(s);
}

static void take_opened(void *arg)
{
    struct sink *s = arg;

    if (!s->opened.there) /* released before the store answered */
        return;
    s->opened.there = false;
    if (s->opened.status != STORE_OK) {
        crash_point_leave(&s->stand);
        failed(s, s->opened.status);
    } else if (!crash_point_reach(&s->stand, CRASH_SINK_OPENED, follow, s)) {
        follow(s);
    }
}

static void on_opened(void *arg, const struct store_reply *reply, int64_t epoch,
                      const struct position *position)
{
    struct sink *s = arg;

    if (s->is_stopped)
        return;
    (void)snprintf(s->detail, sizeof s->detail, "%s", reply->detail);
    s->opened.there = true;
    s->opened.status = reply->status;
    s->opened.epoch = epoch;
    if (position)
        s->opened.position = *position;
    if (!s->stand.held)
        take_opened(s);
}

static void open_store(struct sink *s, enum store_sink_mode mode)
{
    s->counters.opened++;
    store_sink_open(s->store, s->topic, s->core.durable.n, s->owner, mode,
                    clock_now_us() + SINK_OPEN_TIMEOUT_US, on_opened, s);
    (void)crash_point_reach(&s->stand, CRASH_SINK_OPENING, take_opened, s);
}

static void applied(void *arg)
{
    struct sink *s = arg;

    s->counters.batches++;
    s->counters.records += s->under_way->n;
    sink_batch_empty(s->under_way);
    step(s, &(struct sink_event){.type = SINK_EV_APPLIED});
    pump(s);
}

static void on_second_half(void *arg, const struct store_reply *reply)
{
    struct sink *s = arg;

    if (s->is_stopped)
        return;
    (void)snprintf(s->detail, sizeof s->detail, "%s", reply->detail);
    if (reply->status == STORE_OK) {
        applied(s);
        return;
    }
    failed(s, reply->status);
    sink_batch_empty(s->under_way);
}

/* Of a broken variant, which takes the first half for all of it. */
static void send_second_half(void *arg)
{
    struct sink *s = arg;

    sink_torn_second(&s->torn, s->store, &s->request, clock_now_us() + SINK_APPLY_TIMEOUT_US,
                     on_second_half, s);
}

static void answered(void *arg)
{
    struct sink *s = arg;

    if (s->answer == STORE_OK) {
        sink_batch_reach(s->under_way, CRASH_SINK_APPLIED);
        sink_batch_when_released(s->under_way, s->torn.broken ? send_second_half : applied);
        return;
    }
    failed(s, s->answer); /* who stops now names the record */
    sink_batch_empty(s->under_way);
}

static void on_answer(void *arg, const struct store_reply *reply)
{
    struct sink *s = arg;

    if (s->is_stopped)
        return;
    s->answer = reply->status;
    (void)snprintf(s->detail, sizeof s->detail, "%s", reply->detail);
    sink_batch_when_released(s->under_way, answered);
}

static void send_batch(void *arg)
{
    struct sink *s = arg;
    struct sink_batch *batch = s->under_way;
    int64_t deadline_us = clock_now_us() + SINK_APPLY_TIMEOUT_US;

    for (unsigned i = 0; i < batch->n; i++)
        s->record[i] = (struct store_record){.partition = batch->record[i].partition,
                                             .offset = batch->record[i].offset,
                                             .envelope = &batch->record[i].envelope};
    s->request.n_records = batch->n;
    if (s->torn.broken)
        sink_torn_first(&s->torn, s->store, &s->request, deadline_us, on_answer, s);
    else
        store_sink_apply(s->store, &s->request, deadline_us, on_answer, s);
    sink_batch_reach(batch, CRASH_SINK_SENT);
}

/* --- the core's actions ---------------------------------------------------------------------- */

static void apply(struct sink *s, const struct sink_action *action)
{
    struct sink_batch *batch = s->gathering;

    assert(s->under_way->n == 0);
    assert(batch->n == action->n_records);
    s->gathering = s->under_way;
    s->under_way = batch;
    s->request.from = action->from;
    s->request.to = action->to;
    sink_batch_when_released(batch, send_batch);
}

/* What the store says is the store's: nobody knows who has written there. */
static int check_position(const struct sink *s, const struct position *from, struct errctx *err)
{
    for (unsigned i = 0; i < from->n; i++) {
        if (from->offset[i] < 0)
            return err_set(err, EBADMSG, ERR_FATAL,
                           "%s says that it stands at %u@%" PRId64 " of %s: no log has that",
                           store_name(s->store), i, from->offset[i], s->topic);
    }
    return 0;
}

static void seek(struct sink *s, const struct position *from)
{
    struct errctx err;
    int r = check_position(s, from, &err);

    sink_batch_empty(s->gathering);
    if (r == 0)
        r = log_consumer_start(s->consumer, from, &err);
    if (r < 0)
        stop(s, &err);
}

static void stop_refused(struct sink *s)
{
    const struct sink_record *record = &s->under_way->record[0];
    struct errctx err;

    if (s->under_way->n == 0)
        (void)err_set(&err, EIO, ERR_FATAL, "%s cannot be opened: %s", store_name(s->store),
                      s->detail);
    else
        (void)err_set(&err, EIO, ERR_FATAL, "%s refuses record %u@%" PRId64 " (request %s): %s",
                      store_name(s->store), record->partition, record->offset,
                      record->envelope.txn.request, s->detail);
    stop(s, &err);
}

static void stop_with(struct sink *s, enum sink_failure failure)
{
    struct errctx err;

    switch (failure) {
    case SINK_REFUSED:
        stop_refused(s);
        break;
    case SINK_UNREADABLE:
        stop(s, &s->unreadable);
        break;
    case SINK_FENCED:
        (void)err_set(&err, EPERM, ERR_FENCED, "another sink has taken over %s: %s",
                      store_name(s->store), s->detail);
        stop(s, &err);
        break;
    case SINK_LOST:
        assert(!"an answer that was lost stops nobody");
    }
}

static void perform(struct sink *s, const struct sink_action *action)
{
    struct timeval delay;

    switch (action->type) {
    case SINK_ACT_TAKE_OVER:
        open_store(s, STORE_SINK_TAKE_OVER);
        break;
    case SINK_ACT_RESUME:
        open_store(s, STORE_SINK_RESUME);
        break;
    case SINK_ACT_SEEK:
        seek(s, &action->from);
        break;
    case SINK_ACT_HOLD:
        sink_batch_take(s->gathering);
        break;
    case SINK_ACT_SKIP:
        s->counters.skipped++;
        break;
    case SINK_ACT_APPLY:
        apply(s, action);
        break;
    case SINK_ACT_SET_TIMER:
        delay = clock_timeval(action->delay_us);
        (void)evtimer_add(s->timer, &delay);
        break;
    case SINK_ACT_STOP:
        stop_with(s, action->failure);
        break;
    }
}

static void step(struct sink *s, const struct sink_event *ev)
{
    struct sink_actions out;
    int r;

    if (s->is_stopped)
        return;
    r = sink_core_step(&s->core, ev, &out);
    assert(r == 0);
    for (unsigned i = 0; i < out.n; i++)
        perform(s, &out.item[i]);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    step(arg, &(struct sink_event){.type = SINK_EV_TIMEOUT});
}

/* --- the sink -------------------------------------------------------------------------------- */

int sink_new(struct event_base *base, struct store *store, const struct sink_options *options,
             struct sink **ret_sink, struct errctx *err)
{
    static const struct sink_limits limits = {.records_max = SINK_BATCH_RECORDS_MAX,
                                              .bytes_max = SINK_BATCH_BYTES_MAX,
                                              .backoff_us = SINK_BACKOFF_US};
    struct sink *s = mem_alloc(sizeof *s);
    const struct log_consumer_options log = {.bootstrap = options->log,
                                             .topic = options->topic,
                                             .n_partitions = options->n_partitions,
                                             .readable = pump,
                                             .notice = on_notice,
                                             .arg = s};
    int r;

    sink_core_init(&s->core, options->n_partitions, &limits);
    s->topic = mem_strdup(options->topic);
    s->owner = mem_strdup(options->owner);
    s->torn.broken = options->broken;
    s->stopped = options->stopped;
    s->notice = options->notice;
    s->arg = options->arg;
    s->gathering = sink_batch_new(s);
    s->under_way = sink_batch_new(s);
    s->request.topic = s->topic;
    s->request.record = s->record;
    s->timer = evtimer_new(base, on_timer, s);
    r = log_consumer_new(base, &log, &s->consumer, err);
    if (r != 0) {
        sink_free(s);
        return r;
    }
    s->store = store;
    step(s, &(struct sink_event){.type = SINK_EV_START});
    *ret_sink = s;
    return 0;
}

void sink_free(struct sink *s)
{
    if (!s)
        return;
    s->is_stopped = true; /* closing the store answers what is outstanding */
    store_free(s->store);
    log_consumer_free(s->consumer);
    if (s->timer)
        event_free(s->timer);
    crash_point_leave(&s->stand);
    sink_batch_free(s->gathering);
    sink_batch_free(s->under_way);
    free(s->topic);
    free(s->owner);
    free(s);
}

struct position sink_durable(const struct sink *s)
{
    return s->core.owned ? s->core.durable : (struct position){0};
}

struct position sink_ends(const struct sink *s)
{
    struct position ends = {.n = s->core.durable.n};

    for (unsigned i = 0; i < ends.n; i++)
        ends.offset[i] = log_consumer_end(s->consumer, i);
    return ends;
}

struct sink_counters sink_counters(const struct sink *s)
{
    return s->counters;
}

unsigned sink_in_flight(const struct sink *s)
{
    return s->gathering->n + s->under_way->n;
}
