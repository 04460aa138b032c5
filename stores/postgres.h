/*
 * postgres.h - inside stores/: a PostgreSQL session in libpq's pipeline mode.
 *
 * What is sent up to a sync is one *segment*: the server answers its statements in order, skips
 * what follows a failure, and is ready again after the sync. Each statement sent leaves an
 * *expectation* of what its result is for. A verb is a few segments: after each one its `next`
 * sends another or answers the job.
 *
 * Facts this rests on (PostgreSQL 15, measured; docs/stores.md):
 *   - PREPARE TRANSACTION of a failed transaction answers no error but the tag ROLLBACK.
 *   - COMMIT PREPARED and ROLLBACK PREPARED must stand first in their segment.
 *   - A gid must be a literal.
 *   - A server completes what it has received although the client is gone.
 */
#ifndef SYNCBED_STORES_POSTGRES_H
#define SYNCBED_STORES_POSTGRES_H

#include "stores/driver.h"
#include "stores/scan.h"

#include <libpq-fe.h>

enum pg_statement {
    PG_READ,
    PG_READ_SHARED,    /* … and nobody changes or makes it before our transaction is over */
    PG_READ_EXCLUSIVE, /* … which will change it itself */
    PG_READ_INSERTING, /* … or insert it, and fail where it is there after all */
    PG_CLEAR,          /* take back what a read has put where it found nothing */
    PG_WRITE,
    PG_WRITE_VERSIONED,
    PG_INSERT,
    PG_INCR,
    PG_INCR_BOUNDED,
    PG_APPEND,
    PG_ONCE,
    PG_SINK_ADVANCE,
    PG_SINK_WRITE,
    PG_SINK_INCR,
    PG_BEGIN,
    PG_COMMIT,
    PG_STATEMENTS
};

#define PG_PARAMS_MAX 6

enum pg_purpose {
    PG_IGNORED,  /* whether it fails does not matter */
    PG_PARSE,    /* a statement is being prepared */
    PG_COMMAND,  /* has to succeed */
    PG_PREPARE,  /* … and its tag has to be PREPARE TRANSACTION */
    PG_NEW,      /* … or else this request has been executed before, which is as good */
    PG_CHANGE,   /* … and its row is the transaction's id: the memo */
    PG_VALUE,    /* a row of (val, n), or none: what operation `op` reads */
    PG_PAST,     /* its row: the next transaction id, if that is below what it has been */
    PG_FENCE,    /* its row, if any: the fence; there may be no such table yet */
    PG_ROWS,     /* for the verb's `rows` */
    PG_SYNC,     /* end of a segment */
    PG_SYNC_NEXT /* … after which the verb's `next` is called */
};

struct pg_expectation {
    enum pg_purpose purpose;
    unsigned op;
};

struct pg_session {
    struct session base;
    PGconn *conn;
    struct event read, write;   /* assigned while `conn` is */
    bool broken;                /* sending failed: lost on the loop's next turn */
    bool prepared;              /* the statements are known to the server */
    char memo[STORE_MEMO_SIZE]; /* of the branch that is at work on it */
    struct pg_expectation *expect;
    size_t head, n, capacity; /* expect[head … n) is outstanding */

    /* The verb's own, zeroed at its start. */
    unsigned step;
    int64_t rows_seen;
    int64_t until_us;
    struct scan *scan;
};

struct pg_verb {
    void (*start)(struct pg_session *s);
    void (*rows)(struct pg_session *s, const PGresult *res); /* called with every PG_ROWS result */
    void (*next)(struct pg_session *s); /* NULL: the job is answered after its first segment */
};

extern const struct pg_verb pg_verbs[VERBS];

/* Send a statement; a failure to send shows later as a lost session. */
void pg_send(struct pg_session *s, enum pg_purpose purpose, const char *sql, int n_params,
             const char *const *params);
