/* Throw-away servers for tests: see the header. */
#include "live_server.h"

#include "base/clock.h"
#include "servers/ports.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <hiredis.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define READY_US    (20 * US_PER_S)
#define PROCESSES   256
#define POSTGRES_AT "/usr/lib/postgresql/15/bin/"

static struct ports *ports; /* of all servers of this process; NULL without one */
static unsigned n_servers;

static void pause_briefly(void)
{
    struct timespec t = {.tv_nsec = 5 * 1000 * 1000};

    (void)nanosleep(&t, NULL); /* woken early is fine: the caller looks again */
}

/* --- processes ------------------------------------------------------------------------------- */

/* In the child: unprivileged, gone with its parent, everything it says in `log`. */
static void become_server(const char *log, const char *input)
{
    const struct passwd *nobody = getpwnam("nobody");
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    int in = open(input ? input : "/dev/null", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || in < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
        dup2(fd, STDERR_FILENO) < 0)
        _exit(126);
    if (geteuid() == 0 && (!nobody || setgroups(0, NULL) < 0 || setgid(nobody->pw_gid) < 0 ||
                           setuid(nobody->pw_uid) < 0))
        _exit(126);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) /* after setuid, which clears it */
        _exit(126);
}

static pid_t spawn(const struct live_server *server, const char *const *argv, const char *input)
{
    char log[96];
    pid_t pid;

    (void)snprintf(log, sizeof log, "%s/log", server->folder);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        become_server(log, input);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid;
}

static void fail_with_log(const struct live_server *server, const char *what)
{
    char path[96];
    char tail[2048] = "";
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/log", server->folder);
    f = fopen(path, "re");
    if (f) {
        if (fseek(f, -(long)(sizeof tail - 1), SEEK_END) != 0)
            rewind(f);
        tail[fread(tail, 1, sizeof tail - 1, f)] = '\0';
        (void)fclose(f);
    }
    fail_msg("%s: %s\n%s", server->folder, what, tail);
}

/* The state letter and parent of a process; false when there is none. */
static bool look_at(pid_t pid, char *ret_state, pid_t *ret_parent)
{
    char path[32];
    char stat[512];
    const char *after_name;
    size_t size;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    f = fopen(path, "re");
    if (!f)
        return false;
    size = fread(stat, 1, sizeof stat - 1, f);
    (void)fclose(f);
    stat[size] = '\0';
    after_name = strrchr(stat, ')');
    return after_name && sscanf(after_name, ") %c %d", ret_state, ret_parent) == 2;
}

static size_t children_of(pid_t parent, pid_t ret_children[PROCESSES])
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    size_t n = 0;

    assert_non_null(proc);
    while ((entry = readdir(proc)) != NULL && n < PROCESSES) {
        pid_t pid = (pid_t)atoi(entry->d_name);
        pid_t its_parent;
        char state;

        if (pid > 0 && look_at(pid, &state, &its_parent) && its_parent == parent)
            ret_children[n++] = pid;
    }
    (void)closedir(proc);
    return n;
}

/* The parent first, so that it makes no more children; each child once it is known. */
static size_t stop_tree(pid_t pid, pid_t ret_children[PROCESSES])
{
    size_t before;
    size_t n = 0;

    (void)kill(pid, SIGSTOP);
    do {
        before = n;
        n = children_of(pid, ret_children);
        for (size_t i = 0; i < n; i++)
            (void)kill(ret_children[i], SIGSTOP);
    } while (n != before);
    return n;
}

static bool is_gone(pid_t pid)
{
    pid_t parent;
    char state;

    return !look_at(pid, &state, &parent) || state == 'Z';
}

/* All threads: one that is at work goes on for a moment after the signal was sent. */
static bool is_stopped(pid_t pid)
{
    char path[32];
    const struct dirent *entry;
    bool stopped = true;
    DIR *tasks;

    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    while (tasks && (entry = readdir(tasks)) != NULL) {
        pid_t tid = (pid_t)atoi(entry->d_name);
        pid_t parent;
        char state;

        if (tid > 0 && look_at(tid, &state, &parent))
            stopped = stopped && state == 'T';
    }
    if (tasks)
        (void)closedir(tasks);
    return stopped;
}

