/* The client protocol, writing: by hand into a buffer, since load and front door live on it. */
#include "model/protocol.h"
#include "model/utf8.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static void append_int(struct buf *out, int64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        buf_append_char(out, '-');
    buf_append(out, digits + at, sizeof digits - at);
}

/* A character that may stand in a JSON string as it is; for those above 0x7f see below. */
static bool is_plain(char c)
{
    return (c >= 0x20 && c < 0x7f && c != '"' && c != '\\');
}

/* One character that is not plain; returns how many bytes of `text` it was. */
static size_t append_special(struct buf *out, const char *text)
{
    size_t size = utf8_char_size(text);

    if (*text == '"' || *text == '\\') {
        buf_append_char(out, '\\');
        buf_append_char(out, *text);
        return 1;
    }
    if (size == 0) { /* not UTF-8, as in the cut message of a server: U+FFFD, the replacement */
        buf_append_str(out, "\xef\xbf\xbd");
        return 1;
    }
    if (size == 1)
        buf_printf(out, "\\u%04x", (unsigned)*text);
    else
        buf_append(out, text, size);
    return size;
}

void protocol_append_string(struct buf *out, const char *text)
{
    buf_append_char(out, '"');
    while (*text) {
        size_t n = 0;

        while (is_plain(text[n]))
            n++;
        buf_append(out, text, n);
        text += n;
        if (*text)
            text += append_special(out, text);
    }
    buf_append_char(out, '"');
}

static void append_position(struct buf *out, const struct position *position)
{
    const char *separator = "{\"";

    assert(position->n <= PARTITIONS_MAX);
    for (unsigned i = 0; i < position->n; i++) {
        if (position->offset[i] < 0)
            continue;
        buf_append_str(out, separator);
        append_int(out, i);
        buf_append_str(out, "\":");
        append_int(out, position->offset[i]);
        separator = ",\"";
    }
    buf_append_str(out, *separator == '{' ? "{}" : "}");
}

static void append_read(struct buf *out, const struct txn *txn, const struct op *op,
                        const struct read_result *read)
{
    if (read && read->found)
        protocol_append_string(out, read->value);
    else
        buf_append_str(out, "null");
    if (read) {
        buf_append_char(out, ',');
        append_int(out, read->n);
    } else if (op->has_after) {
        buf_append_str(out, ",{\"after\":");
        append_position(out, &txn->after);
        buf_append_char(out, '}');
    }
}

static void append_incr(struct buf *out, const struct op *op)
{
    append_int(out, op->delta);
    if (!op->has_min)
        return;
    buf_append_str(out, ",{\"min\":");
    append_int(out, op->min);
    buf_append_char(out, '}');
}

static void append_value(struct buf *out, const struct op *op)
{
    protocol_append_string(out, op->value);
    if (op->version == 0)
        return;
    buf_append_str(out, ",{\"version\":");
    append_int(out, op->version);
    buf_append_char(out, '}');
}

void protocol_append_txn(struct buf *out, const struct txn *txn, const struct read_result *reads)
{
    assert(txn->n_ops <= TXN_OPS_MAX);
    buf_append_char(out, '[');
    for (unsigned i = 0; i < txn->n_ops; i++) {
        const struct op *op = &txn->op[i];

        buf_append_str(out, i == 0 ? "[\"" : ",[\"");
        buf_append_str(out, op_kind_name(op->kind));
        buf_append_str(out, "\",\"");
        buf_append_str(out, op->store); /* no character of a store's name needs an escape */
        buf_append_str(out, "\",");
        protocol_append_string(out, op->key);
        buf_append_char(out, ',');
        if (op->kind == OP_READ)
            append_read(out, txn, op, reads ? &reads[i] : NULL);
        else if (op->kind == OP_INCR)
            append_incr(out, op);
        else
            append_value(out, op);
        buf_append_char(out, ']');
    }
    buf_append_char(out, ']');
}

void protocol_encode_request(struct buf *out, const struct request *request)
{
    buf_append_str(out, "{\"id\":");
    append_int(out, request->id);
    if (request->kind == REQUEST_STATUS) {
        buf_append_str(out, ",\"status\":");
        protocol_append_string(out, request->txn.request);
    } else {
        buf_append_str(out, ",\"request\":");
        protocol_append_string(out, request->txn.request);
        buf_append_str(out, ",\"deadline_ms\":");
        append_int(out, request->deadline_ms);
        buf_append_str(out, ",\"txn\":");
        protocol_append_txn(out, &request->txn, NULL);
    }
    buf_append_str(out, "}\n");
}

static void append_refusal(struct buf *out, const struct reply *reply)
{
    buf_append_str(out, ",\"ok\":false,\"code\":\"");
    buf_append_str(out, code_name(reply->code));
    buf_append_str(out,
                   code_definite(reply->code) ? "\",\"definite\":true" : "\",\"definite\":false");
    if (reply->detail[0]) {
        buf_append_str(out, ",\"detail\":");
        protocol_append_string(out, reply->detail);
    }
}

static void append_ok(struct buf *out, const struct reply *reply, const struct txn *txn)
{
    buf_append_str(out, ",\"ok\":true");
    if (reply->is_status) {
        buf_append_str(out, ",\"outcome\":\"");
        buf_append_str(out, outcome_name(reply->outcome));
        buf_append_char(out, '"');
        return;
    }
    buf_append_str(out, ",\"level\":\"");
    buf_append_str(out, level_name(reply->level));
    buf_append_char(out, '"');
    if (reply->has_reads) {
        assert(txn);
        buf_append_str(out, ",\"txn\":");
        protocol_append_txn(out, txn, reply->read);
    }
    if (reply->position.n > 0) {
        buf_append_str(out, ",\"position\":");
        append_position(out, &reply->position);
    }
}

void protocol_encode_reply(struct buf *out, const struct reply *reply, const struct txn *txn)
{
    buf_append_str(out, "{\"id\":");
    if (reply->id < 0)
        buf_append_str(out, "null");
    else
        append_int(out, reply->id);
    if (reply->code == CODE_NONE)
        append_ok(out, reply, txn);
    else
        append_refusal(out, reply);
    buf_append_str(out, "}\n");
}
