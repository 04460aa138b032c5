/* Decisions on a topic: see the header. Writing is in topic_propose.c. */
#include "approaches/topic_log_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>
#include <utlist.h>

#define MESSAGE_TIMEOUT_MS 5000
#define SILENT_US          INT64_C(2000000) /* without our own sign of life: refuse new work */

static const struct decision_log_kind topic_kind;

static struct topic_log *topic_of(struct decision_log *log)
{
    assert(log->kind == &topic_kind);
    return (struct topic_log *)log;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void fail(struct topic_log *log, int code, const struct errctx *err)
{
    uint64_t one = 1;

    if (log->failed)
        return;
    log->failed = code;
    log->failure = *err;
    if (!log->ready)
        log->options.failed(log->options.arg, err);
    else if (write(log->event_fd, &one, sizeof one) < 0)
        assert(errno == EAGAIN);
}

/* Its first record counts; our transaction hears which that was. */
static void decide(struct topic_log *log, const char *gid, enum topic_outcome outcome)
{
    struct known_gid *known = topic_know_gid(&log->known, gid);
    struct decision_ticket *ticket = known->ticket;
    uint64_t one = 1;

    if (known->outcome != TOPIC_UNDECIDED)
        return;
    known->outcome = outcome;
    log->stats.records++;
    if (outcome == TOPIC_ABORT)
        topic_may_forget(&log->known, known);
    if (!ticket)
        return;
    known->ticket = NULL;
    ticket->lost = outcome == TOPIC_ABORT;
    ticket->next = NULL;
    *log->durable_last = ticket;
    log->durable_last = &ticket->next;
    if (write(log->event_fd, &one, sizeof one) < 0)
        assert(errno == EAGAIN);
}

static void begin_epoch(struct topic_log *log)
{
    log->log.epoch = topic_know_coordinator(&log->known, log->owner)->epoch + 1;
    topic_propose_plain(log, TOPIC_RECORD_EPOCH);
}

static void own_epoch_read(struct topic_log *log)
{
    struct timeval every = clock_timeval(TOPIC_ALIVE_US);

    log->ready = true;
    log->heard_us = clock_now_us();
    (void)event_add(log->alive, &every);
    log->options.ready(log->options.arg);
}

static void followed(struct topic_log *log, int64_t epoch)
{
    struct errctx err;
    int rc = err_set(&err, ESTALE, ERR_FENCED,
                     "epoch %" PRId64 " of %s has begun: another coordinator runs under this name",
                     epoch, log->owner);

    fail(log, rc, &err);
}

static void note_epoch(struct topic_log *log, const struct topic_record *r,
                       struct known_coordinator *c)
{
    bool ours = strcmp(r->by, log->owner) == 0;
    bool same = strcmp(r->incarnation, log->incarnation) == 0;

    if (r->epoch > c->epoch) {
        c->epoch = r->epoch;
        memcpy(c->incarnation, r->incarnation, sizeof c->incarnation);
        if (ours && same && !log->ready)
            own_epoch_read(log);
        else if (ours && !same && log->ready)
            followed(log, r->epoch);
    } else if (ours && same && !log->ready) {
        begin_epoch(log); /* somebody was faster */
    }
}

static void take_record(struct topic_log *log, const struct topic_record *r)
{
    bool ours = strcmp(r->incarnation, log->incarnation) == 0;
    struct known_coordinator *c = topic_know_coordinator(&log->known, r->by);

    if (r->epoch >= c->epoch)
        c->missed = 0;
    switch (r->type) {
    case TOPIC_RECORD_HELLO:
        if (ours && !log->caught_up) {
            log->caught_up = true;
            begin_epoch(log);
        }
        break;
    case TOPIC_RECORD_EPOCH:
        note_epoch(log, r, c);
        break;
    case TOPIC_RECORD_ALIVE:
        if (ours) { /* who has been silent since the last few is taken to be gone */
            log->heard_us = clock_now_us();
            topic_known_missed(&log->known);
        }
        break;
    case TOPIC_RECORD_COMMIT:
        decide(log, r->gid, TOPIC_COMMIT);
        break;
    case TOPIC_RECORD_ABORT:
        decide(log, r->gid, TOPIC_ABORT);
        break;
    case TOPIC_RECORD_END:
        topic_may_forget(&log->known, topic_know_gid(&log->known, r->gid));
        break;
    case TOPIC_RECORDS:
        break;
    }
}

static void readable(void *arg)
{
    struct topic_log *log = arg;
    struct log_record found;
    struct topic_record record;
    struct errctx err = {.message = ""};
    int rc;

    while (!log->failed && (rc = log_consumer_next(log->consumer, &found, &err)) != 0) {
        if (rc > 0 && !topic_record_decode(found.data, found.size, &record))
            rc = err_set(&err, EBADMSG, ERR_FATAL,
                         "the decision topic's record %" PRId64 " is none of ours", found.offset);
        if (rc < 0)
            fail(log, rc, &err);
        else
            take_record(log, &record);
    }
}

static void say_alive(evutil_socket_t fd, short what, void *arg)
{
    struct topic_log *log = arg;
    const struct proposal *p;

    (void)fd;
    (void)what;
    DL_FOREACH (log->proposals, p) {
        if (p->record.type == TOPIC_RECORD_ALIVE)
            return; /* the last is on its way still: the topic does not answer */
    }
    topic_propose_plain(log, TOPIC_RECORD_ALIVE);
}

/* --- a decision log --------------------------------------------------------------------------- */

/* While the topic does not answer nothing is begun that it would have to decide. */
static int topic_reserve(struct decision_log *base, struct decision_ticket *ticket,
                         struct errctx *err)
{
    struct topic_log *log = topic_of(base);

