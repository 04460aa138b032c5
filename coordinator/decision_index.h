/*
 * decision_index.h - which decisions of the log are open, and in which segment each stands, so that
 * a segment can go. In memory, no I/O.
 *
 *   COMMIT --> open, in the segment where it was written
 *   carried    the same, now in a later segment, where it was written again
 *   END    --> gone, whether or not its record is ever written: every participant has committed
 *
 * A segment in which nothing is open any more can be dropped, when it is the oldest. One that a
 * decision keeps open for long is not waited for: decision_index_carry() tells what of it to write
 * again.
 */
#ifndef SYNCBED_COORDINATOR_DECISION_INDEX_H
#define SYNCBED_COORDINATOR_DECISION_INDEX_H

#include "coordinator/decision.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct open_entry;

struct open_segment {
    uint64_t number;
    uint64_t n_open;
};

/* Zeroed at first. */
struct decision_index {
    struct open_entry *by_gid; /* a hash; owned */
    size_t n_segments, segments_capacity;
    struct open_segment *segment; /* ascending, without gaps; owned */
    size_t n_marks, marks_capacity;
    struct decision *mark; /* the last MARK of each participant; owned */
};

void decision_index_done(struct decision_index *ix);

/* Segments up to `number` exist; the first call names the oldest. */
void decision_index_reach(struct decision_index *ix, uint64_t number);

/* The next record, in the order of writing; it stands in decision->segment, which exists. */
void decision_index_note(struct decision_index *ix, const struct decision *decision);

/* This decision has ended. Returns the segment in which it stood; 0: it was not open. */
uint64_t decision_index_end(struct decision_index *ix, const char *gid);

bool decision_index_is_open(const struct decision_index *ix, const char *gid);

/* Up to `n_max` of the decisions that are open in the oldest segment. Returns how many. */
size_t decision_index_carry(const struct decision_index *ix, struct decision *ret_decisions,
                            size_t n_max);

/* Nothing is open in the oldest segment, and there are more than `n_kept`. */
bool decision_index_can_drop(const struct decision_index *ix, size_t n_kept);

/* The oldest was dropped. */
void decision_index_dropped(struct decision_index *ix);

#endif
