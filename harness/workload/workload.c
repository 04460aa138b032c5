/* A workload as it is read from an experiment file; see the header. */
#include "harness/workload/workload.h"

#include "harness/workload/names.h"
#include "model/protocol.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RATE_MAX       1e6
#define DURATION_MAX_S 3600.0
#define ARRIVALS_MAX   20e6 /* a plan is held in memory */
#define KEYS_MAX       10000000
#define ZIPF_MAX       10.0
#define THINK_MS_MAX   3600000
#define ACCOUNTS_MAX   10000 /* each is filled by a transaction of its own before the load */
#define BALANCE_MAX    1000000000
#define COUNT(array)   (sizeof(array) / sizeof(array)[0])

static int need(const struct yaml_node *node, const char *key, const char *what, struct errctx *err)
{
    return yaml_find(node, key) ? 0 : yaml_complain(node, err, "%s needs %s", what, key);
}

/* These leave `ret_value` as it is when the key is not there. */
static int take_number(const struct yaml_node *node, const char *key, double min, double max,
                       double *ret_value, struct errctx *err)
{
    const struct yaml_node *value = yaml_find(node, key);

    return value ? yaml_to_number(value, min, max, ret_value, err) : 0;
}

static int take_count(const struct yaml_node *node, const char *key, unsigned min, unsigned max,
                      unsigned *ret_value, struct errctx *err)
{
    const struct yaml_node *value = yaml_find(node, key);
    int64_t count = 0;

    if (!value)
        return 0;
    int r = yaml_to_int(value, min, max, &count, err);

    if (r == 0)
        *ret_value = (unsigned)count;
    return r;
}

static int take_bool(const struct yaml_node *node, const char *key, bool *ret_value,
                     struct errctx *err)
{
    const struct yaml_node *value = yaml_find(node, key);

    return value ? yaml_to_bool(value, ret_value, err) : 0;
}

static int take_choice(const struct yaml_node *node, const char *key, const char *const *names,
                       size_t n_names, size_t *ret_index, struct errctx *err)
{
    const struct yaml_node *value = yaml_find(node, key);

    return value ? yaml_to_choice(value, names, n_names, ret_index, err) : 0;
}

/* --- how many, and when -------------------------------------------------------------------- */

double workload_peak_per_s(const struct workload *w)
{
    double peak = w->rate_per_s;

    for (unsigned i = 0; i < w->n_points; i++)
        peak = fmax(peak, w->point[i].rate_per_s);
    return peak;
}

static int take_point(const struct yaml_node *node, struct rate_point *ret_point,
                      struct errctx *err)
{
    static const char *const keys[] = {"at_s", "rate_per_s"};
    int r = yaml_check_keys(node, keys, COUNT(keys), err);

    for (size_t i = 0; i < COUNT(keys) && r == 0; i++)
        r = need(node, keys[i], "a point in time", err);
    if (r == 0)
        r = take_number(node, "at_s", 0, DURATION_MAX_S, &ret_point->at_s, err);
    if (r == 0)
        r = take_number(node, "rate_per_s", 0, RATE_MAX, &ret_point->rate_per_s, err);
    return r;
}

/* The list `steps:` or `ramp:`. */
static int take_points(const struct yaml_node *list, struct workload *w, struct errctx *err)
{
    if (yaml_kind(list) != YAML_SEQUENCE || yaml_size(list) == 0 ||
        yaml_size(list) > WORKLOAD_POINTS_MAX)
        return yaml_complain(list, err, "a list of 1 to %d {at_s, rate_per_s}",
                             WORKLOAD_POINTS_MAX);
    for (; w->n_points < yaml_size(list); w->n_points++) {
        const struct yaml_node *node = yaml_item(list, w->n_points);
        struct rate_point *point = &w->point[w->n_points];
        int r = take_point(node, point, err);

        if (r < 0)
            return r;
        if (w->n_points == 0 ? point->at_s > 0 : point->at_s <= point[-1].at_s)
            return yaml_complain(node, err, "at_s: the first is 0, and each is after the last");
        if (point->at_s >= w->duration_s)
            return yaml_complain(node, err, "at_s: the load is over by then (duration_s)");
    }
    return workload_peak_per_s(w) > 0 ? 0 : yaml_complain(list, err, "nothing ever arrives");
}

