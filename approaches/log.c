/* The approach `log`; see the header. */
#include "approaches/log.h"

#include "approaches/log_known.h"
#include "approaches/log_reads.h"
#include "base/broken.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/soon.h"
#include "logsync/log_producer.h"
#include "model/envelope.h"

#include <assert.h>
#include <errno.h>
#include <event2/event_struct.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define INFLIGHT_MAX 8192

struct front {
    struct approach_env env;
    enum log_break broken;
    struct log_producer *producer;
    struct log_reads *reads;
    struct soon *soon; /* an approach may not answer from inside */
    struct buf record; /* the one being encoded; kept for its memory */
    char incarnation[ROLE_NAME_SIZE + 24];
    uint64_t n_sent;
    int64_t lamport;
    struct work *works;      /* by request: all that are not over */
    struct log_known *known; /* acknowledged requests, for status */
    uint64_t n_results[LOG_UNKNOWN + 1];
    uint64_t n_timed_out;
    uint64_t n_withdrawn;
};

/* One transaction, or a question for one. It is over when it is answered *and* the log is done. */
struct work {
    struct front *front;
    approach_done done; /* NULL: answered */
    void *arg;
    struct event timer; /* the deadline */
    struct crash_stand stand;
    const struct txn *txn; /* borrowed while not answered */
    struct txn *own;       /* a copy, for who answers before it has sent; else NULL */
    unsigned partition;
    struct log_message message;
    bool sent;
    bool delivered;
    enum log_result result;
    int64_t offset;
    struct { /* what to answer when there is nothing to send */
        struct soon_call soon;
        enum code code;
        enum outcome outcome;
    } at_once;
    char detail[PROTOCOL_DETAIL_SIZE];
    char request[REQUEST_ID_SIZE];
    UT_hash_handle hh;
};

/* --- answering ------------------------------------------------------------------------------- */

static void end(struct work *work)
{
    crash_point_leave(&work->stand);
    event_del(&work->timer);
    soon_remove(work->front->soon, &work->at_once.soon);
    HASH_DEL(work->front->works, work);
    free(work->own);
    free(work);
}

static void answer(struct work *work, struct reply *reply)
{
    approach_done done = work->done;

    (void)snprintf(reply->detail, sizeof reply->detail, "%s", work->detail);
    event_del(&work->timer);
    work->done = NULL;
    done(work->arg, reply);
}

static void answer_acknowledged(struct work *work)
{
    struct reply reply = {.code = CODE_NONE, .level = LEVEL_LOGGED};

    reply.position.n = work->front->env.topology->n_partitions;
    for (unsigned i = 0; i < reply.position.n; i++)
        reply.position.offset[i] = i == work->partition ? work->offset + 1 : -1;
    answer(work, &reply);
}

static void answer_result(struct work *work)
{
    struct reply reply = {.code = CODE_UNKNOWN};

    switch (work->result) {
    case LOG_ACKNOWLEDGED:
        answer_acknowledged(work);
        return;
    case LOG_NOT_PERSISTED:
        reply.code = CODE_UNAVAILABLE;
        break;
    case LOG_UNKNOWN:
        break;
    }
    answer(work, &reply);
}

static void tell(void *arg)
{
    struct work *work = arg;

    if (work->done)
        answer_result(work);
    end(work);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct work *work = arg;
    struct front *front = work->front;
    struct reply reply = {.code = CODE_TIMEOUT};
    /* Not even sent: held at a crash point. */
    bool over = !work->sent || log_producer_withdraw(front->producer, &work->message);

    (void)fd;
    (void)what;
    if (over) {
        reply.code = CODE_UNAVAILABLE;
        front->n_withdrawn += work->sent;
        (void)snprintf(work->detail, sizeof work->detail, "not sent by the deadline");
    } else {
        front->n_timed_out++;
        if (broken_here(front->broken, LOG_TIMEOUT_IS_FAILURE))
            reply.code = CODE_UNAVAILABLE;
        (void)snprintf(work->detail, sizeof work->detail, "the log has not acknowledged in time");
    }
    answer(work, &reply);
    if (over)
        end(work);
}

