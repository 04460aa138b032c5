/* event_queue.h - what will happen in virtual time: a heap by time, first come first served among
 * equals. Bounded; no allocation. */
#ifndef SYNCBED_SIM_EVENT_QUEUE_H
#define SYNCBED_SIM_EVENT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_EVENTS_MAX 2048

struct sim_event {
    int64_t at_us;
    uint32_t order; /* of adding: breaks ties */
    uint32_t life;  /* of the process that it is about: one that has died since hears nothing */
    uint8_t kind;
    uint8_t who;
    uint16_t what;
    uint16_t more;
};

struct event_queue {
    unsigned n;
    uint32_t added;
    struct sim_event heap[SIM_EVENTS_MAX];
};

void event_queue_init(struct event_queue *q);

/* False: full. */
bool event_queue_add(struct event_queue *q, struct sim_event ev);

/* The next one; there is one. */
struct sim_event event_queue_take(struct event_queue *q);

/* Put everything in order again, after times were changed in place. */
void event_queue_reorder(struct event_queue *q);

#endif
