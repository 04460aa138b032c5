/*
 * The history's writing side. Lines gather in a buffer and go to the file 64 KiB at a time: the
 * load generator, which measures microseconds, makes one system call for some 400 operations.
 */
#include "harness/history/history.h"

#include "base/buf.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLUSH_SIZE 65536

struct history_writer {
    int fd;
    char *path;
    struct buf lines;
    int64_t n_invoked;
    int64_t n_ended;
    int error; /* the first errno; nothing is written after it */
};

int history_create(const char *path, struct history_writer **ret_writer, struct errctx *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0)
        return err_set(err, errno, ERR_ABORT, "%s: %s", path, strerror(errno));
    struct history_writer *w = mem_alloc(sizeof *w);

    w->fd = fd;
    w->path = mem_strdup(path);
    *ret_writer = w;
    return 0;
}

static void flush(struct history_writer *w)
{
    size_t done = 0;

    while (done < w->lines.size && w->error == 0) {
        ssize_t n = write(w->fd, w->lines.data + done, w->lines.size - done);

        if (n > 0)
            done += (size_t)n;
        else if (n < 0 && errno != EINTR)
            w->error = errno;
    }
    buf_clear(&w->lines);
}

static void end_line(struct history_writer *w)
{
    buf_append_str(&w->lines, "}\n");
    if (w->lines.size >= FLUSH_SIZE)
        flush(w);
}

void history_invoke(struct history_writer *w, const struct history_invocation *invocation,
                    const struct txn *txn)
{
    buf_printf(&w->lines,
               "{\"t\":\"invoke\",\"op\":%" PRId64 ",\"request\":\"%s\",\"client\":%u,"
               "\"server\":\"%s\",\"planned\":%" PRId64 ",\"at\":%" PRId64 "%s,\"txn\":",
               invocation->op, txn->request, invocation->client, invocation->server,
               invocation->planned_us, invocation->at_us,
               invocation->probe ? ",\"probe\":true" : "");
    protocol_append_txn(&w->lines, txn, NULL);
    end_line(w);
    w->n_invoked++;
}

void history_retry(struct history_writer *w, int64_t op, const char *server, int64_t at_us)
{
    buf_printf(&w->lines, "{\"t\":\"retry\",\"op\":%" PRId64 ",\"server\":\"%s\",\"at\":%" PRId64,
               op, server, at_us);
    end_line(w);
}

void history_end(struct history_writer *w, int64_t op, enum history_end end, int64_t at_us,
                 const struct reply *reply, const struct txn *txn)
{
    static const char *const names[] = {
        [HISTORY_OK] = "ok", [HISTORY_FAIL] = "fail", [HISTORY_INFO] = "info"};

    assert(end != HISTORY_OPEN);
    buf_printf(&w->lines, "{\"t\":\"%s\",\"op\":%" PRId64 ",\"at\":%" PRId64, names[end], op,
               at_us);
    if (end == HISTORY_OK) {
        buf_printf(&w->lines, ",\"level\":\"%s\"", level_name(reply->level));
        if (reply->has_reads) {
            buf_append_str(&w->lines, ",\"txn\":");
            protocol_append_txn(&w->lines, txn, reply->read);
        }
    } else {
        buf_printf(&w->lines, ",\"code\":\"%s\"", code_name(reply->code));
        if (reply->detail[0] != '\0') {
            buf_append_str(&w->lines, ",\"detail\":");
            protocol_append_string(&w->lines, reply->detail);
        }
    }
    end_line(w);
    w->n_ended++;
}

int history_close(struct history_writer *w, struct errctx *err)
{
    int r = 0;

    if (!w)
        return 0;
    buf_printf(&w->lines, "{\"t\":\"end\",\"ops\":%" PRId64 ",\"open\":%" PRId64, w->n_invoked,
               w->n_invoked - w->n_ended);
    end_line(w);
    flush(w);
    if (close(w->fd) < 0 && w->error == 0)
        w->error = errno;
    if (w->error != 0)
        r = err_set(err, w->error, ERR_FATAL, "%s: %s", w->path, strerror(w->error));
    buf_done(&w->lines);
    free(w->path);
    free(w);
    return r;
}
