/*
 * redis.h - inside stores/: a Redis session of hiredis' on libevent, and calls of our one script.
 *
 * redis.lua tells what is kept in Redis and what each verb does there; this side only sends its
 * arguments, takes its reply apart, and waits where it says "wait".
 */
#ifndef SYNCBED_STORES_REDIS_H
#define SYNCBED_STORES_REDIS_H

#include "base/buf.h"
#include "stores/driver.h"

#include <hiredis.h>

#include <async.h>

struct redis_seen;

struct redis_session {
    struct session base;
    redisAsyncContext *context; /* NULL: not connected */
    char sha[41];               /* of our script, as this server knows it */

    /* The latest call of the script, kept to send it again: EVALSHA, sha, "0", then our own. */
    struct buf text; /* the arguments, each with its NUL */
    const char **argv;
    size_t *argv_size;
    size_t n_args, argv_capacity, argv_size_capacity;

    /* The verb's own, zeroed at its start. */
    unsigned step;
    int64_t until_us;
    struct redis_seen *seen; /* scan: the keys given so far, owned */
};

struct redis_verb {
    void (*start)(struct redis_session *s);
    /* NULL: take status and detail, and answer. Never called with an error or a lost session. */
    void (*reply)(struct redis_session *s, const redisReply *reply);
};

extern const struct redis_verb redis_verbs[VERBS];
extern const char redis_script[]; /* redis.lua */

/* Begin a call of the script, add its arguments, send it. */
void redis_call(struct redis_session *s, const char *verb);
void redis_arg(struct redis_session *s, const char *text);
void redis_arg_number(struct redis_session *s, int64_t number);
void redis_call_end(struct redis_session *s);
/* Send the call again with its argument `i` (0: the verb) replaced by `text`, which is static. */
void redis_call_again(struct redis_session *s, size_t i, const char *text);
/* Any other command, written for redisAsyncCommand(). */
__attribute__((format(printf, 2, 3))) void redis_send(struct redis_session *s, const char *format,
                                                      ...);

/* Status and detail of the script's reply into the session's; true when it is ok. */
bool redis_take_status(struct redis_session *s, const redisReply *reply);
/* Element `i` as text or number: "" or 0 where there is none. */
const char *redis_text_at(const redisReply *reply, size_t i);
int64_t redis_number_at(const redisReply *reply, size_t i);

/* redis_admin.c */
void redis_list_start(struct redis_session *s);
void redis_list_reply(struct redis_session *s, const redisReply *reply);
void redis_view_start(struct redis_session *s);
void redis_view_reply(struct redis_session *s, const redisReply *reply);
void redis_end_sessions_start(struct redis_session *s);
void redis_end_sessions_reply(struct redis_session *s, const redisReply *reply);
void redis_claim_start(struct redis_session *s);
void redis_claim_reply(struct redis_session *s, const redisReply *reply);
void redis_leave_start(struct redis_session *s);
void redis_reset_start(struct redis_session *s);
void redis_reset_reply(struct redis_session *s, const redisReply *reply);
void redis_scan_start(struct redis_session *s);
void redis_scan_reply(struct redis_session *s, const redisReply *reply);
void redis_seen_free(struct redis_seen *seen);

#endif
