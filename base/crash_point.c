/* Crash points: see the header. */
#include "base/crash_point.h"

#include "base/buf.h"
#include "base/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static const struct crash_point_info table[CRASH_POINTS] = {
    [CRASH_NONE] = {"none", "", "The transaction has not begun, or its client has the answer."},
    [CRASH_DUAL_RECEIVED] = {"dual-received", "dual",
                             "The front door has the request; no store has been sent anything."},
    [CRASH_DUAL_FIRST_ANSWERED] = {"dual-first-answered", "dual",
                                   "One store has committed its write, another has not answered: "
                                   "if the front door dies, nobody remembers to finish it."},
    [CRASH_DUAL_ALL_ANSWERED] = {"dual-all-answered", "dual",
                                 "Every store has answered; the client has not been told."},
    [CRASH_XA_RECEIVED] = {"xa-received", "xa",
                           "The coordinator has the request; no store has been sent anything."},
    [CRASH_XA_FIRST_LOCKED] = {"xa-first-locked", "xa",
                               "The first store in lock order holds the transaction's locks, but "
                               "nothing is prepared: a lost session rolls it back."},
    [CRASH_XA_PREPARE_SENT] = {"xa-prepare-sent", "xa",
                               "PREPARE is on its way: some stores may be in doubt; without a "
                               "commit record recovery rolls them back."},
    [CRASH_XA_VOTED] = {"xa-voted", "xa",
                        "Every store has voted yes and is in doubt, and nothing was given to the "
                        "decision log: recovery rolls them back."},
    [CRASH_XA_LOGGING] = {"xa-logging", "xa",
                          "The commit record is being forced: only the disk knows whether recovery "
                          "will find it and commit, or roll back."},
    [CRASH_XA_DECIDED] = {"xa-decided", "xa",
                          "The commit record is durable and no store has been told: all are in "
                          "doubt and hold their locks until this coordinator is back."},
    [CRASH_XA_COMMIT_SENT] = {"xa-commit-sent", "xa",
                              "COMMIT is on its way: some stores may have committed, the others "
                              "are in doubt until they hear it again."},
    [CRASH_XA_FIRST_ACKED] = {"xa-first-acked", "xa",
                              "One store has committed and shows the transaction to readers, "
                              "another may still be in doubt."},
    [CRASH_XA_ALL_ACKED] =
        {"xa-all-acked", "xa",
         "Every store has acknowledged its COMMIT; the decision has no END record, and a "
         "client that waits for the stores has not been told."},
    [CRASH_XA_ABORTING] = {"xa-aborting", "xa",
                           "The decision is abort, and nothing was logged: stores that prepared "
                           "hold their locks until they are told to roll back."},
    [CRASH_XA_START_FENCED] =
        {"xa-start-fenced", "xa",
         "A coordinator starts anew: a store has seen the new epoch; sessions "
         "of the earlier incarnation may still be there.",
         true},
    [CRASH_XA_START_ENDED] = {"xa-start-ended", "xa",
                              "A coordinator starts anew: a store has no session of its earlier "
                              "incarnation any more; what is in doubt there was not listed yet.",
                              true},
    [CRASH_XA_START_LISTED] =
        {"xa-start-listed", "xa",
         "A coordinator starts anew: a branch was found in doubt, and nothing "
         "was sent about it.",
         true},
    [CRASH_XA_START_RESOLVING] = {"xa-start-resolving", "xa",
                                  "A coordinator starts anew: COMMIT or ROLLBACK of a branch that "
                                  "was in doubt is on its way.",
                                  true},
    [CRASH_XA_START_RESOLVED] =
        {"xa-start-resolved", "xa",
         "A coordinator starts anew: a branch was resolved at one store; its "
         "decision has no END record yet.",
         true},
    [CRASH_LOG_RECEIVED] = {"log-received", "log",
                            "The front door has the request; nothing was handed to the log."},
    [CRASH_LOG_PRODUCED] = {"log-produced", "log",
                            "The record is on its way to the log; whether the log has it is not "
                            "known."},
    [CRASH_LOG_ACKNOWLEDGED] = {"log-acknowledged", "log",
                                "The log has the record, so every store will follow; the client "
                                "has not been told."},
    [CRASH_SINK_OPENING] = {"sink-opening", "sink",
                            "The sink has asked its store for ownership and position; whether the "
                            "epoch there is raised is not known.",
                            true},
    [CRASH_SINK_OPENED] = {"sink-opened", "sink",
                           "The store is the sink's and has told its position; nothing was read "
                           "from the log.",
                           true},
    [CRASH_SINK_RECEIVED] = {"sink-received", "sink",
                             "The sink has read the record; its store has been sent nothing."},
    [CRASH_SINK_SENT] = {"sink-sent", "sink",
                         "Record and position are on their way to the store in one local "
                         "transaction; whether it committed is not known."},
    [CRASH_SINK_APPLIED] = {"sink-applied", "sink",
                            "The store has committed record and position together; the sink has "
                            "not gone on."},
};

