/* Locks on files: see the header. */
#include "servers/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool still_named(const char *path, int fd)
{
    struct stat named, held;

    return lstat(path, &named) == 0 && fstat(fd, &held) == 0 && named.st_ino == held.st_ino &&
           named.st_dev == held.st_dev;
}

/*
 * Reading suffices for flock(), so other users' lock files can be tried. O_EXCL is apart since a
 * sticky folder may refuse O_CREAT on what another user owns (fs.protected_regular).
 */
static int open_or_make(const char *path, bool make)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 && errno == ENOENT && make)
        fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    return fd < 0 ? -errno : fd;
}

static int lock(const char *path, bool make)
{
    for (;;) {
        int fd = open_or_make(path, make);

        if (fd == -EEXIST)
            continue; /* made by another just now */
        if (fd < 0)
            return fd;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            int code = errno;

            (void)close(fd);
            return -code;
        }
        if (still_named(path, fd))
            return fd;
        (void)close(fd);
    }
}

int file_lock(const char *path)
{
    return lock(path, true);
}

int file_lock_existing(const char *path)
{
    return lock(path, false);
}

void file_unlock(const char *path, int fd)
{
    if (fd < 0)
        return;
    (void)unlink(path);
    (void)close(fd);
}
