/*
 * live_store.h - straight-line use of a store in tests: run the loop until the verb has answered.
 *
 * State is also looked at past the store, over a connection of libpq's or hiredis' own, and
 * compared as text: "v2 n=2: 1 r1 0 w v1; 2 r2 0 w v2".
 */
#ifndef SYNCBED_TESTS_LIVE_STORE_H
#define SYNCBED_TESTS_LIVE_STORE_H

#include "live_server.h"

#include "stores/store.h"

#define LIVE_DEADLINE_US 10000000

struct answer {
    unsigned n; /* how often `done` came */
    struct store_reply reply;
};

/* The server and one loop, shared by the tests of a program. */
struct live {
    struct live_server server;
    struct event_base *base;
    struct store *store; /* application "live:1", reset */
};

void live_new(struct live *live, enum store_kind kind);
void live_free(struct live *live);

/* Another store at the same server. */
struct store *live_open(const struct live *live, const char *application, unsigned sessions);
void live_await_alive(const struct live *live, struct store *store, bool alive);

/*
 * A transaction over store "s" from words: "w KEY VALUE", "insert KEY VALUE", "incr KEY DELTA",
 * "incr KEY DELTA MIN", "append KEY ELEMENT", "r KEY"; ends with NULL.
 */
struct txn live_txn(const char *request, ...) __attribute__((sentinel));

int64_t live_deadline(void);
void answer_done(void *arg, const struct store_reply *reply); /* a store_done; arg: struct answer */
void live_await(const struct live *live, const struct answer *answer);
void live_turn(const struct live *live, int64_t duration_us); /* serve events for that long */

/* Verbs, awaited; they return the status, and `ret_answer`, where given, has the rest. */
enum store_status live_execute(const struct live *live, struct store *store, const struct txn *txn);
enum store_status live_resolve(const struct live *live, const char *gid, bool commit);
struct store_branch *live_begin(const struct live *live, struct store *store, const struct txn *txn,
                                const char *gid, enum store_branch_until until,
                                struct answer *ret_answer);
typedef void (*branch_verb)(struct store_branch *branch, store_done done, void *arg);
enum store_status live_branch(const struct live *live, struct store_branch *branch,
                              branch_verb verb);
void live_reset(const struct live *live);

/* gids in doubt, sorted, joined by ' '; and the waiters. */
const char *live_in_doubt(const struct live *live, const char *prefix, unsigned *ret_waiters);

/* Past the store: a key's state as text; how many sessions bear this application name. */
const char *live_peek(const struct live *live, const char *key);
/* End all sessions of this application name from outside. */
void live_kill_sessions(const struct live *live, const char *application);

#endif
