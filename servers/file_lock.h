/*
 * file_lock.h - locks that die with their holder: flock() on a file that the holder removes.
 *
 * A lock file may be removed by its holder between another's open() and flock(), so whoever gets
 * the lock looks whether the name still means the file it locked.
 */
#ifndef SYNCBED_SERVERS_FILE_LOCK_H
#define SYNCBED_SERVERS_FILE_LOCK_H

/* The descriptor that holds it (close-on-exec); -EWOULDBLOCK when another holds it, -errno. */
__attribute__((warn_unused_result)) int file_lock(const char *path);

/* As above, but never makes the file: -ENOENT. */
__attribute__((warn_unused_result)) int file_lock_existing(const char *path);

/* Remove the name and let go; `fd` may be negative. */
void file_unlock(const char *path, int fd);

#endif
