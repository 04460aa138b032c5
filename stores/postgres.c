/*
 * postgres.c - a PostgreSQL session: connecting, sending and taking results in pipeline mode.
 *
 * It knows no verb but by the table pg_verbs (postgres_verbs.c).
 */
#include "stores/postgres.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A door that is paused or cut off must not hold row locks for ever. */
#define IDLE_IN_TRANSACTION_MS 10000
#define PG_UNDEFINED_TABLE     "42P01"

static struct pg_session *of(struct session *s)
{
    return (struct pg_session *)(void *)s;
}

/* --- sending --------------------------------------------------------------------------------- */

/* Sending may happen inside a caller's verb, and losing a session calls back: so not from here. */
static void break_later(struct pg_session *s)
{
    s->broken = true;
    event_active(&s->read, EV_READ, 0);
}

static void expect(struct pg_session *s, enum pg_purpose purpose, unsigned op)
{
    if (s->head == s->n)
        s->head = s->n = 0;
    s->expect = mem_grow(s->expect, s->n, &s->capacity, sizeof *s->expect);
    s->expect[s->n++] = (struct pg_expectation){.purpose = purpose, .op = op};
}

void pg_send(struct pg_session *s, enum pg_purpose purpose, const char *sql, int n_params,
             const char *const *params)
{
    if (!PQsendQueryParams(s->conn, sql, n_params, NULL, params, NULL, NULL, 0))
        break_later(s);
    expect(s, purpose, 0);
}

void pg_send_prepared(struct pg_session *s, enum pg_purpose purpose, unsigned op,
                      enum pg_statement statement, const char *const *params)
{
    const struct pg_prepared *p = &pg_prepared[statement];

    if (!PQsendQueryPrepared(s->conn, p->name, p->n_params, params, NULL, NULL, 0))
        break_later(s);
    expect(s, purpose, op);
}

void pg_send_gid(struct pg_session *s, enum pg_purpose purpose, const char *command)
{
    const char *gid = s->base.job->gid;
    char sql[64 + GID_SIZE];

    assert(gid_valid(gid));
    (void)snprintf(sql, sizeof sql, "%s '%s'", command, gid);
    pg_send(s, purpose, sql, 0, NULL);
}

static void flush(struct pg_session *s)
{
    switch (PQflush(s->conn)) {
    case 0:
        break;
    case 1:
        if (event_add(&s->write, NULL) < 0)
            break_later(s);
        break;
    default:
        break_later(s);
    }
}

static void sync_as(struct pg_session *s, enum pg_purpose purpose)
{
    if (!PQpipelineSync(s->conn))
        break_later(s);
    expect(s, purpose, 0);
}

void pg_sync(struct pg_session *s)
{
    sync_as(s, PG_SYNC);
}

void pg_end_segment(struct pg_session *s)
{
    sync_as(s, PG_SYNC_NEXT);
    flush(s);
}

static void send_parses(struct pg_session *s)
{
    for (unsigned i = 0; i < PG_STATEMENTS; i++) {
        const struct pg_prepared *p = &pg_prepared[i];
        const char *sql = s->base.store->no_journal ? p->sql_no_journal : p->sql;

        if (!PQsendPrepare(s->conn, p->name, sql, p->n_params, p->type))
            break_later(s);
        expect(s, PG_PARSE, 0);
    }
    s->prepared = true; /* until one of them fails */
}

void pg_need_statements(struct pg_session *s)
{
    if (s->prepared)
        return;
    pg_send(s, PG_IGNORED, "DEALLOCATE ALL", 0, NULL);
    send_parses(s);
    pg_sync(s);
}

void pg_pause(struct pg_session *s, int64_t delay_us)
{
    struct timeval delay = clock_timeval(delay_us);

    if (evtimer_add(&s->base.timer, &delay) < 0)
        abort(); /* out of memory */
}

/* --- taking results -------------------------------------------------------------------------- */

