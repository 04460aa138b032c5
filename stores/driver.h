/*
 * driver.h - inside stores/: jobs, sessions, and what a kind of store has to implement.
 *
 * A *job* is one verb of store.h on its way. A *session* is one connection; it works at one job at
 * a time. store.c and branch.c make jobs, pool.c owns every change of a job's or session's state,
 * a *driver* (postgres.c, mariadb.c, redis.c) speaks the store's language.
 *
 *   job      QUEUED --session free--> SENT --answer, or session lost--> over
 *            WAITING (behind its own session's job) --^
 *            ANSWERED (nothing to send; told on the loop's next turn) ----^
 *
 *   session  DOWN --50 ms--> CONNECTING --> READY --lost--> DOWN
 *
 * At its deadline a job that was not sent is over (unavailable). A sent one is only *given up*: its
 * caller is told "unknown", and its session stays busy until the store has answered. So a session
 * never carries two transactions, and nothing is concluded from a silence.
 */
#ifndef SYNCBED_STORES_DRIVER_H
#define SYNCBED_STORES_DRIVER_H

#include "base/soon.h"
#include "stores/store.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#define STORE_TEXT_SIZE 160 /* topics, owners, prefixes */

enum verb {
    VERB_EXECUTE,
    VERB_BEGIN, /* … and, with STORE_UNTIL_PREPARED, prepare */
    VERB_PREPARE,
    VERB_COMMIT,
    VERB_ROLLBACK,
    VERB_RELEASE,
    VERB_LIST,
    VERB_PROVE,
    VERB_FORGET,
    VERB_VIEW,
    VERB_SETTLE,
    VERB_FORGET_SETTLED,
    VERB_END_SESSIONS,
    VERB_FENCE,
    VERB_MARK,
    VERB_SINK_OPEN,
    VERB_SINK_APPLY,
    VERB_POSITION,
    VERB_CLAIM,
    VERB_LEAVE,
    VERB_RESET,
    VERB_SCAN,
    VERBS
};

/* Two queues, so that looking at a store does not wait behind its work. */
enum lane { LANE_WORK, LANE_ADMIN, LANES };

enum job_state { JOB_QUEUED, JOB_WAITING, JOB_SENT, JOB_ANSWERED };

/* Who a session was, so that it can be ended from another one. Number 0: need not be known. */
struct session_identity {
    int64_t number; /* PostgreSQL: process id; MariaDB: connection id */
    char since[40]; /* PostgreSQL: backend_start; MariaDB: when the server started; as text */
};

struct job {
    struct store *store;
    enum verb verb;
    enum lane lane;
    bool urgent;         /* goes before what is queued: it will free locks */
    bool patient;        /* the deadline bounds the waiting for a session only */
    int64_t deadline_us; /* 0: none */

    /* What is to be done; which of these count depends on the verb. All but txn and batch, which
     * must not be touched once the job is given up, are copies. */
    const struct txn *txn;
    const struct store_batch *batch;
    enum store_branch_until until;
    bool locking; /* EXECUTE: a read alone, too */
    bool once;    /* BEGIN: the request's id goes along */
    bool commit;  /* SETTLE */
    char gid[GID_SIZE];
    char text[STORE_TEXT_SIZE];  /* prefix, owner of an epoch, topic */
    char owner[STORE_TEXT_SIZE]; /* SINK_OPEN */
    enum store_sink_mode mode;
    unsigned n_partitions;
    int64_t epoch;
    struct store_mark mark;
    char memo[STORE_MEMO_SIZE];   /* PROVE */
    struct session_identity lost; /* COMMIT, ROLLBACK: the session that had the branch */

    /* What was found, beside the session's reply. */
    struct store_in_doubt *entry; /* LIST, owned */
    unsigned n_entries;
    size_t entries_capacity;
    unsigned waiters;
    struct store_view *view; /* VIEW, owned */
    unsigned n_views;
    size_t views_capacity;
    int64_t fence;              /* MARK */
    struct store_mark before;   /* MARK */
    enum store_outcome outcome; /* PROVE */
    struct position position;   /* POSITION; SINK_OPEN, with epoch */

    /* Whom to tell, exactly once. */
    bool told;
    store_done done;
    store_listed listed;
    store_viewed viewed;
    store_sink_opened opened;
    store_positioned positioned;
    store_marked marked;
    store_proved proved;
    void (*row)(void *arg, const struct store_scan_row *row);
    void *arg;

    /* pool.c's */
    enum job_state state;
    struct session *session;     /* SENT and WAITING */
    struct store_branch *branch; /* whose verb it is, or NULL */
    struct store_reply answer;   /* ANSWERED */
    struct soon_call soon;       /* ANSWERED */
    struct event timer;
    struct job *prev, *next;
};

enum session_state { SESSION_DOWN, SESSION_CONNECTING, SESSION_READY };

#define SESSION_NOT_ASKED INT64_C(-1)

struct session { /* the first member of a driver's own */
    struct store *store;
    enum lane lane;
    enum session_state state;
    bool dropped; /* READY, but will be lost on the loop's next turn */
    struct session_identity identity;
    int64_t fence;         /* SESSION_NOT_ASKED, or what the store answered when it was set up:
                              the fence of store->fence.owner, 0 for none */
    struct job *job;       /* at work; NULL: idle */
    struct job *following; /* WAITING behind it */
    struct store_branch *branch; /* bound to it; NULL: anybody's */
    struct store_reply reply;    /* being filled in for `job` */
    struct event timer;          /* DOWN, CONNECTING: pool.c's. READY: the driver's */
};

