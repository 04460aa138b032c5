/* The keeper's process: see the header. */
#include "servers/keeper_main.h"

#include "base/log.h"
#include "base/loop.h"
#include "servers/keeper_daemon.h"
#include "servers/process_tree.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define END_TRIES    2000 /* of END_PAUSE_NS: 10 s */
#define END_PAUSE_NS 5000000

void keeper_reap(struct keeper_daemon *k)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        bool known = false;

        for (size_t i = 0; i < k->n_processes && !known; i++)
            known = process_reaped(k->process[i], pid, status);
        /* Else it came from a main process that is gone: as subreaper we are its heir. */
    }
}

static void on_child(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    keeper_reap(arg);
}

static void on_term(evutil_socket_t fd, short what, void *arg)
{
    const struct keeper_daemon *k = arg;

    (void)fd;
    (void)what;
    (void)event_base_loopbreak(k->base); /* fails for no base only */
}

/* The owner holds the other end of our standard input: closed, whatever became of the owner. */
static void on_owner(evutil_socket_t fd, short what, void *arg)
{
    const struct keeper_daemon *k = arg;
    char ignored[64];
    ssize_t n = read(fd, ignored, sizeof ignored);

    (void)what;
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        (void)event_base_loopbreak(k->base); /* fails for no base only */
}

static void on_process_event(void *arg, const char *what, const struct process *process)
{
    struct keeper_daemon *k = arg;

    json_t *event = json_pack("{s:s, s:s}", "event", what, "name", process_name(process));

    if (!process_runs(process)) {
        json_object_set_new(event, "why", json_string(buf_str(&process->why)));
        json_object_set_new(event, "signal", json_integer(process->signal));
    }
    rpc_event(k->rpc, event);
}

/* Kill and reap until no child is left and nothing that carries our mark lives. */
static void end_all(struct keeper_daemon *k)
{
    const struct timespec pause = {.tv_nsec = END_PAUSE_NS};
    char mark[PATH_MAX + 1];
    struct tree all = {.root = getpid(), .mark = mark};

    assert(k->folder.path[0]);
    (void)snprintf(mark, sizeof mark, "%s/", k->folder.path);
    (void)tree_stop(&all); /* the rest is repeated until none is left */
    for (unsigned tries = 0; tries < END_TRIES; tries++) {
        (void)tree_signal(&all, SIGKILL);
        while (waitpid(-1, NULL, WNOHANG) > 0) {
            /* reaped */
        }
        if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD && !tree_alive(&all))
            return;
        (void)nanosleep(&pause, NULL);
    }
    log_error("something below %s can't be killed", k->folder.path);
}

/* `text` is a JSON object, stolen. Nobody reads our standard output after that line. */
static void say(json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    json_decref(line);
    (void)printf("%s\n", text ? text : "{}");
    (void)fflush(stdout);
    free(text);
    (void)dup2(null, STDOUT_FILENO);
    (void)close(null);
}

/* From now on our messages go to a file: who started us may end, with its terminal. */
static void log_to_folder(const struct keeper_daemon *k)
{
    char path[PATH_MAX + 16];
    int fd;

    (void)snprintf(path, sizeof path, "%s/keeper.log", k->folder.path);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        return; /* then they go where they went */
    (void)dup2(fd, STDERR_FILENO);
    (void)close(fd);
}

static void on_released(void *arg, const char *error)
{
    (void)arg;
    (void)error; /* it ended, or went on, by itself */
}

/* Roles go with the run that started them, however it ended; no server stays paused behind it. */
static void on_gone(void *arg, unsigned n_left)
{
    struct keeper_daemon *k = arg;

    for (size_t i = 0; n_left == 0 && i < k->n_processes; i++) {
        struct process *p = k->process[i];

        if (!p->program.kind)
            process_signal(p, KEEPER_KILL, on_released, NULL);
        else if (p->state == PROCESS_PAUSED)
            process_signal(p, KEEPER_CONTINUE, on_released, NULL);
    }
}

static int listen_at(struct keeper_daemon *k, struct errctx *err)
{
    const struct rpc_handlers handlers = {.request = keeper_command, .gone = on_gone, .arg = k};
    char path[PATH_MAX + 16];
    int r;

    (void)snprintf(path, sizeof path, "%s/" FOLDER_SOCKET, k->folder.path);
    r = rpc_listen(k->base, path, &handlers, &k->rpc, err);
    if (r == 0)
        say(json_pack("{s:b, s:s}", "ready", 1, "socket", path));
    return r;
}

static int open_all(struct keeper_daemon *k, bool until_down, struct errctx *err)
{
    int r;

    folder_sweep();
    r = folder_make(until_down, &k->folder, err);
    if (r < 0)
        return r;
    k->env = (struct process_env){.base = k->base,
                                  .folder = k->folder.path,
                                  .event = on_process_event,
                                  .free_ports = keeper_free_ports,
                                  .arg = k};
    k->ports = ports_new(PORTS_SPACE);
    if (until_down)
        log_to_folder(k);
    return listen_at(k, err);
}

/* The socket goes last: whoever waits at it for the end then finds nothing left. */
static void close_all(struct keeper_daemon *k)
{
    if (!k->folder.path[0])
        return; /* it never began: another one may be up, and nothing of that is ours to end */
    end_all(k);
    for (size_t i = 0; i < k->n_processes; i++)
        process_free(k->process[i]);
    free(k->process);
    ports_free(k->ports);
    server_kinds_release(k->folder.path);
    folder_remove(&k->folder);
    rpc_server_free(k->rpc);
}

static int run(struct keeper_daemon *k, bool until_down)
{
    struct event *child = evsignal_new(k->base, SIGCHLD, on_child, k);
    struct event *term = evsignal_new(k->base, SIGTERM, on_term, k);
    struct event *owner = event_new(k->base, STDIN_FILENO, EV_READ | EV_PERSIST, on_owner, k);
    struct errctx err = {0};
    int status = 0;

    if (!child || !term || !owner || event_add(child, NULL) < 0 || event_add(term, NULL) < 0)
        abort(); /* out of memory */
    if (!until_down && event_add(owner, NULL) < 0)
        err_set(&err, EINVAL, ERR_FATAL, "standard input must be a pipe that the owner holds");
    if (err.message[0] || open_all(k, until_down, &err) < 0) {
        say(json_pack("{s:b, s:s}", "ready", 0, "error", err.message));
        status = 1;
    } else {
        (void)event_base_dispatch(k->base);
    }
    close_all(k);
    event_free(owner);
    event_free(term);
    event_free(child);
    return status;
}

/* Ctrl-C and a closed terminal go to all of a terminal's processes; our end is our owner's. */
static void ignore_terminal(void)
{
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGQUIT, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setsid(); /* fails when we lead a session already */
}

int keeper_main(bool until_down)
{
    struct keeper_daemon keeper = {.folder = {.lock = -1}};
    int status;

    ignore_terminal();
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || chdir("/") < 0) {
        (void)fprintf(stderr, "syncbed " KEEPER_VERB ": %s\n", strerror(errno));
        return 2;
    }
    keeper.base = loop_new();
    status = run(&keeper, until_down);
    event_base_free(keeper.base);
    return status;
}
