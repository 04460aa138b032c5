/* One transaction under a presumption, carried out: see the header. */
#include "sim/presumed_run.h"

#include <assert.h>

#define LETTERS_MAX 256
#define ROUNDS_MAX  16 /* of silence, each broken by somebody */

struct letter {
    bool to_coordinator;
    unsigned participant;
    enum presumed_word word;
};

struct run {
    const struct presumed_case *what;
    struct presumed_result *result;
    struct presumed_coordinator coordinator;
    struct presumed_participant participant[PRESUMED_PARTICIPANTS_MAX];
    bool down;                            /* the coordinator is */
    enum presumed_record durable, newest; /* of its log */
    bool vote_lost;
    unsigned n_sent, n_delivered;
    struct letter letter[LETTERS_MAX];
};

static void post(struct run *r, struct letter l)
{
    bool last_vote = l.word == PRESUMED_SAY_YES && l.participant == r->what->n_participants - 1;

    r->result->n_messages++;
    if (r->what->vote_lost && !r->vote_lost && last_vote) {
        r->vote_lost = true;
        return;
    }
    assert(r->n_sent < LETTERS_MAX);
    r->letter[r->n_sent++] = l;
}

/* --- coordinator ------------------------------------------------------------------------------ */

/* True: this was its last moment. */
static bool crashes(struct run *r)
{
    unsigned n = ++r->result->n_actions;

    for (unsigned i = 0; i < PRESUMED_CRASHES_MAX; i++)
        r->down |= r->what->crash_at[i] == n;
    if (r->down && r->what->kept)
        r->durable = r->newest;
    return r->down;
}

static void coordinate(struct run *r, const struct presumed_actions *todo)
{
    for (unsigned i = 0; i < todo->n && !crashes(r); i++) {
        const struct presumed_action *a = &todo->item[i];

        if (a->type == PRESUMED_SEND) {
            post(r, (struct letter){.participant = a->participant, .word = a->word});
            continue;
        }
        r->newest = a->record;
        if (a->type == PRESUMED_FORCE)
            r->durable = a->record;
        r->result->coordinator_forced += a->type == PRESUMED_FORCE;
        r->result->coordinator_lazy += a->type == PRESUMED_WRITE;
        r->result->committed |= r->durable == PRESUMED_COMMITTED;
    }
}

static void start_again(struct run *r)
{
    struct presumed_actions todo;

    r->down = false;
    r->newest = r->durable;
    presumed_recover(&r->coordinator, &r->what->rules, r->what->n_participants, r->durable, &todo);
    coordinate(r, &todo);
}

/* --- participants ----------------------------------------------------------------------------- */

static void participate(struct run *r, unsigned i, const struct presumed_actions *todo)
{
    for (unsigned k = 0; k < todo->n; k++) {
        const struct presumed_action *a = &todo->item[k];

        if (a->type == PRESUMED_SEND)
            post(r, (struct letter){.to_coordinator = true, .participant = i, .word = a->word});
        r->result->forced[i] += a->type == PRESUMED_FORCE;
    }
}

/* --- all -------------------------------------------------------------------------------------- */

static void deliver(struct run *r, const struct letter *l)
{
    struct presumed_actions todo;

    if (!l->to_coordinator) {
        presumed_obey(&r->participant[l->participant], l->word, &todo);
        participate(r, l->participant, &todo);
    } else if (!r->down) { /* else nobody is there, and it is lost */
        presumed_hear(&r->coordinator, l->participant, l->word, &todo);
        coordinate(r, &todo);
    }
}

/* Nothing is on its way: who has waited long enough? False: nobody waits. */
static bool somebody_acts(struct run *r)
{
    unsigned before = r->n_sent;
    struct presumed_actions todo;

    if (r->down) {
        start_again(r);
        return true;
    }
    if (r->coordinator.phase == PRESUMED_VOTING) {
        presumed_give_up(&r->coordinator, &todo);
        coordinate(r, &todo);
        return true;
    }
    for (unsigned i = 0; i < r->what->n_participants; i++) {
        presumed_wonder(&r->participant[i], &todo);
        participate(r, i, &todo);
    }
    return r->n_sent > before;
}

static bool agreed(const struct run *r)
{
    if (r->down || r->coordinator.phase != PRESUMED_FORGOTTEN)
        return false;
    for (unsigned i = 0; i < r->what->n_participants; i++) {
        const struct presumed_participant *p = &r->participant[i];

        if (p->branch == PRESUMED_IS_PREPARED ||
            (!p->reads && (p->branch == PRESUMED_IS_COMMITTED) != r->result->committed))
            return false;
    }
    return true;
}

void presumed_run(const struct presumed_case *what, struct presumed_result *ret_result)
{
    struct run r = {.what = what, .result = ret_result};
    struct presumed_actions todo;
    unsigned rounds = 0;

    *ret_result = (struct presumed_result){.n_messages = 0};
    for (unsigned i = 0; i < what->n_participants; i++)
        r.participant[i] =
            (struct presumed_participant){.rules = &what->rules, .reads = what->readers >> i & 1U};
    presumed_begin(&r.coordinator, &what->rules, what->n_participants, &todo);
    coordinate(&r, &todo);
    do {
        while (r.n_delivered < r.n_sent)
            deliver(&r, &r.letter[r.n_delivered++]);
    } while (somebody_acts(&r) && ++rounds < ROUNDS_MAX);
    ret_result->agreed = rounds < ROUNDS_MAX && agreed(&r);
}
