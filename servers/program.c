/* What a server or role executes: see the header. */
#include "servers/program.h"

#include "base/file.h"
#include "base/mem.h"
#include "servers/folder.h"
#include "servers/spawn.h"
#include "servers/text_file.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void program_init(struct program *program, const char *name, const struct server_kind *kind,
                  const uint16_t *ports, unsigned n_ports, const char *keeper_folder)
{
    struct server *server = &program->server;

    assert(strlen(keeper_folder) + strlen(name) + 8 < PATH_MAX);
    assert(strlen(name) < sizeof server->name);
    assert(n_ports <= SERVER_PORTS_MAX);
    *program = (struct program){.kind = kind};
    (void)snprintf(server->name, sizeof server->name, "%s", name);
    (void)snprintf(server->folder, sizeof server->folder, "%s/%s", keeper_folder, name);
    (void)snprintf(server->log, sizeof server->log, "%s/%s.log", keeper_folder, name);
    (void)snprintf(program->mark, sizeof program->mark, "%s/%s", keeper_folder, name);
    for (unsigned i = 0; i < n_ports; i++)
        server->port[i] = ports[i];
}

void program_done(struct program *program)
{
    for (unsigned i = 0; program->argv && program->argv[i]; i++)
        free(program->argv[i]);
    free(program->argv);
    program->argv = NULL;
}

void program_set_role(struct program *program, const char *const *argv, const char *log_path)
{
    unsigned n = 0;

    assert(!program->kind);
    program_done(program);
    while (argv[n])
        n++;
    program->argv = mem_alloc_array(n + 1, sizeof *program->argv);
    for (unsigned i = 0; i < n; i++)
        program->argv[i] = mem_strdup(argv[i]);
    (void)snprintf(program->server.log, sizeof program->server.log, "%s", log_path);
}

int program_prepare(const struct program *program, struct errctx *err)
{
    const char *path = program->server.folder;
    uid_t uid;
    gid_t gid;
    int r = server_user(&uid, &gid, err);

    if (r < 0)
        return r;
    r = file_remove_tree(path, err); /* of an attempt that failed */
    if (r < 0)
        return r;
    if (mkdir(path, 0700) < 0 || chown(path, uid, gid) < 0)
        return err_set(err, errno, ERR_FATAL, "%s: %s", path, strerror(errno));
    return program->kind->configure(&program->server, err);
}

/* Execute `plan`, which is done with, as one of this server's or role's. */
static int spawn(const struct program *program, struct spawn_plan *plan, int *ret_output,
                 pid_t *ret_pid, struct errctx *err)
{
    int r;

    if (!plan->output)
        plan->output = mem_strdup(program->server.log);
    plan->mark = mem_strdup(program->mark);
    if (program->kind) {
        plan->is_server = true;
        plan->folder = mem_strdup(program->server.folder);
    }
    r = spawn_child(plan, ret_output, ret_pid, err);
    spawn_done(plan);
    return r;
}

int program_initialise(const struct program *program, unsigned step, pid_t *ret_pid,
                       struct errctx *err)
{
    struct spawn_plan plan = {0};
    int r;

    if (!program->kind->initialise(&program->server, step, &plan))
        return 0;
    r = spawn(program, &plan, NULL, ret_pid, err);
    return r < 0 ? r : 1;
}

static int run_role(const struct program *program, pid_t *ret_pid, int *ret_output,
                    struct errctx *err)
{
    struct spawn_plan plan = {0};

    if (program->argv[0][0] != '/')
        plan.program = program_self();
    for (unsigned i = 0; program->argv[i]; i++)
        spawn_arg(&plan, "%s", program->argv[i]);
    return spawn(program, &plan, ret_output, ret_pid, err);
}

int program_run(struct program *program, pid_t *ret_pid, int *ret_output, struct errctx *err)
{
    struct spawn_plan plan = {0};

    program->server.log_from = text_file_size(program->server.log);
    if (!program->kind)
        return run_role(program, ret_pid, ret_output, err);
    *ret_output = -1;
    program->kind->run(&program->server, &plan);
    return spawn(program, &plan, NULL, ret_pid, err);
}

int program_probe(const struct program *program, enum probe *ret_probe, pid_t *ret_pid,
                  struct errctx *err)
{
    struct spawn_plan plan = {.output = mem_strdup("/dev/null")};

    *ret_probe = program->kind->probe(&program->server, &plan);
    if (*ret_probe == PROBE_ASK)
        return spawn(program, &plan, NULL, ret_pid, err);
    spawn_done(&plan);
    return 0;
}
