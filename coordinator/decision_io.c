/* The system calls: see the header. */
#include "coordinator/decision_io.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int system_list(void *arg, const char *dir, void (*name)(void *name_arg, const char *file),
                       void *name_arg)
{
    DIR *d = opendir(dir);

    (void)arg;
    if (!d)
        return -errno;
    for (const struct dirent *e = readdir(d); e; e = readdir(d))
        name(name_arg, e->d_name);
    (void)closedir(d); /* only read */
    return 0;
}

/* The file, of the size that it has now. */
static int read_all(int fd, uint8_t **ret_data, size_t *ret_size)
{
    struct stat st;
    uint8_t *data;
    size_t size = 0;
    ssize_t n = 1;

    if (fstat(fd, &st) < 0)
        return -errno;
    data = mem_alloc((size_t)st.st_size);
    while (n > 0 && size < (size_t)st.st_size) {
        n = read(fd, data + size, (size_t)st.st_size - size);
        size += n > 0 ? (size_t)n : 0;
    }
    if (n < 0) {
        int code = errno;

        free(data);
        return -code;
    }
    *ret_data = data;
    *ret_size = size;
    return 0;
}

static int system_read(void *arg, const char *path, uint8_t **ret_data, size_t *ret_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc;

    (void)arg;
    if (fd < 0)
        return -errno;
    rc = read_all(fd, ret_data, ret_size);
    (void)close(fd); /* only read */
    return rc;
}

static int system_open(void *arg, const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    (void)arg;
    return fd < 0 ? -errno : fd;
}

static void system_close(void *arg, int fd)
{
    (void)arg;
    (void)close(fd); /* everything in it has been synced, or the log has failed already */
}

static ssize_t system_pread(void *arg, int fd, void *to, size_t size, off_t offset)
{
    ssize_t n = pread(fd, to, size, offset);

    (void)arg;
    return n < 0 ? -errno : n;
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
    .list = system_list,
    .read = system_read,
    .open = system_open,
    .close = system_close,
    .pread = system_pread,
    .pwrite = system_pwrite,
    .fdatasync = system_fdatasync,
    .ftruncate = system_ftruncate,
    .rename = system_rename,
    .unlink = system_unlink,
    .sync_dir = system_sync_dir,
};
