/* A binary heap: see the header. */
#include "sim/event_queue.h"

#include <assert.h>

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

void event_queue_init(struct event_queue *q)
{
    q->n = 0;
    q->added = 0;
}

static void sift_up(struct event_queue *q, unsigned i, struct sim_event ev)
{
    while (i > 0 && before(&ev, &q->heap[(i - 1) / 2])) {
        q->heap[i] = q->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    q->heap[i] = ev;
}

static void sift_down(struct event_queue *q, unsigned i, struct sim_event ev)
{
    for (unsigned child = 2 * i + 1; child < q->n; child = 2 * i + 1) {
        if (child + 1 < q->n && before(&q->heap[child + 1], &q->heap[child]))
            child++;
        if (!before(&q->heap[child], &ev))
            break;
        q->heap[i] = q->heap[child];
        i = child;
    }
    q->heap[i] = ev;
}

bool event_queue_add(struct event_queue *q, struct sim_event ev)
{
    if (q->n == SIM_EVENTS_MAX)
        return false;
    ev.order = q->added++;
    sift_up(q, q->n++, ev);
    return true;
}

struct sim_event event_queue_take(struct event_queue *q)
{
    struct sim_event first = q->heap[0];

    assert(q->n > 0);
    if (--q->n > 0)
        sift_down(q, 0, q->heap[q->n]);
    return first;
}

void event_queue_reorder(struct event_queue *q)
{
    for (unsigned i = 1; i < q->n; i++)
        sift_up(q, i, q->heap[i]);
}
