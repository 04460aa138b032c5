/*
 * approach.h - a way to keep stores in sync, as the front door, the harness and the report see it:
 * one row of the table in approach.c.
 *
 * A row's functions run in the `serve` process, on its event loop. Adding an approach is a file
 * here (or a folder of its own below) and a row in the table.
 */
#ifndef SYNCBED_APPROACHES_APPROACH_H
#define SYNCBED_APPROACHES_APPROACH_H

#include "approaches/settings.h"
#include "base/crash_point.h"
#include "base/error.h"
#include "coordinator/operate.h"
#include "model/protocol.h"
#include "model/topology.h"

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* What an approach is given when its front door starts; everything outlives it. */
struct approach_env {
    struct event_base *base;
    const struct topology *topology;
    const struct topology_role
        *role; /* this door: its name, and role->data for what must survive */
    const struct settings *settings;
    const char *broken;       /* the name of the break that it is to carry; NULL: none */
    bool force_presume_abort; /* where there is a decision log: go on although it was lost */
    void (*ready)(void *arg); /* call once, when requests may come */
    void (*failed)(void *arg, const struct errctx *err); /* cannot go on: the door exits with it */
    void *arg;
};

/* `reply` is valid during the call; the door fills in its id. */
typedef void (*approach_done)(void *arg, const struct reply *reply);

/* A promise: this verdict must be valid, under this condition. claims.md holds the whole table. */
struct approach_promise {
    const char *verdict;   /* "durability" …: docs/results.md */
    const char *condition; /* in words; "" when there is none */
    unsigned only;         /* bits of promise_only: the runs in which it is made; 0: in all */
};

/* Conditions that the workload of a run tells. Elsewhere nothing is promised, and none broken. */
enum promise_only {
    ONLY_WITHOUT_RETRIES = 1,
    ONLY_READS_AFTER = 2, /* reads wait for the position that their client saw acknowledged */
    ONLY_READS_TRANSACTIONAL = 4,
};

#define APPROACH_PROMISES_MAX 16

/*
 * A break makes the approach a broken variant: one known mistake built in, to see whether a verdict
 * notices. There is no option for it: the topology of a run has to name it, which only `run
 * --break` and `mutants` do. Whoever makes the mistake tells base/broken.h.
 */
struct approach_break {
    unsigned number;      /* of the approach's own enum, in which 0 is the sound variant */
    const char *name;     /* "forget-early"; unique over all approaches */
    const char *sentence; /* the mistake */
    const char *verdict;  /* has to be invalid when it was made under the schedule that exposes it:
                             experiments/mutants/NAME.yaml */
};

struct approach {
    const char *name;
    const char *summary;    /* one line, for --help and the report */
    const char *batching;   /* how it puts work together: one line, for the fairness card */
    uint32_t ops;           /* bit 1 << op_kind: supported; others are answered `unsupported` */
    enum level native;      /* what its plain ok means */
    enum crash_point worst; /* its worst moment … */
    enum crash_point before_worst; /* … and the step before it */
    bool uses_log; /* a topic, and one sink a store; settled when sinks are past it */
    bool in_doubt; /* may leave prepared transactions or intents; has a decision log */
    const struct setting_info *settings; /* what `approaches: [{name: …, KEY: VALUE}]` may say */
    unsigned n_settings;
    const struct approach_break *breaks;
    unsigned n_breaks;
    struct approach_promise promise[APPROACH_PROMISES_MAX]; /* ends with verdict NULL */

    /* Begin to start; env->ready() or env->failed() follow, also from inside. */
    int (*open)(const struct approach_env *env, void **ret_self, struct errctx *err);
    /* `txn` is borrowed until `done`, which comes exactly once, not from inside. */
    void (*submit)(void *self, const struct txn *txn, int64_t deadline_us, approach_done done,
                   void *arg);
    /* What became of a request; a claim, never evidence. `request` is copied. */
    void (*status)(void *self, const char *request, approach_done done, void *arg);
    /* Transactions not yet over, phase two and clean-up behind the reply included. */
    unsigned (*in_flight)(const void *self);
    /* Add what is worth counting (fsyncs, retries, …) to an object; may be NULL. */
    void (*counters)(const void *self, json_t *into);
    /* What an operator asks, where something may be in doubt; else NULL. Once, from the loop, or
     * 503 from inside; what is outstanding when it closes is answered from there. */
    void (*operate)(void *self, const struct operate *what, coordinator_operated done, void *arg);
    void (*close)(void *self);
};

/* The table: what `serve` can be. */
unsigned approach_count(void);
const struct approach *approach_at(unsigned i);
/* One of the table, or for "exec:PROGRAM" the row of exec.h; else NULL. */
const struct approach *approach_find(const char *name);

/* Does it need a broker with these settings: for its log, or for its decisions (`log: replicated`)?
 */
bool approach_replicates_decisions(const struct settings *settings);
bool approach_needs_broker(const struct approach *approach, const struct settings *settings);

/* The break of this name, or NULL. */
const struct approach_break *approach_break(const struct approach *approach, const char *name);

/* Of all approaches' breaks the nearest to a word that is none; NULL when none is near. */
const char *approach_break_near(const char *name);

/* … and its number; 0: none. */
unsigned approach_break_number(const struct approach *approach, const char *name);

/* The promise of this verdict, or NULL. */
const struct approach_promise *approach_promise(const struct approach *approach,
                                                const char *verdict);

#endif
