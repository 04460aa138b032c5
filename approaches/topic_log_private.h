/* topic_log_private.h - what a decision topic's log consists of; private to topic_log.c, which
 * reads, and topic_propose.c, which writes. */
#ifndef SYNCBED_APPROACHES_TOPIC_LOG_PRIVATE_H
#define SYNCBED_APPROACHES_TOPIC_LOG_PRIVATE_H

#include "approaches/topic_known.h"
#include "approaches/topic_log.h"
#include "approaches/topic_record.h"
#include "logsync/log_consumer.h"
#include "logsync/log_producer.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

/* A record on its way: sent again until it was delivered, or is not needed any more. */
struct proposal {
    struct topic_log *log;
    struct topic_record record;
    struct log_message message;
    bool under_way;
    struct proposal *prev, *next;
};

struct topic_log {
    struct decision_log log; /* first */
    struct topic_log_options options;
    char owner[ROLE_NAME_SIZE];
    char incarnation[TOPIC_INCARNATION_SIZE];
    bool caught_up; /* our hello was read */
    bool ready;
    int failed;
    struct errctx failure;
    struct log_producer *producer;
    struct log_consumer *consumer;
    struct event *alive;
    struct event *resend;
    int64_t heard_us; /* when our own sign of life was read last */
    struct proposal *proposals;
    struct topic_known known;
    int event_fd;
    struct decision_ticket *durable, **durable_last;
    struct decision_log_stats stats;
};

/* Write a record, by us; of a proposal that is delivered, or not needed any more, nothing is left.
 */
struct proposal *topic_propose(struct topic_log *log, const struct topic_record *record);
void topic_propose_plain(struct topic_log *log, enum topic_record_type type);
void topic_proposal_free(struct proposal *p);

/* log->resend: what was not taken or not delivered goes out again. */
void topic_resend(evutil_socket_t fd, short what, void *log);

#endif
