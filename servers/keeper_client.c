/* The client's side of the keeper: see keeper.h. */
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "servers/folder.h"
#include "servers/keeper.h"
#include "servers/keeper_main.h"
#include "servers/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELLO_MAX_US  (30 * US_PER_S) /* it may have to clean up after a dead one first */
#define START_MAX_US  (45 * US_PER_S) /* above the keeper's own patience, which says why */
#define SIGNAL_MAX_US (20 * US_PER_S)
#define ASK_MAX_US    (10 * US_PER_S)
#define END_MAX_MS    30000
#define LINE_SIZE     (PATH_MAX + 512)

struct keeper {
    struct event_base *base;
    struct rpc_client *rpc;
    keeper_event event;
    void *arg;
    pid_t pid;
    int pid_fd;    /* readable once it has ended; -1: not known */
    int life;      /* write end of its standard input, -1: not ours */
    bool is_child; /* of this process: to be reaped */
    bool lost;     /* the connection closed */
};

static void on_event(void *arg, json_t *event)
{
    const struct keeper *keeper = arg;
    const char *what = json_string_value(json_object_get(event, "event"));
    const char *name = json_string_value(json_object_get(event, "name"));

    const char *why = json_string_value(json_object_get(event, "why"));
    const struct keeper_end end = {.why = why ? why : "its last words are no text",
                                   .signal =
                                       (int)json_integer_value(json_object_get(event, "signal"))};

    if (keeper->event && what && name)
        keeper->event(keeper->arg, what, name, strcmp(what, "exited") == 0 ? &end : NULL);
}

static void on_closed(void *arg)
{
    struct keeper *keeper = arg;

    keeper->lost = true;
    if (keeper->event)
        keeper->event(keeper->arg, "lost", "", NULL);
}

static int ask(struct keeper *keeper, const char *cmd, json_t *fields, int64_t timeout_us,
               json_t **ret_reply, struct errctx *err)
{
    return rpc_call(keeper->rpc, cmd, fields, timeout_us, ret_reply, err);
}

/* Ask for one number or text and drop the rest; ret_* are what is not NULL. */
static int ask_port(struct keeper *keeper, const char *cmd, json_t *fields, int64_t timeout_us,
                    uint16_t *ret_port, struct errctx *err)
{
    json_t *reply;
    int r = ask(keeper, cmd, fields, timeout_us, &reply, err);

    if (r < 0)
        return r;
    *ret_port = (uint16_t)json_integer_value(json_object_get(reply, "port"));
    json_decref(reply);
    return 0;
}

static int connect_to(struct keeper *keeper, const char *socket, struct errctx *err)
{
    const struct rpc_client_handlers handlers = {
        .event = on_event, .closed = on_closed, .arg = keeper};
    json_t *reply;
    int r = rpc_connect(keeper->base, socket, &handlers, &keeper->rpc, err);

    if (r == 0)
        r = ask(keeper, "hello", NULL, ASK_MAX_US, &reply, err);
    if (r < 0)
        return r;
    keeper->pid = (pid_t)json_integer_value(json_object_get(reply, "pid"));
    keeper->pid_fd = pidfd_open(keeper->pid, 0);
    json_decref(reply);
    return 0;
}

/* In the child. Its standard error stays ours. */
static _Noreturn void become_keeper(const char *program, int life, int line, const char *flag)
{
    char verb[] = KEEPER_VERB, name[] = "syncbed", flag_copy[] = KEEPER_UNTIL_FLAG;
    char *argv[] = {name, verb, flag ? flag_copy : NULL, NULL};

    (void)setsid();
    if (dup2(life, STDIN_FILENO) >= 0 && dup2(line, STDOUT_FILENO) >= 0 &&
        close_range(STDERR_FILENO + 1, ~0U, 0) == 0)
        (void)execv(program, argv);
    _exit(127);
}

