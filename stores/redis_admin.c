/* redis_admin.c - looking at a whole Redis, clearing it, ending its sessions. */
#include "stores/redis.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* --- in doubt -------------------------------------------------------------------------------- */

void redis_list_start(struct redis_session *s)
{
    redis_call(s, "list");
    redis_arg(s, s->base.job->text);
    redis_call_end(s);
}

void redis_list_reply(struct redis_session *s, const redisReply *reply)
{
    struct job *job = s->base.job;

    if (redis_take_status(s, reply)) {
        job->waiters = (unsigned)redis_number_at(reply, 2);
        job->entry = mem_alloc_array(reply->elements, sizeof *job->entry);
        for (size_t i = 3; i + 1 < reply->elements; i += 2) {
            struct store_in_doubt *entry = &job->entry[job->n_entries++];

            (void)snprintf(entry->gid, sizeof entry->gid, "%s", redis_text_at(reply, i));
            entry->age_us = redis_number_at(reply, i + 1);
        }
    }
    session_finish(&s->base);
}

/* "waiter" gid, "key" key, or the head of the next branch: state gid age_us. */
static void take_view_item(struct job *job, struct store_view **view, const char *what,
                           const char *text, int64_t number)
{
    struct store_waiter waiter = {.for_us = -1};

    if (strcmp(what, "key") == 0) {
        view_add_key(*view, text);
    } else if (strcmp(what, "waiter") == 0) {
        (void)snprintf(waiter.who, sizeof waiter.who, "%s", text);
        view_add_waiter(*view, &waiter);
    } else {
        *view = job_add_view(job, text);
        (*view)->age_us = number;
        if (strcmp(what, "committed") == 0)
            (*view)->state = STORE_VIEW_COMMITTED_BY_HAND;
        else if (strcmp(what, "aborted") == 0)
            (*view)->state = STORE_VIEW_ROLLED_BACK_BY_HAND;
    }
}

void redis_view_start(struct redis_session *s)
{
    redis_call(s, "view");
    redis_arg(s, s->base.job->text);
    redis_call_end(s);
}

/* Triples: what, of which gid or key, a number. */
void redis_view_reply(struct redis_session *s, const redisReply *reply)
{
    struct store_view *view = NULL;

    if (redis_take_status(s, reply)) {
        for (size_t i = 2; i + 2 < reply->elements; i += 3)
            take_view_item(s->base.job, &view, redis_text_at(reply, i), redis_text_at(reply, i + 1),
                           redis_number_at(reply, i + 2));
    }
    session_finish(&s->base);
}

/* --- ending sessions ------------------------------------------------------------------------- */

enum end_step { LISTING, KILLING };

void redis_end_sessions_start(struct redis_session *s)
{
    s->step = LISTING;
    redis_send(s, "CLIENT LIST");
}

/* "id=7 addr=… laddr=… fd=8 name=sb1:serve1:3 age=…": is it one of those to be ended? */
static bool is_to_end(const struct redis_session *s, const char *line, int64_t *ret_id)
{
    const char *prefix = s->base.job->text;
    const char *found = strstr(line, " name="); /* in its own line: each has one */
    char name[64];

    if (!found || sscanf(line, "id=%" SCNd64, ret_id) != 1 ||
        sscanf(found, " name=%63[^ ]", name) != 1)
        return false;
    return strncmp(name, prefix, strlen(prefix)) == 0 &&
           strcmp(name, s->base.store->application) != 0;
}

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');

    return end ? end + 1 : NULL;
}

/* Kill the first that is listed; one by one, they are few. None: they are seen to be gone. */
static void kill_first(struct redis_session *s, const char *list)
{
    for (const char *line = list; line; line = next_line(line)) {
        int64_t id;

        if (is_to_end(s, line, &id)) {
            s->step = KILLING;
            redis_send(s, "CLIENT KILL ID %lld", (long long)id);
            return;
        }
    }
    session_finish(&s->base);
}