/* In an open loop one of rate_per_s, steps and ramp says how many; in a closed one, none. */
static int take_rate(const struct yaml_node *node, struct workload *w, struct errctx *err)
{
    static const char *const keys[] = {"rate_per_s", "steps", "ramp"};
    const struct yaml_node *given = NULL;
    unsigned n_given = 0;

    for (size_t i = 0; i < COUNT(keys); i++) {
        const struct yaml_node *value = yaml_find(node, keys[i]);

        n_given += value != NULL;
        given = value ? value : given;
    }
    if (w->arrivals == ARRIVALS_CLOSED)
        return given ? yaml_complain(given, err, "in a closed loop the clients make the rate") : 0;
    if (n_given != 1)
        return yaml_complain(given ? given : node, err,
                             "a workload needs rate_per_s, or steps, or ramp: one of them");
    if (yaml_find(node, "rate_per_s"))
        return yaml_to_number(given, 0.001, RATE_MAX, &w->rate_per_s, err);
    w->ramp = yaml_find(node, "ramp") != NULL;
    return take_points(given, w, err);
}

/* --- of what ------------------------------------------------------------------------------- */

/* "uniform", or "zipf 0.8" */
static int take_skew(const struct yaml_node *node, struct workload *w, struct errctx *err)
{
    const struct yaml_node *value = yaml_find(node, "skew");
    const char *text = value ? yaml_text(value) : "uniform";
    char *end;

    if (strcmp(text, "uniform") == 0)
        return 0;
    if (strncmp(text, "zipf ", 5) != 0)
        return yaml_complain(value, err, "skew: \"%s\" is neither \"uniform\" nor \"zipf NUMBER\"",
                             text);
    w->zipf = true;
    w->zipf_exponent = strtod(text + 5, &end);
    if (end == text + 5 || *end != '\0' || !(w->zipf_exponent > 0 && w->zipf_exponent <= ZIPF_MAX))
        return yaml_complain(value, err, "skew: zipf takes a number above 0, at most %g", ZIPF_MAX);
    return 0;
}

static int take_kinds(const struct yaml_node *node, struct workload *w, struct errctx *err)
{
    size_t kind = WORKLOAD_FANOUT;
    size_t arrivals = ARRIVALS_POISSON;
    size_t reads = READS_DIRECT;
    int r = take_choice(node, "name", workload_kind_names, WORKLOAD_KINDS, &kind, err);

    if (r == 0)
        r = take_choice(node, "arrivals", arrivals_kind_names, ARRIVALS_KINDS, &arrivals, err);
    if (r == 0)
        r = take_choice(node, "reads", reads_kind_names, READS_KINDS, &reads, err);
    w->kind = (enum workload_kind)kind;
    w->arrivals = (enum arrivals_kind)arrivals;
    w->reads = (enum reads_kind)reads;
    return r;
}

static int take_shares(const struct yaml_node *node, struct workload *w, struct errctx *err)
{
    int r = take_number(node, "read_share", 0, 1, &w->read_share, err);

    if (r == 0)
        r = take_number(node, "reread", 0, 1, &w->reread, err);
    if (r == 0)
        r = take_number(node, "pairs", 0, 1, &w->pairs, err);
    if (r == 0)
        r = take_number(node, "probe_share", 0, WORKLOAD_PROBES_MAX, &w->probe_share, err);
    return r;
}

static int take_counts(const struct yaml_node *node, struct workload *w, struct errctx *err)
{
    int r = take_number(node, "duration_s", 0.001, DURATION_MAX_S, &w->duration_s, err);

    if (r == 0)
        r = take_count(node, "keys", 1, KEYS_MAX, &w->keys, err);
    if (r == 0)
        r = take_count(node, "clients", 1, WORKLOAD_CLIENTS_MAX, &w->clients, err);
    if (r == 0)
        r = take_count(node, "think_ms", 0, THINK_MS_MAX, &w->think_ms, err);
    if (r == 0)
        r = take_count(node, "retries", 0, WORKLOAD_RETRIES_MAX, &w->retries, err);
    if (r == 0)
        r = take_count(node, "deadline_ms", 1, PROTOCOL_DEADLINE_MS_MAX, &w->deadline_ms, err);
    return r;
}

