/* One transaction in every order: see the header. */
#include "sim/exhaustive_state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GID       "sb1:c:1:1:t"
#define DEPTH_MAX 400

static void visit(struct search *s, const struct state *at, unsigned depth);

static void violated(struct search *s, const char *what)
{
    if (!s->result->violated)
        (void)snprintf(s->result->text, sizeof s->result->text, "%s", what);
    s->result->violated = true;
}

/* --- the coordinator -------------------------------------------------------------------------- */

static void send_to(struct state *st, enum verb verb, unsigned store)
{
    assert(st->n_flying < FLIGHT);
    st->asked[store] = (uint8_t)(verb + 1);
    st->flying[st->n_flying++] =
        (struct flying){.verb = (uint8_t)verb, .store = (uint8_t)store, .life = st->life};
}

static void tell(struct search *s, struct state *st, enum told_word told)
{
    if (told == TOLD_COMMITTED && st->log != LOG_DURABLE)
        violated(s, "R2: committed is said before the record is durable");
    if (told == TOLD_ABORTED && st->log == LOG_DURABLE)
        violated(s, "R2: aborted is said, and the record is durable");
    st->told = (uint8_t)told;
}

static void act(struct search *s, struct state *st, const struct twopc_action *a)
{
    switch (a->type) {
    case TWOPC_ACT_EXECUTE_PREPARE:
        send_to(st, EXECUTE_PREPARE, a->participant);
        break;
    case TWOPC_ACT_COMMIT:
        send_to(st, COMMIT, a->participant);
        break;
    case TWOPC_ACT_ROLLBACK:
        send_to(st, ROLLBACK, a->participant);
        break;
    case TWOPC_ACT_PROVE:
        send_to(st, PROVE, a->participant);
        break;
    case TWOPC_ACT_LOG_COMMIT:
        st->log = LOG_WRITTEN;
        break;
    case TWOPC_ACT_REPLY_EVERYWHERE:
    case TWOPC_ACT_REPLY_DECIDED:
        tell(s, st, TOLD_COMMITTED);
        break;
    case TWOPC_ACT_REPLY_ABORTED:
        tell(s, st, TOLD_ABORTED);
        break;
    case TWOPC_ACT_REPLY_UNKNOWN:
        tell(s, st, TOLD_UNKNOWN);
        break;
    case TWOPC_ACT_SET_TIMER:
        st->timer = true;
        break;
    case TWOPC_ACT_FORGET:
        st->timer = false;
        break;
    case TWOPC_ACT_TELL_HEURISTIC:
    case TWOPC_ACT_TELL_LOST:
        violated(s, "nobody settles by hand, and it is said that somebody did");
        break;
    case TWOPC_ACT_EXECUTE:
    case TWOPC_ACT_PREPARE:
    case TWOPC_ACT_RELEASE:
    case TWOPC_ACT_SET_RETRY:
    case TWOPC_ACT_LOG_END:
    case TWOPC_ACT_TELL_BROKEN:
    case TWOPC_ACTION_TYPES:
        break;
    }
}

static void feed(struct search *s, struct state *st, struct twopc_event ev)
{
    struct twopc_actions todo;
    int rc = twopc_step(&st->core, &ev, &todo);

    assert(rc == 0);
    for (unsigned i = 0; i < todo.n; i++)
        act(s, st, &todo.item[i]);
}

static void recover(struct search *s, struct state *st, struct recovery_event ev);

