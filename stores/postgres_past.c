/*
 * postgres_past.c - what became of a branch, and whether the server is still the one that knew it.
 *
 * A memo is the id of the branch's transaction, "4711", which pg_xact_status() turns into its fate
 * for as long as the server keeps it (hundreds of millions of transactions). A server that was
 * restored from an older copy of its files (same system identifier, same timeline) hands out the
 * same ids again, and the fate of 4711 is then somebody else's. So each new connection asks whether
 * the highest id of a prepared branch that we were told is still in the past. If it is not, a new
 * *life* of the server has begun with the id that its start has written into the control file: what
 * earlier lives had from there on is lost. Memos of later lives say which, "4711+1".
 *
 * Not noticed: a copy so recent, or so much work by others before we are connected again, that the
 * highest id has been handed out anew by then. Noticed too high: when the server has written a
 * later checkpoint by then.
 */
#include "stores/postgres.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct memo {
    uint64_t xid;
    unsigned life;
};

static struct memo parse(const char *text)
{
    char *end;
    struct memo memo = {.xid = strtoull(text, &end, 10)};

    if (*end == '+')
        memo.life = (unsigned)strtoul(end + 1, NULL, 10);
    return memo;
}

void pg_past_expect(struct store *store, const char *text)
{
    struct store_past *past = &store->past;
    struct memo memo = parse(text);

    if (memo.life > past->n_lives)
        *past = (struct store_past){.n_lives = memo.life, .highest = memo.xid};
    else if (memo.life == past->n_lives && memo.xid > past->highest)
        past->highest = memo.xid;
}

void pg_past_memo(const struct store *store, const char *xid, char ret_memo[STORE_MEMO_SIZE])
{
    const struct store_past *past = &store->past;
    uint64_t number = strtoull(xid, NULL, 10);

    if (past->n_lives == 0)
        (void)snprintf(ret_memo, STORE_MEMO_SIZE, "%" PRIu64, number);
    else
        (void)snprintf(ret_memo, STORE_MEMO_SIZE, "%" PRIu64 "+%u", number, past->n_lives);
}

void pg_past_ask(struct pg_session *s)
{
    char highest[24];
    const char *params[] = {highest};

    if (s->base.store->past.highest == 0)
        return;
    (void)snprintf(highest, sizeof highest, "%" PRIu64, s->base.store->past.highest);
    pg_send(s, PG_PAST,
            "SELECT (split_part(next_xid, ':', 1)::bigint << 32) + split_part(next_xid, ':', "
            "2)::bigint,"
            "  $1::text FROM pg_control_checkpoint()"
            " WHERE syncbed_xact_fate($1::text::xid8) = 'future'",
            1, params);
}

/* Several connections ask at once: the first one begins the life, to which the others belong. */
void pg_past_told(struct store *store, const PGresult *res)
{
    struct store_past *past = &store->past;
    uint64_t next;

    if (PQntuples(res) == 0 || strtoull(PQgetvalue(res, 0, 1), NULL, 10) > past->highest)
        return;
    next = strtoull(PQgetvalue(res, 0, 0), NULL, 10);
    past->floor = past->floor == 0 || next < past->floor ? next : past->floor;
    past->highest = next - 1; /* below what was asked for, or that were no future */
    past->n_lives++;
    past->restored++;
}

/* Its id has been, or will be, somebody else's. */
static bool lost(const struct store_past *past, const struct memo *memo)
{
    return memo->life < past->n_lives && memo->xid >= past->floor;
}

void pg_prove_start(struct pg_session *s)
{
    const struct job *job = s->base.job;
    char xid[24];
    const char *params[] = {xid, job->gid};

    (void)snprintf(xid, sizeof xid, "%" PRIu64, parse(job->memo).xid);
    /* First the fate, then whether it is prepared: it cannot become prepared in between. */
    pg_send(s, PG_ROWS,
            "SELECT fate, EXISTS (SELECT FROM pg_prepared_xacts WHERE gid = $2"
            "  AND database = current_database())"
            " FROM (SELECT syncbed_xact_fate($1::text::xid8) AS fate OFFSET 0) f",
            2, params);
    pg_end_segment(s);
}

static void set_lost(struct pg_session *s, const char *why)
{
    s->base.job->outcome = STORE_OUTCOME_LOST;
    (void)snprintf(s->base.reply.detail, sizeof s->base.reply.detail, "%s", why);
}

void pg_prove_rows(struct pg_session *s, const PGresult *res)
{
    struct job *job = s->base.job;
    struct memo memo = parse(job->memo);
    const char *fate = PQntuples(res) == 1 ? PQgetvalue(res, 0, 0) : "in progress";

    if (PQntuples(res) == 1 && strcmp(PQgetvalue(res, 0, 1), "t") == 0)
        job->outcome = STORE_OUTCOME_PREPARED;
    else if (memo.xid == 0)
        set_lost(s, "its transaction id was not kept");
    else if (lost(&s->base.store->past, &memo) || strcmp(fate, "future") == 0)
        set_lost(s, "the server was restored from a copy older than that transaction");
    else if (strcmp(fate, "") == 0)
        set_lost(s, "the server has forgotten so old a transaction");
    else if (strcmp(fate, "committed") == 0)
        job->outcome = STORE_OUTCOME_COMMITTED;
    else if (strcmp(fate, "aborted") == 0)
        job->outcome = STORE_OUTCOME_ROLLED_BACK;
    else /* being ended at this moment */
        job->outcome = STORE_OUTCOME_UNKNOWN;
}
