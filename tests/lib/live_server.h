/*
 * live_server.h - a throw-away PostgreSQL, MariaDB or Redis for a test: its own directory, a free
 * loopback port, an unprivileged user when started by root. It dies with the test process.
 *
 * All functions fail the test, with the server's last words, when something does not work.
 */
#ifndef SYNCBED_TESTS_LIVE_SERVER_H
#define SYNCBED_TESTS_LIVE_SERVER_H

#include "model/topology.h"
#include "servers/kind.h"

#include <stdint.h>
#include <sys/types.h>

#define LIVE_USER     "syncbed"
#define LIVE_DATABASE "postgres" /* MariaDB: called like the user */

struct live_server {
    enum store_kind kind;
    const struct server_kind *made_by; /* how the keeper makes such a one */
    char folder[64];
    uint16_t port;
    unsigned prepared_max; /* PostgreSQL, at its next start; 0: 64 */
    pid_t pid;             /* 0: not running */
};

/* Make its directory, start it, wait until it serves. */
void live_server_new(struct live_server *server, enum store_kind kind);
void live_server_new_of(struct live_server *server, const struct server_kind *kind);
void live_server_free(struct live_server *server); /* ends it, removes the directory */

void live_server_kill(struct live_server *server);  /* SIGKILL to the whole process tree */
void live_server_start(struct live_server *server); /* after a kill; waits until it serves */
/* While it is down: put a copy of its data aside, or put that copy back in their place. */
void live_server_copy(const struct live_server *server);
void live_server_restore(const struct live_server *server);
void live_server_pause(const struct live_server *server);
void live_server_continue(const struct live_server *server);

#endif
