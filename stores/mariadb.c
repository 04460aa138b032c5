/*
 * mariadb.c - a MariaDB session: connecting, sending packets and taking their results.
 *
 * It knows no verb but by the table maria_verbs (mariadb_verbs.c). Each call of libmariadb that may
 * wait has two halves, start and cont; go_on() is the one place that looks at what came back.
 */
#include "stores/mariadb.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A door that is paused or cut off must not hold row locks for ever. */
#define IDLE_IN_TRANSACTION_S 10
#define ABANDONED_TRIES       16

/* Errors of the library itself, which is to say of the connection. */
#define IS_CLIENT_ERROR(n) (((n) >= 2000 && (n) < 3000) || ((n) >= 5000 && (n) < 6000))

static void go_on(struct maria_session *s);

static struct maria_session *of(struct session *s)
{
    return (struct maria_session *)(void *)s;
}

/* --- sending --------------------------------------------------------------------------------- */

struct buf *maria_statement(struct maria_session *s, enum maria_purpose purpose, unsigned op)
{
    if (s->n > 0)
        buf_append_char(&s->sql, ';');
    s->expect = mem_grow(s->expect, s->n, &s->capacity, sizeof *s->expect);
    s->expect[s->n++] = (struct maria_expectation){.purpose = purpose, .op = op};
    return &s->sql;
}

void maria_say(struct maria_session *s, enum maria_purpose purpose, const char *statement)
{
    buf_append_str(maria_statement(s, purpose, 0), statement);
}

/* Sending may happen inside a caller's verb, and what comes of it calls back: so not from here. */
static void go_on_later(struct maria_session *s)
{
    if (s->waits & MYSQL_WAIT_WRITE && event_add(&s->write, NULL) < 0)
        abort(); /* out of memory */
    if (!s->waits)
        event_active(&s->write, EV_WRITE, 0);
}

void maria_send(struct maria_session *s)
{
    assert(s->call == MARIA_IDLE);
    assert(s->n > 0);
    s->head = 0;
    s->skipped = false;
    s->call = MARIA_QUERY;
    s->waits = mysql_real_query_start(&s->failed, s->conn, s->sql.data, s->sql.size);
    if (!s->going)
        go_on_later(s);
}

void maria_pause(struct maria_session *s, int64_t delay_us)
{
    struct timeval delay = clock_timeval(delay_us);

    if (evtimer_add(&s->base.timer, &delay) < 0)
        abort(); /* out of memory */
}

/* --- taking results -------------------------------------------------------------------------- */

static const struct maria_expectation *expected(const struct maria_session *s)
{
    assert(s->head < s->n);
    return &s->expect[s->head];
}

static void take_value(struct read_result *read, MYSQL_ROW row)
{
    read->n = strtoll(row[1], NULL, 10);
    read->found = read->n > 0; /* 0: only what holds its place, MARIA_LOCK_SHARED */
    if (read->found)
        (void)snprintf(read->value, sizeof read->value, "%s", row[0]);
}

/* Who we are, so that another session can end us and see us gone. */
static void take_identity(struct session *s, MYSQL_ROW row)
{
    if (strcmp(row[2], "1") != 0)
        return;
    s->identity.number = strtoll(row[0], NULL, 10);
    (void)snprintf(s->identity.since, sizeof s->identity.since, "%s", row[1]);
}

static void take_row(struct maria_session *s)
{
    const struct maria_expectation *e = expected(s);

    if (e->purpose == MARIA_VALUE)
        take_value(&s->base.reply.read[e->op], s->row);
    else if (e->purpose == MARIA_FENCE)
        s->base.fence = strtoll(s->row[0], NULL, 10);
    else if (s->base.state == SESSION_CONNECTING)
        take_identity(&s->base, s->row);
    else if (e->purpose == MARIA_ROWS)
        maria_verbs[s->base.job->verb].row(s, e->op, s->row);
}

static void take_success(struct maria_session *s)
{
    switch (expected(s)->purpose) {
    case MARIA_RAISED:
        if (mysql_affected_rows(s->conn) == 0)
            reply_fail(&s->base.reply, STORE_FENCED, "the store has seen a higher or equal epoch");
        break;
    case MARIA_FENCE:
        if (s->base.fence == SESSION_NOT_ASKED)
            s->base.fence = 0; /* no row */
        break;
    case MARIA_USED:
        s->placed = true;
        break;
    case MARIA_STARTED:
        s->branch = MARIA_ACTIVE;
        break;
    case MARIA_PREPARED:
        s->branch = MARIA_PREPARED_BRANCH;
        break;
    case MARIA_ENDED:
        s->branch = MARIA_NO_BRANCH;
        break;
    case MARIA_IGNORED:
    case MARIA_COMMAND:
    case MARIA_NEW:
    case MARIA_VALUE:
    case MARIA_ROWS:
        break;
    }
}

static enum maria_phase phase_of(const struct job *job)
{
    bool ends = job->verb == VERB_COMMIT || job->verb == VERB_ROLLBACK || job->verb == VERB_SETTLE;

