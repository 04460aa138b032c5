/* One process under the keeper: see the header. */
#include "servers/process.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "servers/child_output.h"
#include "servers/process_tree.h"
#include "servers/text_file.h"
#include "servers/waiters.h"

#include <assert.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define PROBE_INTERVAL_US (20 * US_PER_MS)
#define SWEEP_INTERVAL_US (5 * US_PER_MS)
#define START_MAX_US      (30 * US_PER_S)
#define TERM_MAX_US       (5 * US_PER_S)
#define LINES_SIZE        400 /* of its log, in a message that has room for 480 */

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

static void on_ended(struct process *p)
{
    char text[SERVER_NAME_SIZE + 40];

    p->env->event(p->env->arg, "exited", p);
    waiters_answer(&p->waiters, GOAL_GONE, NULL);
    if (p->start_again)
        return; /* its waiters go on waiting */
    (void)snprintf(text, sizeof text, "%s was stopped before it was ready", process_name(p));
    waiters_answer(&p->waiters, GOAL_READY, p->why.size > 0 ? buf_str(&p->why) : text);
}

static void set_state(struct process *p, enum process_state state)
{
    enum process_state before = p->state;

    assert(may_follow[before] & BIT(state));
    p->state = state;
    p->since_us = clock_now_us();
    switch (state) {
    case PROCESS_READY:
        p->has_ports = true;
        if (before == PROCESS_STARTING)
            p->env->event(p->env->arg, "ready", p);
        waiters_answer(&p->waiters, GOAL_READY, NULL);
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
    return (struct tree){.root = p->pid, .mark = p->program.mark};
}

/* Kill whatever is left of it; the timer looks until nothing is. */
static void sweep(struct process *p)
{
    struct tree tree = tree_of(p);

    set_state(p, PROCESS_KILLING);
    if (!tree_stop(&tree)) /* then some may fork on; the sweep is repeated until none is left */
        log_warn("%s: not all of its processes could be stopped", process_name(p));
    (void)tree_signal(&tree, SIGKILL);
    p->probe = 0; /* marked as well, so it was among them */
    set_timer(p, 0);
}

/* Keep the reason of an end that nobody asked for, with the last lines that were said. */
__attribute__((format(printf, 2, 3))) static void explain(struct process *p, const char *fmt, ...)
{
    const struct server *server = &p->program.server;
    char head[sizeof((struct errctx *)0)->message], lines[LINES_SIZE];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(head, sizeof head, fmt, ap);
    va_end(ap);
    text_file_last_lines(server->log, server->log_from, lines, sizeof lines);
    buf_clear(&p->why);
    buf_printf(&p->why, "%s%s%s", head, lines[0] ? "; its last lines: " : "", lines);
}

/* A role said something: {"ready":true,"port":20131}, or what goes to its log. */
static void on_output_line(void *arg, const char *line)
{
    struct process *p = arg;
    json_t *said = json_loads(line, 0, NULL);

    if (p->state == PROCESS_STARTING && json_is_true(json_object_get(said, "ready"))) {
        p->program.server.port[0] = (uint16_t)json_integer_value(json_object_get(said, "port"));
        set_state(p, PROCESS_READY);
    } else {
        text_file_append(p->program.server.log, line, strlen(line));
        text_file_append(p->program.server.log, "\n", 1);
    }
    json_decref(said);
}

/*
 * Data take seconds to make, and what was a free port before may be somebody else's since. Nobody
 * knows the ports of a server that has never been ready: it may have others.
 */
static int settle_ports(struct process *p, struct errctx *err)
{
    struct server *server = &p->program.server;
    uint16_t port[SERVER_PORTS_MAX] = {0};
    int r;

    if (!p->program.kind || p->has_ports)
        return 0;
    r = p->env->free_ports(p->env->arg, p, port, err);
    if (r < 0 || memcmp(port, server->port, sizeof port) == 0)
        return r;
    log_info("%s: somebody else listens at its port by now, it gets another", process_name(p));
    memcpy(server->port, port, sizeof port);
    return p->program.kind->configure(server, err);
}

static int launch(struct process *p, struct errctx *err)
{
    int output, r = settle_ports(p, err);

    if (r == 0)
        r = program_run(&p->program, &p->pid, &output, err);
    if (r < 0)
        return r;
    if (output >= 0)
        p->output = child_output_new(p->env->base, output, on_output_line, p);
    set_state(p, PROCESS_STARTING);
    p->deadline_us = clock_now_us() + START_MAX_US;
    set_timer(p, PROBE_INTERVAL_US);
    return 0;
}

/* The next program that makes the data, or the server itself when there are no more. */
static int initialise(struct process *p, struct errctx *err)
{
    int r = program_initialise(&p->program, p->init_step, &p->pid, err);

    if (r < 0)
        return r;
    if (r == 0) {
        p->initialised = true;
        return launch(p, err);
    }
    if (p->state != PROCESS_INITIALISING) {
        set_state(p, PROCESS_INITIALISING);
        set_timer(p, START_MAX_US);
    }
    return 0;
}

static void begin(struct process *p)
{
    struct server *server = &p->program.server;
    struct errctx err = {0};
    int r = 0;

    assert(!process_runs(p));
    p->start_again = false;
    p->signal = 0;
    buf_clear(&p->why);
    server->log_from = text_file_size(server->log);
    if (!p->program.kind || p->initialised) {
        r = launch(p, &err);
    } else {
        p->init_step = 0;
        r = program_prepare(&p->program, &err);
        if (r == 0)
            r = initialise(p, &err);
    }
    if (r < 0) {
        explain(p, "%s: %s", process_name(p), err.message);
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
    p->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    switch (p->state) {
    case PROCESS_INITIALISING:
        if (status != 0) {
            explain(p, "making the data of %s failed (%s)", process_name(p), how);
            sweep(p);
            break;
        }
        p->init_step++;
        if (initialise(p, &err) < 0) {
            explain(p, "%s: %s", process_name(p), err.message);
            sweep(p);
        }
        break;
    case PROCESS_STARTING:
        explain(p, "%s %s before it was ready", process_name(p), how);
        sweep(p);
        break;
    case PROCESS_READY:
    case PROCESS_PAUSED:
        explain(p, "%s %s", process_name(p), how);
        sweep(p);
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

static void probe(struct process *p)
{
    enum probe found = PROBE_NOT_YET;
    struct errctx err = {0};

    if (clock_now_us() > p->deadline_us) {
        explain(p, "%s was not ready within %d s", process_name(p), (int)(START_MAX_US / US_PER_S));
        sweep(p);
        return;
    }
    set_timer(p, PROBE_INTERVAL_US);
    if (!p->program.kind || p->probe > 0)
        return; /* a role says so itself; a tool is at it */
    if (program_probe(&p->program, &found, &p->probe, &err) < 0)
        log_warn("%s: %s", process_name(p), err.message);
    if (found == PROBE_READY)
        set_state(p, PROCESS_READY);
}

static void look_again(struct process *p)
{
    struct tree tree = tree_of(p);

    if (p->pid > 0 || tree_alive(&tree)) {
        (void)tree_signal(&tree, SIGKILL);
        set_timer(p, SWEEP_INTERVAL_US);
        return;
    }
    child_output_free(p->output);
    p->output = NULL;
    if (p->program.kind && p->program.kind->release)
        p->program.kind->release(p->program.server.folder);
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
        explain(p, "making the data of %s took over %d s", process_name(p),
                (int)(START_MAX_US / US_PER_S));
        sweep(p);
        break;
    case PROCESS_STOPPED:
    case PROCESS_READY:
    case PROCESS_PAUSED:
    case PROCESS_FAILED:
    case PROCESS_STATES:
        break; /* a timer of an earlier state */
    }
}

/* Not in this state. */
static void refuse(const struct process *p, process_done done, void *arg)
{
    char text[SERVER_NAME_SIZE + 32];

    (void)snprintf(text, sizeof text, "%s is %s", process_name(p), state_names[p->state]);
    done(arg, text);
}

void process_start(struct process *p, process_done done, void *arg)
{
    switch (p->state) {
    case PROCESS_READY:
        done(arg, NULL);
        break;
    case PROCESS_PAUSED:
        refuse(p, done, arg);
        break;
    case PROCESS_INITIALISING:
    case PROCESS_STARTING:
        waiters_add(&p->waiters, GOAL_READY, done, arg);
        break;
    case PROCESS_STOPPING:
    case PROCESS_KILLING:
        p->start_again = true;
        waiters_add(&p->waiters, GOAL_READY, done, arg);
        break;
    case PROCESS_STOPPED:
    case PROCESS_FAILED:
        waiters_add(&p->waiters, GOAL_READY, done, arg);
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
    (void)kill(p->pid, p->program.kind ? p->program.kind->term_signal : SIGTERM);
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
    waiters_add(&p->waiters, GOAL_GONE, done, arg);
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

    if (p->state == goal) {
        done(arg, NULL);
        return;
    }
    if (p->state != PROCESS_READY && p->state != PROCESS_PAUSED) {
        refuse(p, done, arg);
        return;
    }
    if (!pause)
        (void)tree_signal(&tree, SIGCONT);
    else if (!tree_stop(&tree))
        log_warn("%s: not all of its processes could be stopped", process_name(p));
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

    p->env = env;
    p->since_us = clock_now_us();
    program_init(&p->program, name, kind, ports, n_ports, env->folder);
    p->timer = evtimer_new(env->base, on_timer, p);
    if (!p->timer)
        abort(); /* out of memory */
    return p;
}

void process_free(struct process *p)
{
    if (!p)
        return;
    child_output_free(p->output);
    waiters_answer(&p->waiters, GOAL_READY, "the keeper ends");
    waiters_answer(&p->waiters, GOAL_GONE, "the keeper ends");
    event_free(p->timer);
    buf_done(&p->why);
    program_done(&p->program);
    free(p);
}

void process_set_role(struct process *p, const char *const *argv, const char *log_path)
{
    assert(process_startable(p));
    program_set_role(&p->program, argv, log_path);
}

const char *process_name(const struct process *p)
{
    return p->program.server.name;
}

bool process_runs(const struct process *p)
{
    return p->state != PROCESS_STOPPED && p->state != PROCESS_FAILED;
}

bool process_startable(const struct process *p)
{
    return !process_runs(p) || p->state == PROCESS_STOPPING || p->state == PROCESS_KILLING;
}

int64_t process_rss_kb(const struct process *p)
{
    struct tree tree = tree_of(p);

    return process_runs(p) ? tree_rss_kb(&tree) : 0;
}
