/* What an operator asks of a running coordinator: see the header. */
#include "coordinator/operate.h"

#include "base/clock.h"
#include "base/mem.h"
#include "coordinator/by_hand.h"
#include "coordinator/coordinator_private.h"
#include "coordinator/doubt_ask.h"
#include "coordinator/metrics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPERATE_TIMEOUT_US INT64_C(2000000) /* for a store to answer */

struct operating;

struct operating_store {
    struct operating *all;
    bool asked;
    enum store_status status;
    char detail[STORE_DETAIL_SIZE];
};

/* One question, from asking the stores what is in doubt until it is answered. */
struct operating {
    struct coordinator *co;
    enum operate_verb verb;
    char name[GID_SIZE];
    char store_name[STORE_NAME_SIZE]; /* "": all */
    bool commit, yes;
    coordinator_operated done;
    void *arg;
    struct doubt doubt;
    char gid[GID_SIZE]; /* SETTLE, FORGET: whose verbs are under way */
    unsigned n_left;
    struct operating_store store[STORES_MAX];
};

/* --- answers ---------------------------------------------------------------------------------- */

/* The last thing done with `o`. */
static void answer(struct operating *o, int status, const struct buf *body)
{
    o->done(o->arg, status, body);
    doubt_done(&o->doubt);
    free(o);
}

/* `json` is stolen. */
static void answer_json(struct operating *o, int status, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    struct buf body = {0};

    buf_append_str(&body, text ? text : "{}");
    buf_append_char(&body, '\n');
    answer(o, status, &body);
    buf_done(&body);
    free(text);
    json_decref(json);
}

__attribute__((format(printf, 3, 4))) static void refuse(struct operating *o, int status,
                                                         const char *fmt, ...)
{
    char why[256];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    answer_json(o, status, json_pack("{s:s}", "error", why));
}

static void answer_stores(struct operating *o)
{
    json_t *stores = json_array();
    bool all_ok = true;

    for (unsigned i = 0; i < o->doubt.n_stores; i++) {
        const struct operating_store *s = &o->store[i];

        if (!s->asked)
            continue;
        all_ok &= s->status == STORE_OK;
        (void)json_array_append_new(
            stores, json_pack("{s:s, s:s, s:s}", "store", o->doubt.store[i].name, "result",
                              store_status_name(s->status), "detail", s->detail));
    }
    answer_json(o, all_ok ? 200 : 502, json_pack("{s:s, s:o}", "gid", o->gid, "stores", stores));
}

/* --- settling and forgetting ------------------------------------------------------------------ */

static void store_answered(void *arg, const struct store_reply *reply)
{
    struct operating_store *s = arg;
    struct operating *o = s->all;

    s->status = reply->status;
    (void)snprintf(s->detail, sizeof s->detail, "%s", reply->detail);
    if (--o->n_left == 0)
        answer_stores(o);
}

static struct operating_store *expect(struct operating *o, unsigned i)
{
    o->store[i] = (struct operating_store){.all = o, .asked = true};
    o->n_left++;
    return &o->store[i];
}

static bool is_meant(const struct operating *o, unsigned i)
{
    return !o->store_name[0] || strcmp(o->store_name, o->doubt.store[i].name) == 0;
}

static void settle(struct operating *o, const struct doubt_txn *txn)
{
    int64_t deadline_us = clock_now_us() + OPERATE_TIMEOUT_US;
    const char *why;

    if (!doubt_may_settle(txn, o->commit, &why) && !o->yes) {
        refuse(o, 409, "%s; \"yes\": true does it all the same", why);
        return;
    }
    for (unsigned i = 0; i < o->co->n_stores; i++) {
        if (txn->branch[i].state == DOUBT_PREPARED && is_meant(o, i))
            store_settle(o->co->store[i], o->gid, o->commit, deadline_us, store_answered,
                         expect(o, i));
    }
    if (o->n_left == 0)
        refuse(o, 409, "%s is not prepared there", o->gid);
}

