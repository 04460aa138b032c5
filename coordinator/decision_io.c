/* The system calls: see the header. */
#include "coordinator/decision_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int system_open(void *arg, const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    (void)arg;
    return fd < 0 ? -errno : fd;
}

static ssize_t system_pwrite(void *arg, int fd, const void *data, size_t size, off_t offset)
{
    ssize_t n = pwrite(fd, data, size, offset);

    (void)arg;
    return n < 0 ? -errno : n;
}

static int system_fdatasync(void *arg, int fd)
{
    (void)arg;
    return fdatasync(fd) < 0 ? -errno : 0;
}

static int system_ftruncate(void *arg, int fd, off_t size)
{
    (void)arg;
    return ftruncate(fd, size) < 0 ? -errno : 0;
}

static int system_rename(void *arg, const char *from, const char *to)
{
    (void)arg;
    return rename(from, to) < 0 ? -errno : 0;
}

static int system_unlink(void *arg, const char *path)
{
    (void)arg;
    return unlink(path) < 0 ? -errno : 0;
}

static int system_sync_dir(void *arg, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc;

    (void)arg;
    if (fd < 0)
        return -errno;
    rc = fsync(fd) < 0 ? -errno : 0;
    (void)close(fd); /* nothing was written through it */
    return rc;
}

const struct decision_io decision_io_system = {
    .open = system_open,
    .pwrite = system_pwrite,
    .fdatasync = system_fdatasync,
    .ftruncate = system_ftruncate,
    .rename = system_rename,
    .unlink = system_unlink,
    .sync_dir = system_sync_dir,
};
