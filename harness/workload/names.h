/* names.h - the words of a workload's choices, for reading and printing it. */
#ifndef SYNCBED_HARNESS_WORKLOAD_NAMES_H
#define SYNCBED_HARNESS_WORKLOAD_NAMES_H

#include "harness/workload/workload.h"

extern const char *const workload_kind_names[WORKLOAD_KINDS];
extern const char *const arrivals_kind_names[ARRIVALS_KINDS];
extern const char *const reads_kind_names[READS_KINDS];

#endif
