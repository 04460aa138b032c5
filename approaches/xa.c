/* Two-phase commit as an approach: settings, stores and counters. See the header. */
#include "approaches/xa.h"

#include "approaches/takeover.h"
#include "approaches/topic_log.h"
#include "base/mem.h"
#include "coordinator/coordinator.h"
#include "coordinator/requests.h"
#include "stores/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAKEOVER_SESSIONS 2 /* of each store */

struct xa {
    struct approach_env env;
    struct coordinator *coordinator; /* NULL while the decision topic is being read */
    struct topic_log *topic;         /* `log: replicated`; the coordinator's once there is one */
    struct takeover *takeover;
};

static void on_ready(void *arg)
{
    const struct xa *xa = arg;

    xa->env.ready(xa->env.arg);
}

static void on_failed(void *arg, const struct errctx *err)
{
    const struct xa *xa = arg;

    xa->env.failed(xa->env.arg, err);
}

static bool requests_at_stores(const struct approach_env *env)
{
    return strcmp(settings_get(env->settings, "requests"), "stores") == 0;
}

static int open_store(const struct xa *xa, const struct topology_store *where, unsigned sessions,
                      struct store **ret_store, struct errctx *err)
{
    const struct store_options options = {.application = coordinator_application(xa->coordinator),
                                          .sessions = sessions,
                                          .once = requests_at_stores(&xa->env),
                                          .no_journal = xa->env.topology->no_journal};
    const struct address *address =
        topology_address(xa->env.topology, xa->env.role->name, where->name);

    if (where->kind == STORE_OPENSEARCH || where->kind == STORE_SQLITE)
        return err_set(err, ENOTSUP, ERR_FATAL, "%s: %s cannot take part in two-phase commit",
                       where->name, store_kind_name(where->kind));
    return store_open(xa->env.base, where, address, &options, ret_store, err);
}

/* `sessions`: of each, 0 for the usual. */
static int open_stores(const struct xa *xa, unsigned sessions, struct store *ret_stores[STORES_MAX],
                       struct errctx *err)
{
    const struct topology *topology = xa->env.topology;
    unsigned n = 0;
    int rc = 0;

    while (n < topology->n_stores && rc == 0) {
        rc = open_store(xa, &topology->store[n], sessions, &ret_stores[n], err);
        n += rc == 0;
    }
    while (rc < 0 && n > 0)
        store_free(ret_stores[--n]);
    return rc;
}

static int start(struct xa *xa, struct errctx *err)
{
    struct store *stores[STORES_MAX];
    int rc = open_stores(xa, 0, stores, err);

    if (rc < 0)
        return rc;
    coordinator_start(xa->coordinator, stores, xa->env.topology->n_stores);
    if (!xa->topic)
        return 0;
    rc = open_stores(xa, TAKEOVER_SESSIONS, stores, err);
    if (rc == 0)
        xa->takeover = takeover_new(xa->env.base, xa->topic, stores, xa->env.topology->n_stores);
    return rc;
}

static void xa_close(void *self)
{
    struct xa *xa = self;

    takeover_free(xa->takeover);
    if (xa->coordinator)
        coordinator_free(xa->coordinator); /* and the topic with it */
    else if (xa->topic)
        decision_log_close(topic_log_decisions(xa->topic));
    free(xa);
}

static int open_coordinator(struct xa *xa, struct errctx *err)
{
    const struct coordinator_handlers handlers = {
        .ready = on_ready, .failed = on_failed, .arg = xa};
    const struct topology_role *role = xa->env.role;
    struct topic_log *topic = xa->topic;
    struct coordinator_options options = {
        .name = role->name,
        .dir = role->data,
        .requests_at_stores = requests_at_stores(&xa->env),
        .force_presume_abort = xa->env.force_presume_abort,
        .broken = (enum twopc_break)approach_break_number(&xa_approach, xa->env.broken)};
    int rc;

    if (strcmp(settings_get(xa->env.settings, "lock_order"), "parallel") == 0)
        options.lock_order = TWOPC_PARALLEL;
    if (strcmp(settings_get(xa->env.settings, "mode"), "early") == 0)
        options.reply_rule = TWOPC_AFTER_DECISION;
    if (topic) {
        options.log = topic_log_decisions(topic);
        options.incarnation = topic_log_incarnation(topic);
    }
    rc = coordinator_open(xa->env.base, &options, &handlers, &xa->coordinator, err);
    if (rc < 0)
        xa->topic = NULL; /* closed with it */
    return rc < 0 ? rc : start(xa, err);
}

