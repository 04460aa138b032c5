/*
 * The history's reading side. It believes nothing: what is cut, malformed, twice there or
 * contradicts itself is refused, because a verdict from half a history is worse than none.
 */
#include "harness/history/history.h"

#include "base/mem.h"
#include "harness/history/memory.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_SIZE_MIN 64 /* of an invocation: bounds the operation numbers of a file */
#define OPS_AT_FIRST  1024

struct reading {
    const char *path;
    unsigned long line;
    struct history *history;
    size_t capacity;
    size_t ops_max;
    size_t n_invoked;
    size_t n_ended;
    bool complete;  /* the closing line was there */
    struct txn txn; /* scratch, as large as it is */
    struct read_result read[TXN_OPS_MAX];
};

__attribute__((format(printf, 3, 4))) static int complain(const struct reading *in,
                                                          struct errctx *err, const char *fmt, ...)
{
    char what[sizeof err->message];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return err_set(err, EBADMSG, ERR_ABORT, "%s:%lu: %s", in->path, in->line, what);
}

/* --- fields -------------------------------------------------------------------------------- */

static int need_int(const struct reading *in, const json_t *line, const char *key, int64_t *ret,
                    struct errctx *err)
{
    const json_t *value = json_object_get(line, key);

    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return complain(in, err, "no number \"%s\"", key);
    *ret = json_integer_value(value);
    return 0;
}

static int need_text(const struct reading *in, const json_t *line, const char *key,
                     const char **ret, struct errctx *err)
{
    const json_t *value = json_object_get(line, key);

    if (!json_is_string(value))
        return complain(in, err, "no text \"%s\"", key);
    *ret = json_string_value(value);
    return 0;
}

/* Into the scratch transaction; `with_reads` into the scratch reads, too. */
static int need_txn(struct reading *in, const json_t *line, bool with_reads, struct errctx *err)
{
    struct errctx why = {0};
    const json_t *array = json_object_get(line, "txn");

    if (!array)
        return complain(in, err, "no \"txn\"");
    if (protocol_txn_from_json(array, &in->txn, with_reads ? in->read : NULL, &why) < 0)
        return complain(in, err, "txn: %s", why.message);
    return 0;
}

/* --- into memory --------------------------------------------------------------------------- */

static const struct history_txn *keep_txn(struct reading *in, const char *request)
{
    struct history_memory *memory = in->history->memory;
    struct history_txn *kept =
        history_memory_take(memory, sizeof *kept + in->txn.n_ops * sizeof kept->op[0]);

    kept->request = history_memory_text(memory, request);
    kept->n_ops = in->txn.n_ops;
    for (unsigned i = 0; i < kept->n_ops; i++) {
        const struct op *op = &in->txn.op[i];
        bool is_request = strcmp(op->value, request) == 0; /* the value most writes have */

        kept->op[i] = (struct history_micro){
            .kind = op->kind,
            .store = history_memory_shared(memory, op->store),
            .key = history_memory_shared(memory, op->key),
            .value = is_request ? kept->request : history_memory_text(memory, op->value),
            .delta = op->delta,
            .min = op->min,
            .has_min = op->has_min,
        };
    }
    return kept;
}

static const struct history_read *keep_reads(struct reading *in)
{
    struct history_memory *memory = in->history->memory;
    struct history_read *kept = history_memory_take(memory, in->txn.n_ops * sizeof *kept);

    for (unsigned i = 0; i < in->txn.n_ops; i++) {
        if (in->txn.op[i].kind != OP_READ) {
            kept[i].value = "";
            continue;
        }
        kept[i].found = in->read[i].found;
        kept[i].n = in->read[i].n;
        kept[i].value = in->read[i].found ? history_memory_text(memory, in->read[i].value) : "";
    }
    return kept;
}

static void make_room(struct reading *in, size_t n)
{
    struct history *history = in->history;
    size_t capacity = in->capacity ? in->capacity : OPS_AT_FIRST;

    while (capacity < n)
        capacity *= 2;
    if (capacity > in->capacity) {
        history->op = mem_realloc(history->op, capacity * sizeof *history->op);
        memset(history->op + in->capacity, 0, (capacity - in->capacity) * sizeof *history->op);
        in->capacity = capacity;
    }
    if (history->n < n)
        history->n = n;
}

/* --- lines --------------------------------------------------------------------------------- */

