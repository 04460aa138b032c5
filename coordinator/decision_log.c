/* Queue, writer thread and group commit: see the header. */
#include "coordinator/decision_log.h"

#include "base/clock.h"
#include "base/mem.h"
#include "coordinator/decision_segment.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
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

/* What is written with one fdatasync. */
struct batch {
    size_t n;
    size_t capacity;
    struct decision *record;         /* owned */
    struct decision_ticket **ticket; /* owned; parallel to `record`, NULL for END */
    bool forced;                     /* somebody waits for it */
    bool is_due;                     /* … and it is to be written now */
};

struct segment_open {
    uint64_t number;
    uint64_t n_open; /* decisions in it that have not ended */
};

struct decision_log {
    char *dir;
    char *owner;
    size_t queue_max; /* records in `waiting` */
    int64_t incarnation;
    int lock_fd;
    int event_fd;
    pthread_t thread;
    bool thread_runs;

    struct segment_writer writer; /* the thread's own once it runs, like `bytes` */
    uint8_t *bytes;
    size_t bytes_capacity;

    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t wake;
    struct batch waiting;
    struct decision_ticket *durable, **durable_last; /* to be collected, in the order of writing */
    size_t n_segments, segments_capacity;
    struct segment_open *segment; /* ascending; owned */
    struct decision_log_stats stats;
    uint64_t durable_sequence;
    bool stopping;
    int failed; /* 0, or the writer's negative errno and its words */
    struct errctx failure;
};

/* --- batches ---------------------------------------------------------------------------------- */

static void batch_add(struct batch *b, const struct decision *record,
                      struct decision_ticket *ticket)
{
    size_t capacity = b->capacity;

    b->record = mem_grow(b->record, b->n, &b->capacity, sizeof *b->record);
    b->ticket = mem_grow(b->ticket, b->n, &capacity, sizeof(struct decision_ticket *));
    b->record[b->n] = *record;
    b->ticket[b->n++] = ticket;
    b->forced |= ticket != NULL;
}

static void batch_done(struct batch *b)
{
    free(b->record);
    free(b->ticket);
    *b = (struct batch){0};
}

/* The records as they will lie on disk; `first`, if not NULL, goes before the batch's. */
struct encoded {
    size_t n;
    size_t size;
};

static void encode_one(struct decision_log *log, const struct decision *record, struct encoded *e)
{
    uint64_t durable = log->writer.sequence;

    e->size += decision_encode(log->bytes + e->size, record, durable + 1 + e->n, durable);
    e->n++;
}

static struct encoded encode(struct decision_log *log, const struct decision *first,
                             const struct batch *b)
{
    struct encoded e = {0};

    if (log->bytes_capacity < (b->n + 1) * DECISION_SIZE_MAX) {
        log->bytes_capacity = (b->n + 1) * DECISION_SIZE_MAX;
        log->bytes = mem_realloc(log->bytes, log->bytes_capacity);
    }
    if (first)
        encode_one(log, first, &e);
    for (size_t i = 0; i < b->n; i++)
        encode_one(log, &b->record[i], &e);
    return e;
}

static struct decision epoch_record(const struct decision_log *log)
{
    return (struct decision){.kind = DECISION_EPOCH,
                             .epoch = log->writer.epoch,
                             .incarnation = (uint64_t)log->incarnation};
}

/* --- segments --------------------------------------------------------------------------------- */

static struct segment_open *segment_find(struct decision_log *log, uint64_t number)
{
    uint64_t first = log->n_segments > 0 ? log->segment[0].number : 0;

    if (log->n_segments == 0 || number < first || number - first >= log->n_segments)
        return NULL; /* dropped: all its decisions had ended */
    return &log->segment[number - first];
}

/* The same, of a segment that cannot have been dropped yet. */
static struct segment_open *segment_kept(struct decision_log *log, uint64_t number)
{
    struct segment_open *s = segment_find(log, number);

    assert(s);
    return s;
}

/* The entries up to segment `number`; the first call names the oldest. */
static void segments_reach(struct decision_log *log, uint64_t number)
{
    uint64_t next = log->n_segments > 0 ? log->segment[0].number + log->n_segments : number;

    for (; next <= number; next++) {
        log->segment =
            mem_grow(log->segment, log->n_segments, &log->segments_capacity, sizeof *log->segment);
        log->segment[log->n_segments++] = (struct segment_open){.number = next};
    }
}

/*
 * Sound although END records are lazy: a decision has ended when every participant has committed
 * durably, whether or not its END can be read later.
 */
static void drop_ended(struct decision_log *log)
{
    while (log->n_segments > DECISION_SEGMENTS_KEPT && log->segment[0].n_open == 0) {
        if (segment_drop(&log->writer, log->segment[0].number) < 0)
            return; /* costs its space only; tried again with the next segment */
        log->n_segments--;
        memmove(&log->segment[0], &log->segment[1], log->n_segments * sizeof log->segment[0]);
        log->stats.segments_dropped++;
    }
}

/* --- the writer ------------------------------------------------------------------------------- */