static void on_topic_ready(void *arg)
{
    struct xa *xa = arg;
    struct errctx err;

    if (open_coordinator(xa, &err) < 0)
        xa->env.failed(xa->env.arg, &err);
}

static int open_topic(struct xa *xa, struct errctx *err)
{
    const struct topology *topology = xa->env.topology;
    const struct topic_log_options options = {
        .base = xa->env.base,
        .bootstrap = topology_address(topology, xa->env.role->name, "log"),
        .topic = topology->decisions,
        .owner = xa->env.role->name,
        .ready = on_topic_ready,
        .failed = on_failed,
        .arg = xa,
    };

    if (topology->decisions[0] == '\0')
        return err_set(err, EINVAL, ERR_FATAL,
                       "log: replicated needs \"decisions\" in the topology");
    return topic_log_new(&options, &xa->topic, err);
}

static int xa_open(const struct approach_env *env, void **ret_self, struct errctx *err)
{
    struct xa *xa = mem_alloc(sizeof *xa);
    int rc;

    xa->env = *env;
    if (env->role->data[0] == '\0')
        rc = err_set(err, EINVAL, ERR_FATAL, "%s has no data folder for its decision log",
                     env->role->name);
    else if (strcmp(settings_get(env->settings, "log"), "replicated") == 0)
        rc = open_topic(xa, err);
    else
        rc = open_coordinator(xa, err);
    if (rc < 0) {
        xa_close(xa);
        return rc;
    }
    *ret_self = xa;
    return 0;
}

static void xa_submit(void *self, const struct txn *txn, int64_t deadline_us, approach_done done,
                      void *arg)
{
    const struct xa *xa = self;

    coordinator_submit(xa->coordinator, txn, deadline_us, done, arg);
}

static void xa_status(void *self, const char *request, approach_done done, void *arg)
{
    const struct xa *xa = self;

    coordinator_status(xa->coordinator, request, done, arg);
}

static unsigned xa_in_flight(const void *self)
{
    const struct xa *xa = self;

    return xa->coordinator ? coordinator_in_flight(xa->coordinator) : 0;
}

static void xa_counters(const void *self, json_t *into)
{
    const struct xa *xa = self;
    struct coordinator_counters c = {0};
    uint64_t taken_over[2] = {0}; /* committed, rolled back */

    if (xa->coordinator)
        coordinator_counters(xa->coordinator, &c);
    if (xa->takeover)
        takeover_counts(xa->takeover, &taken_over[0], &taken_over[1]);
    const struct {
        const char *name;
        uint64_t value;
    } counters[] = {
        {"committed", c.committed},
        {"aborted", c.aborted},
        {"conflicts", c.conflicts},
        {"constraints", c.constraints},
        {"refused", c.refused},
        {"unavailable", c.unavailable},
        {"answered_decided", c.answered_decided},
        {"answered_unknown", c.answered_unknown},
        {"retries", c.retries},
        {"proofs", c.proofs},
        {"heuristic", c.heuristic},
        {"against_by_hand", c.against_by_hand},
        {"lost", c.lost},
        {"restored", c.restored},
        {"recovered_committed", c.recovered_committed},
        {"recovered_rolled_back", c.recovered_rolled_back},
        {"open_decisions", c.open_decisions},
        {"not_recovered", c.not_recovered},
        {"taken_over_committed", taken_over[0]},
        {"taken_over_rolled_back", taken_over[1]},
        {"log_records", c.log.records},
        {"log_fsyncs", c.log.fsyncs},
        {"log_batch_max", c.log.batch_max},
    };

    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        json_object_set_new(into, counters[i].name, json_integer((json_int_t)counters[i].value));
}