/* KILL answers 0 when the session has gone by itself meanwhile, so only the list counts. */
void redis_end_sessions_reply(struct redis_session *s, const redisReply *reply)
{
    if (s->base.job->told)
        session_finish(&s->base);
    else if (s->step == LISTING)
        kill_first(s, reply->str ? reply->str : "");
    else
        redis_end_sessions_start(s);
}

/* --- a place of our own ---------------------------------------------------------------------- */

void redis_claim_start(struct redis_session *s)
{
    redis_send(s, "DBSIZE");
}

void redis_claim_reply(struct redis_session *s, const redisReply *reply)
{
    char why[80];

    if (reply->integer > 0) {
        (void)snprintf(why, sizeof why, "database %s is not empty: %lld keys",
                       s->base.store->where.database[0] ? s->base.store->where.database : "0",
                       reply->integer);
        reply_fail(&s->base.reply, STORE_FATAL, why);
    }
    session_finish(&s->base);
}

void redis_leave_start(struct redis_session *s)
{
    redis_send(s, "FLUSHDB SYNC");
}

/* --- reset ----------------------------------------------------------------------------------- */

void redis_reset_start(struct redis_session *s)
{
    redis_send(s, s->base.store->where.attached ? "FLUSHDB SYNC" : "FLUSHALL SYNC");
}

void redis_reset_reply(struct redis_session *s, const redisReply *reply)
{
    (void)reply; /* an error does not come here */
    session_finish(&s->base);
}

/* --- scan ------------------------------------------------------------------------------------ */

/* SCAN may give a key twice while the table is rehashed. */
struct redis_seen {
    UT_hash_handle hh;
    char key[KEY_SIZE];
};

static bool first_time(struct redis_session *s, const char *key)
{
    struct redis_seen *seen;

    HASH_FIND_STR(s->seen, key, seen);
    if (seen)
        return false;
    seen = mem_alloc(sizeof *seen);
    (void)snprintf(seen->key, sizeof seen->key, "%s", key);
    HASH_ADD_STR(s->seen, key, seen);
    return true;
}

void redis_seen_free(struct redis_seen *seen)
{
    struct redis_seen *each;
    struct redis_seen *next;

    HASH_ITER (hh, seen, each, next) {
        HASH_DEL(seen, each);
        free(each);
    }
}

static void scan_from(struct redis_session *s, const char *cursor)
{
    redis_call(s, "scan");
    redis_arg(s, cursor);
    redis_call_end(s);
}

void redis_scan_start(struct redis_session *s)
{
    scan_from(s, "0");
}

/* "n request operation", cut at its first two spaces. */
static void split_entry(char *text, struct store_journal_entry *ret_entry)
{
    char *request = text + strcspn(text, " ");
    char *op;

    request += *request == ' ';
    op = request + strcspn(request, " ");
    if (*op)
        *op++ = '\0';
    ret_entry->n = strtoll(text, NULL, 10);
    ret_entry->request = request;
    ret_entry->op = op;
}

/* key, value, n, and its journal */
static void give_row(const struct job *job, const redisReply *found)
{
    const redisReply *journal = found->element[3];
    struct store_journal_entry *entry = mem_alloc_array(journal->elements, sizeof *entry);
    struct store_scan_row row = {.key = redis_text_at(found, 0),
                                 .value = redis_text_at(found, 1),
                                 .n = redis_number_at(found, 2),
                                 .n_entries = (unsigned)journal->elements,
                                 .entry = entry};

    for (size_t i = 0; i < journal->elements; i++)
        split_entry(journal->element[i]->str, &entry[i]);
    job->row(job->arg, &row);
    free(entry);
}

void redis_scan_reply(struct redis_session *s, const redisReply *reply)
{
    bool ok = redis_take_status(s, reply);

    for (size_t i = 3; ok && i < reply->elements; i++) {
        if (!s->base.job->told && first_time(s, redis_text_at(reply->element[i], 0)))
            give_row(s->base.job, reply->element[i]);
    }
    if (ok && !s->base.job->told && strcmp(redis_text_at(reply, 2), "0") != 0) {
        scan_from(s, redis_text_at(reply, 2));
        return;
    }
    redis_seen_free(s->seen);
    s->seen = NULL;
    session_finish(&s->base);
}
