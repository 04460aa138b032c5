/*
 * edn.h - reading EDN (github.com/edn-format/edn), as far as histories of Jepsen are made of it.
 *
 * A form becomes JSON: nil, true, false, numbers and strings as such; a keyword or symbol a string
 * (":append"); a vector, list or set an array; a map an object, whose keys are keywords, symbols,
 * strings or integers, by their text. A tag (#jepsen.history.Op) is dropped, its form stays. What
 * has no such meaning is refused: ratios, integers beyond 64 bits, maps as keys.
 */
#ifndef SYNCBED_HARNESS_HISTORY_EDN_H
#define SYNCBED_HARNESS_HISTORY_EDN_H

#include "base/error.h"

#include <jansson.h>

#define EDN_DEPTH_MAX 32

struct edn {
    const char *path; /* for complaints; borrowed */
    const char *at;   /* the text, borrowed: from here … */
    const char *end;  /* … to there */
    unsigned line;    /* of `at`, from 1 */
};

/* The next form at the top, the caller's to json_decref(): 1; at the end of the text 0; -EBADMSG
 * with "FILE:LINE: …". */
__attribute__((warn_unused_result)) int edn_next(struct edn *in, json_t **ret_form,
                                                 struct errctx *err);

/* "FILE:LINE: " + message; returns -EBADMSG. */
__attribute__((format(printf, 3, 4))) int edn_complain(const struct edn *in, struct errctx *err,
                                                       const char *fmt, ...);

#endif
