/*
 * decision_segment.h - writing segments: making one ahead, going on in one, dropping one. No
 * threads.
 *
 * A segment gets its name only when it is complete (header and zeros written, synced, renamed, the
 * folder synced), so that a file under that name is never a half-made one. Every write is followed
 * by an fdatasync; after an error the writer must not be used again.
 */
#ifndef SYNCBED_COORDINATOR_DECISION_SEGMENT_H
#define SYNCBED_COORDINATOR_DECISION_SEGMENT_H

#include "base/error.h"
#include "coordinator/decision_io.h"
#include "coordinator/decision_scan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct segment_writer {
    const struct decision_io *io;
    const char *dir;
    const char *owner;
    size_t size; /* of a segment */
    int64_t epoch;
    int fd;            /* -1: none */
    uint64_t number;   /* of the segment in `fd` */
    size_t end;        /* the next record's offset in it */
    uint64_t sequence; /* of the last record; all up to it are durable */
    int spare_fd;      /* the next segment, not named yet; -1: none */
    size_t spare_end;  /* how much of it is zeros, and synced */
};

/* Strings and `io` are borrowed. */
void segment_writer_init(struct segment_writer *w, const struct decision_io *io, const char *dir,
                         const char *owner, size_t size);
void segment_writer_done(struct segment_writer *w);

/*
 * Go on behind what `scan` found (at least one segment): cut a torn tail, fill up with zeros, and
 * write the last batch again, since a kernel that failed to sync it shows it as if it were there.
 */
__attribute__((warn_unused_result)) int
segment_resume(struct segment_writer *w, const struct decision_scan *scan, struct errctx *err);

/*
 * Go on making the next segment ahead, by `size` bytes at most. An error is not final: nothing that
 * was written so far depends on it. -ENOSPC, -EROFS …
 */
__attribute__((warn_unused_result)) int segment_prepare(struct segment_writer *w, size_t size);

/* It is made: beginning it needs no more space. */
bool segment_prepared(const struct segment_writer *w);

/* Begin the next segment, which is prepared: w->number + 1. */
__attribute__((warn_unused_result)) int segment_next(struct segment_writer *w, struct errctx *err);

bool segment_has_room(const struct segment_writer *w, size_t size);

/* Append `n_records` encoded records and sync. There is room. */
__attribute__((warn_unused_result)) int segment_append(struct segment_writer *w,
                                                       const uint8_t *records, size_t size,
                                                       size_t n_records, struct errctx *err);

/* Remove a segment, durably. A failure only costs its space: it is listed and can be tried again,
 * but not yet another one. */
__attribute__((warn_unused_result)) int segment_drop(const struct segment_writer *w,
                                                     uint64_t number);

#endif
