/* One process under the keeper: see the header. */
#include "servers/process.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "servers/folder.h"
#include "servers/process_tree.h"
#include "servers/spawn.h"
#include "servers/text_file.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBE_INTERVAL_US (50 * US_PER_MS)
#define SWEEP_INTERVAL_US (5 * US_PER_MS)
#define START_MAX_US      (30 * US_PER_S)
#define TERM_MAX_US       (5 * US_PER_S)
#define LINES_SIZE        300 /* of its log, in a message that has room for 480 */
#define READY_LINE_MAX    4096

enum goal { GOAL_READY, GOAL_GONE };

struct waiter {
    enum goal goal;
    process_done done;
    void *arg;
    struct waiter *next;
};

struct process {
    const struct process_env *env;
    enum process_state state;
    int64_t since_us;
    const struct server_kind *kind; /* NULL: a role */
    struct server server;           /* a role uses name, log and port[0] */
    bool initialised;               /* its data were made */
    unsigned init_step;
    char **argv;         /* a role's */
    pid_t pid;           /* the main process, or a step of initialising; 0: reaped */
    pid_t probe;         /* the tool that asks whether it is ready; 0: none */
    char mark[PATH_MAX]; /* process_tree.h */
    struct event *timer; /* STARTING: next probe; STOPPING: patience is over; KILLING: look again */
    int64_t deadline_us; /* STARTING */
    struct event *output; /* a role's standard output; NULL once closed */
    struct buf line;      /* of it, before the ready line is complete */
    struct buf why;       /* non-empty: KILLING leads to FAILED */
    bool start_again;     /* asked for while it was being ended */
    struct waiter *waiters;
};

#define BIT(state) (1u << (state))

/* What may follow what. */
static const unsigned may_follow[PROCESS_STATES] = {
    [PROCESS_STOPPED] = BIT(PROCESS_INITIALISING) | BIT(PROCESS_STARTING) | BIT(PROCESS_FAILED),
    [PROCESS_INITIALISING] = BIT(PROCESS_STARTING) | BIT(PROCESS_KILLING),
    [PROCESS_STARTING] = BIT(PROCESS_READY) | BIT(PROCESS_STOPPING) | BIT(PROCESS_KILLING),
    [PROCESS_READY] = BIT(PROCESS_PAUSED) | BIT(PROCESS_STOPPING) | BIT(PROCESS_KILLING),
    [PROCESS_PAUSED] = BIT(PROCESS_READY) | BIT(PROCESS_STOPPING) | BIT(PROCESS_KILLING),
    [PROCESS_STOPPING] = BIT(PROCESS_KILLING),
    [PROCESS_KILLING] = BIT(PROCESS_STOPPED) | BIT(PROCESS_FAILED),
    [PROCESS_FAILED] = BIT(PROCESS_INITIALISING) | BIT(PROCESS_STARTING) | BIT(PROCESS_FAILED),
};

static const char *const state_names[PROCESS_STATES] = {
    [PROCESS_STOPPED] = "stopped",   [PROCESS_INITIALISING] = "initialising",
    [PROCESS_STARTING] = "starting", [PROCESS_READY] = "ready",
    [PROCESS_PAUSED] = "paused",     [PROCESS_STOPPING] = "stopping",
    [PROCESS_KILLING] = "killing",   [PROCESS_FAILED] = "failed",
};

const char *process_state_name(enum process_state state)
{
    return state_names[state];
}

static void add_waiter(struct process *p, enum goal goal, process_done done, void *arg)
{
    struct waiter **end = &p->waiters;
    struct waiter *w = mem_alloc(sizeof *w);

    *w = (struct waiter){.goal = goal, .done = done, .arg = arg};
    while (*end)
        end = &(*end)->next;
    *end = w;
}

/* Answer all that wait for `goal`. */
static void answer(struct process *p, enum goal goal, const char *error)
{
    struct waiter **at = &p->waiters;
    struct waiter *w;

    while ((w = *at)) {
        if (w->goal != goal) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        w->done(w->arg, error);
        free(w);
    }
}

static void on_ended(struct process *p)
{
    char text[SERVER_NAME_SIZE + 40];

    p->env->event(p->env->arg, "exited", p);
    answer(p, GOAL_GONE, NULL);
    if (p->start_again)
        return; /* its waiters go on waiting */
    (void)snprintf(text, sizeof text, "%s was stopped before it was ready", p->server.name);
    answer(p, GOAL_READY, p->why.size > 0 ? buf_str(&p->why) : text);
}