static void set_timer(struct work *work, int64_t delay_us)
{
    struct timeval delay = clock_timeval(delay_us);

    (void)evtimer_add(&work->timer, &delay);
}

static void give_at_once(void *arg)
{
    struct work *work = arg;
    struct reply reply = {.code = work->at_once.code, .outcome = work->at_once.outcome};

    answer(work, &reply);
    end(work);
}

static void answer_at_once(struct work *work, enum code code, const char *detail)
{
    work->at_once.code = code;
    (void)snprintf(work->detail, sizeof work->detail, "%.*s", (int)sizeof work->detail - 1, detail);
    event_del(&work->timer);
    soon_add(work->front->soon, &work->at_once.soon, give_at_once, work);
}

/* --- one transaction ------------------------------------------------------------------------- */

static void go_on_delivered(struct work *work)
{
    work->front->n_results[work->result]++;
    if (work->result != LOG_ACKNOWLEDGED) {
        tell(work);
        return;
    }
    log_known_add(work->front->known, work->request);
    if (!crash_point_reach(&work->stand, CRASH_LOG_ACKNOWLEDGED, tell, work))
        tell(work);
}

static void on_delivered(void *arg, const struct log_delivery *delivery)
{
    struct work *work = arg;

    work->delivered = true;
    work->result = delivery->result;
    work->offset = delivery->offset;
    if (work->done) /* else the time-out was its answer */
        (void)snprintf(work->detail, sizeof work->detail, "%s", delivery->detail);
    if (!work->stand.held) /* else it goes on when it is released */
        go_on_delivered(work);
}

static void on_released(void *arg)
{
    struct work *work = arg;

    if (work->delivered) /* else on_delivered() will find it free to go on */
        go_on_delivered(work);
}

static void encode(struct front *front, const struct txn *txn)
{
    struct envelope envelope = {.kind = ENVELOPE_TXN, .lamport = ++front->lamport, .txn = *txn};

    (void)snprintf(envelope.id, sizeof envelope.id, "%s:%" PRIu64, front->incarnation,
                   ++front->n_sent);
    (void)snprintf(envelope.source, sizeof envelope.source, "%s", front->env.role->name);
    buf_clear(&front->record);
    envelope_encode(&front->record, &envelope);
}

/* Nothing was sent in any case. */
static enum code code_of_refusal(enum err_class class)
{
    switch (class) {
    case ERR_RETRY:
        return CODE_REFUSED;
    case ERR_ABORT: /* larger than the log takes */
        return CODE_UNSUPPORTED;
    case ERR_FENCED:
    case ERR_FATAL:
        break;
    }
    return CODE_UNAVAILABLE;
}

static void produce(void *arg)
{
    struct work *work = arg;
    struct front *front = work->front;
    struct errctx err;

    encode(front, work->txn);
    if (log_producer_send(front->producer, &work->message, work->partition, work->txn->op[0].key,
                          &front->record, &err) < 0) {
        answer_at_once(work, code_of_refusal(err.class), err.message);
        return;
    }
    work->sent = true;
    (void)crash_point_reach(&work->stand, CRASH_LOG_PRODUCED, on_released, work);
}

static void receive(struct work *work)
{
    work->stand.request = work->txn->request;
    if (!crash_point_reach(&work->stand, CRASH_LOG_RECEIVED, produce, work))
        produce(work);
}

/* LOG_ACK_BEFORE_LOG: not from inside log_submit(), and by now the transaction is only ours. */
static void acknowledge_at_once(void *arg)
{
    struct work *work = arg;
    struct reply reply = {.code = CODE_NONE, .level = LEVEL_LOGGED};

    answer(work, &reply);
    receive(work);
}

static struct work *begin(struct front *front, const char *request, approach_done done, void *arg)
{
    struct work *work = mem_alloc(sizeof *work);

