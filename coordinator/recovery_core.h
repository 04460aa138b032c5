/*
 * recovery_core.h - what earlier incarnations left at the participants, and what becomes of it.
 *
 * The core decides, the driver does: recovery_step() takes one event and returns the actions that
 * the caller must carry out. It reads no clock, does no I/O and allocates nothing, so that every
 * interleaving can run in a simulator. Its production caller is coordinator/recovery.c.
 *
 * Each participant goes its own way, again and again until done:
 *
 *   IDLE -> FENCING -> ENDING -> MARKING -> LISTING <-> SETTLING
 *                                              |
 *                                              +-> PROVING -> SETTLED   nothing of ours is listed
 *
 *   any -> HELD                     it was restored from a backup, or emptied
 *
 *   FENCING   raise our epoch there; a participant that has seen a higher one means that our log is
 *             not the latest (lost, or restored from a backup): the coordinator must not run
 *   ENDING    end the earlier incarnation's sessions and see them gone: what they had sent has
 *             taken effect or never will, so no PREPARE can come late (Greenplum gpdb#10393). The
 *             fence comes first, since an earlier incarnation that still runs would connect again:
 *             a session that finds the fence raised is not taken (store_fence)
 *   MARKING   tell it how far our log has got, and hear that it knows what it had been told: it may
 *             have been restored since it was asked (watermark.h)
 *   LISTING   what is prepared under our exact name and an older epoch
 *   SETTLING  each of these: commit if the log has its COMMIT record, else roll back (presumed
 *             abort). Never by age, never on a guess. Then list again, until nothing is left
 *   PROVING   that nothing is prepared there proves nothing of a decision to commit: unless we have
 *             just committed it, the participant is asked what became of its branch. Committed: a
 *             decision that is so everywhere gets its END record. Rolled back by somebody else, or
 *             lost: told, and the decision stays open, as evidence
 *   SETTLED   nothing is left to do there
 *   HELD      what is prepared there may have been committed, and what is not may have been:
 * nothing is listed or settled, and no proof counts but as lost, until somebody's hand has mended
 * it and a coordinator is started anew
 *
 * A step that fails is tried again for ever, with back-off.
 */
#ifndef SYNCBED_COORDINATOR_RECOVERY_CORE_H
#define SYNCBED_COORDINATOR_RECOVERY_CORE_H

#include "coordinator/open_decisions.h"
#include "coordinator/twopc_core.h"
#include "model/names.h"

#include <stdbool.h>
#include <stdint.h>

#define RECOVERY_ACTIONS_MAX     4
#define RECOVERY_FENCE_TRIES_MAX ((1 << 20) - 1) /* 12 days of them; Redis compares up to 2^53 */

enum recovery_state {
    RECOVERY_IDLE,
    RECOVERY_FENCING,
    RECOVERY_ENDING,
    RECOVERY_MARKING,
    RECOVERY_LISTING,
    RECOVERY_SETTLING,
    RECOVERY_PROVING,
    RECOVERY_SETTLED,
    RECOVERY_HELD,
    RECOVERY_STATES
};

enum recovery_event_type {
    RECOVERY_EV_START,    /* of a participant */
    RECOVERY_EV_ENDED,    /* answer to END_SESSIONS */
    RECOVERY_EV_FENCED,   /* answer to FENCE */
    RECOVERY_EV_MARKED,   /* answer to MARK, once it has succeeded; or RESTORED comes */
    RECOVERY_EV_FOUND,    /* one gid of the answer to LIST; all of them come before LISTED */
    RECOVERY_EV_LISTED,   /* … its end, or that it failed: then nothing was FOUND */
    RECOVERY_EV_RESOLVED, /* answer to COMMIT or ROLLBACK */
    RECOVERY_EV_RETRY,    /* the participant's timer */
    RECOVERY_EV_ALIVE,    /* the participant is back: do not sit out the back-off */
    RECOVERY_EV_REVIEW,   /* an open decision, after REVIEW_DECISIONS */
    RECOVERY_EV_REVIEWED, /* … that were all of them */
    RECOVERY_EV_PROVED,   /* answer to PROVE. OK: committed */
    RECOVERY_EV_RESTORED, /* the participant was restored from a backup; at any time */
};

enum recovery_answer {
    RECOVERY_OK,
    RECOVERY_AGAIN,     /* it failed, or nobody knows: try again */
    RECOVERY_STALE,     /* only in FENCED: the participant has seen a higher or equal epoch */
    RECOVERY_GONE,      /* only in RESOLVED: no such gid; ended by a try whose answer was lost */
    RECOVERY_OTHER_WAY, /* in RESOLVED, PROVED: somebody else has ended it against the decision */
    RECOVERY_LOST,      /* only in PROVED: the participant does not know, nor ever will */
};