static void set_state(struct process *p, enum process_state state)
{
    enum process_state before = p->state;

    assert(may_follow[before] & BIT(state));
    p->state = state;
    p->since_us = clock_now_us();
    switch (state) {
    case PROCESS_READY:
        if (before == PROCESS_STARTING)
            p->env->event(p->env->arg, "ready", p);
        answer(p, GOAL_READY, NULL);
        break;
    case PROCESS_STOPPED:
    case PROCESS_FAILED:
        assert(p->pid == 0);
        on_ended(p);
        break;
    case PROCESS_INITIALISING:
    case PROCESS_STARTING:
    case PROCESS_PAUSED:
    case PROCESS_STOPPING:
    case PROCESS_KILLING:
    case PROCESS_STATES:
        break;
    }
}

static void set_timer(struct process *p, int64_t us)
{
    struct timeval delay = clock_timeval(us);

    if (evtimer_add(p->timer, &delay) < 0)
        abort(); /* out of memory */
}

static struct tree tree_of(const struct process *p)
{
    return (struct tree){.root = p->pid, .mark = p->mark};
}

static void close_output(struct process *p)
{
    if (!p->output)
        return;
    (void)close(event_get_fd(p->output));
    event_free(p->output);
    p->output = NULL;
    buf_clear(&p->line);
}

/* Kill whatever is left of it; the timer looks until nothing is. */
static void sweep(struct process *p)
{
    struct tree tree = tree_of(p);

    set_state(p, PROCESS_KILLING);
    if (!tree_stop(&tree)) /* then some may fork on; the sweep is repeated until none is left */
        log_warn("%s: not all of its processes could be stopped", p->server.name);
    (void)tree_signal(&tree, SIGKILL);
    p->probe = 0; /* marked as well, so it was among them */
    set_timer(p, 0);
}

/* Keep the reason, with the last lines it said; nothing may be left running. */
__attribute__((format(printf, 2, 3))) static void fail(struct process *p, const char *fmt, ...)
{
    char head[sizeof((struct errctx *)0)->message], lines[LINES_SIZE];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(head, sizeof head, fmt, ap);
    va_end(ap);
    text_file_last_lines(p->server.log, p->server.log_from, lines, sizeof lines);
    buf_clear(&p->why);
    buf_printf(&p->why, "%s%s%s", head, lines[0] ? "; its last lines: " : "", lines);
    if (p->state == PROCESS_STOPPED || p->state == PROCESS_FAILED)
        return; /* not even begun: see begin() */
    sweep(p);
}

/* Spawn as the main process of this state. */
static int spawn(struct process *p, struct plan *plan, int *ret_stdout, struct errctx *err)
{
    if (!plan->output)
        plan->output = mem_strdup(p->server.log);
    plan->mark = mem_strdup(p->mark);
    if (p->kind) {
        plan->unprivileged = true;
        plan->folder = mem_strdup(p->server.folder);
    }
    return plan_spawn(plan, ret_stdout, &p->pid, err);
}

static int make_folder(struct process *p, struct errctx *err)
{
    const char *path = p->server.folder;
    uid_t uid;
    gid_t gid;
    int r = server_user(&uid, &gid, err);

    if (r < 0)
        return r;
    r = folder_delete(path); /* of an attempt that failed */
    if (r < 0)
        return err_set(err, -r, ERR_FATAL, "%s: %s", path, strerror(-r));
    if (mkdir(path, 0700) < 0 || chown(path, uid, gid) < 0)
        return err_set(err, errno, ERR_FATAL, "%s: %s", path, strerror(errno));
    return p->kind->configure(&p->server, err);
}

static void on_output(evutil_socket_t fd, short what, void *arg);

static void plan_role(const struct process *p, struct plan *plan)
{
    plan->program = mem_strdup("/proc/self/exe"); /* also when its file was replaced */
    for (unsigned i = 0; p->argv[i]; i++)
        plan_arg(plan, "%s", p->argv[i]);
}

