/* What an experiment expands to: its runs in their order, and the config file of each. */
#include "harness/experiment.h"

#include "base/mem.h"
#include "base/random.h"
#include "stores/store.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A variant as a part of a folder's name: "xa-lock_order-parallel". */
static void append_label(struct buf *out, const char *variant)
{
    for (; *variant; variant++)
        buf_append_char(out, isalnum((unsigned char)*variant) || strchr("_.", *variant) ? *variant
                                                                                        : '-');
}

static int name_run(const struct experiment *e, struct experiment_run *run, struct errctx *err)
{
    struct buf name = {0};
    int rc = 0;

    buf_printf(&name, "%03u-", run->number);
    append_label(&name, run->approach->variant);
    buf_printf(&name, "-%s-%s-s%llu", workload_kind_name(e->workload.kind), run->schedule->name,
               (unsigned long long)run->seed);
    if (e->repeats > 1)
        buf_printf(&name, "-r%u", run->repeat);
    if (name.size >= sizeof run->name)
        rc =
            err_set(err, ENAMETOOLONG, ERR_ABORT, "the name of run %s is too long", buf_str(&name));
    else
        (void)strcpy(run->name, buf_str(&name));
    buf_done(&name);
    return rc;
}

static void all_runs(const struct experiment *e, struct experiment_runs *runs)
{
    for (unsigned repeat = 1; repeat <= e->repeats; repeat++) {
        for (unsigned seed = 0; seed < e->n_seeds; seed++) {
            for (unsigned s = 0; s < e->n_schedules; s++) {
                for (unsigned a = 0; a < e->n_approaches; a++)
                    runs->run[runs->n++] = (struct experiment_run){.approach = &e->approach[a],
                                                                   .schedule = &e->schedule[s],
                                                                   .seed = e->seed[seed],
                                                                   .repeat = repeat};
            }
        }
    }
}

/* Fisher and Yates. */
static void shuffle(struct experiment_runs *runs, uint64_t seed)
{
    struct rng rng = rng_new(seed, "order of runs");

    for (size_t i = runs->n; i > 1; i--) {
        size_t j = (size_t)rng_below(&rng, i);
        struct experiment_run swap = runs->run[i - 1];

        runs->run[i - 1] = runs->run[j];
        runs->run[j] = swap;
    }
}

static bool is_pair(const char *only, const char *name, const char *schedule)
{
    size_t size = strlen(name);

    return strncmp(only, name, size) == 0 && only[size] == '/' &&
           strcmp(only + size + 1, schedule) == 0;
}

static bool is_wanted(const struct experiment_run *run, const char *only)
{
    return !only || strstr(run->name, only) ||
           is_pair(only, run->approach->name, run->schedule->name) ||
           is_pair(only, run->approach->variant, run->schedule->name);
}

int experiment_expand(const struct experiment *e, const char *only,
                      struct experiment_runs *ret_runs, struct errctx *err)
{
    size_t n = (size_t)e->repeats * e->n_seeds * e->n_schedules * e->n_approaches;
    struct experiment_runs runs = {0};
    size_t kept = 0;

    if (n > EXPERIMENT_RUNS_MAX)
        return err_set(err, E2BIG, ERR_ABORT, "%s: %zu runs, more than %d", e->name, n,
                       EXPERIMENT_RUNS_MAX);
    runs.run = mem_alloc_array(n, sizeof *runs.run);
    all_runs(e, &runs);
    assert(runs.n == n);
    shuffle(&runs, e->seed[0]);
    for (size_t i = 0; i < n; i++) {
        int rc;

        runs.run[i].number = (unsigned)i + 1;
        rc = name_run(e, &runs.run[i], err);
        if (rc) {
            experiment_runs_done(&runs);
            return rc;
        }
        if (is_wanted(&runs.run[i], only))
            runs.run[kept++] = runs.run[i];
    }
    runs.n = kept;
    if (kept == 0) {
        (void)err_set(err, ENOENT, ERR_ABORT, "--only %s: no run of %s is called so, as in %s/%s",
                      only, e->name, e->approach[0].name, e->schedule[0].name);
        experiment_runs_done(&runs);
        return -ENOENT;
    }
    *ret_runs = runs;
    return 0;
}

void experiment_runs_done(struct experiment_runs *runs)
{
    free(runs->run);
    *runs = (struct experiment_runs){0};
}

/* --- config.yaml ------------------------------------------------------------------------------ */

static void print_program(struct buf *out, const struct experiment_approach *a)
{
    buf_append_str(out, ", program: ");
    yaml_quote(out, a->program);
    buf_append_str(out, ", promises: [");
    for (unsigned i = 0; i < a->n_promises; i++)
        buf_printf(out, "%s%s", i > 0 ? ", " : "", a->promise[i]);
    buf_append_char(out, ']');
}

static void print_approach(struct buf *out, const struct experiment_approach *a)
{
    buf_append_str(out, "approach: {name: ");
    yaml_quote(out, a->name);
    for (unsigned i = 0; i < a->settings.n; i++)
        buf_printf(out, ", %s: %s", a->settings.item[i].info->name,
                   a->settings.item[i].info->value[a->settings.item[i].value]);
    if (a->program[0])
        print_program(out, a);
    if (a->broken)
        buf_printf(out, ", break: %s", a->broken->name);
    buf_append_str(out, "}\nvariant: ");
    yaml_quote(out, a->variant);
    buf_append_str(out, "\nstores: [");
}

static void print_attached(struct buf *out, const struct experiment *e)
{
    const char *separator = "";

    buf_append_str(out, "attached: [");
    for (unsigned i = 0; i < e->n_stores; i++) {
        if (!topology_store(e->attached, e->store[i]))
            continue;
        buf_printf(out, "%s%s", separator, e->store[i]);
        separator = ", ";
    }
    if (e->attached->log.port > 0 && experiment_uses_log(e))
        buf_printf(out, "%skafka", separator);
    buf_append_str(out, "]\n");
}

void experiment_print_config(struct buf *out, const struct experiment *e,
                             const struct experiment_run *run, const struct workload *workload)
{
    buf_printf(out, "run: %s\nquestion: ", run->name);
    yaml_quote(out, e->question);
    if (e->prediction[0]) {
        buf_append_str(out, "\nprediction: ");
        yaml_quote(out, e->prediction);
    }
    buf_append_char(out, '\n');
    print_approach(out, run->approach);
    for (unsigned i = 0; i < e->n_stores; i++)
        buf_printf(out, "%s%s", i > 0 ? ", " : "", e->store[i]);
    buf_append_str(out, "]\n");
    if (e->attached)
        print_attached(out, e);
    buf_printf(out, "durability: %s\nprofile: %s\nworkload: ", e->durability, e->profile);
    workload_print(out, workload);
    buf_printf(out, "\ngiven: {doors: %d, sessions: %d, lock_timeout_ms: %d, partitions: %d}",
               EXPERIMENT_DOORS, STORE_SESSIONS, STORE_LOCK_TIMEOUT_US / 1000,
               EXPERIMENT_PARTITIONS);
    buf_append_str(out, "\nschedule: ");
    schedule_print(out, run->schedule);
    buf_printf(out, "\nseed: %llu\nrepeat: %u\n", (unsigned long long)run->seed, run->repeat);
}
