/* The processes of one run: see the header. */
#include "harness/run/crew.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/loop.h"
#include "base/mem.h"
#include "harness/run/files.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_PAUSE_US (20 * US_PER_MS) /* between two questions to a broker that does not answer */

void crew_door(unsigned i, char ret_name[ROLE_NAME_SIZE])
{
    (void)snprintf(ret_name, ROLE_NAME_SIZE, "serve%u", i + 1);
}

/* --- topology --------------------------------------------------------------------------------- */

static struct topology_role *add_role(struct topology *t, enum role_kind kind, const char *name)
{
    struct topology_role *role = &t->role[t->n_roles++];

    assert(t->n_roles <= ROLES_MAX);
    *role = (struct topology_role){.kind = kind};
    (void)snprintf(role->name, sizeof role->name, "%s", name);
    return role;
}

/* Kafka's clients go where brokers advertise, so every kind of role has a listener of its own. */
static void add_log_link(struct topology *t, const char *from, const struct address *log)
{
    struct topology_link *link = &t->link[t->n_links++];

    assert(t->n_links <= LINKS_MAX);
    (void)snprintf(link->from, sizeof link->from, "%s", from);
    (void)snprintf(link->to, sizeof link->to, "log");
    link->address = *log;
}

static int add_doors(struct crew *crew, struct errctx *err)
{
    struct topology *t = crew->topology;

    for (unsigned i = 0; i < EXPERIMENT_DOORS; i++) {
        char name[ROLE_NAME_SIZE];
        char folder[64]; /* of no earlier run, also where the keeper outlives us */
        struct topology_role *role;
        int rc;

        crew_door(i, name);
        role = add_role(t, ROLE_SERVE, name);
        (void)snprintf(role->address.host, sizeof role->address.host, "127.0.0.1");
        rc = keeper_port(crew->session->keeper, name, &role->address.port, err);
        if (rc)
            return rc;
        (void)snprintf(folder, sizeof folder, "%s-%llx", name, (unsigned long long)clock_now_us());
        rc = keeper_folder(crew->session->keeper, folder, role->data, err);
        if (rc)
            return rc;
        if (t->topic[0] || t->decisions[0])
            add_log_link(t, name, &crew->session->log_of[ROLE_SERVE]);
    }
    return 0;
}

static void add_sinks(struct crew *crew)
{
    struct topology *t = crew->topology;

    for (unsigned i = 0; t->topic[0] && i < t->n_stores; i++) {
        char name[ROLE_NAME_SIZE];
        struct topology_role *role;

        (void)snprintf(name, sizeof name, "sink-%s", t->store[i].name);
        role = add_role(t, ROLE_SINK, name);
        (void)strcpy(role->store, t->store[i].name); /* of the same size */
        add_log_link(t, name, &crew->session->log_of[ROLE_SINK]);
    }
}

/* A name that no earlier run at this broker had. */
static void name_topic(struct crew *crew)
{
    (void)snprintf(crew->topology->topic, sizeof crew->topology->topic, "syncbed-%u-%lld",
                   crew->run->number, (long long)clock_now_us());
    crew->topology->n_partitions = EXPERIMENT_PARTITIONS;
}

static void name_decisions(struct crew *crew)
{
    (void)snprintf(crew->topology->decisions, sizeof crew->topology->decisions, "decisions-%u-%lld",
                   crew->run->number, (long long)clock_now_us());
}

static int make_topology(struct crew *crew, struct errctx *err)
{
    struct topology *t = crew->topology;
    struct buf text = {0};
    int rc;

    *t = crew->session->servers;
    (void)snprintf(t->run, sizeof t->run, "%s", crew->run->name);
    (void)snprintf(t->control, sizeof t->control, "%.*s/control", PATH_MAX - 16, crew->folder);
    t->topic[0] = '\0';
    if (crew->run->approach->broken)
        (void)snprintf(t->broken, sizeof t->broken, "%s", crew->run->approach->broken->name);
    if (crew->run->approach->approach->uses_log)
        name_topic(crew);
    t->decisions[0] = '\0';
    if (approach_replicates_decisions(&crew->run->approach->settings))
        name_decisions(crew);
    rc = add_doors(crew, err);
    if (rc)
        return rc;
    add_sinks(crew);
    (void)add_role(t, ROLE_LOAD, "load");
    topology_print(&text, t);
    return files_save(crew->folder, "topology.yaml", &text, err);
}