static enum pg_phase phase_of(const struct job *job)
{
    bool ends = job->verb == VERB_COMMIT || job->verb == VERB_ROLLBACK || job->verb == VERB_SETTLE;

    return ends ? PG_PHASE_END : PG_PHASE_WORK;
}

static void take_value(struct read_result *read, const PGresult *res)
{
    if (PQntuples(res) == 0)
        return;
    read->n = strtoll(PQgetvalue(res, 0, 1), NULL, 10);
    read->found = read->n > 0; /* 0: only what holds its place, PG_READ_SHARED */
    if (read->found)
        (void)snprintf(read->value, sizeof read->value, "%s", PQgetvalue(res, 0, 0));
}

/* Who we are, so that another session can end us and see us gone; and how much can be prepared. */
static void take_identity(struct session *s, const PGresult *res)
{
    if (PQntuples(res) != 1)
        return;
    s->store->prepared_max = (unsigned)strtoul(PQgetvalue(res, 0, 2), NULL, 10);
    s->identity.number = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
    (void)snprintf(s->identity.since, sizeof s->identity.since, "%s", PQgetvalue(res, 0, 1));
}

static void take_success(struct pg_session *s, const struct pg_expectation *e, PGresult *res)
{
    switch (e->purpose) {
    case PG_PREPARE:
        if (strcmp(PQcmdStatus(res), "PREPARE TRANSACTION") != 0)
            reply_fail(&s->base.reply, STORE_FATAL, "PREPARE found no open transaction");
        else
            pg_past_expect(s->base.store, s->memo); /* not before: an id that is not yet in the
                                                       log is handed out again after a crash */
        break;
    case PG_CHANGE:
        if (PQntuples(res) > 0)
            pg_past_memo(s->base.store, PQgetvalue(res, 0, 0), s->base.reply.memo);
        memcpy(s->memo, s->base.reply.memo, sizeof s->memo);
        break;
    case PG_VALUE:
        take_value(&s->base.reply.read[e->op], res);
        break;
    case PG_PAST:
        pg_past_told(s->base.store, res);
        break;
    case PG_FENCE:
        s->base.fence = PQntuples(res) > 0 ? strtoll(PQgetvalue(res, 0, 0), NULL, 10) : 0;
        break;
    case PG_ROWS:
        if (s->base.state == SESSION_CONNECTING)
            take_identity(&s->base, res);
        else
            pg_verbs[s->base.job->verb].rows(s, res);
        break;
    case PG_IGNORED:
    case PG_PARSE:
    case PG_COMMAND:
    case PG_NEW:
    case PG_SYNC:
    case PG_SYNC_NEXT:
        break;
    }
}

static void take_failure(struct pg_session *s, const struct pg_expectation *e, const PGresult *res)
{
    const char *message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    enum store_status status;

    if (e->purpose == PG_IGNORED)
        return;
    if (e->purpose == PG_PARSE)
        s->prepared = false;
    if (e->purpose == PG_FENCE && sqlstate && strcmp(sqlstate, PG_UNDEFINED_TABLE) == 0)
        s->base.fence = 0;
    if (!s->base.job)
        return;
    status = pg_status_of(severity, sqlstate, phase_of(s->base.job));
    if (e->purpose == PG_NEW) /* the server skips what follows */
        reply_not_once(s->base.job, &s->base.reply, status,
                       message ? message : PQresultErrorMessage(res));
    else
        reply_fail(&s->base.reply, status, message ? message : PQresultErrorMessage(res));
}

