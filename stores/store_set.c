/* All stores of a topology: see the header. */
#include "stores/store_set.h"

#include "model/names.h"

#include <string.h>

int store_set_open(struct store_set *set, struct event_base *base, const struct topology *topology,
                   const char *role, const char *part, const struct store_options *options,
                   struct errctx *err)
{
    char application[SESSION_NAME_SIZE];
    struct store_options named = *options;

    session_name(application, role, part);
    named.application = application;
    for (unsigned i = 0; i < topology->n_stores; i++) {
        const struct topology_store *where = &topology->store[i];
        int r = store_open(base, where, topology_address(topology, role, where->name), &named,
                           &set->store[i], err);

        if (r < 0)
            return err_prefix(err, r, "%s", where->name);
        set->n++;
    }
    return 0;
}

void store_set_done(struct store_set *set)
{
    for (unsigned i = 0; i < set->n; i++)
        store_free(set->store[i]);
    set->n = 0;
}

bool store_set_alive(const struct store_set *set)
{
    for (unsigned i = 0; i < set->n; i++) {
        if (!store_alive(set->store[i]))
            return false;
    }
    return true;
}

struct store *store_set_find(const struct store_set *set, const char *name)
{
    for (unsigned i = 0; i < set->n; i++) {
        if (strcmp(store_name(set->store[i]), name) == 0)
            return set->store[i];
    }
    return NULL;
}
