/*
 * xa.h - one atomic commit over all stores: two-phase commit with presumed abort. The front door is
 * a coordinator with its own id, epoch and decision log; coordinator/coordinator.h is where to
 * read.
 */
#ifndef SYNCBED_APPROACHES_XA_H
#define SYNCBED_APPROACHES_XA_H

#include "approaches/approach.h"

extern const struct approach xa_approach;

#endif
