/*
 * mariadb.h - inside stores/: a MariaDB session on libmariadb's non-blocking calls.
 *
 * What is sent at once is a *packet*: statements joined by ';' (CLIENT_MULTI_STATEMENTS), so that a
 * whole branch is one round trip. The server answers them in order and skips what follows a
 * failure. Each statement leaves an *expectation* of what its result is for. A verb is a few
 * packets: after each one its `next` sends another or answers the job.
 *
 * Facts this rests on (MariaDB 10.11, measured; docs/stores.md):
 *   - A session that has prepared a branch can do nothing but end it, and while it is connected
 *     nobody else can: XA COMMIT then answers XAER_NOTA (1397), as it does for a branch there is
 * not.
 *   - XA PREPARE gives up locks that are only shared; what was locked but not changed is not locked
 *     any more after a crash. So what a branch reads and must keep is changed (mariadb_sql.c).
 *   - A failed statement leaves the branch active: it has to be ended and rolled back.
 *   - A server completes what it has received although the client is gone.
 */
#ifndef SYNCBED_STORES_MARIADB_H
#define SYNCBED_STORES_MARIADB_H

#include "base/buf.h"
#include "stores/driver.h"
#include "stores/scan.h"

#include <mysql.h>

enum maria_purpose {
    MARIA_IGNORED, /* whether it fails does not matter; the last of its packet */
    MARIA_COMMAND, /* has to succeed */
    MARIA_NEW,     /* … or else this request has been executed before, which is as good */
    MARIA_RAISED,  /* … and to change a row, or else the store has seen a higher epoch */
    MARIA_FENCE,   /* a row, or none: the fence; there may be no such table yet */
    MARIA_VALUE,   /* a row of (val, n), or none: what operation `op` reads */
    MARIA_ROWS,    /* rows for the verb's `row`, with `op` */
    MARIA_USED,    /* the session is in our database */
    MARIA_STARTED, /* XA START: a branch is on the session */
    MARIA_PREPARED,
    MARIA_ENDED /* XA COMMIT or ROLLBACK: no branch is on the session */
};

struct maria_expectation {
    enum maria_purpose purpose;
    unsigned op;
};

/* The call of libmariadb that is under way. */
enum maria_call { MARIA_IDLE, MARIA_CONNECT, MARIA_QUERY, MARIA_FETCH, MARIA_NEXT };

enum maria_branch { MARIA_NO_BRANCH, MARIA_ACTIVE, MARIA_PREPARED_BRANCH };

struct maria_session {
    struct session base;
    MYSQL *conn;
    struct event read, write; /* assigned once the connection has a socket */
    enum maria_call call;
    int waits;        /* MYSQL_WAIT_…: what the call waits for; 0: it has returned */
    bool going;       /* inside go_on(), which will look at `call` again */
    MYSQL *connected; /* what the calls have returned */
    int failed;
    MYSQL_ROW row;
    MYSQL_RES *result;

    struct buf sql; /* the packet */
    struct maria_expectation *expect;
    size_t head, n, capacity; /* expect[head … n) is outstanding */
    bool skipped;             /* a statement of the packet has failed: the rest was not done */
    bool placed;              /* the session is in our database */
    enum maria_branch branch; /* what is on this session */

    /* The verb's own, zeroed at its start. */
    unsigned step;
    int64_t rows_seen;
    int64_t until_us;
    int64_t connection; /* that of the session to be ended first */
    bool listed;
    bool committed;
    struct scan *scan;
};

struct maria_verb {
    void (*start)(struct maria_session *s);
    /* Every row of MARIA_ROWS; `what` is its statement's `op`. */
    void (*row)(struct maria_session *s, unsigned what, MYSQL_ROW row);
    void (*next)(struct maria_session *s); /* NULL: the job is answered after its first packet */
};

extern const struct maria_verb maria_verbs[VERBS];

/* Begin a statement: append its text to what is returned. */
struct buf *maria_statement(struct maria_session *s, enum maria_purpose purpose, unsigned op);
/* The same, of a text that is whole. */
void maria_say(struct maria_session *s, enum maria_purpose purpose, const char *statement);
/* Send the packet; the verb's `next` follows. A failure to send shows later as a lost session. */
void maria_send(struct maria_session *s);
/* Call the verb's `next` after `delay_us`. */
void maria_pause(struct maria_session *s, int64_t delay_us);

/* mariadb_sql.c: the schema, and texts that statements are made of. */
extern const char *const maria_schema[]; /* makes the tables, and empties them; ends with NULL */

