/*
 * A store as a participant: PostgreSQL, as far as two-phase commit can tell it from another.
 *
 *   - a branch lives in a session until it is prepared; when the session ends, so does the branch;
 *   - PREPARE and COMMIT PREPARED each take a flush; what a crash meets in a flush has happened or
 *     not;
 *   - a prepared branch belongs to nobody: any session may end it, and it keeps its locks
 * meanwhile, through crashes;
 *   - after that the gid is unknown: a second COMMIT or ROLLBACK hears "no such gid";
 *   - a lock that is not to be had in time is a no;
 *   - the highest epoch of each coordinator's name is kept (store_fence).
 *
 * A session works on one message at a time: what comes meanwhile waits.
 */
#include "sim/world.h"

#include <assert.h>
#include <string.h>

#define FLUSH_MIN_US    60
#define FLUSH_MORE_US   300
#define LOCK_TIMEOUT_US 200000

static struct branch *branch_of(struct sim_world *w, unsigned ghost, unsigned store)
{
    return &w->ghost[ghost].at[store];
}

/* --- answering -------------------------------------------------------------------------------- */

static void reply_listed(struct sim_world *w, const struct message *to, enum store_status status,
                         uint32_t listed)
{
    struct message m = *to;

    m.verb_type = to->type;
    m.type = MSG_REPLY;
    m.status = (uint8_t)status;
    m.listed = listed;
    if (m.session == NO_SESSION || w->session[m.session].open_at_store)
        sim_net_send(w, &m);
}

/* Nobody is there: the connection is reset. */
static void refuse(struct sim_world *w, const struct message *to)
{
    struct message m = *to;

    m.verb_type = to->type;
    m.type = to->session == NO_SESSION ? MSG_REPLY : MSG_RESET_DOOR;
    m.status = STORE_UNKNOWN;
    sim_net_send(w, &m);
}

static void reply(struct sim_world *w, const struct message *to, enum store_status status)
{
    reply_listed(w, to, status, 0);
}

static void take_next(struct sim_world *w, uint16_t session)
{
    struct session *s = &w->session[session];
    uint16_t next = s->queued;

    s->busy = false;
    s->queued = 0;
    if (next != 0 && s->open_at_store)
        sim_part_takes(w, &w->message[next]);
}

/* The session's work is done: answer, and take the next. */
static void answer(struct sim_world *w, uint16_t message, enum store_status status)
{
    const struct message *m = &w->message[message];

    reply(w, m, status);
    if (m->session != NO_SESSION)
        take_next(w, m->session);
}

/* --- locks ------------------------------------------------------------------------------------ */

static bool holds(const struct branch *b)
{
    return b->state >= BRANCH_EXECUTED && b->state <= BRANCH_ROLLING_BACK;
}

static bool lock_is_free(struct sim_world *w, unsigned ghost, unsigned store)
{
    const struct branch *b = branch_of(w, ghost, store);

    for (unsigned i = 0; i < w->n_ghosts; i++) {
        const struct branch *other = branch_of(w, i, store);

        if (i != ghost && holds(other) && other->key == b->key && !(other->reads && b->reads))
            return false;
    }
    return true;
}

static void begin_flush(struct sim_world *w, unsigned store, unsigned ghost,
                        enum branch_state state, uint16_t message)
{
    struct branch *b = branch_of(w, ghost, store);

    w->result->costs.forced[store]++;
    b->state = (uint8_t)state;
    b->reply = message;
    sim_after(w, sim_draw(w, FLUSH_MIN_US, FLUSH_MORE_US),
              (struct sim_event){.kind = EV_FLUSHED,
                                 .who = (uint8_t)store,
                                 .what = (uint16_t)ghost,
                                 .life = w->store[store].life});
}

