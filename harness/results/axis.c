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

typedef const char *(*name_of)(const json_t *run);

static const char *schedule_of(const json_t *run)
{
    return result_text(run, "schedule");
}

static bool has_run(const json_t *runs, name_of name_of_run, const char *name)
{
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        if (strcmp(name_of_run(run), name) == 0)
            return true;
    }
    return false;
}

static void find(const json_t *results, const char *list, name_of name_of_run,
                 struct axis *ret_axis)
{
    const json_t *runs = json_object_get(results, "runs");
    json_t *item;
    size_t i;

    *ret_axis = (struct axis){0};
    json_array_foreach (json_object_get(results, list), i, item) {
        if (json_is_string(item) && has_run(runs, name_of_run, json_string_value(item)))
            add_once(ret_axis, json_string_value(item));
    }
    json_array_foreach (runs, i, item)
        add_once(ret_axis, name_of_run(item));
}

void axis_variants(const json_t *results, struct axis *ret_axis)
{
    find(results, "approaches", result_variant, ret_axis);
}

void axis_schedules(const json_t *results, struct axis *ret_axis)
{
    find(results, "schedules", schedule_of, ret_axis);
}
