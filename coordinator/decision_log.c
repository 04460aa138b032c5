/* A local log: opening and closing it, and the event loop's side. See the header. */
#include "base/mem.h"
#include "coordinator/decision_log_private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(SEGMENT_HEADER_SIZE + (DECISION_QUEUE_MAX + (size_t)1) * DECISION_SIZE_MAX <=
                   DECISION_SEGMENT_SIZE,
               "a batch fits into a segment, so it is never split");

static const struct decision_log_kind local_kind;

static struct local_log *local(struct decision_log *log)
{
    assert(log->kind == &local_kind);
    return (struct local_log *)log;
}

/* --- opening ---------------------------------------------------------------------------------- */

struct opening {
    struct local_log *log;
    decision_visit visit;
    void *arg;
};

/* Note what is open, and where, on the way to the caller. */
static void visit_and_note(void *arg, const struct decision *decision)
{
    const struct opening *o = arg;

    decision_index_reach(&o->log->index, decision->segment);
    decision_index_note(&o->log->index, decision);
    o->visit(o->arg, decision);
}

static int lock_folder(struct local_log *log, struct errctx *err)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/lock", log->dir) >= (int)sizeof path)
        return err_set(err, ENAMETOOLONG, ERR_FATAL, "%s: the path is too long", log->dir);
    if (mkdir(log->dir, 0700) < 0 && errno != EEXIST)
        return err_set(err, errno, ERR_FATAL, "%s: %s", log->dir, strerror(errno));
    log->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (log->lock_fd < 0)
        return err_set(err, errno, ERR_FATAL, "%s: %s", path, strerror(errno));
    if (flock(log->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return err_set(err, errno, ERR_FATAL, "%s: %s", path, strerror(errno));
    return err_set(err, EBUSY, ERR_FATAL,
                   "%s: held by another process: a coordinator %s is running already", path,
                   log->owner);
}

/* While the thread does not run. */
static int begin_epoch(struct local_log *log, struct errctx *err)
{
    struct decision epoch = decision_epoch_record(log);
    struct batch batch = {0};
    int rc;

    batch_add(&batch, &epoch, NULL);
    rc = decision_write(log, &batch, err);
    if (rc == 0)
        log->durable_sequence = log->writer.sequence;
    batch_done(&batch);
    return rc;
}

/* What is read by version is written by version. */
static int leave_older_version(struct local_log *log, struct errctx *err)
{
    int rc = segment_prepare(&log->writer, log->writer.size);

    if (rc < 0)
        return err_set(err, -rc, ERR_FATAL, "%s: making a segment: %s", log->dir, strerror(-rc));
    return decision_begin_segment(log, err);
}

static int read_and_cut(struct local_log *log, decision_visit visit, void *arg, struct errctx *err)
{
    struct opening opening = {.log = log, .visit = visit, .arg = arg};
    struct decision_scan scan;
    int rc =
        decision_scan(log->writer.io, log->dir, log->owner, visit_and_note, &opening, &scan, err);

    log->log.epoch = log->writer.epoch = scan.epoch + 1;
    if (rc == 0 && scan.n_segments > 0) {
        decision_index_reach(&log->index, scan.segment[scan.n_segments - 1]);
        rc = segment_resume(&log->writer, &scan, err);
    }
    if (rc == 0 && scan.n_segments > 0 && scan.version < DECISION_VERSION)
        rc = leave_older_version(log, err);
    decision_scan_done(&scan);
    return rc;
}

static int draw_incarnation(int64_t *ret_incarnation, struct errctx *err)
{
    uint64_t drawn;

    if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn)
        return err_set(err, errno, ERR_FATAL, "getrandom: %s", strerror(errno));
    *ret_incarnation = (int64_t)(drawn >> 1 | 1);
    return 0;
}

static struct local_log *log_new(const struct decision_log_options *options, size_t size)
{
    struct local_log *log = mem_alloc(sizeof *log);
    size_t fit = (size - SEGMENT_HEADER_SIZE) / DECISION_SIZE_MAX - 1; /* behind its EPOCH */

    log->log.kind = &local_kind;
    log->queue_max = fit < DECISION_QUEUE_MAX ? fit : DECISION_QUEUE_MAX;
    log->segments_kept = options->segments_kept ? options->segments_kept : DECISION_SEGMENTS_KEPT;
    log->dir = mem_strdup(options->dir);
    log->owner = mem_strdup(options->owner);
    log->lock_fd = log->event_fd = -1;
    log->durable_last = &log->durable;
    segment_writer_init(&log->writer, options->io ? options->io : &decision_io_system, log->dir,
                        log->owner, size);
    (void)pthread_mutex_init(&log->mutex, NULL); /* cannot fail on Linux, nor can the next */
    (void)pthread_cond_init(&log->wake, NULL);
    return log;
}

