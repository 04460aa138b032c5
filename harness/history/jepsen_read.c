/* Jepsen's EDN as a history; see the header. */
#include "harness/history/jepsen.h"

#include "base/mem.h"
#include "harness/history/edn.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define FOREIGN "jepsen" /* store and server of a history that names none */

/* A process, and the operation that it has under way. */
struct process {
    int64_t number;
    int64_t op;         /* -1: none */
    int64_t invoked_us; /* of it */
    json_t *asked;      /* its :value, owned; NULL: none */
    UT_hash_handle hh;
};

struct reading {
    struct edn in;
    struct history_writer *into;
    struct process *processes;
    int64_t n_events;
    int64_t n_invoked;
    struct txn txn; /* scratch, as large as they are */
    struct reply reply;
};

/* --- fields -------------------------------------------------------------------------------- */

static int64_t integer_or(const json_t *event, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(event, key);

    return json_is_integer(value) && json_integer_value(value) >= 0 ? json_integer_value(value)
                                                                    : otherwise;
}

static const char *text_or(const json_t *event, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(event, key));

    return text ? text : otherwise;
}

/* A keyword's name; "" when it is none. */
static const char *keyword(const json_t *event, const char *key)
{
    const char *text = text_or(event, key, "");

    return text[0] == ':' ? text + 1 : "";
}

/* Without times, events are a microsecond apart: their order is all there is. */
static int64_t time_us(const struct reading *r, const json_t *event)
{
    return integer_or(event, ":time", r->n_events * JEPSEN_NS_PER_US) / JEPSEN_NS_PER_US;
}

/* --- micro-operations ---------------------------------------------------------------------- */

/* An element, or a list of them, as a value's text; NULL is what is neither. */
static bool append_value(struct buf *out, const json_t *value)
{
    const json_t *element;
    size_t i;

    if (json_is_integer(value)) {
        buf_printf(out, "%lld", (long long)json_integer_value(value));
        return true;
    }
    if (json_is_string(value)) {
        buf_append_str(out, json_string_value(value));
        return !strchr(json_string_value(value), ',');
    }
    json_array_foreach (value, i, element) {
        if (i > 0)
            buf_append_char(out, ',');
        if (json_is_array(element) || !append_value(out, element))
            return false;
    }
    return json_is_array(value);
}

/* "pg1/list:5" names store and key. Anything else is a key of the foreign store. */
static void split_key(const json_t *key, json_t *into)
{
    const char *text = json_string_value(key);
    const char *slash = text ? strchr(text, '/') : NULL;

    if (slash) {
        json_array_append_new(into, json_stringn(text, (size_t)(slash - text)));
        json_array_append_new(into, json_string(slash + 1));
        return;
    }
    json_array_append_new(into, json_string(FOREIGN));
    if (json_is_integer(key))
        json_array_append_new(into, json_sprintf("%lld", (long long)json_integer_value(key)));
    else
        json_array_append_new(into, json_string(text ? text : ""));
}

/* [:r "pg1/list:5" [1 2]] as the protocol's ["r","pg1","list:5","1,2",2]; NULL: no such thing. */
static json_t *to_micro(const json_t *form, bool ended)
{
    const char *kind = json_string_value(json_array_get(form, 0));
    const json_t *value = json_array_get(form, 2);
    bool reads = kind && strcmp(kind, ":r") == 0;
    struct buf text = {0};
    bool good = json_array_size(form) == 3 && kind && (reads || strcmp(kind, ":append") == 0);
    json_t *micro = json_array();

    good = good && (json_is_null(value) ? reads : append_value(&text, value)) &&
           (!reads || json_is_null(value) || json_is_array(value)) &&
           (reads || !json_is_array(value));
    if (good) {
        bool found = text.size > 0 && (ended || !reads);

        json_array_append_new(micro, json_string(kind + 1));
        split_key(json_array_get(form, 1), micro);
        json_array_append_new(micro, found ? json_string(buf_str(&text)) : json_null());
        if (reads && ended)
            json_array_append_new(micro, json_integer((json_int_t)json_array_size(value)));
    }
    buf_done(&text);
    if (good)
        return micro;
    json_decref(micro);
    return NULL;
}

