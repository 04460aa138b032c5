/*
 * The history's reading side. It believes nothing: what is cut, malformed, twice there or
 * contradicts itself is refused, because a verdict from half a history is worse than none.
 */
#include "harness/history/history.h"

#include "base/mem.h"
#include "harness/history/memory.h"
#include "harness/ndjson.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_SIZE_MIN 64 /* of an invocation: bounds the operation numbers of a file */
#define OPS_AT_FIRST  1024

struct reading {
    struct ndjson lines;
    struct history *history;
    size_t capacity;
    size_t ops_max;
    size_t n_invoked;
    size_t n_ended;
    bool complete;  /* the closing line was there */
    struct txn txn; /* scratch, as large as it is */
    struct read_result read[TXN_OPS_MAX];
};

/* Into the scratch transaction; `with_reads` into the scratch reads, too. */
static int need_txn(struct reading *in, const json_t *line, bool with_reads, struct errctx *err)
{
    struct errctx why = {0};
    const json_t *array = json_object_get(line, "txn");

    if (!array)
        return ndjson_complain(&in->lines, err, "no \"txn\"");
    if (protocol_txn_from_json(array, &in->txn, with_reads ? in->read : NULL, &why) < 0)
        return ndjson_complain(&in->lines, err, "txn: %s", why.message);
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
    int r = ndjson_count(&in->lines, line, "op", &op, err);

    if (r < 0)
        return r;
    if ((size_t)op >= in->ops_max)
        return ndjson_complain(&in->lines, err, "operation %" PRId64 " in a file of this size", op);
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
        return ndjson_complain(&in->lines, err, "operation %zu is invoked twice", i);
    if ((r = ndjson_text(&in->lines, line, "request", &request, err)) < 0 ||
        (r = ndjson_text(&in->lines, line, "server", &server, err)) < 0 ||
        (r = ndjson_count(&in->lines, line, "client", &client, err)) < 0 ||
        (r = ndjson_count(&in->lines, line, "planned", &op->planned_us, err)) < 0 ||
        (r = ndjson_count(&in->lines, line, "at", &op->invoked_us, err)) < 0 ||
        (r = need_txn(in, line, false, err)) < 0)
        return r;
    if (!request_id_valid(request) || client >= HISTORY_CLIENTS_MAX)
        return ndjson_complain(&in->lines, err, "no such request id or client");
    op->op = (int64_t)i;
    op->client = (unsigned)client;
    op->server = history_memory_shared(in->history->memory, server);
    op->txn = keep_txn(in, request);
    op->probe = json_is_true(json_object_get(line, "probe"));
    op->direct_read = reads_store_directly(op);
    in->n_invoked++;
    return 0;
}

/* The operation that this line `does` something to ("ends", "is sent again"), and when. */
static int take_open_op(struct reading *in, const json_t *line, const char *does,
                        struct history_op **ret_op, int64_t *ret_at_us, struct errctx *err)
{
    struct history_op *op;
    int64_t at_us = 0;
    size_t i = 0;
    int r = take_op_number(in, line, &i, err);

    if (r == 0)
        r = ndjson_count(&in->lines, line, "at", &at_us, err);
    if (r < 0)
        return r;
    if (i >= in->history->n || !in->history->op[i].txn)
        return ndjson_complain(&in->lines, err, "operation %zu %s and was not invoked", i, does);
    op = &in->history->op[i];
    if (op->end != HISTORY_OPEN)
        return ndjson_complain(&in->lines, err, "operation %zu %s after its end", i, does);
    if (at_us < (op->retry ? op->retry->at_us : op->invoked_us))
        return ndjson_complain(&in->lines, err, "operation %zu %s before it was sent", i, does);
    *ret_op = op;
    *ret_at_us = at_us;
    return 0;
}

static int take_retry(struct reading *in, const json_t *line, struct errctx *err)
{
    struct history_memory *memory = in->history->memory;
    const char *server = NULL;
    struct history_op *op = NULL;
    int64_t at_us = 0;
    int r = take_open_op(in, line, "is sent again", &op, &at_us, err);

    if (r == 0)
        r = ndjson_text(&in->lines, line, "server", &server, err);
    if (r < 0)
        return r;
    struct history_retry *retry = history_memory_take(memory, sizeof *retry);

    *retry = (struct history_retry){history_memory_shared(memory, server), at_us, op->retry};
    op->retry = retry;
    return 0;
}

/* The operation that this line ends. */
static int take_ended_op(struct reading *in, const json_t *line, struct history_op **ret_op,
                         struct errctx *err)
{
    int64_t at_us = 0;
    int r = take_open_op(in, line, "ends", ret_op, &at_us, err);

    if (r < 0)
        return r;
    assert(*ret_op);
    (*ret_op)->ended_us = at_us;
    in->n_ended++;
    return 0;
}

