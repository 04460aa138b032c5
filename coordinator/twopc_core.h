/*
 * twopc_core.h - one global transaction under presumed-abort two-phase commit.
 *
 * The core decides, the driver does: twopc_step() takes one event and returns the actions that the
 * caller must carry out. It reads no clock, does no I/O and allocates nothing, so that every
 * interleaving can run in a unit test. Its production caller is coordinator/twopc_driver.c.
 *
 * Terms follow Mohan, Lindsay, Obermarck, TODS 11(4) 1986: vote, decision, forced log write. One
 * departure: R* lets an abort go unacknowledged, because its participants ask when in doubt. Our
 * stores never ask and hold their locks, so an abort, too, is sent again until acknowledged.
 *
 *   IDLE -> LOCKING -> VOTING -> RELEASING -> LOGGING -> COMMITTING -> DONE
 *              |          |          |                                  ^
 *              +----------+----------+-- no, timeout --> ABORTING ------+
 *
 *   LOCKING    lock order `sorted` only: participant 0 executes alone. Once it has its locks, its
 *              PREPARE and all other branches go out together: two transactions that meet at
 *              participant 0 cannot take the other locks in opposite orders.
 *   VOTING     an updating branch votes by PREPARE, a reading one by having executed. Readers are
 *              not prepared, but hold their locks until all votes are in (two-phase locking).
 *   RELEASING  only with readers: their transactions end. A reader that was lost since its vote may
 *              have lost its locks before the last were taken: that is a no.
 *   LOGGING    the commit record is being forced; undecided until it is durable. In a log that
 *              others may write, too, an abort may stand there first, and counts.
 *   COMMITTING, ABORTING   decided; sent again, with back-off, until acknowledged.
 *
 * "Nothing is prepared there" acknowledges nothing. It may have been our COMMIT whose answer was
 * lost; or somebody's hand, the same way or the other (XA's "heuristic"); or the participant was
 * restored from a copy that is older. So PROVE asks the participant what became of the branch:
 *
 *   as decided      fine, whoever has done it
 *   the other way   heuristic: told, and it stays so
 *   lost            told: the participant does not know, nor ever will
 *   still prepared, or no answer: the decision is sent again
 *
 * After a commit that has gone wrong at some participant in one of these ways the client hears
 * `unknown`, unless it was answered before: neither yes nor no would be true of all. The decision
 * gets no END: it stays, as evidence, for the operator.
 *
 * What a crash leaves behind needs no state here: a branch that is prepared at a participant is
 * committed if the log has its COMMIT record, else rolled back (recovery.h).
 */
#ifndef SYNCBED_COORDINATOR_TWOPC_CORE_H
#define SYNCBED_COORDINATOR_TWOPC_CORE_H

#include <stdbool.h>
#include <stdint.h>

#define TWOPC_PARTICIPANTS_MAX 8
#define TWOPC_ACTIONS_MAX      (TWOPC_PARTICIPANTS_MAX + 4) /* + reply, timer or log, forget, told */
#define TWOPC_PATIENCE_US      INT64_C(1000000) /* of phase two: then the answer is `decided` */

enum twopc_state {
    TWOPC_IDLE,
    TWOPC_LOCKING,
    TWOPC_VOTING,
    TWOPC_RELEASING,
    TWOPC_LOGGING,
    TWOPC_COMMITTING,
    TWOPC_ABORTING,
    TWOPC_DONE,
    TWOPC_STATES
};

enum twopc_lock_order { TWOPC_SORTED, TWOPC_PARALLEL };

/* When the client hears that it is committed. */
enum twopc_reply_rule {
    TWOPC_AFTER_PHASE_TWO, /* `everywhere`; `decided` when a participant stays away */
    TWOPC_AFTER_DECISION,  /* `decided` */
};

enum twopc_event_type {
    TWOPC_EV_BEGIN,
    TWOPC_EV_EXECUTED, /* answer to EXECUTE: a reader's vote, or participant 0's locks */
    TWOPC_EV_PREPARED, /* answer to PREPARE or EXECUTE_PREPARE: an updater's vote */
    TWOPC_EV_RELEASED, /* answer to RELEASE */
    TWOPC_EV_LOGGED,   /* the commit record is durable; NO: somebody else's abort came first */
    TWOPC_EV_ACK,      /* answer to COMMIT or ROLLBACK */
    TWOPC_EV_PROVED,   /* answer to PROVE */
    TWOPC_EV_RETRY,    /* the participant's retry timer */
    TWOPC_EV_TIMEOUT,  /* the transaction's timer: its deadline, in phase two the patience */
};

