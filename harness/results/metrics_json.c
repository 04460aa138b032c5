/* The numbers of a run in results.json: see the header. */
#include "harness/results/metrics_json.h"

#include "harness/results/result.h"

#include <math.h>
#include <string.h>

static json_t *number(double value)
{
    if (isinf(value))
        return json_string(RESULT_NEVER);
    return isnan(value) ? json_null() : json_real(value);
}

/* Of something counted. */
static json_t *count(double value)
{
    return isnan(value) ? json_null() : json_integer((json_int_t)value);
}

static json_t *counted(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *codes_to_json(const struct op_counts *counts)
{
    json_t *json = json_object();

    for (unsigned i = 0; i < CODES; i++) {
        if (counts->code[i] > 0)
            (void)json_object_set_new(json, code_name((enum code)i), counted(counts->code[i]));
    }
    return json;
}

static json_t *reads_to_json(const struct op_counts *counts)
{
    json_t *json = json_object();

    (void)json_object_set_new(json, "invoked", counted(counts->invoked));
    (void)json_object_set_new(json, "ok", counted(counts->ok));
    (void)json_object_set_new(json, "fail", counted(counts->fail));
    (void)json_object_set_new(json, "info", counted(counts->info));
    (void)json_object_set_new(json, "codes", codes_to_json(counts));
    return json;
}

static json_t *writes_to_json(const struct op_counts *counts)
{
    json_t *json = reads_to_json(counts);

    (void)json_object_set_new(json, "ok_decided", counted(counts->ok_decided));
    (void)json_object_set_new(json, "info_happened", counted(counts->info_happened));
    (void)json_object_set_new(json, "info_did_not", counted(counts->info_did_not));
    (void)json_object_set_new(json, "info_unknown", counted(counts->info_unknown));
    return json;
}

static json_t *latency_to_json(const struct latency *l)
{
    json_t *json;

    if (l->n == 0)
        return json_null();
    json = json_object();
    (void)json_object_set_new(json, "n", counted(l->n));
    (void)json_object_set_new(json, "p50", number(l->p50_ms));
    (void)json_object_set_new(json, "p90", number(l->p90_ms));
    (void)json_object_set_new(json, "p99", number(l->p99_ms));
    (void)json_object_set_new(json, "p999", number(l->p999_ms));
    (void)json_object_set_new(json, "max", number(l->max_ms));
    return json;
}

static json_t *visibility_to_json(const struct visibility *v)
{
    json_t *json = latency_to_json(&v->high);

    if (v->high.n == 0)
        return json;
    (void)json_object_set_new(json, "unseen", counted(v->n_unseen));
    (void)json_object_set_new(
        json, "low",
        json_pack("{s:o, s:o}", "p50", number(v->low_p50_ms), "p99", number(v->low_p99_ms)));
    return json;
}

static json_t *visible_to_json(const struct run_data *run, const struct metrics *m)
{
    json_t *json;

    if (m->first.high.n == 0)
        return json_null();
    json = json_object();
    for (unsigned i = 0; i < run->n_stores; i++)
        (void)json_object_set_new(json, run->store[i], visibility_to_json(&m->visible[i]));
    return json;
}

static json_t *latencies_to_json(const struct run_data *run, const struct metrics *m)
{
    json_t *json = json_object();

    (void)json_object_set_new(json, "ack", latency_to_json(&m->ack));
    (void)json_object_set_new(json, "service", latency_to_json(&m->service));
    (void)json_object_set_new(json, "decided", latency_to_json(&m->decided));
    (void)json_object_set_new(json, "read", latency_to_json(&m->read));
    (void)json_object_set_new(json, "first", visibility_to_json(&m->first));
    (void)json_object_set_new(json, "everywhere", visibility_to_json(&m->everywhere));
    (void)json_object_set_new(json, "visible", visible_to_json(run, m));
    return json;
}

static json_t *staleness_to_json(const struct metrics *m)
{
    json_t *json;

    if (m->staleness.n == 0)
        return json_null();
    json = json_object();
    (void)json_object_set_new(json, "n", counted(m->staleness.n));
    (void)json_object_set_new(json, "stale", counted(m->n_stale));
    (void)json_object_set_new(json, "p50", number(m->staleness.p50_ms));
    (void)json_object_set_new(json, "p99", number(m->staleness.p99_ms));
    (void)json_object_set_new(json, "max", number(m->staleness.max_ms));
    return json;
}

static json_t *blocked_to_json(const struct metrics *m, const struct blocked *blocked)
{
    json_t *json;

    if (!m->blocked_measured)
        return json_null();
    json = json_object();
    (void)json_object_set_new(json, "keys", json_integer((json_int_t)blocked->keys));
    (void)json_object_set_new(json, "key_s", json_real(blocked->key_s));
    (void)json_object_set_new(json, "longest_s", json_real(blocked->longest_s));
    return json;
}

static json_t *time_or_null(const struct run_data *run, int64_t at_us)
{
    return at_us ? json_real(run_seconds(run, at_us)) : json_null();
}

static json_t *fault_to_json(const struct run_data *run, const struct run_fault *fault)
{
    json_t *json = json_object();
    bool point = fault->point[0] != '\0', asked = point && fault->gathered != RUN_NONE;

    (void)json_object_set_new(json, "target", json_string(fault->target));
    (void)json_object_set_new(json, "action", json_string(fault->action));
    (void)json_object_set_new(json, "begin_s", time_or_null(run, fault->begin_us));
    (void)json_object_set_new(json, "end_s", time_or_null(run, fault->end_us));
    (void)json_object_set_new(json, "skipped", json_string(fault->skipped));
    (void)json_object_set_new(json, "point", json_string(fault->point));
    (void)json_object_set_new(json, "gather", point ? counted(fault->gather) : json_null());
    (void)json_object_set_new(json, "gathered", asked ? counted(fault->gathered) : json_null());
    (void)json_object_set(json, "exposure", fault->exposure ? fault->exposure : json_null());
    return json;
}

static json_t *faults_to_json(const struct run_data *run)
{
    json_t *json = json_array();

    for (unsigned i = 0; i < run->n_faults; i++)
        (void)json_array_append_new(json, fault_to_json(run, &run->fault[i]));
    return json;
}

/* How many transactions stood at each step when a fault hit, over all faults. */
static json_t *exposure_to_json(const struct run_data *run)
{
    json_t *sum = NULL, *value;
    const char *step;

    for (unsigned i = 0; i < run->n_faults; i++) {
        if (!run->fault[i].exposure)
            continue;
        sum = sum ? sum : json_object();
        json_object_foreach (run->fault[i].exposure, step, value)
            (void)json_object_set_new(sum, step,
                                      json_integer(json_integer_value(value) +
                                                   json_integer_value(json_object_get(sum, step))));
    }
    return sum ? sum : json_null();
}

static json_t *interval_to_json(double low, double high)
{
    json_t *json;

    if (isnan(high))
        return json_null();
    json = json_object();
    (void)json_object_set_new(json, "low", json_real(low));
    (void)json_object_set_new(json, "high", json_real(high));
    return json;
}

void metrics_to_json(const struct run_data *run, const struct metrics *m, json_t *into)
{
    json_t *blocked = json_object();

    (void)json_object_set_new(into, "ops", writes_to_json(&m->writes));
    (void)json_object_set_new(into, "reads", reads_to_json(&m->reads));
    (void)json_object_set_new(into, "latency_ms", latencies_to_json(run, m));
    (void)json_object_set_new(into, "staleness_ms", staleness_to_json(m));
    (void)json_object_set_new(into, "ok_per_s", number(m->ok_per_s));
    (void)json_object_set_new(into, "ok_decided_per_s", number(m->ok_decided_per_s));
    (void)json_object_set_new(into, "longest_gap_s", number(m->longest_gap_s));
    (void)json_object_set_new(into, "in_doubt_s", number(m->in_doubt_s));
    (void)json_object_set_new(into, "in_doubt_txn_s", number(m->in_doubt_txn_s));
    (void)json_object_set_new(into, "keys_held", count(m->keys_held));
    (void)json_object_set_new(into, "waiters_max", count(m->waiters_max));
    (void)json_object_set_new(into, "clients_waiting_max", count(m->clients_waiting_max));
    (void)json_object_set_new(into, "clients_waiting_s", number(m->clients_waiting_s));
    (void)json_object_set_new(into, "sink_lag_max", count(m->sink_lag_max));
    (void)json_object_set_new(blocked, "in_doubt", blocked_to_json(m, &m->blocked_in_doubt));
    (void)json_object_set_new(blocked, "other", blocked_to_json(m, &m->blocked_other));
    (void)json_object_set_new(into, "blocked", blocked);
    (void)json_object_set_new(into, "settle_s", number(m->settle_s));
    (void)json_object_set_new(into, "converge_s",
                              interval_to_json(m->converge_low_s, m->converge_high_s));
    (void)json_object_set_new(into, "faults", faults_to_json(run));
    (void)json_object_set_new(into, "exposure", exposure_to_json(run));
}
