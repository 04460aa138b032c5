/* Topology: see the header. */
#include "model/topology.h"

#include "base/yaml.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const store_kinds[STORE_KINDS] = {
    [STORE_POSTGRES] = "postgres",     [STORE_MARIADB] = "mariadb", [STORE_REDIS] = "redis",
    [STORE_OPENSEARCH] = "opensearch", [STORE_SQLITE] = "sqlite",
};

static const char *const role_kinds[ROLE_KINDS] = {
    [ROLE_SERVE] = "serve",
    [ROLE_SINK] = "sink",
    [ROLE_LOAD] = "load",
};

const char *store_kind_name(enum store_kind kind)
{
    assert(kind < STORE_KINDS);
    return store_kinds[kind];
}

bool store_kind_is_sql(enum store_kind kind)
{
    return kind == STORE_POSTGRES || kind == STORE_MARIADB;
}

bool store_kind_find(const char *name, enum store_kind *ret_kind)
{
    for (unsigned i = 0; i < STORE_KINDS; i++) {
        if (strcmp(name, store_kinds[i]) == 0) {
            *ret_kind = (enum store_kind)i;
            return true;
        }
    }
    return false;
}

const char *role_kind_name(enum role_kind kind)
{
    assert(kind < ROLE_KINDS);
    return role_kinds[kind];
}

/* --- reading ------------------------------------------------------------------------------- */

/* A text that must be there, not empty, and fit. */
static int take_text(const struct yaml_node *mapping, const char *key, char *ret_text, size_t size,
                     struct errctx *err)
{
    const struct yaml_node *node = yaml_find(mapping, key);
    const char *text;

    if (!node)
        return yaml_complain(mapping, err, "\"%s\" is missing", key);
    text = yaml_text(node);
    if (*text == '\0')
        return yaml_complain(node, err, "%s: a text was expected here", key);
    if (strlen(text) >= size)
        return yaml_complain(node, err, "%s: longer than %zu characters", key, size - 1);
    memcpy(ret_text, text, strlen(text) + 1);
    return 0;
}

static int take_optional(const struct yaml_node *mapping, const char *key, char *ret_text,
                         size_t size, struct errctx *err)
{
    ret_text[0] = '\0';
    return yaml_find(mapping, key) ? take_text(mapping, key, ret_text, size, err) : 0;
}

static int to_address(const struct yaml_node *node, struct address *ret_address, struct errctx *err)
{
    if (address_parse(yaml_text(node), ret_address) < 0)
        return yaml_complain(node, err, "\"%s\" is not an address like 127.0.0.1:20101",
                             yaml_text(node));
    return 0;
}

static int take_address(const struct yaml_node *mapping, const char *key,
                        struct address *ret_address, struct errctx *err)
{
    const struct yaml_node *node = yaml_find(mapping, key);

    if (!node)
        return yaml_complain(mapping, err, "\"%s\" is missing", key);
    return to_address(node, ret_address, err);
}

static int take_choice(const struct yaml_node *mapping, const char *key, const char *const *valid,
                       size_t n_valid, size_t *ret_index, struct errctx *err)
{
    const struct yaml_node *node = yaml_find(mapping, key);

    if (!node)
        return yaml_complain(mapping, err, "\"%s\" is missing", key);
    return yaml_to_choice(node, valid, n_valid, ret_index, err);
}

static bool is_plain(const char *name)
{
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name) &&
           strspn(name, "0123456789") == 0;
}

/*
 * A schema and a MariaDB's database stand in statements as they are; a Redis' database is a number.
 */
static int check_places(const struct yaml_node *node, const struct topology_store *store,
                        enum store_kind kind, struct errctx *err)
{
    if (store->schema[0] && (kind != STORE_POSTGRES || !is_plain(store->schema)))
        return yaml_complain(node, err, "schema: a name of a-z, 0-9 and _, in PostgreSQL only");
    if (kind == STORE_MARIADB && !is_plain(store->database))
        return yaml_complain(node, err, "database: \"%s\" is no name of a-z, 0-9 and _",
                             store->database);
    if (kind == STORE_REDIS && strspn(store->database, "0123456789") != strlen(store->database))
        return yaml_complain(node, err, "database: \"%s\" is no number of a Redis' database",
                             store->database);
    return 0;
}

static int read_store(struct topology *t, const char *name, const struct yaml_node *node,
                      struct errctx *err)
{
    static const char *const keys[] = {"kind", "address", "user", "database", "schema", "attached"};
    struct topology_store *store = &t->store[t->n_stores];
    size_t kind = 0;
    int r;

