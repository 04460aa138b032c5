/* json_out.h - JSON as the harness gives it away: whole files, and the last line of `--json`. */
#ifndef SYNCBED_HARNESS_JSON_OUT_H
#define SYNCBED_HARNESS_JSON_OUT_H

#include "base/error.h"

#include <jansson.h>
#include <stdio.h>

/* DIR/NAME, indented, in the place of what was there: all of it, or the old one stays. */
__attribute__((warn_unused_result)) int json_out_file(const char *dir, const char *name,
                                                      const json_t *json, struct errctx *err);

/* One line. As with all of standard output, the shell sees errors. */
void json_out_line(FILE *out, const json_t *json);

#endif
