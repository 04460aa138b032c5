/* Where a sink stands: see the header. */
#include "harness/run/position.h"

#include <stdio.h>

int64_t position_lag(const json_t *reply)
{
    const json_t *lag = json_object_get(reply, "lag");

    return json_is_integer(lag) ? (int64_t)json_integer_value(lag) : -1;
}

int64_t position_applied(const json_t *reply)
{
    int64_t applied = 0;
    const char *partition;
    json_t *offset;

    json_object_foreach (json_object_get(reply, "position"), partition, offset) {
        applied += json_integer_value(offset);
    }
    return applied;
}

bool position_reached(const json_t *reply, const struct position *past)
{
    const json_t *position = json_object_get(reply, "position");

    for (unsigned i = 0; i < past->n; i++) {
        const json_t *offset;
        char partition[16];

        (void)snprintf(partition, sizeof partition, "%u", i);
        offset = json_object_get(position, partition);
        if (!json_is_integer(offset) || json_integer_value(offset) < past->offset[i])
            return false;
    }
    return true;
}
