/*
 * coordinator.h - two-phase commit over several stores: what a front door sees of this folder.
 *
 * In reading order:
 *   twopc_core.h    the protocol of one transaction, as a pure state machine
 *   twopc_driver.c  carries out what the core decides: stores, log, timers; what the stores answer
 *                   comes in by twopc_answers.h
 *   one_phase.c     a transaction at one store needs no protocol
 *   decision.h, decision_log.h, decision_scan.h    the durable log of decisions
 *   watermark.h, log_past.h    a log that was lost or rolled back is noticed and refused
 *   recovery_core.h   what earlier incarnations left behind, as a pure state machine
 *   recovery.c      carries out what that decides
 *   backoff.h       how long each of them waits before it asks a store again
 *   key_queue.h, requests.h, ../model/names.h      order, no request twice, names
 *   doubt.h, operate.h, metrics.h      what an operator sees of it, and does
 *   coordinator.c   holds them together: admission, answers, the end
 *
 * What holds for every transaction, whatever fails (presumed abort):
 *   - no COMMIT record in the log: every branch ends rolled back; one: every branch ends committed;
 *   - the client hears "ok" only once the record is durable, "aborted" only if there is and will be
 *     none; else `timeout` or `unknown`, and a status query gives the answer later;
 *   - a decision is kept until every participant has acknowledged it;
 *   - nothing is decided by time alone.
 *
 * "No such gid" in answer to a decision is no proof of anything: the participant is asked what
 * became of the branch (store_prove), and says committed, rolled back, still prepared, or that it
 * has lost it. What has ended the other way by somebody else's hand is logged and counted
 * (`heuristic`), what is lost likewise (`lost`); the client then hears `unknown`, like everybody
 * who asks later, and the decision stays open (no END record).
 *
 * A request is known to its coordinator only: sent again to another it would be executed again,
 * unless `requests_at_stores`: then its id is written in the same local transaction, at its one
 * store, or in the branch of the first that writes and is no Redis.
 *
 * One thread, one event loop; the log's writer is the only other thread. `done` and the handlers
 * are called from the loop, never from inside a function of this header.
 */
#ifndef SYNCBED_COORDINATOR_COORDINATOR_H
#define SYNCBED_COORDINATOR_COORDINATOR_H

#include "base/error.h"
#include "coordinator/decision_log.h"
#include "coordinator/twopc_core.h"
#include "model/protocol.h"
#include "stores/store.h"

#include <event2/event.h>
#include <stdint.h>

#define COORDINATOR_INFLIGHT_MAX 4000 /* transactions not yet over; more are `refused` */

struct coordinator;

struct coordinator_options {
    const char *name; /* of this coordinator, unique among those that use the stores; copied */
    const char *dir;  /* its decision log's folder; copied */
    /* NULL, or a log that is open already, in place of one in `dir`: the coordinator's from now on,
     * also when it cannot be opened. Whoever brings it settles what earlier incarnations left. */
    struct decision_log *log;
    const char *incarnation; /* with it: tells the sessions of this opening apart */
    enum twopc_lock_order lock_order;
    enum twopc_reply_rule reply_rule;
    /* Requests are written down at the stores, too, so that no coordinator of them executes one
     * twice; else only in memory. The stores are to be opened `once`. */
    bool requests_at_stores;
    enum twopc_break broken;  /* TWOPC_SOUND */
    bool force_presume_abort; /* go on although the log was lost or rolled back: watermark.h */
};

struct coordinator_handlers {
    /* Once: every participant is there and recovered, or 1 s has passed: one that is down must not
     * keep the door shut. Requests on a store that is not recovered yet are answered `unavailable`,
     * with the reason; the log has it, too. */
    void (*ready)(void *arg);
    /* Cannot go on (the log failed, or, ERR_FENCED, a participant has seen more than the log holds
     * or a later incarnation): end. */
    void (*failed)(void *arg, const struct errctx *err);
    void *arg;
};

/* Open the decision log. -EBUSY: this coordinator runs already; -EINVAL: name; or the log's error.
 */
__attribute__((warn_unused_result)) int
coordinator_open(struct event_base *base, const struct coordinator_options *options,
                 const struct coordinator_handlers *handlers, struct coordinator **ret_coordinator,
                 struct errctx *err);

/* "sb1:<name>:<epoch>-<random>": what the stores' sessions have to be called, so that the next
 * incarnation can end them. Valid as long as the coordinator. */
const char *coordinator_application(const struct coordinator *co);

/* Begin to recover. The stores, in the order of their names, are the coordinator's from now on. */
void coordinator_start(struct coordinator *co, struct store *const *stores, unsigned n_stores);

/* Drops what is in flight, its `done` uncalled; closes the stores and the log. NULL is fine. */
void coordinator_free(struct coordinator *co);

/* `reply` is valid during the call. */
typedef void (*coordinator_done)(void *arg, const struct reply *reply);

/*
 * Execute `txn`, which is copied. A request that is in flight is joined, one that is answered is
 * answered as it was (without what it read; and where that was indefinite, by what is known now):
 * none is executed twice, as far as requests.h remembers.
 */
void coordinator_submit(struct coordinator *co, const struct txn *txn, int64_t deadline_us,
                        coordinator_done done, void *arg);

/*
 * What became of a request. `aborted` bars it: sent here again it is refused. This holds as long as
 * it is remembered (requests.h): until REQUESTS_MAX others have ended after it, or this coordinator
 * restarts, since an abort is not written anywhere. Afterwards the same id is a new request, and
 * `unknown`; as it is at every other coordinator all along.
 */
void coordinator_status(struct coordinator *co, const char *request, coordinator_done done,
                        void *arg);

/* What an operator asks of it: operate.h. */

/* Transactions not yet over: phase two and rolling back behind the answer included. */
unsigned coordinator_in_flight(const struct coordinator *co);

struct coordinator_counters {
    uint64_t committed;
    uint64_t aborted;
    uint64_t conflicts; /* of the aborted: a lock, here or at a store, was not to be had */
    uint64_t constraints;
    uint64_t refused;     /* not begun: too many in flight, or no room for the decision */
    uint64_t unavailable; /* nothing sent: a store was not there */
    uint64_t answered_decided;
    uint64_t answered_unknown;
    uint64_t retries;             /* decisions sent again */
    uint64_t proofs;              /* asked for, of branches that were not there any more */
    uint64_t heuristic;           /* branches that somebody else has settled the other way */
    unsigned against_by_hand;     /* now: settled by hand against the decision (or, if it was seen,
                                     lost), not forgotten; as of the start, where only what stores
                                     remember is seen, or of the operator's last look */
    uint64_t lost;                /* branches to be committed that their participant has lost */
    uint64_t restored;            /* participants that came back as an older copy of themselves */
    uint64_t recovered_committed; /* branches of earlier incarnations */
    uint64_t recovered_rolled_back;
    struct histogram vote_time;   /* of those that came to a decision: until all had voted, … */
    struct histogram decide_time; /* … until it was durable, … */
    struct histogram commit_time; /* … and until all had acknowledged */
    unsigned open_decisions;      /* now: of earlier incarnations, and those with such a branch */
    unsigned not_recovered;       /* participants that cannot be given transactions yet, now */
    struct decision_log_stats log;
};

void coordinator_counters(const struct coordinator *co, struct coordinator_counters *ret_counters);

#endif
