/* The transactions of a plan. Only what counts is set: these are made by the ten thousand a second,
 * and a txn is 6 KB. */
#include "harness/workload/plan.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ACCOUNTS "acct:"
#define LISTS    "list:"

/* Returns the next operation of the transaction. */
static struct op *add_op(struct txn *txn, enum op_kind kind, const char *store)
{
    struct op *op = &txn->op[txn->n_ops++];

    assert(txn->n_ops <= TXN_OPS_MAX);
    op->kind = kind;
    op->version = 0;
    op->has_min = false;
    op->has_after = false;
    op->value[0] = '\0';
    (void)snprintf(op->store, sizeof op->store, "%s", store);
    return op;
}

static void set_key(struct op *op, const char *prefix, size_t index)
{
    (void)snprintf(op->key, sizeof op->key, "%s%zu", prefix, index);
}

/* --- one key, at every store --------------------------------------------------------------- */

static void write_everywhere(const struct topology *topology, const char *prefix, size_t index,
                             struct txn *txn)
{
    for (unsigned s = 0; s < topology->n_stores; s++) {
        struct op *op = add_op(txn, OP_WRITE, topology->store[s].name);

        set_key(op, prefix, index);
        memcpy(op->value, txn->request, sizeof txn->request);
    }
}

static void fanout_txn(const struct arrival *a, const struct workload *workload,
                       const struct topology *topology, struct txn *txn)
{
    if (!a->is_read) {
        write_everywhere(topology, "user:", a->key, txn);
        return;
    }
    for (unsigned s = 0; s < topology->n_stores; s++) {
        if (workload->reads == READS_TRANSACTIONAL || s == a->store)
            set_key(add_op(txn, OP_READ, topology->store[s].name), "user:", a->key);
    }
}

/* --- keys at one store each ---------------------------------------------------------------- */

const char *plan_account_store(const struct topology *topology, uint32_t account)
{
    const char *of[2] = {NULL, NULL};
    unsigned n = 0;

    for (unsigned s = 0; s < topology->n_stores && n < 2; s++) {
        if (store_kind_is_sql(topology->store[s].kind))
            of[n++] = topology->store[s].name;
    }
    return n == 2 ? of[account % 2] : NULL;
}

void plan_account_key(uint32_t account, char ret_key[KEY_SIZE])
{
    (void)snprintf(ret_key, KEY_SIZE, ACCOUNTS "%" PRIu32, account);
}

bool workload_key_is_single(const char *key)
{
    return strncmp(key, ACCOUNTS, strlen(ACCOUNTS)) == 0 || strncmp(key, LISTS, strlen(LISTS)) == 0;
}

static void add_account(const struct plan_part *part, const struct workload *workload,
                        const struct topology *topology, struct txn *txn)
{
    struct op *op = add_op(txn, part->kind, plan_account_store(topology, part->key));

    plan_account_key(part->key, op->key);
    op->delta = part->argument;
    op->has_min = workload->bound && part->argument < 0;
    op->min = 0;
}

static void add_list(const struct plan_part *part, const struct topology *topology, struct txn *txn)
{
    const char *store = topology->store[part->key % topology->n_stores].name;
    struct op *op = add_op(txn, part->kind, store);

    set_key(op, LISTS, part->key);
    if (part->kind == OP_APPEND)
        (void)snprintf(op->value, sizeof op->value, "%" PRId64, part->argument);
}

void plan_txn(const struct plan *plan, size_t i, const struct workload *workload,
              const struct topology *topology, struct txn *ret_txn)
{
    const struct arrival *a = &plan->arrival[i];

    (void)snprintf(ret_txn->request, sizeof ret_txn->request, "c%u-%zu", a->client, i);
    ret_txn->after.n = 0;
    ret_txn->n_ops = 0;
    if (a->is_probe)
        write_everywhere(topology, "probe:", i, ret_txn);
    else if (workload->kind == WORKLOAD_FANOUT)
        fanout_txn(a, workload, topology, ret_txn);
    for (unsigned p = 0; p < a->n_parts; p++) {
        const struct plan_part *part = &plan->part[a->first_part + p];

        if (workload->kind == WORKLOAD_TRANSFER)
            add_account(part, workload, topology, ret_txn);
        else
            add_list(part, topology, ret_txn);
    }
}
