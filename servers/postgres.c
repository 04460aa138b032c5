/*
 * PostgreSQL 15: a cluster made by initdb, user and database `syncbed`, and the settings that XA
 * and honest durability need.
 *
 * The configuration file is ours alone (beside the data, not in it), so what a run used is there
 * to be read as a whole. cluster_name puts the folder's path into each process's title: see
 * process_tree.h.
 */
#include "servers/kind.h"
#include "servers/text_file.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/shm.h>
#include <unistd.h>

#define NAME     "syncbed"
#define FOLDER   "/usr/lib/postgresql/15/bin"
#define ENV      "SYNCBED_POSTGRES_BIN"
#define PACKAGE  "postgresql-15"
#define PID_FILE "data/postmaster.pid"

static void find(const char *name, char ret_path[PATH_MAX])
{
    /* postgres_configure() has looked before: a missing one is told by its failing to run. */
    if (program_find(name, ENV, FOLDER, PACKAGE, ret_path, NULL) < 0)
        (void)snprintf(ret_path, PATH_MAX, "%s", name);
}

static int postgres_configure(const struct server *server, struct errctx *err)
{
    static const char *const programs[] = {"initdb", "postgres", "pg_isready"};
    char path[PATH_MAX];
    int r = 0;

    for (unsigned i = 0; i < sizeof programs / sizeof programs[0] && r == 0; i++)
        r = program_find(programs[i], ENV, FOLDER, PACKAGE, path, err);
    if (r == 0)
        r = text_file_write(server->folder, "create.sql", "CREATE DATABASE " NAME ";\n", err);
    if (r < 0)
        return r;
    return text_file_write(server->folder, "postgresql.conf",
                           "listen_addresses = '127.0.0.1'\n"
                           "port = %u\n"
                           "unix_socket_directories = '%s'\n"
                           "cluster_name = '%s'\n"
                           "max_connections = 200\n"
                           "max_prepared_transactions = 200\n"
                           "shared_buffers = 64MB\n"
                           "dynamic_shared_memory_type = mmap # goes with the folder\n"
                           "fsync = on\n"
                           "synchronous_commit = on\n"
                           "full_page_writes = on\n"
                           "wal_sync_method = fdatasync\n"
                           "wal_level = replica\n"
                           "min_wal_size = 256MB\n"
                           "max_wal_size = 1GB\n"
                           "checkpoint_timeout = 15min\n"
                           "log_checkpoints = off\n"
                           "log_line_prefix = '%%m [%%p] '\n"
                           "jit = off\n",
                           err, (unsigned)server->port[0], server->folder, server->folder);
}

static bool postgres_initialise(const struct server *server, unsigned step, struct spawn_plan *plan)
{
    char path[PATH_MAX];

    switch (step) {
    case 0:
        find("initdb", path);
        spawn_arg(plan, "%s", path);
        spawn_arg(plan, "--pgdata=%s/data", server->folder);
        spawn_arg(plan, "--username=" NAME);
        spawn_arg(plan, "--auth=trust");
        spawn_arg(plan, "--encoding=UTF8");
        spawn_arg(plan, "--no-locale");
        spawn_arg(plan, "--no-instructions");
        return true;
    case 1: /* the server alone, which reads SQL from its standard input */
        find("postgres", path);
        spawn_arg(plan, "%s", path);
        spawn_arg(plan, "--single");
        spawn_arg(plan, "-D");
        spawn_arg(plan, "%s/data", server->folder);
        spawn_arg(plan, "postgres");
        plan->input = spawn_text("%s/create.sql", server->folder);
        return true;
    default:
        return false;
    }
}

static void postgres_run(const struct server *server, struct spawn_plan *plan)
{
    char path[PATH_MAX];

    find("postgres", path);
    spawn_arg(plan, "%s", path);
    spawn_arg(plan, "-D");
    spawn_arg(plan, "%s/data", server->folder);
    spawn_arg(plan, "--config-file=%s/postgresql.conf", server->folder);
}

static enum probe postgres_probe(const struct server *server, struct spawn_plan *plan)
{
    char path[PATH_MAX];

    find("pg_isready", path);
    spawn_arg(plan, "%s", path);
    spawn_arg(plan, "--quiet");
    spawn_arg(plan, "--host=127.0.0.1");
    spawn_arg(plan, "--port=%u", (unsigned)server->port[0]);
    spawn_arg(plan, "--username=" NAME);
    spawn_arg(plan, "--dbname=" NAME);
    return PROBE_ASK;
}

/*
 * A killed postmaster leaves a System V segment (its interlock), and a lock file that names a
 * process id, which by now may be somebody else's. Line 7 of postmaster.pid is "key id" of the
 * segment.
 */
static void postgres_release(const char *folder)
{
    char path[PATH_MAX], line[256];
    unsigned long key;
    FILE *file;
    int id;

    if (snprintf(path, sizeof path, "%s/" PID_FILE, folder) >= (int)sizeof path)
        return;
    file = fopen(path, "re");
    if (!file)
        return;
    for (unsigned n = 1; fgets(line, sizeof line, file); n++) {
        if (n == 7 && sscanf(line, "%lu %d", &key, &id) == 2)
            (void)shmctl(id, IPC_RMID, NULL); /* gone already is as well */
    }
    (void)fclose(file);
    (void)unlink(path);
}

static int postgres_version(char ret_version[SERVER_VERSION_SIZE], struct errctx *err)
{
    char path[PATH_MAX];
    int r = program_find("postgres", ENV, FOLDER, PACKAGE, path, err);

    return r < 0 ? r : server_ask_version(path, ret_version, err);
}

const struct server_kind postgres_kind = {
    .name = "postgres",
    .stem = "pg",
    .port_name = {"", NULL},
    .term_signal = SIGINT, /* "fast": SIGTERM would wait for all clients to leave */
    .is_store = true,
    .store_kind = STORE_POSTGRES,
    .user = NAME,
    .database = NAME,
    .configure = postgres_configure,
    .initialise = postgres_initialise,
    .run = postgres_run,
    .probe = postgres_probe,
    .release = postgres_release,
    .version = postgres_version,
};