static void executed(struct sim_world *w, unsigned store, unsigned ghost)
{
    struct branch *b = branch_of(w, ghost, store);
    const struct sim_txn *t = &w->schedule.txn[w->ghost[ghost].txn];

    if (t->refused >> store & 1U) {
        b->state = BRANCH_NONE;
        answer(w, b->reply, STORE_CONSTRAINT);
        return;
    }
    if (b->until_prepared) {
        begin_flush(w, store, ghost, BRANCH_PREPARING, b->reply);
        return;
    }
    b->state = BRANCH_EXECUTED;
    answer(w, b->reply, STORE_OK);
}

static void wait_for_lock(struct sim_world *w, unsigned store, unsigned ghost)
{
    struct branch *b = branch_of(w, ghost, store);

    b->state = BRANCH_WAITING;
    b->wait = ++w->store[store].waits;
    sim_after(w, LOCK_TIMEOUT_US,
              (struct sim_event){.kind = EV_LOCK_TIMEOUT,
                                 .who = (uint8_t)store,
                                 .what = (uint16_t)ghost,
                                 .more = b->wait,
                                 .life = w->store[store].life});
}

void sim_part_pass_locks_on(struct sim_world *w, unsigned store)
{
    unsigned first;

    do {
        first = w->n_ghosts;
        for (unsigned i = 0; i < w->n_ghosts; i++) {
            const struct branch *b = branch_of(w, i, store);

            if (b->state == BRANCH_WAITING && lock_is_free(w, i, store) &&
                (first == w->n_ghosts || b->wait < branch_of(w, first, store)->wait))
                first = i;
        }
        if (first < w->n_ghosts)
            executed(w, store, first);
    } while (first < w->n_ghosts);
}

void sim_part_lock_timeout(struct sim_world *w, unsigned store, unsigned ghost, unsigned wait)
{
    struct branch *b = branch_of(w, ghost, store);

    if (b->state != BRANCH_WAITING || b->wait != wait)
        return;
    b->state = BRANCH_NONE;
    answer(w, b->reply, STORE_CONFLICT);
}

/* --- sessions --------------------------------------------------------------------------------- */

/* What it was at has taken effect or never will. */
static void end_session(struct sim_world *w, uint16_t session)
{
    struct session *s = &w->session[session];

    if (!s->open_at_store)
        return;
    s->open_at_store = false;
    s->busy = false;
    s->queued = 0;
    for (unsigned i = 0; i < w->n_ghosts; i++) {
        struct branch *b = branch_of(w, i, s->store);

        if (b->session != session)
            continue;
        if (b->state == BRANCH_WAITING || b->state == BRANCH_EXECUTED) {
            w->ghost[i].read_lost |= b->reads;
            b->state = BRANCH_NONE;
        } else if (b->state == BRANCH_PREPARING) {
            b->state = sim_chance(w, 2) ? BRANCH_PREPARED : BRANCH_NONE;
            if (b->state == BRANCH_PREPARED)
                sim_check_prepared(w, i, s->store);
        }
    }
    sim_part_pass_locks_on(w, s->store);
}

void sim_part_reset_by_door(struct sim_world *w, uint16_t session)
{
    end_session(w, session);
}

/* --- verbs ------------------------------------------------------------------------------------ */

static void execute(struct sim_world *w, const struct message *m, uint16_t message)
{
    struct branch *b = branch_of(w, m->ghost, m->store);
    const struct ghost *g = &w->ghost[m->ghost];

    if (b->state != BRANCH_NONE) { /* the gid exists: PostgreSQL's 42710 */
        answer(w, message, STORE_CONSTRAINT);
        return;
    }
    b->session = m->session;
    b->key = (uint8_t)w->schedule.txn[g->txn].key[m->store];
    b->reads = g->readers >> m->store & 1U;
    b->until_prepared = m->type == MSG_EXECUTE_PREPARE;
    b->reply = message;
    if (lock_is_free(w, m->ghost, m->store))
        executed(w, m->store, m->ghost);
    else
        wait_for_lock(w, m->store, m->ghost);
}

