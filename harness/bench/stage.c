/* Slow disks, slow links; see the header. */
#include "harness/bench/stage.h"

#include "base/buf.h"
#include "base/file.h"
#include "harness/run/files.h"
#include "servers/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define POSTGRES_BIN  "SYNCBED_POSTGRES_BIN" /* where the keeper looks for PostgreSQL's programs */
#define SLOW_SYNC_US  "1000"
#define LINK_DELAY_US "500" /* each way */

/* --- a slow disk ------------------------------------------------------------------------------ */

/* A program of PostgreSQL's, started with the library loaded or without. */
static int write_wrapper(const struct stage *s, const char *name, bool slow, struct errctx *err)
{
    char path[PATH_MAX], real[PATH_MAX];
    struct buf text = {0};
    int rc = program_find(name, "", "/usr/lib/postgresql/15/bin", "postgresql-15", real, err);

    if (rc < 0)
        return rc;
    buf_append_str(&text, "#!/bin/sh\n");
    if (slow)
        buf_printf(&text, "export SLOW_SYNC_US=" SLOW_SYNC_US " LD_PRELOAD=%s\n", s->preload);
    buf_printf(&text, "exec %s \"$@\"\n", real);
    rc = files_save(s->folder, name, &text, err);
    (void)snprintf(path, sizeof path, "%s/%s", s->folder, name);
    if (rc == 0 && chmod(path, 0755) < 0)
        rc = err_set(err, errno, ERR_FATAL, "%s: %s", path, strerror(errno));
    return rc;
}

/*
 * Servers run as another user, in an environment of their own: so the library lies where they can
 * read it, and scripts in the place of their programs load it.
 */
static int slow_disk(struct stage *s, struct errctx *err)
{
    char *library = contest_program("libslow_sync.so");
    int rc = 0;

    (void)snprintf(s->folder, sizeof s->folder, "/var/tmp/syncbed-bench-XXXXXX");
    if (!mkdtemp(s->folder) || chmod(s->folder, 0755) < 0) {
        rc = err_set(err, errno, ERR_FATAL, "%s: %s", s->folder, strerror(errno));
        s->folder[0] = '\0';
    }
    (void)snprintf(s->preload, sizeof s->preload, "%s/slow_sync.so", s->folder);
    if (rc == 0)
        rc = files_copy(library, s->preload, err);
    free(library);
    if (rc == 0)
        rc = write_wrapper(s, "initdb", false, err);
    if (rc == 0)
        rc = write_wrapper(s, "pg_isready", false, err);
    if (rc == 0)
        rc = write_wrapper(s, "postgres", true, err);
    if (rc == 0 &&
        (setenv(POSTGRES_BIN, s->folder, 1) < 0 || setenv("SLOW_SYNC_US", SLOW_SYNC_US, 1) < 0))
        rc = err_set(err, errno, ERR_FATAL, "setenv: %s", strerror(errno));
    s->contest.preload = s->preload;
    return rc;
}

/* --- slow links ------------------------------------------------------------------------------- */

static int read_ports(struct stage *s, int fd, struct errctx *err)
{
    FILE *from = fdopen(fd, "re");
    char line[256] = "", *at = line;

    if (!from)
        return err_set(err, errno, ERR_FATAL, "relay: %s", strerror(errno));
    if (fgets(line, sizeof line, from)) {
        for (unsigned i = 0; i < s->servers.n; i++)
            s->contest.port[i] = (uint16_t)strtoul(at, &at, 10);
    }
    (void)fclose(from);
    return s->contest.port[s->servers.n - 1]
               ? 0
               : err_set(err, EIO, ERR_FATAL, "relay: it said nothing");
}

static _Noreturn void become_relay(const struct stage *s, int in, int out)
{
    char *argv[STORES_MAX + 3] = {spawn_text("relay"), spawn_text(LINK_DELAY_US)};
    char *program = contest_program("relay");

    for (unsigned i = 0; i < s->servers.n; i++)
        argv[i + 2] = spawn_text("%u", s->servers.topology.store[i].address.port);
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
        (void)execv(program, argv);
    (void)fprintf(stderr, "%s: %s\n", program, strerror(errno));
    _exit(127);
}

static int slow_links(struct stage *s, struct errctx *err)
{
    int in[2], out[2];

    if (pipe2(in, O_CLOEXEC) < 0)
        return err_set(err, errno, ERR_FATAL, "pipe: %s", strerror(errno));
    s->relay_input = in[1];
    if (pipe2(out, O_CLOEXEC) < 0)
        return err_set(err, errno, ERR_FATAL, "pipe: %s", strerror(errno));
    s->relay = fork();
    if (s->relay == 0)
        become_relay(s, in[0], out[1]);
    (void)close(in[0]);
    (void)close(out[1]);
    if (s->relay < 0) {
        s->relay = 0;
        return err_set(err, errno, ERR_FATAL, "fork: %s", strerror(errno));
    }
    return read_ports(s, out[0], err);
}

/* --- a stage ---------------------------------------------------------------------------------- */

static void on_event(void *arg, const char *what, const char *name, const struct keeper_end *end)
{
    struct stage *s = arg;

    (void)end;
    if (strcmp(what, "exited") == 0)
        roles_exited(&s->contest.roles, name);
}

int stage_begin(struct stage *s, enum two_phase_stage which, const char *folder, struct errctx *err)
{
    unsigned n = which == STAGE_PARTICIPANTS ? STORES_MAX : 2;
    int rc = 0;

    *s = (struct stage){.relay_input = -1};
    s->contest = (struct contest){.servers = &s->servers, .folder = folder};
    if (which == STAGE_SLOW)
        rc = slow_disk(s, err);
    if (rc == 0)
        rc = two_servers_start(&s->servers, n, on_event, s, err);
    roles_init(&s->contest.roles, s->servers.base, s->servers.keeper, folder);
    if (rc == 0 && which == STAGE_LINKS)
        rc = slow_links(s, err);
    return rc;
}

void stage_end(struct stage *s)
{
    struct errctx err;

    if (s->relay_input >= 0)
        (void)close(s->relay_input); /* which ends the relay */
    if (s->relay)
        (void)waitpid(s->relay, NULL, 0);
    roles_done(&s->contest.roles);
    two_servers_stop(&s->servers);
    if (s->folder[0]) {
        (void)unsetenv(POSTGRES_BIN);
        (void)unsetenv("SLOW_SYNC_US");
        if (file_remove_tree(s->folder, &err) < 0)
            (void)fprintf(stderr, "%s\n", err.message); /* what was measured stands */
    }
}

unsigned stage_clients(enum two_phase_stage which, int number)
{
    switch (which) {
    case STAGE_PARTICIPANTS:
        return 8;
    case STAGE_CONTENTION:
        return 32;
    case STAGE_PLAIN:
    case STAGE_SLOW:
    case STAGE_LINKS:
    case TWO_PHASE_STAGES:
        break;
    }
    return (unsigned)number;
}

void stage_set(struct stage *s, enum two_phase_stage which, int number)
{
    if (which == STAGE_PARTICIPANTS)
        s->servers.n = (unsigned)number;
    s->contest.hot_percent = which == STAGE_CONTENTION ? (unsigned)number : 0;
}