static int take_accounts(const struct yaml_node *node, struct workload *w, struct errctx *err)
{
    const struct yaml_node *balance = yaml_find(node, "balance");
    int r = balance ? yaml_to_int(balance, 0, BALANCE_MAX, &w->balance, err) : 0;

    return r == 0 ? take_bool(node, "bound", &w->bound, err) : r;
}

/* Keys that mean nothing here would be a wish that is not granted. */
static int check_meaning(const struct yaml_node *node, const struct workload *w, struct errctx *err)
{
    static const char *const money[] = {"balance", "bound"};

    for (size_t i = 0; i < COUNT(money) && w->kind != WORKLOAD_TRANSFER; i++) {
        if (yaml_find(node, money[i]))
            return yaml_complain(yaml_find(node, money[i]), err, "%s is for transfer only",
                                 money[i]);
    }
    if (w->arrivals != ARRIVALS_CLOSED && yaml_find(node, "think_ms"))
        return yaml_complain(yaml_find(node, "think_ms"), err,
                             "think_ms is for arrivals: closed only");
    if (w->arrivals == ARRIVALS_CLOSED && w->pairs > 0)
        return yaml_complain(yaml_find(node, "pairs"), err,
                             "pairs: a closed loop has no planned instants");
    return 0;
}

static int check_together(const struct yaml_node *node, const struct workload *w,
                          struct errctx *err)
{
    if (workload_peak_per_s(w) * w->duration_s > ARRIVALS_MAX)
        return yaml_complain(node, err, "workload: rate_per_s times duration_s is above %.0f",
                             ARRIVALS_MAX);
    if (w->pairs + w->read_share > 1)
        return yaml_complain(node, err,
                             "workload: pairs (writes) and read_share are above 1 "
                             "together");
    /* The two of a pair belong to neighbouring clients, one even and one odd: one for each door. */
    if (w->pairs > 0 && w->clients % 2 != 0)
        return yaml_complain(yaml_find(node, "clients"), err,
                             "workload.clients: with pairs, an even number");
    if (w->kind == WORKLOAD_TRANSFER && (w->keys < 2 || w->keys > ACCOUNTS_MAX))
        return yaml_complain(yaml_find(node, "keys"), err,
                             "workload.keys: of transfer, 2 to %d accounts", ACCOUNTS_MAX);
    return 0;
}

int workload_parse(const struct yaml_node *node, struct workload *ret_workload, struct errctx *err)
{
    static const char *const keys[] = {
        "name",        "arrivals", "rate_per_s", "steps", "ramp",       "duration_s", "think_ms",
        "keys",        "skew",     "clients",    "reads", "read_share", "reread",     "pairs",
        "probe_share", "retries",  "balance",    "bound", "deadline_ms"};
    static const char *const needed[] = {"name", "duration_s", "keys"};
    static int (*const part[])(const struct yaml_node *, struct workload *, struct errctx *) = {
        take_kinds, take_counts, take_rate, take_shares, take_skew, take_accounts};
    struct workload w = {.clients = 16,
                         .reread = 0.5,
                         .probe_share = WORKLOAD_PROBES_MAX,
                         .balance = 100,
                         .deadline_ms = PROTOCOL_DEADLINE_MS};
    int r = yaml_check_keys(node, keys, COUNT(keys), err);

    for (size_t i = 0; i < COUNT(needed) && r == 0; i++)
        r = need(node, needed[i], "a workload", err);
    for (size_t i = 0; i < COUNT(part) && r == 0; i++)
        r = part[i](node, &w, err);
    if (r == 0)
        r = check_meaning(node, &w, err);
    if (r == 0)
        r = check_together(node, &w, err);
    if (r == 0)
        *ret_workload = w;
    return r;
}
