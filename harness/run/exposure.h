/* exposure.h - what a role wrote before it died at a crash point (base/crash_point.h). */
#ifndef SYNCBED_HARNESS_RUN_EXPOSURE_H
#define SYNCBED_HARNESS_RUN_EXPOSURE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The last line of FOLDER/control/ROLE.exposure.ndjson (the caller's): when it died, how many
 * transactions stood at which step, and which were held at its point. False, and nothing touched,
 * when it has not died so since `since_us`.
 */
bool exposure_read(const char *folder, const char *role, int64_t since_us, int64_t *ret_at_us,
                   json_t **ret_exposure);

#endif
