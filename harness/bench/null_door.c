/* The load against a front door that does nothing; see the header. */
#include "harness/bench/null_door.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/loop.h"
#include "base/mem.h"
#include "harness/checkers/metrics.h"
#include "harness/history/history.h"
#include "harness/run/files.h"
#include "harness/run/roles.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN_IN_US  (100 * US_PER_MS) /* for the command to arrive */
#define ANSWER_US    (10 * US_PER_S)
#define STRAGGLER_US (60 * US_PER_S) /* beyond the load's duration */

struct null_door {
    const char *folder;
    const struct workload *workload;
    struct event_base *base;
    struct keeper *keeper;
    struct roles roles;
    bool finished; /* the load says so */
};

/* --- files ------------------------------------------------------------------------------------ */

static int write_config(const struct null_door *d, struct errctx *err)
{
    struct buf text = {0};

    buf_append_str(&text, "workload: ");
    workload_print(&text, d->workload);
    buf_append_str(&text, "\nseed: 1\n");
    return files_save(d->folder, "config.yaml", &text, err);
}

/* Two stores that nobody will connect to: a transaction has to name some. */
static int write_topology(const struct null_door *d, struct errctx *err)
{
    struct topology *t = mem_alloc(sizeof *t);
    struct address nowhere = {.host = "127.0.0.1", .port = 1};
    struct buf text = {0};
    uint16_t port;
    int r = keeper_port(d->keeper, "serve1", &port, err);

    if (r == 0) {
        (void)snprintf(t->run, sizeof t->run, "bench-load");
        (void)snprintf(t->control, sizeof t->control, "%.*s/control", PATH_MAX - 16, d->folder);
        t->n_stores = 2;
        t->store[0] = (struct topology_store){.name = "pg1", .address = nowhere};
        t->store[1] = (struct topology_store){.name = "pg2", .address = nowhere};
        t->n_roles = 2;
        t->role[0] = (struct topology_role){.name = "serve1", .kind = ROLE_SERVE};
        t->role[0].address = (struct address){.host = "127.0.0.1", .port = port};
        t->role[1] = (struct topology_role){.name = "load", .kind = ROLE_LOAD};
        topology_print(&text, t);
        r = files_save(d->folder, "topology.yaml", &text, err);
    }
    free(t);
    return r;
}

/* --- processes -------------------------------------------------------------------------------- */

static void on_event(void *arg, json_t *event)
{
    struct null_door *d = arg;
    const char *what = json_string_value(json_object_get(event, "event"));

    if (what && strcmp(what, "finished") == 0)
        d->finished = true;
}

static bool is_over(void *arg)
{
    const struct null_door *d = arg;

    return d->finished || !roles_running(&d->roles, "load");
}

static void on_keeper(void *arg, const char *what, const char *name, const struct keeper_end *end)
{
    struct null_door *d = arg;

    (void)end;
    if (strcmp(what, "exited") == 0)
        roles_exited(&d->roles, name);
}

static int start(struct null_door *d, struct errctx *err)
{
    char config[PATH_MAX], history[PATH_MAX];
    const char *serve[] = {"--approach", "null", NULL};
    const char *load[] = {"--config", config, "--history", history, NULL};
    static const char *const parts[] = {"control", "logs"};
    int r = keeper_start(d->base, KEEPER_OF_CALLER, on_keeper, d, &d->keeper, err);

    roles_init(&d->roles, d->base, d->keeper, d->folder);
    d->roles.event = on_event;
    d->roles.arg = d;
    (void)snprintf(config, sizeof config, "%s/config.yaml", d->folder);
    (void)snprintf(history, sizeof history, "%s/history.ndjson", d->folder);
    for (size_t i = 0; r == 0 && i < sizeof parts / sizeof *parts; i++) {
        char path[PATH_MAX];

        (void)snprintf(path, sizeof path, "%s/%s", d->folder, parts[i]);
        r = files_make_folder(path, err);
    }
    if (r == 0)
        r = write_config(d, err);
    if (r == 0)
        r = write_topology(d, err);
    if (r == 0)
        r = roles_start(&d->roles, "serve1", ROLE_SERVE, serve, err);
    return r < 0 ? r : roles_start(&d->roles, "load", ROLE_LOAD, load, err);
}

/* Processor time of a process so far, from its scheduler's count of nanoseconds; 0: unknown. */
static double cpu_us(int64_t pid)
{
    char path[64];
    struct buf text = {0};
    double us = 0;

    (void)snprintf(path, sizeof path, "/proc/%" PRId64 "/schedstat", pid);
    if (file_read(path, &text, NULL) == 0)
        us = strtod(buf_str(&text), NULL) / 1000;
    buf_done(&text);
    return us;
}

