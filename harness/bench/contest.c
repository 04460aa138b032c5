/* One contender, one measurement; see the header. */
#include "harness/bench/contest.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "harness/bench/served_door.h"
#include "harness/run/files.h"
#include "servers/spawn.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STRAGGLER_MS 60000 /* beyond warm-up and measurement: a virtual machine starts, too */
#define LAST_WORDS   400
#define WATCH_MS     1000

const char *contest_no_peers(void)
{
    return getenv("SYNCBED_PEERS")
               ? NULL
               : "SYNCBED_PEERS names no class path: start it as ./syncbed bench 2pc, which has "
                 "Maven fetch them";
}

/* --- the command ------------------------------------------------------------------------------ */

char *contest_program(const char *name)
{
    char *self = program_self();
    char *slash = strrchr(self, '/');
    char *path = spawn_text("%.*s/bench/%s", slash ? (int)(slash - self) : 0, self, name);

    free(self);
    return path;
}

static void add_program(struct spawn_plan *plan, enum contender_kind kind)
{
    static const char *const names[] = {[CONTENDER_FLOOR] = "floor",
                                        [CONTENDER_IN_PROCESS] = "in_process",
                                        [CONTENDER_SERVED] = "through_door"};

    if (kind == CONTENDER_PEER) {
        plan->program = spawn_text("/usr/bin/java");
        spawn_arg(plan, "java");
        spawn_arg(plan, "-Xmx1g");
        spawn_arg(plan, "-cp");
        spawn_arg(plan, "%s", getenv("SYNCBED_PEERS"));
        spawn_arg(plan, "peers.Peers");
        return;
    }
    plan->program = contest_program(names[kind]);
    spawn_arg(plan, "%s", names[kind]);
}

static void add_option(struct spawn_plan *plan, const char *name, const char *value)
{
    spawn_arg(plan, "--%s", name);
    spawn_arg(plan, "%s", value);
}

static void add_number(struct spawn_plan *plan, const char *name, int64_t value)
{
    spawn_arg(plan, "--%s", name);
    spawn_arg(plan, "%" PRId64, value);
}

static void add_options(const struct contest *c, struct spawn_plan *plan, const char *mode,
                        unsigned clients, const char *folder)
{
    const struct topology *t = &c->servers->topology;

    add_option(plan, "mode", mode);
    add_number(plan, "clients", clients);
    add_number(plan, "warm-up-ms", c->warm_up_ms);
    add_number(plan, "measure-ms", c->measure_ms);
    add_option(plan, "folder", folder);
    add_option(plan, "user", t->store[0].user);
    add_option(plan, "database", t->store[0].database);
    for (unsigned i = 0; i < c->servers->n; i++)
        add_number(plan, "port", c->port[i] ? c->port[i] : t->store[i].address.port);
    if (c->hot_percent > 0)
        add_number(plan, "hot-percent", c->hot_percent);
    add_option(plan, "statement", two_servers_statement());
    add_number(plan, "accounts", BENCH_ACCOUNTS);
}

/* --- the process ------------------------------------------------------------------------------ */

/* What it says until it closes its standard output; false: not in time. */
static bool read_all(const struct contest *c, pid_t pid, int fd, int64_t until_us, struct buf *out)
{
    char bytes[4096];

    while (clock_now_us() < until_us) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int n_ready = poll(&wait, 1, WATCH_MS);
        ssize_t n;

        if (n_ready < 0)
            return false;
        if (c->watch)
            c->watch(c->arg, pid);
        if (n_ready == 0)
            continue;
        n = read(fd, bytes, sizeof bytes);
        if (n == 0)
            return true;
        if (n > 0)
            buf_append(out, bytes, (size_t)n);
        else if (errno != EAGAIN)
            return false;
    }
    return false;
}

static int last_words(const char *log, const char *name, struct errctx *err)
{
    struct buf text = {0};
    struct errctx unread;

    if (file_read(log, &text, &unread) < 0)
        buf_append_str(&text, unread.message);
    (void)err_set(err, EIO, ERR_FATAL, "%s failed: %s", name,
                  buf_str(&text) + (text.size > LAST_WORDS ? text.size - LAST_WORDS : 0));
    buf_done(&text);
    return -EIO;
}

/* The last line that it has said: what stands before it is a library's. */
static json_t *last_line(const struct buf *said)
{
    const char *text = buf_str(said);
    size_t begin = said->size > 0 ? said->size - 1 : 0;

    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    return json_loads(text + begin, 0, NULL);
}

