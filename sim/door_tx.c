/*
 * A transaction in a door: what twopc_core.c decides is carried out here, as twopc_driver.c and
 * transaction.c do it. Every action is a step at which the process may die.
 */
#include "sim/world.h"

#include <assert.h>
#include <string.h>

static void feed(struct sim_world *w, struct door *d, struct tx *t, struct twopc_event ev);

static unsigned number(const struct door *d, const struct tx *t)
{
    return (unsigned)(t - d->tx);
}

/* --- asking ----------------------------------------------------------------------------------- */

void sim_tx_set_timer(struct sim_world *w, struct door *d, struct tx *t, int64_t delay_us)
{
    sim_after(w, delay_us,
              (struct sim_event){.kind = EV_TX_TIMER,
                                 .who = d->slot,
                                 .what = (uint16_t)number(d, t),
                                 .more = ++t->timer,
                                 .life = d->life});
}

static void set_retry(struct sim_world *w, struct door *d, struct tx *t,
                      const struct twopc_action *a)
{
    sim_after(w, a->delay_us,
              (struct sim_event){.kind = EV_TX_RETRY,
                                 .who = d->slot,
                                 .what = (uint16_t)number(d, t),
                                 .more = (uint16_t)a->participant,
                                 .life = d->life});
}

static struct verb make_verb(const struct door *d, const struct tx *t, unsigned i,
                             enum message_type type)
{
    return (struct verb){.type = (uint8_t)type,
                         .store = t->branch[i].store,
                         .tx = (uint8_t)number(d, t),
                         .branch = (uint8_t)i,
                         .ghost = t->ghost};
}

/* Nothing is sent, and this is the answer. */
static void answer_itself(struct sim_world *w, struct door *d, struct tx *t, unsigned i,
                          enum message_type type, enum store_status status)
{
    struct verb v = make_verb(d, t, i, type);

    sim_door_answer_itself(w, d, &v, status);
}

static void ask(struct sim_world *w, struct door *d, struct tx *t, unsigned i,
                enum message_type type, uint16_t session, uint16_t ends)
{
    struct verb v = make_verb(d, t, i, type);
    struct message m = {.session = session, .ends = ends};

    sim_door_ask(w, d, &v, &m);
}

/* The branch begins, on a session of its own. */
static void begin_branch(struct sim_world *w, struct door *d, struct tx *t, unsigned i,
                         enum message_type type)
{
    uint16_t session = sim_net_connect(w, d, t->branch[i].store);

    t->branch[i].session = session;
    if (session == NO_SESSION)
        answer_itself(w, d, t, i, type, STORE_UNAVAILABLE);
    else
        ask(w, d, t, i, type, session, NO_SESSION);
}

static bool session_open(const struct sim_world *w, const struct tx *t, unsigned i)
{
    uint16_t session = t->branch[i].session;

    return session != NO_SESSION && w->session[session].open_at_door;
}

/* On the branch's session, or when that is lost, on any; a rollback then ends what it was at. */
static void decide(struct sim_world *w, struct door *d, struct tx *t, unsigned i,
                   enum message_type type)
{
    bool open = session_open(w, t, i);
    uint16_t ends = open || type != MSG_ROLLBACK || sim_broken(w, SIM_BREAK_LATE_PREPARE)
                        ? NO_SESSION
                        : t->branch[i].session;

    ask(w, d, t, i, type, open ? t->branch[i].session : NO_SESSION, ends);
}

/* --- answering -------------------------------------------------------------------------------- */

void sim_tx_answer(struct sim_world *w, struct door *d, struct tx *t, enum code code,
                   enum level level)
{
    uint32_t waiting = t->waiting;

    if (t->answered)
        return;
    t->answered = true;
    t->waiting = 0;
    t->request->code = code;
    if (code == CODE_NONE)
        t->request->level = level;
    for (unsigned i = 0; i < ATTEMPTS_MAX; i++) {
        if (waiting >> i & 1U)
            sim_door_answer(w, d, i, code, level);
    }
}

