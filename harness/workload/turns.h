/* turns.h - closed loop: which client's turn comes next, and when. */
#ifndef SYNCBED_HARNESS_WORKLOAD_TURNS_H
#define SYNCBED_HARNESS_WORKLOAD_TURNS_H

#include <stdbool.h>
#include <stdint.h>

struct turn {
    unsigned client;
    int64_t due_us;
};

/* In the order of due_us; a ring, since each client is in it once at most. */
struct turns {
    unsigned n;
    unsigned first;
    unsigned capacity;
    struct turn *turn;
};

void turns_init(struct turns *turns, unsigned n_clients);
void turns_done(struct turns *turns);

/* Behind those that are due at the same time. */
void turns_add(struct turns *turns, unsigned client, int64_t due_us);

/* NULL when no client waits for its turn. */
const struct turn *turns_next(const struct turns *turns);
struct turn turns_take(struct turns *turns); /* there is one */

#endif