/* `ret_killed`, unless NULL: it ended by SIGKILL, which is then an error that is looked for. */
static int carry_out(const struct contest *c, const struct spawn_plan *plan, json_t **ret_line,
                     bool *ret_killed, struct errctx *err)
{
    int64_t until_us = clock_now_us() + (c->warm_up_ms + c->measure_ms + STRAGGLER_MS) * US_PER_MS;
    struct buf said = {0};
    int fd, status = 0, rc;
    pid_t pid;

    if (c->preload)
        (void)setenv("LD_PRELOAD", c->preload, 1); /* only out of memory */
    rc = spawn_child(plan, &fd, &pid, err);
    (void)unsetenv("LD_PRELOAD");
    if (rc < 0)
        return rc;
    if (!read_all(c, pid, fd, until_us, &said))
        (void)kill(pid, SIGKILL); /* it is our child and not waited for: it cannot be another */
    (void)waitpid(pid, &status, 0);
    (void)close(fd);
    *ret_line = last_line(&said);
    buf_done(&said);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && ret_killed)
        *ret_killed = true;
    if (*ret_line && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    json_decref(*ret_line);
    *ret_line = NULL;
    return last_words(plan->output, plan->argv[0], err);
}

/* --- numbers ---------------------------------------------------------------------------------- */

static double number(const json_t *line, const char *name)
{
    const json_t *value = json_object_get(line, name);

    return value ? json_number_value(value) : NAN;
}

static void take(struct measurement *m, const json_t *line, double flushes, unsigned n_servers)
{
    m->tps = number(line, "tps");
    m->p50_ms = number(line, "p50_ms");
    m->p99_ms = number(line, "p99_ms");
    m->cpu_us_per_txn = number(line, "cpu_us_per_txn");
    if (isnan(m->fsyncs_per_txn))
        m->fsyncs_per_txn = number(line, "fsyncs_per_txn");
    m->flushes_per_txn = flushes / n_servers / number(line, "committed");
}

static int measure(struct contest *c, enum contender_kind kind, struct spawn_plan *plan,
                   struct measurement *m, struct errctx *err)
{
    double before = 0, after = 0;
    json_t *line = NULL;
    int rc = two_servers_flushes(c->servers, &before, err);

    if (rc == 0 && kind == CONTENDER_SERVED)
        rc = served_door_start(c, plan, err);
    if (rc == 0)
        rc = carry_out(c, plan, &line, NULL, err);
    if (rc == 0)
        rc = served_door_stop(c, &m->fsyncs_per_txn, err);
    if (rc == 0)
        rc = two_servers_flushes(c->servers, &after, err);
    if (rc == 0)
        take(m, line, after - before, c->servers->n);
    if (rc == 0)
        rc = two_servers_check(c->servers, json_integer_value(json_object_get(line, "committed")),
                               err);
    json_decref(line);
    return rc;
}

int contest_call(struct contest *c, const char *program, const char *mode, unsigned clients,
                 json_t **ret_line, struct errctx *err)
{
    struct spawn_plan plan = {0};
    bool killed = false;
    char folder[PATH_MAX];
    int rc;

    (void)snprintf(folder, sizeof folder, "%.*s/in_process", PATH_MAX - 16, c->servers->folder);
    rc = files_make_folder(folder, err);
    if (rc < 0)
        return rc;
    plan.program = contest_program(program);
    spawn_arg(&plan, "%s", program);
    add_options(c, &plan, mode, clients, folder);
    plan.output = spawn_text("%s/%s.log", c->folder, mode);
    rc = carry_out(c, &plan, ret_line, &killed, err);
    spawn_done(&plan);
    return killed ? 0 : rc;
}

int contest_run(struct contest *c, enum contender_kind kind, const char *mode, unsigned clients,
                struct measurement *ret_measurement, struct errctx *err)
{
    struct measurement m = {.fsyncs_per_txn = NAN};
    struct spawn_plan plan = {0};
    char folder[PATH_MAX];
    int rc = two_servers_settle(c->servers, err);

    /* Our coordinator's modes share a log: the servers would refuse it a second, empty one. */
    (void)snprintf(folder, sizeof folder, "%.*s/%s", PATH_MAX - 64, c->servers->folder,
                   kind == CONTENDER_IN_PROCESS ? "in_process" : mode);
    if (rc == 0)
        rc = files_make_folder(folder, err);
    if (rc < 0)
        return rc;
    add_program(&plan, kind);
    add_options(c, &plan, mode, clients, folder);
    plan.output = spawn_text("%s/%s.log", c->folder, mode);
    rc = measure(c, kind, &plan, &m, err);
    spawn_done(&plan);
    if (rc == 0)
        *ret_measurement = m;
    return rc;
}