void live_server_pause(const struct live_server *server)
{
    pid_t children[PROCESSES];
    size_t n = stop_tree(server->pid, children);

    while (!is_stopped(server->pid))
        pause_briefly();
    for (size_t i = 0; i < n; i++) {
        while (!is_stopped(children[i]) && !is_gone(children[i]))
            pause_briefly();
    }
}

void live_server_continue(const struct live_server *server)
{
    pid_t children[PROCESSES];
    size_t n = children_of(server->pid, children);

    for (size_t i = 0; i < n; i++)
        (void)kill(children[i], SIGCONT);
    (void)kill(server->pid, SIGCONT);
}

void live_server_kill(struct live_server *server)
{
    pid_t children[PROCESSES];
    size_t n;

    if (server->pid == 0)
        return;
    n = stop_tree(server->pid, children);
    (void)kill(server->pid, SIGKILL);
    for (size_t i = 0; i < n; i++)
        (void)kill(children[i], SIGKILL);
    assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
    for (size_t i = 0; i < n; i++) {
        while (!is_gone(children[i]))
            pause_briefly();
    }
    server->pid = 0;
}

/* --- starting -------------------------------------------------------------------------------- */

/* A port that no keeper on this machine gives out; held until the last server is freed. */
static uint16_t choose_port(const char *folder)
{
    struct errctx err = {0};
    uint16_t port = 0;

    if (!ports)
        ports = ports_new(PORTS_SPACE);
    if (ports_get(ports, folder, &port, &err) < 0)
        fail_msg("%s", err.message);
    n_servers++;
    return port;
}

static void release_port(void)
{
    assert_true(n_servers > 0);
    if (--n_servers > 0)
        return;
    ports_free(ports);
    ports = NULL;
}

static bool postgres_serves(const struct live_server *server)
{
    char where[160];
    PGconn *conn;
    bool serves;

    (void)snprintf(where, sizeof where, "host=127.0.0.1 port=%d user=%s dbname=%s", server->port,
                   LIVE_USER, LIVE_DATABASE);
    conn = PQconnectdb(where);
    serves = PQstatus(conn) == CONNECTION_OK;
    PQfinish(conn);
    return serves;
}

static bool redis_serves(const struct live_server *server)
{
    redisContext *c = redisConnect("127.0.0.1", server->port);
    redisReply *reply = c && !c->err ? redisCommand(c, "PING") : NULL;
    bool serves = reply && reply->type == REDIS_REPLY_STATUS;

    freeReplyObject(reply);
    if (c)
        redisFree(c);
    return serves;
}

static pid_t spawn_postgres(const struct live_server *server)
{
    char port[8];
    char data[96];
    char slots[48];
    const char *argv[] = {POSTGRES_AT "postgres",
                          "-D",
                          data,
                          "-p",
                          port,
                          "-c",
                          "listen_addresses=127.0.0.1",
                          "-c",
                          "unix_socket_directories=",
                          "-c",
                          slots,
                          "-c",
                          "max_connections=100",
                          NULL};

    (void)snprintf(data, sizeof data, "%s/data", server->folder);
    (void)snprintf(port, sizeof port, "%d", server->port);
    (void)snprintf(slots, sizeof slots, "max_prepared_transactions=%u",
                   server->prepared_max ? server->prepared_max : 64);
    return spawn(server, argv, NULL);
}

static pid_t spawn_redis(const struct live_server *server)
{
    char port[8];
    const char *argv[] = {"/usr/bin/redis-server",
                          "--port",
                          port,
                          "--bind",
                          "127.0.0.1",
                          "--dir",
                          server->folder,
                          "--appendonly",
                          "yes",
                          "--appendfsync",
                          "always",
                          "--save",
                          "",
                          NULL};

    (void)snprintf(port, sizeof port, "%d", server->port);
    return spawn(server, argv, NULL);
}

/* --- as the keeper makes them ---------------------------------------------------------------- */

static struct server as_server(const struct live_server *server)
{
    struct server as = {.port = {server->port}};

    (void)snprintf(as.folder, sizeof as.folder, "%s", server->folder);
    return as;
}

static pid_t spawn_plan(const struct live_server *server, struct spawn_plan *plan)
{
    pid_t pid = spawn(server, (const char *const *)(uintptr_t)plan->argv, plan->input);

    spawn_done(plan);
    return pid;
}

static void await_success(const struct live_server *server, pid_t pid, const char *what)
{
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0)
        fail_with_log(server, what);
}

