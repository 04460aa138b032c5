/* Faults, carried out on time: see the header. */
#include "harness/run/injector.h"

#include "base/clock.h"
#include "harness/run/exposure.h"
#include "harness/run/injected_order.h"
#include "harness/run/injected_tell.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* How long a role may take to say where its transactions stand before it is killed all the same. */
#define ASK_US (100 * US_PER_MS)

/* How long the start may take to come for which a fault is armed. */
#define AT_START_US (60 * US_PER_S)

static const bool legal[INJECTED_OVER + 1][INJECTED_OVER + 1] = {
    [INJECTED_WAITS] = {[INJECTED_ASKING] = true, [INJECTED_ARMED] = true, [INJECTED_OVER] = true},
    [INJECTED_ASKING] =
        {[INJECTED_HITTING] = true, [INJECTED_LASTS] = true, [INJECTED_OVER] = true},
    [INJECTED_ARMED] = {[INJECTED_ASKING] = true, [INJECTED_LASTS] = true, [INJECTED_OVER] = true},
    [INJECTED_HITTING] = {[INJECTED_LASTS] = true, [INJECTED_OVER] = true},
    [INJECTED_LASTS] = {[INJECTED_ENDING] = true},
    [INJECTED_ENDING] = {[INJECTED_OVER] = true},
};

static void set_state(struct injected *f, enum injected_state state)
{
    assert(legal[f->state][state]);
    f->state = state;
}

static void set_timer(struct injected *f, int64_t delay_us)
{
    struct timeval delay = clock_timeval(delay_us);

    (void)evtimer_add(f->timer, &delay); /* fails when memory is gone only; libevent aborts then */
}

/* --- when it does not go as planned --------------------------------------------------------- */

static void fail(struct injected *f, const char *what, const char *error)
{
    struct injector *injector = f->injector;

    if (!injector->failure.message[0])
        (void)err_set(&injector->failure, EIO, ERR_FATAL, "%s of %s: %s", what, f->fault->target,
                      error);
    injected_note(f, "%s of %s failed", what, f->fault->target);
}

static void skip(struct injected *f, const char *why)
{
    struct injected *next = injected_next_at_start(f);

    injected_tell_skipped(f, why);
    set_state(f, INJECTED_OVER);
    if (next && next->state == INJECTED_ARMED) {
        (void)evtimer_del(next->timer); /* fails for no event only */
        skip(next, "the start did not come");
    }
}

/* --- ending a fault --------------------------------------------------------------------------- */

/* It may have died again on the way, by intent: then this fault has handed over to that one. */
static bool handed_over(struct injected *f)
{
    const struct injected *next = injected_next_at_start(f);

    if (!next || next->state != INJECTED_LASTS)
        return false;
    injected_tell_end(f, next->hit_us);
    return true;
}

static void on_ended(void *arg, const char *error)
{
    struct injected *f = arg;
    struct injected *next = injected_next_at_start(f);
    struct errctx err;

    if (f->injector->stopped)
        return;
    set_state(f, INJECTED_OVER);
    if (handed_over(f))
        return;
    if (error) {
        fail(f, f->fault->action == FAULT_KILL ? "restart" : "continuing", error);
        return;
    }
    if (!f->released)
        injected_tell_end(f, clock_now_us());
    injected_note(f, "%s is back", f->fault->target);
    if (next && next->state == INJECTED_ARMED)
        set_timer(next, FAULT_REACH_US); /* it is ready, and has not come there yet */
    if (f->fault->action == FAULT_KILL &&
        roles_restarted(f->injector->options.roles, f->fault->target, &err) &&
        !(next && next->state == INJECTED_ARMED)) /* which may have hit a moment ago */
        fail(f, "control connection", err.message);
}

static void end(struct injected *f)
{
    struct keeper *keeper = f->injector->options.keeper;
    struct injected *next = injected_next_at_start(f);

    set_state(f, INJECTED_ENDING);
    if (f->fault->action == FAULT_PAUSE && injected_killed_since(f)) {
        on_ended(f, NULL); /* it is over: what was stopped is dead, or is another process */
        return;
    }
    if (next && next->state == INJECTED_ARMED)
        next->armed_us = clock_now_us(); /* what died before this start died of something else */
    if (f->fault->action == FAULT_KILL)
        keeper_restart_async(keeper, f->fault->target, on_ended, f);
    else
        keeper_signal_async(keeper, f->fault->target, KEEPER_CONTINUE, on_ended, f);
}

/* --- hitting ---------------------------------------------------------------------------------- */

static void last(struct injected *f)
{
    struct injected *next = injected_next_at_start(f);

    set_state(f, INJECTED_LASTS);
    injected_tell_begin(f);
    if (f->fault->lasts_us >= 0)
        set_timer(f, f->hit_us + f->fault->lasts_us - clock_now_us());
    if (next && next->state == INJECTED_WAITS && !evtimer_pending(next->timer, NULL))
        set_timer(next, 0); /* it has let this one go first */
}

/* Whose transactions stood there while the target was hit: they go on. */
static void let_go(const struct injected *f)
{
    struct rpc_client *control = roles_control(f->injector->options.roles, f->fault->of);

    if (control)
        rpc_send(control, "disarm", NULL, NULL, NULL);
}