static int start_writer(struct local_log *log, struct errctx *err)
{
    int rc;

    decision_update_room(log);
    rc = pthread_create(&log->thread, NULL, decision_writer_main, log);
    if (rc != 0)
        return err_set(err, rc, ERR_FATAL, "thread of the decision log: %s", strerror(rc));
    log->thread_runs = true;
    return 0;
}

/* It writes what is queued first. */
static void stop_writer(struct local_log *log)
{
    if (!log->thread_runs)
        return;
    (void)pthread_mutex_lock(&log->mutex);
    log->stopping = true;
    (void)pthread_cond_signal(&log->wake);
    (void)pthread_mutex_unlock(&log->mutex);
    (void)pthread_join(log->thread, NULL);
    log->stopping = log->thread_runs = false;
}

int decision_log_open(const struct decision_log_options *options, decision_visit visit, void *arg,
                      struct decision_log **ret_log, struct errctx *err)
{
    size_t size = options->segment_size ? options->segment_size : DECISION_SEGMENT_SIZE;
    struct local_log *log;
    int rc;

    if (size < SEGMENT_HEADER_SIZE + 2 * DECISION_SIZE_MAX)
        return err_set(err, EINVAL, ERR_FATAL, "segments of %zu bytes hold no two records", size);
    log = log_new(options, size);
    rc = lock_folder(log, err);
    if (rc == 0)
        rc = draw_incarnation(&log->incarnation, err);
    if (rc == 0)
        rc = read_and_cut(log, visit, arg, err);
    if (rc == 0)
        rc = begin_epoch(log, err);
    if (rc < 0)
        goto fail;
    log->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (log->event_fd < 0) {
        rc = err_set(err, errno, ERR_FATAL, "eventfd: %s", strerror(errno));
        goto fail;
    }
    rc = start_writer(log, err);
    if (rc < 0)
        goto fail;
    *ret_log = &log->log;
    return 0;
fail:
    decision_log_close(&log->log);
    return rc;
}

static void local_close(struct decision_log *base)
{
    struct local_log *log = local(base);

    stop_writer(log);
    segment_writer_done(&log->writer);
    if (log->event_fd >= 0)
        (void)close(log->event_fd);
    if (log->lock_fd >= 0)
        (void)close(log->lock_fd); /* unlocks */
    (void)pthread_cond_destroy(&log->wake);
    (void)pthread_mutex_destroy(&log->mutex);
    batch_done(&log->waiting);
    decision_index_done(&log->index);
    free(log->carried);
    free(log->bytes);
    free(log->owner);
    free(log->dir);
    free(log);
}

/* --- the loop's side -------------------------------------------------------------------------- */

int64_t decision_log_incarnation(const struct decision_log *log)
{
    assert(log->kind == &local_kind);
    return ((const struct local_log *)log)->incarnation;
}

int decision_log_raise(struct decision_log *base, int64_t epoch, struct errctx *err)
{
    struct local_log *log = local(base);
    int rc;

    assert(epoch > log->log.epoch);
    stop_writer(log);
    log->log.epoch = log->writer.epoch = epoch;
    rc = begin_epoch(log, err);
    return rc < 0 ? rc : start_writer(log, err);
}

uint64_t decision_log_durable(struct decision_log *base)
{
    struct local_log *log = local(base);
    uint64_t sequence;

    (void)pthread_mutex_lock(&log->mutex);
    sequence = log->durable_sequence;
    (void)pthread_mutex_unlock(&log->mutex);
    return sequence;
}

static int local_fd(const struct decision_log *log)
{
    return ((const struct local_log *)log)->event_fd;
}

/* A refusal has the writer try to make the next segment again: space may have been freed. */
static int local_reserve(struct decision_log *base, struct decision_ticket *ticket,
                         struct errctx *err)
{
    struct local_log *log = local(base);
    int rc = 0;

    assert(!ticket->reserved);
    (void)pthread_mutex_lock(&log->mutex);
    if ((log->n_reserved + 1) * DECISION_SIZE_MAX <= log->room) {
        log->n_reserved++;
        ticket->reserved = true;
    } else {
        rc = err_set(err, ENOSPC, ERR_RETRY, "the decision log has no room: %s",
                     log->spare_failed ? strerror(-log->spare_failed)
                                       : "its next segment is being made");
        log->stats.refused++;
        log->try_spare = true;
        (void)pthread_cond_signal(&log->wake);
    }
    (void)pthread_mutex_unlock(&log->mutex);
    return rc;
}

static void local_unreserve(struct decision_log *base, struct decision_ticket *ticket)
{
    struct local_log *log = local(base);

    (void)pthread_mutex_lock(&log->mutex);
    log->n_reserved -= ticket->reserved;
    ticket->reserved = false;
    (void)pthread_mutex_unlock(&log->mutex);
}

static void local_commit(struct decision_log *base, const struct decision *commit,
                         struct decision_ticket *ticket)
{
    struct local_log *log = local(base);

    (void)pthread_mutex_lock(&log->mutex);
    assert(log->waiting.n < log->queue_max);
    batch_add(&log->waiting, commit, ticket);
    (void)pthread_mutex_unlock(&log->mutex);
}

