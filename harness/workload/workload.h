/*
 * workload.h - what the clients do: the workload of an experiment, and its plan.
 *
 * The plan is the whole list of arrivals, drawn before the run from the seed alone, so that every
 * approach and every repetition with that seed meets the same load (DESIGN.md §5.1). Open loop: an
 * arrival has a planned time, and its latency counts from there.
 *
 * Today `fanout`: a unique value (the request id) to the same key in every store. A share `pairs`
 * of the arrivals are two writes of one key at the same instant, one through each front door; a
 * share `read_share` are direct reads of one key at one store.
 */
#ifndef SYNCBED_HARNESS_WORKLOAD_WORKLOAD_H
#define SYNCBED_HARNESS_WORKLOAD_WORKLOAD_H

#include "base/buf.h"
#include "base/error.h"
#include "base/yaml.h"
#include "model/topology.h"
#include "model/txn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum workload_kind { WORKLOAD_FANOUT, WORKLOAD_KINDS };
enum arrivals_kind { ARRIVALS_POISSON, ARRIVALS_CONSTANT, ARRIVALS_KINDS };

#define WORKLOAD_CLIENTS_MAX 4096

struct workload {
    enum workload_kind kind;
    enum arrivals_kind arrivals; /* `arrivals: poisson | constant`; poisson by default */
    double rate_per_s;           /* planned operations a second, above 0 */
    double duration_s;
    unsigned keys;
    bool zipf; /* `skew: uniform` (default) or `skew: zipf 0.8` */
    double zipf_exponent;
    unsigned clients;
    double read_share;    /* 0..1 */
    double pairs;         /* 0..1 */
    unsigned deadline_ms; /* 5000 by default */
};

const char *workload_kind_name(enum workload_kind kind);

/* Of the mapping `workload:` in an experiment or config file; complaints carry file:line. */
__attribute__((warn_unused_result)) int
workload_parse(const struct yaml_node *node, struct workload *ret_workload, struct errctx *err);
/* As one YAML flow mapping, the form that workload_parse() reads back. */
void workload_print(struct buf *out, const struct workload *workload);

struct arrival {
    int64_t planned_us; /* from the start of the load */
    unsigned client;    /* arrival i belongs to client i mod n; even ones start at the first door */
    bool is_read;
    uint32_t key;   /* index; its name is "user:<index>" */
    uint32_t store; /* is_read: index into the topology's stores */
};

struct plan {
    size_t n;
    struct arrival *arrival; /* in the order of planned_us; the index is the operation's number */
};

/* Same (workload, seed, n_stores): the same plan, byte for byte. */
void plan_make(struct plan *ret_plan, const struct workload *workload, uint64_t seed,
               unsigned n_stores);
void plan_done(struct plan *plan);

/*
 * The transaction of arrival i; its request id is "c<client>-<i>". Fields that its kinds of
 * operation do not use are left as they were.
 */
void plan_txn(const struct plan *plan, size_t i, const struct workload *workload,
              const struct topology *topology, struct txn *ret_txn);

#endif
