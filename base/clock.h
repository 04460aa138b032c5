/* clock.h - the one clock: CLOCK_MONOTONIC in microseconds, shared by all processes of a machine.
 */
#ifndef SYNCBED_BASE_CLOCK_H
#define SYNCBED_BASE_CLOCK_H

#include <stdint.h>
#include <sys/time.h>

#define US_PER_MS INT64_C(1000)
#define US_PER_S  INT64_C(1000000)

int64_t clock_now_us(void);

/* CLOCK_REALTIME, since 1970: only for names that must not come again after a restart, and for the
 * versions of writes. */
int64_t clock_wall_us(void);

/* `us` as a timeval for libevent; a negative duration counts as 0. */
struct timeval clock_timeval(int64_t us);

#endif
