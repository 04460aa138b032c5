/* Looking at what is in doubt, settling and forgetting it: see the header. */
#include "harness/operator/operator.h"

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "coordinator/decision_log.h"
#include "coordinator/doubt_ask.h"
#include "coordinator/recovery_core.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- the servers ------------------------------------------------------------------------------ */

static int find_servers(struct operator_desk *op, const char *topology_path, struct errctx *err)
{
    int rc;

    op->topology = mem_alloc(sizeof *op->topology); /* too large for a stack */
    if (topology_path)
        return topology_read(topology_path, op->topology, err);
    rc = keeper_attach(op->base, NULL, NULL, &op->keeper, err);
    if (rc == -ENOENT)
        return err_set(err, ENOENT, ERR_ABORT,
                       "nothing is up; --topology FILE names the servers of a run");
    return rc ? rc : keeper_topology(op->keeper, op->topology, err);
}

/* Doors of a run that is over have left no data, so there is no log of theirs. */
static void find_logs(struct operator_desk *op)
{
    for (unsigned i = 0; i < op->topology->n_roles; i++) {
        const struct topology_role *role = &op->topology->role[i];
        struct operator_log *log = &op->log[op->n_logs];

        if (role->kind != ROLE_SERVE || !role->data[0] || access(role->data, F_OK) < 0)
            continue;
        (void)snprintf(log->coordinator, sizeof log->coordinator, "%s", role->name);
        (void)snprintf(log->dir, sizeof log->dir, "%s", role->data);
        op->n_logs++;
    }
}

int operator_open(struct operator_desk *op, const char *topology_path, struct errctx *err)
{
    int rc;

    *op = (struct operator_desk){.base = loop_new()};
    rc = find_servers(op, topology_path, err);
    if (rc)
        return rc;
    find_logs(op);
    return op->topology->n_stores > 0 ? 0 : err_set(err, ENOENT, ERR_ABORT, "no store is up");
}

void operator_close(struct operator_desk *op)
{
    doubt_done(&op->doubt);
    store_set_done(&op->stores);
    keeper_free(op->keeper);
    free(op->topology);
    if (op->base)
        event_base_free(op->base);
}

int operator_add_log(struct operator_desk *op, const char *name_dir, struct errctx *err)
{
    const char *dir = strchr(name_dir, '=');
    struct operator_log *log = &op->log[op->n_logs];
    size_t size = dir ? (size_t)(dir - name_dir) : 0;

    if (!dir || size == 0 || size >= sizeof log->coordinator || !dir[1])
        return err_set(err, EINVAL, ERR_ABORT,
                       "--log %s: a coordinator's name and its folder, as in serve1=DIR", name_dir);
    if (op->n_logs == ROLES_MAX)
        return err_set(err, E2BIG, ERR_ABORT, "more than %d logs", ROLES_MAX);
    if (access(dir + 1, R_OK) < 0)
        return err_set(err, errno, ERR_ABORT, "--log %s: %s", name_dir, strerror(errno));
    (void)snprintf(log->coordinator, sizeof log->coordinator, "%.*s", (int)size, name_dir);
    (void)snprintf(log->dir, sizeof log->dir, "%s", dir + 1);
    op->n_logs++;
    return 0;
}

/* --- looking ---------------------------------------------------------------------------------- */

static void take_asked(void *arg, struct doubt *d)
{
    struct operator_desk *op = arg;

    op->doubt = *d;
    op->looked = true;
}

static bool looked(void *arg)
{
    return ((struct operator_desk *)arg)->looked;
}

static void take_decision(void *arg, const struct decision *decision)
{
    doubt_take_decision(arg, decision);
}

static void marked(void *arg, const struct store_reply *reply, int64_t fence,
                   const struct store_mark *before)
{
    struct operator_mark *mark = arg;

    mark->await->n_left--;
    mark->known = reply->status == STORE_OK; /* else it has no table of ours, or is away */
    if (!mark->known)
        return;
    mark->fence = recovery_fence_epoch(fence);
    mark->mark = *before;
}

