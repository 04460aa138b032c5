/*
 * decision_scan.h - reading a decision log: its segments, its records, and where it ends.
 *
 * A record that cannot be decoded ends the log (a *torn tail*) unless what had once been safe is
 * damaged. Each record says up to where the log was durable when it was written. So:
 *
 *   nothing sound behind the bad record          torn tail: the batch was being written
 *   sound records, none written after            torn tail: pages of one batch reach the disk in
 *   the bad one's place was durable              any order, and none of it was acknowledged
 *   a sound record written after that,           damage: a decision that participants may have
 *   or another segment behind this one           heard of is gone; refused, never guessed
 */
#ifndef SYNCBED_COORDINATOR_DECISION_SCAN_H
#define SYNCBED_COORDINATOR_DECISION_SCAN_H

#include "base/error.h"
#include "coordinator/decision_log.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct decision_scan {
    size_t n_segments;
    uint64_t *segment; /* their numbers, ascending; owned */
    uint64_t sequence; /* of the last record; 0 when there is none */
    int64_t epoch;     /* the highest; 0 in an empty log */
    size_t end;        /* of the last segment's records: the next one's offset */
    size_t last_batch; /* offset in it of the last batch, whose fdatasync nobody knows about */
    size_t file_size;  /* of the last segment */
    bool torn;         /* other things than zeros stand behind `end` */
    uint32_t version;  /* of the last segment */
};

/* As decision_log_read(). `owner` NULL: whoever's it is. decision_scan_done() also after an error.
 */
__attribute__((warn_unused_result)) int decision_scan(const struct decision_io *io, const char *dir,
                                                      const char *owner, decision_visit visit,
                                                      void *arg, struct decision_scan *ret_scan,
                                                      struct errctx *err);
void decision_scan_done(struct decision_scan *scan);

/* "DIR/decisions-0000000001.log"; -ENAMETOOLONG. */
__attribute__((warn_unused_result)) int segment_path(char ret_path[PATH_MAX], const char *dir,
                                                     uint64_t number);

#endif
