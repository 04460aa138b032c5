/*
 * MariaDB 10.11: a data directory made by mariadb-install-db, user and database `syncbed`, and the
 * settings that XA and honest durability need. A kind of its own has the binary log on: with it a
 * branch is written there twice, at XA PREPARE and at its end, and the log decides after a crash.
 *
 * The package used is mariadb-server-core, the programs without a service. performance_schema is
 * on, since only there a session's name can be seen by others; its instruments are off.
 */
#include "servers/kind.h"
#include "servers/text_file.h"

#include <signal.h>
#include <stdio.h>

#define NAME           "syncbed"
#define SERVER         "mariadbd"
#define FOLDER         "/usr/sbin" /* not on everybody's PATH */
#define ENV            "SYNCBED_MARIADB_BIN"
#define INSTALL        "mariadb-install-db"
#define SERVER_PACKAGE "mariadb-server-core"
#define CLIENT         "mariadb"
#define CLIENT_PACKAGE "mariadb-client-core"

/* configure() has looked before: a missing one is told by its failing to run. */
static void add_program(struct spawn_plan *plan, const char *name, const char *env,
                        const char *folder, const char *package)
{
    char path[PATH_MAX];

    if (program_find(name, env, folder, package, path, NULL) < 0)
        (void)snprintf(path, sizeof path, "%s", name);
    spawn_arg(plan, "%s", path);
}

static int find_all(struct errctx *err)
{
    char path[PATH_MAX];
    int r = program_find(SERVER, ENV, FOLDER, SERVER_PACKAGE, path, err);

    if (r == 0)
        r = program_find(INSTALL, NULL, NULL, SERVER_PACKAGE, path, err);
    if (r == 0)
        r = program_find(CLIENT, NULL, NULL, CLIENT_PACKAGE, path, err);
    return r;
}

static int configure(const struct server *server, const char *binary_log, struct errctx *err)
{
    int r = find_all(err);

    if (r == 0)
        r = text_file_write(server->folder, "create.sql", /* a line each */
                            "FLUSH PRIVILEGES;\n"         /* which the server alone does not read */
                            "CREATE DATABASE " NAME ";\n"
                            "CREATE USER " NAME "@'127.0.0.1';\n"
                            "GRANT ALL ON *.* TO " NAME "@'127.0.0.1';\n",
                            err);
    if (r < 0)
        return r;
    return text_file_write(server->folder, "my.cnf",
                           "[mariadbd]\n"
                           "bind-address = 127.0.0.1\n"
                           "port = %u\n"
                           "datadir = %s/data\n"
                           "socket = %s/mariadb.sock\n"
                           "pid-file = %s/mariadb.pid\n"
                           "tmpdir = %s\n"
                           "skip-name-resolve\n"
                           "character-set-server = utf8mb4\n"
                           "max_connections = 300\n"
                           "innodb_buffer_pool_size = 64M\n"
                           "innodb_flush_log_at_trx_commit = 1\n"
                           "innodb_doublewrite = ON\n"
                           "sync_binlog = 1\n"
                           "binlog_format = ROW\n"
                           "performance_schema = ON\n"
                           "performance-schema-instrument = '%%=OFF'\n"
                           "performance-schema-consumer-global-instrumentation = OFF\n"
                           /* what counts them takes memory all the same */
                           "performance-schema-digests-size = 0\n"
                           "performance-schema-max-statement-classes = 0\n"
                           "performance-schema-max-stage-classes = 0\n"
                           "performance-schema-max-memory-classes = 0\n"
                           "performance-schema-max-table-instances = 0\n"
                           "performance-schema-max-table-handles = 0\n"
                           "%s\n",
                           err, (unsigned)server->port[0], server->folder, server->folder,
                           server->folder, server->folder, binary_log);
}

static int mariadb_configure(const struct server *server, struct errctx *err)
{
    return configure(server, "skip-log-bin", err);
}

static int mariadb_binlog_configure(const struct server *server, struct errctx *err)
{
    return configure(server, "server-id = 1\nlog-bin = binlog # beside the data", err);
}

static bool mariadb_initialise(const struct server *server, unsigned step, struct spawn_plan *plan)
{
    switch (step) {
    case 0:
        add_program(plan, INSTALL, NULL, NULL, SERVER_PACKAGE);
        spawn_arg(plan, "--no-defaults");
        spawn_arg(plan, "--datadir=%s/data", server->folder);
        spawn_arg(plan, "--auth-root-authentication-method=normal");
        spawn_arg(plan, "--skip-name-resolve");
        spawn_arg(plan, "--skip-test-db");
        return true;
    case 1: /* the server alone, which reads SQL from its standard input */
        add_program(plan, SERVER, ENV, FOLDER, SERVER_PACKAGE);
        spawn_arg(plan, "--defaults-file=%s/my.cnf", server->folder);
        spawn_arg(plan, "--bootstrap");
        plan->input = spawn_text("%s/create.sql", server->folder);
        return true;
    default:
        return false;
    }
}

static void mariadb_run(const struct server *server, struct spawn_plan *plan)
{
    add_program(plan, SERVER, ENV, FOLDER, SERVER_PACKAGE);
    spawn_arg(plan, "--defaults-file=%s/my.cnf", server->folder);
}

static enum probe mariadb_probe(const struct server *server, struct spawn_plan *plan)
{
    add_program(plan, CLIENT, NULL, NULL, CLIENT_PACKAGE);
    spawn_arg(plan, "--no-defaults");
    spawn_arg(plan, "--host=127.0.0.1");
    spawn_arg(plan, "--port=%u", (unsigned)server->port[0]);
    spawn_arg(plan, "--user=" NAME);
    spawn_arg(plan, "--execute=DO 1");
    spawn_arg(plan, NAME);
    return PROBE_ASK;
}

/* "mariadbd  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu on x86_64 (Debian 12)" */
static int mariadb_version(char ret_version[SERVER_VERSION_SIZE], struct errctx *err)
{
    char path[PATH_MAX];
    int r = program_find(SERVER, ENV, FOLDER, SERVER_PACKAGE, path, err);

    return r < 0 ? r : server_ask_version(path, ret_version, err);
}

const struct server_kind mariadb_kind = {
    .name = "mariadb",
    .stem = "maria",
    .port_name = {"", NULL},
    .term_signal = SIGTERM,
    .is_store = true,
    .store_kind = STORE_MARIADB,
    .user = NAME,
    .database = NAME,
    .configure = mariadb_configure,
    .initialise = mariadb_initialise,
    .run = mariadb_run,
    .probe = mariadb_probe,
    .release = NULL,
    .version = mariadb_version,
};

const struct server_kind mariadb_binlog_kind = {
    .name = "mariadb-binlog",
    .stem = "mariabin",
    .port_name = {"", NULL},
    .term_signal = SIGTERM,
    .is_store = true,
    .store_kind = STORE_MARIADB,
    .user = NAME,
    .database = NAME,
    .configure = mariadb_binlog_configure,
    .initialise = mariadb_initialise,
    .run = mariadb_run,
    .probe = mariadb_probe,
    .release = NULL,
    .version = mariadb_version,
};
