/*
 * store.h - one store, as everybody above uses it: directly, as a participant in two-phase commit,
 * or as the target of a sink. One file a kind implements it; nothing else knows a store's dialect.
 *
 * Everything is asynchronous on one libevent base: a verb returns at once and calls `done` exactly
 * once, later, from the loop (never from inside the verb). A store keeps `sessions` connections and
 * one more for administration; it reconnects every 50 ms. Verbs that find no free session queue
 * (bounded) until their deadline.
 *
 * Data and journal (docs/design.md "Journals"): with every change of a key, in the same local
 * transaction, the store appends (key, n, request, operation) to the key's journal, n counted under
 * the key's lock.
 *
 * Errors are classes, mapped in one table a kind; what the table does not list is STORE_FATAL.
 * A time-out or a lost connection after sending is STORE_UNKNOWN, never a failure.
 */
#ifndef SYNCBED_STORES_STORE_H
#define SYNCBED_STORES_STORE_H

#include "base/error.h"
#include "model/envelope.h"
#include "model/names.h"
#include "model/outcome.h"
#include "model/topology.h"
#include "model/txn.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#define STORE_SESSIONS        16
#define STORE_LOCK_TIMEOUT_US 200000
#define STORE_RECONNECT_US    50000
#define STORE_QUEUE_MAX       8192
#define STORE_DETAIL_SIZE     160
#define STORE_MEMO_SIZE       24

enum store_status {                   /* X/Open XA's code (CAE C193, §3.2) for the same */
                    STORE_OK,         /* XA_OK */
                    STORE_CONSTRAINT, /* XA_RBINTEGRITY: the store refused; rolled back */
                    STORE_CONFLICT, /* XA_RBDEADLOCK, XA_RBTIMEOUT: lock not to be had; rolled back
                                     */
                    STORE_BARRED, /* XA_RBROLLBACK: this gid was rolled back before it was prepared
                                   */
                    STORE_AGAIN,  /* this request was executed here before; nothing was done now */
                    STORE_ELSEWHERE, /* … is being executed here by somebody else, it is not known
                                        whether to the end; nothing was done now */
                    STORE_UNAVAILABLE, /* XAER_RMFAIL, and nothing was sent */
                    STORE_UNKNOWN,   /* XAER_RMFAIL, after sending: it may have happened, or may yet
                                      */
                    STORE_NOTA,      /* XAER_NOTA: no such gid here */
                    STORE_HEURISTIC, /* XA_HEURCOM, XA_HEURRB: somebody else has ended this gid the
                                        other way, and it stays so */
                    STORE_RETRY,     /* XA_RETRY: busy, ask again */
                    STORE_FENCED,    /* a newer epoch owns this */
                    STORE_FATAL,     /* XAER_RMERR: not in the table; a bug or a broken store */
                    STORE_STATUSES
};

const char *store_status_name(enum store_status status); /* "ok" "constraint" … */

/*
 * What a status of store_execute() is to the client who asked. Definite, since the store has surely
 * rolled back or never got it: CONSTRAINT, CONFLICT, RETRY (`conflict`: no lock in time), and
 * UNAVAILABLE. `unknown`: all others but OK, FATAL too, since what is in no table may be anything.
 */
enum code store_status_code(enum store_status status);

struct store_reply {
    enum store_status status;
    char detail[STORE_DETAIL_SIZE];       /* "" when ok; else the store's own words, shortened */
    struct read_result read[TXN_OPS_MAX]; /* ok: read[i] of op i, where op i is a read here */
    char memo[STORE_MEMO_SIZE]; /* ok, of a branch that writes: proves its outcome later, or "" */
    bool again; /* ok: this request had been executed before; nothing was done now, nor read */
};

/* `reply` is valid during the call. */
typedef void (*store_done)(void *arg, const struct store_reply *reply);

struct store;

struct store_options {
    const char *application; /* how the store's own views name our sessions: names.h; copied */
    unsigned sessions;       /* 0: STORE_SESSIONS */
    int64_t lock_timeout_us; /* 0: STORE_LOCK_TIMEOUT_US */
    bool once;       /* execute() remembers the requests that write, and does none of them twice */
    bool no_journal; /* benches only */
};

