/* decision_log_private.h - what a local decision log consists of; private to decision_log.c, which
 * has its opening and the loop's side, and decision_writer.c. */
#ifndef SYNCBED_COORDINATOR_DECISION_LOG_PRIVATE_H
#define SYNCBED_COORDINATOR_DECISION_LOG_PRIVATE_H

#include "coordinator/decision_index.h"
#include "coordinator/decision_log.h"
#include "coordinator/decision_segment.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is written with one fdatasync. */
struct batch {
    size_t n;
    size_t capacity;
    struct decision *record;         /* owned */
    struct decision_ticket **ticket; /* owned; parallel to `record`, NULL for what is lazy */
    bool forced;                     /* somebody waits for it */
    bool is_due;                     /* … and it is to be written now */
};

struct local_log {
    struct decision_log log; /* first: a decision_log is one of these */
    char *dir;
    char *owner;
    size_t queue_max; /* records in `waiting` */
    size_t segments_kept;
    int64_t incarnation;
    int lock_fd;
    int event_fd;
    pthread_t thread;
    bool thread_runs;

    struct segment_writer writer; /* the thread's own once it runs, like all up to the mutex */
    uint8_t *bytes;
    size_t bytes_capacity;
    size_t n_carried, carried_capacity;
    struct decision *carried; /* written again in the segment that has just begun; owned */

    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t wake;
    struct batch waiting;
    struct decision_ticket *durable, **durable_last; /* to be collected, in the order of writing */
    struct decision_index index;
    size_t room;       /* for records, here and in the segment made ahead */
    size_t n_reserved; /* COMMITs that will come, each of DECISION_SIZE_MAX */
    bool try_spare;    /* making a segment ahead failed: try again */
    int spare_failed;  /* why; 0: it did not */
    struct decision_log_stats stats;
    uint64_t durable_sequence;
    bool stopping;
    int failed; /* 0, or the writer's negative errno and its words */
    struct errctx failure;
};

void batch_add(struct batch *b, const struct decision *record, struct decision_ticket *ticket);
void batch_done(struct batch *b);

/* Write the batch, in the next segment where this one has no room. While no thread runs, or in it.
 * Not with the mutex held. */
__attribute__((warn_unused_result)) int decision_write(struct local_log *log, const struct batch *b,
                                                       struct errctx *err);

/* Begin the next segment, which must be followed by a batch. */
__attribute__((warn_unused_result)) int decision_begin_segment(struct local_log *log,
                                                               struct errctx *err);

/* How much can be promised: log->room. While no thread runs, or in it with the mutex held. */
void decision_update_room(struct local_log *log);

/* The writer's thread. */
void *decision_writer_main(void *log);

/* An EPOCH record of this incarnation. */
struct decision decision_epoch_record(const struct local_log *log);

#endif