/* One line within HELLO_MAX_US; -EPIPE when it ended without one. */
static int read_line(int fd, char ret_line[LINE_SIZE], struct errctx *err)
{
    int64_t until_us = clock_now_us() + HELLO_MAX_US;
    size_t used = 0;

    while (used < LINE_SIZE - 1) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t left_us = until_us - clock_now_us();
        ssize_t n;

        if (left_us <= 0)
            return err_set(err, ETIMEDOUT, ERR_FATAL, "the keeper did not say it is ready");
        if (poll(&wait, 1, (int)(left_us / US_PER_MS) + 1) <= 0)
            continue;
        n = read(fd, ret_line + used, LINE_SIZE - 1 - used);
        if (n <= 0)
            break;
        used += (size_t)n;
        if (ret_line[used - 1] == '\n') {
            ret_line[used] = '\0';
            return 0;
        }
    }
    return err_set(err, EPIPE, ERR_FATAL, "the keeper ended before it was ready");
}

static int connect_as_told(struct keeper *keeper, const char *line, struct errctx *err)
{
    json_t *said = json_loads(line, 0, NULL);
    const char *socket = json_string_value(json_object_get(said, "socket"));
    const char *error = json_string_value(json_object_get(said, "error"));
    int r;

    if (socket)
        r = connect_to(keeper, socket, err);
    else
        r = err_set(err, EREMOTEIO, ERR_FATAL, "%s", error ? error : "the keeper makes no sense");
    json_decref(said);
    return r;
}

static struct keeper *client_new(struct event_base *base, keeper_event event, void *arg)
{
    struct keeper *keeper = mem_alloc(sizeof *keeper);

    keeper->base = base;
    keeper->event = event;
    keeper->arg = arg;
    keeper->pid_fd = -1;
    keeper->life = -1;
    return keeper;
}

static void close_both(int fd[2])
{
    for (int i = 0; i < 2; i++) {
        if (fd[i] >= 0)
            (void)close(fd[i]);
        fd[i] = -1;
    }
}

/* Fork it; ret_line is the read end of its standard output. */
static int fork_keeper(struct keeper *keeper, enum keeper_lifetime lifetime, int *ret_line,
                       struct errctx *err)
{
    int life[2] = {-1, -1}, line[2] = {-1, -1};
    char *program = program_self();
    int r = 0;

    if (pipe2(life, O_CLOEXEC) < 0 || pipe2(line, O_CLOEXEC) < 0) {
        r = err_set(err, errno, ERR_FATAL, "pipe: %s", strerror(errno));
        goto out;
    }
    keeper->pid = fork();
    if (keeper->pid == 0)
        become_keeper(program, life[0], line[1],
                      lifetime == KEEPER_UNTIL_DOWN ? KEEPER_UNTIL_FLAG : NULL);
    if (keeper->pid < 0) {
        r = err_set(err, errno, ERR_FATAL, "fork: %s", strerror(errno));
        goto out;
    }
    keeper->is_child = true;
    if (lifetime == KEEPER_OF_CALLER) {
        keeper->life = life[1];
        life[1] = -1;
    }
    *ret_line = line[0];
    line[0] = -1;
out:
    free(program);
    close_both(life);
    close_both(line);
    return r;
}

int keeper_start(struct event_base *base, enum keeper_lifetime lifetime, keeper_event event,
                 void *arg, struct keeper **ret_keeper, struct errctx *err)
{
    struct keeper *keeper = client_new(base, event, arg);
    char text[LINE_SIZE];
    int line = -1;
    int r = fork_keeper(keeper, lifetime, &line, err);

    if (r == 0)
        r = read_line(line, text, err);
    if (r == 0)
        r = connect_as_told(keeper, text, err);
    if (line >= 0)
        (void)close(line);
    if (r < 0)
        keeper_free(keeper);
    else
        *ret_keeper = keeper;
    return r;
}

int keeper_attach(struct event_base *base, keeper_event event, void *arg,
                  struct keeper **ret_keeper, struct errctx *err)
{
    struct keeper *keeper = client_new(base, event, arg);
    char folder[PATH_MAX], socket[PATH_MAX + 16];
    struct stat st;
    int r;

    folder_of_up(folder);
    if (lstat(folder, &st) == 0 && st.st_uid != geteuid()) {
        r = err_set(err, EPERM, ERR_FATAL, "%s is not ours, but of user %u", folder,
                    (unsigned)st.st_uid);
        goto out;
    }
    (void)snprintf(socket, sizeof socket, "%s/" FOLDER_SOCKET, folder);
    r = connect_to(keeper, socket, err);
    if (r == -ENOENT || r == -ECONNREFUSED)
        r = err_set(err, ENOENT, ERR_ABORT, "no servers are up: `syncbed up` starts them");
out:
    if (r < 0)
        keeper_free(keeper);
    else
        *ret_keeper = keeper;
    return r;
}

