/* injected_order.h - the faults of one target, which follow each other. */
#ifndef SYNCBED_HARNESS_RUN_INJECTED_ORDER_H
#define SYNCBED_HARNESS_RUN_INJECTED_ORDER_H

#include "harness/run/injector.h"

/* The one that is to hit while this one's target starts again; NULL: none. */
struct injected *injected_next_at_start(const struct injected *f);

/* The one before it at its target, which brings its start about; NULL: none. */
const struct injected *injected_before(const struct injected *f);

/* It is to hit at the start that comes next. */
bool injected_waits_for_a_start(const struct injected *f);

/* Its target was killed after it, by another fault. */
bool injected_killed_since(const struct injected *f);

#endif
