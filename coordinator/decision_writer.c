/*
 * The writer's side of a local decision log: batches, segments, and what is carried from one to the
 * next. See decision_log.h.
 *
 * A batch that does not fit begins the next segment, and goes there behind
 *
 *   EPOCH, the last MARK of each participant, the decisions open in the oldest segment
 *
 * all in one write and one fdatasync. Only then is the oldest segment dropped. So a crash anywhere
 * leaves each open decision in one segment at least, and a segment that was dropped and is there
 * again after a power cut repeats what the others say.
 */
#include "coordinator/decision_log_private.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPARE_CHUNK 65536 /* zeros for the next segment, between two batches */

/* --- batches ---------------------------------------------------------------------------------- */

void batch_add(struct batch *b, const struct decision *record, struct decision_ticket *ticket)
{
    size_t capacity = b->capacity;

    b->record = mem_grow(b->record, b->n, &b->capacity, sizeof *b->record);
    b->ticket = mem_grow(b->ticket, b->n, &capacity, sizeof(struct decision_ticket *));
    b->record[b->n] = *record;
    b->ticket[b->n++] = ticket;
    b->forced |= ticket != NULL;
}

void batch_done(struct batch *b)
{
    free(b->record);
    free(b->ticket);
    *b = (struct batch){0};
}

/* Records as they will lie on disk, in log->bytes. */
struct encoded {
    size_t n;
    size_t size;
};

static void encode(struct local_log *log, const struct decision *record, struct encoded *e)
{
    uint64_t durable = log->writer.sequence;

    if (log->bytes_capacity < e->size + DECISION_SIZE_MAX) {
        log->bytes_capacity = 2 * (e->size + DECISION_SIZE_MAX);
        log->bytes = mem_realloc(log->bytes, log->bytes_capacity);
    }
    e->size += decision_encode(log->bytes + e->size, record, durable + 1 + e->n, durable);
    e->n++;
}

static void encode_batch(struct local_log *log, const struct batch *b, bool only_forced,
                         struct encoded *e)
{
    for (size_t i = 0; i < b->n; i++) {
        if (b->ticket[i] || !only_forced)
            encode(log, &b->record[i], e);
    }
}

struct decision decision_epoch_record(const struct local_log *log)
{
    return (struct decision){
        .kind = DECISION_EPOCH, .epoch = log->log.epoch, .incarnation = (uint64_t)log->incarnation};
}

/* --- segments --------------------------------------------------------------------------------- */

/* Sets aside half a segment for what is carried: a new one has room for the other half. */
void decision_update_room(struct local_log *log)
{
    const struct segment_writer *w = &log->writer;

    log->room = (w->fd >= 0 ? w->size - w->end : 0) + (segment_prepared(w) ? w->size / 2 : 0);
}

/*
 * Sound although END records are lazy: a decision has ended when every participant has committed
 * durably, whether or not its END can be read later. One at a time reaches the disk: of two, a
 * power cut could bring the older back, which would leave a gap.
 */
static void drop_ended(struct local_log *log)
{
    int rc = 0;

    (void)pthread_mutex_lock(&log->mutex);
    while (rc == 0 && decision_index_can_drop(&log->index, log->segments_kept)) {
        uint64_t oldest = log->index.segment[0].number;

        (void)pthread_mutex_unlock(&log->mutex);
        rc = segment_drop(&log->writer, oldest); /* a failure costs space only: tried again later */
        (void)pthread_mutex_lock(&log->mutex);
        if (rc == 0) {
            decision_index_dropped(&log->index);
            log->stats.segments_dropped++;
        }
    }
    (void)pthread_mutex_unlock(&log->mutex);
}

/* What the oldest segment is kept for, when there are twice as many as have to be. */
static void choose_carried(struct local_log *log)
{
    size_t n_max = log->writer.size / 2 / DECISION_SIZE_MAX;

    log->n_carried = 0;
    if (log->index.n_segments <= 2 * log->segments_kept)
        return;
    if (!log->carried)
        log->carried = mem_alloc_array(n_max, sizeof *log->carried);
    log->n_carried = decision_index_carry(&log->index, log->carried, n_max);
}

