/*
 * store.c - the verbs that belong to no branch, each made into a job; opening and closing.
 *
 * The order to read stores/ in: store.h (the contract), driver.h (jobs and sessions), pool.c,
 * branch.c, then a kind: postgres.c (connection), postgres_verbs.c (what is said over it).
 */
#include "stores/store.h"

#include "base/mem.h"
#include "model/names.h"
#include "stores/driver.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const status_names[STORE_STATUSES] = {
    [STORE_OK] = "ok",
    [STORE_CONSTRAINT] = "constraint",
    [STORE_CONFLICT] = "conflict",
    [STORE_BARRED] = "barred",
    [STORE_AGAIN] = "again",
    [STORE_ELSEWHERE] = "elsewhere",
    [STORE_UNAVAILABLE] = "unavailable",
    [STORE_UNKNOWN] = "unknown",
    [STORE_NOTA] = "nota",
    [STORE_HEURISTIC] = "heuristic",
    [STORE_RETRY] = "retry",
    [STORE_FENCED] = "fenced",
    [STORE_FATAL] = "fatal",
};

static const struct store_driver *const drivers[STORE_KINDS] = {
    [STORE_POSTGRES] = &postgres_driver,
    [STORE_MARIADB] = &mariadb_driver,
    [STORE_REDIS] = &redis_driver,
};

const char *store_status_name(enum store_status status)
{
    assert(status < STORE_STATUSES);
    return status_names[status];
}

enum code store_status_code(enum store_status status)
{
    switch (status) {
    case STORE_OK:
        return CODE_NONE;
    case STORE_CONSTRAINT:
        return CODE_CONSTRAINT;
    case STORE_CONFLICT:
    case STORE_RETRY:
        return CODE_CONFLICT;
    case STORE_UNAVAILABLE:
        return CODE_UNAVAILABLE;
    case STORE_BARRED:
    case STORE_AGAIN:
    case STORE_ELSEWHERE:
    case STORE_NOTA:
    case STORE_HEURISTIC:
    case STORE_FENCED: /* belong to two-phase commit and sinks: nothing is known */
    case STORE_FATAL:
    case STORE_UNKNOWN:
    case STORE_STATUSES:
        break;
    }
    return CODE_UNKNOWN;
}

unsigned ops_by_key(const struct txn *txn, const struct store *store,
                    unsigned ret_index[TXN_OPS_MAX])
{
    uint32_t ours = txn_ops_of(txn, store->where.name);
    unsigned n = 0;

    for (unsigned i = 0; i < txn->n_ops; i++) {
        unsigned at = n;

        if (!(ours & (UINT32_C(1) << i)))
            continue;
        for (; at > 0 && strcmp(txn->op[ret_index[at - 1]].key, txn->op[i].key) > 0; at--)
            ret_index[at] = ret_index[at - 1];
        ret_index[at] = i;
        n++;
    }
    return n;
}

int store_open(struct event_base *base, const struct topology_store *where,
               const struct address *address, const struct store_options *options,
               struct store **ret_store, struct errctx *err)
{
    const struct store_driver *driver = drivers[where->kind];
    struct store *store;
    int r;

    if (!driver)
        return err_set(err, ENOTSUP, ERR_ABORT, "store %s: no driver for %s yet", where->name,
                       store_kind_name(where->kind));
    store = mem_alloc(sizeof *store);
    store->base = base;
    store->driver = driver;
    store->where = *where;
    store->address = *address;
    (void)snprintf(store->application, sizeof store->application, "%s", options->application);
    store->lock_timeout_us =
        options->lock_timeout_us ? options->lock_timeout_us : STORE_LOCK_TIMEOUT_US;
    store->once = options->once;
    store->no_journal = options->no_journal;
    store->prepared_max = UINT_MAX;
    r = pool_open(store, 1 + (options->sessions ? options->sessions : STORE_SESSIONS), err);
    if (r < 0) {
        store_free(store);
        return r;
    }
    *ret_store = store;
    return 0;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    pool_close(store);
    free(store);
}

const char *store_name(const struct store *store)
{
    return store->where.name;
}

enum store_kind store_kind(const struct store *store)
{
    return store->where.kind;
}

