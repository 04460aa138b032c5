/* Answers given at the end of the round; see the header. */
#include "approaches/later.h"

#include "base/mem.h"

#include <stdlib.h>

struct later {
    struct event *round;
    struct reply answer;
    struct waiting {
        approach_done done;
        void *arg;
    } * waiting;
    size_t n;
    size_t capacity;
};

static void on_round(evutil_socket_t fd, short events, void *arg)
{
    struct later *later = arg;

    (void)fd;
    (void)events;
    for (size_t i = 0; i < later->n; i++) { /* may grow meanwhile */
        struct waiting waiting = later->waiting[i];

        waiting.done(waiting.arg, &later->answer);
    }
    later->n = 0;
}

struct later *later_new(struct event_base *base, const struct reply *answer)
{
    struct later *later = mem_alloc(sizeof *later);

    later->answer = *answer;
    later->round = event_new(base, -1, 0, on_round, later);
    return later;
}

void later_free(struct later *later)
{
    if (!later)
        return;
    event_free(later->round);
    free(later->waiting);
    free(later);
}

void later_answer(struct later *later, approach_done done, void *arg)
{
    later->waiting = mem_grow(later->waiting, later->n, &later->capacity, sizeof *later->waiting);
    later->waiting[later->n++] = (struct waiting){done, arg};
    if (later->n == 1)
        event_active(later->round, EV_TIMEOUT, 1);
}

unsigned later_waiting(const struct later *later)
{
    return (unsigned)later->n;
}
