/* Reads beside a log; see the header. */
#include "approaches/log_reads.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/soon.h"
#include "stores/store.h"

#include <assert.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define ASK_AGAIN_US    (2 * US_PER_MS)  /* a sink's batch takes about as long */
#define ASK_PATIENCE_US (1 * US_PER_S)   /* for one answer */
#define ASK_AFTER_US    (50 * US_PER_MS) /* when a question has failed */

/* A transaction's reads at one store. */
struct share {
    struct reading *reading;
    struct source *source;
    uint32_t ops;
    bool waits; /* in source->waiting */
    struct soon_call refused;
    struct share *prev, *next;
};

struct reading {
    struct log_reads *reads;
    const struct txn *txn;
    int64_t deadline_us;
    approach_done done;
    void *arg;
    struct event timer; /* for those of its shares that wait */
    unsigned n_shares;
    unsigned n_answered;
    struct share share[STORES_MAX];
    struct reply reply; /* the first failure, or the reads so far */
};

/* A store, and where it stands as far as we have heard. */
struct source {
    struct log_reads *reads;
    const char *name;
    struct store *store; /* NULL: not opened yet, or no driver for its kind */
    bool asking;
    struct event timer; /* to ask again */
    struct position position;
    struct share *waiting;
};

struct log_reads {
    const struct approach_env *env;
    struct soon *soon;
    bool opened;
    unsigned n_in_flight;
    struct source source[STORES_MAX]; /* as in the topology */
};

static void ask(struct source *source);

/* --- the end of a reading -------------------------------------------------------------------- */

static void finish(struct reading *reading)
{
    (void)event_del(&reading->timer);
    reading->reads->n_in_flight--;
    reading->reply.has_reads = reading->reply.code == CODE_NONE;
    reading->done(reading->arg, &reading->reply);
    free(reading);
}

static void take_failure(struct share *share, const struct store_reply *from)
{
    struct reading *reading = share->reading;
    struct reply *reply = &reading->reply;
    bool expired = clock_now_us() >= reading->deadline_us;

    if (reply->code != CODE_NONE)
        return;
    reply->code = store_status_code(from->status);
    if (reply->code == CODE_UNKNOWN && expired)
        reply->code = CODE_TIMEOUT;
    (void)snprintf(reply->detail, sizeof reply->detail, "%s %s", share->source->name,
                   from->detail[0] ? from->detail : store_status_name(from->status));
}

static void on_read(void *arg, const struct store_reply *from)
{
    struct share *share = arg;
    struct reading *reading = share->reading;

    if (from->status != STORE_OK)
        take_failure(share, from);
    for (unsigned i = 0; i < reading->txn->n_ops; i++) {
        if (share->ops & UINT32_C(1) << i)
            reading->reply.read[i] = from->read[i];
    }
    if (++reading->n_answered == reading->n_shares)
        finish(reading);
}

/* --- waiting --------------------------------------------------------------------------------- */

static bool has_reached(const struct source *source, const struct position *after)
{
    for (unsigned i = 0; i < after->n; i++) {
        if (after->offset[i] >= 0 &&
            (i >= source->position.n || source->position.offset[i] < after->offset[i]))
            return false;
    }
    return true;
}

static void read_now(struct share *share)
{
    struct reading *reading = share->reading;

    store_execute(share->source->store, reading->txn, reading->deadline_us, on_read, share);
}

static void wait(struct share *share)
{
    share->waits = true;
    DL_APPEND(share->source->waiting, share);
    ask(share->source);
}

static void wait_no_more(struct share *share)
{
    share->waits = false;
    DL_DELETE(share->source->waiting, share);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    static const struct store_reply late = {.status = STORE_UNKNOWN,
                                            .detail = "has not reached the position in time"};
    struct reading *reading = arg;
    unsigned n = reading->n_shares;

    (void)fd;
    (void)what;
    for (unsigned i = 0; i < n; i++) {
        struct share *share = &reading->share[i];
        bool last = reading->n_answered + 1 == n; /* then the reading is freed */

        if (!share->waits)
            continue;
        wait_no_more(share);
        on_read(share, &late);
        if (last)
            return;
    }
}

/* --- where a store stands -------------------------------------------------------------------- */

static void ask_later(struct source *source, int64_t delay_us)
{
    struct timeval delay = clock_timeval(delay_us);

    (void)evtimer_add(&source->timer, &delay);
}

static void on_position(void *arg, enum store_status status, const struct position *position)
{
    struct source *source = arg;
    struct share *share, *next;

    source->asking = false;
    if (status == STORE_OK)
        source->position = *position;
    DL_FOREACH_SAFE(source->waiting, share, next)
    {
        if (!has_reached(source, &share->reading->txn->after))
            continue;
        wait_no_more(share);
        read_now(share);
    }
    if (source->waiting)
        ask_later(source, status == STORE_OK ? ASK_AGAIN_US : ASK_AFTER_US);
}