static void prepare(struct sim_world *w, const struct message *m, uint16_t message)
{
    const struct branch *b = branch_of(w, m->ghost, m->store);

    if (b->state == BRANCH_EXECUTED && b->session == m->session)
        begin_flush(w, m->store, m->ghost, BRANCH_PREPARING, message);
    else /* no transaction goes on there: the command's tag is ROLLBACK */
        answer(w, message, STORE_CONSTRAINT);
}

static void release(struct sim_world *w, const struct message *m, uint16_t message)
{
    struct branch *b = branch_of(w, m->ghost, m->store);

    if (b->state != BRANCH_EXECUTED || b->session != m->session) {
        answer(w, message, STORE_NOTA);
        return;
    }
    sim_check_released(w, m->ghost);
    b->state = BRANCH_NONE;
    answer(w, message, STORE_OK);
    sim_part_pass_locks_on(w, m->store);
}

/* COMMIT or ROLLBACK PREPARED; ROLLBACK of what is not prepared yet, too. */
static void resolve(struct sim_world *w, const struct message *m, uint16_t message)
{
    struct branch *b = branch_of(w, m->ghost, m->store);
    bool commit = m->type == MSG_COMMIT;

    if (!commit && m->ends != NO_SESSION)
        end_session(w, m->ends);
    if (b->state == BRANCH_PREPARED) {
        sim_check_resolved(w, m->ghost, m->store, commit, m);
        begin_flush(w, m->store, m->ghost, commit ? BRANCH_COMMITTING : BRANCH_ROLLING_BACK,
                    message);
        return;
    }
    if (b->state == BRANCH_COMMITTING || b->state == BRANCH_ROLLING_BACK) {
        answer(w, message, STORE_RETRY); /* busy */
        return;
    }
    if (!commit && b->state == BRANCH_EXECUTED && b->session == m->session) {
        b->state = BRANCH_NONE;
        answer(w, message, STORE_OK);
        sim_part_pass_locks_on(w, m->store);
        return;
    }
    answer(w, message, STORE_NOTA);
}

/* By its transaction's id, as pg_xact_status() knows it. */
static enum store_outcome outcome_of(const struct branch *b)
{
    if (b->state == BRANCH_COMMITTED)
        return STORE_OUTCOME_COMMITTED;
    return holds(b) ? STORE_OUTCOME_PREPARED : STORE_OUTCOME_ROLLED_BACK;
}

static void prove(struct sim_world *w, const struct message *m)
{
    reply_listed(w, m, STORE_OK, outcome_of(branch_of(w, m->ghost, m->store)));
}

static void end_sessions(struct sim_world *w, const struct message *m)
{
    unsigned name = w->door[m->slot].name;

    for (unsigned i = 0; i < w->n_sessions; i++) {
        const struct session *s = &w->session[i];
        const struct door *d = &w->door[s->slot];

        /* all of that name, but those of the process that asks */
        if (s->store == m->store && d->name == name && s->open_at_store &&
            !(s->slot == m->slot && s->door_life == m->door_life))
            end_session(w, (uint16_t)i);
    }
    w->store[m->store].ended_us[name] = w->now_us;
    w->store[m->store].ended_by[name] = m->slot;
    w->store[m->store].ended_by_life[name] = m->door_life;
    reply(w, m, STORE_OK);
}

static void fence(struct sim_world *w, const struct message *m)
{
    int64_t *highest = &w->store[m->store].fence[w->door[m->slot].name];

    if (m->epoch <= *highest) {
        reply(w, m, STORE_FENCED);
        return;
    }
    *highest = m->epoch;
    reply(w, m, STORE_OK);
}

