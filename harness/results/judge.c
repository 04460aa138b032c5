/* Judging a run: see the header. */
#include "harness/results/judge.h"

#include "approaches/approach.h"
#include "base/mem.h"
#include "harness/checkers/checkers.h"
#include "harness/results/metrics_json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Is it made in a run like this one? */
static bool is_made(const struct run_data *run, const struct approach_promise *promise)
{
    const json_t *workload = json_object_get(run->config, "workload");
    const char *reads = json_string_value(json_object_get(workload, "reads"));

    if ((promise->only & ONLY_WITHOUT_RETRIES) &&
        json_integer_value(json_object_get(workload, "retries")) > 0)
        return false;
    if ((promise->only & ONLY_READS_AFTER) && (!reads || strcmp(reads, "after") != 0))
        return false;
    return !(promise->only & ONLY_READS_TRANSACTIONAL) ||
           (reads && strcmp(reads, "transactional") == 0);
}

static void judge(const struct run_data *run, const struct approach *approach,
                  const struct checker *checker, struct verdict *ret)
{
    const struct approach_promise *promise = approach_promise(approach, checker->name);

    *ret = (struct verdict){.name = checker->name, .condition = "", .level = approach->native};
    if (promise && is_made(run, promise)) {
        ret->promised = true;
        ret->condition = promise->condition;
    }
    checker->check(run, ret);
    /* What crashed by itself may have lost what no checker sees: that is no clean run. */
    if (run->n_ended > 0 && ret->promised && ret->word == VERDICT_VALID)
        ret->word = VERDICT_UNKNOWN;
}

/* A verdict is large, with its examples, and there is one at a time. */
static json_t *verdicts_to_json(const struct run_data *run, const struct approach *approach)
{
    struct verdict *v = mem_alloc(sizeof *v);
    json_t *json = json_object();

    for (unsigned i = 0; i < CHECKERS; i++) {
        judge(run, approach, &checker_table[i], v);
        (void)json_object_set_new(json, v->name, verdict_to_json(run, v));
    }
    for (unsigned i = 0; i < APPROACH_PROMISES_MAX && approach->promise[i].verdict; i++) {
        const struct approach_promise *promise = &approach->promise[i];

        if (checker_find(promise->verdict))
            continue;
        *v = (struct verdict){
            .name = promise->verdict, .promised = true, .condition = promise->condition};
        (void)json_object_set_new(json, v->name, verdict_to_json(run, v));
    }
    free(v);
    return json;
}

static json_t *run_to_json(const struct run_data *run, const struct approach *approach)
{
    json_t *json = json_object();

    (void)json_object_set_new(json, "run", json_string(run->run));
    (void)json_object_set_new(json, "approach", json_string(run->approach));
    (void)json_object_set_new(json, "variant", json_string(run->variant));
    (void)json_object_set_new(json, "workload", json_string(run->workload));
    (void)json_object_set_new(json, "schedule", json_string(run->schedule));
    (void)json_object_set_new(json, "seed", json_integer(run->seed));
    (void)json_object_set_new(json, "repeat", json_integer(run->repeat));
    (void)json_object_set_new(json, "durability", json_string(run->durability));
    (void)json_object_set_new(json, "profile", json_string(run->profile));
    (void)json_object_set_new(json, "level", json_string(level_name(approach->native)));
    (void)json_object_set_new(json, "finished", json_boolean(run->finished));
    (void)json_object_set(json, "config", run->config);
    return json;
}

static json_t *ended_to_json(const struct run_data *run)
{
    json_t *json = json_array();

    for (unsigned i = 0; i < run->n_ended; i++) {
        const struct run_ended *ended = &run->ended[i];

        (void)json_array_append_new(json, json_pack("{s:f, s:s, s:s}", "at_s",
                                                    run_seconds(run, ended->at_us), "role",
                                                    ended->role, "why", ended->why));
    }
    return json;
}

/* What a broken variant's mistake is, and how often it was made; null of a sound one. */
static json_t *break_to_json(const struct run_data *run, const struct approach *approach)
{
    const json_t *config = json_object_get(run->config, "approach");
    const char *name = json_string_value(json_object_get(config, "break"));
    const struct approach_break *broken = approach_break(approach, name);

    if (!broken)
        return json_null();
    return json_pack("{s:s, s:s, s:s, s:I}", "name", broken->name, "sentence", broken->sentence,
                     "verdict", broken->verdict, "times", (json_int_t)run->n_broken);
}

static json_t *number_or_null(double x)
{
    return isnan(x) ? json_null() : json_real(x);
}

/* Of the machine, when the load began and when it ended. */
static json_t *load_average_to_json(const struct run_data *run)
{
    const struct run_phase *load = run_phase(run, "load");

    return json_pack("{s:o, s:o}", "begin", number_or_null(load->load_begin), "end",
                     number_or_null(load->load_end));
}

static void add_judgement(const struct run_data *run, const struct approach *approach, json_t *json)
{
    struct metrics metrics;

    (void)json_object_set_new(json, "settled", json_boolean(run->settling.settled));
    (void)json_object_set_new(json, "settled_why", json_string(run->settling.why));
    (void)json_object_set_new(json, "load_average", load_average_to_json(run));
    (void)json_object_set_new(json, "ended", ended_to_json(run));
    (void)json_object_set_new(json, "by_hand", json_integer(run->n_by_hand));
    (void)json_object_set_new(json, "break", break_to_json(run, approach));
    metrics_compute(run, approach->native, &metrics);
    metrics_to_json(run, &metrics, json);
    (void)json_object_set_new(json, "verdicts", verdicts_to_json(run, approach));
}

/* The row, with what the run's configuration promises for a program of somebody else's. */
static int find_approach(const struct run_data *run, struct approach *ret_approach,
                         struct errctx *err)
{
    const struct approach *row = approach_find(run->approach);
    const json_t *promises = json_object_get(json_object_get(run->config, "approach"), "promises");

    if (!row)
        return err_set(err, EBADMSG, ERR_ABORT, "%s/config.yaml: there is no approach \"%s\"",
                       run->dir, run->approach);
    *ret_approach = *row;
    for (size_t i = 0; i < json_array_size(promises) && i < APPROACH_PROMISES_MAX - 1; i++)
        ret_approach->promise[i] = (struct approach_promise){
            .verdict = json_string_value(json_array_get(promises, i)), .condition = ""};
    return 0;
}

int judge_run(const char *run_dir, json_t **ret_run, struct errctx *err)
{
    struct run_data *run = mem_alloc(sizeof *run); /* too large for a stack */
    struct approach approach;
    int r;

    r = run_data_load(run_dir, run, err);
    if (r == 0)
        r = find_approach(run, &approach, err);
    if (r < 0)
        goto out;
    *ret_run = run_to_json(run, &approach);
    if (run->finished)
        add_judgement(run, &approach, *ret_run);
out:
    run_data_done(run);
    free(run);
    return r;
}