/* What our store_fence() has raised here. A session that is set up asks for it again. */
struct store_fence {
    char owner[STORE_TEXT_SIZE];
    int64_t epoch; /* 0: not raised yet, and nothing is asked */
    bool overtaken;
};

/* How far the store has been, to see that it was restored from an older copy: postgres_past.c. */
struct store_past {
    uint64_t highest;  /* transaction id that it has told us, of its present life */
    uint64_t floor;    /* those of earlier lives are lost from here on; 0: all, it is not known */
    unsigned n_lives;  /* that have ended with a restore */
    unsigned restored; /* of these: seen by this process */
};

struct store {
    struct event_base *base;
    const struct store_driver *driver;
    struct topology_store where;
    struct address address;
    char application[SESSION_NAME_SIZE];
    int64_t lock_timeout_us;
    bool once;
    bool no_journal;
    struct store_past past;
    struct store_fence fence;
    unsigned prepared_max; /* slots for prepared transactions; UINT_MAX: no limit is known */
    unsigned n_writing;    /* branches that write, sent and not freed: each may take a slot */
    unsigned n_sessions;   /* the last one is the administrative */
    struct session **session;
    unsigned n_ready; /* of the working ones */
    struct job *queue[LANES];
    unsigned n_queued[LANES];
    struct soon *soon; /* tells what is answered without the store */
    void (*changed)(void *arg, bool alive);
    void *changed_arg;
    void (*overtaken)(void *arg);
    void *overtaken_arg;
};

/* One a kind. All of it is called from the loop, or before the loop runs. */
struct store_driver {
    struct session *(*session_new)(struct store *store);
    /* Begin to connect; later session_up() or session_lost(), which may also come from inside. */
    void (*connect)(struct session *session);
    /* Close the connection, in whatever state it is. No upcall. */
    void (*disconnect)(struct session *session);
    void (*session_free)(struct session *session); /* after disconnect */
    /* Send session->job; later, from the loop and not from inside, session_finish() or _lost(). */
    void (*start)(struct session *session);
    bool forgets; /* it keeps how a gid has ended until VERB_FORGET; else that is never sent */
    /* session->timer, armed by the driver, came due while READY. NULL: it never arms it. */
    void (*timeout)(struct session *session);
    /* The session, idle and bound to no branch, has something of one on it that only its end lets
     * go: it is dropped. NULL: never. */
    bool (*tied)(const struct session *session);
    /* store_expect(). NULL: its memos are "". */
    void (*expect)(struct store *store, const char *memo);
};

extern const struct store_driver postgres_driver;
extern const struct store_driver mariadb_driver;
extern const struct store_driver redis_driver;

/* --- from a driver ---------------------------------------------------------------------------- */

/* Set up: it has a name at the store, and after that has asked for session->fence, where
 * store->fence.epoch is not 0. When somebody has raised it since, the session is not taken. */
void session_up(struct session *session);
/* The connection is gone: what was sent is unknown. Calls disconnect(). */
void session_lost(struct session *session, const char *why);
/* session->job is answered by session->reply. */
void session_finish(struct session *session);

/* The first failure decides; what follows from it is not looked at. Detail is cut to fit. */
void reply_fail(struct store_reply *reply, enum store_status status, const char *detail);

/* Writing down the request's id has failed so: it is there, or somebody is at it, or what it is. */
void reply_not_once(const struct job *job, struct store_reply *reply, enum store_status status,
                    const char *detail);

/*
 * The indices of the transaction's operations of this store, by key; those of one key in their own
 * order. Taking locks in one order keeps two transactions of a store from deadlocking. Returns how
 * many.
 */
unsigned ops_by_key(const struct txn *txn, const struct store *store,
                    unsigned ret_index[TXN_OPS_MAX]);

/* One more view in the job, of this gid; valid until the next is added. */
struct store_view *job_add_view(struct job *job, const char *gid);
/* The view of this gid that was added before, or NULL. */
struct store_view *job_find_view(const struct job *job, const char *gid);
void view_add_key(struct store_view *view, const char *key);
void view_add_waiter(struct store_view *view, const struct store_waiter *waiter);

/* --- from store.c and branch.c ---------------------------------------------------------------- */

int pool_open(struct store *store, unsigned n_sessions, struct errctx *err);
void pool_close(struct store *store);

struct job *job_new(struct store *store, enum verb verb, enum lane lane, int64_t deadline_us);
/* Queue it, or send it when a session is free. */
void job_submit(struct job *job);
/* Send it on this session, behind what that is at. At most one waits there. */
void job_submit_on(struct job *job, struct session *session);
/* Send nothing; tell the caller on the loop's next turn. */
void job_answer(struct job *job, enum store_status status, const char *detail);
/* The caller wants no answer any more. A job not sent is dropped, a sent one goes on. */
void job_give_up(struct job *job);

/* Take the binding away; the session is anybody's, or takes its following job first. */
void session_unbind(struct session *session);

/* --- branch.c, from pool.c -------------------------------------------------------------------- */

void branch_sent(struct store_branch *branch, struct session *session);
void branch_session_lost(struct store_branch *branch);
/* The job is over, with this status; comes before the caller is told, and once. */
void branch_job_over(struct store_branch *branch, struct job *job, enum store_status status);

#endif
