/* metrics.h - a coordinator's counters as Prometheus reads them; docs/operator.md lists them. */
#ifndef SYNCBED_COORDINATOR_METRICS_H
#define SYNCBED_COORDINATOR_METRICS_H

#include "base/buf.h"
#include "coordinator/coordinator.h"
#include "coordinator/doubt.h"

/* `d`: what each of its stores holds in doubt; one that did not answer has no such numbers. */
void metrics_print(struct buf *out, const char *coordinator, const struct coordinator_counters *c,
                   const struct doubt *d);

#endif
