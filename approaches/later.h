/*
 * later.h - answers that are known at once, given a little later: an approach may not answer from
 * inside submit() or status(), so they gather here until the end of the event loop's round.
 */
#ifndef SYNCBED_APPROACHES_LATER_H
#define SYNCBED_APPROACHES_LATER_H

#include "approaches/approach.h"

#include <event2/event.h>

struct later;

/* All get this same answer, which is copied. */
struct later *later_new(struct event_base *base, const struct reply *answer);
void later_free(struct later *later); /* those still waiting get none; NULL is fine */

void later_answer(struct later *later, approach_done done, void *arg);
unsigned later_waiting(const struct later *later);

#endif
