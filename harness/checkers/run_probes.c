/* Loading of probes.ndjson: when each probe was first seen at each store. */
#include "base/mem.h"
#include "harness/checkers/run_data.h"
#include "harness/ndjson.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static void list_probes(struct run_data *run)
{
    size_t capacity = 0;

    for (size_t i = 0; i < run->history.n; i++) {
        if (!run->history.op[i].probe)
            continue;
        run->probe = mem_grow(run->probe, run->n_probes, &capacity, sizeof *run->probe);
        run->probe[run->n_probes++] = (struct run_probe){.op = (uint32_t)i};
    }
}

static struct run_probe *find_probe(const struct run_data *run, int64_t op)
{
    size_t low = 0, high = run->n_probes;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (run->probe[middle].op == op)
            return &run->probe[middle];
        if (run->probe[middle].op < op)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Null becomes 0. */
static int take_time(const struct ndjson *in, const json_t *line, const char *field,
                     int64_t *ret_us, struct errctx *err)
{
    *ret_us = 0;
    if (json_is_null(json_object_get(line, field)))
        return 0;
    return ndjson_count(in, line, field, ret_us, err);
}

/* What cannot be: seen before it was sent, or missed behind its being seen. */
static int check_sight(const struct ndjson *in, const struct history_op *h,
                       const struct run_sight *sight, struct errctx *err)
{
    if ((sight->unseen_us && sight->unseen_us < h->invoked_us) ||
        (sight->seen_us && sight->seen_us < h->invoked_us))
        return ndjson_complain(in, err, "operation %" PRId64 " was looked for before it was sent",
                               h->op);
    if (sight->unseen_us && sight->seen_us && sight->seen_us < sight->unseen_us)
        return ndjson_complain(in, err, "operation %" PRId64 " is missed after it was seen", h->op);
    return 0;
}

static int take_probe(void *arg, const struct ndjson *in, const json_t *line, struct errctx *err)
{
    const struct run_data *run = arg;
    struct run_sight sight = {0};
    struct run_probe *probe;
    const char *name = NULL;
    unsigned store;
    int64_t op = 0;
    int r = ndjson_count(in, line, "op", &op, err);

    if (r == 0)
        r = ndjson_text(in, line, "store", &name, err);
    if (r == 0)
        r = take_time(in, line, "unseen", &sight.unseen_us, err);
    if (r == 0)
        r = take_time(in, line, "seen", &sight.seen_us, err);
    if (r < 0)
        return r;
    probe = find_probe(run, op);
    if (!probe)
        return ndjson_complain(in, err, "operation %" PRId64 " is no probe of history.ndjson", op);
    store = run_find_store(run, name);
    if (store == STORES_MAX || !run_op_writes_to(run, probe->op, store))
        return ndjson_complain(in, err, "operation %" PRId64 " does not write to \"%s\"", op, name);
    if (probe->at[store].unseen_us || probe->at[store].seen_us)
        return ndjson_complain(in, err, "operation %" PRId64 " at %s comes twice", op, name);
    probe->at[store] = sight;
    return check_sight(in, &run->history.op[op], &sight, err);
}

/* A load without probes has no such file. */
int run_load_probes(struct run_data *run, struct errctx *err)
{
    char path[PATH_MAX + 64];
    int r;

    list_probes(run);
    (void)snprintf(path, sizeof path, "%s/probes.ndjson", run->dir);
    r = ndjson_each(path, true, take_probe, run, err);
    return r == -ENOENT && run->n_probes == 0 ? 0 : r;
}
