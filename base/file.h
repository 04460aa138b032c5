/*
 * file.h - whole files and whole trees. Each complaint names the path; the class is ERR_FATAL,
 * since trying again helps nobody.
 */
#ifndef SYNCBED_BASE_FILE_H
#define SYNCBED_BASE_FILE_H

#include "base/buf.h"
#include "base/error.h"

/* Append all of a file to ret_text. -ENOENT and other errnos. */
__attribute__((warn_unused_result)) int file_read(const char *path, struct buf *ret_text,
                                                  struct errctx *err);

/* Write a file anew. When it fails, part of it may be there. */
__attribute__((warn_unused_result)) int file_write(const char *path, const struct buf *text,
                                                   struct errctx *err);

/*
 * Put a new file in the place of an old one: whoever opens `path`, also after a crash, finds all of
 * the one or all of the other. When it fails, the old one is untouched.
 */
__attribute__((warn_unused_result)) int file_replace(const char *path, const struct buf *text,
                                                     struct errctx *err);

/*
 * Remove a file, or a folder with all below it; it need not be there. Symbolic links are removed,
 * never followed. It goes on after a failure and tells the first.
 */
__attribute__((warn_unused_result)) int file_remove_tree(const char *path, struct errctx *err);

#endif
