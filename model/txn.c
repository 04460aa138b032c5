/* Transactions and their journal's text: see the header. */
#include "model/txn.h"

#include "model/utf8.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const op_names[OP_KINDS] = {
    [OP_READ] = "r",    [OP_WRITE] = "w",       [OP_INSERT] = "insert",
    [OP_INCR] = "incr", [OP_APPEND] = "append",
};

const char *op_kind_name(enum op_kind kind)
{
    assert(kind < OP_KINDS);
    return op_names[kind];
}

bool op_kind_find(const char *name, enum op_kind *ret_kind)
{
    for (unsigned i = 0; i < OP_KINDS; i++) {
        if (strcmp(name, op_names[i]) == 0) {
            *ret_kind = (enum op_kind)i;
            return true;
        }
    }
    return false;
}

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool request_id_valid(const char *id)
{
    size_t n = 0;

    for (; id[n]; n++) {
        char c = id[n];

        if (n == REQUEST_ID_SIZE - 1)
            return false;
        if (!is_lower(c) && !(c >= 'A' && c <= 'Z') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return n > 0;
}

bool store_name_valid(const char *name)
{
    size_t n = 0;

    for (; name[n]; n++) {
        if (n == STORE_NAME_SIZE - 1 || (!is_lower(name[n]) && name[n] != '-'))
            return false;
    }
    return n > 0;
}

bool key_valid(const char *key)
{
    size_t n = 0;

    for (; key[n]; n++) {
        if (n == KEY_SIZE - 1 || key[n] <= ' ' || key[n] > '~' || key[n] == '"' || key[n] == '\'')
            return false;
    }
    return n > 0;
}

bool value_valid(const char *value)
{
    size_t n = 0;

    while (value[n]) {
        size_t size = utf8_char_size(value + n);
        unsigned char first = (unsigned char)value[n];

        if (size == 0 || n + size > VALUE_SIZE - 1)
            return false;
        if (first < 0x20 || first == 0x7f)
            return false;
        if (first == 0xc2 && (unsigned char)value[n + 1] < 0xa0) /* C1 controls */
            return false;
        n += size;
    }
    return true;
}

uint32_t txn_ops_of(const struct txn *txn, const char *store)
{
    uint32_t ops = 0;

    for (unsigned i = 0; i < txn->n_ops; i++) {
        if (strcmp(txn->op[i].store, store) == 0)
            ops |= UINT32_C(1) << i;
    }
    return ops;
}

bool txn_writes(const struct txn *txn, uint32_t ops)
{
    for (unsigned i = 0; i < txn->n_ops; i++) {
        if ((ops & UINT32_C(1) << i) && txn->op[i].kind != OP_READ)
            return true;
    }
    return false;
}

void txn_journal_op(const struct txn *txn, unsigned i, char ret_text[JOURNAL_OP_SIZE])
{
    const struct op *op = &txn->op[i];
    int size;

    assert(i < txn->n_ops);
    assert(op->kind != OP_READ);
    if (op->kind == OP_INCR)
        size = snprintf(ret_text, JOURNAL_OP_SIZE, "%u incr %" PRId64, i, op->delta);
    else if (op->version != 0)
        size = snprintf(ret_text, JOURNAL_OP_SIZE, "%u %s@%" PRId64 " %s", i, op_names[op->kind],
                        op->version, op->value);
    else
        size = snprintf(ret_text, JOURNAL_OP_SIZE, "%u %s %s", i, op_names[op->kind], op->value);
    assert(size > 0);
    assert(size < JOURNAL_OP_SIZE);
}

static bool parse_number(const char *text, int64_t *ret_number)
{
    char again[24];
    char *end;
    long long number;

    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno != 0 || *text == '\0' || *end != '\0')
        return false;
    (void)snprintf(again, sizeof again, "%lld", number);
    *ret_number = number;
    return strcmp(text, again) == 0; /* "+1", " 1" and "01" are not how we write it */
}

/* "17 " at the front: the index, below TXN_OPS_MAX. Returns what follows, or NULL. */
static const char *parse_index(const char *text, unsigned *ret_index)
{
    unsigned index = 0;
    size_t n = 0;

    for (; text[n] >= '0' && text[n] <= '9' && n < 2; n++)
        index = index * 10 + (unsigned)(text[n] - '0');
    if (n == 0 || text[n] != ' ' || index >= TXN_OPS_MAX || (n == 2 && text[0] == '0'))
        return NULL;
    *ret_index = index;
    return text + n + 1;
}

/* "w", "incr", "w@1234": the kind, and a write's version. */
static bool parse_kind(char *text, struct op *op)
{
    char *at = strchr(text, '@');

    if (at)
        *at = '\0';
    if (!op_kind_find(text, &op->kind) || op->kind == OP_READ)
        return false;
    return !at || (op->kind == OP_WRITE && parse_number(at + 1, &op->version) && op->version > 0);
}

bool journal_op_parse(const char *text, unsigned *ret_index, struct op *ret_op)
{
    struct op op = {0};
    unsigned index;
    const char *name = parse_index(text, &index);
    const char *space = name ? strchr(name, ' ') : NULL;
    char kind[32];

    if (!space || (size_t)(space - name) >= sizeof kind)
        return false;
    (void)snprintf(kind, sizeof kind, "%.*s", (int)(space - name), name);
    if (!parse_kind(kind, &op))
        return false;
    if (op.kind == OP_INCR) {
        if (!parse_number(space + 1, &op.delta))
            return false;
    } else {
        if (!value_valid(space + 1))
            return false;
        (void)snprintf(op.value, sizeof op.value, "%s", space + 1);
    }
    *ret_index = index;
    *ret_op = op;
    return true;
}

static void fold_append(struct folded *state, const char *element)
{
    char joined[2 * VALUE_SIZE];
    size_t size;

    if (state->exists)
        (void)snprintf(joined, sizeof joined, "%s,%s", state->value, element);
    else
        (void)snprintf(joined, sizeof joined, "%s", element);
    size = utf8_cut(joined, VALUE_SIZE - 1);
    memcpy(state->value, joined, size);
    state->value[size] = '\0';
}

void journal_fold(struct folded *state, const struct op *op)
{
    switch (op->kind) {
    case OP_WRITE:
    case OP_INSERT:
        if (op->version != 0 && op->version <= state->version)
            break;
        state->version = op->version != 0 ? op->version : state->version;
        (void)snprintf(state->value, sizeof state->value, "%s", op->value);
        break;
    case OP_INCR:
        /* A store raises on overflow, so its journal has none; a forged one must not be ours. */
        if (__builtin_add_overflow(state->number, op->delta, &state->number))
            state->number = op->delta < 0 ? INT64_MIN : INT64_MAX;
        (void)snprintf(state->value, sizeof state->value, "%" PRId64, state->number);
        break;
    case OP_APPEND:
        fold_append(state, op->value);
        break;
    case OP_READ: /* is never journalled */
    case OP_KINDS:
        return;
    }
    state->exists = true;
    state->n++;
}
