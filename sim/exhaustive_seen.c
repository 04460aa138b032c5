/* Which states were visited: a set of their hashes. */
#include "sim/exhaustive_state.h"

#include "base/mem.h"

#include <stdlib.h>

static uint64_t mix(uint64_t h, uint64_t value)
{
    h = (h ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

/* What is in flight counts as a set. */
static uint64_t hash_flying(const struct state *st)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < st->n_flying; i++) {
        const struct flying *f = &st->flying[i];

        sum += mix(7, (uint64_t)f->verb | (uint64_t)f->store << 8 | (uint64_t)f->life << 16 |
                          (uint64_t)f->is_answer << 24 | (uint64_t)f->answer << 32);
    }
    return sum;
}

/* Everything but counters of tries, which change delays only. */
static uint64_t hash(const struct state *st)
{
    const struct twopc_txn *t = &st->core;
    uint64_t h = mix(1, (uint64_t)st->up | (uint64_t)st->life << 8 | (uint64_t)st->timer << 16 |
                            (uint64_t)st->log << 24 | (uint64_t)st->told << 32 |
                            (uint64_t)st->crashes << 40 | (uint64_t)st->losses << 48 |
                            (uint64_t)st->open << 56);

    h = mix(h, (uint64_t)t->state | (uint64_t)t->begun << 8 | (uint64_t)t->prepared << 16 |
                   (uint64_t)t->settled << 24 | (uint64_t)t->proving << 32 |
                   (uint64_t)t->retrying << 40 | (uint64_t)t->replied << 48 |
                   (uint64_t)(t->heuristic | t->lost) << 52);
    for (unsigned i = 0; i < STORES; i++) {
        const struct recovery_participant *p = &st->recovery.participant[i];

        h = mix(h, (uint64_t)st->branch[i] | (uint64_t)st->asked[i] << 8 |
                       (uint64_t)p->state << 16 | (uint64_t)p->waiting << 24 |
                       (uint64_t)p->n_settling << 32 | (uint64_t)p->n_proving << 40 |
                       (uint64_t)p->reviewed << 48 | (uint64_t)p->unsettled << 49);
    }
    h = mix(h, (uint64_t)st->decision.committed | (uint64_t)st->decision.contradicted << 8 |
                   (uint64_t)st->decision.lost << 16);
    h = mix(h, hash_flying(st));
    return h ? h : 1;
}

static void grow(struct search *s)
{
    uint64_t *old = s->seen, n = s->capacity;

    s->capacity = n ? 2 * n : 1 << 16;
    s->seen = mem_alloc(s->capacity * sizeof *s->seen);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t at = old[i] & (s->capacity - 1);

        while (old[i] && s->seen[at])
            at = (at + 1) & (s->capacity - 1);
        if (old[i])
            s->seen[at] = old[i];
    }
    free(old);
}

bool exhaustive_add(struct search *s, const struct state *st)
{
    uint64_t h = hash(st), at;

    if (2 * s->result->n_states >= s->capacity)
        grow(s);
    at = h & (s->capacity - 1);
    while (s->seen[at] && s->seen[at] != h)
        at = (at + 1) & (s->capacity - 1);
    if (s->seen[at] == h)
        return false;
    s->seen[at] = h;
    s->result->n_states++;
    return true;
}
