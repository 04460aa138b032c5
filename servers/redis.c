/*
 * Redis 7: durable as far as it can be, every write in the append-only file and synced before its
 * answer. The file is never rewritten in a run, so no fork disturbs a measurement.
 */
#include "servers/kind.h"
#include "servers/text_file.h"

#include <signal.h>
#include <stdio.h>

#define SERVER         "redis-server"
#define SERVER_PACKAGE "redis-server"
#define CLIENT         "redis-cli"
#define CLIENT_PACKAGE "redis-tools"

/* redis_configure() has looked before: a missing one is told by its failing to run. */
static void find(const char *name, const char *package, char ret_path[PATH_MAX])
{
    if (program_find(name, NULL, NULL, package, ret_path, NULL) < 0)
        (void)snprintf(ret_path, PATH_MAX, "%s", name);
}

static int redis_configure(const struct server *server, struct errctx *err)
{
    char path[PATH_MAX];
    int r = program_find(SERVER, NULL, NULL, SERVER_PACKAGE, path, err);

    if (r == 0)
        r = program_find(CLIENT, NULL, NULL, CLIENT_PACKAGE, path, err);
    if (r < 0)
        return r;
    return text_file_write(server->folder, "redis.conf",
                           "bind 127.0.0.1\n"
                           "port %u\n"
                           "dir \"%s\"\n"
                           "daemonize no\n"
                           "logfile \"\"\n"
                           "set-proc-title no\n"
                           "save \"\"\n"
                           "appendonly yes\n"
                           "appendfsync always\n"
                           "aof-load-truncated yes\n"
                           "auto-aof-rewrite-percentage 0\n"
                           "maxmemory-policy noeviction\n",
                           err, (unsigned)server->port[0], server->folder);
}

static bool redis_initialise(const struct server *server, unsigned step, struct spawn_plan *plan)
{
    (void)server;
    (void)step;
    (void)plan;
    return false; /* starts from an empty folder */
}

static void redis_run(const struct server *server, struct spawn_plan *plan)
{
    char path[PATH_MAX];

    find(SERVER, SERVER_PACKAGE, path);
    spawn_arg(plan, "%s", path);
    spawn_arg(plan, "%s/redis.conf", server->folder);
}

/* -e: an error reply, such as LOADING, is a failure. */
static enum probe redis_probe(const struct server *server, struct spawn_plan *plan)
{
    char path[PATH_MAX];

    find(CLIENT, CLIENT_PACKAGE, path);
    spawn_arg(plan, "%s", path);
    spawn_arg(plan, "-e");
    spawn_arg(plan, "-h");
    spawn_arg(plan, "127.0.0.1");
    spawn_arg(plan, "-p");
    spawn_arg(plan, "%u", (unsigned)server->port[0]);
    spawn_arg(plan, "PING");
    return PROBE_ASK;
}

/* "Redis server v=7.0.15 sha=…" */
static int redis_version(char ret_version[SERVER_VERSION_SIZE], struct errctx *err)
{
    char path[PATH_MAX];
    int r = program_find(SERVER, NULL, NULL, SERVER_PACKAGE, path, err);

    return r < 0 ? r : server_ask_version(path, ret_version, err);
}

const struct server_kind redis_kind = {
    .name = "redis",
    .stem = "redis",
    .port_name = {"", NULL},
    .term_signal = SIGTERM,
    .is_store = true,
    .store_kind = STORE_REDIS,
    .user = "",
    .database = "",
    .configure = redis_configure,
    .initialise = redis_initialise,
    .run = redis_run,
    .probe = redis_probe,
    .release = NULL,
    .version = redis_version,
};