/* The keys that it held at `store` (NULL: everywhere) are the next ones'. */
static void leave_keys(struct sim_world *w, struct door *d, struct tx *t, const char *store)
{
    struct key_ticket *ready = key_queue_leave(&d->keys, &t->keys, store);

    for (; ready; ready = ready->next) {
        const struct tx *next = ready->arg;

        sim_after(w, 1,
                  (struct sim_event){.kind = EV_TX_BEGINS,
                                     .who = d->slot,
                                     .what = (uint16_t)number(d, next),
                                     .life = d->life});
    }
}

void sim_tx_over(struct sim_world *w, struct door *d, struct tx *t, enum outcome outcome)
{
    leave_keys(w, d, t, NULL);
    t->request->outcome = outcome;
    requests_end(&d->requests, t->request);
    t->state = TX_OVER;
}

/* --- actions ---------------------------------------------------------------------------------- */

static void log_commit(struct sim_world *w, struct door *d, struct tx *t)
{
    struct log_entry e = {.ghost = t->ghost, .tx = (uint8_t)number(d, t)};
    uint32_t life = d->life;

    sim_check_logged(w, t->ghost);
    if (sim_broken(w, SIM_BREAK_REPLY_WHEN_QUEUED))
        sim_tx_answer(w, d, t, CODE_NONE, LEVEL_DECIDED);
    sim_door_log_queue(w, d, &e);
    if (d->life == life && sim_broken(w, SIM_BREAK_END_BEFORE_COMMIT)) {
        e.end = true;
        sim_check_ended(w, t->ghost);
        sim_door_log_queue(w, d, &e);
    }
}

static void log_end(struct sim_world *w, struct door *d, struct tx *t)
{
    struct log_entry e = {.ghost = t->ghost, .tx = NONE, .end = true};

    t->request->level = LEVEL_EVERYWHERE;
    w->result->costs.coordinator_lazy++;
    sim_check_ended(w, t->ghost);
    sim_door_log_queue(w, d, &e);
}

static void act(struct sim_world *w, struct door *d, struct tx *t, const struct twopc_action *a)
{
    unsigned i = a->participant;

    switch (a->type) {
    case TWOPC_ACT_EXECUTE:
        begin_branch(w, d, t, i, MSG_EXECUTE);
        break;
    case TWOPC_ACT_EXECUTE_PREPARE:
        begin_branch(w, d, t, i, MSG_EXECUTE_PREPARE);
        break;
    case TWOPC_ACT_PREPARE:
        ask(w, d, t, i, MSG_PREPARE, t->branch[i].session, NO_SESSION);
        break;
    case TWOPC_ACT_RELEASE:
        if (t->branch[i].released)
            answer_itself(w, d, t, i, MSG_RELEASE, STORE_OK);
        else
            ask(w, d, t, i, MSG_RELEASE, t->branch[i].session, NO_SESSION);
        break;
    case TWOPC_ACT_LOG_COMMIT:
        log_commit(w, d, t);
        break;
    case TWOPC_ACT_COMMIT:
        decide(w, d, t, i, MSG_COMMIT);
        break;
    case TWOPC_ACT_ROLLBACK:
        w->ghost[t->ghost].aborting = true;
        decide(w, d, t, i, MSG_ROLLBACK);
        break;
    case TWOPC_ACT_PROVE:
        ask(w, d, t, i, MSG_PROVE, NO_SESSION, NO_SESSION);
        break;
    case TWOPC_ACT_TELL_HEURISTIC:
    case TWOPC_ACT_TELL_LOST:
        w->ghost[t->ghost].at[t->branch[i].store].told = true;
        break;
    case TWOPC_ACT_REPLY_EVERYWHERE:
        t->request->outcome = OUTCOME_COMMITTED;
        sim_tx_answer(w, d, t, CODE_NONE, LEVEL_EVERYWHERE);
        break;
    case TWOPC_ACT_REPLY_DECIDED:
        sim_tx_answer(w, d, t, CODE_NONE, LEVEL_DECIDED);
        break;
    case TWOPC_ACT_REPLY_ABORTED:
        t->request->outcome = OUTCOME_ABORTED;
        sim_tx_answer(w, d, t, CODE_ABORTED, LEVEL_NONE);
        break;
    case TWOPC_ACT_REPLY_UNKNOWN:
        sim_tx_answer(w, d, t, CODE_TIMEOUT, LEVEL_NONE);
        break;
    case TWOPC_ACT_SET_TIMER:
        sim_tx_set_timer(w, d, t, a->delay_us);
        break;
    case TWOPC_ACT_SET_RETRY:
        set_retry(w, d, t, a);
        break;
    case TWOPC_ACT_LOG_END:
        log_end(w, d, t);
        break;
    case TWOPC_ACT_FORGET:
        sim_tx_over(w, d, t, t->request->outcome);
        break;
    case TWOPC_ACT_TELL_BROKEN:
    case TWOPC_ACTION_TYPES:
        break;
    }
}

