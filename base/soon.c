/* Calls on the loop's next turn; see the header. */
#include "base/soon.h"

#include "base/mem.h"

#include <stdlib.h>
#include <utlist.h>

struct soon {
    struct event *turn;
    struct soon_call *waiting;
};

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    soon_now(arg);
}

struct soon *soon_new(struct event_base *base)
{
    struct soon *soon = mem_alloc(sizeof *soon);

    soon->turn = event_new(base, -1, 0, on_turn, soon);
    if (!soon->turn)
        abort(); /* out of memory */
    return soon;
}

void soon_free(struct soon *soon)
{
    if (!soon)
        return;
    event_free(soon->turn);
    free(soon);
}

bool soon_waits(const struct soon_call *waiting)
{
    return waiting->prev != NULL; /* the first one's is the last one */
}

void soon_add(struct soon *soon, struct soon_call *waiting, void (*call)(void *arg), void *arg)
{
    waiting->call = call;
    waiting->arg = arg;
    if (soon_waits(waiting))
        return;
    DL_APPEND(soon->waiting, waiting);
    event_active(soon->turn, EV_TIMEOUT, 0);
}

void soon_remove(struct soon *soon, struct soon_call *waiting)
{
    if (!soon_waits(waiting))
        return;
    DL_DELETE(soon->waiting, waiting);
    waiting->prev = NULL;
}

void soon_now(struct soon *soon)
{
    while (soon->waiting) {
        struct soon_call *first = soon->waiting;

        soon_remove(soon, first);
        first->call(first->arg);
    }
}
