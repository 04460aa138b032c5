/* Loading of samples.ndjson: what was in doubt, and how far the sinks lagged, every 100 ms. */
#include "base/mem.h"
#include "harness/checkers/run_data.h"
#include "harness/ndjson.h"
#include "model/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* While loading: capacities, and how much was still to be done in the settling's second half. */
struct loader {
    struct run_data *run;
    const struct ndjson *in;
    size_t in_doubt_capacity, gids_capacity, lags_capacity;
    int64_t watch_from_us; /* the middle of the settling */
    json_t *pending;       /* "in_doubt pg1" → how many, newest */
    int64_t pending_first; /* sum at watch_from_us */
    bool watched;
};

static uint32_t op_of_gid(const struct run_data *run, const char *text)
{
    struct gid gid;

    return gid_parse(text, &gid) ? run_find_op(run, gid.request) : RUN_NONE;
}

static int64_t pending_sum(const struct loader *loader)
{
    int64_t sum = 0;
    const char *name;
    json_t *value;

    json_object_foreach (loader->pending, name, value) {
        sum += json_integer_value(value);
    }
    return sum;
}

/* Remember the newest count of what is still to be done somewhere, and the sum at half-time. */
static void watch(struct loader *loader, const char *what, const char *where, int64_t at_us,
                  int64_t count)
{
    char name[64];

    if (!loader->watched && at_us >= loader->watch_from_us) {
        loader->watched = true;
        loader->pending_first = pending_sum(loader);
    }
    (void)snprintf(name, sizeof name, "%s %s", what, where);
    (void)json_object_set_new(loader->pending, name, json_integer(count));
}

static int take_gids(struct loader *loader, struct run_in_doubt *sample, const json_t *gids,
                     const json_t *ages, struct errctx *err)
{
    struct run_data *run = loader->run;

    for (size_t i = 0; i < json_array_size(gids); i++) {
        const char *gid = json_string_value(json_array_get(gids, i));
        const json_t *age = json_array_get(ages, i);

        if (!gid || !json_is_integer(age))
            return ndjson_complain(loader->in, err, "gids and ages_us do not match");
        run->gid = mem_grow(run->gid, run->n_gids, &loader->gids_capacity, sizeof *run->gid);
        run->gid[run->n_gids++] =
            (struct run_gid){.op = op_of_gid(run, gid), .age_us = json_integer_value(age)};
        sample->n++;
    }
    return 0;
}

static int take_in_doubt(struct loader *loader, const json_t *line, unsigned store, int64_t at_us,
                         struct errctx *err)
{
    struct run_in_doubt sample = {.at_us = at_us, .store = store};
    struct run_data *run = loader->run;
    json_t *gids, *ages;
    int64_t waiters;
    int r;

    r = ndjson_array(loader->in, line, "gids", &gids, err);
    if (r == 0)
        r = ndjson_array(loader->in, line, "ages_us", &ages, err);
    if (r == 0)
        r = ndjson_int(loader->in, line, "waiters", &waiters, err);
    if (r < 0)
        return r;
    sample.first = (uint32_t)run->n_gids;
    sample.waiters = (unsigned)waiters;
    r = take_gids(loader, &sample, gids, ages, err);
    if (r < 0)
        return r;
    run->in_doubt =
        mem_grow(run->in_doubt, run->n_in_doubt, &loader->in_doubt_capacity, sizeof *run->in_doubt);
    run->in_doubt[run->n_in_doubt++] = sample;
    watch(loader, "in doubt", run->store[store], at_us, sample.n);
    return 0;
}

static int take_lag(struct loader *loader, const json_t *line, unsigned store, int64_t at_us,
                    struct errctx *err)
{
    struct run_lag sample = {.at_us = at_us, .store = store};
    struct run_data *run = loader->run;
    int r;

    r = ndjson_int(loader->in, line, "records", &sample.records, err);
    if (r == 0)
        r = ndjson_int(loader->in, line, "position", &sample.position, err);
    if (r < 0)
        return r;
    run->lag = mem_grow(run->lag, run->n_lags, &loader->lags_capacity, sizeof *run->lag);
    run->lag[run->n_lags++] = sample;
    watch(loader, "lag", run->store[store], at_us, sample.records);
    return 0;
}

static int take_door(struct loader *loader, const json_t *line, int64_t at_us, struct errctx *err)
{
    const char *server;
    int64_t in_flight;
    int r;

    r = ndjson_text(loader->in, line, "server", &server, err);
    if (r == 0)
        r = ndjson_int(loader->in, line, "in_flight", &in_flight, err);
    if (r == 0)
        watch(loader, "in flight", server, at_us, in_flight);
    return r;
}

static int take_sample(void *arg, const struct ndjson *in, const json_t *line, struct errctx *err)
{
    struct loader *loader = arg;
    const char *type, *name;
    unsigned store;
    int64_t at_us;
    int r;

    loader->in = in;
    r = ndjson_text(in, line, "t", &type, err);
    if (r == 0)
        r = ndjson_int(loader->in, line, "at", &at_us, err);
    if (r < 0)
        return r;
    if (strcmp(type, "door") == 0)
        return take_door(loader, line, at_us, err);
    if (strcmp(type, "in_doubt") != 0 && strcmp(type, "lag") != 0)
        return 0;
    r = ndjson_text(loader->in, line, "store", &name, err);
    if (r < 0)
        return r;
    store = run_find_store(loader->run, name);
    if (store == STORES_MAX)
        return ndjson_complain(loader->in, err, "no store \"%s\" in config.yaml", name);
    if (strcmp(type, "lag") == 0)
        return take_lag(loader, line, store, at_us, err);
    return take_in_doubt(loader, line, store, at_us, err);
}

static int by_time(const void *a, const void *b)
{
    const struct run_in_doubt *x = a, *y = b;

    return (x->at_us > y->at_us) - (x->at_us < y->at_us);
}

/* Draining is part of it: when it does not end, nothing follows. */
static int64_t middle_of_settling(const struct run_data *run)
{
    const struct run_phase *drain = run_phase(run, "drain"), *settle = run_phase(run, "settle");
    const struct run_phase *first = drain ? drain : settle, *last = settle ? settle : drain;

    if (!first || !last->end_us)
        return INT64_MAX;
    return first->begin_us + (last->end_us - first->begin_us) / 2;
}

static void finish(struct loader *loader)
{
    struct run_data *run = loader->run;

    if (run->n_in_doubt > 0)
        qsort(run->in_doubt, run->n_in_doubt, sizeof *run->in_doubt, by_time);
    if (loader->watched)
        run->settling.progress =
            pending_sum(loader) < loader->pending_first ? PROGRESS_SOME : PROGRESS_NONE;
}

int run_load_samples(struct run_data *run, struct errctx *err)
{
    struct loader loader = {
        .run = run, .watch_from_us = middle_of_settling(run), .pending = json_object()};
    char path[PATH_MAX + 64];
    int r;

    (void)snprintf(path, sizeof path, "%s/samples.ndjson", run->dir);
    r = ndjson_each(path, true, take_sample, &loader, err);
    if (r == 0)
        finish(&loader);
    json_decref(loader.pending);
    return r;
}