static void act_recovery(struct search *s, struct state *st, unsigned i,
                         const struct recovery_action *a)
{
    switch (a->type) {
    case RECOVERY_ACT_FENCE:
        send_to(st, FENCE, i);
        break;
    case RECOVERY_ACT_END_SESSIONS:
        send_to(st, END_SESSIONS, i);
        break;
    case RECOVERY_ACT_MARK: /* no store is restored here */
        recover(s, st, (struct recovery_event){.type = RECOVERY_EV_MARKED, .participant = i});
        break;
    case RECOVERY_ACT_LIST:
        send_to(st, LIST, i);
        break;
    case RECOVERY_ACT_COMMIT:
        send_to(st, COMMIT, i);
        break;
    case RECOVERY_ACT_ROLLBACK:
        send_to(st, ROLLBACK, i);
        break;
    case RECOVERY_ACT_PROVE:
        send_to(st, PROVE, i);
        break;
    case RECOVERY_ACT_REVIEW_DECISIONS:
        if (st->open)
            recover(s, st,
                    (struct recovery_event){
                        .type = RECOVERY_EV_REVIEW, .participant = i, .decision = &st->decision});
        recover(s, st, (struct recovery_event){.type = RECOVERY_EV_REVIEWED, .participant = i});
        break;
    case RECOVERY_ACT_LOG_END:
        st->open = false;
        for (unsigned k = 0; k < s->options->n_stores; k++) {
            if (st->branch[k] != COMMITTED)
                violated(s, "R3: a decision ends before every branch has committed");
        }
        break;
    case RECOVERY_ACT_TELL_CONTRADICTED:
    case RECOVERY_ACT_TELL_LOST:
    case RECOVERY_ACT_FAIL:
        violated(s, "recovery finds what nobody has done");
        break;
    case RECOVERY_ACT_SET_RETRY:
    case RECOVERY_ACT_CANCEL_RETRY:
    case RECOVERY_ACT_TELL_SETTLED:
    case RECOVERY_ACT_FORGET:
    case RECOVERY_ACT_PROGRESS:
    case RECOVERY_ACT_TELL_BROKEN:
    case RECOVERY_ACTION_TYPES:
        break;
    }
}

static void recover(struct search *s, struct state *st, struct recovery_event ev)
{
    struct recovery_actions todo;
    int rc = recovery_step(&st->recovery, &ev, &todo);

    assert(rc == 0);
    for (unsigned i = 0; i < todo.n; i++)
        act_recovery(s, st, ev.participant, &todo.item[i]);
}

/* --- answers ---------------------------------------------------------------------------------- */

/* Of the first life: the transaction goes on. `lost`: nobody knows. */
static void answer_core(struct search *s, struct state *st, const struct flying *f, bool lost)
{
    struct twopc_event ev = {.participant = f->store,
                             .answer = lost ? TWOPC_UNKNOWN : (enum twopc_answer)f->answer};

    ev.type = f->verb == EXECUTE_PREPARE ? TWOPC_EV_PREPARED
              : f->verb == PROVE         ? TWOPC_EV_PROVED
                                         : TWOPC_EV_ACK;
    feed(s, st, ev);
}

static void answer_listed(struct search *s, struct state *st, const struct flying *f, bool lost)
{
    if (!lost && f->answer)
        recover(s, st,
                (struct recovery_event){.type = RECOVERY_EV_FOUND,
                                        .participant = f->store,
                                        .gid = GID,
                                        .decision = st->open ? &st->decision : NULL});
    recover(s, st,
            (struct recovery_event){.type = RECOVERY_EV_LISTED,
                                    .participant = f->store,
                                    .answer = lost ? RECOVERY_AGAIN : RECOVERY_OK});
}

static void answer_recovery(struct search *s, struct state *st, const struct flying *f, bool lost)
{
    struct recovery_event ev = {.participant = f->store,
                                .answer = lost ? RECOVERY_AGAIN : RECOVERY_OK,
                                .decision = st->open ? &st->decision : NULL,
                                .committed = f->verb == COMMIT};

    if (f->verb == LIST) {
        answer_listed(s, st, f, lost);
        return;
    }
    if (!lost && f->answer == TWOPC_NOTA)
        ev.answer = RECOVERY_GONE;
    if (!lost && f->verb == PROVE && f->answer != TWOPC_COMMITTED)
        ev.answer = f->answer == TWOPC_ROLLED_BACK ? RECOVERY_OTHER_WAY : RECOVERY_AGAIN;
    ev.type = f->verb == FENCE          ? RECOVERY_EV_FENCED
              : f->verb == END_SESSIONS ? RECOVERY_EV_ENDED
              : f->verb == PROVE        ? RECOVERY_EV_PROVED
                                        : RECOVERY_EV_RESOLVED;
    recover(s, st, ev);
}

/* Only the first answer to what is waited for; of a vote and an acknowledgement the core says so.
 */
static void answered(struct search *s, struct state *st, const struct flying *f, bool lost)
{
    if (!st->up || f->life != st->life || st->asked[f->store] != f->verb + 1)
        return;
    st->asked[f->store] = 0;
    if (st->life == 1)
        answer_core(s, st, f, lost);
    else
        answer_recovery(s, st, f, lost);
}

/* --- stores ----------------------------------------------------------------------------------- */

/* Earlier lives' verbs to this store are over; `all`: of this life, too, but what came to end them.
 */
