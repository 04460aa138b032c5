/*
 * The commands of a keeper's socket (base/rpc.h), which keeper_client.c sends:
 *
 *   hello     {}                     {pid}
 *   up        {names: […]}           {}           all of them ready
 *   start     {name, argv, log}      {port}       a role is ready
 *   restart   {name}                 {port}
 *   signal    {name, signal}         {}           "kill" "term" "pause" "continue"
 *   port      {name}                 {port}
 *   folder    {name}                 {path}
 *   topology  {}                     {stores: [{name, kind, port, user, database}], log: port or 0}
 *   listener  {kind}                 {port}       of the log, for a kind of role
 *   list      {}                     {processes: [{name, kind, pid, state, port, since_us, rss_kb,
 *                                      log, why}]}
 *   down      {}                     no answer: the connection closes when nothing is left
 */
#include "base/mem.h"
#include "servers/kafka.h"
#include "servers/keeper_daemon.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROLE_ARGS_MAX 64
#define FOLDERS       "folders"

static struct process *find(const struct keeper_daemon *k, const char *name)
{
    for (size_t i = 0; i < k->n_processes; i++) {
        if (strcmp(process_name(k->process[i]), name) == 0)
            return k->process[i];
    }
    return NULL;
}

static const char *text_field(const json_t *request, const char *field)
{
    const char *text = json_string_value(json_object_get(request, field));

    return text ? text : "";
}

/* A name becomes a file's name: letters, digits, '-', '_' and '.', which is not the first. */
static bool name_valid(const char *name)
{
    size_t size = strlen(name);

    return size > 0 && size < SERVER_NAME_SIZE && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
               size;
}

static struct process *add(struct keeper_daemon *k, struct process *p)
{
    k->process = mem_grow(k->process, k->n_processes, &k->capacity, sizeof(struct process *));
    k->process[k->n_processes++] = p;
    return p;
}

/* "pg1", "kafka.sink" */
static void port_name(const char *name, const struct server_kind *kind, unsigned i,
                      char ret_name[PORTS_NAME_SIZE])
{
    (void)snprintf(ret_name, PORTS_NAME_SIZE, "%s%s%s", name, kind->port_name[i][0] ? "." : "",
                   kind->port_name[i]);
}

static int server_port(struct keeper_daemon *k, const char *name, const struct server_kind *kind,
                       unsigned i, uint16_t *ret_port, struct errctx *err)
{
    char full[PORTS_NAME_SIZE];

    port_name(name, kind, i, full);
    return ports_get(k->ports, full, ret_port, err);
}

int keeper_free_ports(void *arg, const struct process *p, uint16_t *ret_port, struct errctx *err)
{
    struct keeper_daemon *k = arg;
    const struct server_kind *kind = p->program.kind;
    char full[PORTS_NAME_SIZE];
    int r = 0;

    for (unsigned i = 0; kind->port_name[i] && r == 0; i++) {
        port_name(process_name(p), kind, i, full);
        r = ports_get_free(k->ports, full, &ret_port[i], err);
    }
    return r;
}

/* The server of this name, made if it is new. */
static int server_of(struct keeper_daemon *k, const char *name, struct process **ret_process,
                     struct errctx *err)
{
    const struct server_kind *kind = server_kind_of(name);
    struct process *p = find(k, name);
    uint16_t port[SERVER_PORTS_MAX];
    unsigned n = 0;
    int r = 0;

    if (!kind || !name_valid(name))
        return err_set(err, EINVAL, ERR_ABORT,
                       "no kind of server is called like \"%s\"; there are pg1, maria1, mariabin1, "
                       "redis, kafka",
                       name);
    for (; !p && r == 0 && kind->port_name[n]; n++)
        r = server_port(k, name, kind, n, &port[n], err);
    if (r < 0)
        return r;
    *ret_process = p ? p : add(k, process_new(&k->env, name, kind, port, n));
    return 0;
}

/* A call that waits for several servers; answered at the first error, or when all are ready. */
struct up {
    struct rpc_call *call; /* NULL: answered */
    unsigned n_left;
};

static void on_one_up(void *arg, const char *error)
{
    struct up *up = arg;

    up->n_left--;
    if (up->call && error)
        rpc_reply_error(up->call, "%s", error);
    else if (up->call && up->n_left == 0)
        rpc_reply_ok(up->call, NULL);
    if (error || up->n_left == 0)
        up->call = NULL;
    if (up->n_left == 0)
        free(up);
}

