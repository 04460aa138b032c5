/*
 * decision_log.h - the coordinator's durable log of decisions: reserve, commit, end; read.
 *
 * A log is a table of calls, so that there may be several kinds (approaches/ has one on a Kafka
 * topic). The kind that lives here is a folder with `lock` and segments `decisions-0000000001.log`
 * …, each filled with zeros before it is begun, so that an fdatasync has no metadata to write (81
 * µs against 113 µs on a growing file). A thread of its own writes: whatever waits goes out in one
 * write and one fdatasync (group commit), then an eventfd wakes the event loop.
 *
 *   loop:    commit() --> [ queue ] --> writer: pwrite, fdatasync --> [ durable ] --> collect()
 *            end() ---------^  (goes out with the next commit)           eventfd
 *
 * Space comes first: a transaction reserves its record before anything is sent to a store, and is
 * refused when that cannot be had. From the middle of a segment on the writer makes the next one, a
 * piece after each batch; when the disk is full, what has reserved still fits where it is.
 *
 * What goes wrong:
 *   - a torn tail (the process or the machine died while writing) is cut when the log is opened;
 *   - a damaged record with a sound one behind it is not a torn tail: the log is refused;
 *   - an fdatasync or write that fails is fatal and never repeated: afterwards nobody knows what is
 *     on disk ("fsyncgate"); the process must end, and reading the log anew tells what was decided.
 *
 * Segments all of whose decisions have ended are dropped, oldest first, but the last
 * DECISION_SEGMENTS_KEPT always stay, to answer what became of a request. Where there are twice as
 * many, the decisions that keep the oldest are written again into the newest (CARRIED), and it
 * goes. Nothing is ever dropped for its age.
 */
#ifndef SYNCBED_COORDINATOR_DECISION_LOG_H
#define SYNCBED_COORDINATOR_DECISION_LOG_H

#include "base/error.h"
#include "base/histogram.h"
#include "coordinator/decision.h"
#include "coordinator/decision_io.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECISION_SEGMENT_SIZE  (4 * 1024 * 1024) /* about 30,000 decisions */
#define DECISION_SEGMENTS_KEPT 4
#define DECISION_QUEUE_MAX     8192 /* records not yet written; they go out as one batch */

/* `decision` is valid during the call. */
typedef void (*decision_visit)(void *arg, const struct decision *decision);

/* --- reading: evidence for another process, after the coordinator has been stopped -------------
 */

/*
 * Every record of the log in `dir` (a front door's data folder), in the order of writing. Changes
 * nothing and takes no lock; a torn tail is left out. A folder without segments is an empty log.
 * -EBADMSG: damaged, or of a newer format; other -errno from reading.
 */
__attribute__((warn_unused_result)) int decision_log_read(const char *dir, decision_visit visit,
                                                          void *arg, struct errctx *err);

/* --- writing: the coordinator ------------------------------------------------------------------
 */

struct decision_log;

/* Lives in the caller's transaction, from reserving or decision_log_commit() until `durable` was
 * called. Zeroed at first. */
struct decision_ticket {
    void (*durable)(void *arg); /* from decision_log_collect() */
    void *arg;
    bool lost;     /* when `durable` is called: an abort stands before it and counts; never in a
                      folder, which nobody else writes to */
    bool reserved; /* the log's, like the rest */
    struct decision_ticket *next;
};

struct decision_log_stats {
    uint64_t records;
    uint64_t fsyncs; /* fdatasyncs of records: records / fsyncs is the group commit's gain */
    struct histogram fsync_time; /* writing a batch and its fdatasync */
    uint64_t batch_max;
    uint64_t ends_dropped; /* queue full: harmless, recovery writes them again */
    uint64_t segments_made;
    uint64_t segments_dropped;
    uint64_t carried; /* decisions written again so that a segment could go */
    uint64_t refused; /* reservations, for want of room */
};