static int begin_segment(struct decision_log *log, struct errctx *err)
{
    int rc = segment_next(&log->writer, err);

    if (rc < 0)
        return rc;
    (void)pthread_mutex_lock(&log->mutex);
    segments_reach(log, log->writer.number);
    log->stats.segments_made++;
    drop_ended(log);
    (void)pthread_mutex_unlock(&log->mutex);
    return 0;
}

static int write_batch(struct decision_log *log, const struct batch *b, struct errctx *err)
{
    struct encoded e = encode(log, NULL, b);

    if (log->writer.fd < 0 || !segment_has_room(&log->writer, e.size)) {
        struct decision epoch = epoch_record(log);
        int rc = begin_segment(log, err);

        if (rc < 0)
            return rc;
        e = encode(log, b->record[0].kind == DECISION_EPOCH ? NULL : &epoch, b);
    }
    return segment_append(&log->writer, log->bytes, e.size, e.n, err);
}

static void publish(struct decision_log *log, const struct batch *b, int64_t took_us)
{
    for (size_t i = 0; i < b->n; i++) {
        struct decision_ticket *ticket = b->ticket[i];

        if (!ticket)
            continue;
        ticket->segment = log->writer.number;
        ticket->next = NULL;
        *log->durable_last = ticket;
        log->durable_last = &ticket->next;
        segment_kept(log, log->writer.number)->n_open++;
    }
    log->durable_sequence = log->writer.sequence;
    log->stats.records += b->n;
    log->stats.fsyncs++;
    histogram_add(&log->stats.fsync_time, took_us);
    if (b->n > log->stats.batch_max)
        log->stats.batch_max = b->n;
}

static void signal_loop(const struct decision_log *log)
{
    uint64_t one = 1;

    /* EAGAIN means that the counter is full: then the loop is woken anyway. */
    if (write(log->event_fd, &one, sizeof one) < 0)
        assert(errno == EAGAIN);
}

static void *writer_main(void *arg)
{
    struct decision_log *log = arg;
    struct batch batch = {0};

    (void)pthread_mutex_lock(&log->mutex);
    for (;;) {
        struct batch spare = batch;
        struct errctx err = {.message = ""};
        int64_t took_us;
        int rc;

        while (!log->waiting.is_due && !log->stopping)
            (void)pthread_cond_wait(&log->wake, &log->mutex);
        if (log->waiting.n == 0)
            break; /* stopping, and all is written */
        batch = log->waiting;
        spare.n = 0;
        spare.forced = spare.is_due = false;
        log->waiting = spare;
        (void)pthread_mutex_unlock(&log->mutex);
        took_us = -clock_now_us();
        rc = write_batch(log, &batch, &err);
        took_us += clock_now_us();
        (void)pthread_mutex_lock(&log->mutex);
        if (rc < 0) {
            log->failed = rc;
            log->failure = err;
        } else {
            publish(log, &batch, took_us);
        }
        (void)pthread_mutex_unlock(&log->mutex);
        signal_loop(log); /* unlocked, or the loop wakes only to wait again */
        (void)pthread_mutex_lock(&log->mutex);
        if (rc < 0)
            break;
    }
    (void)pthread_mutex_unlock(&log->mutex);
    batch_done(&batch);
    return NULL;
}

/* --- opening ---------------------------------------------------------------------------------- */

struct opening {
    struct decision_log *log;
    decision_visit visit;
    void *arg;
};

/* Count what is open in each segment on the way to the caller. */
static void visit_and_count(void *arg, const struct decision *decision)
{
    const struct opening *o = arg;
    struct decision_log *log = o->log;
    struct segment_open *s;

    segments_reach(log, decision->segment);
    if (decision->kind == DECISION_COMMIT) {
        segment_kept(log, decision->segment)->n_open++;
    } else if (decision->kind == DECISION_END) {
        s = segment_find(log, decision->commit_segment);
        if (s && s->n_open > 0)
            s->n_open--;
    }
    o->visit(o->arg, decision);
}

static int lock_folder(struct decision_log *log, struct errctx *err)
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

static int read_and_cut(struct decision_log *log, decision_visit visit, void *arg,
                        struct errctx *err)
{
    struct opening opening = {.log = log, .visit = visit, .arg = arg};
    struct decision_scan scan;
    int rc =
        decision_scan(log->writer.io, log->dir, log->owner, visit_and_count, &opening, &scan, err);

    log->writer.epoch = scan.epoch + 1;
    if (rc == 0 && scan.n_segments > 0) {
        segments_reach(log, scan.segment[scan.n_segments - 1]);
        rc = segment_resume(&log->writer, &scan, err);
    }
    if (rc == 0 && scan.n_segments > 0 && scan.version < DECISION_VERSION)
        rc = begin_segment(log, err); /* what is read by version is written by version */
    decision_scan_done(&scan);
    return rc;
}