static void end_sessions(struct state *st, unsigned store, unsigned life, bool only_prepare)
{
    unsigned n = 0;

    for (unsigned i = 0; i < st->n_flying; i++) {
        const struct flying *f = &st->flying[i];
        bool over = f->store == store && !f->is_answer &&
                    (only_prepare ? f->verb == EXECUTE_PREPARE : f->life < life);

        if (!over)
            st->flying[n++] = *f;
    }
    st->n_flying = n;
}

static enum twopc_answer resolve(struct search *s, struct state *st, unsigned store, bool commit)
{
    if (!commit)
        end_sessions(st, store, 0, true);
    if (st->branch[store] != PREPARED)
        return TWOPC_NOTA;
    if (commit && st->log != LOG_DURABLE)
        violated(s, "R1: a branch is committed before the record is durable");
    if (!commit && st->log == LOG_DURABLE)
        violated(s, "R1: a branch is rolled back, and the record is durable");
    st->branch[store] = commit ? COMMITTED : ROLLED_BACK;
    return TWOPC_YES;
}

static enum twopc_answer prove(const struct state *st, unsigned store)
{
    if (st->branch[store] == PREPARED)
        return TWOPC_UNKNOWN;
    return st->branch[store] == COMMITTED ? TWOPC_COMMITTED : TWOPC_ROLLED_BACK;
}

/* What the store answers. */
static uint8_t carry_out(struct search *s, struct state *st, const struct flying *f)
{
    switch ((enum verb)f->verb) {
    case EXECUTE_PREPARE:
        if (st->branch[f->store] != NONE)
            return TWOPC_NO;
        st->branch[f->store] = PREPARED;
        return TWOPC_YES;
    case COMMIT:
    case ROLLBACK:
        return (uint8_t)resolve(s, st, f->store, f->verb == COMMIT);
    case PROVE:
        return (uint8_t)prove(st, f->store);
    case END_SESSIONS:
        end_sessions(st, f->store, f->life, false);
        return TWOPC_YES;
    case FENCE:
        return TWOPC_YES;
    case LIST:
        return st->branch[f->store] == PREPARED;
    }
    return TWOPC_YES;
}

/* --- what can happen next --------------------------------------------------------------------- */

static struct flying take(struct state *st, unsigned i)
{
    struct flying f = st->flying[i];

    st->flying[i] = st->flying[--st->n_flying];
    return f;
}

static void deliver(struct search *s, struct state next, unsigned i, unsigned depth)
{
    struct flying f = take(&next, i);

    if (f.is_answer) {
        answered(s, &next, &f, false);
    } else {
        f.answer = carry_out(s, &next, &f);
        f.is_answer = true;
        next.flying[next.n_flying++] = f;
    }
    visit(s, &next, depth + 1);
}

/* It is lost, and after a time its sender takes it for unknown. */
static void lose(struct search *s, struct state next, unsigned i, unsigned depth)
{
    struct flying f = take(&next, i);

    next.losses++;
    answered(s, &next, &f, true);
    visit(s, &next, depth + 1);
}

static void crash_coordinator(struct search *s, struct state next, bool power, unsigned depth)
{
    next.crashes++;
    next.up = false;
    next.timer = false;
    if (next.log == LOG_WRITTEN) /* and synced by who reads it; or gone with the cache */
        next.log = power ? LOG_NOTHING : LOG_DURABLE;
    memset(next.asked, 0, sizeof next.asked);
    visit(s, &next, depth + 1);
}

static void start_coordinator(struct search *s, struct state next, unsigned depth)
{
    next.up = true;
    next.life++;
    next.open = next.log == LOG_DURABLE;
    next.decision.committed = next.decision.contradicted = next.decision.lost = 0;
    recovery_core_init(&next.recovery, "c", next.life, s->options->broken);
    for (unsigned i = 0; i < s->options->n_stores; i++)
        recovery_core_add(&next.recovery, next.decision.participant[i]);
    for (unsigned i = 0; i < s->options->n_stores; i++)
        recover(s, &next, (struct recovery_event){.type = RECOVERY_EV_START, .participant = i});
    visit(s, &next, depth + 1);
}

/* It is back at once; what was prepared is there, what was on its way over a session is not. */
static void crash_store(struct search *s, struct state next, unsigned store, unsigned depth)
{
    unsigned n = 0;
    struct flying cut[FLIGHT];

    next.crashes++;
    for (unsigned i = next.n_flying; i-- > 0;) {
        if (next.flying[i].store == store && next.flying[i].life == next.life)
            cut[n++] = take(&next, i);
    }
    for (unsigned i = 0; i < n; i++)
        answered(s, &next, &cut[i], true);
    visit(s, &next, depth + 1);
}

