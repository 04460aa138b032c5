/*
 * workload.h - what the clients do: the workload of an experiment.
 *
 * Open loop: arrivals come at planned times, whatever became of the others, and latencies count
 * from there (plan.h). Closed loop: a client's next operation arrives when its last one ended, so
 * that a slow approach is asked less; figures have to say so.
 *
 *   fanout    a unique value (the request id) to the same key, "user:<k>", in every store
 *   transfer  money from an account to another, "acct:<k>": even ones lie at the first SQL
 *             store of the topology, odd ones at the second. Each begins with `balance`, put there
 *             before the load as the first entry of its journal: request "init", "incr <balance>"
 *   append    1 to 8 reads and appends of lists, "list:<k>", each at store k mod stores. Elements
 *             count from 1 for each list; a list that got 32 is left for a fresh one
 *
 * A share `pairs` of the arrivals are two writes of one key at the same instant, one through each
 * front door; a share `read_share` are reads; a share `probe_share` write the fresh key
 * "probe:<op>" to every store, for the prober to look for.
 */
#ifndef SYNCBED_HARNESS_WORKLOAD_WORKLOAD_H
#define SYNCBED_HARNESS_WORKLOAD_WORKLOAD_H

#include "base/buf.h"
#include "base/error.h"
#include "base/yaml.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum workload_kind { WORKLOAD_FANOUT, WORKLOAD_TRANSFER, WORKLOAD_APPEND, WORKLOAD_KINDS };
enum arrivals_kind { ARRIVALS_POISSON, ARRIVALS_CONSTANT, ARRIVALS_CLOSED, ARRIVALS_KINDS };

enum reads_kind {
    READS_DIRECT, /* at one store, past the front doors */
    READS_AFTER,  /* of one store through a door, after what the client saw acknowledged last */
    READS_TRANSACTIONAL, /* through a door, of the key at every store, in one transaction */
    READS_KINDS
};

#define WORKLOAD_CLIENTS_MAX 4096
#define WORKLOAD_RETRIES_MAX 5
#define WORKLOAD_POINTS_MAX  16
#define WORKLOAD_PROBES_MAX  0.02 /* share of the arrivals, and the default */

/* The planned rate from `at_s` on. */
struct rate_point {
    double at_s;
    double rate_per_s;
};

struct workload {
    enum workload_kind kind;
    enum arrivals_kind arrivals; /* `arrivals: poisson | constant | closed`; poisson by default */
    double rate_per_s; /* planned operations a second, above 0; 0 with points, or closed */
    bool ramp;         /* points: a line between them (`ramp:`), or `steps:` */
    unsigned n_points; /* 0 with a single rate */
    struct rate_point point[WORKLOAD_POINTS_MAX]; /* the first at 0, times rising */
    double duration_s;
    unsigned think_ms; /* closed: between an operation's end and the client's next; 0 by default */
    unsigned keys;
    bool zipf; /* `skew: uniform` (default) or `skew: zipf 0.8` */
    double zipf_exponent;
    unsigned clients;
    double read_share;     /* 0..1 */
    enum reads_kind reads; /* `reads: direct | after | transactional`; direct by default */
    double reread;         /* share of the reads that ask for what their client last wrote; 0.5 */
    double pairs;          /* 0..1 */
    double probe_share;    /* 0..WORKLOAD_PROBES_MAX; the latter by default */
    unsigned retries;      /* of an operation that ended unknown, under its request id; 0 */
    int64_t balance;       /* transfer: of each account at first; 100 by default */
    bool bound;            /* transfer: no account may fall below 0; false by default */
    unsigned deadline_ms;  /* 5000 by default */
};

const char *workload_kind_name(enum workload_kind kind);

/* Of the mapping `workload:` in an experiment or config file; complaints carry file:line. */
__attribute__((warn_unused_result)) int
workload_parse(const struct yaml_node *node, struct workload *ret_workload, struct errctx *err);
/* As one YAML flow mapping, the form that workload_parse() reads back. */
void workload_print(struct buf *out, const struct workload *workload);

/* The highest planned rate; 0 in a closed loop. */
double workload_peak_per_s(const struct workload *workload);

/* Of a key that by its workload's rule lies at one store only: "acct:…", "list:…". */
bool workload_key_is_single(const char *key);

#endif