/*
 * Begin to connect. `where` is copied; `address` says where to connect (a link, or where->address).
 * Succeeds while the store is down. -ENOTSUP for a kind that has no driver yet.
 */
__attribute__((warn_unused_result)) int store_open(struct event_base *base,
                                                   const struct topology_store *where,
                                                   const struct address *address,
                                                   const struct store_options *options,
                                                   struct store **ret_store, struct errctx *err);

/*
 * Closes the sessions; what is outstanding gets its `done`, from inside, with STORE_UNKNOWN or
 * _UNAVAILABLE. Free the branches first. Not to be called from inside a callback of this store.
 */
void store_free(struct store *store);

const char *store_name(const struct store *store);
enum store_kind store_kind(const struct store *store);

/* A session is connected and ready. */
bool store_alive(const struct store *store);

/*
 * How many more branches that write can be prepared here: the store's limit (PostgreSQL's
 * max_prepared_transactions, as it was when we last connected) less those of ours that are sent and
 * not freed. What others have prepared is not known. UINT_MAX and the like: no limit.
 */
unsigned store_slots_left(const struct store *store);

/* Called from the loop whenever store_alive() changes. One listener; NULL for none. */
void store_on_alive(struct store *store, void (*changed)(void *arg, bool alive), void *arg);

/*
 * Called from the loop, once, when a session was refused since somebody has raised the fence above
 * what this store's last store_fence() has raised it to. NULL for none.
 */
void store_on_overtaken(struct store *store, void (*overtaken)(void *arg), void *arg);

/* --- direct -------------------------------------------------------------------------------- */

/*
 * Execute the transaction's operations of this store in one local transaction and commit; where
 * they are several, what it reads stays as it is until the commit, also what was not there. At
 * `deadline_us` (monotonic): unsent is STORE_UNAVAILABLE, unanswered STORE_UNKNOWN. What the others
 * say of the transaction: store_status_code(). `txn` is borrowed until `done`.
 *
 * With `once` the request id goes into the store in the same local transaction, and a request that
 * is there already is OK, `again`; one that somebody else is at is ELSEWHERE. So it may be sent
 * again, by anybody who opened the store `once`, while the first sending may still be under way.
 * Remembered for an hour at least.
 */
void store_execute(struct store *store, const struct txn *txn, int64_t deadline_us, store_done done,
                   void *arg);

/*
 * The same, but a read that is alone respects locks too: it waits for what is prepared there, or is
 * in conflict. For who reads another store next, and must not find less there.
 */
void store_execute_locking(struct store *store, const struct txn *txn, int64_t deadline_us,
                           store_done done, void *arg);

/* --- participant (postgres, mariadb, redis) ------------------------------------------------- */

/*
 * A branch: the transaction's work at this store under a gid, bound to a session until it is freed.
 *
 * What it reads is locked like what it writes, shared with other readers (PostgreSQL) or not
 * (Redis), also what is not there.
 *
 *   begin --execute--> locks held --prepare--> prepared --commit or rollback--> over
 *         --------execute and prepare--------/
 *
 * Any step may answer STORE_UNKNOWN (session lost); the branch then is in doubt *here* and
 * commit or rollback may be called again until they answer otherwise.
 */
struct store_branch;

enum store_branch_until { STORE_UNTIL_EXECUTED, STORE_UNTIL_PREPARED };

/*
 * BEGIN; the transaction's operations of this store; and, with STORE_UNTIL_PREPARED, PREPARE: all
 * in one round trip. `done` has the reads. UNKNOWN and FATAL leave it open what is here; any other
 * status but OK means: rolled back and nothing prepared. `txn` is borrowed until the branch is
 * freed. Returns the branch.
 */
struct store_branch *store_branch_begin(struct store *store, const struct txn *txn, const char *gid,
                                        enum store_branch_until until, int64_t deadline_us,
                                        store_done done, void *arg);

/*
 * The same (not Redis), and the request's id goes into the branch as with store_execute() `once`,
 * whatever the store's own option: AGAIN when it is there already. It must write here.
 */
struct store_branch *store_branch_begin_once(struct store *store, const struct txn *txn,
                                             const char *gid, enum store_branch_until until,
                                             int64_t deadline_us, store_done done, void *arg);

