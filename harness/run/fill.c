/* Accounts and their balance: see the header. */
#include "harness/run/fill.h"

#include "base/clock.h"
#include "base/mem.h"
#include "harness/run/await.h"
#include "harness/workload/plan.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FILL_BATCH 64 /* accounts on their way to the stores at a time */

struct filling {
    struct session *session;
    const struct workload *workload;
    struct await await;
    char failed[STORE_DETAIL_SIZE]; /* "": none yet */
    struct txn txn[FILL_BATCH];     /* the stores borrow them */
};

static void on_filled(void *arg, const struct store_reply *reply)
{
    struct filling *f = arg;

    f->await.n_left--;
    if (reply->status != STORE_OK && !f->failed[0])
        (void)snprintf(f->failed, sizeof f->failed, "%s",
                       reply->detail[0] ? reply->detail : store_status_name(reply->status));
}

static void send_account(struct filling *f, uint32_t account)
{
    const char *name = plan_account_store(&f->session->servers, account);
    struct txn *txn = &f->txn[account % FILL_BATCH];
    struct op *op = &txn->op[0];

    assert(name); /* the experiment was checked for it */
    *txn = (struct txn){.request = FILL_REQUEST, .n_ops = 1};
    op->kind = OP_INCR;
    op->delta = f->workload->balance;
    (void)snprintf(op->store, sizeof op->store, "%s", name);
    plan_account_key(account, op->key);
    f->await.n_left++;
    store_execute(store_set_find(&f->session->stores, name), txn,
                  clock_now_us() + SESSION_STORE_TIMEOUT_US, on_filled, f);
}

static int fill_batch(struct filling *f, uint32_t from, uint32_t to, struct errctx *err)
{
    int rc;

    for (uint32_t account = from; account < to; account++)
        send_account(f, account);
    rc = await_all(f->session->base, &f->await, err);
    if (!rc && f->failed[0])
        rc = err_set(err, EIO, ERR_FATAL, "the accounts cannot be filled: %s", f->failed);
    return rc;
}

int fill(struct session *session, const struct workload *workload, struct errctx *err)
{
    struct filling *f;
    int rc = 0;

    if (workload->kind != WORKLOAD_TRANSFER)
        return 0;
    f = mem_alloc(sizeof *f); /* too large for a stack */
    f->session = session;
    f->workload = workload;
    for (uint32_t from = 0; !rc && from < workload->keys; from += FILL_BATCH) {
        uint32_t to = from + FILL_BATCH;

        rc = fill_batch(f, from, to < workload->keys ? to : workload->keys, err);
    }
    free(f);
    return rc;
}
