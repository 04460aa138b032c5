/* Exposure files: see the header. */
#include "harness/run/exposure.h"

#include "harness/ndjson.h"

#include <limits.h>
#include <stdio.h>

bool exposure_read(const char *folder, const char *role, int64_t since_us, int64_t *ret_at_us,
                   json_t **ret_exposure)
{
    char path[PATH_MAX + 64];
    struct ndjson in;
    json_t *last = NULL, *next;
    int64_t at_us;
    bool died;

    (void)snprintf(path, sizeof path, "%s/control/%s.exposure.ndjson", folder, role);
    if (ndjson_open(&in, path, NULL) < 0)
        return false;
    while (ndjson_next(&in, &next, NULL) > 0) { /* a line that its writer died in is none */
        json_decref(last);
        last = next;
    }
    ndjson_close(&in);
    at_us = json_integer_value(json_object_get(last, "at"));
    died = json_object_get(last, "standing") && at_us >= since_us;
    if (died) {
        *ret_at_us = at_us;
        *ret_exposure = json_incref(last);
    }
    json_decref(last);
    return died;
}