static int take_op_number(struct reading *in, const json_t *line, size_t *ret_op,
                          struct errctx *err)
{
    int64_t op = 0;
    int r = need_int(in, line, "op", &op, err);

    if (r < 0)
        return r;
    if ((size_t)op >= in->ops_max)
        return complain(in, err, "operation %" PRId64 " in a file of this size", op);
    *ret_op = (size_t)op;
    return 0;
}

static bool reads_store_directly(const struct history_op *op)
{
    return op->txn->n_ops == 1 && op->txn->op[0].kind == OP_READ &&
           strcmp(op->server, op->txn->op[0].store) == 0;
}

static int take_invoke(struct reading *in, const json_t *line, struct errctx *err)
{
    const char *request = NULL;
    const char *server = NULL;
    int64_t client = 0;
    struct history_op *op;
    size_t i = 0;
    int r = take_op_number(in, line, &i, err);

    if (r < 0)
        return r;
    make_room(in, i + 1);
    op = &in->history->op[i];
    if (op->txn)
        return complain(in, err, "operation %zu is invoked twice", i);
    if ((r = need_text(in, line, "request", &request, err)) < 0 ||
        (r = need_text(in, line, "server", &server, err)) < 0 ||
        (r = need_int(in, line, "client", &client, err)) < 0 ||
        (r = need_int(in, line, "planned", &op->planned_us, err)) < 0 ||
        (r = need_int(in, line, "at", &op->invoked_us, err)) < 0 ||
        (r = need_txn(in, line, false, err)) < 0)
        return r;
    if (!request_id_valid(request) || client > UINT32_MAX)
        return complain(in, err, "no such request id or client");
    op->op = (int64_t)i;
    op->client = (unsigned)client;
    op->server = history_memory_shared(in->history->memory, server);
    op->txn = keep_txn(in, request);
    op->probe = json_is_true(json_object_get(line, "probe"));
    op->direct_read = reads_store_directly(op);
    in->n_invoked++;
    return 0;
}

/* The operation that this line ends. */
static int take_open_op(struct reading *in, const json_t *line, struct history_op **ret_op,
                        struct errctx *err)
{
    struct history_op *op;
    int64_t at = 0;
    size_t i = 0;
    int r = take_op_number(in, line, &i, err);

    if (r == 0)
        r = need_int(in, line, "at", &at, err);
    if (r < 0)
        return r;
    if (i >= in->history->n || !in->history->op[i].txn)
        return complain(in, err, "operation %zu ends and was not invoked", i);
    op = &in->history->op[i];
    if (op->end != HISTORY_OPEN)
        return complain(in, err, "operation %zu ends twice", i);
    if (at < op->invoked_us)
        return complain(in, err, "operation %zu ends before it was invoked", i);
    op->ended_us = at;
    in->n_ended++;
    *ret_op = op;
    return 0;
}

static int take_ok(struct reading *in, const json_t *line, struct errctx *err)
{
    struct history_op *op = NULL;
    const char *level = NULL;
    int r = take_open_op(in, line, &op, err);

    if (r == 0)
        r = need_text(in, line, "level", &level, err);
    if (r < 0)
        return r;
    if (!level_find(level, &op->level))
        return complain(in, err, "no level is named \"%s\"", level);
    op->end = HISTORY_OK;
    if (!json_object_get(line, "txn"))
        return 0;
    r = need_txn(in, line, true, err);
    if (r < 0)
        return r;
    if (in->txn.n_ops != op->txn->n_ops)
        return complain(in, err, "txn: not the one that was invoked");
    op->read = keep_reads(in);
    return 0;
}

/* fail and info */
static int take_not_ok(struct reading *in, const json_t *line, enum history_end end,
                       struct errctx *err)
{
    struct history_op *op = NULL;
    const char *code = NULL;
    int r = take_open_op(in, line, &op, err);

    if (r == 0)
        r = need_text(in, line, "code", &code, err);
    if (r < 0)
        return r;
    if (!code_find(code, &op->code) || op->code == CODE_NONE)
        return complain(in, err, "no code is named \"%s\"", code);
    if (code_definite(op->code) != (end == HISTORY_FAIL))
        return complain(in, err, "\"%s\" is %s", code,
                        end == HISTORY_FAIL ? "no definite failure" : "definite: a fail");
    op->end = end;
    return 0;
}

