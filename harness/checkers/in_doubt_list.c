/*
 * The samples of what was in doubt, and what must have been where nobody could look: see metrics.h.
 *
 * A store that is down or paused cannot be asked. What it holds is known when its samples before
 * and after list the same transaction. Beside that it is inferred: a durable decision means that
 * every store had prepared, so what was decided and not over when the store went is in doubt there
 * until it is back. Two samples say so, at the beginning and at the end of the absence; what the
 * store itself said in between was on its way when it went, or comes from before its `end`.
 */
#include "base/mem.h"
#include "harness/checkers/metrics.h"

#include <stdlib.h>
#include <string.h>

struct absence {
    unsigned store;
    bool killed;                       /* else paused: what was on its way to it is not lost */
    int64_t from_us, to_us;            /* to the last sample of all, when it never came back */
    const struct run_in_doubt *before; /* the store's newest sample, or NULL */
    const struct run_in_doubt *after;  /* its first one, or NULL */
};

enum { LISTED_BEFORE = 1, LISTED_AFTER = 2 };

static int by_time(const void *a, const void *b)
{
    const struct run_in_doubt *x = a, *y = b;

    return (x->at_us > y->at_us) - (x->at_us < y->at_us);
}

/* --- absences --------------------------------------------------------------------------------- */

static bool find_absence(const struct run_data *run, const struct run_fault *fault,
                         struct absence *ret)
{
    unsigned store = run_find_store(run, fault->target);

    *ret = (struct absence){.store = store,
                            .killed = strcmp(fault->action, "kill") == 0,
                            .from_us = fault->begin_us,
                            .to_us = fault->end_us};
    if (store == STORES_MAX || !fault->begin_us)
        return false;
    if (!fault->end_us)
        ret->to_us = run->in_doubt[run->n_in_doubt - 1].at_us;
    for (size_t i = 0; i < run->n_in_doubt; i++) {
        const struct run_in_doubt *sample = &run->in_doubt[i];

        if (sample->store != store)
            continue;
        if (sample->at_us <= ret->from_us)
            ret->before = sample;
        else if (sample->at_us >= ret->to_us && fault->end_us && !ret->after)
            ret->after = sample;
    }
    return ret->to_us > ret->from_us;
}

static bool door_lived(const struct run_data *run, const char *door, int64_t at_us)
{
    const struct run_fault *death = run_next_death(run, door, at_us);

    return !death || death->begin_us > at_us;
}

/*
 * A client that was answered before the store went is no sign of an end: its door may have died, or
 * have given up waiting. Then the store's own last word counts, if it is newer than the answer.
 */
static bool held_by_absent(const struct run_data *run, size_t op, const struct absence *absence,
                           unsigned listed)
{
    const struct history_op *h = &run->history.op[op];
    bool answered = h->end != HISTORY_OPEN && h->ended_us < absence->to_us;
    bool in_flight = h->end == HISTORY_OPEN || h->ended_us > absence->from_us;
    int64_t until_us; /* when it went to another door does not matter here */

    if (listed == (LISTED_BEFORE | LISTED_AFTER))
        return true;
    if (!run->op[op].decided || !run_op_writes_to(run, op, absence->store))
        return false;
    if (answered && h->end == HISTORY_OK && h->level >= LEVEL_EVERYWHERE)
        return false;
    if (in_flight &&
        door_lived(run, history_door_at(h, absence->from_us, &until_us), absence->from_us))
        return answered || (absence->killed && h->invoked_us < absence->from_us);
    return (listed & LISTED_BEFORE) ||
           (answered && absence->before && h->ended_us > absence->before->at_us);
}

/* --- the list --------------------------------------------------------------------------------- */

static void mark_listed(const struct run_data *run, const struct run_in_doubt *sample,
                        unsigned mark, uint8_t *listed)
{
    for (uint32_t i = 0; sample && i < sample->n; i++) {
        uint32_t op = run->gid[sample->first + i].op;

        if (op != RUN_NONE)
            listed[op] = (uint8_t)(listed[op] | mark);
    }
}

static void add_sample(struct in_doubt_list *list, unsigned store, int64_t at_us, int64_t age_us,
                       const uint32_t *op, uint32_t n)
{
    struct run_in_doubt sample = {
        .at_us = at_us, .store = store, .first = (uint32_t)list->n_gids, .n = n};

    if (n > 0)
        list->gid = mem_realloc(list->gid, (list->n_gids + n) * sizeof *list->gid);
    for (uint32_t i = 0; i < n; i++)
        list->gid[list->n_gids++] = (struct run_gid){op[i], age_us};
    list->sample = mem_realloc(list->sample, (list->n + 1) * sizeof *list->sample);
    list->sample[list->n++] = sample;
}

static void drop_samples(const struct absence *absence, struct in_doubt_list *list)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->n; i++) {
        const struct run_in_doubt *sample = &list->sample[i];

        if (sample->store != absence->store || sample->at_us <= absence->from_us ||
            sample->at_us >= absence->to_us)
            list->sample[kept++] = *sample;
    }
    list->n = kept;
}

static void add_absence(const struct run_data *run, const struct absence *absence,
                        struct in_doubt_list *list)
{
    uint8_t *listed = mem_alloc_array(run->history.n, sizeof *listed);
    uint32_t *op = NULL, n = 0;
    size_t capacity = 0;

    mark_listed(run, absence->before, LISTED_BEFORE, listed);
    mark_listed(run, absence->after, LISTED_AFTER, listed);
    for (size_t i = 0; i < run->history.n; i++) {
        if (!held_by_absent(run, i, absence, listed[i]))
            continue;
        op = mem_grow(op, n, &capacity, sizeof *op);
        op[n++] = (uint32_t)i;
    }
    drop_samples(absence, list);
    add_sample(list, absence->store, absence->from_us, 0, op, n);
    add_sample(list, absence->store, absence->to_us, absence->to_us - absence->from_us, op, n);
    free(listed);
    free(op);
}

void in_doubt_list_make(const struct run_data *run, struct in_doubt_list *ret_list)
{
    *ret_list = (struct in_doubt_list){.n = run->n_in_doubt, .n_gids = run->n_gids};
    ret_list->sample = mem_alloc_array(run->n_in_doubt, sizeof *ret_list->sample);
    ret_list->gid = mem_alloc_array(run->n_gids, sizeof *ret_list->gid);
    if (run->n_in_doubt == 0) /* nobody looked */
        return;
    memcpy(ret_list->sample, run->in_doubt, run->n_in_doubt * sizeof *ret_list->sample);
    if (run->n_gids > 0)
        memcpy(ret_list->gid, run->gid, run->n_gids * sizeof *ret_list->gid);
    for (unsigned i = 0; i < run->n_faults; i++) {
        struct absence absence;

        if (find_absence(run, &run->fault[i], &absence))
            add_absence(run, &absence, ret_list);
    }
    qsort(ret_list->sample, ret_list->n, sizeof *ret_list->sample, by_time);
}

void in_doubt_list_done(struct in_doubt_list *list)
{
    free(list->sample);
    free(list->gid);
    *list = (struct in_doubt_list){0};
}