    return ends ? MARIA_PHASE_END : MARIA_PHASE_WORK;
}

static bool is_absent(unsigned error)
{
    return error == ER_NO_SUCH_TABLE || error == ER_BAD_DB_ERROR;
}

static void take_failure(struct maria_session *s)
{
    enum maria_purpose purpose = expected(s)->purpose;
    enum store_status status;

    if (purpose == MARIA_FENCE && is_absent(mysql_errno(s->conn)))
        s->base.fence = 0;
    if (purpose == MARIA_IGNORED || !s->base.job)
        return;
    s->skipped = true;
    status = maria_status_of(mysql_errno(s->conn), phase_of(s->base.job));
    if (purpose == MARIA_NEW)
        reply_not_once(s->base.job, &s->base.reply, status, mysql_error(s->conn));
    else
        reply_fail(&s->base.reply, status, mysql_error(s->conn));
}

/* All statements of the packet are answered or skipped. */
static void packet_done(struct maria_session *s)
{
    const struct maria_verb *verb;

    s->call = MARIA_IDLE;
    s->head = s->n = 0;
    buf_clear(&s->sql);
    if (s->base.state == SESSION_CONNECTING) {
        if (s->base.identity.number) /* without it no lost session could be seen to be gone */
            session_up(&s->base);
        else
            session_lost(&s->base, "it does not see itself: performance_schema is not ON");
        return;
    }
    verb = &maria_verbs[s->base.job->verb];
    if (verb->next)
        verb->next(s);
    else
        session_finish(&s->base);
}

static void statement_failed(struct maria_session *s)
{
    unsigned error = mysql_errno(s->conn);

    if (IS_CLIENT_ERROR(error)) {
        session_lost(&s->base, mysql_error(s->conn));
        return;
    }
    take_failure(s);
    packet_done(s);
}

static void statement_done(struct maria_session *s)
{
    take_success(s);
    if (mysql_more_results(s->conn)) {
        s->head++;
        s->call = MARIA_NEXT;
        s->waits = mysql_next_result_start(&s->failed, s->conn);
    } else {
        packet_done(s);
    }
}

/* A result begins: of rows, or only an OK. */
static void result_begun(struct maria_session *s)
{
    if (s->failed) {
        statement_failed(s);
        return;
    }
    s->result = mysql_use_result(s->conn);
    if (!s->result) {
        statement_done(s);
        return;
    }
    s->call = MARIA_FETCH;
    s->waits = mysql_fetch_row_start(&s->row, s->result);
}

static void row_fetched(struct maria_session *s)
{
    bool failed = !s->row && mysql_errno(s->conn) != 0;

    if (s->row) {
        take_row(s);
        s->waits = mysql_fetch_row_start(&s->row, s->result);
        return;
    }
    mysql_free_result(s->result); /* read to its end, so this does not wait */
    s->result = NULL;
    if (failed)
        statement_failed(s);
    else
        statement_done(s);
}

/* --- connecting ------------------------------------------------------------------------------ */

/* Connected: say how we work and learn who we are; session_up() follows. */
static void set_up(struct maria_session *s)
{
    int64_t lock_timeout_us = s->base.store->lock_timeout_us;
    struct buf *sql;

    if (!s->connected) {
        session_lost(&s->base, mysql_error(s->conn));
        return;
    }
    s->call = MARIA_IDLE;
    sql = maria_statement(s, MARIA_COMMAND, 0);
    buf_printf(sql,
               "SET SESSION sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',"
               " tx_isolation='READ-COMMITTED', autocommit=1, max_statement_time=0,"
               " innodb_lock_wait_timeout=%" PRId64 ", idle_transaction_timeout=%d",
               1 + lock_timeout_us / US_PER_S, IDLE_IN_TRANSACTION_S);
    maria_say(s, MARIA_ROWS, "SELECT CONNECTION_ID(), UUID_SHORT() >> 24, @@performance_schema");
    maria_fence_ask(s); /* last: it may fail */
    maria_send(s);
}

/* The call has returned. */
static void returned(struct maria_session *s)
{
    switch (s->call) {
    case MARIA_CONNECT:
        set_up(s);
        break;
    case MARIA_QUERY:
    case MARIA_NEXT:
        result_begun(s);
        break;
    case MARIA_FETCH:
        row_fetched(s);
        break;
    case MARIA_IDLE:
        break;
    }
}

static void resume(struct maria_session *s, int ready)
{
    switch (s->call) {
    case MARIA_CONNECT:
        s->waits = mysql_real_connect_cont(&s->connected, s->conn, ready);
        break;
    case MARIA_QUERY:
        s->waits = mysql_real_query_cont(&s->failed, s->conn, ready);
        break;
    case MARIA_NEXT:
        s->waits = mysql_next_result_cont(&s->failed, s->conn, ready);
        break;
    case MARIA_FETCH:
        s->waits = mysql_fetch_row_cont(&s->row, s->result, ready);
        break;
    case MARIA_IDLE:
        break;
    }
}

