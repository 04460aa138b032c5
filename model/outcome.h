/*
 * outcome.h - what becomes of a request, and how it is said.
 *
 * A code is *definite* (it did not and will not happen) or *indefinite* (it may have happened, or
 * may still). Turning indefinite into happened or not takes evidence, never time.
 */
#ifndef SYNCBED_MODEL_OUTCOME_H
#define SYNCBED_MODEL_OUTCOME_H

#include <stdbool.h>

enum outcome { OUTCOME_UNKNOWN, OUTCOME_PENDING, OUTCOME_COMMITTED, OUTCOME_ABORTED, OUTCOMES };

enum code {
    CODE_NONE,        /* ok */
    CODE_CONSTRAINT,  /* a store refused: key exists, bound crossed */
    CODE_CONFLICT,    /* a lock was not to be had in time, or a deadlock */
    CODE_ABORTED,     /* rolled back, or barred by an earlier status answer */
    CODE_UNSUPPORTED, /* this approach cannot do that */
    CODE_REFUSED,     /* admission control, overload */
    CODE_BAD_REQUEST, /* malformed */
    CODE_UNAVAILABLE, /* nothing was sent */
    CODE_TIMEOUT,     /* indefinite: no answer in time */
    CODE_PARTIAL,     /* indefinite: some stores did, some did not or may have */
    CODE_UNKNOWN,     /* indefinite: an answer was lost */
    CODES
};

/* What an acknowledgement means, weakest first; docs/design.md "What an acknowledgement means". */
enum level { LEVEL_NONE, LEVEL_LOGGED, LEVEL_DECIDED, LEVEL_FIRST, LEVEL_EVERYWHERE, LEVELS };

const char *outcome_name(enum outcome outcome); /* "unknown" "pending" "committed" "aborted" */
const char *code_name(enum code code);          /* "" for CODE_NONE, else "bad-request" and so on */
const char *level_name(enum level level);       /* "none" "logged" "decided" "first" "everywhere" */
bool outcome_find(const char *name, enum outcome *ret_outcome);
bool code_find(const char *name, enum code *ret_code);
bool level_find(const char *name, enum level *ret_level);

/* `code` is not CODE_NONE. */
bool code_definite(enum code code);

#endif
