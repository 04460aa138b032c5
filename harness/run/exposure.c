/* Exposure files: see the header. */
#include "harness/run/exposure.h"

#include <limits.h>
#include <stdio.h>

bool exposure_read(const char *folder, const char *role, int64_t since_us, int64_t *ret_at_us,
                   json_t **ret_standing)
{
    char path[PATH_MAX + 64];
    FILE *file;
    json_t *last = NULL;
    json_t *next;
    json_t *standing;
    int64_t at_us;
    bool died;

    (void)snprintf(path, sizeof path, "%s/control/%s.exposure.ndjson", folder, role);
    file = fopen(path, "re");
    if (!file)
        return false;
    while ((next = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL))) {
        json_decref(last);
        last = next;
    }
    (void)fclose(file); /* only read */
    at_us = json_integer_value(json_object_get(last, "at"));
    standing = json_object_get(last, "standing");
    died = standing && at_us >= since_us;
    if (died) {
        *ret_at_us = at_us;
        *ret_standing = json_incref(standing);
    }
    json_decref(last);
    return died;
}
