/*
 * doubt.h - the operator's view: what is in doubt, joined from what each participant lists and what
 * the decision logs at hand say. Pure: lists come in, a view comes out.
 *
 *   pg1:   sb1:serve1:1:7:c3-17 prepared        ┐
 *   pg2:   sb1:serve1:1:7:c3-17 rolled back     ├─▶  c3-17: decided commit; pg1 prepared, pg2
 * rolled redis: cannot be reached                    │    back by hand against it, redis not known
 *   log of serve1: COMMIT sb1:serve1:1:7:c3-17  ┘
 *
 * Nothing is guessed here. A store that could not be asked is `unreachable`, not "nothing there";
 * a branch that is not prepared any more has an outcome only where somebody has told it; without
 * the log of its coordinator a transaction's decision is not known, and abort is presumed only by
 * the log of a later incarnation.
 */
#ifndef SYNCBED_COORDINATOR_DOUBT_H
#define SYNCBED_COORDINATOR_DOUBT_H

#include "coordinator/decision.h"
#include "coordinator/log_past.h"
#include "coordinator/open_decisions.h"
#include "model/names.h"
#include "stores/store.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

enum doubt_decision {
    DOUBT_NOT_KNOWN, /* no log of its coordinator at hand, or one that was lost or is an old copy */
    DOUBT_COMMIT,
    DOUBT_NONE_YET, /* none is written, and its incarnation is the log's last: it may still run */
    DOUBT_ABORT,    /* presumed: none is written, and a later incarnation has begun */
    DOUBT_DECISIONS
};

enum doubt_state {
    DOUBT_NOTHING,     /* not prepared: no part of it, or ended in a way that nobody tells here */
    DOUBT_COMMITTED,   /* … proven by store_prove(), by what its decision says to prove it with */
    DOUBT_ROLLED_BACK, /* … likewise */
    DOUBT_LOST,        /* … likewise: the store has lost it */
    DOUBT_UNREACHABLE,
    DOUBT_PREPARED,
    DOUBT_COMMITTED_BY_HAND,
    DOUBT_ROLLED_BACK_BY_HAND,
    DOUBT_STATES
};

/*
 * How what was settled by hand compares with the decision (XA's heuristic outcomes). A branch that
 * is proven to have ended against its decision was settled by somebody's hand, too, past us; and
 * one that its store has lost is not as was decided either.
 */
enum doubt_heuristic {
    DOUBT_NO_HAND,     /* nothing was settled by hand, as far as can be seen */
    DOUBT_AGREES,      /* as was decided */
    DOUBT_CONTRADICTS, /* against the decision, or lost; or one way here and the other there */
    DOUBT_UNDECIDED,   /* there is no decision to compare it with */
    DOUBT_HEURISTICS
};

struct doubt_branch {
    enum doubt_state state;
    struct store_view view; /* of a branch that is prepared or was settled by hand */
};

struct doubt_txn {
    char gid[GID_SIZE];
    struct gid name; /* taken apart; request "" when it is not one of ours */
    bool ended;      /* its END was read, or it is known to have one */
    /* From here on by doubt_conclude(). */
    bool decided;                           /* a COMMIT of it was read */
    unsigned log;                           /* … in this log */
    uint32_t members;                       /* … and these stores took part in it, as bits */
    bool others;                            /* … and some that are none of ours */
    char memo[STORES_MAX][STORE_MEMO_SIZE]; /* … each with this, to prove its outcome by */
    enum doubt_decision decision;
    enum doubt_heuristic heuristic;
    int64_t age_us;      /* of the oldest branch that is prepared or was settled; -1: none */
    unsigned n_prepared; /* branches */
    unsigned n_waiters;
    struct doubt_branch branch[STORES_MAX];
    UT_hash_handle hh;
};

