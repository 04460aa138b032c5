/* waiters.h - who waits for a process to be ready, or to be gone. */
#ifndef SYNCBED_SERVERS_WAITERS_H
#define SYNCBED_SERVERS_WAITERS_H

#include "servers/process.h"

enum goal { GOAL_READY, GOAL_GONE };

struct waiter {
    enum goal goal;
    process_done done;
    void *arg;
    struct waiter *prev, *next;
};

/* `waiters` is the head of a list, NULL when empty; elements are its own. */
void waiters_add(struct waiter **waiters, enum goal goal, process_done done, void *arg);

/* Tell all that wait for `goal` and forget them, first come first; `error` NULL: it is so. */
void waiters_answer(struct waiter **waiters, enum goal goal, const char *error);

#endif
