/*
 * lines.h - a file of JSON objects that is written while things happen: phases, faults, samples,
 * probes. ndjson.h reads it back.
 */
#ifndef SYNCBED_HARNESS_LINES_H
#define SYNCBED_HARNESS_LINES_H

#include "base/error.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

struct lines {
    FILE *file;
    char name[32]; /* for complaints */
    int error;     /* the first errno met in writing */
    int64_t n;     /* lines written */
};

/* Create the file anew: by its path, or FOLDER/NAME. */
__attribute__((warn_unused_result)) int lines_open_path(struct lines *lines, const char *path,
                                                        struct errctx *err);
__attribute__((warn_unused_result)) int lines_open(struct lines *lines, const char *folder,
                                                   const char *name, struct errctx *err);

/* Append `object` (stolen) as one line, at once: a line is there whole or not at all. */
void lines_write(struct lines *lines, json_t *object);

/* The last line, by which a reader knows that none is missing: {"t":"end","lines":N}. */
void lines_end(struct lines *lines);

/* Tells the first error met since it was opened. Never opened is fine. */
__attribute__((warn_unused_result)) int lines_close(struct lines *lines, struct errctx *err);

#endif