static unsigned timers(struct search *s, const struct state *st, unsigned depth)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->options->n_stores && st->up; i++) {
        struct state next = *st;

        if (st->life == 1 && st->core.retrying >> i & 1U)
            feed(s, &next, (struct twopc_event){.type = TWOPC_EV_RETRY, .participant = i});
        else if (st->life > 1 && st->recovery.participant[i].waiting)
            recover(s, &next, (struct recovery_event){.type = RECOVERY_EV_RETRY, .participant = i});
        else
            continue;
        n++;
        visit(s, &next, depth + 1);
    }
    if (st->up && st->timer) {
        struct state next = *st;

        next.timer = false;
        feed(s, &next, (struct twopc_event){.type = TWOPC_EV_TIMEOUT});
        n++;
        visit(s, &next, depth + 1);
    }
    if (st->up && st->life == 1 && st->log == LOG_WRITTEN) {
        struct state next = *st;

        next.log = LOG_DURABLE;
        feed(s, &next, (struct twopc_event){.type = TWOPC_EV_LOGGED});
        n++;
        visit(s, &next, depth + 1);
    }
    return n;
}

static void faults(struct search *s, const struct state *st, unsigned depth)
{
    for (unsigned i = 0; i < st->n_flying && st->losses < s->options->losses_max; i++)
        lose(s, *st, i, depth);
    if (st->crashes == s->options->crashes_max)
        return;
    if (st->up) {
        crash_coordinator(s, *st, false, depth);
        if (st->log == LOG_WRITTEN)
            crash_coordinator(s, *st, true, depth);
    }
    for (unsigned i = 0; i < s->options->n_stores; i++)
        crash_store(s, *st, i, depth);
}

/* Nothing can happen any more. */
static void check_end(struct search *s, const struct state *st)
{
    bool commit = st->log == LOG_DURABLE;

    s->result->n_ends++;
    for (unsigned i = 0; i < s->options->n_stores; i++) {
        if (st->branch[i] == PREPARED)
            violated(s, "at the end a branch is in doubt");
        else if ((st->branch[i] == COMMITTED) != commit)
            violated(s, "at the end the branches do not agree with the log");
    }
    if ((st->told == TOLD_COMMITTED && !commit) || (st->told == TOLD_ABORTED && commit))
        violated(s, "at the end the client was told otherwise");
    if (st->life > 1 && (st->open || !recovery_core_complete(&st->recovery)))
        violated(s, "at the end recovery is not over");
    if (st->life == 1 && st->core.state != TWOPC_DONE)
        violated(s, "at the end the transaction is not over");
}

static void visit(struct search *s, const struct state *at, unsigned depth)
{
    unsigned n = 0;

    if (s->result->violated || !s->result->complete || !exhaustive_add(s, at))
        return;
    if (s->result->n_states > s->options->states_max || depth > DEPTH_MAX) {
        s->result->complete = false;
        return;
    }
    for (unsigned i = 0; i < at->n_flying; i++, n++)
        deliver(s, *at, i, depth);
    n += timers(s, at, depth);
    if (!at->up) {
        start_coordinator(s, *at, depth);
        n++;
    }
    faults(s, at, depth);
    if (n == 0)
        check_end(s, at);
}

void sim_exhaustive(const struct exhaustive_options *options, struct exhaustive_result *ret_result)
{
    struct search s = {.options = options, .result = ret_result};
    struct twopc_options core = {.n_participants = options->n_stores,
                                 .lock_order = TWOPC_PARALLEL,
                                 .broken = options->broken};
    struct state first;

    assert(options->n_stores <= STORES);
    memset(&first, 0, sizeof first);
    *ret_result = (struct exhaustive_result){.complete = true};
    first.up = first.timer = true;
    first.life = 1;
    first.decision.n_participants = options->n_stores;
    for (unsigned i = 0; i < options->n_stores; i++)
        (void)snprintf(first.decision.participant[i], sizeof first.decision.participant[i], "p%u",
                       i);
    twopc_init(&first.core, &core);
    feed(&s, &first, (struct twopc_event){.type = TWOPC_EV_BEGIN});
    visit(&s, &first, 0);
    free(s.seen);
}
