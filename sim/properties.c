/*
 * What must hold. Each property is looked at where it could be broken first, with the knowledge of
 * what really happened (the ghosts, the disk's platter) that no door has; the rest once all is
 * mended and at rest.
 */
#include "sim/world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *sentence;
} properties[SIM_PROPERTIES] = {
    [SIM_R1_LOG_DECIDES] = {"R1", "without a COMMIT record in the log every branch ends rolled "
                                  "back, with one every branch ends committed"},
    [SIM_R2_ANSWER_AFTER_LOG] = {"R2", "\"committed\" is said only once the record is durable, "
                                       "\"aborted\" only if there is and will be none"},
    [SIM_R3_KEPT_UNTIL_ACKNOWLEDGED] = {"R3",
                                        "a decision is kept until every branch has committed"},
    [SIM_R4_NEVER_BY_TIME] = {"R4", "no branch is resolved by time alone"},
    [SIM_R5_FENCED_FIRST] = {"R5", "recovery fences first, and touches only what is left over from "
                                   "its own earlier incarnations"},
    [SIM_R6_RECOVERY_REPEATS] = {"R6", "recovery once more changes nothing"},
    [SIM_AGREEMENT] = {"agreement", "all branches of a transaction end alike"},
    [SIM_VALIDITY] = {"validity", "commit is decided only if all have voted yes"},
    [SIM_DURABILITY] = {"durability", "what a client was told is what became of it"},
    [SIM_NOTHING_IN_DOUBT] = {"in-doubt", "once all are up nothing is left in doubt, or locked"},
    [SIM_ONE_ANSWER] = {"one-answer", "a request is answered once"},
    [SIM_ONCE] = {"once", "a request is executed at most once"},
    [SIM_READ_LOCKS] = {"read-locks", "a reader holds its locks until all votes are in"},
    [SIM_HEURISTIC_TOLD] = {"told", "what somebody has settled against the decision is said, never "
                                    "taken for done"},
    [SIM_LOG_READABLE] = {"log", "what a crash leaves of a log can be opened"},
    [SIM_COMES_TO_REST] = {"rest", "once all are up, everything ends"},
};

const char *sim_property_name(enum sim_property p)
{
    return properties[p].name;
}

const char *sim_property_sentence(enum sim_property p)
{
    return properties[p].sentence;
}

void sim_violated(struct sim_world *w, enum sim_property p, const char *fmt, ...)
{
    struct sim_violation *v = &w->result->violation;
    va_list ap;

    if (v->found)
        return;
    v->found = true;
    v->property = p;
    v->at_us = w->now_us;
    va_start(ap, fmt);
    (void)vsnprintf(v->text, sizeof v->text, fmt, ap);
    va_end(ap);
    if (w->trace)
        sim_trace_all(w, "%s is broken: %s", properties[p].name, v->text);
}

bool sim_decided(struct sim_world *w, unsigned ghost)
{
    struct ghost *g = &w->ghost[ghost];

    if (!g->decided)
        g->decided = sim_disk_holds_commit(&w->name[g->name].disk, w->now_us, g->gid);
    return g->decided;
}

/* --- as it happens ---------------------------------------------------------------------------- */

static int64_t fenced_epoch(const struct sim_world *w, unsigned store, unsigned name)
{
    return recovery_fence_epoch(w->store[store].fence[name]);
}

void sim_check_prepared(struct sim_world *w, unsigned ghost, unsigned store)
{
    struct ghost *g = &w->ghost[ghost];

    g->at[store].prepared_us = w->now_us;
    if (w->store[store].listed_epoch[g->name] > g->epoch)
        sim_violated(w, SIM_R5_FENCED_FIRST,
                     "%s is prepared at %s, where epoch %lld has listed what was in doubt", g->gid,
                     sim_store_name[store], (long long)w->store[store].listed_epoch[g->name]);
}

/* Who may resolve it: its own incarnation, which has decided; a later one, which has fenced. */
static void check_who(struct sim_world *w, const struct ghost *g, unsigned store, bool commit,
                      const struct message *m)
{
    const struct door *d = &w->door[m->slot];
    const char *verb = commit ? "commits" : "rolls back";

    if (d->name != g->name)
        sim_violated(w, SIM_R5_FENCED_FIRST, "%s %s %s, which is another's", sim_door_name[d->name],
                     verb, g->gid);
    else if (m->epoch == g->epoch && !commit && !g->aborting)
        sim_violated(w, SIM_R4_NEVER_BY_TIME, "%s rolls back %s at %s, which it has not aborted",
                     sim_door_name[d->name], g->gid, sim_store_name[store]);
    else if (m->epoch != g->epoch && fenced_epoch(w, store, g->name) < m->epoch)
        sim_violated(
            w, SIM_R5_FENCED_FIRST, "%s, epoch %lld, %s %s at %s before it has fenced there",
            sim_door_name[d->name], (long long)m->epoch, verb, g->gid, sim_store_name[store]);
}

