/* Monotonic time: see the header. */
#include "base/clock.h"

#include <time.h>

int64_t clock_now_us(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock on Linux */
    return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

struct timeval clock_timeval(int64_t us)
{
    if (us < 0)
        us = 0;
    return (struct timeval){.tv_sec = (time_t)(us / US_PER_S),
                            .tv_usec = (suseconds_t)(us % US_PER_S)};
}
