/* loop.h - straight-line code on an event loop: run it until a condition holds, or a deadline. */
#ifndef SYNCBED_BASE_LOOP_H
#define SYNCBED_BASE_LOOP_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

/* An event base with the precise timer (latencies are measured in tens of microseconds). */
struct event_base *loop_new(void);

/*
 * Serve events until `done(arg)` is true, looked at after each round: 0; or -ETIMEDOUT after
 * `timeout_us`; or -EINTR once loop_interrupt() was called. Not from inside an event's callback:
 * libevent refuses to be entered twice (-EIO).
 */
__attribute__((warn_unused_result)) int loop_until(struct event_base *base, bool (*done)(void *arg),
                                                   void *arg, int64_t timeout_us);

/* Serve events for `duration_us`; -EINTR as above. */
__attribute__((warn_unused_result)) int loop_for(struct event_base *base, int64_t duration_us);

/* For the SIGINT and SIGTERM handlers of a verb: every loop_until() and loop_for() returns -EINTR.
 */
void loop_interrupt(struct event_base *base);

/* Take the interruption back, so that clean-up behind it can use the loop. */
void loop_resume(struct event_base *base);

#endif