static void make(const struct live_server *server)
{
    struct server as = as_server(server);
    struct spawn_plan plan = {0};
    struct errctx err = {0};

    if (server->made_by->configure(&as, &err) < 0)
        fail_msg("%s", err.message);
    for (unsigned step = 0; server->made_by->initialise(&as, step, &plan); step++)
        await_success(server, spawn_plan(server, &plan), "cannot be made");
}

static pid_t spawn_made(const struct live_server *server)
{
    struct server as = as_server(server);
    struct spawn_plan plan = {0};

    server->made_by->run(&as, &plan);
    return spawn_plan(server, &plan);
}

static bool made_serves(const struct live_server *server)
{
    struct server as = as_server(server);
    struct spawn_plan plan = {0};
    int status = -1;
    pid_t pid;

    (void)server->made_by->probe(&as, &plan); /* asks */
    pid = spawn_plan(server, &plan);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status == 0;
}

/* --- each kind ------------------------------------------------------------------------------- */

static pid_t spawn_server(const struct live_server *server)
{
    if (server->kind == STORE_POSTGRES)
        return spawn_postgres(server);
    return server->kind == STORE_REDIS ? spawn_redis(server) : spawn_made(server);
}

static bool serves(const struct live_server *server)
{
    if (server->kind == STORE_POSTGRES)
        return postgres_serves(server);
    return server->kind == STORE_REDIS ? redis_serves(server) : made_serves(server);
}

void live_server_start(struct live_server *server)
{
    int64_t until = clock_now_us() + READY_US;

    server->pid = spawn_server(server);
    while (!serves(server)) {
        if (is_gone(server->pid) || clock_now_us() > until)
            fail_with_log(server, "does not come up");
        pause_briefly();
    }
}

static void initdb(const struct live_server *server)
{
    char data[96];
    const char *argv[] = {POSTGRES_AT "initdb",
                          "-D",
                          data,
                          "-U",
                          LIVE_USER,
                          "-A",
                          "trust",
                          "-E",
                          "UTF8",
                          "--locale=C",
                          "--no-sync",
                          "--no-instructions",
                          NULL};

    (void)snprintf(data, sizeof data, "%s/data", server->folder);
    await_success(server, spawn(server, argv, NULL), argv[0]);
}

void live_server_new_of(struct live_server *server, const struct server_kind *kind)
{
    const struct passwd *nobody = getpwnam("nobody");

    memset(server, 0, sizeof *server);
    server->kind = kind->store_kind;
    server->made_by = kind;
    (void)snprintf(server->folder, sizeof server->folder, "/var/tmp/syncbed-test-XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    server->port = choose_port(server->folder);
    if (geteuid() == 0) {
        assert_non_null(nobody);
        assert_int_equal(chown(server->folder, nobody->pw_uid, nobody->pw_gid), 0);
    }
    if (server->kind == STORE_POSTGRES)
        initdb(server);
    else if (server->kind == STORE_MARIADB)
        make(server);
    live_server_start(server);
}

void live_server_new(struct live_server *server, enum store_kind kind)
{
    unsigned i = 0;

    while (!server_kind_at(i)->is_store || server_kind_at(i)->store_kind != kind)
        i++;
    live_server_new_of(server, server_kind_at(i));
}

/* A command of the system's own, as we are. */
static void command(char *const argv[])
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        execv(argv[0], argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void remove_folder(char *path)
{
    command((char *[]){(char[]){"/bin/rm"}, (char[]){"-rf"}, path, NULL});
}

static void copy_folder(char *from, char *to)
{
    remove_folder(to);
    command((char *[]){(char[]){"/bin/cp"}, (char[]){"-a"}, from, to, NULL});
}

void live_server_copy(const struct live_server *server)
{
    char data[96];
    char copy[96];

    assert_int_equal(server->pid, 0);
    (void)snprintf(data, sizeof data, "%s/data", server->folder);
    (void)snprintf(copy, sizeof copy, "%s/copy", server->folder);
    copy_folder(data, copy);
}

void live_server_restore(const struct live_server *server)
{
    char data[96];
    char copy[96];

    assert_int_equal(server->pid, 0);
    (void)snprintf(data, sizeof data, "%s/data", server->folder);
    (void)snprintf(copy, sizeof copy, "%s/copy", server->folder);
    copy_folder(copy, data);
}

void live_server_free(struct live_server *server)
{
    live_server_kill(server);
    remove_folder(server->folder);
    release_port();
}
