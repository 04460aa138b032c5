/* Log records: see the header. */
#include "model/envelope.h"

#include "base/crc32c.h"
#include "model/field.h"
#include "model/protocol.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

static bool id_valid(const char *text)
{
    size_t n = strlen(text);

    return n > 0 && n < ENVELOPE_ID_SIZE && value_valid(text);
}

static bool name_valid(const char *text)
{
    size_t n = strlen(text);

    return n > 0 && n < ENVELOPE_NAME_SIZE && value_valid(text);
}

static const struct field_rule id_rule = {id_valid, "must be 1 to 63 bytes of text"};
static const struct field_rule name_rule = {name_valid, "must be 1 to 31 bytes of text"};

static void append_op(struct buf *out, const struct op *op)
{
    buf_append_str(out, "{\"store\":\"");
    buf_append_str(out, op->store);
    buf_append_str(out, "\",\"key\":");
    protocol_append_string(out, op->key);
    buf_append_str(out, ",\"op\":\"");
    buf_append_str(out, op_kind_name(op->kind));
    buf_append_str(out, "\",\"value\":");
    if (op->kind == OP_INCR)
        buf_printf(out, "%" PRId64, op->delta);
    else if (op->kind == OP_READ)
        buf_append_str(out, "null");
    else
        protocol_append_string(out, op->value);
    if (op->has_min)
        buf_printf(out, ",\"min\":%" PRId64, op->min);
    if (op->version != 0)
        buf_printf(out, ",\"version\":%" PRId64, op->version);
    buf_append_str(out, ",\"old\":null}");
}

void envelope_encode(struct buf *out, const struct envelope *envelope)
{
    buf_printf(out, "{\"v\":%d,", ENVELOPE_VERSION);
    if (envelope->kind == ENVELOPE_MARKER) {
        buf_append_str(out, "\"marker\":");
        protocol_append_string(out, envelope->id);
        buf_append_char(out, '}');
        return;
    }
    buf_append_str(out, "\"id\":");
    protocol_append_string(out, envelope->id);
    buf_append_str(out, ",\"request\":");
    protocol_append_string(out, envelope->txn.request);
    buf_append_str(out, ",\"source\":");
    protocol_append_string(out, envelope->source);
    buf_printf(out, ",\"position\":%" PRId64 ",\"lamport\":%" PRId64 ",\"ops\":[",
               envelope->source_position, envelope->lamport);
    for (unsigned i = 0; i < envelope->txn.n_ops; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        append_op(out, &envelope->txn.op[i]);
    }
    buf_append_str(out, "]}");
}

static int take_delta(struct op *op, const json_t *json, struct errctx *err)
{
    const json_t *min = json_object_get(json, "min");
    int r =
        field_int(json_object_get(json, "value"), "value", INT64_MIN, INT64_MAX, &op->delta, err);

    if (r < 0 || !min)
        return r;
    op->has_min = true;
    return field_int(min, "min", INT64_MIN, INT64_MAX, &op->min, err);
}

static int take_text(struct op *op, const json_t *json, struct errctx *err)
{
    const json_t *version = json_object_get(json, "version");
    int r = field_text(json_object_get(json, "value"), "value", &field_value, op->value,
                       sizeof op->value, err);

    if (r < 0 || !version || op->kind != OP_WRITE)
        return r;
    return field_int(version, "version", 1, INT64_MAX, &op->version, err);
}

static int take_value(struct op *op, const json_t *json, struct errctx *err)
{
    if (op->kind == OP_INCR)
        return take_delta(op, json, err);
    if (op->kind != OP_READ)
        return take_text(op, json, err);
    return json_is_null(json_object_get(json, "value"))
               ? 0
               : field_bad(err, "a read's value must be null");
}

static int take_op(struct op *op, const json_t *json, struct errctx *err)
{
    const char *kind = json_string_value(json_object_get(json, "op"));
    int r;

    *op = (struct op){0};
    if (!kind || !op_kind_find(kind, &op->kind))
        return field_bad(err, "op must be r, w, insert, incr or append");
    r = field_text(json_object_get(json, "store"), "store", &field_store, op->store,
                   sizeof op->store, err);
    if (r < 0)
        return r;
    r = field_text(json_object_get(json, "key"), "key", &field_key, op->key, sizeof op->key, err);
    return r < 0 ? r : take_value(op, json, err);
}

static int take_ops(struct txn *txn, const json_t *ops, struct errctx *err)
{
    size_t n = json_array_size(ops);

    if (n == 0 || n > TXN_OPS_MAX)
        return field_bad(err, "ops must be a list of 1 to %d", TXN_OPS_MAX);
    txn->n_ops = (unsigned)n;
    for (size_t i = 0; i < n; i++) {
        int r = take_op(&txn->op[i], json_array_get(ops, i), err);

        if (r < 0)
            return err_prefix(err, r, "ops[%zu]", i);
    }
    return 0;
}

static int take_txn(struct envelope *e, const json_t *root, struct errctx *err)
{
    int r = field_text(json_object_get(root, "id"), "id", &id_rule, e->id, sizeof e->id, err);

    if (r == 0)
        r = field_text(json_object_get(root, "request"), "request", &field_request_id,
                       e->txn.request, sizeof e->txn.request, err);
    if (r == 0)
        r = field_text(json_object_get(root, "source"), "source", &name_rule, e->source,
                       sizeof e->source, err);
    if (r == 0)
        r = field_int(json_object_get(root, "position"), "position", 0, INT64_MAX,
                      &e->source_position, err);
    if (r == 0)
        r = field_int(json_object_get(root, "lamport"), "lamport", 0, INT64_MAX, &e->lamport, err);
    return r < 0 ? r : take_ops(&e->txn, json_object_get(root, "ops"), err);
}

static int take_envelope(struct envelope *e, const json_t *root, struct errctx *err)
{
    const json_t *marker = json_object_get(root, "marker");
    int64_t version;
    int r = field_int(json_object_get(root, "v"), "v", 1, INT64_MAX, &version, err);

    if (r < 0)
        return r;
    if (version > ENVELOPE_VERSION)
        return field_bad(err, "version %" PRId64 " is above ours, %d", version, ENVELOPE_VERSION);
    if (!marker)
        return take_txn(e, root, err);
    e->kind = ENVELOPE_MARKER;
    return field_text(marker, "marker", &id_rule, e->id, sizeof e->id, err);
}

int envelope_decode(const char *data, size_t size, struct envelope *ret_envelope,
                    struct errctx *err)
{
    json_t *root;
    int r = field_load(data, size, &root, err);

    if (r < 0)
        return r;
    *ret_envelope = (struct envelope){.kind = ENVELOPE_TXN};
    r = take_envelope(ret_envelope, root, err);
    json_decref(root);
    return r;
}

unsigned envelope_partition(const char *key, unsigned n_partitions)
{
    assert(n_partitions >= 1);
    return crc32c(key, strlen(key)) % n_partitions;
}
