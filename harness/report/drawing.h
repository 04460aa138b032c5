/*
 * drawing.h - one anomaly as a picture: who asked when (bars over time), and in which order each
 * store's journal has it (boxes, first to last). A box that is missing is the anomaly.
 */
#ifndef SYNCBED_HARNESS_REPORT_DRAWING_H
#define SYNCBED_HARNESS_REPORT_DRAWING_H

#include "base/buf.h"

#include <jansson.h>

/* `example` as in results.json: {"ops":[…],"journals":[…]}. Appends an <svg>. */
void drawing_of(struct buf *out, const char *id, const json_t *example);

#endif
