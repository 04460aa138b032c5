/*
 * Fuzz target: histories in Jepsen's EDN.
 *
 * Folder: harness
 *
 * Events that are accepted make a history that is accepted, too; when that can be printed, what is
 * printed makes the same print again.
 */
#include "fuzz.h"

#include "harness/history/jepsen.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Events as a history; false: refused. */
static bool understands(const struct buf *events, struct history *ret_history)
{
    struct history_writer *writer;
    struct errctx err = {0};
    char path[FUZZ_PATH_SIZE];
    int fd = fuzz_file(NULL, 0, path);
    int r = history_create(path, &writer, &err);

    assert(r == 0);
    int understood = jepsen_read("fuzz", events, writer, &err);

    assert(understood == 0 || (understood == -EBADMSG && err.message[0]));
    r = history_close(writer, &err);
    assert(r == 0);
    if (understood == 0) {
        r = history_read(path, ret_history, &err);
        assert(r == 0);
    }
    (void)close(fd);
    return understood == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf events = {0}, once = {0}, twice = {0};
    struct history history;
    struct errctx err = {0};

    buf_append(&events, data, size);
    if (understands(&events, &history)) {
        int r = jepsen_print(&once, &history, &err);

        assert(r == 0 || r == -ENOTSUP);
        history_done(&history);
        if (r == 0) {
            bool again = understands(&once, &history);

            assert(again);
            r = jepsen_print(&twice, &history, &err);
            assert(r == 0 && strcmp(buf_str(&once), buf_str(&twice)) == 0);
            history_done(&history);
        }
    }
    buf_done(&events);
    buf_done(&once);
    buf_done(&twice);
    return 0;
}