/* One call after another, until one has to wait or there is nothing more to do. */
static void go_on(struct maria_session *s)
{
    s->going = true;
    while (s->call != MARIA_IDLE && s->waits == 0)
        returned(s);
    s->going = false;
    if (s->call != MARIA_IDLE)
        go_on_later(s);
}

/* An idle session has nothing to read but its end. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct maria_session *s = arg;

    (void)fd;
    (void)what;
    if (s->call == MARIA_IDLE) {
        session_lost(&s->base, "the server has closed the connection");
    } else if (s->waits & MYSQL_WAIT_READ) {
        resume(s, MYSQL_WAIT_READ);
        go_on(s);
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct maria_session *s = arg;

    (void)fd;
    (void)what;
    if (s->waits & MYSQL_WAIT_WRITE)
        resume(s, MYSQL_WAIT_WRITE);
    go_on(s);
}

static bool watch(struct maria_session *s)
{
    struct event_base *base = s->base.store->base;
    int fd = mysql_get_socket(s->conn);

    return fd >= 0 && event_assign(&s->read, base, fd, EV_READ | EV_PERSIST, on_readable, s) == 0 &&
           event_assign(&s->write, base, fd, EV_WRITE, on_writable, s) == 0 &&
           event_add(&s->read, NULL) == 0;
}

static void maria_connect(struct session *session)
{
    struct maria_session *s = of(session);
    const struct store *store = session->store;

    s->conn = mysql_init(NULL);
    if (!s->conn || mysql_options(s->conn, MYSQL_OPT_NONBLOCK, NULL) ||
        mysql_options(s->conn, MYSQL_SET_CHARSET_NAME, "binary") ||
        mysql_options4(s->conn, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", store->application)) {
        session_lost(session, "out of memory");
        return;
    }
    s->branch = MARIA_NO_BRANCH;
    s->placed = false;
    s->call = MARIA_CONNECT;
    s->waits =
        mysql_real_connect_start(&s->connected, s->conn, store->address.host, store->where.user,
                                 NULL, NULL, store->address.port, NULL, CLIENT_MULTI_STATEMENTS);
    if (!s->waits || !watch(s)) /* refused at once: there is no socket to watch */
        session_lost(session, mysql_error(s->conn));
    else
        go_on_later(s);
}

/*
 * The call under way is brought to its end, since it owns memory: with the socket shut down it
 * finds an error wherever it goes on, and waits for nothing.
 */
static void abandon_call(struct maria_session *s)
{
    int fd = mysql_get_socket(s->conn);

    if (fd >= 0)
        (void)shutdown(fd, SHUT_RDWR); /* not connected is as well */
    for (unsigned i = 0; i < ABANDONED_TRIES && s->call != MARIA_IDLE && s->waits; i++)
        resume(s, s->waits);
    s->call = MARIA_IDLE;
}

static void maria_disconnect(struct session *session)
{
    struct maria_session *s = of(session);

    if (!s->conn)
        return;
    if (event_initialized(&s->read)) {
        (void)event_del(&s->read); /* cannot fail: both were assigned */
        (void)event_del(&s->write);
    }
    abandon_call(s);
    mysql_free_result(s->result); /* NULL is fine */
    s->result = NULL;
    mysql_close(s->conn);
    s->conn = NULL;
    s->branch = MARIA_NO_BRANCH;
    s->head = s->n = 0;
    buf_clear(&s->sql);
    scan_free(s->scan);
    s->scan = NULL;
}

static struct session *maria_session_new(struct store *store)
{
    struct maria_session *s = mem_alloc(sizeof *s);

    (void)store;
    return &s->base;
}

static void maria_session_free(struct session *session)
{
    struct maria_session *s = of(session);

    assert(!s->conn);
    free(s->expect);
    buf_done(&s->sql);
    free(s);
}

/* A database that will be ours is not there yet when a session to claim it connects. */
static void go_to_place(struct maria_session *s)
{
    buf_printf(maria_statement(s, MARIA_USED, 0), "USE `%s`", s->base.store->where.database);
}

static void maria_start(struct session *session)
{
    struct maria_session *s = of(session);
    enum verb verb = session->job->verb;

    s->step = 0;
    s->rows_seen = 0;
    s->until_us = 0;
    s->connection = 0;
    if (!s->placed && verb != VERB_CLAIM && verb != VERB_LEAVE)
        go_to_place(s);
    maria_verbs[verb].start(s);
}

static void maria_timeout(struct session *session)
{
    maria_verbs[session->job->verb].next(of(session));
}

static bool maria_tied(const struct session *session)
{
    return ((const struct maria_session *)(const void *)session)->branch != MARIA_NO_BRANCH;
}

const struct store_driver mariadb_driver = {
    .session_new = maria_session_new,
    .connect = maria_connect,
    .disconnect = maria_disconnect,
    .session_free = maria_session_free,
    .start = maria_start,
    .timeout = maria_timeout,
    .forgets = true,
    .tied = maria_tied,
};
