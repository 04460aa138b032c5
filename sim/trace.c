/*
 * A run drawn and told: time downwards, a line of life for each process, what passes between them
 * as arrows, and the same in words.
 */
#include "sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LANE_WIDTH 8
#define LANES_MAX  (1 + SLOTS_MAX + SIM_STORES_MAX)

static const char *const verb_words[MSG_TYPES] = {
    [MSG_SUBMIT] = "asks for",
    [MSG_STATUS] = "asks for the status of",
    [MSG_ANSWER] = "answers",
    [MSG_EXECUTE] = "begin",
    [MSG_EXECUTE_PREPARE] = "begin and prepare",
    [MSG_PREPARE] = "prepare",
    [MSG_RELEASE] = "release",
    [MSG_COMMIT] = "commit",
    [MSG_ROLLBACK] = "roll back",
    [MSG_PROVE] = "what became of",
    [MSG_END_SESSIONS] = "end the sessions of earlier incarnations",
    [MSG_FENCE] = "raise the epoch",
    [MSG_LIST] = "list what is in doubt",
    [MSG_RESET_DOOR] = "the connection is reset",
    [MSG_RESET_STORE] = "the connection is reset",
};

/* Which columns there are: those of processes that take part. */
static unsigned lane_of_slot(unsigned slot)
{
    return 1 + slot;
}

static unsigned lane_of_store(unsigned store)
{
    return 1 + SLOTS_MAX + store;
}

static bool shown(const struct sim_world *w, unsigned lane)
{
    if (lane == 0)
        return true;
    if (lane > SLOTS_MAX)
        return lane - 1 - SLOTS_MAX < w->schedule.n_stores;
    if (w->name[(lane - 1) / 2].refused && !w->name[(lane - 1) / 2].flipped)
        return false;
    if ((lane - 1) % 2 == 0)
        return true;
    for (unsigned i = 0; i < w->schedule.n_faults; i++) {
        if (w->options.faults >> i & 1U && w->schedule.fault[i].kind == SIM_TAKE_OVER &&
            w->schedule.fault[i].door == (lane - 1) / 2)
            return true;
    }
    return false;
}

static bool alive(const struct sim_world *w, unsigned lane)
{
    if (lane == 0)
        return true;
    return lane > SLOTS_MAX ? w->store[lane - 1 - SLOTS_MAX].up : w->door[lane - 1].up;
}

/* One lane: its centre, and what joins it to the next. */
static void draw_lane(struct sim_world *w, unsigned lane, unsigned from, unsigned to, bool lost)
{
    unsigned low = from < to ? from : to, high = from < to ? to : from;
    bool inside = lane > low && lane < high;
    bool joined = lane >= low && lane < high;
    const char *centre = alive(w, lane) ? "│" : " ";

    if (lane == from)
        centre = "●";
    else if (lane == to)
        centre = lost ? "✗" : from < to ? "▶" : "◀";
    else if (inside)
        centre = "─";
    (void)fputs(centre, w->trace);
    for (int i = 1; i < LANE_WIDTH; i++)
        (void)fputs(joined ? "─" : " ", w->trace);
}

static void draw(struct sim_world *w, unsigned from, unsigned to, bool lost)
{
    (void)fprintf(w->trace, "%11.3f   ", (double)w->now_us / 1000);
    for (unsigned lane = 0; lane < LANES_MAX; lane++) {
        if (shown(w, lane))
            draw_lane(w, lane, from, to, lost);
    }
}

static void tell(struct sim_world *w, unsigned lane, const char *fmt, va_list ap)
{
    draw(w, lane, lane, false);
    (void)vfprintf(w->trace, fmt, ap);
    (void)fputc('\n', w->trace);
}

void sim_trace_door(struct sim_world *w, unsigned slot, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tell(w, lane_of_slot(slot), fmt, ap);
    va_end(ap);
}

void sim_trace_store(struct sim_world *w, unsigned store, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tell(w, lane_of_store(store), fmt, ap);
    va_end(ap);
}

void sim_trace_all(struct sim_world *w, const char *fmt, ...)
{
    va_list ap;

    (void)fprintf(w->trace, "%11.3f   ", (double)w->now_us / 1000);
    va_start(ap, fmt);
    (void)vfprintf(w->trace, fmt, ap);
    va_end(ap);
    (void)fputc('\n', w->trace);
}

