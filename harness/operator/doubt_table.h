/* doubt_table.h - the operator's view for a terminal. */
#ifndef SYNCBED_HARNESS_OPERATOR_DOUBT_TABLE_H
#define SYNCBED_HARNESS_OPERATOR_DOUBT_TABLE_H

#include "base/buf.h"
#include "coordinator/doubt.h"

void doubt_print(struct buf *out, const struct doubt *d);

#endif
