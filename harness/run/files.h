/* files.h - the folder of an experiment's results: made, emptied, and never somebody else's. */
#ifndef SYNCBED_HARNESS_RUN_FILES_H
#define SYNCBED_HARNESS_RUN_FILES_H

#include "base/buf.h"
#include "base/error.h"

/*
 * Make `out`, or make sure that what is in it is an earlier result: anything that is not ours makes
 * it -ENOTEMPTY. It stays locked (-EBUSY: another syncbed writes there) until *ret_lock is closed.
 * `ret_path` has PATH_MAX bytes and gets its absolute path: roles work in folders of their own.
 */
__attribute__((warn_unused_result)) int files_claim(const char *out, char *ret_path, int *ret_lock,
                                                    struct errctx *err);

/* Remove the earlier result from a claimed folder. */
__attribute__((warn_unused_result)) int files_empty(const char *out, struct errctx *err);

/* Remove what was made from its runs, which stay. */
__attribute__((warn_unused_result)) int files_empty_results(const char *out, struct errctx *err);

/* mkdir -p. */
__attribute__((warn_unused_result)) int files_make_folder(const char *path, struct errctx *err);

/* Write FOLDER/NAME anew; takes the memory of `text`. */
__attribute__((warn_unused_result)) int files_save(const char *folder, const char *name,
                                                   struct buf *text, struct errctx *err);

/* Copy a file, or the regular files of a folder (made anew; folders in it are left out). */
__attribute__((warn_unused_result)) int files_copy(const char *from, const char *to,
                                                   struct errctx *err);
__attribute__((warn_unused_result)) int files_copy_folder(const char *from, const char *to,
                                                          struct errctx *err);

#endif
