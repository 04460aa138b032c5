/*
 * redis.c - a Redis session: connecting, calling our script, loading it where it is not known.
 *
 * hiredis frees a context by itself when the connection breaks, after it has called every
 * outstanding callback without a reply; whoever finds that the context is no longer the session's
 * has nothing to do.
 */
#include "stores/redis.h"

#include "base/mem.h"

#include <adapters/libevent.h>
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARGS_BEFORE 3 /* EVALSHA, sha, number of keys */

static struct redis_session *of(struct session *s)
{
    return (struct redis_session *)(void *)s;
}

/* --- replies --------------------------------------------------------------------------------- */

const char *redis_text_at(const redisReply *reply, size_t i)
{
    const redisReply *element = i < reply->elements ? reply->element[i] : NULL;

    return element && element->str ? element->str : "";
}

int64_t redis_number_at(const redisReply *reply, size_t i)
{
    return strtoll(redis_text_at(reply, i), NULL, 10);
}

static bool find_status(const char *name, enum store_status *ret_status)
{
    for (unsigned i = 0; i < STORE_STATUSES; i++) {
        if (strcmp(name, store_status_name((enum store_status)i)) == 0) {
            *ret_status = (enum store_status)i;
            return true;
        }
    }
    return false;
}

bool redis_take_status(struct redis_session *s, const redisReply *reply)
{
    enum store_status status = STORE_FATAL;

    if (reply->type != REDIS_REPLY_ARRAY || !find_status(redis_text_at(reply, 0), &status))
        reply_fail(&s->base.reply, STORE_FATAL, "a reply that is not our script's");
    else if (status != STORE_OK)
        reply_fail(&s->base.reply, status, redis_text_at(reply, 1));
    return s->base.reply.status == STORE_OK;
}

/* An error of Redis itself. These come before a script has begun; what is not listed is fatal. */
static enum store_status status_of_error(const char *message)
{
    static const struct {
        const char *prefix;
        enum store_status status;
    } table[] = {
        {"LOADING ", STORE_UNAVAILABLE}, /* the append-only file is being read */
        {"BUSY ", STORE_UNAVAILABLE},    /* somebody's script runs for too long */
        {"OOM ", STORE_CONFLICT},        /* no memory for writes; may be had later */
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strncmp(message, table[i].prefix, strlen(table[i].prefix)) == 0)
            return table[i].status;
    }
    return STORE_FATAL;
}

/* --- calls ----------------------------------------------------------------------------------- */

static void on_reply(redisAsyncContext *context, void *reply, void *session);

void redis_call(struct redis_session *s, const char *verb)
{
    buf_clear(&s->text);
    s->n_args = 0;
    redis_arg(s, verb);
}

void redis_arg(struct redis_session *s, const char *text)
{
    size_t size = strlen(text);

    s->argv_size =
        mem_grow(s->argv_size, ARGS_BEFORE + s->n_args, &s->argv_size_capacity, sizeof(size_t));
    s->argv_size[ARGS_BEFORE + s->n_args] = size;
    buf_append(&s->text, text, size + 1);
    s->n_args++;
}

void redis_arg_number(struct redis_session *s, int64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRId64, number);
    redis_arg(s, text);
}

static void set_arg(struct redis_session *s, size_t i, const char *text)
{
    s->argv[i] = text;
    s->argv_size[i] = strlen(text);
}

/* A context that breaks refuses the command; its disconnect callback is on the way then. */
static void send_call(struct redis_session *s, const char *command, const char *script)
{
    set_arg(s, 0, command);
    set_arg(s, 1, script);
    set_arg(s, 2, "0");
    (void)redisAsyncCommandArgv(s->context, on_reply, s, (int)(ARGS_BEFORE + s->n_args), s->argv,
                                s->argv_size);
}

void redis_call_end(struct redis_session *s)
{
    const char *text = s->text.data;

    while (s->argv_capacity < ARGS_BEFORE + s->n_args)
        s->argv = mem_grow(s->argv, s->argv_capacity, &s->argv_capacity, sizeof(char *));
    for (size_t i = ARGS_BEFORE; i < ARGS_BEFORE + s->n_args; i++) {
        s->argv[i] = text;
        text += s->argv_size[i] + 1;
    }
    send_call(s, "EVALSHA", s->sha);
}

void redis_call_again(struct redis_session *s, size_t i, const char *text)
{
    assert(i < s->n_args);
    set_arg(s, ARGS_BEFORE + i, text);
    send_call(s, "EVALSHA", s->sha);
}

void redis_send(struct redis_session *s, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)redisvAsyncCommand(s->context, on_reply, s, format, args); /* as in send_call() */
    va_end(args);
}

static void give(struct redis_session *s, const redisReply *reply)
{
    const struct redis_verb *verb = &redis_verbs[s->base.job->verb];

    if (verb->reply) {
        verb->reply(s, reply);
        return;
    }
    (void)redis_take_status(s, reply); /* it is in the session's reply */
    session_finish(&s->base);
}

