/*
 * slow_sync.c - a disk that takes a while: loaded into a process by LD_PRELOAD, it makes every
 * fsync and fdatasync last SLOW_SYNC_US longer.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

typedef int (*sync_call)(int fd);

static int synced_slowly(const char *name, int fd)
{
    const char *text = getenv("SLOW_SYNC_US");
    long us = text ? strtol(text, NULL, 10) : 0;
    const struct timespec delay = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    sync_call call;
    int r;

    *(void **)&call = dlsym(RTLD_NEXT, name);
    r = call(fd);
    (void)nanosleep(&delay, NULL);
    return r;
}

int fsync(int fd)
{
    return synced_slowly("fsync", fd);
}

int fdatasync(int fd)
{
    return synced_slowly("fdatasync", fd);
}
