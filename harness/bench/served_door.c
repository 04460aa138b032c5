/* The front door of a measurement; see the header. */
#include "harness/bench/served_door.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "harness/run/files.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOOR      "serve1"
#define ANSWER_US (10 * US_PER_S)

static int write_topology(struct contest *c, struct errctx *err)
{
    struct topology *t = mem_alloc(sizeof *t);
    struct topology_role *role = &t->role[0];
    struct buf text = {0};
    uint16_t port;
    int rc = keeper_port(c->servers->keeper, DOOR, &port, err);

    *t = c->servers->topology;
    (void)snprintf(t->run, sizeof t->run, "bench-2pc");
    (void)snprintf(t->control, sizeof t->control, "%.*s/control", PATH_MAX - 16, c->roles.folder);
    t->no_journal = true;
    t->n_roles = 1;
    (void)snprintf(role->name, sizeof role->name, DOOR);
    role->kind = ROLE_SERVE;
    role->address = (struct address){.host = "127.0.0.1", .port = port};
    if (rc == 0)
        rc = keeper_folder(c->servers->keeper, DOOR, role->data, err);
    if (rc == 0) {
        topology_print(&text, t);
        rc = files_save(c->roles.folder, "topology.yaml", &text, err);
    }
    free(t);
    return rc;
}

static int make_folders(struct contest *c, struct errctx *err)
{
    static const char *const parts[] = {"control", "logs"};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof parts / sizeof *parts; i++) {
        char path[PATH_MAX];

        (void)snprintf(path, sizeof path, "%.*s/%s", PATH_MAX - 16, c->roles.folder, parts[i]);
        rc = files_make_folder(path, err);
    }
    return rc;
}

static int start_role(struct contest *c, struct errctx *err)
{
    static const char *const arguments[] = {"--approach", "xa", "--set", "lock_order=parallel",
                                            NULL};
    int rc;

    if (roles_find(&c->roles, DOOR)) {
        rc = keeper_restart(c->servers->keeper, DOOR, err);
        return rc < 0 ? rc : roles_restarted(&c->roles, DOOR, err);
    }
    rc = make_folders(c, err);
    if (rc == 0)
        rc = write_topology(c, err);
    return rc < 0 ? rc : roles_start(&c->roles, DOOR, ROLE_SERVE, arguments, err);
}

/* Its port and process id, from the keeper's list. */
static int add_address(const struct contest *c, struct spawn_plan *plan, struct errctx *err)
{
    json_t *list;
    const json_t *item;
    size_t i;
    int rc = keeper_list(c->servers->keeper, &list, err);

    if (rc < 0)
        return rc;
    json_array_foreach (list, i, item) {
        const char *here = json_string_value(json_object_get(item, "name"));

        if (!here || strcmp(here, DOOR) != 0)
            continue;
        spawn_arg(plan, "--door");
        spawn_arg(plan, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(item, "port")));
        spawn_arg(plan, "--process");
        spawn_arg(plan, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(item, "pid")));
    }
    json_decref(list);
    return 0;
}

int served_door_start(struct contest *c, struct spawn_plan *plan, struct errctx *err)
{
    int rc = start_role(c, err);

    return rc < 0 ? rc : add_address(c, plan, err);
}

int served_door_stop(struct contest *c, double *ret_fsyncs, struct errctx *err)
{
    for (unsigned i = 0; i < c->roles.n; i++) {
        const struct role_process *role = &c->roles.role[i];
        json_t *counters;
        int rc;

        if (!role->running)
            continue;
        rc = rpc_call(role->control, "counters", NULL, ANSWER_US, &counters, err);
        if (rc < 0)
            return rc;
        *ret_fsyncs = json_number_value(json_object_get(counters, "log_fsyncs")) /
                      json_number_value(json_object_get(counters, "committed"));
        json_decref(counters);
    }
    return roles_stop(&c->roles, ROLE_SERVE, err);
}
