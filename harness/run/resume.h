/*
 * resume.h - an experiment that was interrupted goes on: what of it is there already.
 *
 * A run counts as done when it came to its orderly end and is, to the letter of its config.yaml,
 * the run that would be carried out now; anything else in the folder is either a run that broke
 * off, which is done again, or a reason to refuse. So what comes out is what an uninterrupted
 * experiment would have left: runs of one file, made by one program on one machine.
 */
#ifndef SYNCBED_HARNESS_RUN_RESUME_H
#define SYNCBED_HARNESS_RUN_RESUME_H

#include "base/buf.h"
#include "base/error.h"
#include "harness/experiment.h"

#include <stdbool.h>

/*
 * For each of `runs` (ret_done has a place for each): is it done in OUT? Changes nothing. `text` is
 * the experiment's file. -ENOENT: no experiment was begun there. -EEXIST: another one was, with
 * another file, other options, another version of syncbed or of a server, or on another machine.
 */
__attribute__((warn_unused_result)) int resume_look(const char *out, const struct buf *text,
                                                    const struct experiment *experiment,
                                                    const struct experiment_runs *runs,
                                                    bool *ret_done, struct errctx *err);

/* Remove the runs that are not done, and what was made from an incomplete set of runs. */
__attribute__((warn_unused_result)) int resume_clear(const char *out,
                                                     const struct experiment_runs *runs,
                                                     const bool *done, struct errctx *err);

#endif