    if (t->n_stores == STORES_MAX)
        return yaml_complain(node, err, "more than %d stores", STORES_MAX);
    if (!store_name_valid(name))
        return yaml_complain(node, err, "\"%s\" is no name of a store (a-z, 0-9, '-')", name);
    r = yaml_check_keys(node, keys, sizeof keys / sizeof *keys, err);
    if (r == 0)
        r = take_choice(node, "kind", store_kinds, STORE_KINDS, &kind, err);
    if (r == 0)
        r = take_address(node, "address", &store->address, err);
    if (r == 0)
        r = take_optional(node, "user", store->user, sizeof store->user, err);
    if (r == 0)
        r = take_optional(node, "database", store->database, sizeof store->database, err);
    if (r == 0)
        r = take_optional(node, "schema", store->schema, sizeof store->schema, err);
    if (r == 0 && yaml_find(node, "attached"))
        r = yaml_to_bool(yaml_find(node, "attached"), &store->attached, err);
    if (r == 0)
        r = check_places(node, store, (enum store_kind)kind, err);
    if (r < 0)
        return r;
    (void)snprintf(store->name, sizeof store->name, "%s", name); /* fits: it is valid */
    store->kind = (enum store_kind)kind;
    t->n_stores++;
    return 0;
}

static int read_log(struct topology *t, const struct yaml_node *node, struct errctx *err)
{
    static const char *const keys[] = {"topic", "partitions", "bootstrap"};
    const struct yaml_node *partitions;
    int64_t n = 0;
    int r = yaml_check_keys(node, keys, sizeof keys / sizeof *keys, err);

    if (r == 0)
        r = take_text(node, "topic", t->topic, sizeof t->topic, err);
    if (r == 0)
        r = take_address(node, "bootstrap", &t->log, err);
    if (r < 0)
        return r;
    partitions = yaml_find(node, "partitions");
    if (!partitions)
        return yaml_complain(node, err, "\"partitions\" is missing");
    r = yaml_to_int(partitions, 1, PARTITIONS_MAX, &n, err);
    t->n_partitions = (unsigned)n;
    return r;
}

static int read_decisions(struct topology *t, const struct yaml_node *node, struct errctx *err)
{
    static const char *const keys[] = {"topic", "bootstrap"};
    int r = yaml_check_keys(node, keys, sizeof keys / sizeof *keys, err);

    if (r == 0)
        r = take_text(node, "topic", t->decisions, sizeof t->decisions, err);
    return r < 0 ? r : take_address(node, "bootstrap", &t->log, err);
}

static bool role_name_valid(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return n > 0 && n < ROLE_NAME_SIZE && name[n] == '\0';
}

static int read_role(struct topology *t, const char *name, const struct yaml_node *node,
                     struct errctx *err)
{
    static const char *const keys[] = {"kind", "address", "store", "data"};
    struct topology_role *role = &t->role[t->n_roles];
    size_t kind = 0;
    int r;

    if (t->n_roles == ROLES_MAX)
        return yaml_complain(node, err, "more than %d roles", ROLES_MAX);
    if (!role_name_valid(name))
        return yaml_complain(node, err, "\"%s\" is no name of a role (a-z, 0-9, '-')", name);
    r = yaml_check_keys(node, keys, sizeof keys / sizeof *keys, err);
    if (r == 0)
        r = take_choice(node, "kind", role_kinds, ROLE_KINDS, &kind, err);
    if (r == 0 && yaml_find(node, "address"))
        r = take_address(node, "address", &role->address, err);
    if (r == 0)
        r = take_optional(node, "store", role->store, sizeof role->store, err);
    if (r == 0)
        r = take_optional(node, "data", role->data, sizeof role->data, err);
    if (r < 0)
        return r;
    if (role->store[0] && !topology_store(t, role->store))
        return yaml_complain(node, err, "\"%s\" is no store of this topology", role->store);
    (void)snprintf(role->name, sizeof role->name, "%s", name); /* fits: it is valid */
    role->kind = (enum role_kind)kind;
    t->n_roles++;
    return 0;
}

static int read_link(struct topology *t, const char *name, const struct yaml_node *node,
                     struct errctx *err)
{
    struct topology_link *link = &t->link[t->n_links];
    const char *arrow = strstr(name, "->");
    char from[ROLE_NAME_SIZE] = "";
    const char *to = arrow ? arrow + 2 : "";

