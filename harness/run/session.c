/* What the runs of an experiment share: see the header. */
#include "harness/run/session.h"

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "harness/run/attach.h"
#include "harness/run/await.h"
#include "harness/run/files.h"
#include "harness/run/roles.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* --- signals and events ----------------------------------------------------------------------- */

static void on_signal(evutil_socket_t signal, short events, void *arg)
{
    struct session *session = arg;

    (void)events;
    session->signal = (int)signal;
    loop_interrupt(session->base);
}

static void catch_signals(struct session *session)
{
    session->on_sigint = evsignal_new(session->base, SIGINT, on_signal, session);
    session->on_sigterm = evsignal_new(session->base, SIGTERM, on_signal, session);
    (void)evsignal_add(session->on_sigint, NULL); /* fail when memory is gone only */
    (void)evsignal_add(session->on_sigterm, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that is gone shows as EPIPE where it is written to */
}

/* A broker that starts anew is slow for its first seconds. */
static void cool(struct session *session)
{
    const struct experiment *e = session->experiment;

    for (unsigned i = 0; i < e->n_approaches; i++) {
        if (approach_needs_broker(e->approach[i].approach, &e->approach[i].settings))
            session->warmed[i] = false;
    }
}

static void on_keeper(void *arg, const char *what, const char *name, const struct keeper_end *end)
{
    struct session *session = arg;

    if (end && strcmp(name, "kafka") == 0)
        cool(session);
    if (end && session->exited)
        session->exited(session->exited_arg, name, end);
    if (strcmp(what, "lost") == 0) {
        session->keeper_lost = true;
        loop_interrupt(session->base);
    }
}

/* --- servers ---------------------------------------------------------------------------------- */

static const struct topology_store *attached_store(const struct session *session, const char *name)
{
    return session->experiment->attached ? topology_store(session->experiment->attached, name)
                                         : NULL;
}

static bool log_is_attached(const struct session *session)
{
    return session->experiment->attached && session->experiment->attached->log.port > 0;
}

static int servers_up(struct session *session, struct errctx *err)
{
    const struct experiment *e = session->experiment;
    const char *names[STORES_MAX + 1];
    unsigned n = 0;

    for (unsigned i = 0; i < e->n_stores; i++) {
        if (!attached_store(session, e->store[i]))
            names[n++] = e->store[i];
    }
    if (experiment_uses_log(e) && !log_is_attached(session))
        names[n++] = "kafka";
    return keeper_servers_up(session->keeper, names, n, err);
}

/* Every run empties the stores: two sessions at the keeper of `up` would spoil each other's. */
static int take_turn(struct session *session, struct errctx *err)
{
    char path[PATH_MAX];
    int rc = keeper_folder(session->keeper, "turn", path, err);

    if (rc)
        return rc;
    session->turn = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (session->turn < 0)
        return err_set(err, errno, ERR_FATAL, "%s: %s", path, strerror(errno));
    if (flock(session->turn, LOCK_EX | LOCK_NB))
        return err_set(err, EBUSY, ERR_ABORT,
                       "another syncbed is using the servers that \"syncbed up\" started");
    return 0;
}

static int find_keeper(struct session *session, struct errctx *err)
{
    int rc = keeper_attach(session->base, on_keeper, session, &session->keeper, err);

    if (rc == -ENOENT)
        rc = keeper_start(session->base, KEEPER_OF_CALLER, on_keeper, session, &session->keeper,
                          err);
    return rc ? rc : take_turn(session, err);
}

/* A server that was ready a moment ago, and is not among those that run. */
static int complain_gone(struct session *session, const char *name, struct errctx *err)
{
    char why[sizeof err->message / 2];

    roles_why(session->keeper, name, why, sizeof why);
    return err_set(err, ENOENT, ERR_FATAL, "%s did not stay up: %s", name, why);
}

static int take_log(struct session *session, const struct topology *all, struct errctx *err)
{
    int rc = 0;

    if (!log_is_attached(session) && all->log.port == 0)
        return complain_gone(session, "kafka", err);
    session->servers.log = log_is_attached(session) ? session->experiment->attached->log : all->log;
    for (int kind = 0; !rc && kind < ROLE_KINDS; kind++) {
        session->log_of[kind] = session->servers.log;
        if (!log_is_attached(session))
            rc = keeper_log_address(session->keeper, (enum role_kind)kind, &session->log_of[kind],
                                    err);
    }
    return rc;
}

/* The stores of this experiment: attached, or of what the keeper has up. */
static int take_servers(struct session *session, struct errctx *err)
{
    const struct experiment *e = session->experiment;
    struct topology *all = mem_alloc(sizeof *all); /* too large for a stack */
    int rc;

    rc = keeper_topology(session->keeper, all, err);
    session->servers = *all;
    session->servers.n_stores = 0;
    for (unsigned i = 0; !rc && i < e->n_stores; i++) {
        const struct topology_store *store = attached_store(session, e->store[i]);

        if (!store)
            store = topology_store(all, e->store[i]);
        if (store)
            session->servers.store[session->servers.n_stores++] = *store;
        else
            rc = complain_gone(session, e->store[i], err);
    }
    if (!rc && experiment_uses_log(e))
        rc = take_log(session, all, err);
    free(all);
    return rc;
}

static int open_stores(struct session *session, struct errctx *err)
{
    const struct store_options options = {.sessions = 1};
    int rc = store_set_open(&session->stores, session->base, &session->servers, "harness", "run",
                            &options, err);

    if (rc || !experiment_uses_log(session->experiment))
        return rc;
    return log_admin_new(&session->servers.log, &session->log, err);
}

int session_open(struct session *session, const struct experiment *experiment, const char *out,
                 struct errctx *err)
{
    int64_t began_us = clock_now_us();
    int rc;

    *session = (struct session){.experiment = experiment, .turn = -1};
    (void)snprintf(session->out, sizeof session->out, "%s", out);
    progress_init(&session->progress);
    phases_add_text(&session->phases, getenv("SYNCBED_PHASES"));
    session->base = loop_new();
    catch_signals(session);

    progress_say(&session->progress, "starting servers");
    rc = find_keeper(session, err);
    if (!rc)
        rc = servers_up(session, err);
    if (!rc)
        rc = take_servers(session, err);
    if (!rc)
        rc = open_stores(session, err);
    if (!rc)
        rc = attach_claim(session, err);
    progress_clear(&session->progress);
    phases_add(&session->phases, "servers", clock_now_us() - began_us);
    return rc;
}

void session_take_up(struct session *session, const struct experiment *experiment)
{
    session->experiment = experiment;
    memset(session->warmed, 0, sizeof session->warmed);
}

/* --- reset ------------------------------------------------------------------------------------ */

struct resetting {
    struct await await;
    const char *failed; /* a store's name */
    char why[STORE_DETAIL_SIZE];
};

struct reset_store {
    struct resetting *all;
    const char *name;
};

static void on_reset(void *arg, const struct store_reply *reply)
{
    struct reset_store *one = arg;
    struct resetting *all = one->all;

    all->await.n_left--;
    if (reply->status == STORE_OK || all->failed)
        return;
    all->failed = one->name;
    (void)snprintf(all->why, sizeof all->why, "%s", reply->detail);
}

int session_reset(struct session *session, struct errctx *err)
{
    struct reset_store each[STORES_MAX];
    struct resetting all = {.failed = NULL};
    int64_t deadline_us;
    int rc = servers_up(session, err);

    if (rc)
        return rc;
    deadline_us = clock_now_us() + SESSION_STORE_TIMEOUT_US;
    for (unsigned i = 0; i < session->stores.n; i++) {
        each[i] = (struct reset_store){.all = &all, .name = store_name(session->stores.store[i])};
        all.await.n_left++;
        store_reset(session->stores.store[i], deadline_us, on_reset, &each[i]);
    }
    rc = await_all(session->base, &all.await, err);
    if (!rc && all.failed)
        rc = err_set(err, EIO, ERR_FATAL, "%s cannot be emptied: %s", all.failed, all.why);
    return rc;
}

/* --- after a run that broke off --------------------------------------------------------------- */

void session_bury(struct session *session, void *broken_off)
{
    session->broken_off = mem_grow(session->broken_off, session->n_broken_off,
                                   &session->broken_off_capacity, sizeof *session->broken_off);
    session->broken_off[session->n_broken_off++] = broken_off;
}

static int let_go(struct session *session, const json_t *process, struct errctx *err)
{
    const char *name = json_string_value(json_object_get(process, "name"));
    const char *kind = json_string_value(json_object_get(process, "kind"));
    const char *state = json_string_value(json_object_get(process, "state"));

    if (!name || !kind || !state)
        return 0;
    if (strcmp(kind, "role") == 0)
        return keeper_signal(session->keeper, name, KEEPER_KILL, err); /* fine when none runs */
    if (strcmp(state, "paused") == 0)
        return keeper_signal(session->keeper, name, KEEPER_CONTINUE, err);
    return 0;
}

static int let_all_go(struct session *session, struct errctx *err)
{
    const json_t *process;
    json_t *list;
    size_t i;
    int rc = keeper_list(session->keeper, &list, err);

    if (rc)
        return rc;
    json_array_foreach (list, i, process) {
        if (!rc)
            rc = let_go(session, process, err);
    }
    json_decref(list);
    return rc;
}

int session_recover(struct session *session, struct errctx *err)
{
    int rc = let_all_go(session, err);

    return rc ? rc : session_reset(session, err);
}

/* --- closing ---------------------------------------------------------------------------------- */

static bool any_claimed(const struct session *session)
{
    for (unsigned i = 0; i < session->stores.n; i++) {
        if (session->claimed[i])
            return true;
    }
    return false;
}

/* Roles go first: they work in what is removed. A keeper that is lost has taken them along. */
static void leave_attached(struct session *session)
{
    struct errctx err;
    int rc = 0;

    if (!any_claimed(session))
        return;
    if (!session->keeper_lost)
        rc = let_all_go(session, &err);
    if (!rc)
        rc = attach_leave(session, &err);
    if (rc)
        (void)fprintf(stderr, "syncbed: left behind: %s\n", err.message);
}

void session_close(struct session *session)
{
    if (!session->base)
        return;
    loop_resume(session->base); /* what ends things may wait */
    progress_clear(&session->progress);
    leave_attached(session);
    store_set_done(&session->stores);
    log_admin_free(session->log);
    if (session->keeper)
        keeper_free(session->keeper);
    if (session->turn >= 0)
        (void)close(session->turn); /* nothing was written through it */
    for (size_t i = 0; i < session->n_broken_off; i++)
        free(session->broken_off[i]);
    free(session->broken_off);
    event_free(session->on_sigint);
    event_free(session->on_sigterm);
    event_base_free(session->base);
    session->base = NULL;
}

/* --- what is kept ----------------------------------------------------------------------------- */

int session_keep_logs(struct session *session, const char *folder, struct errctx *err)
{
    json_t *list;
    const json_t *p;
    size_t i;
    int rc = keeper_list(session->keeper, &list, err);

    if (rc)
        return rc;
    json_array_foreach (list, i, p) {
        const char *name = json_string_value(json_object_get(p, "name"));
        const char *log = json_string_value(json_object_get(p, "log"));
        const char *kind = json_string_value(json_object_get(p, "kind"));
        char copy[PATH_MAX + ROLE_NAME_SIZE];

        if (rc || !name || !log || !kind || strcmp(kind, "role") == 0)
            continue;
        (void)snprintf(copy, sizeof copy, "%s/logs/%s.log", folder, name);
        rc = files_copy(log, copy, err);
    }
    json_decref(list);
    return rc;
}