int crew_make_folder(const struct session *session, const struct experiment_run *run,
                     const struct workload *workload, const char *folder, struct errctx *err)
{
    static const char *const parts[] = {"control", "logs", "final"};
    char path[PATH_MAX + 32];
    struct buf text = {0};
    int rc = 0;

    for (size_t i = 0; !rc && i < sizeof parts / sizeof *parts; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, parts[i]);
        rc = files_make_folder(path, err);
    }
    if (rc)
        return rc;
    experiment_print_config(&text, session->experiment, run, workload);
    return files_save(folder, "config.yaml", &text, err);
}

/* --- starting --------------------------------------------------------------------------------- */

static int start_door(struct crew *crew, const char *name, struct errctx *err)
{
    const struct experiment_approach *a = crew->run->approach;
    const char *argv[2 * SETTINGS_MAX + 3] = {"--approach", a->name};
    char set[SETTINGS_MAX][128];
    unsigned n = 2;

    if (a->program[0])
        return roles_start_program(&crew->roles, name, ROLE_SERVE, a->program, err);
    for (unsigned i = 0; i < a->settings.n; i++) {
        (void)snprintf(set[i], sizeof set[i], "%s=%s", a->settings.item[i].info->name,
                       a->settings.item[i].info->value[a->settings.item[i].value]);
        argv[n++] = "--set";
        argv[n++] = set[i];
    }
    argv[n] = NULL;
    return roles_start(&crew->roles, name, ROLE_SERVE, argv, err);
}

static int start_load(struct crew *crew, const char *name, struct errctx *err)
{
    char config[PATH_MAX + 32], history[PATH_MAX + 32], probes[PATH_MAX + 32];
    const char *const argv[] = {"--config", config, "--history", history, "--probes", probes, NULL};

    (void)snprintf(config, sizeof config, "%s/config.yaml", crew->folder);
    (void)snprintf(history, sizeof history, "%s/history.ndjson", crew->folder);
    (void)snprintf(probes, sizeof probes, "%s/probes.ndjson", crew->folder);
    return roles_start(&crew->roles, name, ROLE_LOAD, argv, err);
}

static int start_role(struct crew *crew, const struct topology_role *role, struct errctx *err)
{
    static const char *const none[] = {NULL};

    switch (role->kind) {
    case ROLE_SERVE:
        return start_door(crew, role->name, err);
    case ROLE_SINK:
        return roles_start(&crew->roles, role->name, ROLE_SINK, none, err);
    case ROLE_LOAD:
        return start_load(crew, role->name, err);
    case ROLE_KINDS:
        break;
    }
    return 0;
}

static void on_role_event(void *arg, json_t *event)
{
    struct crew *crew = arg;
    const char *what = json_string_value(json_object_get(event, "event"));

    if (what && strcmp(what, "finished") == 0)
        crew->load_finished = true;
    else if (what && strcmp(what, "failed") == 0)
        (void)snprintf(crew->load_failed, sizeof crew->load_failed, "%s",
                       json_string_value(json_object_get(event, "why")));
}

bool crew_load_over(const struct crew *crew)
{
    return crew->load_finished || crew->load_failed[0] || !roles_running(&crew->roles, "load");
}

int crew_start(struct crew *crew, struct session *session, const struct experiment_run *run,
               const struct workload *workload, const char *folder, struct errctx *err)
{
    int rc;

    *crew = (struct crew){.session = session, .run = run, .workload = workload};
    (void)snprintf(crew->folder, sizeof crew->folder, "%s", folder);
    roles_init(&crew->roles, session->base, session->keeper, folder);
    crew->roles.event = on_role_event;
    crew->roles.arg = crew;
    crew->topology = mem_alloc(sizeof *crew->topology);
    rc = crew_make_folder(session, run, workload, folder, err);
    if (!rc)
        rc = make_topology(crew, err);
    if (!rc && crew->topology->topic[0])
        rc = log_admin_create(session->log, crew->topology->topic, EXPERIMENT_PARTITIONS,
                              SESSION_LOG_TIMEOUT_MS, err);
    if (!rc && crew->topology->decisions[0])
        rc = log_admin_create(session->log, crew->topology->decisions, 1, SESSION_LOG_TIMEOUT_MS,
                              err);
    for (unsigned i = 0; !rc && i < crew->topology->n_roles; i++)
        rc = start_role(crew, &crew->topology->role[i], err);
    return rc;
}