static void on_reply(redisAsyncContext *context, void *reply_, void *session)
{
    struct redis_session *s = session;
    const redisReply *reply = reply_;

    if (!reply || s->context != context)
        return;
    assert(s->base.job);
    if (reply->type != REDIS_REPLY_ERROR) {
        give(s, reply);
    } else if (strncmp(reply->str, "NOSCRIPT", 8) == 0) {
        send_call(s, "EVAL", redis_script); /* which loads it, too */
    } else {
        reply_fail(&s->base.reply, status_of_error(reply->str), reply->str);
        session_finish(&s->base);
    }
}

/* --- connecting ------------------------------------------------------------------------------ */

static void on_connect(const redisAsyncContext *context, int status)
{
    struct redis_session *s = context->data;

    if (status == REDIS_OK || s->context != context)
        return;
    s->context = NULL;
    session_lost(&s->base, context->errstr);
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    struct redis_session *s = context->data;

    (void)status;
    if (s->context != context)
        return;
    s->context = NULL;
    session_lost(&s->base, context->errstr ? context->errstr : "disconnected");
}

/* The reply to SCRIPT LOAD, and with it to being ready: while Redis loads its data it is refused.
 */
static void on_loaded(redisAsyncContext *context, void *reply_, void *session)
{
    struct redis_session *s = session;
    const redisReply *reply = reply_;

    if (!reply || s->context != context)
        return;
    if (reply->type != REDIS_REPLY_STRING || reply->len != sizeof s->sha - 1) {
        session_lost(&s->base, reply->str ? reply->str : "SCRIPT LOAD gave no SHA");
        return;
    }
    memcpy(s->sha, reply->str, sizeof s->sha);
    session_up(&s->base);
}

/* Not let in, or no such database: what follows must not be done in another one. */
static void on_let_in(redisAsyncContext *context, void *reply_, void *session)
{
    struct redis_session *s = session;
    const redisReply *reply = reply_;

    if (reply && s->context == context && reply->type == REDIS_REPLY_ERROR)
        session_lost(&s->base, reply->str);
}

static void on_fence(redisAsyncContext *context, void *reply_, void *session)
{
    struct redis_session *s = session;
    const redisReply *reply = reply_;

    if (!reply || s->context != context)
        return;
    if (reply->type == REDIS_REPLY_ERROR)
        session_lost(&s->base, reply->str);
    else
        s->base.fence = reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : 0;
}

/* How high is our fence now? Behind our name: whoever raises it later finds us by that. */
static void send_fence(struct redis_session *s, redisAsyncContext *context)
{
    const struct store_fence *ours = &s->base.store->fence;

    if (ours->epoch > 0)
        (void)redisAsyncCommand(context, on_fence, s, "HGET epoch %s", ours->owner);
}

/* An attached Redis: its password, as redis-cli takes it, and the database that is ours. */
static void send_place(struct redis_session *s, redisAsyncContext *context)
{
    const struct topology_store *where = &s->base.store->where;
    const char *password = getenv("REDISCLI_AUTH");

    if (where->attached && password)
        (void)redisAsyncCommand(context, on_let_in, s, "AUTH %s", password);
    if (where->attached && where->database[0])
        (void)redisAsyncCommand(context, on_let_in, s, "SELECT %s", where->database);
}

static void redis_connect(struct session *session)
{
    struct redis_session *s = of(session);
    const struct store *store = session->store;
    redisAsyncContext *context = redisAsyncConnect(store->address.host, store->address.port);

    if (!context || context->err || redisLibeventAttach(context, store->base) != REDIS_OK) {
        session_lost(session, context && context->errstr ? context->errstr : "out of memory");
        if (context)
            redisAsyncFree(context);
        return;
    }
    s->context = context;
    context->data = s;
    (void)redisEnableKeepAlive(&context->c); /* fails only where the system has none */
    (void)redisAsyncSetConnectCallback(context, on_connect); /* once each, so they succeed */
    (void)redisAsyncSetDisconnectCallback(context, on_disconnect);
    send_place(s, context);
    (void)redisAsyncCommand(context, NULL, NULL, "CLIENT SETNAME %s", store->application);
    send_fence(s, context);
    (void)redisAsyncCommand(context, on_loaded, s, "SCRIPT LOAD %s", redis_script);
}

static void redis_disconnect(struct session *session)
{
    struct redis_session *s = of(session);
    redisAsyncContext *context = s->context;

    s->context = NULL;
    if (context)
        redisAsyncFree(context);
    redis_seen_free(s->seen);
    s->seen = NULL;
}

static struct session *redis_session_new(struct store *store)
{
    struct redis_session *s = mem_alloc(sizeof *s);

    (void)store;
    return &s->base;
}

static void redis_session_free(struct session *session)
{
    struct redis_session *s = of(session);

    assert(!s->context);
    buf_done(&s->text);
    free(s->argv);
    free(s->argv_size);
    free(s);
}

static void redis_start(struct session *session)
{
    struct redis_session *s = of(session);

    s->step = 0;
    s->until_us = 0;
    redis_verbs[session->job->verb].start(s);
}

const struct store_driver redis_driver = {
    .session_new = redis_session_new,
    .connect = redis_connect,
    .disconnect = redis_disconnect,
    .session_free = redis_session_free,
    .start = redis_start,
    .forgets = true,
    .timeout = NULL, /* nothing here pauses */
};