    if (clock_now_us() - log->heard_us <= SILENT_US) {
        ticket->reserved = true;
        return 0;
    }
    log->stats.refused++;
    return err_set(err, EAGAIN, ERR_RETRY, "the decision topic does not answer");
}

static void topic_unreserve(struct decision_log *base, struct decision_ticket *ticket)
{
    (void)base;
    ticket->reserved = false;
}

static void topic_commit(struct decision_log *base, const struct decision *commit,
                         struct decision_ticket *ticket)
{
    struct topic_log *log = topic_of(base);
    struct topic_record record = {.type = TOPIC_RECORD_COMMIT};
    struct known_gid *known = topic_know_gid(&log->known, commit->gid);

    assert(!known->ticket);
    (void)snprintf(record.gid, sizeof record.gid, "%s", commit->gid);
    (void)snprintf(record.request, sizeof record.request, "%s", commit->request);
    ticket->reserved = false;
    known->ticket = ticket;
    if (known->outcome == TOPIC_UNDECIDED) {
        known->proposal = topic_propose(log, &record);
    } else { /* somebody has taken us for gone */
        enum topic_outcome outcome = known->outcome;

        known->outcome = TOPIC_UNDECIDED;
        decide(log, commit->gid, outcome);
    }
}

static void topic_write(struct decision_log *base)
{
    (void)base; /* each record goes out at once; the producer makes batches of what waits */
}

static bool topic_end(struct decision_log *base, const char *gid)
{
    struct topic_record record = {.type = TOPIC_RECORD_END};

    (void)snprintf(record.gid, sizeof record.gid, "%s", gid);
    (void)topic_propose(topic_of(base), &record);
    return true;
}

static int topic_fd(const struct decision_log *base)
{
    return ((const struct topic_log *)base)->event_fd;
}

static int topic_collect(struct decision_log *base, struct errctx *err)
{
    struct topic_log *log = topic_of(base);
    struct decision_ticket *ticket = log->durable;
    uint64_t count;

    if (read(log->event_fd, &count, sizeof count) < 0)
        assert(errno == EAGAIN);
    log->durable = NULL;
    log->durable_last = &log->durable;
    while (ticket) {
        struct decision_ticket *next = ticket->next;

        ticket->durable(ticket->arg);
        ticket = next;
    }
    if (log->failed && err)
        *err = log->failure;
    return log->failed;
}

static void topic_stats(struct decision_log *base, struct decision_log_stats *ret_stats)
{
    *ret_stats = topic_of(base)->stats;
}

static void topic_close(struct decision_log *base)
{
    struct topic_log *log = topic_of(base);

    log->failed = -ECANCELED; /* nothing is sent again from inside */
    log_producer_free(log->producer);
    log_consumer_free(log->consumer);
    while (log->proposals)
        topic_proposal_free(log->proposals);
    topic_known_done(&log->known);
    if (log->alive)
        event_free(log->alive);
    if (log->resend)
        event_free(log->resend);
    if (log->event_fd >= 0)
        (void)close(log->event_fd);
    free(log);
}

static const struct decision_log_kind topic_kind = {
    .reserve = topic_reserve,
    .unreserve = topic_unreserve,
    .commit = topic_commit,
    .write = topic_write,
    .end = topic_end,
    .flush = topic_write,
    .fd = topic_fd,
    .collect = topic_collect,
    .stats = topic_stats,
    .close = topic_close,
};

/* --- opening ---------------------------------------------------------------------------------- */

static void notice(void *arg, const char *text)
{
    (void)arg;
    log_warn("decision topic: %s", text);
}

static int draw_incarnation(struct topic_log *log, struct errctx *err)
{
    uint64_t drawn;

    if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn)
        return err_set(err, errno, ERR_FATAL, "getrandom: %s", strerror(errno));
    (void)snprintf(log->incarnation, sizeof log->incarnation, "%016" PRIx64, drawn);
    return 0;
}

