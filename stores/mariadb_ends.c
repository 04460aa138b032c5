/*
 * mariadb_ends.c - the end of a branch: by its own session, by another one, by hand.
 *
 * A branch's own session just ends it. For any other one "no such gid" may also mean that the
 * session which has prepared it is connected still; that one is ended first, and seen to be gone:
 *
 *   ENDING_OTHER --that session is gone--> ENDING --OK, or any error but NOTA--> over
 *        ^  |                                | NOTA
 *        |  PAUSED                           v
 *        +--prepared, its session is there-- LOOKING --> over: NOTA, or committed already
 *
 * By hand, it is remembered before, and taken back when it was not done.
 */
#include "stores/mariadb.h"

#include "base/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLUSH          "FLUSH LOCAL ENGINE LOGS"
#define POLL_US        (5 * US_PER_MS)
#define POLL_GIVEUP_US (5 * US_PER_S)

enum end_step {
    REMEMBERING,
    REMEMBERED,
    ENDING_OTHER,
    PAUSED,
    ENDING,
    LOOKING,
    FLUSHING,
    TAKING_BACK
};

/* What is looked at; `what` of maria_end_row(). */
enum look { LOOK_LISTED, LOOK_COMMITTED, LOOK_CONNECTION };

static bool commits(const struct job *job)
{
    return job->verb == VERB_COMMIT || (job->verb == VERB_SETTLE && job->commit);
}

static void send_forget_settled(struct maria_session *s)
{
    buf_printf(maria_statement(s, MARIA_COMMAND, 0), "DELETE FROM settled_by_hand WHERE gid = '%s'",
               s->base.job->gid);
    maria_send(s);
}

/* The job is answered; what was to be done by hand and was not is not remembered. */
static void over(struct maria_session *s)
{
    if (s->base.job->verb == VERB_SETTLE && s->base.reply.status != STORE_OK) {
        s->step = TAKING_BACK;
        send_forget_settled(s);
    } else {
        session_finish(&s->base);
    }
}

/* --- a session that has it ------------------------------------------------------------------- */

/*
 * The session that may still be at our PREPARE, or holds what it has prepared: asked to end, and
 * counted while it is there. It leaves the list after it has let its branch go. After a restart of
 * the server nobody has its connection id and that start any more, so it counts as gone, as it is.
 */
static void end_other(struct maria_session *s)
{
    const struct session_identity *lost = &s->base.job->lost;
    const char *server_start = lost->number ? lost->since : s->base.identity.since;
    char is_there[160];

    (void)snprintf(is_there, sizeof is_there,
                   "FROM information_schema.PROCESSLIST"
                   " WHERE ID = %" PRId64 " AND UUID_SHORT() >> 24 = %s",
                   s->connection, server_start);
    s->step = ENDING_OTHER;
    s->rows_seen = 0;
    buf_printf(maria_statement(s, MARIA_COMMAND, 0),
               "BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;"
               " IF EXISTS (SELECT * %s) THEN KILL CONNECTION %" PRId64 "; END IF; END",
               is_there, s->connection);
    buf_printf(maria_statement(s, MARIA_ROWS, 0), "SELECT ID %s", is_there);
    maria_send(s);
}

/*
 * The server answers XA ROLLBACK before it is durable: killed then, it would come back with the
 * branch prepared. So its log is flushed before the job is answered.
 */
static void send_end(struct maria_session *s)
{
    bool rollback = !commits(s->base.job);
    bool own = s->base.branch && s->base.branch == s->base.job->branch;

    s->step = ENDING;
    if (own && s->branch == MARIA_ACTIVE)
        maria_xa(s, MARIA_COMMAND, "END");
    if (own && s->branch == MARIA_NO_BRANCH && rollback) {
        maria_say(s, MARIA_COMMAND, "DO 1"); /* what failed has been left already */
    } else {
        maria_xa(s, MARIA_ENDED, rollback ? "ROLLBACK" : "COMMIT");
        if (rollback)
            maria_say(s, MARIA_COMMAND, FLUSH);
    }
    maria_send(s);
}

void maria_end(struct maria_session *s)
{
    s->until_us = clock_now_us() + POLL_GIVEUP_US;
    s->connection = s->base.job->lost.number;
    if (s->connection)
        end_other(s);
    else
        send_end(s);
}

/* Wait, then look for the other session once more, or try to end the branch once more. */
static void pause(struct maria_session *s, const char *why)
{
    if (clock_now_us() > s->until_us) {
        reply_fail(&s->base.reply, STORE_RETRY, why);
        over(s);
        return;
    }
    s->step = PAUSED;
    maria_pause(s, POLL_US);
}

static void other_looked_for(struct maria_session *s)
{
    if (s->base.reply.status != STORE_OK) {
        over(s);
    } else if (s->rows_seen > 0) {
        pause(s, "the branch's old session has not ended yet");
    } else {
        s->connection = 0;
        send_end(s);
    }
}

