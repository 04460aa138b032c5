/* participant: a store, for a coordinator in any language. docs/participant.md */
#include "approaches/gateway.h"
#include "base/loop.h"
#include "base/mem.h"
#include "harness/verbs.h"
#include "model/address.h"
#include "servers/keeper.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a file, or of what "syncbed up" has started. */
static int find_topology(struct event_base *base, const char *path, struct topology *ret_topology,
                         struct errctx *err)
{
    struct keeper *keeper = NULL;
    int rc;

    if (path)
        return topology_read(path, ret_topology, err);
    rc = keeper_attach(base, NULL, NULL, &keeper, err);
    if (rc == -ENOENT)
        return err_set(err, ENOENT, ERR_ABORT,
                       "nothing is up; --topology FILE names the servers of a run");
    if (!rc)
        rc = keeper_topology(keeper, ret_topology, err);
    keeper_free(keeper);
    return rc;
}

/* Unlike everywhere else port 0 is one: any that is free. */
static int parse_listen(const char *text, struct address *ret_address)
{
    size_t size = strlen(text);
    bool any = size > 2 && strcmp(text + size - 2, ":0") == 0;
    char copy[HOST_SIZE + 8];
    int r;

    if (size >= sizeof copy)
        return -EINVAL;
    (void)snprintf(copy, sizeof copy, "%.*s%s", (int)(any ? size - 2 : size), text,
                   any ? ":1" : "");
    r = address_parse(copy, ret_address);
    if (r == 0 && any)
        ret_address->port = 0;
    return r;
}

static int serve(struct event_base *base, const struct topology *topology,
                 const struct cli_args *args, struct errctx *err)
{
    const char *name = cli_argument(args, 0), *where = cli_text(args, "listen", NULL);
    const struct topology_store *store = topology_store(topology, name);
    struct address listen;
    const struct gateway_options options = {.store = store,
                                            .address = store ? &store->address : NULL,
                                            .listen = where ? &listen : NULL,
                                            .reset = cli_given(args, "reset")};

    if (!store)
        return err_set(err, ENOENT, ERR_ABORT, "there is no store \"%s\" here", name);
    if (where && parse_listen(where, &listen) < 0)
        return err_set(err, EINVAL, ERR_ABORT, "--listen %s: no address like 127.0.0.1:7000",
                       where);
    return gateway_run(base, &options, err);
}

int verb_participant(const struct cli_args *args)
{
    struct topology *topology = mem_alloc(sizeof *topology); /* too large for a stack */
    struct event_base *base = loop_new();
    struct errctx err;
    int rc = find_topology(base, cli_text(args, "topology", NULL), topology, &err);

    if (!rc)
        rc = serve(base, topology, args, &err);
    event_base_free(base);
    free(topology);
    return rc ? cli_fail(&err) : 0;
}