static void ask(struct source *source)
{
    const struct topology *topology = source->reads->env->topology;

    if (source->asking || evtimer_pending(&source->timer, NULL))
        return;
    source->asking = true;
    store_position(source->store, topology->topic, topology->n_partitions,
                   clock_now_us() + ASK_PATIENCE_US, on_position, source);
}

static void on_ask_again(evutil_socket_t fd, short what, void *arg)
{
    struct source *source = arg;

    (void)fd;
    (void)what;
    if (source->waiting)
        ask(source);
}

/* --- one transaction ------------------------------------------------------------------------- */

static bool waits_for_position(const struct txn *txn, uint32_t ops)
{
    for (unsigned i = 0; i < txn->n_ops; i++) {
        if (ops & UINT32_C(1) << i && txn->op[i].has_after)
            return true;
    }
    return false;
}

static void refuse(void *arg)
{
    static const struct store_reply unavailable = {.status = STORE_UNAVAILABLE,
                                                   .detail = "cannot be read"};

    on_read(arg, &unavailable);
}

static void start(struct share *share)
{
    struct reading *reading = share->reading;
    struct source *source = share->source;

    if (!source->store)
        soon_add(reading->reads->soon, &share->refused, refuse, share);
    else if (waits_for_position(reading->txn, share->ops) &&
             !has_reached(source, &reading->txn->after))
        wait(share);
    else
        read_now(share);
}

static void open_stores(struct log_reads *reads)
{
    const struct approach_env *env = reads->env;
    char application[SESSION_NAME_SIZE];
    const struct store_options options = {.application = application};

    reads->opened = true;
    session_name(application, env->role->name, "log");
    for (unsigned i = 0; i < env->topology->n_stores; i++) {
        const struct topology_store *where = &env->topology->store[i];
        const struct address *address =
            topology_address(env->topology, env->role->name, where->name);
        struct errctx err;

        reads->source[i].name = where->name;
        if (store_open(env->base, where, address, &options, &reads->source[i].store, &err) < 0)
            log_error("%s cannot be read: %s", where->name, err.message);
    }
}

void log_reads_submit(struct log_reads *reads, const struct txn *txn, int64_t deadline_us,
                      approach_done done, void *arg)
{
    const struct topology *topology = reads->env->topology;
    struct reading *reading = mem_alloc(sizeof *reading);
    struct timeval left;

    if (!reads->opened)
        open_stores(reads);
    *reading = (struct reading){
        .reads = reads, .txn = txn, .deadline_us = deadline_us, .done = done, .arg = arg};
    for (unsigned i = 0; i < topology->n_stores; i++) {
        uint32_t ops = txn_ops_of(txn, topology->store[i].name);

        if (ops)
            reading->share[reading->n_shares++] =
                (struct share){.reading = reading, .source = &reads->source[i], .ops = ops};
    }
    assert(reading->n_shares > 0); /* the door knows the stores */
    reads->n_in_flight++;
    left = clock_timeval(deadline_us - clock_now_us());
    (void)evtimer_assign(&reading->timer, reads->env->base, on_deadline, reading);
    (void)evtimer_add(&reading->timer, &left);
    for (unsigned i = 0; i < reading->n_shares; i++)
        start(&reading->share[i]);
}

/* --------------------------------------------------------------------------------------------- */

struct log_reads *log_reads_new(const struct approach_env *env)
{
    struct log_reads *reads = mem_alloc(sizeof *reads);

    reads->env = env;
    reads->soon = soon_new(env->base);
    for (unsigned i = 0; i < STORES_MAX; i++) {
        reads->source[i].reads = reads;
        (void)evtimer_assign(&reads->source[i].timer, env->base, on_ask_again, &reads->source[i]);
    }
    return reads;
}

static void give_up_waiting(struct source *source)
{
    static const struct store_reply closing = {.status = STORE_UNAVAILABLE, .detail = "closing"};

    while (source->waiting) {
        struct share *share = source->waiting;

        wait_no_more(share);
        on_read(share, &closing);
    }
}

void log_reads_free(struct log_reads *reads)
{
    if (!reads)
        return;
    for (unsigned i = 0; i < STORES_MAX; i++) {
        give_up_waiting(&reads->source[i]);
        store_free(reads->source[i].store); /* what is outstanding there is answered */
        (void)event_del(&reads->source[i].timer);
    }
    soon_now(reads->soon);
    soon_free(reads->soon);
    assert(reads->n_in_flight == 0);
    free(reads);
}

unsigned log_reads_in_flight(const struct log_reads *reads)
{
    return reads->n_in_flight;
}