struct cpu {
    double load_us, serve_us;
};

static int measure_cpu(const struct null_door *d, struct cpu *ret_cpu, struct errctx *err)
{
    json_t *list;
    const json_t *item;
    size_t i;
    int r = keeper_list(d->keeper, &list, err);

    if (r < 0)
        return r;
    json_array_foreach (list, i, item) {
        const char *name = json_string_value(json_object_get(item, "name"));
        double us = cpu_us(json_integer_value(json_object_get(item, "pid")));

        if (name && strcmp(name, "load") == 0)
            ret_cpu->load_us = us;
        else if (name && strcmp(name, "serve1") == 0)
            ret_cpu->serve_us = us;
    }
    json_decref(list);
    return 0;
}

static int load_all(struct null_door *d, struct cpu *ret_cpu, struct errctx *err)
{
    int64_t duration_us = (int64_t)(d->workload->duration_s * (double)US_PER_S);
    struct cpu before = {0}, after = {0};
    int r = measure_cpu(d, &before, err);

    if (r == 0)
        r = rpc_call(roles_control(&d->roles, "load"), "start",
                     json_pack("{s:I}", "at_us", (json_int_t)(clock_now_us() + BEGIN_IN_US)),
                     ANSWER_US, NULL, err);
    if (r < 0)
        return r;
    r = loop_until(d->base, is_over, d, duration_us + STRAGGLER_US);
    if (r < 0 || !d->finished)
        return err_set(err, r < 0 ? -r : EIO, ERR_FATAL, "the load did not finish: %s/logs",
                       d->folder);
    r = measure_cpu(d, &after, err);
    ret_cpu->load_us = after.load_us - before.load_us;
    ret_cpu->serve_us = after.serve_us - before.serve_us;
    return r;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static int sum_up(const struct null_door *d, const struct history *history, const struct cpu *cpu,
                  struct null_door_result *ret_result, struct errctx *err)
{
    double *latency_ms = mem_alloc_array(history->n, sizeof *latency_ms);
    struct latency latency;
    int64_t last_us = 0;
    size_t n_ok = 0, n_refused = 0;

    for (size_t i = 0; i < history->n; i++) {
        const struct history_op *op = &history->op[i];

        n_refused += op->end == HISTORY_FAIL && op->code == CODE_REFUSED;
        if (op->end == HISTORY_OK)
            latency_ms[n_ok++] = (double)(op->ended_us - op->planned_us) / (double)US_PER_MS;
        if (op->ended_us > last_us)
            last_us = op->ended_us;
    }
    if (n_ok == 0 || n_ok + n_refused < history->n) {
        free(latency_ms);
        return err_set(err, EIO, ERR_FATAL, "of %zu operations %zu ended ok, %zu were refused: %s",
                       history->n, n_ok, n_refused, d->folder);
    }
    latency = latency_of(latency_ms, n_ok);
    *ret_result = (struct null_door_result){
        .ops_per_s =
            (double)n_ok * (double)US_PER_S / (double)(last_us - history->op[0].planned_us + 1),
        .refused_share = (double)n_refused / (double)history->n,
        .p50_ms = latency.p50_ms,
        .p99_ms = latency.p99_ms,
        .load_cpu_us = cpu->load_us / (double)history->n,
        .serve_cpu_us = cpu->serve_us / (double)history->n,
    };
    free(latency_ms);
    return 0;
}

static int read_history(const struct null_door *d, const struct cpu *cpu,
                        struct null_door_result *ret_result, struct errctx *err)
{
    struct history history;
    char path[PATH_MAX];
    int r;

    (void)snprintf(path, sizeof path, "%s/history.ndjson", d->folder);
    r = history_read(path, &history, err);
    if (r < 0)
        return r;
    r = sum_up(d, &history, cpu, ret_result, err);
    history_done(&history);
    return r;
}

int null_door_run(const char *folder, const struct workload *workload,
                  struct null_door_result *ret_result, struct errctx *err)
{
    struct null_door d = {.folder = folder, .workload = workload, .base = loop_new()};
    struct cpu cpu = {0};
    int r = start(&d, err);

    if (r == 0)
        r = load_all(&d, &cpu, err);
    roles_done(&d.roles);
    keeper_free(d.keeper);
    event_base_free(d.base);
    return r < 0 ? r : read_history(&d, &cpu, ret_result, err);
}
