/* A sink's decisions; see the header for the contract and the state diagram. */
#include "logsync/sink_core.h"

#include <assert.h>
#include <errno.h>

static struct sink_action *emit(struct sink_actions *out, enum sink_action_type type)
{
    struct sink_action *a = &out->item[out->n++];

    assert(out->n <= SINK_CORE_ACTIONS_MAX);
    *a = (struct sink_action){.type = type};
    return a;
}

/* Every change of state is one of these. */
static void set_state(struct sink_core *s, enum sink_state to)
{
    static const unsigned legal[] = {
        [SINK_NEW] = 1U << SINK_OPENING,
        [SINK_OPENING] = 1U << SINK_READING | 1U << SINK_WAITING | 1U << SINK_STOPPED,
        [SINK_READING] = 1U << SINK_APPLYING | 1U << SINK_STOPPED,
        [SINK_APPLYING] = 1U << SINK_READING | 1U << SINK_WAITING | 1U << SINK_STOPPED,
        [SINK_WAITING] = 1U << SINK_OPENING,
        [SINK_STOPPED] = 0,
    };

    assert(legal[s->state] & 1U << to);
    s->state = to;
}

static bool following(const struct sink_core *s)
{
    return s->state == SINK_READING || s->state == SINK_APPLYING;
}

static bool full(const struct sink_core *s)
{
    unsigned records_max = s->n_singly > 0 ? 1 : s->limits.records_max;

    return s->n_held >= records_max || s->bytes_held >= s->limits.bytes_max;
}

bool sink_core_wants(const struct sink_core *s)
{
    return following(s) && !full(s) && !s->bad_next;
}

static void ask_position(struct sink_core *s, struct sink_actions *out)
{
    set_state(s, SINK_OPENING);
    emit(out, s->owned ? SINK_ACT_RESUME : SINK_ACT_TAKE_OVER);
}

static void apply(struct sink_core *s, struct sink_actions *out)
{
    struct sink_action *a = emit(out, SINK_ACT_APPLY);

    assert(s->n_held > 0);
    a->n_records = s->n_held;
    a->from = s->durable;
    a->to = s->next;
    s->applying = s->next;
    s->n_applying = s->n_held;
    s->n_held = 0;
    s->bytes_held = 0;
    set_state(s, SINK_APPLYING);
}

static void on_opened(struct sink_core *s, const struct position *position,
                      struct sink_actions *out)
{
    assert(position->n == s->durable.n);
    set_state(s, SINK_READING);
    s->owned = true;
    s->durable = *position;
    s->next = *position;
    s->n_held = 0;
    s->bytes_held = 0;
    s->bad_next = false; /* it is read again */
    emit(out, SINK_ACT_SEEK)->from = *position;
}

static void stop(struct sink_core *s, enum sink_failure failure, struct sink_actions *out)
{
    set_state(s, SINK_STOPPED);
    emit(out, SINK_ACT_STOP)->failure = failure;
}

/* Nothing is under way: what is held goes, and what cannot go ends it. */
static void go_on(struct sink_core *s, struct sink_actions *out)
{
    assert(s->state == SINK_READING);
    if (s->n_held > 0)
        apply(s, out);
    else if (s->bad_next)
        stop(s, SINK_UNREADABLE, out);
}

static int on_record(struct sink_core *s, const struct sink_event *ev, struct sink_actions *out)
{
    assert(ev->partition < s->next.n);
    if (!following(s) || ev->offset < s->next.offset[ev->partition]) {
        emit(out, SINK_ACT_SKIP);
        return 0;
    }
    if (!sink_core_wants(s))
        return -EPROTO;
    if (ev->type == SINK_EV_BAD_RECORD) {
        s->bad_next = true;
        if (s->state == SINK_READING)
            go_on(s, out);
        return 0;
    }
    /* A gap below it holds nothing for us: aborted transactions, markers of the log's own. */
    s->next.offset[ev->partition] = ev->offset + 1;
    s->n_held++;
    s->bytes_held += ev->size;
    emit(out, SINK_ACT_HOLD);
    if (full(s) && s->state == SINK_READING)
        apply(s, out);
    return 0;
}

static void on_applied(struct sink_core *s, struct sink_actions *out)
{
    s->durable = s->applying;
    if (s->n_singly > 0)
        s->n_singly--;
    set_state(s, SINK_READING);
    go_on(s, out);
}

static void back_off(struct sink_core *s, struct sink_actions *out)
{
    set_state(s, SINK_WAITING);
    emit(out, SINK_ACT_SET_TIMER)->delay_us = s->limits.backoff_us;
}

static void on_failed(struct sink_core *s, enum sink_failure failure, struct sink_actions *out)
{
    switch (failure) {
    case SINK_LOST:
        back_off(s, out);
        break;
    case SINK_FENCED:
    case SINK_UNREADABLE:
        stop(s, failure, out);
        break;
    case SINK_REFUSED:
        if (s->state == SINK_OPENING || s->n_applying == 1) {
            stop(s, failure, out);
            break;
        }
        s->n_singly = s->n_applying;
        back_off(s, out);
        break;
    }
}

void sink_core_init(struct sink_core *s, unsigned n_partitions, const struct sink_limits *limits)
{
    assert(n_partitions >= 1);
    assert(n_partitions <= PARTITIONS_MAX);
    assert(limits->records_max > 0);
    assert(limits->bytes_max > 0);
    assert(limits->backoff_us > 0);
    *s = (struct sink_core){.state = SINK_NEW, .limits = *limits};
    s->durable.n = n_partitions;
    s->next.n = n_partitions;
}

int sink_core_step(struct sink_core *s, const struct sink_event *ev,
                   struct sink_actions *ret_actions)
{
    ret_actions->n = 0;

    switch (ev->type) {
    case SINK_EV_START:
        if (s->state != SINK_NEW)
            return -EPROTO;
        ask_position(s, ret_actions);
        return 0;
    case SINK_EV_OPENED:
        if (s->state != SINK_OPENING)
            return -EPROTO;
        on_opened(s, &ev->position, ret_actions);
        return 0;
    case SINK_EV_RECORD:
    case SINK_EV_BAD_RECORD:
        return on_record(s, ev, ret_actions);
    case SINK_EV_NO_MORE:
        if (s->state == SINK_READING)
            go_on(s, ret_actions);
        return 0;
    case SINK_EV_APPLIED:
        if (s->state != SINK_APPLYING)
            return -EPROTO;
        on_applied(s, ret_actions);
        return 0;
    case SINK_EV_FAILED:
        if (s->state != SINK_OPENING && s->state != SINK_APPLYING)
            return -EPROTO;
        assert(ev->failure != SINK_UNREADABLE);
        on_failed(s, ev->failure, ret_actions);
        return 0;
    case SINK_EV_TIMEOUT:
        if (s->state == SINK_WAITING)
            ask_position(s, ret_actions);
        return 0;
    }
    return -EPROTO;
}