/* How far has each log got, as the stores were told? */
static int look_at_marks(struct operator_desk *op, struct errctx *err)
{
    int64_t deadline_us = clock_now_us() + OPERATOR_TIMEOUT_US;
    struct await await = {0};

    for (unsigned l = 0; l < op->n_logs; l++) {
        for (unsigned i = 0; i < op->stores.n; i++) {
            op->mark[l][i] = (struct operator_mark){.await = &await};
            if (!op->doubt.store[i].reachable)
                continue;
            await.n_left++;
            store_mark(op->stores.store[i], op->log[l].coordinator, 0, NULL, deadline_us, marked,
                       &op->mark[l][i]);
        }
    }
    return await_all(op->base, &await, err);
}

static void read_log(struct operator_desk *op, unsigned l)
{
    const struct operator_log *log = &op->log[l];
    struct errctx err;

    doubt_take_log(&op->doubt, log->coordinator);
    if (decision_log_read(log->dir, take_decision, &op->doubt, &err))
        (void)fprintf(stderr, "syncbed: the log of %s cannot be read: %s\n", log->coordinator,
                      err.message);
    for (unsigned i = 0; i < op->stores.n; i++) {
        if (op->mark[l][i].known)
            doubt_take_mark(&op->doubt, log->coordinator, op->mark[l][i].fence,
                            &op->mark[l][i].mark);
    }
}

/* A store that does not know what the logs say it had answered was restored: it proves nothing. */
static void expect(void *arg, const struct decision *decision)
{
    const struct store_set *stores = arg;

    for (unsigned i = 0; decision->kind == DECISION_COMMIT && i < decision->n_participants; i++) {
        struct store *store = store_set_find(stores, decision->participant[i]);

        if (store && decision->memo[i][0])
            store_expect(store, decision->memo[i]);
    }
}

static int open_stores(struct operator_desk *op, struct errctx *err)
{
    const struct store_options options = {.sessions = 1};
    char part[24];
    int rc;

    (void)snprintf(part, sizeof part, "%ld", (long)getpid());
    rc = store_set_open(&op->stores, op->base, op->topology, "operator", part, &options, err);
    for (unsigned i = 0; !rc && i < op->n_logs; i++) {
        if (decision_log_read(op->log[i].dir, expect, &op->stores, NULL))
            continue; /* read_log() will say so */
    }
    return rc;
}

static void note_open(void *arg, const struct decision *decision)
{
    open_decisions_note(arg, decision);
}

static bool is_open(void *arg, const char *gid)
{
    return open_decisions_find(arg, gid) != NULL;
}

/* What has ended since it was read may be forgotten, which is not lost. */
static void read_log_again(struct operator_desk *op, unsigned l)
{
    struct open_decisions open = {0};

    if (decision_log_read(op->log[l].dir, note_open, &open, NULL) == 0)
        doubt_take_ends(&op->doubt, l, is_open, &open);
    open_decisions_done(&open);
}

static void proven(void *arg)
{
    ((struct operator_desk *)arg)->looked = true;
}

static int prove(struct operator_desk *op, struct errctx *err)
{
    int64_t deadline_us = clock_now_us() + OPERATOR_TIMEOUT_US;
    int rc = 0;

    op->looked = false;
    if (doubt_prove(&op->doubt, op->stores.store, deadline_us, proven, op) > 0)
        rc = loop_until(op->base, looked, op, 2 * OPERATOR_TIMEOUT_US);
    if (rc)
        return err_set(err, -rc, ERR_FATAL, "the stores were not heard of");
    for (unsigned l = 0; l < op->n_logs; l++)
        read_log_again(op, l);
    doubt_conclude(&op->doubt);
    return 0;
}

int operator_look(struct operator_desk *op, struct errctx *err)
{
    int rc = op->stores.n > 0 ? 0 : open_stores(op, err);

    if (rc)
        return rc;
    doubt_done(&op->doubt);
    op->looked = false;
    doubt_ask(op->stores.store, op->stores.n, "", clock_now_us() + OPERATOR_TIMEOUT_US, take_asked,
              op);
    rc = loop_until(op->base, looked, op, 2 * OPERATOR_TIMEOUT_US);
    if (rc)
        return err_set(err, -rc, ERR_FATAL, "the stores were not heard of");
    rc = look_at_marks(op, err);
    if (rc)
        return rc;
    for (unsigned i = 0; i < op->n_logs; i++)
        read_log(op, i);
    doubt_conclude(&op->doubt);
    return prove(op, err);
}

