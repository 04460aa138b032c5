/*
 * server.h - one PostgreSQL connection of a floor, in libpq's pipeline mode: statements are queued,
 * server_send() ends the segment and sends it, server_wait() takes the answers of all segments
 * sent. Whatever fails ends the program: nothing may fail on this load.
 */
#ifndef SYNCBED_BENCH_FLOORS_SERVER_H
#define SYNCBED_BENCH_FLOORS_SERVER_H

#include "bench/contender.h"

#include <libpq-fe.h>
#include <stdbool.h>

struct server {
    PGconn *conn;
    unsigned n_segments; /* sent and not waited for */
};

void server_connect(struct server *server, const struct contender_options *options, unsigned i);
void server_close(struct server *server);

void server_queue(struct server *server, const char *sql);
void server_begin(struct server *server);
void server_commit(struct server *server);
void server_transfer(struct server *server, unsigned account, int amount);
void server_gid(struct server *server, const char *verb, const char *gid); /* VERB 'gid' */

void server_end_segment(struct server *server); /* without sending */
void server_send(struct server *server);
void server_wait(struct server *server);

#endif