unsigned store_slots_left(const struct store *store)
{
    return store->prepared_max > store->n_writing ? store->prepared_max - store->n_writing : 0;
}

bool store_alive(const struct store *store)
{
    return store->n_ready > 0;
}

void store_on_alive(struct store *store, void (*changed)(void *arg, bool alive), void *arg)
{
    store->changed = changed;
    store->changed_arg = arg;
}

void store_on_overtaken(struct store *store, void (*overtaken)(void *arg), void *arg)
{
    store->overtaken = overtaken;
    store->overtaken_arg = arg;
}

static struct job *new_job(struct store *store, enum verb verb, enum lane lane, int64_t deadline_us,
                           store_done done, void *arg)
{
    struct job *job = job_new(store, verb, lane, deadline_us);

    job->done = done;
    job->arg = arg;
    return job;
}

/* Copies `from` where a job keeps it; false when it does not fit. */
static bool copy(char *to, size_t size, const char *from)
{
    int n = snprintf(to, size, "%s", from);

    return n >= 0 && (size_t)n < size;
}

/* For verbs with a text; one that is too long is our own bug. */
static void set_text(char to[STORE_TEXT_SIZE], const char *from)
{
    bool fits = copy(to, STORE_TEXT_SIZE, from);

    assert(fits);
}

/* A gid may come from an operator's command line. */
static void submit_gid(struct job *job, const char *gid)
{
    if (gid_valid(gid) && copy(job->gid, sizeof job->gid, gid))
        job_submit(job);
    else
        job_answer(job, STORE_FATAL, "not a gid of ours");
}

void store_execute(struct store *store, const struct txn *txn, int64_t deadline_us, store_done done,
                   void *arg)
{
    struct job *job = new_job(store, VERB_EXECUTE, LANE_WORK, deadline_us, done, arg);

    job->txn = txn;
    job_submit(job);
}

void store_execute_locking(struct store *store, const struct txn *txn, int64_t deadline_us,
                           store_done done, void *arg)
{
    struct job *job = new_job(store, VERB_EXECUTE, LANE_WORK, deadline_us, done, arg);

    job->txn = txn;
    job->locking = true;
    job_submit(job);
}

/* What is prepared at an attached store and not ours is none of our business. */
static const char *prefix_of(const struct store *store, const char *prefix)
{
    return store->where.attached && !*prefix ? NAMES_PREFIX : prefix;
}

void store_list_in_doubt(struct store *store, const char *prefix, int64_t deadline_us,
                         store_listed done, void *arg)
{
    struct job *job = new_job(store, VERB_LIST, LANE_ADMIN, deadline_us, NULL, arg);

    job->listed = done;
    set_text(job->text, prefix_of(store, prefix));
    job_submit(job);
}

void store_resolve(struct store *store, const char *gid, bool commit, int64_t deadline_us,
                   store_done done, void *arg)
{
    enum verb verb = commit ? VERB_COMMIT : VERB_ROLLBACK;
    struct job *job = new_job(store, verb, LANE_WORK, deadline_us, done, arg);

    job->urgent = true;
    submit_gid(job, gid);
}

void store_prove(struct store *store, const char *gid, const char *memo, int64_t deadline_us,
                 store_proved done, void *arg)
{
    struct job *job = new_job(store, VERB_PROVE, LANE_ADMIN, deadline_us, NULL, arg);
    bool fits = copy(job->memo, sizeof job->memo, memo);

    assert(fits);
    job->proved = done;
    submit_gid(job, gid);
}

void store_expect(struct store *store, const char *memo)
{
    if (store->driver->expect)
        store->driver->expect(store, memo);
}

unsigned store_restored(const struct store *store)
{
    return store->past.restored;
}

bool store_remembers(const struct store *store)
{
    return store->driver->forgets;
}

void store_forget(struct store *store, const char *gid, int64_t deadline_us, store_done done,
                  void *arg)
{
    struct job *job = new_job(store, VERB_FORGET, LANE_WORK, deadline_us, done, arg);

    if (store->driver->forgets || !gid_valid(gid))
        submit_gid(job, gid);
    else
        job_answer(job, STORE_OK, "");
}

