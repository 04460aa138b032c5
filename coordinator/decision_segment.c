/* Writing segments: see the header. */
#include "coordinator/decision_segment.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZEROS_SIZE 65536

static int failed(const struct segment_writer *w, int code, const char *what, struct errctx *err)
{
    assert(code < 0);
    return err_set(err, -code, ERR_FATAL, "decision log in %s: %s: %s", w->dir, what,
                   strerror(-code));
}

static int write_all(const struct segment_writer *w, int fd, const uint8_t *data, size_t size,
                     size_t offset)
{
    while (size > 0) {
        ssize_t n = w->io->pwrite(w->io->arg, fd, data, size, (off_t)offset);

        if (n < 0)
            return (int)n;
        if (n == 0)
            return -EIO;
        data += n;
        size -= (size_t)n;
        offset += (size_t)n;
    }
    return 0;
}

static int fill_with_zeros(const struct segment_writer *w, int fd, size_t from, size_t end)
{
    static const uint8_t zeros[ZEROS_SIZE];
    int rc = 0;

    while (from < end && rc == 0) {
        size_t size = end - from < ZEROS_SIZE ? end - from : ZEROS_SIZE;

        rc = write_all(w, fd, zeros, size, from);
        from += size;
    }
    return rc;
}

void segment_writer_init(struct segment_writer *w, const struct decision_io *io, const char *dir,
                         const char *owner, size_t size)
{
    assert(size > SEGMENT_HEADER_SIZE + DECISION_SIZE_MAX);
    assert(strlen(owner) < DECISION_OWNER_SIZE);
    *w = (struct segment_writer){
        .io = io, .dir = dir, .owner = owner, .size = size, .fd = -1, .spare_fd = -1};
}

void segment_writer_done(struct segment_writer *w)
{
    if (w->fd >= 0)
        w->io->close(w->io->arg, w->fd);
    if (w->spare_fd >= 0)
        w->io->close(w->io->arg, w->spare_fd);
    w->fd = w->spare_fd = -1;
}

/* --- going on --------------------------------------------------------------------------------- */

static int rewrite_last_batch(const struct segment_writer *w, size_t from)
{
    size_t size = w->end - from;
    uint8_t *bytes = mem_alloc(size);
    ssize_t n = w->io->pread(w->io->arg, w->fd, bytes, size, (off_t)from);
    int rc = n < 0 ? (int)n : (size_t)n != size ? -EIO : 0;

    if (rc == 0)
        rc = write_all(w, w->fd, bytes, size, from);
    free(bytes);
    return rc;
}

int segment_resume(struct segment_writer *w, const struct decision_scan *scan, struct errctx *err)
{
    char path[PATH_MAX];
    int rc;

    assert(w->fd < 0 && scan->n_segments > 0);
    w->number = scan->segment[scan->n_segments - 1];
    w->end = scan->end;
    w->sequence = scan->sequence;
    rc = segment_path(path, w->dir, w->number);
    if (rc < 0)
        return failed(w, rc, "path", err);
    w->fd = w->io->open(w->io->arg, path, O_RDWR);
    if (w->fd < 0)
        return failed(w, w->fd, path, err);
    if (scan->torn) {
        rc = w->io->ftruncate(w->io->arg, w->fd, (off_t)w->end);
        if (rc < 0)
            return failed(w, rc, "cutting a torn tail", err);
    }
    if (scan->torn || scan->file_size < w->size)
        rc = fill_with_zeros(w, w->fd, w->end, w->size);
    if (rc == 0)
        rc = rewrite_last_batch(w, scan->last_batch);
    if (rc < 0)
        return failed(w, rc, "write", err);
    rc = w->io->fdatasync(w->io->arg, w->fd);
    if (rc == 0) /* its name may not be durable: its maker may have died before it was */
        rc = w->io->sync_dir(w->io->arg, w->dir);
    return rc < 0 ? failed(w, rc, "sync", err) : 0;
}

/* --- the next one ----------------------------------------------------------------------------- */