static void feed(struct sim_world *w, struct door *d, struct tx *t, struct twopc_event ev)
{
    struct twopc_actions todo;
    uint32_t life = d->life;
    int rc = twopc_step(&t->core, &ev, &todo);

    assert(rc == 0);
    for (unsigned i = 0; i < todo.n && d->up && d->life == life; i++) {
        if (!sim_door_step(w, d))
            return;
        act(w, d, t, &todo.item[i]);
    }
}

void sim_tx_feed(struct sim_world *w, struct door *d, struct tx *t, struct twopc_event ev)
{
    feed(w, d, t, ev);
}

/* --- the stores' answers ---------------------------------------------------------------------- */

static enum twopc_answer vote_of(enum store_status status)
{
    if (status == STORE_OK)
        return TWOPC_YES;
    return status == STORE_UNKNOWN ? TWOPC_UNKNOWN : TWOPC_NO;
}

static void acknowledged(struct sim_world *w, struct door *d, struct tx *t, unsigned i,
                         enum twopc_answer answer)
{
    uint32_t life = d->life;

    if (answer != TWOPC_UNKNOWN)
        leave_keys(w, d, t, sim_store_name[t->branch[i].store]);
    if (answer == TWOPC_YES && t->core.state == TWOPC_COMMITTING &&
        sim_broken(w, SIM_BREAK_END_AFTER_FIRST_ACK) && !w->ghost[t->ghost].ended)
        log_end(w, d, t);
    if (d->life == life)
        feed(w, d, t,
             (struct twopc_event){.type = TWOPC_EV_ACK, .participant = i, .answer = answer});
}

static void committed(struct sim_world *w, struct door *d, struct tx *t, unsigned i,
                      enum store_status status)
{
    enum twopc_answer answer = TWOPC_UNKNOWN;

    if (status == STORE_NOTA && !sim_broken(w, SIM_BREAK_NOTA_IS_COMMITTED))
        answer = TWOPC_NOTA;
    else if (status == STORE_OK || status == STORE_NOTA ||
             sim_broken(w, SIM_BREAK_COMMIT_NOT_RETRIED))
        answer = TWOPC_YES;
    acknowledged(w, d, t, i, answer);
}

static void rolled_back(struct sim_world *w, struct door *d, struct tx *t, unsigned i,
                        enum store_status status)
{
    enum twopc_answer answer = TWOPC_UNKNOWN;

    if (status == STORE_OK || sim_broken(w, SIM_BREAK_ROLLBACK_NOT_RETRIED))
        answer = TWOPC_YES;
    else if (status == STORE_NOTA)
        answer = TWOPC_NOTA;
    acknowledged(w, d, t, i, answer);
}

static void proved(struct sim_world *w, struct door *d, struct tx *t, unsigned i,
                   enum store_outcome outcome)
{
    static const enum twopc_answer answers[STORE_OUTCOMES] = {
        [STORE_OUTCOME_UNKNOWN] = TWOPC_UNKNOWN,
        [STORE_OUTCOME_PREPARED] = TWOPC_UNKNOWN,
        [STORE_OUTCOME_COMMITTED] = TWOPC_COMMITTED,
        [STORE_OUTCOME_LOST] = TWOPC_LOST,
        [STORE_OUTCOME_ROLLED_BACK] = TWOPC_ROLLED_BACK};

    feed(w, d, t,
         (struct twopc_event){
             .type = TWOPC_EV_PROVED, .participant = i, .answer = answers[outcome]});
}

/* A mutant's: an unknown vote is asked for again. True: it was. */
static bool resent(struct sim_world *w, struct door *d, struct tx *t, const struct verb *v,
                   enum store_status status)
{
    unsigned i = v->branch;