int crew_begin_load(struct crew *crew, int64_t at_us, struct errctx *err)
{
    struct rpc_client *control = roles_control(&crew->roles, "load");

    if (!control)
        return err_set(err, ESRCH, ERR_FATAL, "the load ended before it began: see %s/logs",
                       crew->folder);
    return rpc_call(control, "start", json_pack("{s:I}", "at_us", (json_int_t)at_us), 5 * US_PER_S,
                    NULL, err);
}

int crew_check_load(struct crew *crew, struct errctx *err)
{
    char why[256];

    if (crew->load_finished)
        return 0;
    if (crew->load_failed[0])
        return err_set(err, EIO, ERR_FATAL, "%s", crew->load_failed);
    roles_why(crew->roles.keeper, "load", why, sizeof why);
    return err_set(err, EIO, ERR_FATAL, "the load broke off: %s", why);
}

/* --- ending ----------------------------------------------------------------------------------- */

/* Who was asked to end may still crash on the way. Those two signals are the keeper's. */
static bool crashed(const struct keeper_end *end)
{
    return end->signal != 0 && end->signal != SIGTERM && end->signal != SIGKILL;
}

bool crew_exited(struct crew *crew, const char *name, const struct keeper_end *end)
{
    roles_exited(&crew->roles, name);
    if (!end->why[0] && !crashed(end))
        return false;
    if (!crew->ended[0] && end->why[0])
        (void)snprintf(crew->ended, sizeof crew->ended, "%s", end->why); /* long words are cut */
    else if (!crew->ended[0])
        (void)snprintf(crew->ended, sizeof crew->ended, "%s ended by signal %d", name, end->signal);
    return true;
}

/* The doors' data have been read as evidence. */
static int put_data_away(struct crew *crew, struct errctx *err)
{
    int rc = 0;

    for (unsigned i = 0; !rc && i < crew->topology->n_roles; i++) {
        const struct topology_role *role = &crew->topology->role[i];
        char copy[PATH_MAX + ROLE_NAME_SIZE + 8];

        if (!role->data[0])
            continue;
        (void)snprintf(copy, sizeof copy, "%s/data/%s", crew->folder, role->name);
        if (crew->session->keep)
            rc = files_copy_folder(role->data, copy, err);
        if (!rc)
            rc = file_remove_tree(role->data, err);
    }
    return rc;
}

int crew_log_ends(struct crew *crew, struct position *ret_ends, struct errctx *err)
{
    int64_t until_us = clock_now_us() + SESSION_LOG_TIMEOUT_MS * US_PER_MS;

    for (;;) {
        int rc = log_admin_ends(crew->session->log, crew->topology->topic, EXPERIMENT_PARTITIONS,
                                CREW_LOG_TIMEOUT_MS, ret_ends, err);

        if ((rc != -ETIMEDOUT && rc != -EIO) || clock_now_us() > until_us)
            return rc;
        rc = loop_for(crew->session->base, LOG_PAUSE_US);
        if (rc)
            return err_set(err, -rc, ERR_ABORT, "interrupted");
    }
}

static int delete_topic(struct crew *crew, struct errctx *err)
{
    struct position ends;
    int rc = crew_log_ends(crew, &ends, err); /* it answers, so that deleting does not take long */

    if (rc)
        return rc;
    return log_admin_delete(crew->session->log, crew->topology->topic, SESSION_LOG_TIMEOUT_MS, err);
}

int crew_stop(struct crew *crew, struct errctx *err)
{
    int rc = roles_stop(&crew->roles, ROLE_LOAD, err);

    if (!rc)
        rc = roles_stop(&crew->roles, ROLE_SERVE, err);
    if (!rc)
        rc = roles_stop(&crew->roles, ROLE_SINK, err);
    if (!rc && crew->topology->topic[0])
        rc = delete_topic(crew, err);
    if (!rc && crew->topology->decisions[0])
        rc = log_admin_delete(crew->session->log, crew->topology->decisions, SESSION_LOG_TIMEOUT_MS,
                              err);
    if (!rc)
        rc = put_data_away(crew, err);
    if (!rc && crew->session->keep)
        rc = session_keep_logs(crew->session, crew->folder, err);
    return rc;
}

void crew_done(struct crew *crew)
{
    roles_done(&crew->roles);
    free(crew->topology);
    crew->topology = NULL;
}
