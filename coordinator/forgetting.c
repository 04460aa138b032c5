/* Stores forget what has ended: see the header. */
#include "coordinator/forgetting.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define DEADLINE_US (5 * US_PER_S)

struct ended {
    struct store *store;
    char gid[GID_SIZE];
    uint64_t number; /* 1, 2, 3 … */
    struct ended *next;
};

static struct ended *take_first(struct forgetting *f)
{
    struct ended *e = f->first;

    f->first = e->next;
    return e;
}

void forgetting_done(struct forgetting *f)
{
    while (f->first)
        free(take_first(f));
}

static void forgotten(void *arg, const struct store_reply *reply)
{
    (void)arg;
    (void)reply; /* what was not forgotten costs the store some space, nothing else */
}

void forget_at(struct store *store, const char *gid)
{
    if (store_remembers(store))
        store_forget(store, gid, clock_now_us() + DEADLINE_US, forgotten, NULL);
}

void forgetting_add(struct forgetting *f, struct store *store, const char *gid)
{
    struct ended *e;

    if (!store_remembers(store))
        return;
    e = mem_alloc(sizeof *e);
    e->store = store;
    (void)snprintf(e->gid, sizeof e->gid, "%s", gid);
    e->number = ++f->n_ended;
    if (f->first)
        f->last->next = e;
    else
        f->first = e;
    f->last = e;
}

uint64_t forgetting_mark(const struct forgetting *f)
{
    return f->n_ended;
}

void forgetting_durable(struct forgetting *f, uint64_t mark)
{
    while (f->first && f->first->number <= mark) {
        struct ended *e = take_first(f);

        forget_at(e->store, e->gid);
        free(e);
    }
}