/* After STORE_UNTIL_EXECUTED answered OK. */
void store_branch_prepare(struct store_branch *branch, store_done done, void *arg);

/*
 * Commit a prepared branch, on its session or, when that is lost, on any. OK; NOTA: nothing of this
 * gid is prepared; HEURISTIC: it was rolled back by hand, where the store remembers; UNAVAILABLE,
 * UNKNOWN, RETRY: call again.
 */
void store_branch_commit(struct store_branch *branch, store_done done, void *arg);

/*
 * Roll back, whatever has been sent: goes behind the PREPARE on the same session. When that session
 * is lost, its backend is ended *and seen to be gone* before "no such gid" counts, so that no late
 * PREPARE can leave an orphan. OK: rolled back, or nothing was sent. NOTA: nothing of this gid is
 * or ever will be prepared here; of a branch that had been, store_prove() tells what became of it.
 * HEURISTIC: it was committed by hand, where the store remembers. UNAVAILABLE, UNKNOWN, RETRY: call
 * again. May be called while begin's or prepare's answer is outstanding; that answer then no longer
 * comes.
 */
void store_branch_rollback(struct store_branch *branch, store_done done, void *arg);

/* End the local transaction of an executed, not prepared (read-only) branch. */
void store_branch_release(struct store_branch *branch, store_done done, void *arg);

/* Give the session back; with verbs outstanding their `done` no longer comes. NULL is fine. */
void store_branch_free(struct store_branch *branch);

/* --- participant, by gid: recovery and the operator ------------------------------------------ */

struct store_in_doubt {
    char gid[GID_SIZE];
    int64_t age_us; /* since it was prepared, by the store's clock */
};

/* `entries` is valid during the call. `waiters`: sessions waiting for a lock that a prepared
 * transaction holds. */
typedef void (*store_listed)(void *arg, enum store_status status,
                             const struct store_in_doubt *entries, unsigned n_entries,
                             unsigned waiters);

/*
 * What is prepared here under gids that begin with `prefix` ("" for all; at an attached store all
 * of ours). Goes over the administrative session.
 */
void store_list_in_doubt(struct store *store, const char *prefix, int64_t deadline_us,
                         store_listed done, void *arg);

/* Commit or roll back a prepared transaction by gid, from a session that did not prepare it.
 * Answers as the branch's own commit and rollback. */
void store_resolve(struct store *store, const char *gid, bool commit, int64_t deadline_us,
                   store_done done, void *arg);

/* What became of a branch that had been prepared here. */
enum store_outcome {
    STORE_OUTCOME_UNKNOWN,     /* not to be told now: ask again */
    STORE_OUTCOME_PREPARED,    /* still */
    STORE_OUTCOME_COMMITTED,   /* for certain, whoever has done it */
    STORE_OUTCOME_ROLLED_BACK, /* likewise */
    STORE_OUTCOME_LOST,        /* the store does not know, nor ever will: reply->detail says why */
    STORE_OUTCOMES
};

/* `outcome` is UNKNOWN on any status but OK. */
typedef void (*store_proved)(void *arg, const struct store_reply *reply,
                             enum store_outcome outcome);

/*
 * Prove it. `memo` is what the branch answered when it had executed (store_reply). The proof is
 *   PostgreSQL  the fate of the transaction's id, which is the memo;
 *   Redis       the intent, which stays with its outcome until it is forgotten (store_forget);
 *   MariaDB     the witness, a row of its own in the branch: there means committed. It is
 * ROLLED_BACK otherwise, also where the server was restored: see the watermark (coordinator/).
 *
 * LOST: the store was restored from a copy that is older than the branch, or has forgotten it. A
 * store that was restored uses its transaction ids again; that it was shows when it comes back
 * without the highest id that it had ever told us (store_expect), and then none of the ids that it
 * has lost proves anything any more. Goes over the administrative session.
 */
void store_prove(struct store *store, const char *gid, const char *memo, int64_t deadline_us,
                 store_proved done, void *arg);

/* An earlier process was told this memo: the store has been that far. Before it is alive. */
void store_expect(struct store *store, const char *memo);

/* How often the store has come back as an older copy of itself, as far as memos show. */
unsigned store_restored(const struct store *store);