static int launch(struct process *p, struct errctx *err)
{
    struct plan plan = {0};
    int output = -1, r;

    p->server.log_from = text_file_size(p->server.log);
    if (p->kind)
        p->kind->run(&p->server, &plan);
    else
        plan_role(p, &plan);
    r = spawn(p, &plan, p->kind ? NULL : &output, err);
    plan_done(&plan);
    if (r < 0)
        return r;
    if (output >= 0) {
        p->output = event_new(p->env->base, output, EV_READ | EV_PERSIST, on_output, p);
        if (!p->output || event_add(p->output, NULL) < 0)
            abort(); /* out of memory */
    }
    set_state(p, PROCESS_STARTING);
    p->deadline_us = clock_now_us() + START_MAX_US;
    set_timer(p, PROBE_INTERVAL_US);
    return 0;
}

/* The next program that makes the data, or the server itself when there are no more. */
static int initialise(struct process *p, struct errctx *err)
{
    struct plan plan = {0};
    int r;

    if (!p->kind->initialise(&p->server, p->init_step, &plan)) {
        p->initialised = true;
        return launch(p, err);
    }
    r = spawn(p, &plan, NULL, err);
    plan_done(&plan);
    if (r < 0)
        return r;
    if (p->state != PROCESS_INITIALISING) {
        set_state(p, PROCESS_INITIALISING);
        set_timer(p, START_MAX_US);
    }
    return 0;
}

static void begin(struct process *p)
{
    struct errctx err = {0};
    int r = 0;

    assert(!process_runs(p));
    p->start_again = false;
    buf_clear(&p->why);
    p->server.log_from = text_file_size(p->server.log);
    if (!p->kind || p->initialised) {
        r = launch(p, &err);
    } else {
        p->init_step = 0;
        r = make_folder(p, &err);
        if (r == 0)
            r = initialise(p, &err);
    }
    if (r < 0) {
        fail(p, "%s: %s", p->server.name, err.message);
        set_state(p, PROCESS_FAILED);
    }
}

/* In words: "ended by signal 9", "ended with status 1". */
static void describe(int status, char *ret_text, size_t size)
{
    if (WIFSIGNALED(status))
        (void)snprintf(ret_text, size, "ended by signal %d", WTERMSIG(status));
    else
        (void)snprintf(ret_text, size, "ended with status %d", WEXITSTATUS(status));
}

static void on_main_ended(struct process *p, int status)
{
    struct errctx err = {0};
    char how[64];

    describe(status, how, sizeof how);
    switch (p->state) {
    case PROCESS_INITIALISING:
        if (status != 0) {
            fail(p, "making the data of %s failed (%s)", p->server.name, how);
            break;
        }
        p->init_step++;
        if (initialise(p, &err) < 0)
            fail(p, "%s: %s", p->server.name, err.message);
        break;
    case PROCESS_STARTING:
        fail(p, "%s %s before it was ready", p->server.name, how);
        break;
    case PROCESS_READY:
    case PROCESS_PAUSED:
        fail(p, "%s %s", p->server.name, how);
        break;
    case PROCESS_STOPPING:
        sweep(p); /* backends may outlive their postmaster by a moment */
        break;
    case PROCESS_KILLING: /* the timer looks whether the rest is gone */
        break;
    case PROCESS_STOPPED:
    case PROCESS_FAILED:
    case PROCESS_STATES:
        assert(!"a process that was not running ended");
    }
}

bool process_reaped(struct process *p, pid_t pid, int status)
{
    assert(pid > 0);
    if (pid == p->probe) {
        p->probe = 0;
        if (p->state == PROCESS_STARTING && status == 0)
            set_state(p, PROCESS_READY);
        return true;
    }
    if (pid != p->pid)
        return false;
    p->pid = 0;
    on_main_ended(p, status);
    return true;
}

/* A role said something: {"ready":true,"port":20131}, or anything else, which goes to its log. */
static void on_output_line(struct process *p, const char *line)
{
    json_t *said = json_loads(line, 0, NULL);

    if (p->state == PROCESS_STARTING && json_is_true(json_object_get(said, "ready"))) {
        p->server.port[0] = (uint16_t)json_integer_value(json_object_get(said, "port"));
        set_state(p, PROCESS_READY);
    } else {
        text_file_append(p->server.log, line, strlen(line));
        text_file_append(p->server.log, "\n", 1);
    }
    json_decref(said);
}

