/* A sorted ring; see the header. Clients come back nearly in order, so few are moved. */
#include "harness/workload/turns.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

static struct turn *turn_at(const struct turns *turns, unsigned i)
{
    return &turns->turn[(turns->first + i) % turns->capacity];
}

void turns_init(struct turns *turns, unsigned n_clients)
{
    *turns = (struct turns){.capacity = n_clients};
    turns->turn = mem_alloc_array(n_clients, sizeof *turns->turn);
}

void turns_done(struct turns *turns)
{
    free(turns->turn);
    *turns = (struct turns){0};
}

void turns_add(struct turns *turns, unsigned client, int64_t due_us)
{
    unsigned i = turns->n++;

    assert(turns->n <= turns->capacity);
    for (; i > 0 && turn_at(turns, i - 1)->due_us > due_us; i--)
        *turn_at(turns, i) = *turn_at(turns, i - 1);
    *turn_at(turns, i) = (struct turn){client, due_us};
}

const struct turn *turns_next(const struct turns *turns)
{
    return turns->n > 0 ? turn_at(turns, 0) : NULL;
}

struct turn turns_take(struct turns *turns)
{
    struct turn turn = *turn_at(turns, 0);

    assert(turns->n > 0);
    turns->first = (turns->first + 1) % turns->capacity;
    turns->n--;
    return turn;
}