struct recovery_event {
    enum recovery_event_type type;
    unsigned participant; /* 0-based */
    enum recovery_answer answer;
    const char *gid;                /* FOUND; read during the call */
    struct open_decision *decision; /* FOUND, RESOLVED: the gid's, NULL: the log has none;
                                       PROVED: NULL, it was forgotten early by mistake. What becomes
                                       known is marked */
    bool committed;                 /* RESOLVED: what was asked for */
};

enum recovery_action_type {
    RECOVERY_ACT_END_SESSIONS,
    RECOVERY_ACT_FENCE, /* with `epoch` */
    RECOVERY_ACT_MARK,  /* for the first time; tried again by who does it. The last of its step */
    RECOVERY_ACT_LIST,
    RECOVERY_ACT_COMMIT,   /* the gid that was FOUND */
    RECOVERY_ACT_ROLLBACK, /* the gid that was FOUND */
    RECOVERY_ACT_SET_RETRY,
    RECOVERY_ACT_CANCEL_RETRY,
    RECOVERY_ACT_TELL_SETTLED,      /* the gid that was RESOLVED, as `committed` says */
    RECOVERY_ACT_TELL_CONTRADICTED, /* it was ended otherwise, and stays so */
    RECOVERY_ACT_TELL_LOST,        /* the participant has lost the branch of a decision to commit */
    RECOVERY_ACT_FORGET,           /* the gid that was RESOLVED, at this participant */
    RECOVERY_ACT_REVIEW_DECISIONS, /* feed REVIEW for each open decision, then REVIEWED */
    RECOVERY_ACT_PROVE,       /* ask the participant what became of its branch of the decision */
    RECOVERY_ACT_LOG_END,     /* of the decision; all participants may forget it once that is
                                 durable, and the caller may now */
    RECOVERY_ACT_PROGRESS,    /* one participant more is settled */
    RECOVERY_ACT_FAIL,        /* this incarnation must not go on */
    RECOVERY_ACT_TELL_BROKEN, /* the mistake of `broken` is made here: count it (base/broken.h) */
    RECOVERY_ACTION_TYPES
};

struct recovery_action {
    enum recovery_action_type type;
    int64_t epoch;    /* FENCE */
    int64_t delay_us; /* SET_RETRY: from now, above 0 */
};

/* Filled by recovery_step(), all for the event's participant; owned by the caller, valid until its
 * next step. */
struct recovery_actions {
    unsigned n;
    struct recovery_action item[RECOVERY_ACTIONS_MAX];
};

struct recovery_participant {
    enum recovery_state state;
    char store[STORE_NAME_SIZE];
    bool fenced;         /* and the sessions are gone: it may be marked, and given transactions */
    bool waiting;        /* the retry timer runs */
    unsigned n_fences;   /* sent */
    unsigned n_failed;   /* tries of this step */
    unsigned n_settling; /* COMMIT and ROLLBACK outstanding */
    unsigned n_proving;  /* PROVE outstanding */
    bool reviewed;       /* no PROVE will be added to these */
    bool unsettled;      /* one of them has to be tried again */
};

/* Changed by recovery_core.c only; defined here so that it lives in its caller. */
struct recovery_core {
    char coordinator[ROLE_NAME_SIZE];
    int64_t epoch; /* of this incarnation: above all earlier ones */
    enum twopc_break broken;
    unsigned n_participants;
    struct recovery_participant participant[STORES_MAX];
};

void recovery_core_init(struct recovery_core *core, const char *coordinator, int64_t epoch,
                        enum twopc_break broken);

/* The epoch was raised (decision_log_raise()), before the first START. */
void recovery_core_raise(struct recovery_core *core, int64_t epoch);

/* What participant `i` is fenced by: the epoch, and which try to raise it there this was; and the
 * epoch of such a value. */
int64_t recovery_core_fence(const struct recovery_core *core, unsigned i);
int64_t recovery_fence_epoch(int64_t fence);

/* One more, before its START. */
void recovery_core_add(struct recovery_core *core, const char *store);

/*
 * Apply one event. A late timer is expected: 0 with no actions.
 *
 * Returns 0, or -EPROTO for an answer to what was not asked; then `core` is unchanged and
 * ret_actions->n is 0.
 */
__attribute__((warn_unused_result)) int recovery_step(struct recovery_core *core,
                                                      const struct recovery_event *ev,
                                                      struct recovery_actions *ret_actions);

/* Nothing of earlier incarnations is left at any participant. */
bool recovery_core_complete(const struct recovery_core *core);

#endif