/* One process, one event loop: the table of crash points is a global by design. */
static struct {
    unsigned standing[CRASH_POINTS];
    uint64_t reached[CRASH_POINTS];
    enum crash_point armed; /* CRASH_NONE: none */
    unsigned gather;
    void (*full)(void *arg); /* NULL: die when it is full */
    void *full_arg;
    bool told; /* full() was called */
    unsigned n_held;
    struct crash_stand *first_held; /* in the order in which they came */
    int report_fd;
} points = {.report_fd = -1};

const struct crash_point_info *crash_point_info(enum crash_point point)
{
    assert(point < CRASH_POINTS);
    return &table[point];
}

enum crash_point crash_point_find(const char *name)
{
    for (unsigned i = CRASH_NONE + 1; i < CRASH_POINTS; i++) {
        if (strcmp(table[i].name, name) == 0)
            return (enum crash_point)i;
    }
    return CRASH_NONE;
}

static void hold(struct crash_stand *stand)
{
    struct crash_stand **link = &points.first_held;

    while (*link)
        link = &(*link)->next_held;
    *link = stand;
    stand->next_held = NULL;
    stand->held = true;
    points.n_held++;
}

static void release(struct crash_stand *stand)
{
    struct crash_stand **link = &points.first_held;

    assert(stand->held);
    while (*link != stand) {
        assert(*link); /* a stand that moved in memory is not found */
        link = &(*link)->next_held;
    }
    *link = stand->next_held;
    stand->next_held = NULL;
    stand->held = false;
    points.n_held--;
}

void crash_point_each_held(void (*visit)(void *arg, const char *request), void *arg)
{
    for (const struct crash_stand *stand = points.first_held; stand; stand = stand->next_held) {
        if (stand->request)
            visit(arg, stand->request);
    }
}

/* An element of a list in JSON: no letter of an id needs to be escaped (model/txn.h). */
static void append_request(void *arg, const char *request)
{
    struct buf *out = arg;

    buf_printf(out, "%s\"%s\"", out->data[out->size - 1] == '[' ? "" : ",", request);
}

static void append_exposure(struct buf *out)
{
    const char *separator = "";

    buf_printf(out, "{\"t\":\"exposure\",\"at\":%" PRId64 ",\"point\":\"%s\",\"standing\":{",
               clock_now_us(), table[points.armed].name);
    for (unsigned i = CRASH_NONE + 1; i < CRASH_POINTS; i++) {
        if (points.standing[i] == 0)
            continue;
        buf_printf(out, "%s\"%s\":%u", separator, table[i].name, points.standing[i]);
        separator = ",";
    }
    buf_append_str(out, "},\"held\":[");
    crash_point_each_held(append_request, out);
    buf_append_str(out, "]}\n");
}

_Noreturn static void die(void)
{
    struct buf line = {0};

    append_exposure(&line);
    /* An exposure that cannot be written must not keep the fault from happening. */
    if (points.report_fd >= 0 && write(points.report_fd, line.data, line.size) < 0)
        points.report_fd = -1;
    (void)kill(getpid(), SIGKILL);
    for (;;)
        (void)pause();
}

static void be_full(void)
{
    if (!points.full)
        die();
    if (!points.told) {
        points.told = true;
        points.full(points.full_arg);
    }
}

static void move_to(struct crash_stand *stand, enum crash_point to)
{
    assert(to < CRASH_POINTS);
    if (stand->held)
        release(stand);
    if (stand->at != CRASH_NONE) {
        assert(points.standing[stand->at] > 0);
        points.standing[stand->at]--;
    }
    stand->at = to;
    if (to == CRASH_NONE)
        return;
    points.standing[to]++;
    points.reached[to]++;
}

bool crash_point_reach(struct crash_stand *stand, enum crash_point to, void (*resume)(void *arg),
                       void *arg)
{
    assert(resume);
    move_to(stand, to);
    if (to == CRASH_NONE || to != points.armed)
        return false;
    stand->resume = resume;
    stand->arg = arg;
    hold(stand);
    if (points.n_held >= points.gather)
        be_full();
    return true;
}

void crash_point_leave(struct crash_stand *stand)
{
    move_to(stand, CRASH_NONE);
}

void crash_point_arm(enum crash_point point, unsigned gather)
{
    assert(point > CRASH_NONE);
    assert(point < CRASH_POINTS);
    assert(gather >= 1);
    crash_point_disarm();
    points.armed = point;
    points.gather = gather;
    points.full = NULL;
    points.told = false;
}

void crash_point_gather(enum crash_point point, unsigned gather, void (*full)(void *arg), void *arg)
{
    assert(full);
    crash_point_arm(point, gather);
    points.full = full;
    points.full_arg = arg;
}

void crash_point_disarm(void)
{
    points.armed = CRASH_NONE;
    while (points.first_held) {
        struct crash_stand *stand = points.first_held;

        release(stand);
        stand->resume(stand->arg); /* may end the transaction, and others */
    }
}

unsigned crash_point_standing(enum crash_point point)
{
    assert(point < CRASH_POINTS);
    return points.standing[point];
}

uint64_t crash_point_reached(enum crash_point point)
{
    assert(point < CRASH_POINTS);
    return points.reached[point];
}

void crash_point_report_to(int fd)
{
    points.report_fd = fd;
}