static int open_clients(struct topic_log *log, const struct topic_log_options *options,
                        struct errctx *err)
{
    const struct log_producer_options producer = {.bootstrap = options->bootstrap,
                                                  .topic = options->topic,
                                                  .inflight_max = TOPIC_INFLIGHT,
                                                  .message_timeout_ms = MESSAGE_TIMEOUT_MS,
                                                  .notice = notice,
                                                  .arg = log};
    const struct log_consumer_options consumer = {.bootstrap = options->bootstrap,
                                                  .topic = options->topic,
                                                  .n_partitions = 1,
                                                  .readable = readable,
                                                  .notice = notice,
                                                  .arg = log};
    int rc = log_producer_new(options->base, &producer, &log->producer, err);

    if (rc == 0)
        rc = log_consumer_new(options->base, &consumer, &log->consumer, err);
    return rc < 0 ? rc : log_consumer_start(log->consumer, &(struct position){.n = 1}, err);
}

int topic_log_new(const struct topic_log_options *options, struct topic_log **ret_log,
                  struct errctx *err)
{
    struct topic_log *log = mem_alloc(sizeof *log);
    int rc;

    log->log.kind = &topic_kind;
    log->options = *options;
    log->durable_last = &log->durable;
    (void)snprintf(log->owner, sizeof log->owner, "%s", options->owner);
    log->alive = event_new(options->base, -1, EV_PERSIST, say_alive, log);
    log->resend = evtimer_new(options->base, topic_resend, log);
    assert(log->alive);
    assert(log->resend);
    log->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    rc = log->event_fd < 0 ? err_set(err, errno, ERR_FATAL, "eventfd: %s", strerror(errno)) : 0;
    if (rc == 0)
        rc = draw_incarnation(log, err);
    if (rc == 0)
        rc = open_clients(log, options, err);
    if (rc < 0) {
        topic_close(&log->log);
        return rc;
    }
    topic_propose_plain(log, TOPIC_RECORD_HELLO);
    *ret_log = log;
    return 0;
}

struct decision_log *topic_log_decisions(struct topic_log *log)
{
    return &log->log;
}

const char *topic_log_incarnation(const struct topic_log *log)
{
    return log->incarnation;
}

/* --- taking over ------------------------------------------------------------------------------ */

enum topic_outcome topic_log_outcome(const struct topic_log *log, const char *gid)
{
    const struct known_gid *known = topic_known_gid(&log->known, gid);

    return known ? known->outcome : TOPIC_UNDECIDED;
}

void topic_log_abort(struct topic_log *log, const char *gid)
{
    struct topic_record record = {.type = TOPIC_RECORD_ABORT};
    struct known_gid *known = topic_know_gid(&log->known, gid);

    if (known->outcome != TOPIC_UNDECIDED || known->proposal)
        return;
    (void)snprintf(record.gid, sizeof record.gid, "%s", gid);
    known->proposal = topic_propose(log, &record);
}

bool topic_log_gone(const struct topic_log *log, const char *coordinator, int64_t epoch)
{
    if (strcmp(coordinator, log->owner) == 0)
        return epoch < log->log.epoch;
    return topic_known_gone(&log->known, coordinator, epoch);
}