static void local_write(struct decision_log *base)
{
    struct local_log *log = local(base);

    (void)pthread_mutex_lock(&log->mutex);
    log->waiting.is_due = log->waiting.forced; /* not: an earlier batch took it along */
    (void)pthread_mutex_unlock(&log->mutex);
    (void)pthread_cond_signal(&log->wake); /* unlocked, or the writer wakes only to wait again */
}

/* Goes out with the next commit; dropped when it would take a commit's place. */
static bool add_lazy(struct local_log *log, const struct decision *record)
{
    bool room = log->waiting.n < log->queue_max / 2;

    if (room)
        batch_add(&log->waiting, record, NULL);
    else
        log->stats.ends_dropped++;
    return room;
}

static bool local_end(struct decision_log *base, const char *gid)
{
    struct local_log *log = local(base);
    struct decision end = {.kind = DECISION_END};
    bool room;

    (void)snprintf(end.gid, sizeof end.gid, "%s", gid);
    (void)pthread_mutex_lock(&log->mutex);
    end.commit_segment = decision_index_end(&log->index, gid);
    room = add_lazy(log, &end);
    (void)pthread_mutex_unlock(&log->mutex);
    return room;
}

static void local_flush(struct decision_log *base)
{
    struct local_log *log = local(base);

    (void)pthread_mutex_lock(&log->mutex);
    log->waiting.is_due = log->waiting.n > 0;
    (void)pthread_mutex_unlock(&log->mutex);
    (void)pthread_cond_signal(&log->wake);
}

void decision_log_mark(struct decision_log *base, const char *participant, uint64_t sequence)
{
    struct local_log *log = local(base);
    struct decision mark = {
        .kind = DECISION_MARK, .epoch = log->log.epoch, .marked = sequence, .n_participants = 1};

    (void)snprintf(mark.participant[0], sizeof mark.participant[0], "%s", participant);
    (void)pthread_mutex_lock(&log->mutex);
    decision_index_note(&log->index, &mark);
    (void)add_lazy(log, &mark); /* the next one comes soon */
    (void)pthread_mutex_unlock(&log->mutex);
}

static int local_collect(struct decision_log *base, struct errctx *err)
{
    struct local_log *log = local(base);
    struct decision_ticket *ticket;
    uint64_t count;
    int rc;

    if (read(log->event_fd, &count, sizeof count) < 0)
        assert(errno == EAGAIN); /* nothing new */
    (void)pthread_mutex_lock(&log->mutex);
    ticket = log->durable;
    log->durable = NULL;
    log->durable_last = &log->durable;
    rc = log->failed;
    if (rc < 0 && err)
        *err = log->failure;
    (void)pthread_mutex_unlock(&log->mutex);
    while (ticket) {
        struct decision_ticket *next = ticket->next; /* `durable` may free its ticket */

        ticket->durable(ticket->arg);
        ticket = next;
    }
    return rc;
}

static void local_stats(struct decision_log *base, struct decision_log_stats *ret_stats)
{
    struct local_log *log = local(base);

    (void)pthread_mutex_lock(&log->mutex);
    *ret_stats = log->stats;
    (void)pthread_mutex_unlock(&log->mutex);
}

static const struct decision_log_kind local_kind = {
    .reserve = local_reserve,
    .unreserve = local_unreserve,
    .commit = local_commit,
    .write = local_write,
    .end = local_end,
    .flush = local_flush,
    .fd = local_fd,
    .collect = local_collect,
    .stats = local_stats,
    .close = local_close,
};

/* --- any log ---------------------------------------------------------------------------------- */

void decision_log_close(struct decision_log *log)
{
    if (log)
        log->kind->close(log);
}

int64_t decision_log_epoch(const struct decision_log *log)
{
    return log->epoch;
}

int decision_log_reserve(struct decision_log *log, struct decision_ticket *ticket,
                         struct errctx *err)
{
    return log->kind->reserve(log, ticket, err);
}

void decision_log_unreserve(struct decision_log *log, struct decision_ticket *ticket)
{
    if (ticket->reserved)
        log->kind->unreserve(log, ticket);
}

void decision_log_commit(struct decision_log *log, const struct decision *commit,
                         struct decision_ticket *ticket)
{
    assert(commit->kind == DECISION_COMMIT);
    log->kind->commit(log, commit, ticket);
}

void decision_log_write(struct decision_log *log)
{
    log->kind->write(log);
}

bool decision_log_end(struct decision_log *log, const char *gid)
{
    return log->kind->end(log, gid);
}

void decision_log_flush(struct decision_log *log)
{
    log->kind->flush(log);
}

int decision_log_fd(const struct decision_log *log)
{
    return log->kind->fd(log);
}

int decision_log_collect(struct decision_log *log, struct errctx *err)
{
    return log->kind->collect(log, err);
}

void decision_log_stats(struct decision_log *log, struct decision_log_stats *ret_stats)
{
    log->kind->stats(log, ret_stats);
}
