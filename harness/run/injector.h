/*
 * injector.h - carries out the schedule of faults of a run, by timers on the event loop, and writes
 * faults.ndjson. Nothing in it waits.
 *
 * A fault goes through these states, and ends in OVER whatever happens:
 *
 *   WAITS --at_us--> ASKING ----------------------> HITTING --> LASTS --lasts_us--> ENDING --> OVER
 *     |        (where do transactions stand?)          ^          ^
 *     |                                                | 2 s      | dies by itself at the point
 *     +---at_us, with a crash point--> ARMED ----------+----------+
 *     |                                  +---crashes by itself------------------------------> OVER
 *     |         (`of` another role: its transactions stand there, held until the target is hit)
 *     +---no such target under this approach------------------------------------------------> OVER
 */
#ifndef SYNCBED_HARNESS_RUN_INJECTOR_H
#define SYNCBED_HARNESS_RUN_INJECTOR_H

#include "approaches/approach.h"
#include "base/error.h"
#include "faults/schedule.h"
#include "harness/lines.h"
#include "harness/run/roles.h"
#include "servers/keeper.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

enum injected_state {
    INJECTED_WAITS,
    INJECTED_ASKING,
    INJECTED_ARMED,
    INJECTED_HITTING,
    INJECTED_LASTS,
    INJECTED_ENDING,
    INJECTED_OVER
};

struct injector;

struct injected {
    struct injector *injector;
    unsigned number; /* in the schedule */
    const struct fault *fault;
    enum injected_state state;
    enum crash_point point; /* CRASH_NONE: a plain kill, or a pause */
    bool released;          /* ended by injector_release(), not by its schedule */
    struct event *timer;
    json_t *standing; /* the role's last word on where its transactions stand; NULL: not known */
    json_t *held;     /* … and on which requests are held at the point; NULL: not known */
    int64_t armed_us;
    int64_t hit_us;
};

struct injector_options {
    struct event_base *base;
    struct keeper *keeper;
    struct roles *roles;             /* control connections */
    const struct schedule *schedule; /* borrowed, as is all here */
    uint64_t seed;                   /* draws the moments of faults that are `at: random` */
    const struct approach *approach;
    struct lines *faults;
    /* A fault begins or ends: a few words for whoever looks on. May be NULL. */
    void (*note)(void *arg, const char *text);
    void *arg;
};

struct injector {
    struct injector_options options;
    unsigned n;
    struct injected fault[SCHEDULE_FAULTS_MAX];
    bool stopped;
    struct errctx failure; /* a target could not be hit or brought back; else message is "" */
};

/* Arm the timers; `load_at_us` is time 0 of the schedule. Must not be moved afterwards. */
void injector_start(struct injector *injector, const struct injector_options *options,
                    int64_t load_at_us);
/*
 * No fault begins or ends any more. While injector_over() was false, answers of roles and of the
 * keeper may still come: its memory must outlive their connections. Not started is fine.
 */
void injector_stop(struct injector *injector);

/*
 * The keeper says that `name` ended. True: one of the faults wanted it so. A crash of its own is
 * none of ours also while a crash point is armed: only SIGKILL with a fresh exposure is.
 */
bool injector_exited(struct injector *injector, const char *name, const struct keeper_end *end);

/* No fault is still to come, and none goes on but those that last for ever. */
bool injector_over(const struct injector *injector);

/*
 * End what lasts for ever, so that all can be looked at; then injector_over(). Such a fault has no
 * "end" in faults.ndjson: it lasted to the end of what is judged.
 */
void injector_release(struct injector *injector);

#endif
