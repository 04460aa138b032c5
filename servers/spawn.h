/*
 * spawn.h - what to execute, and executing it as a child that dies when we do.
 *
 * A child gets a session of its own, default signals, no descriptor of ours, SIGKILL when the
 * keeper ends (PR_SET_PDEATHSIG), and in its environment the *mark* by which it and what it forks
 * are found again (process_tree.h). Servers refuse root, so as root's children they run as
 * `nobody`, and with an environment of their own, so that none differs by who started it.
 */
#ifndef SYNCBED_SERVERS_SPAWN_H
#define SYNCBED_SERVERS_SPAWN_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

#define SPAWN_ARGS_MAX 48

/* All strings are owned; begin with a zeroed one. */
struct spawn_plan {
    char *program; /* path to execute; NULL: argv[0] */
    char *argv[SPAWN_ARGS_MAX + 1];
    unsigned n_args;
    char *folder; /* working directory; NULL: "/" */
    char *input;  /* file on standard input; NULL: /dev/null */
    char *output; /* standard error, and standard output unless it is a pipe: appended to */
    char *mark;   /* value of SPAWN_MARK in its environment */
    bool is_server;
};

#define SPAWN_MARK "SYNCBED_PROCESS"

__attribute__((format(printf, 2, 3))) void spawn_arg(struct spawn_plan *plan, const char *fmt, ...);
__attribute__((format(printf, 1, 2))) char *spawn_text(const char *fmt, ...); /* the caller's */
void spawn_done(struct spawn_plan *plan);

/*
 * Run it. With `ret_stdout` its standard output is a pipe, of which that is our end (non-blocking).
 * A program that can't be executed says so on its standard error and ends with status 127.
 */
__attribute__((warn_unused_result)) int spawn_child(const struct spawn_plan *plan, int *ret_stdout,
                                                    pid_t *ret_pid, struct errctx *err);

/* The user servers run as: `nobody` when we are root, else ourselves. */
__attribute__((warn_unused_result)) int server_user(uid_t *ret_uid, gid_t *ret_gid,
                                                    struct errctx *err);

/*
 * The path of a server's program: in the folder that the environment variable `env` names, else in
 * `folder`, else (NULL) on PATH. -ENOENT names the Debian package. `ret_path` has PATH_MAX bytes.
 */
__attribute__((warn_unused_result)) int program_find(const char *name, const char *env,
                                                     const char *folder, const char *package,
                                                     char *ret_path, struct errctx *err);

/* The path of the program that we are; the caller's. */
char *program_self(void);

#endif
