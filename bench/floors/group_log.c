/* A decision log reduced to its flushes; see the header. */
#include "bench/floors/group_log.h"

#include "bench/contender.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD_SIZE 64
#define LOG_SIZE    (64U << 20) /* then from the front again: nobody reads it */

struct group_log {
    int fd;
    pthread_mutex_t mutex;
    pthread_cond_t flushed;
    uint64_t written, durable; /* records */
    uint64_t fsyncs;
    int flushing; /* somebody is the leader */
};

struct group_log *group_log_open(const char *folder)
{
    static const char zeros[1U << 20];
    struct group_log *log = calloc(1, sizeof *log);
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/decisions", folder);
    if (!log)
        contender_fail("out of memory");
    log->fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    for (size_t at = 0; log->fd >= 0 && at < LOG_SIZE; at += sizeof zeros) {
        if (pwrite(log->fd, zeros, sizeof zeros, (off_t)at) != (ssize_t)sizeof zeros)
            contender_fail("%s: %s", path, strerror(errno));
    }
    if (log->fd < 0 || fsync(log->fd) < 0)
        contender_fail("%s: %s", path, strerror(errno));
    (void)pthread_mutex_init(&log->mutex, NULL); /* cannot fail on Linux, nor can the next */
    (void)pthread_cond_init(&log->flushed, NULL);
    return log;
}

void group_log_close(struct group_log *log)
{
    if (!log)
        return;
    (void)pthread_mutex_destroy(&log->mutex);
    (void)pthread_cond_destroy(&log->flushed);
    (void)close(log->fd);
    free(log);
}

static void lead(struct group_log *log)
{
    uint64_t upto = log->written;

    log->flushing = 1;
    (void)pthread_mutex_unlock(&log->mutex);
    if (fdatasync(log->fd) < 0)
        contender_fail("fdatasync: %s", strerror(errno));
    (void)pthread_mutex_lock(&log->mutex);
    log->fsyncs++;
    log->flushing = 0;
    log->durable = upto;
    (void)pthread_cond_broadcast(&log->flushed);
}

void group_log_write(struct group_log *log, const char *record)
{
    char bytes[RECORD_SIZE] = {0};
    uint64_t mine;

    (void)snprintf(bytes, sizeof bytes, "%s\n", record);
    (void)pthread_mutex_lock(&log->mutex);
    if (pwrite(log->fd, bytes, sizeof bytes, (off_t)(log->written * sizeof bytes % LOG_SIZE)) !=
        (ssize_t)sizeof bytes)
        contender_fail("pwrite: %s", strerror(errno));
    mine = ++log->written;
    while (log->durable < mine) {
        if (log->flushing)
            (void)pthread_cond_wait(&log->flushed, &log->mutex);
        else
            lead(log);
    }
    (void)pthread_mutex_unlock(&log->mutex);
}

uint64_t group_log_fsyncs(struct group_log *log)
{
    uint64_t fsyncs;

    (void)pthread_mutex_lock(&log->mutex);
    fsyncs = log->fsyncs;
    (void)pthread_mutex_unlock(&log->mutex);
    return fsyncs;
}