static void command_up(struct keeper_daemon *k, struct rpc_call *call, json_t *request)
{
    json_t *names = json_object_get(request, "names");
    size_t n = json_array_size(names);
    struct process **servers = mem_alloc_array(n, sizeof *servers);
    struct errctx err = {0};
    struct up *up;

    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_array_get(names, i));

        if (server_of(k, name ? name : "", &servers[i], &err) < 0) {
            rpc_reply_error(call, "%s", err.message);
            free(servers);
            return;
        }
    }
    up = mem_alloc(sizeof *up);
    *up = (struct up){.call = call, .n_left = (unsigned)n + 1};
    for (size_t i = 0; i < n; i++)
        process_start(servers[i], on_one_up, up);
    on_one_up(up, NULL); /* the one more, which kept it alive until here */
    free(servers);
}

/* A call that waits for one process. */
struct question {
    struct rpc_call *call;
    struct process *process;
};

static struct question *ask(struct rpc_call *call, struct process *process)
{
    struct question *q = mem_alloc(sizeof *q);

    *q = (struct question){.call = call, .process = process};
    return q;
}

static void on_answer(void *arg, const char *error)
{
    struct question *q = arg;

    if (error)
        rpc_reply_error(q->call, "%s", error);
    else
        rpc_reply_ok(q->call, json_pack("{s:i}", "port", (int)q->process->program.server.port[0]));
    free(q);
}

/* `ret_argv` has ROLE_ARGS_MAX + 1 places and borrows from the request; false: not valid. */
static bool role_argv(json_t *list, const char **ret_argv)
{
    size_t n = json_array_size(list);

    if (n == 0 || n > ROLE_ARGS_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        ret_argv[i] = json_string_value(json_array_get(list, i));
        if (!ret_argv[i])
            return false;
    }
    ret_argv[n] = NULL;
    return true;
}

static void command_start(struct keeper_daemon *k, struct rpc_call *call, json_t *request)
{
    const char *name = text_field(request, "name"), *log = text_field(request, "log");
    const char *argv[ROLE_ARGS_MAX + 1];
    struct process *p = find(k, name);

    if (!name_valid(name) || server_kind_of(name) || strcmp(name, FOLDERS) == 0) {
        rpc_reply_error(call, "\"%s\" is no name for a role", name);
    } else if (!role_argv(json_object_get(request, "argv"), argv) || log[0] != '/') {
        rpc_reply_error(call, "%s: a role needs 1 to %d arguments and an absolute path to its log",
                        name, ROLE_ARGS_MAX);
    } else if (p && !process_startable(p)) {
        rpc_reply_error(call, "%s runs already (%s)", name, process_state_name(p->state));
    } else {
        if (!p)
            p = add(k, process_new(&k->env, name, NULL, NULL, 0));
        process_set_role(p, argv, log);
        process_start(p, on_answer, ask(call, p));
    }
}

static void command_restart(struct rpc_call *call, struct process *p)
{
    if (!process_startable(p))
        rpc_reply_error(call, "%s runs already (%s)", process_name(p),
                        process_state_name(p->state));
    else
        process_start(p, on_answer, ask(call, p));
}

static void command_signal(struct rpc_call *call, struct process *p, const json_t *request)
{
    static const char *const names[] = {
        [KEEPER_KILL] = "kill",
        [KEEPER_TERM] = "term",
        [KEEPER_PAUSE] = "pause",
        [KEEPER_CONTINUE] = "continue",
    };
    const char *name = text_field(request, "signal");

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            process_signal(p, (enum keeper_signal)i, on_answer, ask(call, p));
            return;
        }
    }
    rpc_reply_error(call, "no such signal: \"%s\"", name);
}

static void command_port(struct keeper_daemon *k, struct rpc_call *call, const json_t *request)
{
    struct errctx err = {0};
    uint16_t port;

    if (ports_get(k->ports, text_field(request, "name"), &port, &err) < 0)
        rpc_reply_error(call, "%s", err.message);
    else
        rpc_reply_ok(call, json_pack("{s:i}", "port", (int)port));
}

static void command_folder(struct keeper_daemon *k, struct rpc_call *call, const json_t *request)
{
    const char *name = text_field(request, "name");
    char parent[PATH_MAX], path[PATH_MAX + SERVER_NAME_SIZE];

    if (!name_valid(name)) {
        rpc_reply_error(call, "\"%s\" is no name for a folder", name);
        return;
    }
    (void)snprintf(parent, sizeof parent, "%.*s/" FOLDERS, PATH_MAX - 64, k->folder.path);
    (void)snprintf(path, sizeof path, "%s/%s", parent, name);
    if ((mkdir(parent, 0755) < 0 && errno != EEXIST) || (mkdir(path, 0755) < 0 && errno != EEXIST))
        rpc_reply_error(call, "%s: %s", path, strerror(errno));
    else
        rpc_reply_ok(call, json_pack("{s:s}", "path", path));
}

