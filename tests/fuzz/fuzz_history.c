/*
 * Fuzz target: history.ndjson.
 *
 * Folder: harness
 *
 * A history that is accepted is whole: every operation is there, none ends before it was invoked,
 * and without its last line it is refused.
 */
#include "fuzz.h"

#include "harness/history/history.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

static bool accepts(const uint8_t *data, size_t size, struct history *ret_history)
{
    struct errctx err = {0};
    char path[FUZZ_PATH_SIZE];
    int fd = fuzz_file(data, size, path);
    int r = history_read(path, ret_history, &err);

    assert(r == 0 || err.message[0]);
    (void)close(fd);
    return r == 0;
}

static void check_op(const struct history *history, size_t i)
{
    const struct history_op *op = &history->op[i];
    struct txn txn;

    assert(op->op == (int64_t)i);
    assert(op->txn && op->txn->n_ops >= 1 && op->txn->n_ops <= TXN_OPS_MAX);
    assert(op->end == HISTORY_OPEN || op->ended_us >= op->invoked_us);
    history_txn(op, &txn);
    assert(strcmp(txn.request, op->txn->request) == 0);
}

/* The size without its last line; blank lines, too, are lines. */
static size_t without_last_line(const uint8_t *data, size_t size)
{
    while (size > 0 && data[size - 1] == '\n')
        size--;
    while (size > 0 && data[size - 1] != '\n')
        size--;
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct history history;

    if (!accepts(data, size, &history))
        return 0;
    for (size_t i = 0; i < history.n; i++)
        check_op(&history, i);
    history_done(&history);

    bool half = accepts(data, without_last_line(data, size), &history);

    assert(!half);
    return 0;
}
