/*
 * The client protocol, reading. Strict where it matters: types, limits and duplicate keys are
 * errors everywhere, unknown fields only inside a transaction; elsewhere they are left to later
 * versions.
 */
#include "model/field.h"
#include "model/protocol.h"
#include "model/utf8.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* --- transactions -------------------------------------------------------------------------- */

static int take_after(struct txn *txn, const json_t *options, struct errctx *err)
{
    struct position position;
    int r;

    if (!json_is_object(options) || json_object_size(options) != 1)
        return field_bad(err, "the options of a read are {\"after\": position}");
    r = field_position(json_object_get(options, "after"), "after", &position, err);
    if (r < 0)
        return r;
    if (txn->after.n > 0 && memcmp(&txn->after, &position, sizeof position) != 0)
        return field_bad(err, "the reads of a transaction wait for one position");
    txn->after = position;
    return 0;
}

/* ["r",store,key,null] or ["r",store,key,null,{"after":position}] */
static int take_read(struct txn *txn, struct op *op, const json_t *array, struct errctx *err)
{
    if (!json_is_null(json_array_get(array, 3)))
        return field_bad(err, "a read's value must be null");
    if (json_array_size(array) == 4)
        return 0;
    op->has_after = true;
    return take_after(txn, json_array_get(array, 4), err);
}

/* ["r",store,key,value-or-null,n] */
static int take_found(struct read_result *read, const json_t *array, struct errctx *err)
{
    const json_t *value = json_array_get(array, 3);
    int r = 0;

    *read = (struct read_result){.found = !json_is_null(value)};
    if (read->found)
        r = field_text(value, "value", &field_value, read->value, sizeof read->value, err);
    if (r < 0)
        return r;
    return field_int(json_array_get(array, 4), "a read's journal length", 0, INT64_MAX, &read->n,
                     err);
}

/* ["incr",store,key,delta] or ["incr",store,key,delta,{"min":m}] */
static int take_incr(struct op *op, const json_t *array, struct errctx *err)
{
    const json_t *options = json_array_get(array, 4);
    int r = field_int(json_array_get(array, 3), "delta", INT64_MIN, INT64_MAX, &op->delta, err);

    if (r < 0 || !options)
        return r;
    if (!json_is_object(options) || json_object_size(options) != 1)
        return field_bad(err, "the options of incr are {\"min\": number}");
    op->has_min = true;
    return field_int(json_object_get(options, "min"), "min", INT64_MIN, INT64_MAX, &op->min, err);
}

/* ["w",store,key,value] or ["w",store,key,value,{"version":v}]; the others take a value only */
static int take_value(struct op *op, const json_t *array, struct errctx *err)
{
    const json_t *options = json_array_get(array, 4);
    int r = field_text(json_array_get(array, 3), "value", &field_value, op->value, sizeof op->value,
                       err);

    if (r < 0 || !options)
        return r;
    if (op->kind != OP_WRITE)
        return field_bad(err, "%s takes a value and nothing more", op_kind_name(op->kind));
    if (!json_is_object(options) || json_object_size(options) != 1)
        return field_bad(err, "the options of w are {\"version\": number}");
    return field_int(json_object_get(options, "version"), "version", 1, INT64_MAX, &op->version,
                     err);
}

static int take_op(struct txn *txn, struct op *op, struct read_result *read, const json_t *array,
                   struct errctx *err)
{
    const char *kind = json_string_value(json_array_get(array, 0));
    size_t n = json_array_size(array);
    int r;

    if (n < 4 || n > 5)
        return field_bad(err, "must be [operation, store, key, argument] and options");
    if (!kind || !op_kind_find(kind, &op->kind))
        return field_bad(err, "the operation must be r, w, insert, incr or append");
    r = field_text(json_array_get(array, 1), "store", &field_store, op->store, sizeof op->store,
                   err);
    if (r < 0)
        return r;
    r = field_text(json_array_get(array, 2), "key", &field_key, op->key, sizeof op->key, err);
    if (r < 0)
        return r;
    if (op->kind == OP_READ)
        return read ? take_found(read, array, err) : take_read(txn, op, array, err);
    return op->kind == OP_INCR ? take_incr(op, array, err) : take_value(op, array, err);
}

int protocol_txn_from_json(const json_t *array, struct txn *ret_txn, struct read_result *ret_reads,
                           struct errctx *err)
{
    size_t n = json_array_size(array);

    if (!json_is_array(array))
        return field_bad(err, array ? "txn must be a list of operations" : "txn is missing");
    if (n == 0)
        return field_bad(err, "txn has no operation");
    if (n > TXN_OPS_MAX)
        return field_bad(err, "txn has more than %d operations", TXN_OPS_MAX);
    ret_txn->n_ops = (unsigned)n;
    ret_txn->after.n = 0;
    for (size_t i = 0; i < n; i++) {
        int r;

        ret_txn->op[i] = (struct op){0};
        r = take_op(ret_txn, &ret_txn->op[i], ret_reads ? &ret_reads[i] : NULL,
                    json_array_get(array, i), err);
        if (r < 0)
            return err_prefix(err, r, "operation %zu", i);
    }
    return 0;
}

