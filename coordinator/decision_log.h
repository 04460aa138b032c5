/*
 * decision_log.h - the coordinator's durable log: append, group commit, read.
 *
 * A folder with `lock` and segments `decisions-0000000001.log` … Each segment is filled with zeros
 * when it is made, so that an fdatasync later has no metadata to write (81 µs against 113 µs on a
 * growing file); making the next one holds commits up for 3 to 5 ms every 30,000. A thread of its
 * own writes: whatever waits goes out in one write and one fdatasync (group commit), then an
 * eventfd wakes the event loop.
 *
 *   loop:    commit() --> [ queue ] --> writer: pwrite, fdatasync --> [ durable ] --> collect()
 *            end() ---------^  (goes out with the next commit)           eventfd
 *
 * What goes wrong:
 *   - a torn tail (the process or the machine died while writing) is cut when the log is opened;
 *   - a damaged record with a sound one behind it is not a torn tail: the log is refused;
 *   - an fdatasync or write that fails is fatal and never repeated: afterwards nobody knows what is
 *     on disk ("fsyncgate"); the process must end, and reading the log anew tells what was decided.
 *
 * Segments all of whose decisions have ended are dropped, oldest first, but the last
 * DECISION_SEGMENTS_KEPT always stay, to answer what became of a request.
 */
#ifndef SYNCBED_COORDINATOR_DECISION_LOG_H
#define SYNCBED_COORDINATOR_DECISION_LOG_H

#include "base/error.h"
#include "base/histogram.h"
#include "coordinator/decision.h"
#include "coordinator/decision_io.h"

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

struct decision_log_options {
    const char *dir;              /* made if it is not there */
    const char *owner;            /* the coordinator's name; a log of another is refused */
    const struct decision_io *io; /* NULL: the system's calls. Borrowed until close. */
    size_t segment_size;          /* 0: DECISION_SEGMENT_SIZE; smaller for tests, see open */
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

/* Write what is queued, stop the thread, unlock. Calls no `durable`. NULL is fine. */
void decision_log_close(struct decision_log *log);

/* The number of this incarnation: 1 in a new log, then one more for each opening. */
int64_t decision_log_epoch(const struct decision_log *log);

/* Drawn at random, above 0: no other opening of whatever log has it. */
int64_t decision_log_incarnation(const struct decision_log *log);

/* Go on as number `epoch`, above the present one. Before the first decision. Synced. */
__attribute__((warn_unused_result)) int decision_log_raise(struct decision_log *log, int64_t epoch,
                                                           struct errctx *err);

/* The last record's sequence that is durable. */
uint64_t decision_log_durable(struct decision_log *log);

/* `participant` has been told that this incarnation had got to `sequence`. Lazy, like an END. */
void decision_log_mark(struct decision_log *log, const char *participant, uint64_t sequence);

/* Lives in the caller's transaction, from decision_log_commit() until `durable` was called. */
struct decision_ticket {
    void (*durable)(void *arg); /* from decision_log_collect() */
    void *arg;
    uint64_t segment; /* then: where the record stands, for decision_log_end() */
    struct decision_ticket *next;
};

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

/* Every participant has committed `gid`, whose COMMIT stands in `segment`. Lazy: may be lost. */
void decision_log_end(struct decision_log *log, const char *gid, uint64_t segment);

/* Readable when decision_log_collect() has something to do. Owned by the log. */
int decision_log_fd(const struct decision_log *log);

/* Call `durable` of everything that has become durable. An error is the writer's, and final. */
__attribute__((warn_unused_result)) int decision_log_collect(struct decision_log *log,
                                                             struct errctx *err);

struct decision_log_stats {
    uint64_t records;
    uint64_t fsyncs; /* fdatasyncs of records: records / fsyncs is the group commit's gain */
    struct histogram fsync_time; /* writing a batch and its fdatasync */
    uint64_t batch_max;
    uint64_t ends_dropped; /* queue full: harmless, recovery writes them again */
    uint64_t segments_made;
    uint64_t segments_dropped;
};

void decision_log_stats(struct decision_log *log, struct decision_log_stats *ret_stats);

#endif