void store_view(struct store *store, const char *prefix, int64_t deadline_us, store_viewed done,
                void *arg)
{
    struct job *job = new_job(store, VERB_VIEW, LANE_ADMIN, deadline_us, NULL, arg);

    job->viewed = done;
    set_text(job->text, prefix_of(store, prefix));
    job_submit(job);
}

void store_settle(struct store *store, const char *gid, bool commit, int64_t deadline_us,
                  store_done done, void *arg)
{
    struct job *job = new_job(store, VERB_SETTLE, LANE_ADMIN, deadline_us, done, arg);

    job->commit = commit;
    submit_gid(job, gid);
}

void store_forget_settled(struct store *store, const char *gid, int64_t deadline_us,
                          store_done done, void *arg)
{
    submit_gid(new_job(store, VERB_FORGET_SETTLED, LANE_ADMIN, deadline_us, done, arg), gid);
}

void store_end_sessions(struct store *store, const char *application_prefix, int64_t deadline_us,
                        store_done done, void *arg)
{
    struct job *job = new_job(store, VERB_END_SESSIONS, LANE_ADMIN, deadline_us, done, arg);

    set_text(job->text, application_prefix);
    job_submit(job);
}

void store_fence(struct store *store, const char *owner, int64_t epoch, int64_t deadline_us,
                 store_done done, void *arg)
{
    struct job *job = new_job(store, VERB_FENCE, LANE_ADMIN, deadline_us, done, arg);

    set_text(job->text, owner);
    job->epoch = epoch;
    job_submit(job);
}

void store_mark(struct store *store, const char *owner, int64_t fence,
                const struct store_mark *mark, int64_t deadline_us, store_marked done, void *arg)
{
    struct job *job = new_job(store, VERB_MARK, LANE_ADMIN, deadline_us, NULL, arg);

    job->marked = done;
    set_text(job->text, owner);
    job->epoch = mark ? fence : -1; /* which is nobody's */
    if (mark)
        job->mark = *mark;
    job_submit(job);
}

void store_sink_open(struct store *store, const char *topic, unsigned n_partitions,
                     const char *owner, enum store_sink_mode mode, int64_t deadline_us,
                     store_sink_opened done, void *arg)
{
    struct job *job = new_job(store, VERB_SINK_OPEN, LANE_WORK, deadline_us, NULL, arg);

    assert(n_partitions >= 1);
    assert(n_partitions <= PARTITIONS_MAX);
    job->opened = done;
    set_text(job->text, topic);
    set_text(job->owner, owner);
    job->mode = mode;
    job->n_partitions = n_partitions;
    job_submit(job);
}

void store_position(struct store *store, const char *topic, unsigned n_partitions,
                    int64_t deadline_us, store_positioned done, void *arg)
{
    struct job *job = new_job(store, VERB_POSITION, LANE_ADMIN, deadline_us, NULL, arg);

    assert(n_partitions >= 1);
    assert(n_partitions <= PARTITIONS_MAX);
    job->positioned = done;
    set_text(job->text, topic);
    job->n_partitions = n_partitions;
    job->position.n = n_partitions;
    job_submit(job);
}

void store_sink_apply(struct store *store, const struct store_batch *batch, int64_t deadline_us,
                      store_done done, void *arg)
{
    struct job *job = new_job(store, VERB_SINK_APPLY, LANE_WORK, deadline_us, done, arg);

    job->batch = batch;
    job_submit(job);
}

void store_claim(struct store *store, int64_t deadline_us, store_done done, void *arg)
{
    assert(store->where.attached);
    job_submit(new_job(store, VERB_CLAIM, LANE_ADMIN, deadline_us, done, arg));
}

void store_leave(struct store *store, int64_t deadline_us, store_done done, void *arg)
{
    assert(store->where.attached);
    job_submit(new_job(store, VERB_LEAVE, LANE_ADMIN, deadline_us, done, arg));
}

void store_reset(struct store *store, int64_t deadline_us, store_done done, void *arg)
{
    job_submit(new_job(store, VERB_RESET, LANE_ADMIN, deadline_us, done, arg));
}

void store_scan(struct store *store, void (*row)(void *arg, const struct store_scan_row *row),
                int64_t deadline_us, store_done done, void *arg)
{
    struct job *job = new_job(store, VERB_SCAN, LANE_ADMIN, deadline_us, done, arg);

    job->row = row;
    job_submit(job);
}