static void on_hit(void *arg, const char *error)
{
    struct injected *f = arg;

    if (f->injector->stopped)
        return;
    if (f->fault->of[0])
        let_go(f);
    if (!error) {
        last(f);
        return;
    }
    fail(f, injected_action(f), error);
    set_state(f, INJECTED_OVER);
}

static void hit(struct injected *f)
{
    bool kill = f->fault->action == FAULT_KILL;

    set_state(f, INJECTED_HITTING);
    f->hit_us = clock_now_us();
    keeper_signal_async(f->injector->options.keeper, f->fault->target,
                        kill ? KEEPER_KILL : KEEPER_PAUSE, on_hit, f);
}

/* The role's word: an answer of it, or what it wrote when it died. */
static void take_word(struct injected *f, const json_t *word)
{
    json_decref(f->standing);
    json_decref(f->held);
    f->standing = json_incref(json_object_get(word, "standing"));
    f->held = json_incref(json_object_get(word, "held"));
}

/* The last word may come after the timer, or never: from a paused role, say. */
static void on_counters(void *arg, json_t *reply)
{
    struct injected *f = arg;

    if (f->injector->stopped || f->state != INJECTED_ASKING)
        return;
    take_word(f, reply);
    (void)evtimer_del(f->timer);
    hit(f);
}

static void ask(struct injected *f)
{
    struct rpc_client *control = roles_control(f->injector->options.roles, f->fault->target);

    set_state(f, INJECTED_ASKING);
    if (!control || f->fault->action != FAULT_KILL || f->fault->of[0]) {
        hit(f);
        return;
    }
    set_timer(f, ASK_US);
    rpc_send(control, "counters", NULL, on_counters, f);
}

static void on_armed(void *arg, json_t *reply)
{
    struct injected *f = arg;

    if (f->injector->stopped || f->state != INJECTED_ARMED ||
        json_is_true(json_object_get(reply, "ok")))
        return;
    if (reply) /* else its process died, and the keeper will say so */
        fail(f, "arming", json_string_value(json_object_get(reply, "error")));
}

/* Of another role: so many stand there, and wait for the target to be hit. */
static void on_gathered(void *arg, json_t *reply)
{
    struct injected *f = arg;

    if (f->injector->stopped || f->state != INJECTED_ARMED || !reply)
        return; /* … or it died, or they do not come: the target is hit all the same, in time */
    if (!json_object_get(reply, "standing")) {
        fail(f, "gathering", json_string_value(json_object_get(reply, "error")));
        return;
    }
    (void)evtimer_del(f->timer); /* fails for no event only */
    take_word(f, reply);
    set_state(f, INJECTED_ASKING);
    hit(f);
}

static void set_armed(struct injected *f, int64_t reach_us)
{
    set_state(f, INJECTED_ARMED);
    f->armed_us = clock_now_us();
    injected_tell_armed(f);
    set_timer(f, reach_us);
}

static json_t *order(const struct injected *f)
{
    return json_pack("{s:s, s:I}", "point", crash_point_info(f->point)->name, "gather",
                     (json_int_t)f->fault->gather);
}

/* Whose transactions have to stand at its point. */
static const char *holder(const struct injected *f)
{
    return f->fault->of[0] ? f->fault->of : f->fault->target;
}

static void arm(struct injected *f)
{
    struct rpc_client *control = roles_control(f->injector->options.roles, holder(f));

    if (!control) {
        skip(f, "it was not running");
        return;
    }
    set_armed(f, FAULT_REACH_US);
    if (f->fault->of[0])
        rpc_send(control, "gather", order(f), on_gathered, f);
    else
        rpc_send(control, "arm", order(f), on_armed, f);
}

/* By a file that the target's next start reads. Who comes there later than that is killed anyway.
 */
static void arm_for_start(struct injected *f)
{
    const struct injected *before = injected_before(f);
    char path[PATH_MAX + ROLE_NAME_SIZE + 16];
    json_t *what;
    int rc;

    if (!before || before->state == INJECTED_OVER) {
        skip(f, "the start did not come");
        return;
    }
    if (injected_waits_for_a_start(before))
        return; /* its turn comes when that one has hit: last() */
    what = order(f);
    (void)snprintf(path, sizeof path, "%s/control/%s.arm", f->injector->options.roles->folder,
                   f->fault->target);
    rc = json_dump_file(what, path, JSON_COMPACT);
    json_decref(what);
    set_armed(f, AT_START_US);
    if (rc < 0)
        fail(f, "arming", "its file cannot be written");
}

static void on_timer(evutil_socket_t fd, short events, void *arg)
{
    struct injected *f = arg;

    (void)fd;
    (void)events;
    switch (f->state) {
    case INJECTED_WAITS:
        if (f->point && fault_at_start(f->fault))
            arm_for_start(f);
        else if (f->point)
            arm(f);
        else
            ask(f);
        break;
    case INJECTED_ARMED: /* not reached in time: kill all the same */
        ask(f);
        break;
    case INJECTED_ASKING:
        hit(f);
        break;
    case INJECTED_LASTS:
        end(f);
        break;
    case INJECTED_HITTING:
    case INJECTED_ENDING:
    case INJECTED_OVER:
        break;
    }
}

