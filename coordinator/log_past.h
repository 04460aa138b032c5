/*
 * log_past.h - how far a decision log goes: can it be what somebody was once told of? No I/O.
 *
 * Whoever was told "incarnation i, number e, is durable up to record s" has seen a log that held
 * record s, written by i. A log that is shorter, or whose number e was another incarnation, is not
 * that log's continuation: it was lost, or an old copy was put in its place. Decisions may have
 * been carried out that it does not hold.
 *
 * Of incarnations whose segments were dropped long ago only the record numbers are left to compare.
 */
#ifndef SYNCBED_COORDINATOR_LOG_PAST_H
#define SYNCBED_COORDINATOR_LOG_PAST_H

#include "coordinator/decision.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed at first. */
struct log_past {
    int64_t epoch; /* the highest; 0: the log was empty. Set by its opener: records may be gone */
    int64_t sequence; /* of its last record */
    size_t n_incarnations, capacity;
    struct past_incarnation {
        int64_t epoch;
        int64_t incarnation; /* 0: written by a version that had none */
        int64_t first;       /* sequence of its EPOCH record */
    } * incarnation;         /* ascending; owned */
};

void log_past_done(struct log_past *past);

/* The next record, as the log is read. */
void log_past_note(struct log_past *past, const struct decision *decision);

/* Is the log one of which that could be said? */
bool log_past_holds(const struct log_past *past, const struct store_mark *mark);

#endif
