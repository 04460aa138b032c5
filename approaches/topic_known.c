/* What has been read of the decision topic: see the header. */
#include "approaches/topic_known.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

void topic_known_done(struct topic_known *k)
{
    struct known_gid *known, *next_known;
    struct known_coordinator *c, *next_c;

    HASH_ITER (hh, k->by_gid, known, next_known) {
        HASH_DEL(k->by_gid, known);
        free(known);
    }
    HASH_ITER (hh, k->by_name, c, next_c) {
        HASH_DEL(k->by_name, c);
        free(c);
    }
    *k = (struct topic_known){0};
}

struct known_gid *topic_known_gid(const struct topic_known *k, const char *gid)
{
    struct known_gid *known;

    HASH_FIND_STR(k->by_gid, gid, known);
    return known;
}

struct known_gid *topic_know_gid(struct topic_known *k, const char *gid)
{
    struct known_gid *known = topic_known_gid(k, gid);

    if (known)
        return known;
    known = mem_alloc(sizeof *known);
    (void)snprintf(known->gid, sizeof known->gid, "%s", gid);
    HASH_ADD_STR(k->by_gid, gid, known);
    return known;
}

void topic_may_forget(struct topic_known *k, struct known_gid *known)
{
    struct known_gid *oldest = k->oldest;

    if (known->listed)
        return;
    known->listed = true;
    if (k->newest)
        k->newest->next = known;
    else
        k->oldest = known;
    k->newest = known;
    if (++k->n_listed <= TOPIC_ENDED_KEPT || oldest->ticket || oldest->proposal)
        return;
    k->oldest = oldest->next;
    k->n_listed--;
    HASH_DEL(k->by_gid, oldest);
    free(oldest);
}

struct known_coordinator *topic_know_coordinator(struct topic_known *k, const char *name)
{
    struct known_coordinator *c;

    HASH_FIND_STR(k->by_name, name, c);
    if (!c) {
        c = mem_alloc(sizeof *c);
        (void)snprintf(c->name, sizeof c->name, "%s", name);
        HASH_ADD_STR(k->by_name, name, c);
    }
    return c;
}

void topic_known_missed(struct topic_known *k)
{
    for (struct known_coordinator *c = k->by_name; c; c = c->hh.next)
        c->missed++;
}

bool topic_known_gone(const struct topic_known *k, const char *coordinator, int64_t epoch)
{
    const struct known_coordinator *c;

    HASH_FIND_STR(k->by_name, coordinator, c);
    return !c || epoch < c->epoch || c->missed >= TOPIC_MISSED_MAX;
}
