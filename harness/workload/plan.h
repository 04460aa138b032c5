/*
 * plan.h - the list of arrivals, drawn from the seed alone, so that every approach and every
 * repetition with that seed meets the same load (docs/design.md "Fair").
 *
 * In an open loop the plan is made whole before the load begins. In a closed one it grows while
 * the load goes on: whose turn it is depends on the answers, what the i-th arrival asks for does
 * not.
 */
#ifndef SYNCBED_HARNESS_WORKLOAD_PLAN_H
#define SYNCBED_HARNESS_WORKLOAD_PLAN_H

#include "harness/workload/workload.h"
#include "model/topology.h"
#include "model/txn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_PARTS_MAX   8  /* micro-operations of an append transaction */
#define PLAN_APPENDS_MAX 32 /* to a list, before a fresh one takes its place */
#define PLAN_AMOUNT_MAX  10 /* money moved by a transfer: 1 to so much */

struct arrival {
    int64_t planned_us; /* from the start of the load */
    unsigned client;    /* open loop: i mod n; even ones start at the first door */
    bool is_read;
    bool is_probe;   /* writes "probe:<i>" to every store */
    uint8_t n_parts; /* transfer, append: part[first_part …]; else 0 */
    uint32_t first_part;
    uint32_t key;   /* fanout: index; its name is "user:<index>" */
    uint32_t store; /* fanout, is_read: index into the topology's stores */
};

/* A micro-operation of a transfer or an append; its key is at one store. */
struct plan_part {
    enum op_kind kind; /* READ, INCR, APPEND */
    uint32_t key;      /* index: "acct:<index>", "list:<index>" */
    int64_t argument;  /* INCR: by so much; APPEND: the element */
};

struct plan {
    size_t n;
    size_t capacity;
    struct arrival *arrival; /* in the order of planned_us; the index is the operation's number */
    size_t n_parts;
    size_t parts_capacity;
    struct plan_part *part;
    struct plan_draw *draw; /* what the next arrival is drawn from */
};

/* Same (workload, seed, n_stores): the same plan, byte for byte. Empty in a closed loop. */
void plan_make(struct plan *ret_plan, const struct workload *workload, uint64_t seed,
               unsigned n_stores);
void plan_done(struct plan *plan);

/* One more arrival, at or behind the time of the last; returns its index. */
size_t plan_add(struct plan *plan, unsigned client, int64_t planned_us);

/*
 * The transaction of arrival i; its request id is "c<client>-<i>". Fields that its kinds of
 * operation do not use are left as they were.
 */
void plan_txn(const struct plan *plan, size_t i, const struct workload *workload,
              const struct topology *topology, struct txn *ret_txn);

void plan_account_key(uint32_t account, char ret_key[KEY_SIZE]);

/* The store at which an account is; NULL when the topology has not two SQL stores. */
const char *plan_account_store(const struct topology *topology, uint32_t account);

#endif