/* What a kind of log does; the functions below call these, and say what they do. */
struct decision_log_kind {
    int (*reserve)(struct decision_log *log, struct decision_ticket *ticket, struct errctx *err);
    void (*unreserve)(struct decision_log *log, struct decision_ticket *ticket);
    void (*commit)(struct decision_log *log, const struct decision *commit,
                   struct decision_ticket *ticket);
    void (*write)(struct decision_log *log);
    bool (*end)(struct decision_log *log, const char *gid);
    void (*flush)(struct decision_log *log);
    int (*fd)(const struct decision_log *log);
    int (*collect)(struct decision_log *log, struct errctx *err);
    void (*stats)(struct decision_log *log, struct decision_log_stats *ret_stats);
    void (*close)(struct decision_log *log);
};

/* The first member of what a kind makes of it. */
struct decision_log {
    const struct decision_log_kind *kind;
    int64_t epoch; /* of this incarnation: 1 in a new log, then one more for each opening */
};

/* --- a log in a folder -------------------------------------------------------------------------
 */

struct decision_log_options {
    const char *dir;              /* made if it is not there */
    const char *owner;            /* the coordinator's name; a log of another is refused */
    const struct decision_io *io; /* NULL: the system's calls. Borrowed until close. */
    size_t segment_size;          /* 0: DECISION_SEGMENT_SIZE; smaller for tests, see open */
    size_t segments_kept;         /* 0: DECISION_SEGMENTS_KEPT */
};

/*
 * Lock the folder, read all (each record to `visit`, also from earlier incarnations), cut a torn
 * tail, and make a new epoch durable. -EBUSY: another process holds the log. -EBADMSG as above.
 * -EINVAL: a segment_size that holds fewer than two records. One that holds fewer than
 * DECISION_QUEUE_MAX bounds the queue to what it holds, since a batch is never split.
 */
__attribute__((warn_unused_result)) int
decision_log_open(const struct decision_log_options *options, decision_visit visit, void *arg,
                  struct decision_log **ret_log, struct errctx *err);

/* Drawn at random, above 0: no other opening of whatever log has it. */
int64_t decision_log_incarnation(const struct decision_log *log);

/* Go on as number `epoch`, above the present one. Before the first decision. Synced. */
__attribute__((warn_unused_result)) int decision_log_raise(struct decision_log *log, int64_t epoch,
                                                           struct errctx *err);

/* The last record's sequence that is durable. */
uint64_t decision_log_durable(struct decision_log *log);

/* `participant` has been told that this incarnation had got to `sequence`. Lazy, like an END. */
void decision_log_mark(struct decision_log *log, const char *participant, uint64_t sequence);

/* --- any log ----------------------------------------------------------------------------------
 */

/* Write what is queued, stop the thread, unlock. Calls no `durable`. NULL is fine. */
void decision_log_close(struct decision_log *log);

int64_t decision_log_epoch(const struct decision_log *log);

/*
 * Keep room for a COMMIT, until it is durable or unreserved. -ENOSPC: there is none; the
 * transaction must not begin. A commit without it fails the log where there is no room.
 */
__attribute__((warn_unused_result)) int
decision_log_reserve(struct decision_log *log, struct decision_ticket *ticket, struct errctx *err);

/* There will be no commit. Of a ticket that has reserved nothing: no effect. */
void decision_log_unreserve(struct decision_log *log, struct decision_ticket *ticket);

/*
 * Queue a COMMIT record, to be written when decision_log_write() is called. The caller keeps fewer
 * than half of the queue outstanding.
 */
void decision_log_commit(struct decision_log *log, const struct decision *commit,
                         struct decision_ticket *ticket);

/*
 * Have the writer write what is queued, in one batch unless it is at one already. Called once for
 * all decisions of a round of the event loop: else the first of them would be flushed alone.
 */
void decision_log_write(struct decision_log *log);

/* Every participant has committed `gid`. Lazy: goes out ahead of
 * the next COMMIT and may be lost until that one is durable. False: dropped, the queue is full. */
bool decision_log_end(struct decision_log *log, const char *gid);

/* Have ENDs written without waiting for a COMMIT: somebody will read the log for them. */
void decision_log_flush(struct decision_log *log);

/* Readable when decision_log_collect() has something to do. Owned by the log. */
int decision_log_fd(const struct decision_log *log);

/* Call `durable` of everything that has become durable. An error is the writer's, and final. */
__attribute__((warn_unused_result)) int decision_log_collect(struct decision_log *log,
                                                             struct errctx *err);

void decision_log_stats(struct decision_log *log, struct decision_log_stats *ret_stats);

#endif