/* While the thread does not run. */
static int begin_epoch(struct decision_log *log, struct errctx *err)
{
    struct decision epoch = epoch_record(log);
    struct batch batch = {0};
    int rc;

    batch_add(&batch, &epoch, NULL);
    rc = write_batch(log, &batch, err);
    if (rc == 0)
        log->durable_sequence = log->writer.sequence;
    batch_done(&batch);
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

static struct decision_log *log_new(const struct decision_log_options *options, size_t size)
{
    struct decision_log *log = mem_alloc(sizeof *log);
    size_t fit = (size - SEGMENT_HEADER_SIZE) / DECISION_SIZE_MAX - 1; /* behind its EPOCH */

    log->queue_max = fit < DECISION_QUEUE_MAX ? fit : DECISION_QUEUE_MAX;
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

static int start_writer(struct decision_log *log, struct errctx *err)
{
    int rc = pthread_create(&log->thread, NULL, writer_main, log);

    if (rc != 0)
        return err_set(err, rc, ERR_FATAL, "thread of the decision log: %s", strerror(rc));
    log->thread_runs = true;
    return 0;
}

/* It writes what is queued first. */
static void stop_writer(struct decision_log *log)
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
    struct decision_log *log;
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
    *ret_log = log;
    return 0;
fail:
    decision_log_close(log);
    return rc;
}

void decision_log_close(struct decision_log *log)
{
    if (!log)
        return;
    stop_writer(log);
    segment_writer_done(&log->writer);
    if (log->event_fd >= 0)
        (void)close(log->event_fd);
    if (log->lock_fd >= 0)
        (void)close(log->lock_fd); /* unlocks */
    (void)pthread_cond_destroy(&log->wake);
    (void)pthread_mutex_destroy(&log->mutex);
    batch_done(&log->waiting);
    free(log->segment);
    free(log->bytes);
    free(log->owner);
    free(log->dir);
    free(log);
}

/* --- the loop's side -------------------------------------------------------------------------- */

int64_t decision_log_epoch(const struct decision_log *log)
{
    return log->writer.epoch;
}

int64_t decision_log_incarnation(const struct decision_log *log)
{
    return log->incarnation;
}

int decision_log_raise(struct decision_log *log, int64_t epoch, struct errctx *err)
{
    int rc;

    assert(epoch > log->writer.epoch);
    stop_writer(log);
    log->writer.epoch = epoch;
    rc = begin_epoch(log, err);
    return rc < 0 ? rc : start_writer(log, err);
}

uint64_t decision_log_durable(struct decision_log *log)
{
    uint64_t sequence;

    (void)pthread_mutex_lock(&log->mutex);
    sequence = log->durable_sequence;
    (void)pthread_mutex_unlock(&log->mutex);
    return sequence;
}

int decision_log_fd(const struct decision_log *log)
{
    return log->event_fd;
}

void decision_log_commit(struct decision_log *log, const struct decision *commit,
                         struct decision_ticket *ticket)
{
    assert(commit->kind == DECISION_COMMIT);
    (void)pthread_mutex_lock(&log->mutex);
    assert(log->waiting.n < log->queue_max);
    batch_add(&log->waiting, commit, ticket);
    (void)pthread_mutex_unlock(&log->mutex);
}

void decision_log_write(struct decision_log *log)
{
    (void)pthread_mutex_lock(&log->mutex);
    log->waiting.is_due = log->waiting.forced; /* not: an earlier batch took it along */
    (void)pthread_mutex_unlock(&log->mutex);
    (void)pthread_cond_signal(&log->wake); /* unlocked, or the writer wakes only to wait again */
}

/* Goes out with the next commit; dropped when it would take a commit's place. */
static void add_lazy(struct decision_log *log, const struct decision *record)
{
    if (log->waiting.n < log->queue_max / 2)
        batch_add(&log->waiting, record, NULL);
    else
        log->stats.ends_dropped++;
}

void decision_log_end(struct decision_log *log, const char *gid, uint64_t segment)
{
    struct decision end = {.kind = DECISION_END, .commit_segment = segment};
    struct segment_open *s;

    (void)snprintf(end.gid, sizeof end.gid, "%s", gid);
    (void)pthread_mutex_lock(&log->mutex);
    s = segment_find(log, segment);
    if (s && s->n_open > 0)
        s->n_open--;
    add_lazy(log, &end);
    (void)pthread_mutex_unlock(&log->mutex);
}

void decision_log_mark(struct decision_log *log, const char *participant, uint64_t sequence)
{
    struct decision mark = {
        .kind = DECISION_MARK, .epoch = log->writer.epoch, .marked = sequence, .n_participants = 1};

    (void)snprintf(mark.participant[0], sizeof mark.participant[0], "%s", participant);
    (void)pthread_mutex_lock(&log->mutex);
    add_lazy(log, &mark);
    (void)pthread_mutex_unlock(&log->mutex);
}

int decision_log_collect(struct decision_log *log, struct errctx *err)
{
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

void decision_log_stats(struct decision_log *log, struct decision_log_stats *ret_stats)
{
    (void)pthread_mutex_lock(&log->mutex);
    *ret_stats = log->stats;
    (void)pthread_mutex_unlock(&log->mutex);
}