/* Its process has ended, so all it held is free; false: it has not, in all that time. */
static bool wait_for_end(const struct keeper *keeper)
{
    struct pollfd wait = {.fd = keeper->pid_fd, .events = POLLIN};
    int64_t until_us = clock_now_us() + END_MAX_MS * US_PER_MS;
    int n = 0;

    if (keeper->pid_fd < 0)
        return true; /* it was gone when we looked */
    do {
        int64_t left_us = until_us - clock_now_us();

        n = poll(&wait, 1, left_us > 0 ? (int)(left_us / US_PER_MS) + 1 : 0);
    } while (n < 0 && errno == EINTR);
    return n > 0;
}

void keeper_free(struct keeper *keeper)
{
    bool ends = keeper && keeper->life >= 0;
    int status = 0;

    if (!keeper)
        return;
    if (keeper->is_child && keeper->pid_fd < 0)
        keeper->pid_fd = pidfd_open(keeper->pid, 0); /* it never became ready */
    rpc_client_free(keeper->rpc);
    if (ends)
        (void)close(keeper->life);
    if (ends && !wait_for_end(keeper))
        (void)kill(keeper->pid, SIGKILL); /* its children follow it */
    if (keeper->is_child)
        (void)waitpid(keeper->pid, &status, ends ? 0 : WNOHANG);
    if (WIFSIGNALED(status))
        folder_sweep(); /* it was killed: end what outlived it, rather than leave it to the next */
    if (keeper->pid_fd >= 0)
        (void)close(keeper->pid_fd);
    free(keeper);
}

static bool is_lost(void *arg)
{
    const struct keeper *keeper = arg;

    return keeper->lost;
}

int keeper_down(struct keeper *keeper, struct errctx *err)
{
    int r;

    rpc_send(keeper->rpc, "down", NULL, NULL, NULL);
    r = loop_until(keeper->base, is_lost, keeper, END_MAX_MS * US_PER_MS);
    if (r < 0)
        return err_set(err, -r, ERR_FATAL, "down: %s", strerror(-r));
    if (!wait_for_end(keeper))
        return err_set(err, ETIMEDOUT, ERR_FATAL, "down: process %d does not end",
                       (int)keeper->pid);
    return 0;
}

int keeper_servers_up(struct keeper *keeper, const char *const *names, unsigned n,
                      struct errctx *err)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < n; i++)
        json_array_append_new(list, json_string(names[i]));
    return ask(keeper, "up", json_pack("{s:o}", "names", list), START_MAX_US, NULL, err);
}

static struct address loopback(uint16_t port)
{
    struct address address = {.port = port};

    (void)snprintf(address.host, sizeof address.host, "127.0.0.1");
    return address;
}

static int store_from_json(const json_t *json, struct topology_store *ret, struct errctx *err)
{
    struct topology_store store = {0};
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *kind = json_string_value(json_object_get(json, "kind"));
    const char *user = json_string_value(json_object_get(json, "user"));
    const char *database = json_string_value(json_object_get(json, "database"));

    if (!name || !kind || !user || !database || !store_kind_find(kind, &store.kind))
        return err_set(err, EPROTO, ERR_FATAL, "the keeper makes no sense");
    (void)snprintf(store.name, sizeof store.name, "%s", name);
    (void)snprintf(store.user, sizeof store.user, "%s", user);
    (void)snprintf(store.database, sizeof store.database, "%s", database);
    store.address = loopback((uint16_t)json_integer_value(json_object_get(json, "port")));
    *ret = store;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct topology_store *left = a, *right = b;

    return strcmp(left->name, right->name);
}

int keeper_topology(struct keeper *keeper, struct topology *ret_topology, struct errctx *err)
{
    json_t *reply, *item;
    struct topology *t;
    int r = ask(keeper, "topology", NULL, ASK_MAX_US, &reply, err);
    size_t i;

    if (r < 0)
        return r;
    t = mem_alloc(sizeof *t);
    json_array_foreach (json_object_get(reply, "stores"), i, item) {
        if (r < 0 || t->n_stores == STORES_MAX)
            break;
        r = store_from_json(item, &t->store[t->n_stores], err);
        t->n_stores += r == 0;
    }
    qsort(t->store, t->n_stores, sizeof t->store[0], by_name);
    t->log = loopback((uint16_t)json_integer_value(json_object_get(reply, "log")));
    if (r == 0)
        *ret_topology = *t;
    free(t);
    json_decref(reply);
    return r;
}