static void drop_spare(struct segment_writer *w)
{
    if (w->spare_fd >= 0)
        w->io->close(w->io->arg, w->spare_fd);
    w->spare_fd = -1;
    w->spare_end = 0;
}

static int spare_path(const struct segment_writer *w, char ret_path[PATH_MAX])
{
    int n = snprintf(ret_path, PATH_MAX, "%s/decisions.new", w->dir);

    return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int open_spare(struct segment_writer *w)
{
    char path[PATH_MAX];
    int rc = spare_path(w, path);

    if (rc == 0)
        rc = w->io->open(w->io->arg, path, O_WRONLY | O_CREAT | O_TRUNC);
    if (rc < 0)
        return rc;
    w->spare_fd = rc;
    return 0;
}

int segment_prepare(struct segment_writer *w, size_t size)
{
    size_t end = w->size - w->spare_end < size ? w->size : w->spare_end + size;
    int rc = 0;

    if (segment_prepared(w))
        return 0;
    if (w->spare_fd < 0)
        rc = open_spare(w);
    if (rc == 0)
        rc = fill_with_zeros(w, w->spare_fd, w->spare_end, end);
    if (rc == 0)
        rc = w->io->fdatasync(w->io->arg, w->spare_fd);
    if (rc < 0)
        drop_spare(w); /* after a failed fdatasync nobody knows what is in it */
    else
        w->spare_end = end;
    return rc;
}

bool segment_prepared(const struct segment_writer *w)
{
    return w->spare_fd >= 0 && w->spare_end == w->size;
}

static int write_header(const struct segment_writer *w)
{
    uint8_t bytes[SEGMENT_HEADER_SIZE];
    struct segment_header header = {.version = DECISION_VERSION,
                                    .number = w->number + 1,
                                    .epoch = w->epoch,
                                    .sequence_before = w->sequence};
    int rc;

    memcpy(header.owner, w->owner, strlen(w->owner));
    segment_header_encode(bytes, &header);
    rc = write_all(w, w->spare_fd, bytes, sizeof bytes, 0);
    return rc < 0 ? rc : w->io->fdatasync(w->io->arg, w->spare_fd);
}

int segment_next(struct segment_writer *w, struct errctx *err)
{
    char path[PATH_MAX];
    char unnamed[PATH_MAX];
    int rc = spare_path(w, unnamed);

    assert(segment_prepared(w));
    if (rc == 0)
        rc = segment_path(path, w->dir, w->number + 1);
    if (rc == 0)
        rc = write_header(w);
    if (rc == 0)
        rc = w->io->rename(w->io->arg, unnamed, path);
    if (rc == 0)
        rc = w->io->sync_dir(w->io->arg, w->dir);
    if (rc < 0)
        return failed(w, rc, "making a segment", err);
    if (w->fd >= 0)
        w->io->close(w->io->arg, w->fd);
    w->fd = w->spare_fd;
    w->spare_fd = -1;
    w->spare_end = 0;
    w->number++;
    w->end = SEGMENT_HEADER_SIZE;
    return 0;
}

/* --- records ---------------------------------------------------------------------------------- */

bool segment_has_room(const struct segment_writer *w, size_t size)
{
    return size <= w->size - w->end;
}

int segment_append(struct segment_writer *w, const uint8_t *records, size_t size, size_t n_records,
                   struct errctx *err)
{
    int rc;

    assert(segment_has_room(w, size));
    rc = write_all(w, w->fd, records, size, w->end);
    if (rc < 0)
        return failed(w, rc, "write", err);
    rc = w->io->fdatasync(w->io->arg, w->fd);
    if (rc < 0)
        return failed(w, rc, "fdatasync", err);
    w->end += size;
    w->sequence += n_records;
    return 0;
}

int segment_drop(const struct segment_writer *w, uint64_t number)
{
    char path[PATH_MAX];
    int rc = segment_path(path, w->dir, number);

    if (rc == 0)
        rc = w->io->unlink(w->io->arg, path);
    return rc < 0 && rc != -ENOENT ? rc : w->io->sync_dir(w->io->arg, w->dir);
}
