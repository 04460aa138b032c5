/* A workload in words, as it stands in a run's config.yaml: all of it, defaults too. */
#include "harness/workload/names.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

const char *const workload_kind_names[WORKLOAD_KINDS] = {
    [WORKLOAD_FANOUT] = "fanout", [WORKLOAD_TRANSFER] = "transfer", [WORKLOAD_APPEND] = "append"};
const char *const arrivals_kind_names[ARRIVALS_KINDS] = {
    [ARRIVALS_POISSON] = "poisson", [ARRIVALS_CONSTANT] = "constant", [ARRIVALS_CLOSED] = "closed"};
const char *const reads_kind_names[READS_KINDS] = {
    [READS_DIRECT] = "direct", [READS_AFTER] = "after", [READS_TRANSACTIONAL] = "transactional"};

const char *workload_kind_name(enum workload_kind kind)
{
    assert(kind < WORKLOAD_KINDS);
    return workload_kind_names[kind];
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

static void print_points(struct buf *out, const struct workload *w)
{
    buf_append_str(out, w->ramp ? ", ramp: [" : ", steps: [");
    for (unsigned i = 0; i < w->n_points; i++) {
        buf_append_str(out, i > 0 ? ", {at_s: " : "{at_s: ");
        print_number(out, w->point[i].at_s);
        buf_append_str(out, ", rate_per_s: ");
        print_number(out, w->point[i].rate_per_s);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

static void print_rate(struct buf *out, const struct workload *w)
{
    if (w->arrivals == ARRIVALS_CLOSED) {
        buf_printf(out, ", think_ms: %u", w->think_ms);
    } else if (w->n_points > 0) {
        print_points(out, w);
    } else {
        buf_append_str(out, ", rate_per_s: ");
        print_number(out, w->rate_per_s);
    }
}

static void print_shares(struct buf *out, const struct workload *w)
{
    buf_append_str(out, ", read_share: ");
    print_number(out, w->read_share);
    buf_printf(out, ", reads: %s, reread: ", reads_kind_names[w->reads]);
    print_number(out, w->reread);
    buf_append_str(out, ", pairs: ");
    print_number(out, w->pairs);
    buf_append_str(out, ", probe_share: ");
    print_number(out, w->probe_share);
}

void workload_print(struct buf *out, const struct workload *w)
{
    buf_printf(out, "{name: %s, arrivals: %s", workload_kind_name(w->kind),
               arrivals_kind_names[w->arrivals]);
    print_rate(out, w);
    buf_append_str(out, ", duration_s: ");
    print_number(out, w->duration_s);
    buf_printf(out, ", keys: %u, skew: ", w->keys);
    buf_append_str(out, w->zipf ? "zipf " : "uniform");
    if (w->zipf)
        print_number(out, w->zipf_exponent);
    buf_printf(out, ", clients: %u", w->clients);
    print_shares(out, w);
    if (w->kind == WORKLOAD_TRANSFER)
        buf_printf(out, ", balance: %lld, bound: %s", (long long)w->balance,
                   w->bound ? "true" : "false");
    buf_printf(out, ", retries: %u, deadline_ms: %u}", w->retries, w->deadline_ms);
}