enum twopc_answer {
    TWOPC_YES,         /* done as asked */
    TWOPC_NO,          /* a vote: not done, and rolled back there */
    TWOPC_UNKNOWN,     /* lost or busy: may have been done. In an ACK: send again; PROVED: likewise,
                          or still prepared */
    TWOPC_NOTA,        /* an ACK: nothing of it is prepared there */
    TWOPC_COMMITTED,   /* an ACK or PROVED: so it has ended there, whoever did it */
    TWOPC_ROLLED_BACK, /* likewise */
    TWOPC_LOST,        /* PROVED: how it ended is not known there, nor ever will be */
};

struct twopc_event {
    enum twopc_event_type type;
    unsigned participant; /* 0-based, below n_participants; 0 for BEGIN, LOGGED, TIMEOUT */
    enum twopc_answer answer;
};

enum twopc_action_type {
    TWOPC_ACT_EXECUTE,         /* the branch's operations, no PREPARE yet */
    TWOPC_ACT_PREPARE,         /* after EXECUTE */
    TWOPC_ACT_EXECUTE_PREPARE, /* both at once */
    TWOPC_ACT_RELEASE,         /* end a reader's transaction */
    TWOPC_ACT_LOG_COMMIT,      /* force to disk, then feed LOGGED; on failure crash, never guess */
    TWOPC_ACT_COMMIT,
    TWOPC_ACT_ROLLBACK,       /* whatever was sent there, answered or not */
    TWOPC_ACT_PROVE,          /* ask how the branch has ended there */
    TWOPC_ACT_TELL_HEURISTIC, /* it has ended the other way there: record it */
    TWOPC_ACT_TELL_LOST,      /* the participant has lost it: record it */
    TWOPC_ACT_REPLY_EVERYWHERE,
    TWOPC_ACT_REPLY_DECIDED,
    TWOPC_ACT_REPLY_ABORTED,
    TWOPC_ACT_REPLY_UNKNOWN, /* the deadline passed while the record was being forced; or mixed */
    TWOPC_ACT_SET_TIMER,     /* replaces the deadline; fires TIMEOUT */
    TWOPC_ACT_SET_RETRY,     /* of a participant; fires RETRY */
    TWOPC_ACT_LOG_END,       /* all have committed; not forced */
    TWOPC_ACT_FORGET,        /* the last action: cancel the timers */
    TWOPC_ACT_TELL_BROKEN,   /* the mistake of `broken` is made here: count it (base/broken.h) */
    TWOPC_ACTION_TYPES
};

struct twopc_action {
    enum twopc_action_type type;
    unsigned participant; /* 0-based; of those that concern one */
    int64_t delay_us;     /* SET_TIMER, SET_RETRY: from now, above 0 */
};

/* Filled by twopc_step(); owned by the caller, valid until its next step. */
struct twopc_actions {
    unsigned n;
    struct twopc_action item[TWOPC_ACTIONS_MAX];
};

/*
 * Mistakes, one of which can be built in to see whether a verdict notices (approaches/xa.c has a
 * sentence for each). The last two are made by recovery.
 */
enum twopc_break {
    TWOPC_SOUND,
    TWOPC_ACK_BEFORE_DECISION,
    TWOPC_COMMIT_BEFORE_DECISION,
    TWOPC_NO_IS_YES,
    TWOPC_TIMEOUT_IS_ABORT,
    TWOPC_FORGET_EARLY,
    TWOPC_PRESUME_COMMIT,
    TWOPC_BREAKS
};

struct twopc_options {
    unsigned n_participants; /* 1..TWOPC_PARTICIPANTS_MAX, in the order of the stores' names */
    uint32_t readers;        /* bit i: participant i only reads */
    enum twopc_lock_order lock_order;
    enum twopc_reply_rule reply_rule;
    enum twopc_break broken;
};

/* Changed by twopc_core.c only; defined here so that it lives in its transaction. */
struct twopc_txn {
    enum twopc_state state;
    struct twopc_options options;
    uint32_t begun;    /* bit i: participant i has been sent its branch */
    uint32_t executed; /* readers that hold their locks */
    uint32_t prepared;
    uint32_t released;
    uint32_t settled;   /* needs no decision message any more */
    uint32_t heuristic; /* of the settled: by somebody else, the other way */
    uint32_t lost;      /* of the settled, when it was to commit: not known there any more */
    uint32_t proving;   /* was asked for a proof */
    uint32_t retrying;  /* its retry timer runs */
    bool replied;
    unsigned retries[TWOPC_PARTICIPANTS_MAX];
};

/* Start in IDLE. The driver's timer runs to the deadline from before BEGIN. */
void twopc_init(struct twopc_txn *t, const struct twopc_options *options);

/*
 * Apply one event. Late and duplicate answers and timers are expected: 0 with no actions.
 *
 * Returns 0, or -EPROTO for an event that is never legal in this state (BEGIN twice, LOGGED without
 * LOG_COMMIT); then `t` is unchanged and ret_actions->n is 0.
 */
__attribute__((warn_unused_result)) int
twopc_step(struct twopc_txn *t, const struct twopc_event *ev, struct twopc_actions *ret_actions);

#endif