static int take_closing(struct reading *in, const json_t *line, struct errctx *err)
{
    int64_t ops = 0;
    int64_t open = 0;
    int r = need_int(in, line, "ops", &ops, err);

    if (r == 0)
        r = need_int(in, line, "open", &open, err);
    if (r < 0)
        return r;
    if ((size_t)ops != in->n_invoked || (size_t)open != in->n_invoked - in->n_ended)
        return complain(in, err, "%zu operations, %zu of them open, are not what is said here",
                        in->n_invoked, in->n_invoked - in->n_ended);
    if (in->history->n != in->n_invoked)
        return complain(in, err, "operations are missing: the last one's number is %zu",
                        in->history->n - 1);
    in->complete = true;
    return 0;
}

static int take_object(struct reading *in, const json_t *line, struct errctx *err)
{
    const char *t = NULL;
    int r = need_text(in, line, "t", &t, err);

    if (r < 0)
        return r;
    if (strcmp(t, "invoke") == 0)
        return take_invoke(in, line, err);
    if (strcmp(t, "ok") == 0)
        return take_ok(in, line, err);
    if (strcmp(t, "fail") == 0)
        return take_not_ok(in, line, HISTORY_FAIL, err);
    if (strcmp(t, "info") == 0)
        return take_not_ok(in, line, HISTORY_INFO, err);
    if (strcmp(t, "end") == 0)
        return take_closing(in, line, err);
    return complain(in, err, "\"%s\" is no line of a history", t);
}

static int take_line(struct reading *in, const char *text, size_t size, struct errctx *err)
{
    json_error_t why;

    in->line++;
    if (in->complete)
        return complain(in, err, "a line after the closing one");
    if (text[size - 1] != '\n')
        return complain(in, err, "cut: the last line has no end");
    json_t *line = json_loadb(text, size, 0, &why);

    if (!line)
        return complain(in, err, "no JSON: %s", why.text);
    int r = take_object(in, line, err);

    json_decref(line);
    return r;
}

static int take_file(struct reading *in, FILE *file, struct errctx *err)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    int r = 0;

    while (r == 0 && (size = getline(&line, &capacity, file)) > 0)
        r = take_line(in, line, (size_t)size, err);
    free(line);
    if (r == 0 && ferror(file))
        return err_set(err, EIO, ERR_ABORT, "%s: cannot be read", in->path);
    if (r == 0 && !in->complete)
        return complain(in, err, "cut: the closing line {\"t\":\"end\"} is missing");
    return r;
}

int history_read(const char *path, struct history *ret_history, struct errctx *err)
{
    FILE *file = fopen(path, "re");
    struct stat stat;
    struct history history = {0};

    if (!file || fstat(fileno(file), &stat) < 0) {
        int r = err_set(err, errno, ERR_ABORT, "%s: %s", path, strerror(errno));

        if (file)
            (void)fclose(file); /* only read */
        return r;
    }
    struct reading *in = mem_alloc(sizeof *in);

    history.memory = history_memory_new();
    in->path = path;
    in->history = &history;
    in->ops_max = (size_t)stat.st_size / LINE_SIZE_MIN;
    int r = take_file(in, file, err);

    (void)fclose(file); /* only read */
    free(in);
    if (r < 0)
        history_done(&history);
    else
        *ret_history = history;
    return r;
}

void history_done(struct history *history)
{
    history_memory_free(history->memory);
    free(history->op);
    *history = (struct history){0};
}

void history_txn(const struct history_op *op, struct txn *ret_txn)
{
    memset(ret_txn, 0, sizeof *ret_txn);
    (void)snprintf(ret_txn->request, sizeof ret_txn->request, "%s", op->txn->request);
    ret_txn->n_ops = op->txn->n_ops;
    for (unsigned i = 0; i < op->txn->n_ops; i++) {
        const struct history_micro *from = &op->txn->op[i];
        struct op *to = &ret_txn->op[i];

        to->kind = from->kind;
        to->delta = from->delta;
        to->has_min = from->has_min;
        to->min = from->min;
        (void)snprintf(to->store, sizeof to->store, "%s", from->store);
        (void)snprintf(to->key, sizeof to->key, "%s", from->key);
        (void)snprintf(to->value, sizeof to->value, "%s", from->value);
    }
}
