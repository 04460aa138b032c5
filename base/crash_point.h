/*
 * crash_point.h - the named steps of a transaction, how many stand at each, and dying at one.
 *
 * Every driver tells where each of its transactions stands. That serves two ends: *exposure* (when
 * a fault hits, how many transactions stood at which step) and *crash points* (die at a step). An
 * armed step gathers: transactions that reach it stop there, and the one that makes the number full
 * brings SIGKILL on the process, after its exposure was written to the report descriptor. A kill at
 * a random instant hardly ever hits a window of a millisecond; this hits it with `gather`
 * transactions in it. Compiled into the release build: what is measured is what is broken.
 *
 * Not only transactions: while a role starts, its stores stand at steps, and what it finds there.
 *
 * One thread only: the event loop's.
 */
#ifndef SYNCBED_BASE_CRASH_POINT_H
#define SYNCBED_BASE_CRASH_POINT_H

#include <stdbool.h>
#include <stdint.h>

/* In the order in which a transaction passes them. */
enum crash_point {
    CRASH_NONE, /* stands nowhere: not begun, or answered */
    CRASH_DUAL_RECEIVED,
    CRASH_DUAL_FIRST_ANSWERED,
    CRASH_DUAL_ALL_ANSWERED,
    CRASH_XA_RECEIVED,
    CRASH_XA_FIRST_LOCKED,
    CRASH_XA_PREPARE_SENT,
    CRASH_XA_VOTED,
    CRASH_XA_LOGGING,
    CRASH_XA_DECIDED,
    CRASH_XA_COMMIT_SENT,
    CRASH_XA_FIRST_ACKED,
    CRASH_XA_ALL_ACKED,
    CRASH_XA_ABORTING,
    CRASH_XA_START_FENCED,
    CRASH_XA_START_ENDED,
    CRASH_XA_START_LISTED,
    CRASH_XA_START_RESOLVING,
    CRASH_XA_START_RESOLVED,
    CRASH_LOG_RECEIVED,
    CRASH_LOG_PRODUCED,
    CRASH_LOG_ACKNOWLEDGED,
    CRASH_SINK_OPENING,
    CRASH_SINK_OPENED,
    CRASH_SINK_RECEIVED,
    CRASH_SINK_SENT,
    CRASH_SINK_APPLIED,
    CRASH_POINTS
};

struct crash_point_info {
    const char *name;     /* "xa-decided"; as in experiment files */
    const char *approach; /* "xa"; "sink" for the sinks */
    const char *sentence; /* what is true of a transaction that stands here */
    bool at_start; /* passed while the role starts: to be armed before, CONTROL/ROLE.arm (role.h) */
};

const struct crash_point_info *crash_point_info(enum crash_point point);

/* The point of this name, or CRASH_NONE. */
enum crash_point crash_point_find(const char *name);

/* Where one transaction stands. Embedded in it, zeroed at first; must not move while it stands. */
struct crash_stand {
    enum crash_point at;
    const char *request; /* its id, borrowed; NULL: it is no transaction */
    bool held;
    void (*resume)(void *arg);
    void *arg;
    struct crash_stand *next_held;
};

/*
 * The transaction arrives at `to`. False: go on. True: it is held there, go no further; `resume` is
 * called from the loop if the point is disarmed. May not return at all (SIGKILL).
 */
bool crash_point_reach(struct crash_stand *stand, enum crash_point to, void (*resume)(void *arg),
                       void *arg);

/* The transaction is over. Must be called before its memory goes. */
void crash_point_leave(struct crash_stand *stand);

/* Die when `gather` (at least 1) transactions stand held at `point`. One point at a time. */
void crash_point_arm(enum crash_point point, unsigned gather);
void crash_point_disarm(void);

/* Hold transactions at `point` likewise, but call `full` once `gather` of them stand there, from
 * inside the last one's crash_point_reach(). They and all that follow stay until it is disarmed. */
void crash_point_gather(enum crash_point point, unsigned gather, void (*full)(void *arg),
                        void *arg);

/* How many stand at `point` now, and have reached it since start. */
unsigned crash_point_standing(enum crash_point point);
uint64_t crash_point_reached(enum crash_point point);

/* The requests that are held at the armed point, in the order in which they came. */
void crash_point_each_held(void (*visit)(void *arg, const char *request), void *arg);

/*
 * Where to write the exposure before dying: an open descriptor, append mode, -1 for none. One line:
 * {"t":"exposure","at":<us>,"point":"xa-decided","standing":{"xa-decided":8,…},"held":["c1-7",…]}
 */
void crash_point_report_to(int fd);

#endif
