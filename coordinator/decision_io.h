/*
 * decision_io.h - the system calls of the decision log, as a table: a test lets the n-th of them
 * fail, or takes back what was not synced, as a power cut does; a simulator has a disk of its own.
 */
#ifndef SYNCBED_COORDINATOR_DECISION_IO_H
#define SYNCBED_COORDINATOR_DECISION_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Each but close returns a negative errno when it fails. Called from one thread at a time. */
struct decision_io {
    /* `name` for each file of the folder, in any order. */
    int (*list)(void *arg, const char *dir, void (*name)(void *name_arg, const char *file),
                void *name_arg);
    /* The whole file, to be freed by the caller. */
    int (*read)(void *arg, const char *path, uint8_t **ret_data, size_t *ret_size);
    int (*open)(void *arg, const char *path, int flags); /* a descriptor, close-on-exec */
    void (*close)(void *arg, int fd);
    ssize_t (*pread)(void *arg, int fd, void *to, size_t size, off_t offset);
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