void sim_check_resolved(struct sim_world *w, unsigned ghost, unsigned store, bool commit,
                        const struct message *m)
{
    const struct ghost *g = &w->ghost[ghost];
    bool decided = sim_decided(w, ghost);

    check_who(w, g, store, commit, m);
    if (commit && !decided)
        sim_violated(w, SIM_R1_LOG_DECIDES, "%s is committed at %s, and its record is not durable",
                     g->gid, sim_store_name[store]);
    else if (!commit && decided)
        sim_violated(w, SIM_R1_LOG_DECIDES, "%s is rolled back at %s, and its record is durable",
                     g->gid, sim_store_name[store]);
}

static bool was_prepared(const struct branch *b)
{
    return b->state >= BRANCH_PREPARED;
}

void sim_check_released(struct sim_world *w, unsigned ghost)
{
    const struct ghost *g = &w->ghost[ghost];

    for (unsigned i = 0; i < w->schedule.n_stores; i++) {
        if (g->updaters >> i & 1U && !was_prepared(&g->at[i]))
            sim_violated(w, SIM_READ_LOCKS, "%s: a reader is released before %s has voted", g->gid,
                         sim_store_name[i]);
    }
}

void sim_check_logged(struct sim_world *w, unsigned ghost)
{
    const struct ghost *g = &w->ghost[ghost];

    if (g->read_lost)
        sim_violated(w, SIM_VALIDITY, "%s is decided, and a reader had lost its locks", g->gid);
    for (unsigned i = 0; i < w->schedule.n_stores; i++) {
        if (g->updaters >> i & 1U && !was_prepared(&g->at[i]))
            sim_violated(w, SIM_VALIDITY, "%s is decided, and is not prepared at %s", g->gid,
                         sim_store_name[i]);
    }
}

void sim_check_ended(struct sim_world *w, unsigned ghost)
{
    struct ghost *g = &w->ghost[ghost];

    g->ended = true;
    for (unsigned i = 0; i < w->schedule.n_stores; i++) {
        if (g->updaters >> i & 1U && g->at[i].state != BRANCH_COMMITTED)
            sim_violated(w, SIM_R3_KEPT_UNTIL_ACKNOWLEDGED,
                         "the decision of %s ends, and %s has not committed", g->gid,
                         sim_store_name[i]);
    }
}

static bool committed_everywhere(const struct sim_world *w, const struct ghost *g)
{
    for (unsigned i = 0; i < w->schedule.n_stores; i++) {
        if (g->updaters >> i & 1U && g->at[i].state != BRANCH_COMMITTED)
            return false;
    }
    return true;
}

static void check_says_committed(struct sim_world *w, unsigned txn, bool everywhere)
{
    for (unsigned i = 0; i < w->n_ghosts; i++) {
        const struct ghost *g = &w->ghost[i];

        if (g->txn != txn || (g->updaters != 0 && !sim_decided(w, i)))
            continue;
        if (everywhere && !committed_everywhere(w, g))
            sim_violated(w, SIM_R2_ANSWER_AFTER_LOG,
                         "t%u is answered \"everywhere\", and it is not everywhere", txn);
        return;
    }
    sim_violated(w, SIM_R2_ANSWER_AFTER_LOG,
                 "t%u is answered \"committed\", and no record of it is durable", txn);
}

static void check_says_aborted(struct sim_world *w, unsigned txn)
{
    for (unsigned i = 0; i < w->n_ghosts; i++) {
        if (w->ghost[i].txn == txn && sim_decided(w, i))
            sim_violated(w, SIM_R2_ANSWER_AFTER_LOG,
                         "t%u is answered \"aborted\", and its record is durable", txn);
    }
}

void sim_check_answer(struct sim_world *w, unsigned txn, const struct message *answer)
{
    enum code code = (enum code)answer->code;

    if (!w->attempt[answer->attempt].open) /* its client has left: nobody is told */
        return;
    if (code == CODE_NONE || answer->outcome == OUTCOME_COMMITTED)
        check_says_committed(w, txn, code == CODE_NONE && answer->status == LEVEL_EVERYWHERE);
    else if (answer->outcome == OUTCOME_ABORTED || code_definite(code))
        check_says_aborted(w, txn);
}

/* --- at rest ---------------------------------------------------------------------------------- */

/* The log of its coordinator is damaged: what is in doubt stays so, for the operator. */
static bool abandoned(const struct sim_world *w, const struct ghost *g)
{
    return w->name[g->name].refused;
}