    work->front = front;
    work->done = done;
    work->arg = arg;
    work->message = (struct log_message){.delivered = on_delivered, .arg = work};
    (void)evtimer_assign(&work->timer, front->env.base, on_deadline, work);
    (void)snprintf(work->request, sizeof work->request, "%s", request);
    HASH_ADD_STR(front->works, request, work);
    return work;
}

static void append(struct front *front, const struct txn *txn, int64_t deadline_us,
                   approach_done done, void *arg)
{
    struct work *work = begin(front, txn->request, done, arg);
    const char *why = "";
    int partition = log_partition(txn, front->env.topology->n_partitions, &why);

    if (partition < 0) {
        answer_at_once(work, CODE_UNSUPPORTED, why);
        return;
    }
    work->txn = txn;
    work->partition = (unsigned)partition;
    if (broken_here(front->broken, LOG_ANY_PARTITION))
        work->partition = (unsigned)(front->n_sent % front->env.topology->n_partitions);
    if (broken_here(front->broken, LOG_ACK_BEFORE_LOG)) {
        work->own = mem_alloc(sizeof *work->own);
        *work->own = *txn;
        work->txn = work->own;
        soon_add(front->soon, &work->at_once.soon, acknowledge_at_once, work);
        return;
    }
    set_timer(work, deadline_us - clock_now_us());
    receive(work);
}

static void log_submit(void *self, const struct txn *txn, int64_t deadline_us, approach_done done,
                       void *arg)
{
    struct front *front = self;

    if (txn_writes(txn, UINT32_MAX))
        append(front, txn, deadline_us, done, arg);
    else
        log_reads_submit(front->reads, txn, deadline_us, done, arg);
}

/* What this door knows by itself. It says `aborted` of nothing, since it could not bar it. */
static void log_status(void *self, const char *request, approach_done done, void *arg)
{
    struct front *front = self;
    bool known = log_known_has(front->known, request);
    const struct work *pending;
    struct work *work;

    HASH_FIND_STR(front->works, request, pending);
    work = begin(front, "", done, arg); /* "" is no request's id */
    answer_at_once(work, CODE_NONE, "");
    if (known)
        work->at_once.outcome = OUTCOME_COMMITTED;
    else
        work->at_once.outcome = pending ? OUTCOME_PENDING : OUTCOME_UNKNOWN;
}

/* --- the door's life ------------------------------------------------------------------------- */

static void on_notice(void *arg, const char *text)
{
    (void)arg;
    log_warn("%s", text);
}

static void log_close(void *self)
{
    struct front *front = self;
    struct work *work, *next;

    log_reads_free(front->reads);
    log_producer_free(front->producer);
    HASH_ITER (hh, front->works, work, next)
        end(work);
    soon_free(front->soon);
    log_known_free(front->known);
    buf_done(&front->record);
    free(front);
}

/*
 * Record ids must be new after a restart, and Lamport time must not go back: both begin at the
 * start's wall-clock time, which no rate of requests can overtake.
 */
static void begin_incarnation(struct front *front)
{
    front->lamport = clock_wall_us();
    (void)snprintf(front->incarnation, sizeof front->incarnation, "%s-%" PRId64,
                   front->env.role->name, front->lamport);
}

static int log_open(const struct approach_env *env, void **ret_self, struct errctx *err)
{
    const struct topology *topology = env->topology;
    struct front *front;
    struct log_producer_options options = {
        .bootstrap = topology_address(topology, env->role->name, "log"),
        .topic = topology->topic,
        .inflight_max = INFLIGHT_MAX,
        .message_timeout_ms = PROTOCOL_DEADLINE_MS_MAX, /* each request's own is kept here */
        .notice = on_notice,
    };
    int r;

    if (!options.bootstrap || topology->topic[0] == '\0' || topology->n_partitions == 0)
        return err_set(err, EINVAL, ERR_FATAL, "the topology has no log");
    front = mem_alloc(sizeof *front);
    front->env = *env;
    front->broken = (enum log_break)approach_break_number(&log_approach, env->broken);
    front->soon = soon_new(env->base);
    front->reads = log_reads_new(&front->env);
    front->known = log_known_new();
    begin_incarnation(front);
    r = log_producer_new(env->base, &options, &front->producer, err);
    if (r != 0) {
        log_close(front);
        return r;
    }
    *ret_self = front;
    env->ready(env->arg); /* the log being away is no reason not to open: requests wait for it */
    return 0;
}