static void on_output(evutil_socket_t fd, short what, void *arg)
{
    struct process *p = arg;
    char chunk[1024], *end;
    ssize_t n = read(fd, chunk, sizeof chunk);

    (void)what;
    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            close_output(p);
        return;
    }
    buf_append(&p->line, chunk, (size_t)n);
    while ((end = memchr(p->line.data, '\n', p->line.size))) {
        *end = '\0';
        on_output_line(p, p->line.data);
        buf_consume(&p->line, (size_t)(end - p->line.data) + 1);
    }
    if (p->line.size > READY_LINE_MAX)
        buf_clear(&p->line);
}

static void probe(struct process *p)
{
    struct plan plan = {0};
    struct errctx err = {0};

    if (clock_now_us() > p->deadline_us) {
        fail(p, "%s was not ready within %d s", p->server.name, (int)(START_MAX_US / US_PER_S));
        return;
    }
    set_timer(p, PROBE_INTERVAL_US);
    if (!p->kind || p->probe > 0)
        return; /* a role says so itself; a tool is at it */
    switch (p->kind->probe(&p->server, &plan)) {
    case PROBE_NOT_YET:
        break;
    case PROBE_READY:
        set_state(p, PROCESS_READY);
        break;
    case PROBE_ASK:
        plan.output = mem_strdup("/dev/null");
        plan.mark = mem_strdup(p->mark);
        plan.unprivileged = true;
        if (plan_spawn(&plan, NULL, &p->probe, &err) < 0)
            log_warn("%s: %s", p->server.name, err.message);
        break;
    }
    plan_done(&plan);
}

static void look_again(struct process *p)
{
    struct tree tree = tree_of(p);

    if (p->pid > 0 || tree_alive(&tree)) {
        (void)tree_signal(&tree, SIGKILL);
        set_timer(p, SWEEP_INTERVAL_US);
        return;
    }
    close_output(p);
    if (p->kind && p->kind->release)
        p->kind->release(p->server.folder);
    set_state(p, p->why.size > 0 ? PROCESS_FAILED : PROCESS_STOPPED);
    if (p->start_again)
        begin(p);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct process *p = arg;

    (void)fd;
    (void)what;
    switch (p->state) {
    case PROCESS_STARTING:
        probe(p);
        break;
    case PROCESS_STOPPING:
        sweep(p);
        break;
    case PROCESS_KILLING:
        look_again(p);
        break;
    case PROCESS_INITIALISING:
        fail(p, "making the data of %s took over %d s", p->server.name,
             (int)(START_MAX_US / US_PER_S));
        break;
    case PROCESS_STOPPED:
    case PROCESS_READY:
    case PROCESS_PAUSED:
    case PROCESS_FAILED:
    case PROCESS_STATES:
        break; /* a timer of an earlier state */
    }
}

void process_start(struct process *p, process_done done, void *arg)
{
    switch (p->state) {
    case PROCESS_READY:
        done(arg, NULL);
        break;
    case PROCESS_PAUSED:
        done(arg, "it is paused");
        break;
    case PROCESS_INITIALISING:
    case PROCESS_STARTING:
        add_waiter(p, GOAL_READY, done, arg);
        break;
    case PROCESS_STOPPING:
    case PROCESS_KILLING:
        p->start_again = true;
        add_waiter(p, GOAL_READY, done, arg);
        break;
    case PROCESS_STOPPED:
    case PROCESS_FAILED:
        add_waiter(p, GOAL_READY, done, arg);
        begin(p);
        break;
    case PROCESS_STATES:
        assert(!"no such state");
    }
}

static void ask_to_end(struct process *p)
{
    struct tree tree = tree_of(p);

    if (p->state == PROCESS_INITIALISING) {
        sweep(p);
        return;
    }
    (void)kill(p->pid, p->kind ? p->kind->term_signal : SIGTERM); /* may have ended since */
    if (p->state == PROCESS_PAUSED)
        (void)tree_signal(&tree, SIGCONT);
    set_state(p, PROCESS_STOPPING);
    set_timer(p, TERM_MAX_US);
}

static void end(struct process *p, bool at_once, process_done done, void *arg)
{
    if (!process_runs(p)) {
        done(arg, NULL);
        return;
    }
    p->start_again = false;
    add_waiter(p, GOAL_GONE, done, arg);
    if (p->state == PROCESS_KILLING)
        return;
    if (at_once)
        sweep(p);
    else if (p->state != PROCESS_STOPPING)
        ask_to_end(p);
}

