/*
 * ndjson.h - a file of JSON objects, one a line, with FILE:LINE in every complaint. All that the
 * harness reads back of a run comes through here.
 */
#ifndef SYNCBED_HARNESS_NDJSON_H
#define SYNCBED_HARNESS_NDJSON_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct ndjson {
    FILE *file;
    const char *path; /* the caller's */
    unsigned line;    /* the one last read, from 1 */
    bool ended;       /* the closing line was read */
    char *text;
    size_t capacity;
};

/* -ENOENT and other errnos. */
__attribute__((warn_unused_result)) int ndjson_open(struct ndjson *in, const char *path,
                                                    struct errctx *err);
void ndjson_close(struct ndjson *in);

/*
 * The next object, the caller's to json_decref(): 1; at the end of the file 0; -EBADMSG for a line
 * that is no JSON object, or has no newline (the file was cut). A closing line {"t":"end",
 * "lines":N} is not returned: it has to stand last, behind N others, and sets in->ended.
 */
__attribute__((warn_unused_result)) int ndjson_next(struct ndjson *in, json_t **ret_object,
                                                    struct errctx *err);

/* At the end of a file that has to have a closing line: complains when there was none. */
__attribute__((warn_unused_result)) int ndjson_whole(const struct ndjson *in, struct errctx *err);

/*
 * All of a file: open it, `take` each object (borrowed), close it. The first complaint ends it.
 * With `whole` the file has to have a closing line.
 */
typedef int (*ndjson_take)(void *arg, const struct ndjson *in, const json_t *object,
                           struct errctx *err);
__attribute__((warn_unused_result)) int ndjson_each(const char *path, bool whole, ndjson_take take,
                                                    void *arg, struct errctx *err);

/* "FILE:LINE: " + message; returns -EBADMSG. */
__attribute__((format(printf, 3, 4))) int ndjson_complain(const struct ndjson *in,
                                                          struct errctx *err, const char *fmt, ...);

/* Fields; each complains when the field is not there or is of another type. Text is borrowed. */
__attribute__((warn_unused_result)) int ndjson_text(const struct ndjson *in, const json_t *object,
                                                    const char *field, const char **ret_text,
                                                    struct errctx *err);
__attribute__((warn_unused_result)) int ndjson_int(const struct ndjson *in, const json_t *object,
                                                   const char *field, int64_t *ret_value,
                                                   struct errctx *err);
/* An integer from 0. */
__attribute__((warn_unused_result)) int ndjson_count(const struct ndjson *in, const json_t *object,
                                                     const char *field, int64_t *ret_value,
                                                     struct errctx *err);
__attribute__((warn_unused_result)) int ndjson_bool(const struct ndjson *in, const json_t *object,
                                                    const char *field, bool *ret_value,
                                                    struct errctx *err);
__attribute__((warn_unused_result)) int ndjson_array(const struct ndjson *in, const json_t *object,
                                                     const char *field, json_t **ret_array,
                                                     struct errctx *err);

#endif
