/* Checked fields of JSON: see the header. */
#include "model/field.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct field_rule field_request_id = {
    request_id_valid, "must be 1 to 32 characters of A-Z, a-z, 0-9, '.', '_' and '-'"};
const struct field_rule field_store = {store_name_valid,
                                       "must be 1 to 15 characters of a-z, 0-9 and '-'"};
const struct field_rule field_key = {
    key_valid, "must be 1 to 64 printable ASCII characters without space and quotes"};
const struct field_rule field_value = {
    value_valid, "must be at most 256 bytes of UTF-8 without control characters"};

int field_bad(struct errctx *err, const char *fmt, ...)
{
    struct errctx text;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text.message, sizeof text.message, fmt, ap); /* a long one is cut */
    va_end(ap);
    return err_set(err, EBADMSG, ERR_ABORT, "%s", text.message);
}

int field_text(const json_t *json, const char *what, const struct field_rule *rule, char *ret_text,
               size_t size, struct errctx *err)
{
    const char *text = json_string_value(json);
    size_t n;

    if (!text)
        return field_bad(err, json ? "%s must be a string" : "%s is missing", what);
    if (!rule->valid(text))
        return field_bad(err, "%s %s", what, rule->sentence);
    n = strlen(text);
    assert(n < size);
    memcpy(ret_text, text, n + 1);
    return 0;
}

int field_int(const json_t *json, const char *what, int64_t min, int64_t max, int64_t *ret_value,
              struct errctx *err)
{
    int64_t value = json_integer_value(json);

    if (!json)
        return field_bad(err, "%s is missing", what);
    if (!json_is_integer(json))
        return field_bad(err, "%s must be a whole number", what);
    if (value < min || value > max)
        return field_bad(err, "%s must be between %" PRId64 " and %" PRId64, what, min, max);
    *ret_value = value;
    return 0;
}

/* "0" to "63"; PARTITIONS_MAX for anything else. */
static unsigned parse_partition(const char *text)
{
    unsigned value = 0;
    size_t n = strlen(text);

    if (n < 1 || n > 2 || (n == 2 && *text == '0'))
        return PARTITIONS_MAX;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return PARTITIONS_MAX;
        value = value * 10 + (unsigned)(*text - '0');
    }
    return value < PARTITIONS_MAX ? value : PARTITIONS_MAX;
}

int field_position(json_t *json, const char *what, struct position *ret_position,
                   struct errctx *err)
{
    struct position position = {0};
    const char *key;
    json_t *offset;

    if (!json_is_object(json) || json_object_size(json) == 0)
        return field_bad(err, "%s must be an object of partitions and offsets", what);
    memset(position.offset, -1, sizeof position.offset); /* all bits set: each offset is -1 */
    json_object_foreach (json, key, offset) {
        unsigned partition = parse_partition(key);
        int r;

        if (partition == PARTITIONS_MAX)
            return field_bad(err, "%s: a partition is a number below %d", what, PARTITIONS_MAX);
        r = field_int(offset, "an offset", 0, INT64_MAX, &position.offset[partition], err);
        if (r < 0)
            return err_prefix(err, r, "%s", what);
        if (partition >= position.n)
            position.n = partition + 1;
    }
    *ret_position = position;
    return 0;
}

int field_load(const char *text, size_t size, json_t **ret_root, struct errctx *err)
{
    json_error_t error;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);

    if (!root)
        return field_bad(err, "not JSON: %s", error.text);
    if (!json_is_object(root)) {
        json_decref(root);
        return field_bad(err, "not a JSON object");
    }
    *ret_root = root;
    return 0;
}
