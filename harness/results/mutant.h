/*
 * mutant.h - what a run of a broken variant, or of the same without its mistake, has shown.
 *
 * A verdict is worth as much as what it would notice. So each known mistake (approaches/approach.h)
 * is made on purpose, under a schedule that exposes it, and the verdict that is meant for it has to
 * say `invalid`. It says so of nothing if the mistake was never made or the fault hit nobody: that
 * is "not exercised", and neither caught nor missed.
 */
#ifndef SYNCBED_HARNESS_RESULTS_MUTANT_H
#define SYNCBED_HARNESS_RESULTS_MUTANT_H

#include "approaches/approach.h"
#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>

enum mutant_word {
    MUTANT_CAUGHT,
    MUTANT_MISSED,        /* the mistake was made where it matters, and the verdict is valid */
    MUTANT_NOT_EXERCISED, /* it was not */
    MUTANT_UNKNOWN,       /* the run broke off, or that verdict is unknown */
    MUTANT_WORDS
};

const char *mutant_word(enum mutant_word word); /* "caught", "missed", … */

/* `run`: an element of `runs` in results.json (docs/results.md), of an approach with a break. */
enum mutant_word mutant_judge(const json_t *run);

enum clean_word {
    CLEAN,
    CLEAN_FALSE_ALARM, /* a promise broken, or the verdict of `broken` invalid */
    CLEAN_UNKNOWN      /* broken off, a promised verdict unknown, or a fault that hit nobody */
};

/* `run`: the same without the break. */
enum clean_word mutant_judge_clean(const json_t *run, const struct approach_break *broken);

/* "8 of 8 at xa-decided; 3 of 8 at …": whom the faults at crash points hit; "" without any. */
void mutant_exposure(struct buf *out, const json_t *run);

#endif
