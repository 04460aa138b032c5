/* Writing to the decision topic: see topic_log.h. */
#include "approaches/topic_log_private.h"
#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define RESEND_US INT64_C(50000)

void topic_proposal_free(struct proposal *p)
{
    struct known_gid *known =
        p->record.gid[0] ? topic_known_gid(&p->log->known, p->record.gid) : NULL;

    if (known && known->proposal == p)
        known->proposal = NULL;
    DL_DELETE(p->log->proposals, p);
    free(p);
}

/* A decision that was read needs not be written any more; what only helps is not sent twice. */
static bool is_needed(const struct proposal *p)
{
    const struct known_gid *known = topic_known_gid(&p->log->known, p->record.gid);

    switch (p->record.type) {
    case TOPIC_RECORD_COMMIT:
    case TOPIC_RECORD_ABORT:
        return known && known->outcome == TOPIC_UNDECIDED;
    case TOPIC_RECORD_HELLO:
        return !p->log->caught_up;
    case TOPIC_RECORD_EPOCH:
        return !p->log->ready;
    case TOPIC_RECORD_ALIVE:
    case TOPIC_RECORD_END:
    case TOPIC_RECORDS:
        break;
    }
    return false;
}

static void send_later(const struct topic_log *log)
{
    struct timeval delay = clock_timeval(RESEND_US);

    if (!evtimer_pending(log->resend, NULL))
        (void)evtimer_add(log->resend, &delay);
}

static void delivered(void *arg, const struct log_delivery *delivery)
{
    struct proposal *p = arg;

    p->under_way = false;
    if (delivery->result == LOG_ACKNOWLEDGED || !is_needed(p))
        topic_proposal_free(p);
    else
        send_later(p->log); /* it may be there already: then it is there twice, which is the same */
}

static void try_to_send(struct proposal *p)
{
    struct buf text = {.data = NULL};
    struct errctx err;

    topic_record_encode(&p->record, &text);
    p->message = (struct log_message){.delivered = delivered, .arg = p};
    p->under_way = true;
    if (log_producer_send(p->log->producer, &p->message, 0, p->record.gid, &text, &err) < 0) {
        p->under_way = false;
        send_later(p->log);
    }
    buf_done(&text);
}

void topic_resend(evutil_socket_t fd, short what, void *arg)
{
    struct topic_log *log = arg;
    struct proposal *p, *next;

    (void)fd;
    (void)what;
    for (p = log->proposals; p; p = next) {
        next = p->next;
        if (p->under_way)
            continue;
        if (is_needed(p))
            try_to_send(p);
        else
            topic_proposal_free(p);
    }
}

struct proposal *topic_propose(struct topic_log *log, const struct topic_record *record)
{
    struct proposal *p = mem_alloc(sizeof *p);

    p->log = log;
    p->record = *record;
    p->record.epoch = log->log.epoch;
    (void)snprintf(p->record.by, sizeof p->record.by, "%s", log->owner);
    memcpy(p->record.incarnation, log->incarnation, sizeof p->record.incarnation);
    DL_APPEND(log->proposals, p);
    try_to_send(p);
    return p;
}

void topic_propose_plain(struct topic_log *log, enum topic_record_type type)
{
    (void)topic_propose(log, &(struct topic_record){.type = type});
}