struct doubt_store {
    char name[STORE_NAME_SIZE];
    bool reachable;
    char why[STORE_DETAIL_SIZE]; /* it is not */
    unsigned n_prepared;
    int64_t oldest_us; /* of what is prepared; 0: nothing */
    int64_t horizon;   /* transactions that vacuum has to keep for it; -1: none, or not known */
    unsigned n_waiters;
};

struct doubt_log {
    char coordinator[ROLE_NAME_SIZE];
    int64_t epoch; /* the last */
    struct log_past past;
    bool untrue; /* a store was told of more than it holds: what is not in it proves nothing */
    struct open_decisions open; /* its COMMITs, until doubt_conclude(): those without an END, and
                                   those that a store lists */
};

struct doubt {
    unsigned n_stores;
    struct doubt_store store[STORES_MAX];
    unsigned n_logs;
    struct doubt_log log[ROLES_MAX];
    size_t n_txns;
    struct doubt_txn **txn; /* oldest first, after doubt_conclude() */
    struct doubt_txn *by_gid;
};

/* Stores by name, in the caller's order; all unreachable until they have answered. */
void doubt_init(struct doubt *d, const char *const *stores, unsigned n_stores);
void doubt_done(struct doubt *d);

/* First what the stores say … */
void doubt_take_views(struct doubt *d, unsigned store, const struct store_view *view,
                      unsigned n_views);
void doubt_cannot_reach(struct doubt *d, unsigned store, const char *why);

/* … then each log at hand: its records in their order. EPOCHs count for the owner named here. */
void doubt_take_log(struct doubt *d, const char *coordinator);
void doubt_take_decision(struct doubt *d, const struct decision *decision);

/*
 * Then how far each of the stores was told that the log had got (store_mark()), which has to be
 * asked before the log is read: a start that is refused for it raises the log's epoch all the same,
 * so that the epoch alone would presume abort. `fence`: the highest epoch that the store has seen.
 */
void doubt_take_mark(struct doubt *d, const char *coordinator, int64_t fence,
                     const struct store_mark *mark);

/*
 * Which decisions of log `log` (0: the first that was taken) are open, by who knows better than
 * what was read of it: its coordinator, whose ENDs are written late, or the log, read again after
 * the proofs: a store may forget what has ended, and then look as if it had lost it.
 */
void doubt_take_ends(struct doubt *d, unsigned log, bool (*is_open)(void *arg, const char *gid),
                     void *arg);

/* Then, if proofs can be had (doubt_ask.h): what became of a branch that is not prepared. After one
 * doubt_conclude(), and before another. */
bool doubt_needs_proof(const struct doubt *d, const struct doubt_txn *txn, unsigned store);
void doubt_take_proof(struct doubt *d, const char *gid, unsigned store, enum store_outcome outcome);

/* Then compare and sort. Left out are decisions that have ended, and those of which nothing is in
 * doubt, nor known to have gone otherwise. */
void doubt_conclude(struct doubt *d);

/* By gid or by request id; NULL: not there. ret_several: more than one of this request. */
const struct doubt_txn *doubt_find(const struct doubt *d, const char *gid_or_request,
                                   bool *ret_several);

/*
 * May an operator end it so without being asked twice? True only when the decision is known to be
 * the same; else ret_why says what speaks against it.
 */
bool doubt_may_settle(const struct doubt_txn *txn, bool commit, const char **ret_why);

/*
 * May an operator forget it? A decision only once it is known of each of its stores how it has
 * ended there: one that is away may have it prepared, and would hear that abort is presumed.
 */
bool doubt_may_forget(const struct doubt *d, const struct doubt_txn *txn, const char **ret_why);

const char *doubt_decision_word(enum doubt_decision decision);    /* "commit" … */
const char *doubt_state_word(enum doubt_state state);             /* "prepared" … */
const char *doubt_heuristic_word(enum doubt_heuristic heuristic); /* "contradicts" … */

/* {"stores":[…],"transactions":[…]}, as docs/operator.md describes it; the caller's. */
json_t *doubt_to_json(const struct doubt *d);

#endif
