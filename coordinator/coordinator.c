/* Admission, answers, start and end: see the header. */
#include "coordinator/coordinator.h"

#include "base/clock.h"
#include "base/mem.h"
#include "coordinator/by_hand.h"
#include "coordinator/coordinator_private.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define READY_GRACE_US INT64_C(1000000)

_Static_assert(COORDINATOR_INFLIGHT_MAX < DECISION_QUEUE_MAX / 2, "the log's queue never fills");
_Static_assert(STORES_MAX <= TWOPC_PARTICIPANTS_MAX, "a transaction may be over all stores");

/* --- answers that need no transaction --------------------------------------------------------- */

static void give_answer(void *arg)
{
    struct answer *a = arg;
    struct reply reply = {
        .code = a->code, .level = a->level, .is_status = a->is_status, .outcome = a->outcome};

    (void)snprintf(reply.detail, sizeof reply.detail, "%s", a->detail);
    DL_DELETE(a->co->answers, a);
    a->done(a->arg, &reply);
    free(a);
}

static void answer_soon(struct coordinator *co, struct answer answer)
{
    struct answer *a = mem_alloc(sizeof *a);

    *a = answer;
    a->co = co;
    DL_APPEND(co->answers, a);
    soon_add(co->soon, &a->soon, give_answer, a);
}

/* --- requests --------------------------------------------------------------------------------- */

uint32_t coordinator_participants(const struct coordinator *co, const struct txn *txn,
                                  bool *ret_all)
{
    uint32_t participants = 0;
    uint32_t ops = 0;

    for (unsigned i = 0; i < co->n_stores; i++) {
        uint32_t here = txn_ops_of(txn, store_name(co->store[i]));

        ops |= here;
        if (here)
            participants |= UINT32_C(1) << i;
    }
    *ret_all = txn->n_ops > 0 && ops == (UINT32_C(1) << txn->n_ops) - 1;
    return participants;
}

/* What is being done at participant `i` before it may be given transactions. */
static void why_not_yet(const struct coordinator *co, unsigned i, char *ret_text, size_t size)
{
    bool recovers = watermark_checked(co->watermark, i) && !recovery_fenced(co->recovery, i);

    if (recovers || watermark_restored(co->watermark, i))
        recovery_why_not(co->recovery, i, ret_text, size);
    else
        watermark_why_not(co->watermark, i, ret_text, size);
}

bool coordinator_can_reach(const struct coordinator *co, uint32_t participants,
                           char ret_why_not[PROTOCOL_DETAIL_SIZE])
{
    char doing[STORE_DETAIL_SIZE];

    for (unsigned i = 0; i < co->n_stores; i++) {
        const char *name = store_name(co->store[i]);

        if (!(participants >> i & 1U))
            continue;
        if (!store_alive(co->store[i])) {
            (void)snprintf(ret_why_not, PROTOCOL_DETAIL_SIZE, "%s has no live session", name);
            return false;
        }
        if (!watermark_marked(co->watermark, i)) {
            why_not_yet(co, i, doing, sizeof doing);
            (void)snprintf(ret_why_not, PROTOCOL_DETAIL_SIZE, "%s is not recovered yet: %s", name,
                           doing);
            return false;
        }
    }
    return true;
}

__attribute__((format(printf, 5, 6))) static void refuse(struct coordinator *co,
                                                         coordinator_done done, void *arg,
                                                         enum code code, const char *fmt, ...)
{
    struct answer answer = {.done = done, .arg = arg, .code = code};
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(answer.detail, sizeof answer.detail, fmt, ap);
    va_end(ap);
    answer_soon(co, answer);
}

/* A request that came before: it is not executed again. */
static void submit_again(struct coordinator *co, const struct known_request *known,
                         coordinator_done done, void *arg)
{
    struct answer again = {.done = done, .arg = arg};
    bool answered = !known->running || !known->running->waiters;

    if (!answered && co->n_joined < COORDINATOR_INFLIGHT_MAX) {
        transaction_join(known->running, done, arg);
    } else if (!answered) { /* not `refused`, since it may happen */
        refuse(co, done, arg, CODE_UNKNOWN, "in flight; ask for its status");
    } else {
        again.code = requests_answer(known, &again.level);
        if (again.code != CODE_NONE)
            (void)snprintf(again.detail, sizeof again.detail, "%s",
                           again.code == known->code ? "as answered before" : "as known by now");
        answer_soon(co, again);
    }
}

/* What a request that was sent again is answered from; NULL: it is executed. If its outcome is not
 * known here, but the stores know whether they have it, they are asked by executing it. */
static const struct known_request *find_to_answer(struct coordinator *co, const char *request)
{
    struct known_request *known = requests_find(&co->requests, request);

    if (!known || known->running || known->mixed || known->outcome != OUTCOME_UNKNOWN ||
        !co->requests_at_stores)
        return known;
    requests_forget(&co->requests, known);
    return NULL;
}