static void pause_or_continue(struct process *p, bool pause, process_done done, void *arg)
{
    enum process_state goal = pause ? PROCESS_PAUSED : PROCESS_READY;
    struct tree tree = tree_of(p);
    char text[128];

    if (p->state == goal) {
        done(arg, NULL);
        return;
    }
    if (p->state != PROCESS_READY && p->state != PROCESS_PAUSED) {
        (void)snprintf(text, sizeof text, "%s is %s", p->server.name, state_names[p->state]);
        done(arg, text);
        return;
    }
    if (!pause)
        (void)tree_signal(&tree, SIGCONT);
    else if (!tree_stop(&tree))
        log_warn("%s: not all of its processes could be stopped", p->server.name);
    set_state(p, goal);
    done(arg, NULL);
}

void process_signal(struct process *p, enum keeper_signal signal, process_done done, void *arg)
{
    switch (signal) {
    case KEEPER_KILL:
        end(p, true, done, arg);
        break;
    case KEEPER_TERM:
        end(p, false, done, arg);
        break;
    case KEEPER_PAUSE:
        pause_or_continue(p, true, done, arg);
        break;
    case KEEPER_CONTINUE:
        pause_or_continue(p, false, done, arg);
        break;
    }
}

struct process *process_new(const struct process_env *env, const char *name,
                            const struct server_kind *kind, const uint16_t *ports, unsigned n_ports)
{
    struct process *p = mem_alloc(sizeof *p);

    assert(strlen(env->folder) + strlen(name) + 8 < PATH_MAX);
    assert(strlen(name) < sizeof p->server.name);
    assert(n_ports <= SERVER_PORTS_MAX);
    p->env = env;
    p->since_us = clock_now_us();
    p->kind = kind;
    (void)snprintf(p->server.name, sizeof p->server.name, "%s", name);
    (void)snprintf(p->server.folder, sizeof p->server.folder, "%s/%s", env->folder, name);
    (void)snprintf(p->server.log, sizeof p->server.log, "%s/%s.log", env->folder, name);
    (void)snprintf(p->mark, sizeof p->mark, "%s/%s", env->folder, name);
    for (unsigned i = 0; i < n_ports; i++)
        p->server.port[i] = ports[i];
    p->timer = evtimer_new(env->base, on_timer, p);
    if (!p->timer)
        abort(); /* out of memory */
    return p;
}

static void free_argv(struct process *p)
{
    for (unsigned i = 0; p->argv && p->argv[i]; i++)
        free(p->argv[i]);
    free(p->argv);
    p->argv = NULL;
}

void process_free(struct process *p)
{
    if (!p)
        return;
    close_output(p);
    answer(p, GOAL_READY, "the keeper ends");
    answer(p, GOAL_GONE, "the keeper ends");
    event_free(p->timer);
    buf_done(&p->line);
    buf_done(&p->why);
    free_argv(p);
    free(p);
}

void process_set_role(struct process *p, const char *const *argv, const char *log_path)
{
    unsigned n = 0;

    assert(!p->kind);
    assert(!process_runs(p));
    free_argv(p);
    while (argv[n])
        n++;
    p->argv = mem_alloc_array(n + 1, sizeof *p->argv);
    for (unsigned i = 0; i < n; i++)
        p->argv[i] = mem_strdup(argv[i]);
    (void)snprintf(p->server.log, sizeof p->server.log, "%s", log_path);
}

const char *process_name(const struct process *p)
{
    return p->server.name;
}

const struct server_kind *process_kind(const struct process *p)
{
    return p->kind;
}

enum process_state process_state(const struct process *p)
{
    return p->state;
}

bool process_runs(const struct process *p)
{
    return p->state != PROCESS_STOPPED && p->state != PROCESS_FAILED;
}

int64_t process_since_us(const struct process *p)
{
    return p->since_us;
}

pid_t process_pid(const struct process *p)
{
    return p->pid;
}

uint16_t process_port(const struct process *p)
{
    return p->server.port[0];
}

const char *process_log(const struct process *p)
{
    return p->server.log;
}

int64_t process_rss_kb(const struct process *p)
{
    struct tree tree = tree_of(p);

    return process_runs(p) ? tree_rss_kb(&tree) : 0;
}

const char *process_why(const struct process *p)
{
    return buf_str(&p->why);
}
