/* Known requests: see the header. */
#include "coordinator/requests.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void requests_init(struct requests *r)
{
    *r = (struct requests){0};
}

void requests_done(struct requests *r)
{
    struct known_request *k, *tmp;

    HASH_ITER (hh, r->by_id, k, tmp) {
        HASH_DEL(r->by_id, k);
        free(k);
    }
    requests_init(r);
}

struct known_request *requests_find(const struct requests *r, const char *id)
{
    struct known_request *k;

    HASH_FIND_STR(r->by_id, id, k);
    return k;
}

struct known_request *requests_begin(struct requests *r, const char *id,
                                     struct transaction *running)
{
    struct known_request *k = mem_alloc(sizeof *k);

    assert(!requests_find(r, id));
    (void)snprintf(k->id, sizeof k->id, "%s", id);
    k->outcome = OUTCOME_PENDING;
    k->running = running;
    HASH_ADD_STR(r->by_id, id, k);
    return k;
}

enum code requests_answer(const struct known_request *request, enum level *ret_level)
{
    *ret_level = LEVEL_NONE;
    if (request->mixed)
        return CODE_UNKNOWN;
    if (request->code == CODE_NONE || request->outcome == OUTCOME_COMMITTED) {
        *ret_level = request->level;
        return CODE_NONE;
    }
    if (!code_definite(request->code) && request->outcome == OUTCOME_ABORTED)
        return CODE_ABORTED;
    return request->code;
}

static void forget_oldest(struct requests *r)
{
    struct known_request *oldest = r->first_ended;

    r->first_ended = oldest->next_ended;
    r->n_ended--;
    HASH_DEL(r->by_id, oldest);
    free(oldest);
}

void requests_end(struct requests *r, struct known_request *request)
{
    assert(request->outcome != OUTCOME_PENDING);
    request->running = NULL;
    request->next_ended = NULL;
    if (r->n_ended == 0)
        r->first_ended = request;
    else
        r->last_ended->next_ended = request;
    r->last_ended = request;
    if (++r->n_ended > REQUESTS_MAX)
        forget_oldest(r);
}

void requests_forget(struct requests *r, struct known_request *request)
{
    struct known_request *before = NULL;
    struct known_request *k = r->first_ended;

    for (; k != request; k = k->next_ended) {
        assert(k);
        before = k;
    }
    if (before)
        before->next_ended = k->next_ended;
    else
        r->first_ended = k->next_ended;
    if (r->last_ended == k)
        r->last_ended = before;
    r->n_ended--;
    HASH_DEL(r->by_id, k);
    free(k);
}

void requests_remember(struct requests *r, const char *id, enum outcome outcome)
{
    struct known_request *k;

    if (requests_find(r, id))
        return;
    k = requests_begin(r, id, NULL);
    k->outcome = outcome;
    if (outcome == OUTCOME_COMMITTED)
        k->level = LEVEL_DECIDED;
    else
        k->code = CODE_ABORTED;
    requests_end(r, k);
}