/* As PostgreSQL's pg_prepared_xacts would be asked: by the name that gids begin with. */
static void list(struct sim_world *w, const struct message *m)
{
    char prefix[ROLE_PREFIX_SIZE];
    uint32_t listed = 0;
    size_t length;

    role_prefix(prefix, sim_door_name[w->door[m->slot].name]);
    length = strlen(prefix);
    if (sim_broken(w, SIM_BREAK_PREFIX_OWNER))
        length--; /* its colon */
    for (unsigned i = 0; i < w->n_ghosts; i++) {
        enum branch_state state = (enum branch_state)branch_of(w, i, m->store)->state;

        if ((state == BRANCH_PREPARED || state == BRANCH_COMMITTING ||
             state == BRANCH_ROLLING_BACK) &&
            strncmp(w->ghost[i].gid, prefix, length) == 0)
            listed |= UINT32_C(1) << i;
    }
    w->store[m->store].listed_epoch[w->door[m->slot].name] = m->epoch;
    reply_listed(w, m, STORE_OK, listed);
}

static void carry_out(struct sim_world *w, const struct message *m, uint16_t message)
{
    switch (m->type) {
    case MSG_EXECUTE:
    case MSG_EXECUTE_PREPARE:
        execute(w, m, message);
        break;
    case MSG_PREPARE:
        prepare(w, m, message);
        break;
    case MSG_RELEASE:
        release(w, m, message);
        break;
    case MSG_COMMIT:
    case MSG_ROLLBACK:
        resolve(w, m, message);
        break;
    case MSG_PROVE:
        prove(w, m);
        break;
    case MSG_END_SESSIONS:
        end_sessions(w, m);
        break;
    case MSG_FENCE:
        fence(w, m);
        break;
    case MSG_LIST:
        list(w, m);
        break;
    default:
        assert(!"a verb");
    }
}

/* Sent by a process whose sessions were all ended since: it went with them. */
static bool was_ended(const struct sim_world *w, const struct message *m)
{
    const struct sim_store *st = &w->store[m->store];
    unsigned name = w->door[m->slot].name;

    return m->sent_us <= st->ended_us[name] &&
           (m->slot != st->ended_by[name] || m->door_life != st->ended_by_life[name]);
}

/* The session that it came over can take it now. */
static bool session_takes(struct sim_world *w, const struct message *m, uint16_t message)
{
    struct session *s = &w->session[m->session];

    if (!s->open_at_store || s->store_life != w->store[m->store].life) {
        refuse(w, m);
        return false;
    }
    if (s->busy) {
        s->queued = message;
        return false;
    }
    s->busy = true;
    return true;
}

void sim_part_takes(struct sim_world *w, const struct message *m)
{
    uint16_t message = (uint16_t)(m - w->message);
    const struct sim_fault *crash;

    if (!w->store[m->store].up) {
        refuse(w, m);
        return;
    }
    if (m->session != NO_SESSION ? !session_takes(w, m, message) : was_ended(w, m))
        return;
    if (!sim_part_begin_step(w, m->store, &crash))
        return;
    carry_out(w, m, message);
    sim_part_end_step(w, m->store, crash);
}

void sim_part_flushed(struct sim_world *w, unsigned store, unsigned ghost)
{
    struct branch *b = branch_of(w, ghost, store);
    const struct sim_fault *crash;

    if (!sim_part_begin_step(w, store, &crash))
        return;
    switch (b->state) {
    case BRANCH_PREPARING:
        b->state = BRANCH_PREPARED;
        w->result->costs.n_prepared++;
        sim_check_prepared(w, ghost, store);
        break;
    case BRANCH_COMMITTING:
        b->state = BRANCH_COMMITTED;
        sim_part_pass_locks_on(w, store);
        break;
    case BRANCH_ROLLING_BACK:
        b->state = BRANCH_ROLLED_BACK;
        sim_part_pass_locks_on(w, store);
        break;
    default: /* its session was ended in the flush */
        sim_part_end_step(w, store, crash);
        return;
    }
    if (w->trace)
        sim_trace_store(w, store, "%s is %s", w->ghost[ghost].gid,
                        b->state == BRANCH_PREPARED    ? "prepared"
                        : b->state == BRANCH_COMMITTED ? "committed"
                                                       : "rolled back");
    answer(w, b->reply, STORE_OK);
    sim_part_end_step(w, store, crash);
}
