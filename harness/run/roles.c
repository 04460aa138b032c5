/* The roles of a run: see the header. */
#include "harness/run/roles.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void roles_init(struct roles *roles, struct event_base *base, struct keeper *keeper,
                const char *folder)
{
    *roles = (struct roles){.base = base, .keeper = keeper};
    (void)snprintf(roles->folder, sizeof roles->folder, "%s", folder);
}

void roles_done(struct roles *roles)
{
    for (unsigned i = 0; i < roles->n; i++) {
        rpc_client_free(roles->role[i].control);
        roles->role[i].control = NULL;
    }
}

struct role_process *roles_find(struct roles *roles, const char *name)
{
    for (unsigned i = 0; i < roles->n; i++) {
        if (strcmp(roles->role[i].name, name) == 0)
            return &roles->role[i];
    }
    return NULL;
}

bool roles_running(const struct roles *roles, const char *name)
{
    for (unsigned i = 0; i < roles->n; i++) {
        if (strcmp(roles->role[i].name, name) == 0)
            return roles->role[i].running;
    }
    return false;
}

struct rpc_client *roles_control(struct roles *roles, const char *name)
{
    const struct role_process *role = roles_find(roles, name);

    return role ? role->control : NULL;
}

static int connect_control(struct roles *roles, struct role_process *role, struct errctx *err)
{
    const struct rpc_client_handlers handlers = {.event = roles->event, .arg = roles->arg};
    char path[PATH_MAX + ROLE_NAME_SIZE + 16];
    int rc;

    assert(!role->control);
    if (role->foreign) {
        role->running = true;
        return 0;
    }
    (void)snprintf(path, sizeof path, "%s/control/%s.sock", roles->folder, role->name);
    rc = rpc_connect(roles->base, path, &handlers, &role->control, err);
    if (!rc)
        role->running = true;
    return rc;
}

/* Execute argv, in which --topology and --name come behind its `n` words, and take it in. */
static int start(struct roles *roles, const struct role_process *as, const char **argv, unsigned n,
                 struct errctx *err)
{
    char topology[PATH_MAX + 16], log[PATH_MAX + ROLE_NAME_SIZE + 16];
    struct role_process *role = roles_find(roles, as->name);
    uint16_t port;
    int rc;

    assert(n <= ROLES_ARGS_MAX - 5);
    (void)snprintf(topology, sizeof topology, "%s/topology.yaml", roles->folder);
    (void)snprintf(log, sizeof log, "%s/logs/%s.log", roles->folder, as->name);
    argv[n++] = "--topology";
    argv[n++] = topology;
    argv[n++] = "--name";
    argv[n++] = as->name;
    argv[n] = NULL;
    rc = keeper_start_role(roles->keeper, as->name, argv, log, &port, err);
    if (rc)
        return rc;
    if (!role) {
        assert(roles->n < ROLES_MAX);
        role = &roles->role[roles->n++];
        *role = *as;
    }
    return connect_control(roles, role, err);
}

int roles_start(struct roles *roles, const char *name, enum role_kind kind, const char *const *more,
                struct errctx *err)
{
    const char *argv[ROLES_ARGS_MAX] = {"syncbed", role_kind_name(kind)};
    struct role_process as = {.kind = kind};
    unsigned n = 2;

    (void)snprintf(as.name, sizeof as.name, "%s", name);
    for (; *more; more++) {
        assert(n < ROLES_ARGS_MAX);
        argv[n++] = *more;
    }
    return start(roles, &as, argv, n, err);
}

int roles_start_program(struct roles *roles, const char *name, enum role_kind kind,
                        const char *program, struct errctx *err)
{
    const char *argv[ROLES_ARGS_MAX] = {program};
    struct role_process as = {.kind = kind, .foreign = true};

    assert(program[0] == '/');
    (void)snprintf(as.name, sizeof as.name, "%s", name);
    return start(roles, &as, argv, 1, err);
}

void roles_exited(struct roles *roles, const char *name)
{
    struct role_process *role = roles_find(roles, name);

    if (!role)
        return;
    role->running = false;
    rpc_client_free(role->control);
    role->control = NULL;
}

int roles_restarted(struct roles *roles, const char *name, struct errctx *err)
{
    struct role_process *role = roles_find(roles, name);

    if (!role)
        return 0;
    roles_exited(roles, name); /* that event may still be under way */
    return connect_control(roles, role, err);
}

void roles_why(struct keeper *keeper, const char *name, char *ret_why, size_t size)
{
    json_t *list;
    const json_t *p;
    size_t i;

    (void)snprintf(ret_why, size, "nobody knows why");
    if (keeper_list(keeper, &list, NULL))
        return;
    json_array_foreach (list, i, p) {
        const char *why = json_string_value(json_object_get(p, "why"));
        const char *of = json_string_value(json_object_get(p, "name"));

        if (why && *why && of && strcmp(of, name) == 0)
            (void)snprintf(ret_why, size, "%s", why);
    }
    json_decref(list);
}

int roles_stop(struct roles *roles, enum role_kind kind, struct errctx *err)
{
    for (unsigned i = 0; i < roles->n; i++) {
        struct role_process *role = &roles->role[i];
        int rc;

        if (role->kind != kind || !role->running)
            continue;
        rc = keeper_signal(roles->keeper, role->name, KEEPER_TERM, err);
        if (rc)
            return rc;
        roles_exited(roles, role->name);
    }
    return 0;
}