static void forget(struct operating *o, const struct doubt_txn *txn)
{
    int64_t deadline_us = clock_now_us() + OPERATE_TIMEOUT_US;
    const char *why;

    if (!doubt_may_forget(&o->doubt, txn, &why)) {
        refuse(o, 409, "%s: %s", o->gid, why);
        return;
    }
    if (txn->decided && !txn->ended && !recovery_forget(o->co->recovery, o->gid)) {
        refuse(o, 409, "%s: its decision is still being carried out", o->gid);
        return;
    }
    for (unsigned i = 0; i < o->co->n_stores; i++)
        store_forget_settled(o->co->store[i], o->gid, deadline_us, store_answered, expect(o, i));
}

static void act_on(struct operating *o)
{
    bool several;
    const struct doubt_txn *txn = doubt_find(&o->doubt, o->name, &several);

    if (!txn) {
        refuse(o, 404, "%s is not in doubt at any store that answers", o->name);
    } else if (several) {
        refuse(o, 409, "several transactions have the request %s: say which by its gid", o->name);
    } else {
        memcpy(o->gid, txn->gid, sizeof o->gid);
        if (o->verb == OPERATE_SETTLE)
            settle(o, txn);
        else
            forget(o, txn);
    }
}

/* --- looking ---------------------------------------------------------------------------------- */

static void take_decision(void *arg, const struct decision *decision)
{
    doubt_take_decision(arg, decision);
}

/* ENDs are written late: whether a decision is open, the coordinator knows better than its log. */
static bool is_open(void *arg, const char *gid)
{
    const struct coordinator *co = arg;
    const struct known_request *known;
    struct gid name;

    if (recovery_has_open(co->recovery, gid))
        return true;
    known = gid_parse(gid, &name) ? requests_find(&co->requests, name.request) : NULL;
    return known && known->running && strcmp(known->running->gid, gid) == 0;
}

/* False: it was answered that the log cannot be read. */
static bool take_log(struct operating *o)
{
    struct errctx err;

    doubt_take_log(&o->doubt, o->co->name);
    if (decision_log_read(o->co->dir, take_decision, &o->doubt, &err) < 0) {
        refuse(o, 502, "the decision log cannot be read: %s", err.message);
        return false;
    }
    doubt_take_ends(&o->doubt, 0, is_open, o->co);
    return true;
}

static void answer_metrics(struct operating *o)
{
    struct coordinator_counters counters;
    struct buf body = {0};

    coordinator_counters(o->co, &counters);
    metrics_print(&body, o->co->name, &counters, &o->doubt);
    answer(o, 200, &body);
    buf_done(&body);
}

static void go_on(struct operating *o)
{
    by_hand_count(o->co, &o->doubt);
    if (o->verb == OPERATE_LOOK)
        answer_json(o, 200, doubt_to_json(&o->doubt));
    else
        act_on(o);
}

static bool is_ending(struct operating *o)
{
    if (!o->co->closing)
        return false;
    refuse(o, 502, "%s is ending", o->co->name); /* some of its stores are gone already */
    return true;
}

static void proven(void *arg)
{
    struct operating *o = arg;

    if (is_ending(o))
        return;
    doubt_take_ends(&o->doubt, 0, is_open, o->co);
    doubt_conclude(&o->doubt);
    go_on(o);
}

static void looked(void *arg, struct doubt *d)
{
    struct operating *o = arg;

    o->doubt = *d;
    if (is_ending(o))
        return;
    if (o->verb == OPERATE_METRICS) {
        answer_metrics(o);
        return;
    }
    if (!take_log(o))
        return;
    doubt_conclude(&o->doubt);
    if (doubt_prove(&o->doubt, o->co->store, clock_now_us() + OPERATE_TIMEOUT_US, proven, o) == 0)
        go_on(o);
}

void coordinator_operate(struct coordinator *co, const struct operate *what,
                         coordinator_operated done, void *arg)
{
    struct operating *o = mem_alloc(sizeof *o);

    o->co = co;
    o->verb = what->verb;
    o->commit = what->commit;
    o->yes = what->yes;
    o->done = done;
    o->arg = arg;
    (void)snprintf(o->name, sizeof o->name, "%s", what->name ? what->name : "");
    (void)snprintf(o->store_name, sizeof o->store_name, "%s", what->store ? what->store : "");
    doubt_ask(co->store, co->n_stores, "", clock_now_us() + OPERATE_TIMEOUT_US, looked, o);
}
