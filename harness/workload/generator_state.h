/*
 * generator_state.h - a generator from inside: what its files share.
 *
 *   generator.c   opening, closing, and time: arrivals and deadlines
 *   operation.c   one operation: what is recorded of it, and whether it is sent again
 */
#ifndef SYNCBED_HARNESS_WORKLOAD_GENERATOR_STATE_H
#define SYNCBED_HARNESS_WORKLOAD_GENERATOR_STATE_H

#include "harness/history/history.h"
#include "harness/workload/generator.h"
#include "harness/workload/load_clients.h"
#include "harness/workload/load_reads.h"
#include "harness/workload/plan.h"
#include "harness/workload/prober.h"
#include "harness/workload/turns.h"

#define OPS_PER_CHUNK 4096

/* One arrival, where it stands. */
struct operation {
    struct load_op load; /* first: the clients know us by it */
    size_t number;
    unsigned n_retries;
    enum code unknown; /* what its first sending that ended unknown said; CODE_NONE */
};

struct generator {
    struct generator_options options;
    struct plan plan;
    unsigned n_doors;
    struct load_door door[ROLES_MAX];
    size_t n_chunks;
    size_t chunks_capacity;
    struct operation **chunk; /* the operations never move: lists lead through them */
    struct load_clients *clients;
    struct load_reads *reads; /* NULL when the workload has no direct ones */
    struct prober *prober;    /* NULL when nobody looks for probes */
    struct turns turns;       /* closed loop */
    struct position *seen;    /* one a client, the highest acknowledged; NULL unless READS_AFTER */
    struct history_writer *history;
    struct event *timer;
    bool started;
    bool stopped;
    int64_t start_us;
    int64_t end_us;      /* closed loop: nothing arrives from here on */
    int64_t deadline_us; /* from plan */
    size_t next;         /* the next to arrive */
    size_t next_unsent;  /* before it, none expires unsent any more */
    size_t next_sent;    /* before it, all have ended */
    size_t n_invoked;
    size_t n_ended[HISTORY_INFO + 1];
    struct request request; /* scratch: large, and made anew for every line */
};

/* --- operation.c --------------------------------------------------------------------------- */

struct operation *operation_at(const struct generator *g, size_t i);
void operations_make(struct generator *g); /* as many as the plan has by now */

bool generator_is_closed(const struct generator *g);
bool operation_is_direct(const struct generator *g, size_t i); /* a read past the doors */
int64_t operation_planned_us(const struct generator *g, size_t i);
int64_t operation_expires_us(const struct generator *g, size_t i);

/* Into the scratch request; valid until the next. */
const struct txn *operation_txn(struct generator *g, size_t i);

void operation_invoked(struct generator *g, size_t i, const char *server, int64_t at_us);
void operation_sent(struct generator *g, size_t i, int64_t at_us); /* at its door, or again */
/* `txn` is needed only where `reply` has reads. */
void operation_ended(struct generator *g, size_t i, const struct reply *reply,
                     const struct txn *txn);

/* At the deadline, or when the load is ended; and at the deadline and a little later. */
void operation_never_sent(struct generator *g, size_t i);
void operation_never_answered(struct generator *g, size_t i);

extern const struct load_handlers operation_handlers; /* `arg` is the generator */

/* --- generator.c --------------------------------------------------------------------------- */

size_t generator_n_ended(const struct generator *g);
void generator_arm_timer(struct generator *g, int64_t now_us);

/* After an end that came from outside: was it the last, or whose turn is it now? */
void generator_go_on(struct generator *g);

#endif