/* The segment is answered. A failed transaction still has to be left, which nobody waits for. */
static void segment_done(struct pg_session *s, enum pg_purpose purpose)
{
    const struct pg_verb *verb;

    if (PQtransactionStatus(s->conn) == PQTRANS_INERROR) {
        pg_send(s, PG_IGNORED, "ROLLBACK", 0, NULL);
        pg_sync(s);
        flush(s);
    }
    if (purpose != PG_SYNC_NEXT)
        return;
    if (s->base.state == SESSION_CONNECTING) {
        if (s->base.identity.number) /* without it no lost session could be seen to be gone */
            session_up(&s->base);
        else
            session_lost(&s->base, "it does not see itself in pg_stat_activity");
        return;
    }
    verb = &pg_verbs[s->base.job->verb];
    if (verb->next)
        verb->next(s);
    else
        session_finish(&s->base);
}

/* One result; NULL ends a statement's results. False: not what we wait for, so the stream is lost.
 */
static bool take(struct pg_session *s, PGresult *res)
{
    struct pg_expectation e = s->expect[s->head];
    bool end_of_segment = e.purpose == PG_SYNC || e.purpose == PG_SYNC_NEXT;

    if (!res) {
        s->head++;
        return !end_of_segment;
    }
    switch (PQresultStatus(res)) {
    case PGRES_PIPELINE_SYNC:
        s->head++;
        if (end_of_segment)
            segment_done(s, e.purpose);
        return end_of_segment;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_SINGLE_TUPLE:
        take_success(s, &e, res);
        return true;
    case PGRES_PIPELINE_ABORTED: /* the failure that caused it was taken before */
        return true;
    case PGRES_FATAL_ERROR:
    case PGRES_NONFATAL_ERROR:
    case PGRES_BAD_RESPONSE:
        take_failure(s, &e, res);
        return true;
    case PGRES_EMPTY_QUERY:
    case PGRES_COPY_OUT:
    case PGRES_COPY_IN:
    case PGRES_COPY_BOTH:
        break;
    }
    return false;
}