/* --- requests ------------------------------------------------------------------------------ */

static int take_request(struct request *request, const json_t *root, struct errctx *err)
{
    const json_t *status = json_object_get(root, "status");
    const json_t *txn = json_object_get(root, "txn");
    const json_t *deadline = json_object_get(root, "deadline_ms");
    struct txn *into = &request->txn;
    int r = field_int(json_object_get(root, "id"), "id", 0, INT64_MAX, &request->id, err);

    if (r < 0)
        return r;
    if (status && txn)
        return field_bad(err, "a request has either txn or status");
    if (status) {
        request->kind = REQUEST_STATUS;
        return field_text(status, "status", &field_request_id, into->request, sizeof into->request,
                          err);
    }
    r = field_text(json_object_get(root, "request"), "request", &field_request_id, into->request,
                   sizeof into->request, err);
    if (r < 0)
        return r;
    request->deadline_ms = PROTOCOL_DEADLINE_MS;
    if (deadline)
        r = field_int(deadline, "deadline_ms", 1, PROTOCOL_DEADLINE_MS_MAX, &request->deadline_ms,
                      err);
    return r < 0 ? r : protocol_txn_from_json(txn, into, NULL, err);
}

int protocol_decode_request(const char *line, size_t size, struct request *ret_request,
                            struct errctx *err)
{
    json_t *root;
    int r;

    *ret_request = (struct request){.kind = REQUEST_TXN, .id = -1};
    if (size >= PROTOCOL_LINE_MAX)
        return field_bad(err, "the line is longer than %d bytes", PROTOCOL_LINE_MAX);
    r = field_load(line, size, &root, err);
    if (r < 0)
        return r;
    r = take_request(ret_request, root, err);
    json_decref(root);
    return r;
}

/* --- replies ------------------------------------------------------------------------------- */

static int take_refusal(struct reply *reply, const json_t *root, struct errctx *err)
{
    const char *code = json_string_value(json_object_get(root, "code"));
    const json_t *detail = json_object_get(root, "detail");
    const char *text = json_string_value(detail);
    size_t n;

    if (!code || !code_find(code, &reply->code))
        return field_bad(err, "code must be one of the protocol's");
    if (!detail)
        return 0;
    if (!text)
        return field_bad(err, "detail must be a string");
    n = utf8_cut(text, sizeof reply->detail - 1);
    memcpy(reply->detail, text, n);
    return 0;
}

static int take_reads(struct reply *reply, const json_t *array, struct errctx *err)
{
    struct txn txn;
    int r = protocol_txn_from_json(array, &txn, reply->read, err);

    reply->has_reads = true;
    for (unsigned i = 0; r == 0 && i < txn.n_ops; i++)
        reply->came |= (uint32_t)(txn.op[i].kind == OP_READ) << i;
    return r;
}

static int take_ok(struct reply *reply, const json_t *root, struct errctx *err)
{
    const json_t *outcome = json_object_get(root, "outcome");
    const char *level = json_string_value(json_object_get(root, "level"));
    const json_t *txn = json_object_get(root, "txn");
    json_t *position = json_object_get(root, "position");
    int r = 0;

    if (outcome) {
        reply->is_status = true;
        if (!json_is_string(outcome) || !outcome_find(json_string_value(outcome), &reply->outcome))
            return field_bad(err, "outcome must be committed, aborted, pending or unknown");
        return 0;
    }
    if (!level || !level_find(level, &reply->level))
        return field_bad(err, "level must be none, logged, decided, first or everywhere");
    if (txn)
        r = take_reads(reply, txn, err);
    if (r == 0 && position)
        r = field_position(position, "position", &reply->position, err);
    return r;
}

static int take_reply(struct reply *reply, const json_t *root, struct errctx *err)
{
    const json_t *id = json_object_get(root, "id");
    const json_t *ok = json_object_get(root, "ok");
    int r = 0;

    if (!json_is_null(id)) /* null: the door could not read our id */
        r = field_int(id, "id", 0, INT64_MAX, &reply->id, err);
    if (r < 0)
        return r;
    if (!json_is_boolean(ok))
        return field_bad(err, "ok must be true or false");
    return json_is_true(ok) ? take_ok(reply, root, err) : take_refusal(reply, root, err);
}

int protocol_decode_reply(const char *line, size_t size, struct reply *ret_reply,
                          struct errctx *err)
{
    json_t *root;
    int r;

    *ret_reply = (struct reply){.id = -1};
    if (size >= PROTOCOL_LINE_MAX)
        return field_bad(err, "the line is longer than %d bytes", PROTOCOL_LINE_MAX);
    r = field_load(line, size, &root, err);
    if (r < 0)
        return r;
    r = take_reply(ret_reply, root, err);
    json_decref(root);
    return r;
}