void coordinator_submit(struct coordinator *co, const struct txn *txn, int64_t deadline_us,
                        coordinator_done done, void *arg)
{
    const struct known_request *known = find_to_answer(co, txn->request);
    bool all;
    uint32_t participants = coordinator_participants(co, txn, &all);
    char why_not[PROTOCOL_DETAIL_SIZE];

    if (known) {
        submit_again(co, known, done, arg);
    } else if (!all) {
        refuse(co, done, arg, CODE_BAD_REQUEST, "an operation on a store that is not there");
    } else if (co->failed || co->n_in_flight >= COORDINATOR_INFLIGHT_MAX) {
        co->counters.refused++;
        refuse(co, done, arg, CODE_REFUSED, "%u in flight", co->n_in_flight);
    } else if (!coordinator_can_reach(co, participants, why_not)) {
        co->counters.unavailable++;
        refuse(co, done, arg, CODE_UNAVAILABLE, "%s", why_not);
    } else {
        transaction_new(co, txn, deadline_us, done, arg);
    }
}

void coordinator_status(struct coordinator *co, const char *request, coordinator_done done,
                        void *arg)
{
    const struct known_request *known = requests_find(&co->requests, request);

    answer_soon(co, (struct answer){.done = done,
                                    .arg = arg,
                                    .is_status = true,
                                    .outcome = known ? known->outcome : OUTCOME_UNKNOWN});
}

/* --- the log and recovery --------------------------------------------------------------------- */

static void fail(void *arg, const struct errctx *err)
{
    struct coordinator *co = arg;

    if (co->failed)
        return;
    co->failed = true;
    co->handlers.failed(co->handlers.arg, err);
}

static void log_readable(evutil_socket_t fd, short what, void *arg)
{
    struct coordinator *co = arg;
    struct errctx err;

    (void)fd;
    (void)what;
    if (decision_log_collect(co->log, &err) < 0)
        fail(co, &err);
}

static void record_read(void *arg, const struct decision *decision)
{
    struct coordinator *co = arg;

    watermark_note(co->watermark, decision);
    recovery_note(co->recovery, decision);
    if (decision->kind == DECISION_COMMIT)
        requests_remember(&co->requests, decision->request, OUTCOME_COMMITTED);
}

static void say_ready(struct coordinator *co)
{
    if (co->ready_said || co->failed)
        return;
    co->ready_said = true;
    (void)evtimer_del(co->grace);
    co->handlers.ready(co->handlers.arg);
}

static void grace_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    say_ready(arg);
}

static bool all_alive(const struct coordinator *co)
{
    for (unsigned i = 0; i < co->n_stores; i++) {
        if (!store_alive(co->store[i]))
            return false;
    }
    return true;
}

static void recovery_progress(void *arg)
{
    struct coordinator *co = arg;

    if (recovery_complete(co->recovery) && !co->looked_by_hand) {
        co->looked_by_hand = true;
        by_hand_look(co);
    }
    if (recovery_complete(co->recovery) && watermark_unmarked(co->watermark) == 0 && all_alive(co))
        say_ready(co);
}

static void participant_checked(void *arg, unsigned i)
{
    const struct coordinator *co = arg;

    recovery_begin(co->recovery, i);
}

static void participant_fenced(void *arg, unsigned i, int64_t fence)
{
    const struct coordinator *co = arg;

    watermark_fenced(co->watermark, i, fence);
}

static void participant_marked(void *arg, unsigned i)
{
    const struct coordinator *co = arg;

    recovery_marked(co->recovery, i);
}

static void participant_restored(void *arg, unsigned i)
{
    const struct coordinator *co = arg;

    recovery_restored(co->recovery, i);
}

static void branch_recovered(void *arg, const char *request, bool committed)
{
    struct coordinator *co = arg;

    if (committed) {
        co->counters.recovered_committed++;
        return;
    }
    co->counters.recovered_rolled_back++;
    requests_remember(&co->requests, request, OUTCOME_ABORTED);
}

static void branch_contradicted(void *arg)
{
    struct coordinator *co = arg;

    co->counters.heuristic++;
}

static void branch_lost(void *arg)
{
    struct coordinator *co = arg;

    co->counters.lost++;
}

/* --- start and end ---------------------------------------------------------------------------- */

