/*
 * error.h - how a failure travels: a negative errno, and a message with a class.
 *
 * Every function that can fail returns 0 or a negative errno and takes a `struct errctx *err` as
 * its last parameter. What a server or a library calls its error stays in the message; callers act
 * on the class, or on an errno that the function's header names.
 */
#ifndef SYNCBED_BASE_ERROR_H
#define SYNCBED_BASE_ERROR_H

enum err_class {
    ERR_RETRY,  /* passing: the same call may succeed later */
    ERR_ABORT,  /* this piece of work failed for good; others are not concerned */
    ERR_FENCED, /* a newer incarnation owns this: stop */
    ERR_FATAL,  /* nothing sensible can go on */
};

struct errctx {
    enum err_class class;
    char message[480]; /* one line, no newline; "" when nothing failed */
};

/* Fill `err` (which may be NULL) and return -code. `code` is a positive errno. */
__attribute__((format(printf, 4, 5))) int err_set(struct errctx *err, int code,
                                                  enum err_class class, const char *fmt, ...);

/* Put "prefix: " before the message of `err`. `code` is the negative errno that came with it, which
 * is returned, for `return err_prefix(…)`. */
__attribute__((format(printf, 3, 4))) int err_prefix(struct errctx *err, int code, const char *fmt,
                                                     ...);

#endif
