/*
 * kind.h - what is to be known of a kind of server: one file and one row of the table each.
 *
 * A kind says what to write and to execute; the keeper does it (process.h), so nothing here waits.
 * An instance ("pg1") is called by its kind's stem and digits.
 */
#ifndef SYNCBED_SERVERS_KIND_H
#define SYNCBED_SERVERS_KIND_H

#include "base/error.h"
#include "model/topology.h"
#include "servers/spawn.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SERVER_PORTS_MAX    8
#define SERVER_NAME_SIZE    32
#define SERVER_VERSION_SIZE 32

/* One server, as its kind sees it. */
struct server {
    char name[SERVER_NAME_SIZE];
    char folder[PATH_MAX];           /* its own, owned by the user it runs as */
    char log[PATH_MAX];              /* its standard output and error, appended to */
    off_t log_from;                  /* where this start's output begins in it */
    uint16_t port[SERVER_PORTS_MAX]; /* in the order of kind->port_name */
};

enum probe {
    PROBE_NOT_YET,
    PROBE_READY,
    PROBE_ASK /* run the plan: ready when it ends with status 0 */
};

struct server_kind {
    const char *name; /* "postgres" */
    const char *stem; /* of its instances' names: "pg" */
    /* The first is the instance's own; the others are "INSTANCE.NAME"; ends with NULL. */
    const char *port_name[SERVER_PORTS_MAX + 1];
    int term_signal; /* what asks it to end soon, clients or not */
    bool is_store;   /* else: the log */
    enum store_kind store_kind;
    const char *user, *database; /* of a store; "" where the kind has none */

    /* Write its configuration; the folder is empty. -ENOENT: a package is missing. */
    int (*configure)(const struct server *server, struct errctx *err);
    /* The step-th program (from 0) that makes its data; false: there are no more. */
    bool (*initialise)(const struct server *server, unsigned step, struct spawn_plan *plan);
    void (*run)(const struct server *server, struct spawn_plan *plan);
    enum probe (*probe)(const struct server *server, struct spawn_plan *plan);
    /* All processes are gone: free what a killed one leaves behind. May be NULL. */
    void (*release)(const char *folder);
    /* "15.13"; runs the server's program where it must. */
    int (*version)(char ret_version[SERVER_VERSION_SIZE], struct errctx *err);
};

extern const struct server_kind postgres_kind, mariadb_kind, mariadb_binlog_kind, redis_kind,
    kafka_kind;

unsigned server_kind_count(void);
const struct server_kind *server_kind_at(unsigned i);

/* The kind of an instance, by its name; NULL when there is none. */
const struct server_kind *server_kind_of(const char *instance);

/* Call `release` for each server's folder below a keeper's. */
void server_kinds_release(const char *keeper_folder);

/* For `version`: the word of PROGRAM --version's first line that begins with a digit. */
__attribute__((warn_unused_result)) int
server_ask_version(const char *program, char ret_version[SERVER_VERSION_SIZE], struct errctx *err);

#endif
