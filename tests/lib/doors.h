/*
 * doors.h - coordinators ("doors") on two PostgreSQL servers and a Redis, in straight lines: run
 * the loop until the answer has come. All functions fail the test when something does not work.
 */
#ifndef SYNCBED_TESTS_DOORS_H
#define SYNCBED_TESTS_DOORS_H

#include "base/clock.h"
#include "base/crash_point.h"
#include "coordinator/coordinator.h"

#include "live_server.h"

#include <stdbool.h>
#include <stddef.h>

#define DOORS_STORES       3
#define DOORS_WAIT_US      (20 * US_PER_S)
#define DOORS_REQUESTS_MAX 512 /* of one door */
#define DOORS_SEEN_MAX     256

extern const char *const doors_store_name[DOORS_STORES]; /* "pg1" "pg2" "redis" */
extern struct live_server doors_server[DOORS_STORES];
/* Of the doors opened from now on: */
extern bool doors_requests_at_stores;
extern enum twopc_reply_rule doors_reply_rule;

extern char doors_folder[64]; /* of the decision logs, a folder each */

struct CMUnitTest;

/* Run the tests on servers of their own. Returns how many failed. */
int doors_run_tests(const struct CMUnitTest *tests, size_t n);

/* The set-up and tear-down of each: empty stores, an empty folder. */
int doors_clean(void **state);
int doors_remove_folder(void **state);

/* --- past the doors --------------------------------------------------------------------------- */

struct verb {
    bool done;
    enum store_status status;
    unsigned n;
};

/* How often a request stands in each store's journals. */
struct seen {
    char request[REQUEST_ID_SIZE];
    unsigned n[DOORS_STORES];
};

struct picture {
    struct verb scan; /* first: rows and end come with one argument */
    unsigned store;   /* being scanned */
    unsigned n_seen;
    struct seen seen[DOORS_SEEN_MAX];
    unsigned n_in_doubt;
};

struct store *doors_open_store(struct event_base *base, unsigned i, const char *application);
void doors_verb_done(void *arg, const struct store_reply *reply); /* arg: struct verb */
void doors_await_verb(struct event_base *base, struct verb *v);   /* … which went well */
void doors_reset_store(unsigned i);

/* An operator at a store: settles the one branch that is in doubt there, once it is. */
void doors_settle_by_hand(unsigned i, bool commit);

/* What stands in all stores' journals, and how much is in doubt. */
void doors_look(struct picture *p);
/* Everywhere once, or nowhere; anything else fails the test. */
bool doors_happened(const struct picture *p, const char *request);

/* --- doors ------------------------------------------------------------------------------------ */

struct answer {
    bool done;
    struct reply reply;
};

struct door {
    struct event_base *base;
    struct coordinator *co;
    struct store *store[DOORS_STORES]; /* the coordinator's */
    bool ready;
    bool failed;
    struct errctx err;
    unsigned n_answered;
    unsigned n_sent;
    struct answer answer[DOORS_REQUESTS_MAX];
};

/* Opened on the log in doors_folder/NAME, with all stores, which are up, and ready. */
void doors_open(struct door *d, const char *name, enum twopc_lock_order order);
/* … or an error, in d->err; d->failed: after it was opened. */
int doors_try(struct door *d, const char *name, enum twopc_lock_order order);
/* Every store may be given transactions: opened a moment ago, some may not yet. */
void doors_await_usable(struct door *d);
void doors_close(struct door *d);

struct op doors_operation(enum op_kind kind, unsigned store, const char *key, const char *value);
/* The same key and value at every store. */
struct txn doors_fan_out(enum op_kind kind, const char *request, const char *key);

struct answer *doors_send(struct door *d, const struct txn *txn, int64_t deadline_us);
/* Wait until it stands at `at`, where it stays until crash_point_disarm(). */
struct answer *doors_send_held(struct door *d, const struct txn *txn, enum crash_point at);
void doors_answered(void *arg, const struct reply *reply); /* a coordinator_done; arg: answer */
void doors_await(const struct door *d, struct answer *a);
/* Send, wait, and render: "ok everywhere", "conflict pg1 …". Valid until the next. */
const char *doors_execute(struct door *d, const struct txn *txn);
const char *doors_status(struct door *d, const char *request);
bool doors_is_idle(void *arg); /* arg: struct door */
void doors_await_idle(struct door *d);

#endif