/* Into the scratch transaction, and with `ended` into the scratch reply's reads. */
static int take_value(struct reading *r, const json_t *event, bool ended, struct errctx *err)
{
    const json_t *value = json_object_get(event, ":value");
    json_t *txn = json_array();
    struct errctx why = {0};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < json_array_size(value); i++) {
        json_t *micro = to_micro(json_array_get(value, i), ended);

        if (micro)
            json_array_append_new(txn, micro);
        else
            rc = edn_complain(&r->in, err,
                              "micro-operation %zu is no [:r key list-or-nil] or "
                              "[:append key element]",
                              i);
    }
    if (rc == 0 && protocol_txn_from_json(txn, &r->txn, ended ? r->reply.read : NULL, &why) < 0)
        rc = edn_complain(&r->in, err, "%s", why.message);
    json_decref(txn);
    return rc;
}

/* --- events -------------------------------------------------------------------------------- */

static struct process *process_of(struct reading *r, int64_t number)
{
    struct process *process;

    HASH_FIND(hh, r->processes, &number, sizeof number, process);
    if (process)
        return process;
    process = mem_alloc(sizeof *process);
    process->number = number;
    process->op = -1;
    HASH_ADD(hh, r->processes, number, sizeof process->number, process);
    return process;
}

static int take_invoke(struct reading *r, const json_t *event, struct process *process,
                       struct errctx *err)
{
    int64_t client = integer_or(event, ":client", process->number);
    char request[40];
    struct history_invocation invocation = {.op = r->n_invoked,
                                            .server = text_or(event, ":server", FOREIGN),
                                            .at_us = time_us(r, event)};
    int rc = take_value(r, event, false, err);

    if (rc < 0)
        return rc;
    (void)snprintf(request, sizeof request, "c%" PRId64 "-%" PRId64, process->number, r->n_invoked);
    const char *name = text_or(event, ":request", request);

    if (process->op >= 0)
        return edn_complain(&r->in, err, "process %" PRId64 " has an operation under way",
                            process->number);
    if (!request_id_valid(name) || client >= HISTORY_CLIENTS_MAX ||
        (invocation.server[0] && !store_name_valid(invocation.server)))
        return edn_complain(&r->in, err, "no such request, client or server");
    (void)strcpy(r->txn.request, name); /* its size was just checked */
    invocation.client = (unsigned)client;
    invocation.planned_us =
        integer_or(event, ":planned", invocation.at_us * JEPSEN_NS_PER_US) / JEPSEN_NS_PER_US;
    history_invoke(r->into, &invocation, &r->txn);
    process->op = r->n_invoked++;
    process->invoked_us = invocation.at_us;
    process->asked = json_incref(json_object_get(event, ":value"));
    return 0;
}

/* The same micro-operations; what reads found is new. */
static bool is_what_was_asked(const json_t *asked, const json_t *value)
{
    const json_t *form, *other;
    size_t i;

    if (json_array_size(asked) != json_array_size(value))
        return false;
    json_array_foreach (asked, i, form) {
        const json_t *kind = json_array_get(form, 0);

        other = json_array_get(value, i);
        if (!json_equal(kind, json_array_get(other, 0)) ||
            !json_equal(json_array_get(form, 1), json_array_get(other, 1)))
            return false;
        if (strcmp(json_string_value(kind), ":r") != 0 &&
            !json_equal(json_array_get(form, 2), json_array_get(other, 2)))
            return false;
    }
    return true;
}

