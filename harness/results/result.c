/* Fields of results.json: see the header. */
#include "harness/results/result.h"

#include <math.h>
#include <string.h>

const char *result_text(const json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));

    return text ? text : "";
}

const char *result_variant(const json_t *run)
{
    const char *variant = result_text(run, "variant");

    return *variant ? variant : result_text(run, "approach"); /* results of an older syncbed */
}

bool result_number(const json_t *object, const char *path, double *ret_value)
{
    char field[64];

    while (object && *path) {
        size_t size = strcspn(path, ".");

        if (size >= sizeof field)
            return false;
        memcpy(field, path, size);
        field[size] = '\0';
        object = json_object_get(object, field);
        path += size + (path[size] == '.');
    }
    if (json_is_string(object) && strcmp(json_string_value(object), RESULT_NEVER) == 0)
        *ret_value = INFINITY;
    else if (json_is_number(object))
        *ret_value = json_number_value(object);
    else
        return false;
    return true;
}

const json_t *result_verdict(const json_t *run, const char *name)
{
    return json_object_get(json_object_get(run, "verdicts"), name);
}

const char *result_verdict_word(const json_t *run, const char *name)
{
    const char *word = result_text(result_verdict(run, name), "verdict");

    return *word ? word : verdict_word_name(VERDICT_NOT_JUDGED);
}

bool result_verdict_is(const json_t *run, const char *name, enum verdict_word word)
{
    return strcmp(result_verdict_word(run, name), verdict_word_name(word)) == 0;
}