int decision_begin_segment(struct local_log *log, struct errctx *err)
{
    int rc = segment_next(&log->writer, err);

    if (rc < 0)
        return rc;
    (void)pthread_mutex_lock(&log->mutex);
    decision_index_reach(&log->index, log->writer.number);
    log->stats.segments_made++;
    choose_carried(log);
    (void)pthread_mutex_unlock(&log->mutex);
    return 0;
}

/* The batch has to fit behind it; what is carried may be fewer. */
static void encode_beginning(struct local_log *log, const struct batch *b, struct encoded *e)
{
    struct decision epoch = decision_epoch_record(log);
    size_t batch_size, room;

    encode_batch(log, b, false, e);
    batch_size = e->size;
    *e = (struct encoded){0};
    if (b->n == 0 || b->record[0].kind != DECISION_EPOCH)
        encode(log, &epoch, e);
    room = log->writer.size - log->writer.end - batch_size;
    (void)pthread_mutex_lock(&log->mutex);
    for (size_t i = 0; i < log->index.n_marks && e->size + DECISION_SIZE_MAX <= room; i++)
        encode(log, &log->index.mark[i], e);
    (void)pthread_mutex_unlock(&log->mutex);
    for (size_t i = 0; i < log->n_carried; i++) {
        if (e->size + DECISION_SIZE_MAX > room)
            log->n_carried = i; /* the rest with the next segment */
        else
            encode(log, &log->carried[i], e);
    }
}

/* Those that have ended meanwhile are not open any more, and have an END behind. */
static void note_carried(struct local_log *log)
{
    (void)pthread_mutex_lock(&log->mutex);
    for (size_t i = 0; i < log->n_carried; i++) {
        if (decision_index_is_open(&log->index, log->carried[i].gid)) {
            log->carried[i].segment = log->writer.number;
            decision_index_note(&log->index, &log->carried[i]);
            log->stats.carried++;
        }
    }
    log->n_carried = 0;
    (void)pthread_mutex_unlock(&log->mutex);
}

static int write_in_next(struct local_log *log, const struct batch *b, struct errctx *err)
{
    struct encoded e = {0};
    int rc = decision_begin_segment(log, err);

    if (rc < 0)
        return rc;
    encode_beginning(log, b, &e);
    encode_batch(log, b, false, &e);
    rc = segment_append(&log->writer, log->bytes, e.size, e.n, err);
    if (rc < 0)
        return rc;
    note_carried(log);
    drop_ended(log);
    return 0;
}

/* No room for a next segment: what was promised a place has it here, and the rest is lazy. */
static int write_without_next(struct local_log *log, const struct batch *b, int code,
                              struct errctx *err)
{
    struct encoded e = {0};

    encode_batch(log, b, true, &e);
    if (log->writer.fd < 0 || !segment_has_room(&log->writer, e.size))
        return err_set(err, -code, ERR_FATAL, "decision log in %s: making a segment: %s", log->dir,
                       strerror(-code));
    return segment_append(&log->writer, log->bytes, e.size, e.n, err);
}

/* While there is no next segment, lazy records must not take the room of what has reserved it. */
static bool fits_here(struct local_log *log, size_t size)
{
    if (log->writer.fd < 0)
        return false;
    if (!segment_prepared(&log->writer)) {
        (void)pthread_mutex_lock(&log->mutex);
        size += log->n_reserved * DECISION_SIZE_MAX;
        (void)pthread_mutex_unlock(&log->mutex);
    }
    return segment_has_room(&log->writer, size);
}

int decision_write(struct local_log *log, const struct batch *b, struct errctx *err)
{
    struct encoded e = {0};
    int rc;

    encode_batch(log, b, false, &e);
    if (fits_here(log, e.size))
        return segment_append(&log->writer, log->bytes, e.size, e.n, err);
    rc = segment_prepare(&log->writer, log->writer.size);
    return rc < 0 ? write_without_next(log, b, rc, err) : write_in_next(log, b, err);
}

