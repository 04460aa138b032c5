/* The operator's view as JSON: docs/operator.md describes it field by field. */
#include "coordinator/doubt.h"

/* What the store does not tell is null, never a number. */
static json_t *number_or_null(int64_t number)
{
    return number < 0 ? json_null() : json_integer((json_int_t)number);
}

static json_t *waiters_to_json(const struct store_view *view)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < view->n_waiters && i < STORE_WAITERS_SHOWN; i++) {
        const struct store_waiter *w = &view->waiter[i];

        (void)json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "who", w->who, "pid",
                                                    number_or_null(w->pid > 0 ? w->pid : -1),
                                                    "for_us", number_or_null(w->for_us)));
    }
    return list;
}

static json_t *branch_to_json(const char *store, const struct doubt_branch *branch)
{
    json_t *json =
        json_pack("{s:s, s:s}", "store", store, "state", doubt_state_word(branch->state));
    json_t *keys;

    if (branch->state != DOUBT_PREPARED && branch->state != DOUBT_COMMITTED_BY_HAND &&
        branch->state != DOUBT_ROLLED_BACK_BY_HAND)
        return json;
    (void)json_object_set_new(json, "age_us", number_or_null(branch->view.age_us));
    if (branch->state != DOUBT_PREPARED)
        return json;
    keys = json_array();
    for (unsigned i = 0; i < branch->view.n_keys; i++)
        (void)json_array_append_new(keys, json_string(branch->view.key[i]));
    (void)json_object_set_new(json, "keys", keys);
    (void)json_object_set_new(json, "horizon", number_or_null(branch->view.horizon));
    (void)json_object_set_new(json, "n_waiters", json_integer(branch->view.n_waiters));
    (void)json_object_set_new(json, "waiters", waiters_to_json(&branch->view));
    return json;
}

static json_t *txn_to_json(const struct doubt *d, const struct doubt_txn *txn)
{
    json_t *branches = json_array();

    for (unsigned i = 0; i < d->n_stores; i++)
        (void)json_array_append_new(branches, branch_to_json(d->store[i].name, &txn->branch[i]));
    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:s, s:s, s:o}", "gid", txn->gid, "request",
                     txn->name.request, "coordinator", txn->name.coordinator, "epoch",
                     (json_int_t)txn->name.epoch, "age_us", number_or_null(txn->age_us), "decision",
                     doubt_decision_word(txn->decision), "heuristic",
                     doubt_heuristic_word(txn->heuristic), "branches", branches);
}

static json_t *store_to_json(const struct doubt_store *store)
{
    json_t *json = json_pack("{s:s, s:b}", "store", store->name, "reachable", store->reachable);

    if (!store->reachable) {
        (void)json_object_set_new(json, "why", json_string(store->why));
        return json;
    }
    (void)json_object_set_new(json, "prepared", json_integer(store->n_prepared));
    (void)json_object_set_new(json, "oldest_us", json_integer((json_int_t)store->oldest_us));
    (void)json_object_set_new(json, "horizon", number_or_null(store->horizon));
    (void)json_object_set_new(json, "waiters", json_integer(store->n_waiters));
    return json;
}

json_t *doubt_to_json(const struct doubt *d)
{
    json_t *stores = json_array(), *transactions = json_array();

    for (unsigned i = 0; i < d->n_stores; i++)
        (void)json_array_append_new(stores, store_to_json(&d->store[i]));
    for (size_t i = 0; i < d->n_txns; i++)
        (void)json_array_append_new(transactions, txn_to_json(d, d->txn[i]));
    return json_pack("{s:o, s:o}", "stores", stores, "transactions", transactions);
}
