/*
 * caught.h - the transactions that a fault caught, and what became of them, by the journals of all
 * their stores: not by what anybody says.
 */
#ifndef SYNCBED_HARNESS_MATRIX_CAUGHT_H
#define SYNCBED_HARNESS_MATRIX_CAUGHT_H

#include "base/error.h"
#include "faults/schedule.h"
#include "harness/matrix/rows.h"

#include <jansson.h>
#include <stdint.h>

struct fates {
    unsigned n;
    unsigned n_committed;   /* at all of their stores */
    unsigned n_rolled_back; /* at none */
    unsigned n_mixed;
};

struct caught {
    bool any_fault;    /* else nobody was to be caught: what counts is who failed */
    unsigned gather;   /* of the first fault at a crash point: how many it was to catch there … */
    unsigned gathered; /* … and caught */
    struct fates held; /* of those, whom the fault's record names */
    struct fates all;  /* writing, sent to the door that was hit, and unanswered when it was */
    /* Of those held at the point, or of all where there is none: seen prepared by a store's sample
     * after the first fault had hit. */
    unsigned n_in_doubt;
    unsigned n_failed; /* writes of the whole run that were refused or aborted */
    /* From the beginning of the last restart (or a pause's end) to the last sample that still shows
     * one of them in doubt; -1: none was seen then. A sample comes every 100 ms. */
    int64_t resolve_us;
};

/* Of the run in `folder`, whose schedule this is. */
__attribute__((warn_unused_result)) int caught_read(const char *folder,
                                                    const struct schedule *schedule,
                                                    struct caught *ret_caught, struct errctx *err);

enum matrix_word {
    MATRIX_SHOWN,
    MATRIX_NOT_EXERCISED, /* the fault hit nobody, fewer than it was to, or not where it was to */
    MATRIX_UNKNOWN,       /* broken off, or a promised verdict is unknown */
    MATRIX_VIOLATED,
    MATRIX_WORDS
};

const char *matrix_word(enum matrix_word word); /* "shown", "NOT SO", … */

/* `run`: an element of `runs` (docs/results.md); NULL: it broke off. `in_doubt`: somebody has to
 * be.
 */
enum matrix_word matrix_judge(const json_t *run, const struct caught *caught,
                              enum matrix_outcome outcome, bool in_doubt);

/* The worst of a row's runs, one by one, from MATRIX_WORDS on. One that was not done is unknown. */
enum matrix_word matrix_worst(enum matrix_word so_far, bool done, enum matrix_word word);

#endif