int keeper_log_address(struct keeper *keeper, enum role_kind kind, struct address *ret_address,
                       struct errctx *err)
{
    uint16_t port;
    int r = ask_port(keeper, "listener", json_pack("{s:s}", "kind", role_kind_name(kind)),
                     ASK_MAX_US, &port, err);

    if (r == 0)
        *ret_address = loopback(port);
    return r;
}

int keeper_port(struct keeper *keeper, const char *name, uint16_t *ret_port, struct errctx *err)
{
    return ask_port(keeper, "port", json_pack("{s:s}", "name", name), ASK_MAX_US, ret_port, err);
}

int keeper_folder(struct keeper *keeper, const char *name, char *ret_path, struct errctx *err)
{
    json_t *reply;
    const char *path;
    int r = ask(keeper, "folder", json_pack("{s:s}", "name", name), ASK_MAX_US, &reply, err);

    if (r < 0)
        return r;
    path = json_string_value(json_object_get(reply, "path"));
    (void)snprintf(ret_path, PATH_MAX, "%s", path ? path : "");
    json_decref(reply);
    return 0;
}

int keeper_start_role(struct keeper *keeper, const char *name, const char *const *argv,
                      const char *log_path, uint16_t *ret_port, struct errctx *err)
{
    json_t *list = json_array();

    for (unsigned i = 0; argv[i]; i++)
        json_array_append_new(list, json_string(argv[i]));
    return ask_port(keeper, "start",
                    json_pack("{s:s, s:o, s:s}", "name", name, "argv", list, "log", log_path),
                    START_MAX_US, ret_port, err);
}

static json_t *signal_fields(const char *name, enum keeper_signal signal)
{
    static const char *const names[] = {
        [KEEPER_KILL] = "kill",
        [KEEPER_TERM] = "term",
        [KEEPER_PAUSE] = "pause",
        [KEEPER_CONTINUE] = "continue",
    };

    return json_pack("{s:s, s:s}", "name", name, "signal", names[signal]);
}

int keeper_signal(struct keeper *keeper, const char *name, enum keeper_signal signal,
                  struct errctx *err)
{
    return ask(keeper, "signal", signal_fields(name, signal), SIGNAL_MAX_US, NULL, err);
}

int keeper_restart(struct keeper *keeper, const char *name, struct errctx *err)
{
    return ask(keeper, "restart", json_pack("{s:s}", "name", name), START_MAX_US, NULL, err);
}

struct later {
    keeper_done done;
    void *arg;
};

static void on_later(void *arg, json_t *reply)
{
    struct later *later = arg;
    const char *error = json_string_value(json_object_get(reply, "error"));

    if (!reply)
        error = "the keeper is gone";
    if (later->done)
        later->done(later->arg, error);
    free(later);
}

static void ask_later(struct keeper *keeper, const char *cmd, json_t *fields, keeper_done done,
                      void *arg)
{
    struct later *later = mem_alloc(sizeof *later);

    *later = (struct later){.done = done, .arg = arg};
    rpc_send(keeper->rpc, cmd, fields, on_later, later);
}

void keeper_signal_async(struct keeper *keeper, const char *name, enum keeper_signal signal,
                         keeper_done done, void *arg)
{
    ask_later(keeper, "signal", signal_fields(name, signal), done, arg);
}

void keeper_restart_async(struct keeper *keeper, const char *name, keeper_done done, void *arg)
{
    ask_later(keeper, "restart", json_pack("{s:s}", "name", name), done, arg);
}

int keeper_list(struct keeper *keeper, json_t **ret_list, struct errctx *err)
{
    json_t *reply;
    int r = ask(keeper, "list", NULL, ASK_MAX_US, &reply, err);

    if (r < 0)
        return r;
    *ret_list = json_incref(json_object_get(reply, "processes"));
    json_decref(reply);
    return 0;
}
