/*
 * decision_io.h - the system calls by which the decision log changes a disk, as a table: a test
 * lets the n-th of them fail, or takes back what was not synced, as a power cut does.
 */
#ifndef SYNCBED_COORDINATOR_DECISION_IO_H
#define SYNCBED_COORDINATOR_DECISION_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Each returns a negative errno when it fails. Called from one thread at a time. */
struct decision_io {
    int (*open)(void *arg, const char *path, int flags); /* a descriptor, close-on-exec */
    ssize_t (*pwrite)(void *arg, int fd, const void *data, size_t size, off_t offset);
    int (*fdatasync)(void *arg, int fd);
    int (*ftruncate)(void *arg, int fd, off_t size);
    int (*rename)(void *arg, const char *from, const char *to);
    int (*unlink)(void *arg, const char *path);
    int (*sync_dir)(void *arg, const char *path);
    void *arg;
};

extern const struct decision_io decision_io_system;

#endif
