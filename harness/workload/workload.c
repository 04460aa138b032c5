/* A workload as it is written in an experiment file; see the header. */
#include "harness/workload/workload.h"

#include "model/protocol.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE_MAX       1e6
#define DURATION_MAX_S 3600.0
#define ARRIVALS_MAX   20e6 /* a plan is held in memory */
#define KEYS_MAX       10000000
#define ZIPF_MAX       10.0
#define COUNT(array)   (sizeof(array) / sizeof(array)[0])

static const char *const kind_names[WORKLOAD_KINDS] = {[WORKLOAD_FANOUT] = "fanout"};
static const char *const arrivals_names[ARRIVALS_KINDS] = {
    [ARRIVALS_POISSON] = "poisson", [ARRIVALS_CONSTANT] = "constant"};

const char *workload_kind_name(enum workload_kind kind)
{
    assert(kind < WORKLOAD_KINDS);
    return kind_names[kind];
}

static int need(const struct yaml_node *node, const char *key, struct errctx *err)
{
    return yaml_find(node, key) ? 0 : yaml_complain(node, err, "a workload needs %s", key);
}

/* These three leave `ret_value` as it is when the key is not there. */
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

static int take_choice(const struct yaml_node *node, const char *key, const char *const *names,
                       size_t n_names, size_t *ret_index, struct errctx *err)
{
    const struct yaml_node *value = yaml_find(node, key);

    return value ? yaml_to_choice(value, names, n_names, ret_index, err) : 0;
}

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
    int r = take_choice(node, "name", kind_names, COUNT(kind_names), &kind, err);

    if (r == 0)
        r = take_choice(node, "arrivals", arrivals_names, COUNT(arrivals_names), &arrivals, err);
    w->kind = (enum workload_kind)kind;
    w->arrivals = (enum arrivals_kind)arrivals;
    return r;
}

static int take_numbers(const struct yaml_node *node, struct workload *w, struct errctx *err)
{
    int r = take_number(node, "rate_per_s", 0.001, RATE_MAX, &w->rate_per_s, err);

    if (r == 0)
        r = take_number(node, "duration_s", 0.001, DURATION_MAX_S, &w->duration_s, err);
    if (r == 0)
        r = take_count(node, "keys", 1, KEYS_MAX, &w->keys, err);
    if (r == 0)
        r = take_count(node, "clients", 1, WORKLOAD_CLIENTS_MAX, &w->clients, err);
    if (r == 0)
        r = take_number(node, "read_share", 0, 1, &w->read_share, err);
    if (r == 0)
        r = take_number(node, "pairs", 0, 1, &w->pairs, err);
    if (r == 0)
        r = take_count(node, "deadline_ms", 1, PROTOCOL_DEADLINE_MS_MAX, &w->deadline_ms, err);
    return r;
}

static int check_together(const struct yaml_node *node, const struct workload *w,
                          struct errctx *err)
{
    if (w->rate_per_s * w->duration_s > ARRIVALS_MAX)
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
    return 0;
}

int workload_parse(const struct yaml_node *node, struct workload *ret_workload, struct errctx *err)
{
    static const char *const keys[] = {"name",  "arrivals",   "rate_per_s", "duration_s",
                                       "keys",  "skew",       "clients",    "read_share",
                                       "pairs", "deadline_ms"};
    static const char *const needed[] = {"name", "rate_per_s", "duration_s", "keys"};
    struct workload w = {.clients = 16, .deadline_ms = PROTOCOL_DEADLINE_MS};
    int r = yaml_check_keys(node, keys, COUNT(keys), err);

    for (size_t i = 0; i < COUNT(needed) && r == 0; i++)
        r = need(node, needed[i], err);
    if (r == 0)
        r = take_kinds(node, &w, err);
    if (r == 0)
        r = take_numbers(node, &w, err);
    if (r == 0)
        r = take_skew(node, &w, err);
    if (r == 0)
        r = check_together(node, &w, err);
    if (r == 0)
        *ret_workload = w;
    return r;
}

/* The shortest text that reads back as the same number: 0.2, not 0.20000000000000001. */
static void print_number(struct buf *out, double number)
{
    char text[32];

    for (int digits = 6; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    buf_append_str(out, text);
}

void workload_print(struct buf *out, const struct workload *w)
{
    buf_printf(out, "{name: %s, arrivals: %s, rate_per_s: ", kind_names[w->kind],
               arrivals_names[w->arrivals]);
    print_number(out, w->rate_per_s);
    buf_append_str(out, ", duration_s: ");
    print_number(out, w->duration_s);
    buf_printf(out, ", keys: %u, skew: ", w->keys);
    buf_append_str(out, w->zipf ? "zipf " : "uniform");
    if (w->zipf)
        print_number(out, w->zipf_exponent);
    buf_printf(out, ", clients: %u, read_share: ", w->clients);
    print_number(out, w->read_share);
    buf_append_str(out, ", pairs: ");
    print_number(out, w->pairs);
    buf_printf(out, ", deadline_ms: %u}", w->deadline_ms);
}
