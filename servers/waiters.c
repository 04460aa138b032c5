/* Who waits for a process: see the header. */
#include "servers/waiters.h"

#include "base/mem.h"

#include <stdlib.h>
#include <utlist.h>

void waiters_add(struct waiter **waiters, enum goal goal, process_done done, void *arg)
{
    struct waiter *w = mem_alloc(sizeof *w);

    *w = (struct waiter){.goal = goal, .done = done, .arg = arg};
    DL_APPEND(*waiters, w);
}

void waiters_answer(struct waiter **waiters, enum goal goal, const char *error)
{
    struct waiter *w, *next;

    DL_FOREACH_SAFE(*waiters, w, next)
    {
        if (w->goal != goal)
            continue;
        DL_DELETE(*waiters, w);
        w->done(w->arg, error);
        free(w);
    }
}