static bool is_up(const struct process *p)
{
    return p->state == PROCESS_READY || p->state == PROCESS_PAUSED;
}

static void command_topology(struct keeper_daemon *k, struct rpc_call *call)
{
    json_t *stores = json_array();
    int log = 0;

    for (size_t i = 0; i < k->n_processes; i++) {
        const struct process *p = k->process[i];
        const struct server_kind *kind = p->program.kind;

        if (!kind || !is_up(p))
            continue;
        if (!kind->is_store)
            log = p->program.server.port[0];
        else
            json_array_append_new(stores,
                                  json_pack("{s:s, s:s, s:i, s:s, s:s}", "name", process_name(p),
                                            "kind", store_kind_name(kind->store_kind), "port",
                                            (int)p->program.server.port[0], "user", kind->user,
                                            "database", kind->database));
    }
    rpc_reply_ok(call, json_pack("{s:o, s:i}", "stores", stores, "log", log));
}

static void command_listener(struct keeper_daemon *k, struct rpc_call *call, const json_t *request)
{
    const char *name = text_field(request, "kind");
    struct errctx err = {0};
    uint16_t port;

    for (enum role_kind kind = ROLE_SERVE; kind < ROLE_KINDS; kind++) {
        if (strcmp(name, role_kind_name(kind)) != 0)
            continue;
        if (server_port(k, kafka_kind.stem, &kafka_kind, kafka_listener(kind), &port, &err) < 0)
            rpc_reply_error(call, "%s", err.message);
        else
            rpc_reply_ok(call, json_pack("{s:i}", "port", (int)port));
        return;
    }
    rpc_reply_error(call, "no such kind of role: \"%s\"", name);
}

static void command_list(struct keeper_daemon *k, struct rpc_call *call)
{
    json_t *list = json_array();

    for (size_t i = 0; i < k->n_processes; i++) {
        const struct process *p = k->process[i];
        const struct server_kind *kind = p->program.kind;

        json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:i, s:s, s:i, s:I, s:I, s:s, s:s}", "name", process_name(p),
                      "kind", kind ? kind->name : "role", "pid", (int)p->pid, "state",
                      process_state_name(p->state), "port", (int)p->program.server.port[0],
                      "since_us", (json_int_t)p->since_us, "rss_kb", (json_int_t)process_rss_kb(p),
                      "log", p->program.server.log, "why", buf_str(&p->why)));
    }
    rpc_reply_ok(call, json_pack("{s:o}", "processes", list));
}

/* Commands on the keeper as a whole; false: it is none of them. */
static bool common_command(struct keeper_daemon *k, struct rpc_call *call, const char *cmd,
                           json_t *request)
{
    if (strcmp(cmd, "hello") == 0)
        rpc_reply_ok(call, json_pack("{s:i}", "pid", (int)getpid()));
    else if (strcmp(cmd, "up") == 0)
        command_up(k, call, request);
    else if (strcmp(cmd, "start") == 0)
        command_start(k, call, request);
    else if (strcmp(cmd, "port") == 0)
        command_port(k, call, request);
    else if (strcmp(cmd, "folder") == 0)
        command_folder(k, call, request);
    else if (strcmp(cmd, "topology") == 0)
        command_topology(k, call);
    else if (strcmp(cmd, "listener") == 0)
        command_listener(k, call, request);
    else if (strcmp(cmd, "list") == 0)
        command_list(k, call);
    else if (strcmp(cmd, "down") == 0)
        (void)event_base_loopbreak(k->base); /* fails for no base only */
    else
        return false;
    return true;
}

void keeper_command(void *arg, struct rpc_call *call, const char *cmd, json_t *request)
{
    struct keeper_daemon *k = arg;
    const char *name = text_field(request, "name");
    struct process *p;

    keeper_reap(k); /* what has ended is not to be called running */
    if (common_command(k, call, cmd, request))
        return;
    p = find(k, name);
    if (!p)
        rpc_reply_error(call, "%s: no server or role is called \"%s\"", cmd, name);
    else if (strcmp(cmd, "restart") == 0)
        command_restart(call, p);
    else if (strcmp(cmd, "signal") == 0)
        command_signal(call, p, request);
    else
        rpc_reply_error(call, "no such command: \"%s\"", cmd);
}
