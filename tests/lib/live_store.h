/*
 * live_store.h - straight-line use of a store in tests: run the loop until the verb has answered.
 *
 * State is also looked at past the store, over a connection of libpq's, libmariadb's or hiredis'
 * own, and compared as text: "v2 n=2: 1 r1 0 w v1; 2 r2 0 w v2".
 */
#ifndef SYNCBED_TESTS_LIVE_STORE_H
#define SYNCBED_TESTS_LIVE_STORE_H

#include "live_server.h"

#include "stores/store.h"

#define LIVE_DEADLINE_US 10000000

/* The server at work, one loop, and a store at it: 8 sessions, application "live:1". */
struct live {
    struct live_server server;
    struct event_base *base;
    struct store *store;
};
extern struct live live;

struct CMUnitTest;

/*
 * Run the tests against each kind that can take part in two-phase commit, each on a server of its
 * own. Returns how many failed. Before each test the server is up and empty.
 */
int live_run_tests(const struct CMUnitTest *tests, size_t n);
int live_empty(void **state); /* the set-up of each test */
bool live_is_redis(void);
bool live_is_mariadb(void);

/* The server as a topology's store "s". */
struct topology_store live_place(void);

/* Another store at the same server, alive. */
struct store *live_open(const char *application, unsigned sessions, int64_t lock_timeout_us);
/* … which executes no request twice. */
struct store *live_open_once(const char *application);
void live_await_alive(struct store *store, bool alive);

/*
 * A transaction over store "s" from words: "w KEY VALUE", "w@VERSION KEY VALUE",
 * "insert KEY VALUE", "incr KEY DELTA", "incr KEY DELTA MIN", "append KEY ELEMENT", "r KEY"; ends
 * with NULL.
 */
struct txn live_txn(const char *request, ...) __attribute__((sentinel));

struct answer {
    unsigned n; /* how often `done` came */
    struct store_reply reply;
};

int64_t live_deadline(void);
void answer_done(void *arg, const struct store_reply *reply); /* a store_done; arg: struct answer */
enum store_status live_await(struct answer *answer);
void live_turn(int64_t duration_us); /* serve events for that long */

/* Verbs, awaited. */
enum store_status live_execute(struct store *store, const struct txn *txn);
enum store_status live_resolve(const char *gid, bool commit);
enum store_status live_fence(const char *owner, int64_t epoch);
enum store_status live_forget(const char *gid);
enum store_outcome live_prove(const char *gid, const char *memo);
enum store_status live_end_sessions(struct store *store, const char *prefix);
struct store_branch *live_begin(struct store *store, const struct txn *txn, const char *gid,
                                enum store_branch_until until, struct answer *ret_answer);
typedef void (*branch_verb)(struct store_branch *branch, store_done done, void *arg);
enum store_status live_branch(struct store_branch *branch, branch_verb verb);
/* Call the verb again until it answers something that is not "call again". */
enum store_status live_insist(struct store_branch *branch, branch_verb verb);

/* What rollback answers when nothing of the branch is, or ever will be, prepared here. */
bool live_nothing_left(enum store_status status);

/* gids in doubt, sorted, joined by ' '; and the waiters (may be NULL). */
const char *live_in_doubt(const char *prefix, unsigned *ret_waiters);

/* Past the store: a key's state as text, "none" when there is none. */
const char *live_peek(const char *key);
/* End all sessions of this application name from outside. */
void live_kill_sessions(const char *application);
/* What keeps fences there is gone, with all of them, as before the first reset. */
void live_drop_fences(void);
/* Any command of Redis. */
void live_redis(const char *command);

/* Scan, and fail where a value is not the fold of its journal or n is not its length. */
void live_check_folds(void);

#endif