/* --- settling and forgetting ------------------------------------------------------------------ */

struct doing {
    struct await await;
    struct one_store {
        struct doing *all;
        struct operator_done *done;
    } store[STORES_MAX];
};

static void answered(void *arg, const struct store_reply *reply)
{
    const struct one_store *one = arg;

    one->all->await.n_left--;
    one->done->status = reply->status;
    (void)snprintf(one->done->detail, sizeof one->done->detail, "%s", reply->detail);
}

/* Make ready for the answer of store `i`. */
static struct one_store *await_one(struct doing *doing, struct operator_done *done, unsigned i)
{
    struct one_store *one = &doing->store[i];

    *one = (struct one_store){.all = doing, .done = &done[i]};
    done[i].asked = true;
    doing->await.n_left++;
    return one;
}

int operator_settle(struct operator_desk *op, const struct doubt_txn *txn, uint32_t at, bool commit,
                    struct operator_done ret_done[STORES_MAX], struct errctx *err)
{
    int64_t deadline_us = clock_now_us() + OPERATOR_TIMEOUT_US;
    struct doing doing = {0};

    memset(ret_done, 0, STORES_MAX * sizeof *ret_done);
    for (unsigned i = 0; i < op->stores.n; i++) {
        if (txn->branch[i].state == DOUBT_PREPARED && (at >> i & 1U))
            store_settle(op->stores.store[i], txn->gid, commit, deadline_us, answered,
                         await_one(&doing, ret_done, i));
    }
    return await_all(op->base, &doing.await, err);
}

int operator_forget(struct operator_desk *op, const char *gid,
                    struct operator_done ret_done[STORES_MAX], struct errctx *err)
{
    int64_t deadline_us = clock_now_us() + OPERATOR_TIMEOUT_US;
    struct doing doing = {0};

    memset(ret_done, 0, STORES_MAX * sizeof *ret_done);
    for (unsigned i = 0; i < op->stores.n; i++)
        store_forget_settled(op->stores.store[i], gid, deadline_us, answered,
                             await_one(&doing, ret_done, i));
    return await_all(op->base, &doing.await, err);
}

/* --- a decision that is to be brought up no more ---------------------------------------------- */

struct looking_for {
    const char *gid;
    bool open;
};

static void look_for(void *arg, const struct decision *decision)
{
    struct looking_for *it = arg;

    if (strcmp(decision->gid, it->gid) != 0)
        return;
    it->open = decision->kind == DECISION_COMMIT;
}

static int end_in(const struct operator_log *at, const char *gid, bool *ret_ended,
                  struct errctx *err)
{
    const struct decision_log_options options = {.dir = at->dir, .owner = at->coordinator};
    struct looking_for it = {.gid = gid};
    struct decision_log *log;
    int rc = decision_log_read(at->dir, look_for, &it, err);

    if (rc || !it.open)
        return rc;
    rc = decision_log_open(&options, look_for, &it, &log, err);
    if (rc == -EBUSY)
        return err_set(err, EBUSY, ERR_ABORT,
                       "%s is running: it has to forget the decision itself, POST /forget",
                       at->coordinator);
    if (rc)
        return rc;
    if (it.open)
        decision_log_end(log, gid);
    *ret_ended = it.open;
    decision_log_close(log); /* which writes it */
    return 0;
}

int operator_end_decision(struct operator_desk *op, const char *gid, bool *ret_ended,
                          struct errctx *err)
{
    struct gid name;
    int rc = 0;

    *ret_ended = false;
    if (!gid_parse(gid, &name))
        return 0;
    for (unsigned i = 0; !rc && i < op->n_logs; i++) {
        if (strcmp(op->log[i].coordinator, name.coordinator) == 0)
            rc = end_in(&op->log[i], gid, ret_ended, err);
    }
    return rc;
}