/* Settled by somebody against the decision: it cannot be mended, but must be said. */
static void check_by_hand(struct sim_world *w, const struct ghost *g, unsigned store, bool decided)
{
    const struct branch *b = &g->at[store];

    if (decided && b->state == BRANCH_ROLLED_BACK && !b->told && !abandoned(w, g))
        sim_violated(w, SIM_HEURISTIC_TOLD, "%s was rolled back at %s by hand, and nobody says so",
                     g->gid, sim_store_name[store]);
}

static void check_ghost(struct sim_world *w, unsigned ghost)
{
    const struct ghost *g = &w->ghost[ghost];
    bool decided = sim_decided(w, ghost);
    unsigned n_committed = 0, n_updaters = 0;
    bool by_hand = false;

    for (unsigned i = 0; i < w->schedule.n_stores; i++) {
        const struct branch *b = &g->at[i];
        bool committed = b->state == BRANCH_COMMITTED;

        if (b->state > BRANCH_NONE && b->state < BRANCH_COMMITTED && !abandoned(w, g))
            sim_violated(w, SIM_NOTHING_IN_DOUBT, "%s still holds its locks at %s", g->gid,
                         sim_store_name[i]);
        n_updaters += g->updaters >> i & 1U;
        n_committed += committed;
        by_hand |= b->by_hand;
        if (b->by_hand) {
            check_by_hand(w, g, i, decided);
            continue;
        }
        if (committed && !decided)
            sim_violated(w, SIM_R1_LOG_DECIDES, "%s is committed at %s without a record", g->gid,
                         sim_store_name[i]);
        if (g->updaters >> i & 1U && !committed && decided && !abandoned(w, g))
            sim_violated(w, SIM_R1_LOG_DECIDES, "%s has a record and is not committed at %s",
                         g->gid, sim_store_name[i]);
    }
    if (n_committed != 0 && n_committed != n_updaters && !abandoned(w, g) && !by_hand)
        sim_violated(w, SIM_AGREEMENT, "%s is committed at %u of %u stores", g->gid, n_committed,
                     n_updaters);
}

static void check_told(struct sim_world *w, unsigned txn)
{
    unsigned n_executed = 0;
    const struct client *c = &w->client[txn];
    bool reads_only = (w->schedule.txn[txn].stores & ~w->schedule.txn[txn].readers) == 0;

    for (unsigned i = 0; i < w->n_ghosts; i++)
        n_executed += w->ghost[i].txn == txn && w->ghost[i].decided;
    if (n_executed > 1)
        sim_violated(w, SIM_ONCE, "t%u was executed %u times", txn, n_executed);
    if (c->told & TOLD_COMMITTED && n_executed == 0 && !reads_only)
        sim_violated(w, SIM_DURABILITY, "t%u: its client was told \"committed\", and it did not",
                     txn);
    if (c->told & TOLD_ABORTED && n_executed > 0)
        sim_violated(w, SIM_DURABILITY,
                     "t%u: its client was told \"aborted\", and it has committed", txn);
}

/* One stays open only as evidence. */
static void check_decisions(struct sim_world *w, const struct door *d)
{
    for (const struct open_decision *o = d->decisions.by_gid; o; o = o->hh.next) {
        if (!(o->contradicted | o->lost))
            sim_violated(w, SIM_NOTHING_IN_DOUBT, "%s: the decision of %s stays open",
                         sim_door_name[d->name], o->gid);
    }
}

static void check_door(struct sim_world *w, unsigned name)
{
    const struct door *d = sim_door_serving(w, name);

    if (w->name[name].refused)
        return;
    if (!d) {
        sim_violated(w, SIM_COMES_TO_REST, "%s does not run", sim_door_name[name]);
        return;
    }
    if (!recovery_core_complete(&d->recovery))
        sim_violated(w, SIM_COMES_TO_REST, "%s has not recovered", sim_door_name[name]);
    check_decisions(w, d);
    for (unsigned i = 0; i < TXS_MAX; i++) {
        if (d->tx[i].state == TX_QUEUED || d->tx[i].state == TX_RUNNING)
            sim_violated(w, SIM_COMES_TO_REST, "%s: t%u goes on for ever", sim_door_name[name],
                         d->tx[i].txn);
    }
}

void sim_check_at_rest(struct sim_world *w)
{
    for (unsigned i = 0; i < w->n_ghosts; i++)
        check_ghost(w, i);
    for (unsigned i = 0; i < w->schedule.n_txns; i++)
        check_told(w, i);
    for (unsigned i = 0; i < SIM_DOORS; i++)
        check_door(w, i);
}

/* What became of everything, as a number. */
uint64_t sim_outcome_digest(const struct sim_world *w)
{
    uint64_t digest = 0;

    for (unsigned i = 0; i < w->n_ghosts; i++) {
        for (unsigned p = 0; p < SIM_STORES_MAX; p++)
            digest = digest * 31 + w->ghost[i].at[p].state + 1;
    }
    return digest;
}