static struct coordinator *coordinator_new(struct event_base *base,
                                           const struct coordinator_options *options,
                                           const struct coordinator_handlers *handlers)
{
    struct coordinator *co = mem_alloc(sizeof *co);
    struct recovery_handlers recovery = {.progress = recovery_progress,
                                         .mark = participant_fenced,
                                         .settled = branch_recovered,
                                         .contradicted = branch_contradicted,
                                         .lost = branch_lost,
                                         .failed = fail,
                                         .arg = co};
    struct watermark_handlers watermark = {.checked = participant_checked,
                                           .marked = participant_marked,
                                           .restored = participant_restored,
                                           .failed = fail,
                                           .arg = co};

    co->base = base;
    co->lock_order = options->lock_order;
    co->reply_rule = options->reply_rule;
    co->broken = options->broken;
    co->requests_at_stores = options->requests_at_stores;
    co->handlers = *handlers;
    (void)snprintf(co->name, sizeof co->name, "%s", options->name);
    (void)snprintf(co->dir, sizeof co->dir, "%s", options->dir);
    key_queue_init(&co->keys);
    requests_init(&co->requests);
    co->watermark = watermark_new(base, co->name, options->force_presume_abort, &watermark);
    co->recovery = recovery_new(base, co->name, options->broken, &recovery);
    co->soon = soon_new(base);
    co->grace = evtimer_new(base, grace_over, co);
    assert(co->grace);
    return co;
}

static void name_sessions(struct coordinator *co, const char *incarnation)
{
    char part[24];

    if (incarnation)
        (void)snprintf(part, sizeof part, "%" PRId64 "-%.8s", co->log->epoch, incarnation);
    else
        (void)snprintf(part, sizeof part, "%" PRId64 "-%x", co->log->epoch,
                       (unsigned)decision_log_incarnation(co->log));
    session_name(co->application, co->name, part);
}

int coordinator_open(struct event_base *base, const struct coordinator_options *options,
                     const struct coordinator_handlers *handlers,
                     struct coordinator **ret_coordinator, struct errctx *err)
{
    struct coordinator *co = coordinator_new(base, options, handlers);
    struct decision_log_options log = {.dir = options->dir, .owner = options->name};
    int rc;

    co->log = options->log;
    rc = gid_check_name(options->name, 1, err);
    if (rc == 0 && !co->log)
        rc = decision_log_open(&log, record_read, co, &co->log, err);
    if (rc == 0)
        rc = gid_check_name(options->name, decision_log_epoch(co->log), err);
    if (rc < 0)
        goto fail;
    co->log_event =
        event_new(base, decision_log_fd(co->log), EV_READ | EV_PERSIST, log_readable, co);
    assert(co->log_event);
    (void)event_add(co->log_event, NULL);
    if (options->log) {
        watermark_turn_off(co->watermark);
        recovery_leave_settling(co->recovery);
    }
    name_sessions(co, options->incarnation);
    *ret_coordinator = co;
    return 0;
fail:
    coordinator_free(co);
    return rc;
}

const char *coordinator_application(const struct coordinator *co)
{
    return co->application;
}

void coordinator_start(struct coordinator *co, struct store *const *stores, unsigned n_stores)
{
    struct timeval grace = clock_timeval(READY_GRACE_US);

    assert(n_stores <= STORES_MAX);
    for (unsigned i = 0; i < n_stores; i++) {
        assert(i == 0 || strcmp(store_name(stores[i - 1]), store_name(stores[i])) < 0);
        co->store[co->n_stores++] = stores[i];
    }
    (void)evtimer_add(co->grace, &grace);
    recovery_start(co->recovery, co->log, &co->forgetting, co->watermark, co->store, co->n_stores);
    watermark_start(co->watermark, co->log, co->store, co->n_stores);
}

/* Closing a store answers what is outstanding there, so what is answered must still be there. */
static void close_stores(struct coordinator *co)
{
    struct transaction *t;

    watermark_stop(co->watermark);
    co->closing = true;
    recovery_stop(co->recovery);
    DL_FOREACH (co->transactions, t) {
        transaction_drop_waiters(t);
        twopc_driver_done(t);
    }
    for (unsigned i = 0; i < co->n_stores; i++)
        store_free(co->store[i]);
    co->n_stores = 0;
}

void coordinator_free(struct coordinator *co)
{
    if (!co)
        return;
    close_stores(co);
    while (co->transactions)
        transaction_free(co->transactions);
    while (co->answers) {
        struct answer *a = co->answers;

        DL_DELETE(co->answers, a);
        free(a);
    }
    if (co->log_event)
        event_free(co->log_event);
    decision_log_close(co->log);
    recovery_free(co->recovery);
    watermark_free(co->watermark);
    requests_done(&co->requests);
    forgetting_done(&co->forgetting);
    event_free(co->grace);
    soon_free(co->soon);
    free(co);
}

unsigned coordinator_in_flight(const struct coordinator *co)
{
    return co->n_in_flight;
}

void coordinator_counters(const struct coordinator *co, struct coordinator_counters *ret_counters)
{
    *ret_counters = co->counters;
    ret_counters->not_recovered = watermark_unmarked(co->watermark);
    ret_counters->open_decisions = recovery_open_decisions(co->recovery);
    ret_counters->restored = 0;
    for (unsigned i = 0; i < co->n_stores; i++)
        ret_counters->restored += store_restored(co->store[i]);
    decision_log_stats(co->log, &ret_counters->log);
}
