/* machine.h - what a run was measured on. */
#ifndef SYNCBED_HARNESS_RESULTS_MACHINE_H
#define SYNCBED_HARNESS_RESULTS_MACHINE_H

#include <jansson.h>

/* {"cpu":…,"cores":…,"memory_mb":…,"os":…,"kernel":…}; what cannot be found out is null. */
json_t *machine_describe(void);

#endif
