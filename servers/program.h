/*
 * program.h - what a server or role executes, and where; its life is process.h's.
 */
#ifndef SYNCBED_SERVERS_PROGRAM_H
#define SYNCBED_SERVERS_PROGRAM_H

#include "base/error.h"
#include "servers/kind.h"

#include <limits.h>
#include <sys/types.h>

struct program {
    const struct server_kind *kind; /* NULL: a role */
    struct server server;           /* a role uses name, log and port[0] */
    char **argv;                    /* a role's, ends with NULL; owned */
    char mark[PATH_MAX];            /* process_tree.h */
};

/* `ports` in the order of kind->port_name. `keeper_folder`/NAME/ and NAME.log become its own. */
void program_init(struct program *program, const char *name, const struct server_kind *kind,
                  const uint16_t *ports, unsigned n_ports, const char *keeper_folder);
void program_done(struct program *program);

/* What to run as a role: copied. */
void program_set_role(struct program *program, const char *const *argv, const char *log_path);

/* A server's folder, empty but for its configuration; what was there is deleted. */
__attribute__((warn_unused_result)) int program_prepare(const struct program *program,
                                                        struct errctx *err);

/* Start the step-th program that makes a server's data: 1; 0 when there are no more; -errno. */
__attribute__((warn_unused_result)) int program_initialise(const struct program *program,
                                                           unsigned step, pid_t *ret_pid,
                                                           struct errctx *err);

/* Start the server or role itself; ret_output: a role's standard output, -1 for a server. */
__attribute__((warn_unused_result)) int program_run(struct program *program, pid_t *ret_pid,
                                                    int *ret_output, struct errctx *err);

/* Is the server ready? PROBE_ASK: a tool was started that answers by its exit status. */
__attribute__((warn_unused_result)) int program_probe(const struct program *program,
                                                      enum probe *ret_probe, pid_t *ret_pid,
                                                      struct errctx *err);

#endif
