/* position.h - the answer of a sink to `position`, as the harness reads it. */
#ifndef SYNCBED_HARNESS_RUN_POSITION_H
#define SYNCBED_HARNESS_RUN_POSITION_H

#include "model/txn.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Records between its store and the end of the log, as far as the sink knows; -1: not known. */
int64_t position_lag(const json_t *reply);

/* Records that its store has applied, over all partitions: a run's topic begins at offset 0. */
int64_t position_applied(const json_t *reply);

/* Its store has applied everything before `past`. */
bool position_reached(const json_t *reply, const struct position *past);

#endif
