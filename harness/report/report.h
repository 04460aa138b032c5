/*
 * report.h - report.html: one experiment on one self-contained page, for a stage, a telephone and
 * paper. Made from results.json and the run folders; nothing is measured or judged here.
 */
#ifndef SYNCBED_HARNESS_REPORT_REPORT_H
#define SYNCBED_HARNESS_REPORT_REPORT_H

#include "base/error.h"

/*
 * Write OUT/report.html, under another name first, so that what is called report.html is whole.
 * -ENOENT: no results.json; -EBADMSG: a file that is not ours or cut, with FILE:LINE; -EIO:
 * gnuplot.
 */
__attribute__((warn_unused_result)) int report_write(const char *out_dir, struct errctx *err);

#endif