    if (t->n_links == LINKS_MAX)
        return yaml_complain(node, err, "more than %d links", LINKS_MAX);
    if (arrow && (size_t)(arrow - name) < sizeof from)
        memcpy(from, name, (size_t)(arrow - name));
    if (!role_name_valid(from) || !role_name_valid(to))
        return yaml_complain(node, err, "\"%s\" is no link like serve1->pg1", name);
    if (strcmp(to, "log") != 0 && !topology_store(t, to) && !topology_role(t, to))
        return yaml_complain(node, err, "\"%s\" leads to nothing of this topology", name);
    memcpy(link->from, from, sizeof link->from);
    (void)snprintf(link->to, sizeof link->to, "%s", to); /* fits: it is valid */
    t->n_links++;
    return to_address(node, &link->address, err);
}

typedef int (*read_entry)(struct topology *t, const char *name, const struct yaml_node *node,
                          struct errctx *err);

/* Each entry of the mapping `key`; none when it is not there. */
static int read_entries(struct topology *t, const struct yaml_node *root, const char *key,
                        read_entry read, struct errctx *err)
{
    const struct yaml_node *mapping = yaml_find(root, key);

    if (!mapping)
        return 0;
    if (yaml_kind(mapping) != YAML_MAPPING)
        return yaml_complain(mapping, err, "%s must be a list of \"name: …\"", key);
    for (size_t i = 0; i < yaml_size(mapping); i++) {
        int r = read(t, yaml_key(mapping, i), yaml_value(mapping, i), err);

        if (r < 0)
            return r;
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct topology_store *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static int read_root(struct topology *t, const struct yaml_node *root, struct errctx *err)
{
    static const char *const keys[] = {"run", "control", "break", "journal",  "stores",
                                       "log", "roles",   "links", "decisions"};
    bool journal = true;
    const struct yaml_node *log, *decisions;
    int r = yaml_check_keys(root, keys, sizeof keys / sizeof *keys, err);

    if (r == 0)
        r = take_text(root, "run", t->run, sizeof t->run, err);
    if (r == 0)
        r = take_text(root, "control", t->control, sizeof t->control, err);
    if (r == 0)
        r = take_optional(root, "break", t->broken, sizeof t->broken, err);
    if (r == 0 && yaml_find(root, "journal"))
        r = yaml_to_bool(yaml_find(root, "journal"), &journal, err);
    t->no_journal = !journal;
    if (r == 0)
        r = read_entries(t, root, "stores", read_store, err);
    log = yaml_find(root, "log");
    if (r == 0 && log)
        r = read_log(t, log, err);
    decisions = yaml_find(root, "decisions");
    if (r == 0 && decisions)
        r = read_decisions(t, decisions, err);
    if (r == 0)
        r = read_entries(t, root, "roles", read_role, err);
    if (r == 0)
        r = read_entries(t, root, "links", read_link, err);
    qsort(t->store, t->n_stores, sizeof *t->store, by_name);
    return r;
}

int topology_read(const char *path, struct topology *ret_topology, struct errctx *err)
{
    struct yaml_file *file;
    const struct yaml_node *root;
    int r = yaml_open(path, &file, &root, err);

    if (r < 0)
        return r;
    memset(ret_topology, 0, sizeof *ret_topology);
    r = read_root(ret_topology, root, err);
    yaml_close(file);
    return r;
}

/* --- servers that exist already ------------------------------------------------------------- */

static int attach(struct topology *t, const struct yaml_node *root, unsigned i, struct errctx *err)
{
    struct topology_store *store = &t->store[i];

    store->attached = true;
    if (store->kind == STORE_POSTGRES && !store->schema[0])
        (void)strcpy(store->schema, TOPOLOGY_SCHEMA);
    if (store->kind == STORE_MARIADB && !store->database[0])
        (void)strcpy(store->database, TOPOLOGY_SCHEMA);
    for (unsigned j = 0; j < i; j++) {
        const struct address *other = &t->store[j].address;

        if (strcmp(other->host, store->address.host) == 0 && other->port == store->address.port)
            return yaml_complain(root, err, "%s and %s are one server", t->store[j].name,
                                 store->name);
    }
    return 0;
}

static int read_servers(struct topology *t, const struct yaml_node *root, struct errctx *err)
{
    static const char *const keys[] = {"stores", "kafka"};
    int r = yaml_check_keys(root, keys, sizeof keys / sizeof *keys, err);

    if (r == 0)
        r = read_entries(t, root, "stores", read_store, err);
    if (r == 0 && yaml_find(root, "kafka"))
        r = take_address(root, "kafka", &t->log, err);
    qsort(t->store, t->n_stores, sizeof *t->store, by_name);
    for (unsigned i = 0; r == 0 && i < t->n_stores; i++)
        r = attach(t, root, i, err);
    return r;
}

int topology_read_servers(const char *path, struct topology *ret_servers, struct errctx *err)
{
    struct yaml_file *file;
    const struct yaml_node *root;
    int r = yaml_open(path, &file, &root, err);

    if (r < 0)
        return r;
    memset(ret_servers, 0, sizeof *ret_servers);
    r = read_servers(ret_servers, root, err);
    yaml_close(file);
    return r;
}

/* --- writing ------------------------------------------------------------------------------- */

static void print_pair(struct buf *out, const char *separator, const char *key, const char *text)
{
    if (*text == '\0')
        return;
    buf_printf(out, "%s%s: ", separator, key);
    yaml_quote(out, text);
}

static void print_address(struct buf *out, const char *separator, const char *key,
                          const struct address *address)
{
    if (address->port > 0)
        buf_printf(out, "%s%s: \"%s:%u\"", separator, key, address->host, address->port);
}

static void print_stores(struct buf *out, const struct topology *t)
{
    buf_append_str(out, t->n_stores > 0 ? "stores:\n" : "");
    for (unsigned i = 0; i < t->n_stores; i++) {
        const struct topology_store *store = &t->store[i];

        buf_printf(out, "  %s: {kind: %s", store->name, store_kinds[store->kind]);
        print_address(out, ", ", "address", &store->address);
        print_pair(out, ", ", "user", store->user);
        print_pair(out, ", ", "database", store->database);
        print_pair(out, ", ", "schema", store->schema);
        buf_append_str(out, store->attached ? ", attached: true" : "");
        buf_append_str(out, "}\n");
    }
}

static void print_roles(struct buf *out, const struct topology *t)
{
    buf_append_str(out, t->n_roles > 0 ? "roles:\n" : "");
    for (unsigned i = 0; i < t->n_roles; i++) {
        const struct topology_role *role = &t->role[i];

        buf_printf(out, "  %s: {kind: %s", role->name, role_kinds[role->kind]);
        print_address(out, ", ", "address", &role->address);
        print_pair(out, ", ", "store", role->store);
        print_pair(out, ", ", "data", role->data);
        buf_append_str(out, "}\n");
    }
}

void topology_print(struct buf *out, const struct topology *t)
{
    print_pair(out, "", "run", t->run);
    print_pair(out, "\n", "control", t->control);
    print_pair(out, "\n", "break", t->broken);
    buf_append_str(out, t->no_journal ? "\njournal: false" : "");
    buf_append_char(out, '\n');
    print_stores(out, t);
    if (t->topic[0]) {
        print_pair(out, "log: {", "topic", t->topic);
        buf_printf(out, ", partitions: %u", t->n_partitions);
        print_address(out, ", ", "bootstrap", &t->log);
        buf_append_str(out, "}\n");
    }
    if (t->decisions[0]) {
        print_pair(out, "decisions: {", "topic", t->decisions);
        print_address(out, ", ", "bootstrap", &t->log);
        buf_append_str(out, "}\n");
    }
    print_roles(out, t);
    buf_append_str(out, t->n_links > 0 ? "links:\n" : "");
    for (unsigned i = 0; i < t->n_links; i++) {
        const struct topology_link *link = &t->link[i];

        buf_printf(out, "  %s->%s: \"%s:%u\"\n", link->from, link->to, link->address.host,
                   link->address.port);
    }
}

/* --- looking ------------------------------------------------------------------------------- */

const struct topology_store *topology_store(const struct topology *t, const char *name)
{
    for (unsigned i = 0; i < t->n_stores; i++) {
        if (strcmp(t->store[i].name, name) == 0)
            return &t->store[i];
    }
    return NULL;
}

const struct topology_role *topology_role(const struct topology *t, const char *name)
{
    for (unsigned i = 0; i < t->n_roles; i++) {
        if (strcmp(t->role[i].name, name) == 0)
            return &t->role[i];
    }
    return NULL;
}

const struct address *topology_address(const struct topology *t, const char *from, const char *to)
{
    const struct topology_store *store = topology_store(t, to);
    const struct topology_role *role = topology_role(t, to);

    for (unsigned i = 0; i < t->n_links; i++) {
        if (strcmp(t->link[i].from, from) == 0 && strcmp(t->link[i].to, to) == 0)
            return &t->link[i].address;
    }
    if (store)
        return &store->address;
    if (role)
        return role->address.port > 0 ? &role->address : NULL;
    return strcmp(to, "log") == 0 && (t->topic[0] || t->decisions[0]) ? &t->log : NULL;
}
