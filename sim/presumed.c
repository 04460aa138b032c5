/* Two-phase commit under each presumption: see the header. */
#include "sim/presumed.h"

#include <assert.h>

const struct presumed_rules presumed_rules[PRESUMPTIONS] = {
    [PRESUMED_NOTHING] = {.logs_abort = true, .acks_commit = true, .acks_abort = true},
    [PRESUMED_ABORT] = {.acks_commit = true},
    [PRESUMED_COMMIT] = {.collects = true,
                         .logs_abort = true,
                         .acks_abort = true,
                         .presumes_commit = true},
};

static void add(struct presumed_actions *out, struct presumed_action action)
{
    assert(out->n < PRESUMED_ACTIONS_MAX);
    out->item[out->n++] = action;
}

static void force(struct presumed_actions *out, enum presumed_record record)
{
    add(out, (struct presumed_action){.type = PRESUMED_FORCE, .record = record});
}

static void say(struct presumed_actions *out, unsigned participant, enum presumed_word word)
{
    add(out,
        (struct presumed_action){.type = PRESUMED_SEND, .word = word, .participant = participant});
}

/* --- coordinator ------------------------------------------------------------------------------ */

static uint32_t everybody(const struct presumed_coordinator *c)
{
    return (UINT32_C(1) << c->n_participants) - 1;
}

/* Phase two, whose record is durable where there is to be one. */
static void tell(struct presumed_coordinator *c, bool commit, struct presumed_actions *out)
{
    bool acks = commit ? c->rules->acks_commit : c->rules->acks_abort;

    c->phase = !acks ? PRESUMED_FORGOTTEN : commit ? PRESUMED_COMMITTING : PRESUMED_ABORTING;
    for (unsigned i = 0; i < c->n_participants; i++) {
        if (!(c->readers >> i & 1U))
            say(out, i, commit ? PRESUMED_SAY_COMMIT : PRESUMED_SAY_ABORT);
    }
}

static void decide(struct presumed_coordinator *c, bool commit, struct presumed_actions *out)
{
    if (commit)
        force(out, PRESUMED_COMMITTED);
    else if (c->rules->logs_abort)
        force(out, PRESUMED_ABORTED);
    tell(c, commit, out);
}

void presumed_begin(struct presumed_coordinator *c, const struct presumed_rules *rules,
                    unsigned n_participants, struct presumed_actions *ret_actions)
{
    assert(n_participants <= PRESUMED_PARTICIPANTS_MAX);
    *c = (struct presumed_coordinator){.rules = rules, .n_participants = n_participants};
    ret_actions->n = 0;
    if (rules->collects)
        force(ret_actions, PRESUMED_COLLECTING);
    for (unsigned i = 0; i < n_participants; i++)
        say(ret_actions, i, PRESUMED_SAY_PREPARE);
}

static void hear_vote(struct presumed_coordinator *c, unsigned from, enum presumed_word word,
                      struct presumed_actions *out)
{
    c->voted |= UINT32_C(1) << from;
    if (word == PRESUMED_SAY_READ)
        c->readers |= UINT32_C(1) << from;
    if (c->voted == everybody(c))
        decide(c, true, out);
}

static void hear_ack(struct presumed_coordinator *c, unsigned from, struct presumed_actions *out)
{
    c->acknowledged |= UINT32_C(1) << from;
    if ((c->acknowledged | c->readers) != everybody(c))
        return;
    c->phase = PRESUMED_FORGOTTEN;
    add(out, (struct presumed_action){.type = PRESUMED_WRITE, .record = PRESUMED_END});
}

static void answer(const struct presumed_coordinator *c, unsigned from,
                   struct presumed_actions *out)
{
    bool commit = c->phase == PRESUMED_COMMITTING ||
                  (c->phase == PRESUMED_FORGOTTEN && c->rules->presumes_commit);

    if (c->phase != PRESUMED_VOTING)
        say(out, from, commit ? PRESUMED_SAY_COMMIT : PRESUMED_SAY_ABORT);
}

void presumed_hear(struct presumed_coordinator *c, unsigned from, enum presumed_word word,
                   struct presumed_actions *ret_actions)
{
    bool is_vote = word == PRESUMED_SAY_YES || word == PRESUMED_SAY_READ;

    ret_actions->n = 0;
    if (word == PRESUMED_ASK)
        answer(c, from, ret_actions);
    else if (is_vote && c->phase == PRESUMED_VOTING)
        hear_vote(c, from, word, ret_actions);
    else if (!is_vote && (c->phase == PRESUMED_COMMITTING || c->phase == PRESUMED_ABORTING))
        hear_ack(c, from, ret_actions);
}

void presumed_give_up(struct presumed_coordinator *c, struct presumed_actions *ret_actions)
{
    ret_actions->n = 0;
    if (c->phase == PRESUMED_VOTING)
        decide(c, false, ret_actions);
}

void presumed_recover(struct presumed_coordinator *c, const struct presumed_rules *rules,
                      unsigned n_participants, enum presumed_record last,
                      struct presumed_actions *ret_actions)
{
    *c = (struct presumed_coordinator){
        .rules = rules, .n_participants = n_participants, .phase = PRESUMED_FORGOTTEN};
    ret_actions->n = 0;
    if (last == PRESUMED_COLLECTING)
        decide(c, false, ret_actions);
    else if (last == PRESUMED_COMMITTED && rules->acks_commit)
        tell(c, true, ret_actions);
    else if (last == PRESUMED_ABORTED && rules->acks_abort)
        tell(c, false, ret_actions);
}

/* --- participant ------------------------------------------------------------------------------ */

static void vote(struct presumed_participant *p, struct presumed_actions *out)
{
    if (p->branch != PRESUMED_IS_ACTIVE)
        return;
    p->branch = p->reads ? PRESUMED_HAS_READ : PRESUMED_IS_PREPARED;
    if (!p->reads)
        force(out, PRESUMED_PREPARED);
    say(out, 0, p->reads ? PRESUMED_SAY_READ : PRESUMED_SAY_YES);
}

static void end(struct presumed_participant *p, bool commit, struct presumed_actions *out)
{
    bool acks = commit ? p->rules->acks_commit : p->rules->acks_abort;

    if (p->branch == PRESUMED_IS_PREPARED) {
        p->branch = commit ? PRESUMED_IS_COMMITTED : PRESUMED_IS_ABORTED;
        add(out,
            (struct presumed_action){.type = acks ? PRESUMED_FORCE : PRESUMED_WRITE,
                                     .record = commit ? PRESUMED_COMMITTED : PRESUMED_ABORTED});
    } else if (p->branch == PRESUMED_IS_ACTIVE && !commit) {
        p->branch = PRESUMED_IS_ABORTED;
    }
    if (acks)
        say(out, 0, PRESUMED_SAY_ACK);
}

void presumed_obey(struct presumed_participant *p, enum presumed_word word,
                   struct presumed_actions *ret_actions)
{
    ret_actions->n = 0;
    if (word == PRESUMED_SAY_PREPARE)
        vote(p, ret_actions);
    else
        end(p, word == PRESUMED_SAY_COMMIT, ret_actions);
}

void presumed_wonder(const struct presumed_participant *p, struct presumed_actions *ret_actions)
{
    ret_actions->n = 0;
    if (p->branch == PRESUMED_IS_PREPARED)
        say(ret_actions, 0, PRESUMED_ASK);
}