/* With decisions on a topic there is no coordinator before the topic has been read. */
/* An operator may ask before the decision topic is read. */
static void xa_operate(void *self, const struct operate *what, coordinator_operated done, void *arg)
{
    const struct xa *xa = self;
    struct buf body = {.data = NULL};

    if (xa->coordinator) {
        coordinator_operate(xa->coordinator, what, done, arg);
        return;
    }
    buf_append_str(&body, "{\"error\":\"the decision topic is being read\"}");
    done(arg, 503, &body);
    buf_done(&body);
}

/* Aborts, and what was done at one store, are remembered in memory: requests.h. */
#define WHILE_REMEMBERED                                                                           \
    "while its door remembers the request: 65,536 others, no restart; with requests: stores, to "  \
    "any door, if PostgreSQL or MariaDB wrote"
_Static_assert(REQUESTS_MAX == 65536, "as the condition says");

static const struct setting_info settings[] = {
    {"lock_order",
     {"sorted", "parallel"},
     "one store's locks first, then all others; or all at once (deadlocks with two doors)"},
    {"log",
     {"local", "replicated"},
     "decisions in a file of the door's own, or on a topic: then any door settles for one that is "
     "gone"},
    {"mode",
     {"default", "early"},
     "ok once it is everywhere; or, as `decided`, once the decision is durable: it will be"},
    {"requests",
     {"door", "stores"},
     "which requests came before is known to their door only, or written down at a store"},
};

static const struct approach_break breaks[] = {
    {TWOPC_ACK_BEFORE_DECISION, "ack-before-decision", "The client is told `ok` at the first yes.",
     "durability"},
    {TWOPC_COMMIT_BEFORE_DECISION, "commit-before-decision",
     "The first store is told to commit, and only then is "
     "the decision written.",
     "atomicity"},
    {TWOPC_NO_IS_YES, "no-is-yes", "A store's no is counted as a yes.", "atomicity"},
    {TWOPC_TIMEOUT_IS_ABORT, "timeout-is-abort",
     "At its deadline the client is told `aborted`, whatever has "
     "been decided.",
     "ghosts"},
    {TWOPC_FORGET_EARLY, "forget-early",
     "Recovery forgets a decision once the first store has carried it "
     "out, not the last.",
     "atomicity"},
    {TWOPC_PRESUME_COMMIT, "presume-commit",
     "Recovery commits what is prepared, with a decision or without.", "atomicity"},
};
_Static_assert(sizeof breaks / sizeof breaks[0] == TWOPC_BREAKS - 1, "each has its sentence");

const struct approach xa_approach = {
    .name = "xa",
    .summary = "one atomic commit over all stores (two-phase commit, presumed abort)",
    .batching =
        "decisions that wait at the same time share one flush of the decision log; each store "
        "flushes a prepare and a commit, together with those of other transactions",
    .ops = (UINT32_C(1) << OP_KINDS) - 1,
    .native = LEVEL_EVERYWHERE,
    .worst = CRASH_XA_DECIDED,
    .before_worst = CRASH_XA_VOTED,
    .in_doubt = true,
    .settings = settings,
    .n_settings = sizeof settings / sizeof settings[0],
    .breaks = breaks,
    .n_breaks = sizeof breaks / sizeof breaks[0],
    .promise = {{"durability", "", 0},
                {"atomicity", "while the decision log lives and nobody settles by hand", 0},
                {"ghosts", "a refused request sent again: " WHILE_REMEMBERED, 0},
                {"duplicates", "a request sent again, to one door " WHILE_REMEMBERED,
                 ONLY_WITHOUT_RETRIES},
                {"convergence", "after recovery", 0},
                {"order", "", 0},
                {"real-time", "", 0},
                {"conservation", "as atomicity and duplicates", ONLY_WITHOUT_RETRIES},
                {"fractured", "reads of all stores are one transaction", ONLY_READS_TRANSACTIONAL},
                {"read-your-writes", "answered `everywhere`", 0},
                {"monotonic-reads", "", 0}},
    .open = xa_open,
    .submit = xa_submit,
    .status = xa_status,
    .in_flight = xa_in_flight,
    .counters = xa_counters,
    .operate = xa_operate,
    .close = xa_close,
};
