/* Records of the decision topic as JSON: see the header. */
#include "approaches/topic_record.h"

#include "base/mem.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOPIC_VERSION 1

static const char *const type_names[TOPIC_RECORDS] = {
    [TOPIC_RECORD_HELLO] = "hello", [TOPIC_RECORD_EPOCH] = "epoch",
    [TOPIC_RECORD_ALIVE] = "alive", [TOPIC_RECORD_COMMIT] = "commit",
    [TOPIC_RECORD_ABORT] = "abort", [TOPIC_RECORD_END] = "end",
};

void topic_record_encode(const struct topic_record *record, struct buf *into)
{
    json_t *object = json_pack("{s:i, s:s, s:s, s:I, s:s}", "v", TOPIC_VERSION, "t",
                               type_names[record->type], "by", record->by, "epoch",
                               (json_int_t)record->epoch, "incarnation", record->incarnation);
    char *text;

    if (record->gid[0])
        json_object_set_new(object, "gid", json_string(record->gid));
    if (record->request[0])
        json_object_set_new(object, "request", json_string(record->request));
    text = json_dumps(object, JSON_COMPACT);
    buf_append(into, text, strlen(text));
    free(text);
    json_decref(object);
}

static bool take_type(const char *name, enum topic_record_type *ret_type)
{
    for (unsigned i = 0; i < TOPIC_RECORDS; i++) {
        if (strcmp(type_names[i], name) == 0) {
            *ret_type = (enum topic_record_type)i;
            return true;
        }
    }
    return false;
}

static bool take_text(char *to, size_t size, const char *from)
{
    int n = snprintf(to, size, "%s", from);

    return n >= 0 && (size_t)n < size;
}

static bool take(const json_t *object, struct topic_record *r)
{
    const char *type, *by, *incarnation, *gid = "", *request = "";
    json_int_t epoch;
    int version;

    /* jansson's unpack does not change what it looks at */
    if (json_unpack((json_t *)(uintptr_t)object, "{s:i, s:s, s:s, s:I, s:s, s?s, s?s}", "v",
                    &version, "t", &type, "by", &by, "epoch", &epoch, "incarnation", &incarnation,
                    "gid", &gid, "request", &request) != 0)
        return false;
    r->epoch = epoch;
    return version == TOPIC_VERSION && epoch >= 0 && take_type(type, &r->type) &&
           take_text(r->by, sizeof r->by, by) &&
           take_text(r->incarnation, sizeof r->incarnation, incarnation) &&
           take_text(r->gid, sizeof r->gid, gid) &&
           take_text(r->request, sizeof r->request, request) &&
           (r->gid[0] != '\0') == (r->type >= TOPIC_RECORD_COMMIT);
}

bool topic_record_decode(const char *data, size_t size, struct topic_record *ret_record)
{
    json_t *object = data ? json_loadb(data, size, 0, NULL) : NULL;
    struct topic_record record = {.epoch = 0};
    bool sound = object && take(object, &record);

    json_decref(object);
    if (sound)
        *ret_record = record;
    return sound;
}