/* Does it remember outcomes until it is told to forget them? */
bool store_remembers(const struct store *store);

/*
 * Let a participant that remembers forget the outcome of a gid (the Redis intent keeps it until
 * then; what was rolled back stays barred for ten minutes more). From then on store_prove() finds
 * it lost. At others a no-op with OK.
 */
void store_forget(struct store *store, const char *gid, int64_t deadline_us, store_done done,
                  void *arg);

/* --- participant, for the operator ------------------------------------------------------------ */

#define STORE_WAITERS_SHOWN 8

enum store_view_state {
    STORE_VIEW_PREPARED,
    STORE_VIEW_COMMITTED_BY_HAND, /* by store_settle(), and not forgotten since */
    STORE_VIEW_ROLLED_BACK_BY_HAND,
    STORE_VIEW_STATES
};

struct store_waiter {
    char who[GID_SIZE]; /* PostgreSQL: a session's application name; Redis: the gid that waits */
    int64_t pid;        /* PostgreSQL: of its backend; else 0 */
    int64_t for_us;     /* how long it has waited; -1: the store does not tell */
};

/* A branch as an operator looks at it. */
struct store_view {
    char gid[GID_SIZE];
    enum store_view_state state;
    int64_t age_us; /* since it was prepared, or settled by hand; by the store's clock */
    /* PREPARED: transactions that began here since it got its id. What they leave behind cannot be
     * vacuumed before it ends. -1: the store knows no such thing. */
    int64_t horizon;
    /* PREPARED: keys that it holds. PostgreSQL shows those that were there before; a key that the
     * branch has made is invisible to everybody, and one that several readers hold is not seen. */
    unsigned n_keys;
    char key[TXN_OPS_MAX][KEY_SIZE];
    unsigned n_waiters; /* sessions that wait for it, or behind one that does */
    struct store_waiter waiter[STORE_WAITERS_SHOWN]; /* the first of them */
};

/* `view` is valid during the call; the oldest comes first. */
typedef void (*store_viewed)(void *arg, const struct store_reply *reply,
                             const struct store_view *view, unsigned n_views);

/*
 * What store_list_in_doubt() lists, with all that can be seen of it, and what was settled by hand:
 * dearer, for who looks once. Goes over the administrative session.
 */
void store_view(struct store *store, const char *prefix, int64_t deadline_us, store_viewed done,
                void *arg);

/*
 * Commit or roll back by hand what is prepared (XA's heuristic outcome), and remember that it was
 * so until store_forget_settled(). OK; NOTA: nothing of this gid is prepared here, and nothing was
 * done or remembered; UNKNOWN: it may have been done, look again.
 */
void store_settle(struct store *store, const char *gid, bool commit, int64_t deadline_us,
                  store_done done, void *arg);

/* Forget that this gid was settled by hand. OK, also where it was not. */
void store_forget_settled(struct store *store, const char *gid, int64_t deadline_us,
                          store_done done, void *arg);

/* --- participant, by owner: recovery ---------------------------------------------------------- */

/*
 * End every session whose application name begins with `application_prefix` (never those of exactly
 * this store's own name) and wait until they are seen to be gone: what they had sent has then taken
 * effect or never will. OK, or UNAVAILABLE / UNKNOWN at the deadline.
 */
void store_end_sessions(struct store *store, const char *application_prefix, int64_t deadline_us,
                        store_done done, void *arg);

/*
 * Raise `owner`'s epoch here. OK; FENCED when the store has seen a higher or equal one.
 *
 * After OK it holds for the sessions that connect later, too: one that finds a higher epoch is not
 * taken, and the store does not become alive by it. So whoever raises it further, and then ends the
 * sessions there are, has seen the last of this one. One owner a store.
 */
void store_fence(struct store *store, const char *owner, int64_t epoch, int64_t deadline_us,
                 store_done done, void *arg);

/* How far `owner`'s decision log had got, as the store was told: record `sequence` of the log's
 * `incarnation`, which is number `epoch`, was durable. All 0: it was never told. */
struct store_mark {
    int64_t epoch;
    int64_t incarnation;
    int64_t sequence;
};