    if (!sim_broken(w, SIM_BREAK_PREPARE_RESENT) || status != STORE_UNKNOWN ||
        t->branch[i].resent || t->core.state != TWOPC_VOTING)
        return false;
    t->branch[i].resent = true;
    begin_branch(w, d, t, i, MSG_EXECUTE_PREPARE);
    return true;
}

/* A mutant's: a reader's locks go as soon as it has read. */
static void release_early(struct sim_world *w, struct door *d, struct tx *t, unsigned i)
{
    if (!sim_broken(w, SIM_BREAK_READER_RELEASED_EARLY) || !(t->core.options.readers >> i & 1U) ||
        t->branch[i].released)
        return;
    t->branch[i].released = true;
    ask(w, d, t, i, MSG_RELEASE, t->branch[i].session, NO_SESSION);
}

/* A mutant's: votes are counted, not voters. */
static unsigned voter(const struct sim_world *w, struct tx *t, unsigned i, enum store_status status)
{
    if (!sim_broken(w, SIM_BREAK_VOTE_COUNTED_TWICE) || status != STORE_OK)
        return i;
    if (!(t->voted >> i & 1U)) {
        t->voted |= UINT32_C(1) << i;
        return i;
    }
    for (unsigned k = 0; k < t->n_branches; k++) {
        if (!(t->voted >> k & 1U))
            return k;
    }
    return i;
}

void sim_tx_reply(struct sim_world *w, struct door *d, const struct verb *v,
                  enum store_status status, enum store_outcome outcome)
{
    struct tx *t = &d->tx[v->tx];
    struct twopc_event ev = {.participant = v->branch, .answer = vote_of(status)};

    if (t->state != TX_RUNNING || t->ghost != v->ghost)
        return; /* it is over, and another may have its place */
    switch (v->type) {
    case MSG_EXECUTE:
        ev.type = TWOPC_EV_EXECUTED;
        if (status == STORE_OK)
            release_early(w, d, t, v->branch);
        break;
    case MSG_PREPARE:
    case MSG_EXECUTE_PREPARE:
        if (resent(w, d, t, v, status))
            return;
        ev.type = TWOPC_EV_PREPARED;
        ev.participant = voter(w, t, v->branch, status);
        break;
    case MSG_RELEASE:
        ev.type = TWOPC_EV_RELEASED;
        if (t->core.state != TWOPC_RELEASING)
            return; /* a mutant's */
        break;
    case MSG_COMMIT:
        committed(w, d, t, v->branch, status);
        return;
    case MSG_ROLLBACK:
        rolled_back(w, d, t, v->branch, status);
        return;
    case MSG_PROVE:
        proved(w, d, t, v->branch, status == STORE_OK ? outcome : STORE_OUTCOME_UNKNOWN);
        return;
    default:
        assert(!"a branch's verb");
    }
    feed(w, d, t, ev);
}

void sim_tx_logged(struct sim_world *w, struct door *d, struct tx *t)
{
    t->request->outcome = OUTCOME_COMMITTED;
    t->request->level = LEVEL_DECIDED;
    if (t->core.state == TWOPC_LOGGING)
        feed(w, d, t, (struct twopc_event){.type = TWOPC_EV_LOGGED});
}

/* --- its timer -------------------------------------------------------------------------------- */

/* A mutant's: what has not been decided by its deadline is aborted, though it may be decided. */
static void abort_while_logging(struct sim_world *w, struct door *d, struct tx *t)
{
    uint32_t life = d->life;

    sim_tx_answer(w, d, t, CODE_ABORTED, LEVEL_NONE);
    w->ghost[t->ghost].aborting = true;
    for (unsigned i = 0; i < t->n_branches && d->life == life; i++)
        decide(w, d, t, i, MSG_ROLLBACK);
}

void sim_tx_timer(struct sim_world *w, struct door *d, struct tx *t)
{
    if (t->state == TX_RUNNING && t->core.state == TWOPC_LOGGING &&
        sim_broken(w, SIM_BREAK_ABORT_WHILE_LOGGING)) {
        abort_while_logging(w, d, t);
        return;
    }
    if (t->state == TX_QUEUED)
        sim_tx_give_up(w, d, t, CODE_CONFLICT);
    else if (t->state == TX_RUNNING)
        feed(w, d, t, (struct twopc_event){.type = TWOPC_EV_TIMEOUT});
}
