/* The lines of a participant: see the header. */
#include "model/participant_protocol.h"

#include "model/field.h"
#include "model/protocol.h"

#include <inttypes.h>
#include <string.h>

static const char *const verb_names[PARTICIPANT_VERBS] = {
    [PARTICIPANT_PREPARE] = "prepare",   [PARTICIPANT_COMMIT] = "commit",
    [PARTICIPANT_ROLLBACK] = "rollback", [PARTICIPANT_RECOVER] = "recover",
    [PARTICIPANT_STATUS] = "status",     [PARTICIPANT_FORGET] = "forget",
};

static bool prefix_valid(const char *text)
{
    return !*text || gid_valid(text);
}

static const struct field_rule field_gid = {gid_valid,
                                            "must be a gid: 1 to 64 of A-Z a-z 0-9 . _ : -"};
static bool memo_valid(const char *text)
{
    return strlen(text) < PARTICIPANT_MEMO_SIZE && strspn(text, "0123456789+") == strlen(text);
}

static const struct field_rule field_memo = {memo_valid, "must be as a prepare was answered"};
static const struct field_rule field_prefix = {
    prefix_valid, "must be the beginning of a gid: up to 64 of A-Z a-z 0-9 . _ : -"};

/* Exactly one of the verbs has to be there. */
static int find_verb(struct participant_request *request, const json_t *root, struct errctx *err)
{
    unsigned n = 0;

    for (unsigned i = 0; i < PARTICIPANT_VERBS; i++) {
        if (!json_object_get(root, verb_names[i]))
            continue;
        request->verb = (enum participant_verb)i;
        n++;
    }
    if (n != 1)
        return field_bad(err, "a request has one of prepare, commit, rollback, recover, status "
                              "and forget");
    return 0;
}

static int take_txn(struct participant_request *request, const json_t *root, struct errctx *err)
{
    int r = field_text(json_object_get(root, "request"), "request", &field_request_id,
                       request->txn.request, sizeof request->txn.request, err);

    if (r < 0)
        return r;
    return protocol_txn_from_json(json_object_get(root, "txn"), &request->txn, NULL, err);
}

static int take(struct participant_request *request, const json_t *root, struct errctx *err)
{
    const json_t *deadline = json_object_get(root, "deadline_ms");
    const json_t *memo = json_object_get(root, "memo");
    bool by_prefix;
    int r = field_int(json_object_get(root, "id"), "id", 0, INT64_MAX, &request->id, err);

    if (r == 0)
        r = find_verb(request, root, err);
    if (r < 0)
        return r;
    by_prefix = request->verb == PARTICIPANT_RECOVER;
    r = field_text(json_object_get(root, verb_names[request->verb]), verb_names[request->verb],
                   by_prefix ? &field_prefix : &field_gid, request->gid, sizeof request->gid, err);
    if (r == 0 && deadline)
        r = field_int(deadline, "deadline_ms", 1, PROTOCOL_DEADLINE_MS_MAX, &request->deadline_ms,
                      err);
    if (r == 0 && memo)
        r = field_text(memo, "memo", &field_memo, request->memo, sizeof request->memo, err);
    if (r == 0 && request->verb == PARTICIPANT_PREPARE)
        r = take_txn(request, root, err);
    return r;
}

int participant_decode(const char *line, size_t size, struct participant_request *ret_request,
                       struct errctx *err)
{
    json_t *root;
    int r;

    *ret_request = (struct participant_request){.id = -1, .deadline_ms = PROTOCOL_DEADLINE_MS};
    r = field_load(line, size, &root, err);
    if (r < 0)
        return r;
    r = take(ret_request, root, err);
    json_decref(root);
    return r;
}

static void begin(struct buf *out, int64_t id, const char *ok)
{
    if (id < 0)
        buf_printf(out, "{\"id\":null,\"ok\":%s", ok);
    else
        buf_printf(out, "{\"id\":%" PRId64 ",\"ok\":%s", id, ok);
}

void participant_begin_reply(struct buf *out, int64_t id)
{
    begin(out, id, "true");
}

void participant_refuse(struct buf *out, int64_t id, const char *code, const char *detail)
{
    begin(out, id, "false");
    buf_printf(out, ",\"code\":\"%s\"", code);
    if (*detail) {
        buf_append_str(out, ",\"detail\":");
        protocol_append_string(out, detail);
    }
    buf_append_str(out, "}\n");
}
