/*
 * A wall clock that steps, for LD_PRELOAD: an hour ahead in every odd second of the monotonic clock
 * and right in every even one. Only syncbed is concerned; the servers it starts see the true time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define STEP_S 3600

/* Past the libraries, one of which may be a sanitizer's that is not ready yet. */
static int true_time(clockid_t clock, struct timespec *ret_time)
{
    return (int)syscall(SYS_clock_gettime, clock, ret_time);
}

static time_t step(void)
{
    struct timespec t;

    if (strcmp(program_invocation_short_name, "syncbed") != 0)
        return 0;
    return true_time(CLOCK_MONOTONIC, &t) == 0 && t.tv_sec % 2 ? STEP_S : 0;
}

int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    int r = true_time(clock, ret_time);

    if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ret_time->tv_sec += step();
    return r;
}

int gettimeofday(struct timeval *restrict ret_time, void *restrict zone)
{
    struct timespec t;
    int r = clock_gettime(CLOCK_REALTIME, &t);

    (void)zone;
    if (r == 0)
        *ret_time = (struct timeval){.tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000};
    return r;
}

time_t time(time_t *ret_time)
{
    struct timespec t;
    time_t now = clock_gettime(CLOCK_REALTIME, &t) == 0 ? t.tv_sec : (time_t)-1;

    if (ret_time)
        *ret_time = now;
    return now;
}