/* `fence`: `owner`'s epoch as the last store_fence() has raised it, 0 for none; `before`: what the
 * mark was. Both of status OK only; `before` is valid during the call. */
typedef void (*store_marked)(void *arg, const struct store_reply *reply, int64_t fence,
                             const struct store_mark *before);

/*
 * Tell the store how far the log has got, and hear what it had been told. Nothing is changed where
 * `owner`'s epoch is not exactly `fence`. `mark` is copied; NULL: only look.
 */
void store_mark(struct store *store, const char *owner, int64_t fence,
                const struct store_mark *mark, int64_t deadline_us, store_marked done, void *arg);

/* --- sink ----------------------------------------------------------------------------------- */

/* `position`: the next offset to apply for each partition; valid during the call. */
typedef void (*store_sink_opened)(void *arg, const struct store_reply *reply, int64_t epoch,
                                  const struct position *position);

/*
 * A sink takes the store over once, when its process starts, from whoever has it. When an answer
 * was lost it resumes, which succeeds only if nobody has taken over since: else a process that was
 * paused for long would, once it goes on, fence its own successor.
 */
enum store_sink_mode { STORE_SINK_TAKE_OVER, STORE_SINK_RESUME };

/*
 * Own `topic` at this store as `owner` (unique to the process, at most 63 bytes, copied): in one
 * transaction the store's epoch is raised by one, which fences every apply under an earlier one,
 * `owner` is written beside it, and the store's own position is read. RESUME by another than the
 * owner written there: FENCED, nothing changed. On any status but OK epoch and position are 0,
 * NULL.
 */
void store_sink_open(struct store *store, const char *topic, unsigned n_partitions,
                     const char *owner, enum store_sink_mode mode, int64_t deadline_us,
                     store_sink_opened done, void *arg);

/* `position`: as above, NULL on any status but OK; valid during the call. */
typedef void (*store_positioned)(void *arg, enum store_status status,
                                 const struct position *position);

/* Where the store stands in `topic`, whoever its sink is; 0 where none has been. Goes over the
 * administrative session. */
void store_position(struct store *store, const char *topic, unsigned n_partitions,
                    int64_t deadline_us, store_positioned done, void *arg);

struct store_record {
    unsigned partition;
    int64_t offset;
    const struct envelope *envelope; /* borrowed until done */
};

struct store_batch {
    const char *topic;
    int64_t epoch;
    unsigned n_records;
    const struct store_record *record; /* in log order within each partition; borrowed until done */
    struct position from;              /* compare: the store must stand exactly here */
    struct position to;                /* set: where it stands afterwards */
};

/*
 * Apply the batch's operations of this store, journal and new position together or not at all.
 * FENCED when epoch or position are not what the batch says: somebody else writes here. UNKNOWN:
 * reopen and go on from the store's own position.
 */
void store_sink_apply(struct store *store, const struct store_batch *batch, int64_t deadline_us,
                      store_done done, void *arg);

/* --- administration: the harness ------------------------------------------------------------- */

/*
 * Of a store that was there before us (where->attached): take the place that will be ours. FATAL
 * when there is something in it, whoever's that is: a schema of that name, a key in that database.
 */
void store_claim(struct store *store, int64_t deadline_us, store_done done, void *arg);
/* Remove that place with all in it. Nothing of ours may be prepared, and nobody at work in it. */
void store_leave(struct store *store, int64_t deadline_us, store_done done, void *arg);

/*
 * Create what we need if it is not there; roll back what is prepared; empty everything. In an
 * attached store only what is in our place, and only transactions with our names (names.h).
 */
void store_reset(struct store *store, int64_t deadline_us, store_done done, void *arg);

/* One key with its journal, in the order of n. Valid during the call. */
struct store_scan_row {
    const char *key;
    const char *value; /* the key's value as text; a number in decimal; a list joined by ',' */
    int64_t n;
    unsigned n_entries;
    const struct store_journal_entry {
        int64_t n;
        const char *request;
        const char *op; /* model/txn.h journal_op_parse() */
    } * entry;
};

/* Every key once, in any order, from one snapshot where the store has snapshots; then `done`. */
void store_scan(struct store *store, void (*row)(void *arg, const struct store_scan_row *row),
                int64_t deadline_us, store_done done, void *arg);

#endif