static void drain(struct pg_session *s)
{
    while (s->conn && s->head < s->n && !PQisBusy(s->conn)) {
        PGresult *res = PQgetResult(s->conn);
        bool good = PQstatus(s->conn) == CONNECTION_OK && take(s, res);

        PQclear(res);
        if (!good) {
            session_lost(&s->base, s->conn ? PQerrorMessage(s->conn) : "");
            return;
        }
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct pg_session *s = arg;

    (void)fd;
    (void)what;
    if (s->broken || !PQconsumeInput(s->conn)) {
        session_lost(&s->base, PQerrorMessage(s->conn));
        return;
    }
    drain(s);
    if (s->conn)
        flush(s); /* libpq sends more only when told to */
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    flush(arg);
}

/* --- connecting ------------------------------------------------------------------------------ */

static void ignore_notice(void *arg, const PGresult *res)
{
    (void)arg;
    (void)res;
}

static bool assign(struct pg_session *s, event_callback_fn read, short read_events,
                   event_callback_fn write)
{
    struct event_base *base = s->base.store->base;
    int fd = PQsocket(s->conn);

    return fd >= 0 && event_assign(&s->read, base, fd, read_events, read, s) == 0 &&
           event_assign(&s->write, base, fd, EV_WRITE, write, s) == 0;
}

/* Connected: learn who we are and have the statements prepared; session_up() follows. */
static void set_up(struct pg_session *s)
{
    if (PQsetnonblocking(s->conn, 1) < 0 || !PQenterPipelineMode(s->conn) ||
        !assign(s, on_readable, EV_READ | EV_PERSIST, on_writable) ||
        event_add(&s->read, NULL) < 0) {
        session_lost(&s->base, PQerrorMessage(s->conn));
        return;
    }
    if (s->base.lane == LANE_WORK) {
        send_parses(s);
        pg_sync(s);
    }
    pg_past_ask(s);
    pg_send(s, PG_ROWS,
            "SELECT pid, backend_start, current_setting('max_prepared_transactions')"
            " FROM pg_stat_activity WHERE pid = pg_backend_pid()",
            0, NULL);
    pg_fence_ask(s); /* last: it may fail */
    pg_end_segment(s);
}

/* libpq may change its socket from one step to the next, so every step registers anew. */
static void on_connecting(evutil_socket_t fd, short what, void *arg)
{
    struct pg_session *s = arg;
    PostgresPollingStatusType next;

    (void)fd;
    (void)what;
    (void)event_del(&s->read); /* cannot fail: both were assigned */
    (void)event_del(&s->write);
    next = PQconnectPoll(s->conn);
    if (next == PGRES_POLLING_OK) {
        set_up(s);
        return;
    }
    if (next == PGRES_POLLING_FAILED || !assign(s, on_connecting, EV_READ, on_connecting) ||
        event_add(next == PGRES_POLLING_READING ? &s->read : &s->write, NULL) < 0)
        session_lost(&s->base, PQerrorMessage(s->conn));
}

static PGconn *begin_connect(const struct store *store)
{
    char port[8];
    char options[512];

    (void)snprintf(port, sizeof port, "%u", store->address.port);
    (void)snprintf(
        options, sizeof options,
        "%s%s -c lock_timeout=%lldms -c idle_in_transaction_session_timeout=%dms"
        " -c synchronous_commit=on -c default_transaction_isolation=read\\ committed"
        " -c plan_cache_mode=force_generic_plan -c jit=off -c TimeZone=UTC -c DateStyle=ISO",
        store->where.schema[0] ? "-c search_path=" : "", store->where.schema,
        (long long)((store->lock_timeout_us + US_PER_MS - 1) / US_PER_MS), IDLE_IN_TRANSACTION_MS);

    const char *const keywords[] = {
        "host",       "port", "user", "dbname", "application_name", "options", "client_encoding",
        "gssencmode", NULL};
    const char *const values[] = {store->address.host,
                                  port,
                                  store->where.user,
                                  store->where.database,
                                  store->application,
                                  options,
                                  "UTF8",
                                  "disable",
                                  NULL};

    return PQconnectStartParams(keywords, values, 0);
}

static void pg_connect(struct session *session)
{
    struct pg_session *s = of(session);

    s->conn = begin_connect(session->store);
    s->broken = false;
    s->head = s->n = 0;
    if (!s->conn || PQstatus(s->conn) == CONNECTION_BAD ||
        !assign(s, on_connecting, EV_READ, on_connecting) || event_add(&s->write, NULL) < 0) {
        session_lost(session, s->conn ? PQerrorMessage(s->conn) : "out of memory");
        return;
    }
    (void)PQsetNoticeReceiver(s->conn, ignore_notice, NULL); /* returns the old one */
}

static void pg_disconnect(struct session *session)
{
    struct pg_session *s = of(session);

    if (!s->conn)
        return;
    if (event_initialized(&s->read)) {
        (void)event_del(&s->read); /* cannot fail: both were assigned */
        (void)event_del(&s->write);
    }
    PQfinish(s->conn);
    s->conn = NULL;
    scan_free(s->scan);
    s->scan = NULL;
}

static struct session *pg_session_new(struct store *store)
{
    struct pg_session *s = mem_alloc(sizeof *s);

    (void)store;
    return &s->base;
}

static void pg_session_free(struct session *session)
{
    struct pg_session *s = of(session);

    assert(!s->conn);
    free(s->expect);
    free(s);
}

static void pg_start(struct session *session)
{
    struct pg_session *s = of(session);

    s->step = 0;
    s->rows_seen = 0;
    s->until_us = 0;
    pg_verbs[session->job->verb].start(s);
}

static void pg_timeout(struct session *session)
{
    pg_verbs[session->job->verb].next(of(session));
}

const struct store_driver postgres_driver = {
    .session_new = pg_session_new,
    .connect = pg_connect,
    .disconnect = pg_disconnect,
    .session_free = pg_session_free,
    .start = pg_start,
    .timeout = pg_timeout,
    .expect = pg_past_expect,
};