/* No such gid: is it prepared and somebody's still, was it committed, or is there no trace? */
static void look(struct maria_session *s)
{
    const char *gid = s->base.job->gid;

    s->step = LOOKING;
    s->listed = s->committed = false;
    s->base.reply = (struct store_reply){.status = STORE_OK};
    buf_append_str(maria_statement(s, MARIA_ROWS, LOOK_LISTED), "XA RECOVER");
    buf_printf(maria_statement(s, MARIA_ROWS, LOOK_COMMITTED),
               "SELECT gid FROM witness WHERE gid = '%s'", gid);
    maria_say(s, MARIA_COMMAND, MARIA_READ_UNCOMMITTED);
    buf_printf(maria_statement(s, MARIA_ROWS, LOOK_CONNECTION),
               "SELECT connection FROM witness"
               " WHERE gid = '%s' AND server_start = UUID_SHORT() >> 24",
               gid);
    maria_send(s);
}

void maria_end_row(struct maria_session *s, unsigned what, MYSQL_ROW row)
{
    char gid[GID_SIZE];

    if (s->step == ENDING_OTHER)
        s->rows_seen++;
    else if (what == LOOK_LISTED)
        s->listed |= maria_gid(s, row, gid) && strcmp(gid, s->base.job->gid) == 0;
    else if (what == LOOK_COMMITTED)
        s->committed = true;
    else
        s->connection = strtoll(row[0], NULL, 10);
}

static void conclude(struct maria_session *s)
{
    bool rollback = !commits(s->base.job);

    if (s->committed && rollback)
        reply_fail(&s->base.reply, STORE_HEURISTIC, "it was committed");
    else if (!s->committed)
        reply_fail(&s->base.reply, STORE_NOTA, "there is no such branch");
    if (!rollback) {
        over(s);
        return;
    }
    s->step = FLUSHING; /* it may have been rolled back by a try whose answer was lost */
    maria_say(s, MARIA_COMMAND, FLUSH);
    maria_send(s);
}

static void looked(struct maria_session *s)
{
    if (s->base.reply.status != STORE_OK)
        over(s);
    else if (!s->listed)
        conclude(s);
    else if (s->connection)
        end_other(s);
    else
        pause(s, "some session that we do not know holds the branch");
}

/* Is it prepared? Then that it was settled by hand is written first, since it can't be afterwards.
 */
static void remembering(struct maria_session *s)
{
    const struct job *job = s->base.job;

    if (s->base.reply.status == STORE_OK && !s->listed)
        reply_fail(&s->base.reply, STORE_NOTA, "nothing of this gid is prepared");
    if (s->base.reply.status != STORE_OK) {
        session_finish(&s->base);
        return;
    }
    s->step = REMEMBERED;
    buf_printf(maria_statement(s, MARIA_COMMAND, 0),
               "REPLACE INTO settled_by_hand (gid, committed, at)"
               " VALUES ('%s', %d, UTC_TIMESTAMP(6))",
               job->gid, job->commit);
    maria_send(s);
}

void maria_end_next(struct maria_session *s)
{
    switch (s->step) {
    case REMEMBERING:
        remembering(s);
        break;
    case REMEMBERED:
        if (s->base.reply.status == STORE_OK)
            maria_end(s);
        else
            session_finish(&s->base);
        break;
    case TAKING_BACK:
        session_finish(&s->base);
        break;
    case ENDING_OTHER:
        other_looked_for(s);
        break;
    case PAUSED:
        if (s->connection)
            end_other(s);
        else
            send_end(s);
        break;
    case ENDING:
        if (s->base.reply.status == STORE_NOTA)
            look(s);
        else
            over(s);
        break;
    case LOOKING:
        looked(s);
        break;
    case FLUSHING:
        over(s);
        break;
    default:
        assert(false);
    }
}

void maria_settle_start(struct maria_session *s)
{
    s->step = REMEMBERING;
    s->listed = false;
    buf_append_str(maria_statement(s, MARIA_ROWS, LOOK_LISTED), "XA RECOVER");
    maria_send(s);
}

void maria_forget_settled(struct maria_session *s)
{
    send_forget_settled(s);
}

/* --- proof ----------------------------------------------------------------------------------- */

/* The witness is there if and only if its branch has committed. */
void maria_prove_start(struct maria_session *s)
{
    s->step = LOOKING;
    s->listed = s->committed = false;
    buf_append_str(maria_statement(s, MARIA_ROWS, LOOK_LISTED), "XA RECOVER");
    buf_printf(maria_statement(s, MARIA_ROWS, LOOK_COMMITTED),
               "SELECT gid FROM witness WHERE gid = '%s'", s->base.job->gid);
    maria_send(s);
}

void maria_prove_next(struct maria_session *s)
{
    s->base.job->outcome = s->listed      ? STORE_OUTCOME_PREPARED
                           : s->committed ? STORE_OUTCOME_COMMITTED
                                          : STORE_OUTCOME_ROLLED_BACK;
    session_finish(&s->base);
}