/* What a foreign history does not say is the weakest that it may mean. */
static void take_outcome(struct reading *r, const json_t *event, enum history_end end)
{
    const char *error = keyword(event, ":error");
    const char *level = keyword(event, ":level");

    r->reply.code = CODE_NONE;
    r->reply.has_reads = false;
    if (end != HISTORY_OK && (!code_find(error, &r->reply.code) || r->reply.code == CODE_NONE ||
                              code_definite(r->reply.code) != (end == HISTORY_FAIL)))
        r->reply.code = end == HISTORY_FAIL ? CODE_ABORTED : CODE_UNKNOWN;
    if (!level_find(level, &r->reply.level))
        r->reply.level = LEVEL_EVERYWHERE;
}

static int take_end(struct reading *r, const json_t *event, struct process *process,
                    enum history_end end, struct errctx *err)
{
    int rc = 0;

    if (process->op < 0)
        return edn_complain(&r->in, err, "process %" PRId64 " has no operation under way",
                            process->number);
    if (time_us(r, event) < process->invoked_us)
        return edn_complain(&r->in, err, "process %" PRId64 " ends what it has not begun yet",
                            process->number);
    take_outcome(r, event, end);
    if (end == HISTORY_OK)
        rc = take_value(r, event, true, err);
    if (rc < 0)
        return rc;
    if (end == HISTORY_OK && !is_what_was_asked(process->asked, json_object_get(event, ":value")))
        return edn_complain(&r->in, err, ":value is not what was invoked");
    for (unsigned i = 0; i < r->txn.n_ops; i++)
        r->reply.has_reads =
            r->reply.has_reads || (end == HISTORY_OK && r->txn.op[i].kind == OP_READ);
    history_end(r->into, process->op, end, time_us(r, event), &r->reply, &r->txn);
    process->op = -1;
    json_decref(process->asked);
    process->asked = NULL;
    return 0;
}

static int take_event(struct reading *r, const json_t *event, struct errctx *err)
{
    const char *type = keyword(event, ":type");
    const json_t *number = json_object_get(event, ":process");
    struct process *process;

    if (!json_is_object(event) || !number)
        return edn_complain(&r->in, err, "no event: a map with :type, :process and :value");
    r->n_events++;
    if (!json_is_integer(number)) /* :nemesis */
        return 0;
    if (json_integer_value(number) < 0)
        return edn_complain(&r->in, err, "no such :process");
    process = process_of(r, json_integer_value(number));
    if (strcmp(type, "invoke") == 0)
        return take_invoke(r, event, process, err);
    if (strcmp(type, "ok") == 0)
        return take_end(r, event, process, HISTORY_OK, err);
    if (strcmp(type, "fail") == 0)
        return take_end(r, event, process, HISTORY_FAIL, err);
    if (strcmp(type, "info") == 0)
        return take_end(r, event, process, HISTORY_INFO, err);
    return edn_complain(&r->in, err, ":type is :invoke, :ok, :fail or :info");
}

/* Events one after the other, or all of them in one vector. */
static int take_form(struct reading *r, const json_t *form, struct errctx *err)
{
    const json_t *event;
    size_t i;

    if (!json_is_array(form))
        return take_event(r, form, err);
    json_array_foreach (form, i, event) {
        int rc = take_event(r, event, err);

        if (rc < 0)
            return rc;
    }
    return 0;
}

static void forget_processes(struct reading *r)
{
    struct process *process, *next;

    HASH_ITER (hh, r->processes, process, next) {
        HASH_DEL(r->processes, process);
        json_decref(process->asked);
        free(process);
    }
}

int jepsen_read(const char *path, const struct buf *text, struct history_writer *into,
                struct errctx *err)
{
    struct reading *r = mem_alloc(sizeof *r); /* too large for a stack */
    json_t *form;
    int rc;

    r->in = (struct edn){path, buf_str(text), buf_str(text) + text->size, 1};
    r->into = into;
    while ((rc = edn_next(&r->in, &form, err)) > 0) {
        rc = take_form(r, form, err);
        json_decref(form);
        if (rc < 0)
            break;
    }
    forget_processes(r);
    free(r);
    return rc;
}
