/*
 * soon.h - calls made a little later, from the loop: for what is known at once but may not be told
 * from inside, since the caller is in the middle of something.
 *
 * A call is embedded in what it is about, so nothing is allocated and nothing can fail; how many
 * may wait is for the owner to bound.
 */
#ifndef SYNCBED_BASE_SOON_H
#define SYNCBED_BASE_SOON_H

#include <event2/event.h>
#include <stdbool.h>

/* Zeroed at first. Not to be moved or freed while it waits. */
struct soon_call {
    void (*call)(void *arg);
    void *arg;
    struct soon_call *prev, *next;
};

struct soon;

struct soon *soon_new(struct event_base *base);
/* What still waits is not called. Not from inside a call; NULL is fine. */
void soon_free(struct soon *soon);

/*
 * `call(arg)` once, from the loop, in the order in which the calls were added; `waiting` may be
 * freed or added again from inside it. What waits already only gets the new `call` and `arg`.
 */
void soon_add(struct soon *soon, struct soon_call *waiting, void (*call)(void *arg), void *arg);

/* It is not called; fine when it does not wait. */
void soon_remove(struct soon *soon, struct soon_call *waiting);

bool soon_waits(const struct soon_call *waiting);

/* Make all calls now, those too that are added meanwhile: for owners that are closing. */
void soon_now(struct soon *soon);

#endif