/* --- the thread ------------------------------------------------------------------------------- */

static void publish(struct local_log *log, const struct batch *b, int64_t took_us)
{
    for (size_t i = 0; i < b->n; i++) {
        struct decision_ticket *ticket = b->ticket[i];

        if (!ticket)
            continue;
        b->record[i].segment = log->writer.number;
        decision_index_note(&log->index, &b->record[i]);
        log->n_reserved -= ticket->reserved;
        ticket->reserved = false;
        ticket->next = NULL;
        *log->durable_last = ticket;
        log->durable_last = &ticket->next;
    }
    log->durable_sequence = log->writer.sequence;
    log->stats.records += b->n;
    log->stats.fsyncs++;
    histogram_add(&log->stats.fsync_time, took_us);
    if (b->n > log->stats.batch_max)
        log->stats.batch_max = b->n;
}

static void signal_loop(const struct local_log *log)
{
    uint64_t one = 1;

    /* EAGAIN means that the counter is full: then the loop is woken anyway. */
    if (write(log->event_fd, &one, sizeof one) < 0)
        assert(errno == EAGAIN);
}

/* Take what waits, and leave `spare`'s memory in its place. */
static struct batch take_waiting(struct local_log *log, struct batch spare)
{
    struct batch taken = log->waiting;

    spare.n = 0;
    spare.forced = spare.is_due = false;
    log->waiting = spare;
    return taken;
}

/* Is the next segment due to be made ahead, by the next chunk? */
static bool spare_due(const struct local_log *log)
{
    const struct segment_writer *w = &log->writer;
    bool half_full = w->fd >= 0 && w->end > w->size / 2;

    return half_full && !segment_prepared(w) && (log->spare_failed == 0 || log->try_spare);
}

/* With the mutex held, which is given up meanwhile. A failure costs nothing yet. */
static void prepare_chunk(struct local_log *log)
{
    int rc;

    (void)pthread_mutex_unlock(&log->mutex);
    rc = segment_prepare(&log->writer, SPARE_CHUNK);
    (void)pthread_mutex_lock(&log->mutex);
    log->spare_failed = rc;
    log->try_spare = false;
    decision_update_room(log);
}

/* With the mutex held, which is given up meanwhile. */
static int write_waiting(struct local_log *log, struct batch *batch)
{
    struct errctx err = {.message = ""};
    int64_t took_us;
    int rc;

    *batch = take_waiting(log, *batch);
    (void)pthread_mutex_unlock(&log->mutex);
    took_us = -clock_now_us();
    rc = decision_write(log, batch, &err);
    took_us += clock_now_us();
    (void)pthread_mutex_lock(&log->mutex);
    if (rc < 0) {
        log->failed = rc;
        log->failure = err;
    } else {
        publish(log, batch, took_us);
        decision_update_room(log);
    }
    (void)pthread_mutex_unlock(&log->mutex);
    signal_loop(log); /* unlocked, or the loop wakes only to wait again */
    (void)pthread_mutex_lock(&log->mutex);
    return rc;
}

void *decision_writer_main(void *arg)
{
    struct local_log *log = arg;
    struct batch batch = {0};
    int rc = 0;

    (void)pthread_mutex_lock(&log->mutex);
    while (rc == 0) {
        if (spare_due(log) && !log->stopping)
            prepare_chunk(log);
        if (log->waiting.is_due || (log->stopping && log->waiting.n > 0))
            rc = write_waiting(log, &batch);
        else if (log->stopping)
            break; /* and all is written */
        else if (!spare_due(log))
            (void)pthread_cond_wait(&log->wake, &log->mutex);
    }
    (void)pthread_mutex_unlock(&log->mutex);
    batch_done(&batch);
    return NULL;
}