static unsigned log_in_flight(const void *self)
{
    const struct front *front = self;

    return HASH_COUNT(front->works) + log_reads_in_flight(front->reads);
}

static void log_counters(const void *self, json_t *into)
{
    const struct front *front = self;
    const uint64_t *n = front->n_results;

    json_object_set_new(into, "acknowledged", json_integer((json_int_t)n[LOG_ACKNOWLEDGED]));
    json_object_set_new(into, "not_persisted", json_integer((json_int_t)n[LOG_NOT_PERSISTED]));
    json_object_set_new(into, "unknown", json_integer((json_int_t)n[LOG_UNKNOWN]));
    json_object_set_new(into, "withdrawn", json_integer((json_int_t)front->n_withdrawn));
    json_object_set_new(into, "timed_out", json_integer((json_int_t)front->n_timed_out));
    json_object_set_new(into, "producers_replaced",
                        json_integer(log_producer_replaced(front->producer)));
}

static const struct approach_break breaks[] = {
    {LOG_ACK_BEFORE_LOG, "ack-before-log",
     "The client is told `ok` before the record is given to the log.", "durability"},
    {LOG_TIMEOUT_IS_FAILURE, "timeout-is-failure",
     "A record that the log has not acknowledged in time is "
     "answered as surely not written.",
     "ghosts"},
    {LOG_ANY_PARTITION, "any-partition", "Partitions take turns, whatever key is written.",
     "order"},
    {LOG_POSITION_BEFORE_DATA, "position-before-data",
     "A sink moves its position in one local transaction and "
     "applies the records in the next.",
     "durability"},
    {LOG_POSITION_AFTER_DATA, "position-after-data",
     "A sink applies the records in one local transaction and "
     "moves its position in the next.",
     "duplicates"},
};
_Static_assert(sizeof breaks / sizeof breaks[0] == LOG_BREAKS - 1, "each has its sentence");

const struct approach log_approach = {
    .name = "log",
    .summary = "the front door appends to a log, every store follows it",
    .batching =
        "linger 0: a record is sent at once, and what comes meanwhile goes along; a sink applies "
        "what has piled up in one transaction, with its position",
    .ops = UINT32_C(1) << OP_READ | UINT32_C(1) << OP_WRITE | UINT32_C(1) << OP_INCR |
           UINT32_C(1) << OP_APPEND,
    .native = LEVEL_LOGGED,
    .worst = CRASH_LOG_ACKNOWLEDGED,
    .before_worst = CRASH_LOG_PRODUCED,
    .uses_log = true,
    .breaks = breaks,
    .n_breaks = sizeof breaks / sizeof breaks[0],
    .promise = {{"durability", "the broker's disk survives: one replica, each record flushed", 0},
                {"atomicity", "no store refuses a record, and the log keeps it until applied", 0},
                {"ghosts", "", 0},
                {"duplicates", "clients do not retry", ONLY_WITHOUT_RETRIES},
                {"convergence", "as atomicity", 0},
                {"order", "every writer of a key uses its partition", 0},
                {"real-time", "per key", 0},
                {"conservation", "as atomicity and duplicates; no bounds", ONLY_WITHOUT_RETRIES},
                {"read-your-writes", "reads wait for the client's position", ONLY_READS_AFTER},
                {"monotonic-reads", "one copy of each store", 0}},
    .open = log_open,
    .submit = log_submit,
    .status = log_status,
    .in_flight = log_in_flight,
    .counters = log_counters,
    .close = log_close,
};
