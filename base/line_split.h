/* line_split.h - a stream of bytes, as it is read in pieces, taken apart into lines. No I/O. */
#ifndef SYNCBED_BASE_LINE_SPLIT_H
#define SYNCBED_BASE_LINE_SPLIT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct line_split {
    size_t max;         /* the longest line, with its newline; set by the owner, the rest zeroed */
    struct buf partial; /* the beginning of a line whose end has not come; no memory when empty */
    bool given;         /* `partial` was completed and handed out */
    bool skipping;      /* the rest of a line that is too long */
    const char *input;
    size_t left;
};

enum line_found {
    LINE_NONE, /* the input is used up */
    LINE_WHOLE,
    LINE_TOO_LONG, /* reported once, as soon as it is known; the line is skipped to its newline */
};

/*
 * The next piece of the stream, borrowed until line_split_next() has said LINE_NONE or the owner
 * looks no further: what is left of it then is dropped with the next piece.
 */
void line_split_feed(struct line_split *split, const char *data, size_t size);

/*
 * LINE_WHOLE: a line without its newline, valid until the next call. It lies where it was read if
 * it came in one piece; only what came in several is copied.
 */
enum line_found line_split_next(struct line_split *split, const char **ret_line, size_t *ret_size);

/* Drops the beginning of a line, too; may be fed again. */
void line_split_done(struct line_split *split);

#endif