void pg_send_prepared(struct pg_session *s, enum pg_purpose purpose, unsigned op,
                      enum pg_statement statement, const char *const *params);
/* "VERB 'gid'", for PREPARE TRANSACTION and its two ends; the gid is valid, so it needs no quoting.
 */
void pg_send_gid(struct pg_session *s, enum pg_purpose purpose, const char *command);
/* Have the statements prepared in a segment of its own, where they are not yet. */
void pg_need_statements(struct pg_session *s);
/* End the segment and send all; the verb's `next` follows. */
void pg_end_segment(struct pg_session *s);
/* End the segment without calling `next`. */
void pg_sync(struct pg_session *s);
/* Call the verb's `next` after `delay_us`. */
void pg_pause(struct pg_session *s, int64_t delay_us);

/* postgres_sql.c: how each statement is prepared, and the schema. */
struct pg_prepared {
    const char *name;
    const char *sql; /* with a journal … */
    const char *sql_no_journal;
    int n_params;
    Oid type[PG_PARAMS_MAX];
};
extern const struct pg_prepared pg_prepared[PG_STATEMENTS];
extern const char *const pg_schema[]; /* statements that make it, and empty it; ends with NULL */

/*
 * postgres_errors.c: the class of an error, by its severity and SQLSTATE (NULL: libpq's own). The
 * same code means another thing to work, which is rolled back by it, than to the end of a prepared
 * transaction, which stays prepared.
 */
enum pg_phase { PG_PHASE_WORK, PG_PHASE_END };
enum store_status pg_status_of(const char *severity, const char *sqlstate, enum pg_phase phase);

/* postgres_past.c: memos, and whether the server was restored from an older copy. */
void pg_past_expect(struct store *store, const char *memo);
/* What a transaction told as its id becomes its memo. */
void pg_past_memo(const struct store *store, const char *xid, char ret_memo[STORE_MEMO_SIZE]);
/* On a new connection: does the server still know the highest id? Sends nothing when none is known.
 */
void pg_past_ask(struct pg_session *s);
void pg_past_told(struct store *store, const PGresult *res);
void pg_prove_start(struct pg_session *s);
void pg_prove_rows(struct pg_session *s, const PGresult *res);

/* postgres_verbs.c: operation `i` of `txn`, which is no read. */
void pg_send_change(struct pg_session *s, const struct txn *txn, unsigned i);
void pg_count_rows(struct pg_session *s, const PGresult *res);
/* On a new connection: how high is our fence now? Sends nothing when we have raised none. */
void pg_fence_ask(struct pg_session *s);

/* postgres_admin.c, postgres_view.c, postgres_sink.c: verbs in files of their own. */
void pg_claim(struct pg_session *s);
void pg_leave(struct pg_session *s);
void pg_reset_start(struct pg_session *s);
void pg_reset_rows(struct pg_session *s, const PGresult *res);
void pg_reset_next(struct pg_session *s);
void pg_scan_start(struct pg_session *s);
void pg_scan_rows(struct pg_session *s, const PGresult *res);
void pg_scan_next(struct pg_session *s);
void pg_list_start(struct pg_session *s);
void pg_list_rows(struct pg_session *s, const PGresult *res);
void pg_view_start(struct pg_session *s);
void pg_view_rows(struct pg_session *s, const PGresult *res);
void pg_view_next(struct pg_session *s);
void pg_settle_start(struct pg_session *s);
void pg_settle_next(struct pg_session *s);
void pg_forget_settled(struct pg_session *s);
void pg_end_sessions_start(struct pg_session *s);
void pg_end_sessions_next(struct pg_session *s);
void pg_sink_open_start(struct pg_session *s);
void pg_sink_open_rows(struct pg_session *s, const PGresult *res);
void pg_sink_apply_start(struct pg_session *s);
void pg_position_start(struct pg_session *s);
void pg_position_rows(struct pg_session *s, const PGresult *res);

#endif