/* Of the scratch transaction, which an answer came with. */
static bool is_what_was_invoked(const struct reading *in, const struct history_txn *txn)
{
    if (in->txn.n_ops != txn->n_ops)
        return false;
    for (unsigned i = 0; i < txn->n_ops; i++) {
        const struct op *op = &in->txn.op[i];

        if (op->kind != txn->op[i].kind || strcmp(op->store, txn->op[i].store) != 0 ||
            strcmp(op->key, txn->op[i].key) != 0)
            return false;
    }
    return true;
}

static int take_ok(struct reading *in, const json_t *line, struct errctx *err)
{
    struct history_op *op = NULL;
    const char *level = NULL;
    int r = take_ended_op(in, line, &op, err);

    if (r == 0)
        r = ndjson_text(&in->lines, line, "level", &level, err);
    if (r < 0)
        return r;
    if (!level_find(level, &op->level))
        return ndjson_complain(&in->lines, err, "no level is named \"%s\"", level);
    op->end = HISTORY_OK;
    if (!json_object_get(line, "txn"))
        return 0;
    r = need_txn(in, line, true, err);
    if (r < 0)
        return r;
    if (!is_what_was_invoked(in, op->txn))
        return ndjson_complain(&in->lines, err, "txn: not the one that was invoked");
    op->read = keep_reads(in);
    return 0;
}

/* fail and info */
static int take_not_ok(struct reading *in, const json_t *line, enum history_end end,
                       struct errctx *err)
{
    struct history_op *op = NULL;
    const char *code = NULL;
    int r = take_ended_op(in, line, &op, err);

    if (r == 0)
        r = ndjson_text(&in->lines, line, "code", &code, err);
    if (r < 0)
        return r;
    if (!code_find(code, &op->code) || op->code == CODE_NONE)
        return ndjson_complain(&in->lines, err, "no code is named \"%s\"", code);
    if (code_definite(op->code) != (end == HISTORY_FAIL))
        return ndjson_complain(&in->lines, err, "\"%s\" is %s", code,
                               end == HISTORY_FAIL ? "no definite failure" : "definite: a fail");
    if (end == HISTORY_FAIL && op->retry)
        return ndjson_complain(&in->lines, err,
                               "operation %" PRId64 " was sent again, so what became of it first "
                               "is unknown: no definite failure",
                               op->op);
    op->end = end;
    return 0;
}

static int take_closing(struct reading *in, const json_t *line, struct errctx *err)
{
    int64_t ops = 0;
    int64_t open = 0;
    int r = ndjson_count(&in->lines, line, "ops", &ops, err);

    if (r == 0)
        r = ndjson_count(&in->lines, line, "open", &open, err);
    if (r < 0)
        return r;
    if ((size_t)ops != in->n_invoked || (size_t)open != in->n_invoked - in->n_ended)
        return ndjson_complain(&in->lines, err,
                               "%zu operations, %zu of them open, are not what is said here",
                               in->n_invoked, in->n_invoked - in->n_ended);
    if (in->history->n != in->n_invoked)
        return ndjson_complain(&in->lines, err,
                               "operations are missing: the last one's number is %zu",
                               in->history->n - 1);
    in->complete = true;
    return 0;
}

static int take_object(struct reading *in, const json_t *line, struct errctx *err)
{
    const char *t = NULL;
    int r = ndjson_text(&in->lines, line, "t", &t, err);

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
    if (strcmp(t, "retry") == 0)
        return take_retry(in, line, err);
    if (strcmp(t, "end") == 0)
        return take_closing(in, line, err);
    return ndjson_complain(&in->lines, err, "\"%s\" is no line of a history", t);
}

static int take_file(struct reading *in, struct errctx *err)
{
    json_t *line;
    int r;

    while ((r = ndjson_next(&in->lines, &line, err)) > 0) {
        r = in->complete ? ndjson_complain(&in->lines, err, "a line after the closing one")
                         : take_object(in, line, err);
        json_decref(line);
        if (r < 0)
            return r;
    }
    if (r == 0 && !in->complete)
        return ndjson_complain(&in->lines, err, "cut: the closing line {\"t\":\"end\"} is missing");
    return r;
}

static int read_opened(struct reading *in, struct errctx *err)
{
    struct stat stat;

    if (fstat(fileno(in->lines.file), &stat) < 0)
        return err_set(err, errno, ERR_ABORT, "%s: %s", in->lines.path, strerror(errno));
    in->ops_max = (size_t)stat.st_size / LINE_SIZE_MIN;
    in->history->memory = history_memory_new();
    return take_file(in, err);
}

int history_read(const char *path, struct history *ret_history, struct errctx *err)
{
    struct history history = {0};
    struct reading *in = mem_alloc(sizeof *in);
    int r;

    in->history = &history;
    r = ndjson_open(&in->lines, path, err);
    if (r == 0)
        r = read_opened(in, err);
    ndjson_close(&in->lines);
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

const char *history_door_at(const struct history_op *op, int64_t at_us, int64_t *ret_until_us)
{
    const struct history_retry *retry = op->retry;

    *ret_until_us = INT64_MAX;
    for (; retry && retry->at_us > at_us; retry = retry->earlier)
        *ret_until_us = retry->at_us;
    return retry ? retry->server : op->server;
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
