/* doubt_table.h - the operator's view for a terminal. */
#ifndef SYNCBED_HARNESS_OPERATOR_DOUBT_TABLE_H
#define SYNCBED_HARNESS_OPERATOR_DOUBT_TABLE_H

#include "base/buf.h"
#include "coordinator/doubt.h"

void doubt_print(struct buf *out, const struct doubt *d);

/* "340 ms", "4.2 s", "3 min 20 s", "2 h 5 min"; "?" below 0 */
void doubt_print_duration(struct buf *out, int64_t us);

#endif