enum maria_lock {
    MARIA_LOCK_NONE,
    MARIA_LOCK_SHARED,   /* nobody changes or makes it before our transaction is over */
    MARIA_LOCK_KEPT,     /* … nor reads it so; also when it is prepared, and after a crash */
    MARIA_LOCK_INSERTING /* … which will insert it, and fail where it is there after all */
};

void maria_quote(struct buf *sql, const char *text); /* 'text', escaped */
/* "XA VERB 'gid','database',formatID" of the job's gid. */
void maria_xa(struct maria_session *s, enum maria_purpose purpose, const char *verb);
/* "SET STATEMENT max_statement_time=… FOR ", before a statement that may wait for a lock. */
void maria_limit(struct buf *sql, const struct maria_session *s);
void maria_read(struct maria_session *s, const char *key, unsigned op, enum maria_lock lock);
/* Take back what a read that keeps its lock has put where it found nothing. */
void maria_clear(struct maria_session *s, const char *key);

/* Operation `op` of `txn`, which is no read. */
struct maria_change {
    const struct txn *txn;
    unsigned op;
};
/*
 * Changes of one kind (maria_same_kind), in their order, and their journal entries: two statements,
 * and one more for a bound. `limited`: they may wait for a lock no longer than the lock time-out.
 */
void maria_changes(struct maria_session *s, const struct maria_change *change, unsigned n,
                   bool limited);
bool maria_same_kind(const struct maria_change *a, const struct maria_change *b);

#define MARIA_FORMAT_ID    1396846641 /* "SB01" */
#define MARIA_ERROR_FENCED 30001      /* raised by our own statements */

/*
 * mariadb_errors.c: the class of an error, by its number. The same number means another thing to
 * work, which is rolled back by us, than to the end of a prepared branch, which stays prepared.
 */
enum maria_phase { MARIA_PHASE_WORK, MARIA_PHASE_END };
enum store_status maria_status_of(unsigned error, enum maria_phase phase);

/* mariadb_ends.c, mariadb_admin.c, mariadb_view.c, mariadb_sink.c: verbs in files of their own. */
void maria_end(struct maria_session *s);
void maria_end_row(struct maria_session *s, unsigned what, MYSQL_ROW row);
void maria_end_next(struct maria_session *s);
void maria_prove_start(struct maria_session *s);
void maria_prove_next(struct maria_session *s);
void maria_settle_start(struct maria_session *s);
void maria_forget_settled(struct maria_session *s);
void maria_view_start(struct maria_session *s);
void maria_view_row(struct maria_session *s, unsigned what, MYSQL_ROW row);
void maria_view_next(struct maria_session *s);
/* On a new connection: how high is our fence now? Says nothing when we have raised none. */
void maria_fence_ask(struct maria_session *s);
void maria_claim(struct maria_session *s);
void maria_leave(struct maria_session *s);
void maria_reset_start(struct maria_session *s);
void maria_reset_row(struct maria_session *s, unsigned what, MYSQL_ROW row);
void maria_reset_next(struct maria_session *s);
void maria_scan_start(struct maria_session *s);
void maria_scan_row(struct maria_session *s, unsigned what, MYSQL_ROW row);
void maria_scan_next(struct maria_session *s);
void maria_list_start(struct maria_session *s);
void maria_list_row(struct maria_session *s, unsigned what, MYSQL_ROW row);
void maria_list_next(struct maria_session *s);
void maria_end_sessions_start(struct maria_session *s);
void maria_count_row(struct maria_session *s, unsigned what, MYSQL_ROW row);
void maria_end_sessions_next(struct maria_session *s);
void maria_sink_open_start(struct maria_session *s);
void maria_sink_open_row(struct maria_session *s, unsigned what, MYSQL_ROW row);
void maria_sink_apply_start(struct maria_session *s);
void maria_position_start(struct maria_session *s);
void maria_position_row(struct maria_session *s, unsigned what, MYSQL_ROW row);

/* Before one SELECT: what is not committed can be read, too. */
#define MARIA_READ_UNCOMMITTED "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED"
#define MARIA_US_SINCE(at)     "GREATEST(0, TIMESTAMPDIFF(MICROSECOND, " at ", UTC_TIMESTAMP(6)))"

/* mariadb_admin.c: the gid in a row of XA RECOVER; false: not a branch of ours. */
bool maria_gid(const struct maria_session *s, MYSQL_ROW row, char ret_gid[GID_SIZE]);

#endif
