/* Approaches and schedules of results.json: see the header. */
#include "harness/results/axis.h"

#include "harness/results/result.h"

#include <string.h>

static void add_once(struct axis *axis, const char *name)
{
    for (unsigned i = 0; i < axis->n; i++) {
        if (strcmp(axis->name[i], name) == 0)
            return;
    }
    if (axis->n < AXIS_MAX)
        axis->name[axis->n++] = name;
}

static bool has_run(const json_t *runs, const char *field, const char *name)
{
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        if (strcmp(result_text(run, field), name) == 0)
            return true;
    }
    return false;
}

static void find(const json_t *results, const char *list, const char *field, struct axis *ret_axis)
{
    const json_t *runs = json_object_get(results, "runs");
    json_t *item;
    size_t i;

    *ret_axis = (struct axis){0};
    json_array_foreach (json_object_get(results, list), i, item) {
        if (json_is_string(item) && has_run(runs, field, json_string_value(item)))
            add_once(ret_axis, json_string_value(item));
    }
    json_array_foreach (runs, i, item)
        add_once(ret_axis, result_text(item, field));
}

void axis_approaches(const json_t *results, struct axis *ret_axis)
{
    find(results, "approaches", "approach", ret_axis);
}

void axis_schedules(const json_t *results, struct axis *ret_axis)
{
    find(results, "schedules", "schedule", ret_axis);
}
