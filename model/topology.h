/*
 * topology.h - who is where in a run: stores, log, roles, and the links between them.
 *
 * The file (YAML) is written by the harness and read by every role. A *link* is what one role uses
 * to reach a store, the log or another role: `serve1->pg1: 127.0.0.1:20101`. A proxy is a changed
 * address. What has no link of its own is reached at its own address.
 *
 *   run: 001-xa-fanout-none-s1
 *   control: /path/of/the/run/control        one socket a role: control/serve1.sock
 *   break: forget-early                      only in a run of a broken variant (approach.h)
 *   journal: false                           only in benches: the stores keep none
 *   stores:
 *     pg1: {kind: postgres, address: "127.0.0.1:20101", user: syncbed, database: syncbed}
 *     redis: {kind: redis, address: "127.0.0.1:20103"}
 *     pg2: {kind: postgres, address: "10.0.0.7:5432", user: me, database: test, schema: syncbed,
 *           attached: true}
 *   log: {topic: "syncbed-…", partitions: 4, bootstrap: "127.0.0.1:20110"}
 *   decisions: {topic: "decisions-…", bootstrap: "127.0.0.1:20110"}     xa with `log: replicated`
 *   roles:
 *     serve1: {kind: serve, address: "127.0.0.1:20121", data: /var/tmp/syncbed-…/serve1}
 *     sink-pg1: {kind: sink, store: pg1}
 *   links:
 *     serve1->pg1: "127.0.0.1:20101"
 */
#ifndef SYNCBED_MODEL_TOPOLOGY_H
#define SYNCBED_MODEL_TOPOLOGY_H

#include "base/buf.h"
#include "base/error.h"
#include "model/address.h"
#include "model/txn.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define ROLE_NAME_SIZE  32
#define ROLES_MAX       24
#define LINKS_MAX       128
#define BREAK_NAME_SIZE 32

enum store_kind {
    STORE_POSTGRES,
    STORE_MARIADB,
    STORE_REDIS,
    STORE_OPENSEARCH,
    STORE_SQLITE,
    STORE_KINDS
};

enum role_kind { ROLE_SERVE, ROLE_SINK, ROLE_LOAD, ROLE_KINDS };

struct topology_store {
    char name[STORE_NAME_SIZE];
    enum store_kind kind;
    struct address address;
    char user[32];     /* "" where the kind has none */
    char database[32]; /* likewise; Redis: a number, "" for 0; MariaDB, attached: will be ours */
    char schema[32];   /* PostgreSQL: where all that is ours is; "": the database's usual one */
    bool attached;     /* was there before us, and keeps all that is not ours */
};

struct topology_role {
    char name[ROLE_NAME_SIZE];
    enum role_kind kind;
    struct address address;      /* serve: where clients connect; port 0: not a server */
    char store[STORE_NAME_SIZE]; /* sink: its store */
    char data[PATH_MAX];         /* a folder of its own that survives its restarts; "" for none */
};

struct topology_link {
    char from[ROLE_NAME_SIZE];
    char to[ROLE_NAME_SIZE]; /* a store, a role, or "log" */
    struct address address;
};

struct topology {
    char run[128];
    char control[PATH_MAX];
    char broken[BREAK_NAME_SIZE]; /* the mistake that roles are to make; "": none */
    bool no_journal;              /* a bench's: no verdict could be given on such a run */
    unsigned n_stores;
    struct topology_store store[STORES_MAX]; /* in the order of their names */
    char topic[128];                         /* "" when the run has no log */
    unsigned n_partitions;
    char decisions[128]; /* the topic of decisions, at the same brokers; "" for none */
    struct address log;
    unsigned n_roles;
    struct topology_role role[ROLES_MAX];
    unsigned n_links;
    struct topology_link link[LINKS_MAX];
};

const char *store_kind_name(enum store_kind kind);
bool store_kind_is_sql(enum store_kind kind); /* postgres, mariadb */
bool store_kind_find(const char *name, enum store_kind *ret_kind);
const char *role_kind_name(enum role_kind kind);

/* -errno with file:line in `err`. The struct is large: keep it on the heap or static. */
__attribute__((warn_unused_result)) int
topology_read(const char *path, struct topology *ret_topology, struct errctx *err);
void topology_print(struct buf *out, const struct topology *topology);

/*
 * Servers that exist already, as `run --attach` gets them (docs/attach.md): `stores` as above and
 * `kafka: "HOST:PORT"`; the log's address is set and its topic is not. Each store is attached, and
 * a PostgreSQL without a schema, or a MariaDB without a database, gets TOPOLOGY_SCHEMA. One store a
 * server: two would share the names of sessions and of prepared transactions.
 */
#define TOPOLOGY_SCHEMA "syncbed"
__attribute__((warn_unused_result)) int
topology_read_servers(const char *path, struct topology *ret_servers, struct errctx *err);

const struct topology_store *topology_store(const struct topology *t,
                                            const char *name);                         /* or NULL */
const struct topology_role *topology_role(const struct topology *t, const char *name); /* or NULL */

/* Where `from` reaches `to`: the link, else the target's own address. NULL: no such target. */
const struct address *topology_address(const struct topology *t, const char *from, const char *to);

#endif