static void tell_listed(struct sim_world *w, const struct message *m)
{
    const char *separator = " ";

    (void)fprintf(w->trace, "in doubt here:%s", m->listed ? "" : " nothing");
    for (unsigned i = 0; i < w->n_ghosts; i++) {
        if (!(m->listed >> i & 1U))
            continue;
        (void)fprintf(w->trace, "%s%s", separator, w->ghost[i].gid);
        separator = ", ";
    }
}

static void tell_reply(struct sim_world *w, const struct message *m)
{
    if (m->verb_type == MSG_LIST && m->status == STORE_OK)
        tell_listed(w, m);
    else
        (void)fprintf(w->trace, "%s: %s", verb_words[m->verb_type],
                      store_status_name((enum store_status)m->status));
    if (m->ghost != NONE && m->verb_type < MSG_END_SESSIONS)
        (void)fprintf(w->trace, ", %s", w->ghost[m->ghost].gid);
}

static void tell_answer(struct sim_world *w, const struct message *m)
{
    const struct attempt *a = &w->attempt[m->attempt];

    if (a->is_status)
        (void)fprintf(w->trace, "t%u is %s", a->txn, outcome_name((enum outcome)m->outcome));
    else if (m->code == CODE_NONE)
        (void)fprintf(w->trace, "t%u: ok, %s", a->txn, level_name((enum level)m->status));
    else
        (void)fprintf(w->trace, "t%u: %s", a->txn, code_name((enum code)m->code));
}

static void tell_verb(struct sim_world *w, const struct message *m)
{
    (void)fputs(verb_words[m->type], w->trace);
    if (m->type == MSG_SUBMIT || m->type == MSG_STATUS)
        (void)fprintf(w->trace, " t%u", w->attempt[m->attempt].txn);
    else if (m->type >= MSG_EXECUTE && m->type <= MSG_PROVE)
        (void)fprintf(w->trace, " %s", w->ghost[m->ghost].gid);
    if (m->type == MSG_ROLLBACK && m->ends != NO_SESSION)
        (void)fputs(", after ending its session", w->trace);
}

void sim_trace_message(struct sim_world *w, const struct message *m, const char *fate)
{
    unsigned door = lane_of_slot(m->slot), store = lane_of_store(m->store);
    bool from_client = m->type == MSG_SUBMIT || m->type == MSG_STATUS;
    bool up = m->type == MSG_REPLY || m->type == MSG_RESET_DOOR;
    unsigned from = from_client ? 0 : up ? store : door;
    unsigned to = m->type == MSG_ANSWER ? 0 : from_client || up ? door : store;

    draw(w, from, to, fate != NULL);
    if (m->type == MSG_REPLY)
        tell_reply(w, m);
    else if (m->type == MSG_ANSWER)
        tell_answer(w, m);
    else
        tell_verb(w, m);
    (void)fprintf(w->trace, "%s%s\n", fate ? ": " : "", fate ? fate : "");
}

static const char *lane_name(unsigned lane)
{
    if (lane == 0)
        return "clients";
    if (lane > SLOTS_MAX)
        return sim_store_name[lane - 1 - SLOTS_MAX];
    return sim_door_name[(lane - 1) / 2];
}

void sim_trace_begin(struct sim_world *w)
{
    char text[SIM_TEXT_SIZE];

    for (unsigned i = 0; i < w->schedule.n_txns; i++) {
        if (!(w->options.txns >> i & 1U))
            continue;
        sim_txn_print(&w->schedule, i, text, sizeof text);
        (void)fprintf(w->trace, "  %s\n", text);
    }
    for (unsigned i = 0; i < w->schedule.n_faults; i++) {
        if (!(w->options.faults >> i & 1U))
            continue;
        sim_fault_print(&w->schedule.fault[i], text, sizeof text);
        (void)fprintf(w->trace, "  f%u: %s\n", i, text);
    }
    (void)fprintf(w->trace, "\n%11s   ", "ms");
    for (unsigned lane = 0; lane < LANES_MAX; lane++) {
        if (shown(w, lane))
            (void)fprintf(w->trace, "%-*s", LANE_WIDTH, lane_name(lane));
    }
    (void)fputc('\n', w->trace);
}