/* --- the keeper's events ---------------------------------------------------------------------- */

/* Did it die at its crash point? Its exposure tells so, and when, and who stood there. */
static bool died_at_point(struct injected *f, const struct keeper_end *end)
{
    const struct injector_options *o = &f->injector->options;
    json_t *exposure;

    if (!f->point || f->fault->of[0] || end->signal != SIGKILL ||
        !exposure_read(o->roles->folder, f->fault->target, f->armed_us, &f->hit_us, &exposure))
        return false;
    take_word(f, exposure);
    json_decref(exposure);
    return true;
}

/* While it waits for the target to reach its point, or for its word on where transactions stand. */
static bool exited_before_hit(struct injected *f, const struct keeper_end *end)
{
    bool wanted = died_at_point(f, end);

    if (!f->point)
        return false;
    (void)evtimer_del(f->timer);
    if (wanted)
        last(f);
    else
        skip(f, "it had ended by itself");
    return wanted;
}

static bool exited(struct injected *f, const struct keeper_end *end)
{
    switch (f->state) {
    case INJECTED_ARMED:
    case INJECTED_ASKING:
        return exited_before_hit(f, end);
    case INJECTED_HITTING: /* it may have reached its point just before it was hit */
        return !end->why[0] || died_at_point(f, end);
    case INJECTED_LASTS:
        return !end->why[0];
    case INJECTED_WAITS:
    case INJECTED_ENDING:
    case INJECTED_OVER:
        break;
    }
    return false;
}

bool injector_exited(struct injector *injector, const char *name, const struct keeper_end *end)
{
    for (unsigned i = 0; i < injector->n; i++) {
        struct injected *f = &injector->fault[i];

        if (strcmp(f->fault->target, name) == 0 && f->fault->action == FAULT_KILL && exited(f, end))
            return true;
    }
    return false;
}

/* --- all of them ------------------------------------------------------------------------------ */

/* What the schedule's words mean under this approach; "" or why the fault is to be skipped. */
static const char *resolve(struct injected *f, const struct approach *approach)
{
    const struct fault *fault = f->fault;
    bool is_sink = strncmp(fault->target, "sink-", 5) == 0;
    bool of_sink = strncmp(holder(f), "sink-", 5) == 0;

    if (!approach->uses_log && is_sink)
        return "no sinks in this approach";
    if (!approach->uses_log && strcmp(fault->target, "kafka") == 0)
        return "no log in this approach";
    if (!fault->point[0])
        return "";
    if (strcmp(fault->point, "worst") == 0)
        f->point = of_sink ? CRASH_SINK_APPLIED : approach->worst;
    else if (strcmp(fault->point, "before-worst") == 0)
        f->point = of_sink ? CRASH_SINK_SENT : approach->before_worst;
    else
        f->point = crash_point_find(fault->point);
    if (!f->point)
        return "this approach has no such moment";
    if (strcmp(crash_point_info(f->point)->approach, of_sink ? "sink" : approach->name) != 0)
        return "not a step of this approach";
    return "";
}

/* All of them, before the first is skipped: which looks at those behind it. */
static void make_all(struct injector *injector)
{
    for (unsigned i = 0; i < injector->n; i++) {
        struct injected *f = &injector->fault[i];

        *f = (struct injected){
            .injector = injector, .number = i, .fault = &injector->options.schedule->fault[i]};
        f->timer = evtimer_new(injector->options.base, on_timer, f);
        assert(f->timer);
    }
}

void injector_start(struct injector *injector, const struct injector_options *options,
                    int64_t load_at_us)
{
    int64_t now_us = clock_now_us();

    *injector = (struct injector){.options = *options, .n = options->schedule->n_faults};
    make_all(injector);
    for (unsigned i = 0; i < injector->n; i++) {
        struct injected *f = &injector->fault[i];
        const char *why = resolve(f, options->approach);

        if (*why)
            skip(f, why);
        else
            set_timer(f,
                      load_at_us + fault_moment_us(options->schedule, i, options->seed) - now_us);
    }
}

void injector_stop(struct injector *injector)
{
    injector->stopped = true;
    for (unsigned i = 0; i < injector->n; i++) {
        event_free(injector->fault[i].timer);
        json_decref(injector->fault[i].standing);
        json_decref(injector->fault[i].held);
    }
    injector->n = 0;
}

bool injector_over(const struct injector *injector)
{
    for (unsigned i = 0; i < injector->n; i++) {
        const struct injected *f = &injector->fault[i];
        bool for_ever = f->state == INJECTED_LASTS && f->fault->lasts_us < 0;

        if (f->state != INJECTED_OVER && !for_ever)
            return false;
    }
    return true;
}

void injector_release(struct injector *injector)
{
    for (unsigned i = 0; i < injector->n; i++) {
        struct injected *f = &injector->fault[i];

        if (f->state != INJECTED_LASTS)
            continue;
        f->released = true;
        end(f);
    }
}
