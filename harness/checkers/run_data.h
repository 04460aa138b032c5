/*
 * run_data.h - one run folder (docs/files.md) in memory, indexed for the checkers: what was asked,
 * what every store holds in the end, and what else is evidence.
 *
 * What comes from outside is checked here, once: a file that is cut, malformed or contradicts
 * another one is refused with FILE:LINE, so that no verdict is ever given from half a run.
 *
 * Strings are numbers (intern.h): `keys`, and `words` for request ids and values. A (key, store) is
 * a *state*, number key * n_stores + store. A million operations with their journals take about
 * half a gigabyte.
 */
#ifndef SYNCBED_HARNESS_CHECKERS_RUN_DATA_H
#define SYNCBED_HARNESS_CHECKERS_RUN_DATA_H

#include "base/error.h"
#include "harness/checkers/intern.h"
#include "harness/history/history.h"
#include "model/topology.h"
#include "model/txn.h"

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_NONE       UINT32_MAX
#define RUN_PHASES_MAX 32
#define RUN_FAULTS_MAX 64
#define RUN_ENDED_MAX  16
#define RUN_NAME_SIZE  128

/* Of one micro-operation, beside what history_micro says; parallel to txn->op[]. */
struct run_micro {
    uint32_t state;
    uint32_t value; /* word: what it writes, or what it read; RUN_NONE for neither */
    uint32_t place; /* the n of its first entry in that journal; 0: it is not there */
    uint8_t kind;   /* enum op_kind, once more: joining journals is bound by cache misses */
};

/* Of one operation, beside what history_op says; op[i] belongs to history.op[i]. */
struct run_op {
    uint32_t first;   /* its micro-operations are micro[first …] */
    uint16_t writes;  /* bit i: micro-operation i writes */
    uint16_t applied; /* bit i: and its store's journal has it */
    bool decided;     /* a durable commit decision */
    bool recorded;    /* in the log, below its end */
    bool by_hand;     /* an operator has settled a branch of it */
};

/* One entry of a journal. Its n is its place in the journal, from 1. */
struct run_entry {
    uint32_t request; /* word */
    uint32_t op;      /* the history's, RUN_NONE when nobody sent this request */
    uint32_t state;
    uint8_t index;  /* of the micro-operation within its transaction */
    uint8_t kind;   /* enum op_kind */
    bool asked;     /* what that operation asked of this store and key; or an account's beginning */
    bool again;     /* the same (request, operation) stands earlier in this journal */
    bool idle;      /* a write whose version was not above the highest so far: it showed nowhere */
    uint32_t value; /* word: WRITE, INSERT, APPEND */
    union {
        int64_t delta;   /* INCR */
        int64_t version; /* WRITE */
    };
};

/* A key at a store. */
struct run_state {
    uint32_t first;      /* its journal is entry[first … first + n_entries) */
    uint32_t n_entries;  /* 0 when the store does not have the key */
    uint32_t value;      /* word; RUN_NONE when the store does not have the key */
    uint32_t gap;        /* the n that is missing in the journal, 0 when none is */
    uint32_t first_read; /* its reads are read[first_read … first_read + n_reads) */
    uint32_t n_reads;
    int64_t version; /* the highest in the journal; 0 without versions */
    bool asked;      /* some operation writes it */
};

/*
 * A read of a state, answered. Those of one state lie together, in the order of n. A read whose
 * own transaction writes the state is left out: it counts what nobody else has seen yet.
 */
struct run_read {
    uint32_t op;
    uint32_t n;     /* journal length that it found */
    uint32_t value; /* word; RUN_NONE: it found nothing */
};

struct run_phase {
    char name[32];
    int64_t begin_us;
    int64_t end_us;              /* 0: did not end */
    double load_begin, load_end; /* load average of the machine then; NAN: not noted */
};

struct run_fault {
    char target[32];
    char action[16]; /* "kill", "pause" */
    char point[40];  /* "": none */
    unsigned gather;
    unsigned gathered; /* RUN_NONE: nobody knows */
    int64_t armed_us;  /* 0: not armed */
    int64_t begin_us;  /* 0: did not happen */
    int64_t end_us;    /* 0: lasted to the end of the run */
    char skipped[96];  /* why it did not happen; "" when it did */
    json_t *exposure;  /* owned; NULL when not measured */
    json_t *held;      /* owned: ids of the requests held at its point; NULL: nobody knows */
};

/* A role or server that ended by itself, no fault's doing. */
struct run_ended {
    int64_t at_us;
    char role[32];
    char why[300];
};

/* The transactions in doubt at a store at a moment. */
struct run_in_doubt {
    int64_t at_us;
    unsigned store;
    unsigned waiters;
    uint32_t first; /* gid[first … first + n) */
    uint32_t n;
};

struct run_gid {
    uint32_t op; /* the history's; RUN_NONE when the gid names no request of it */
    int64_t age_us;
};

struct run_lag {
    int64_t at_us;
    unsigned store;
    int64_t records;
    int64_t position; /* records applied; position + records: the topic's end, as its sink knows */
};

/* When a write became visible at one store: behind `unseen_us`, not behind `seen_us`. */
struct run_sight {
    int64_t unseen_us; /* 0: no poll missed it */
    int64_t seen_us;   /* 0: none found it */
};

/* A probe: an operation that was looked for at every store that it writes to. */
struct run_probe {
    uint32_t op;
    struct run_sight at[STORES_MAX];
};

struct run_scan {
    int64_t from_us;
    int64_t to_us;
    bool equal;
};

/* Did the run come to rest before it was looked at; docs/design.md "Settled". */
enum run_progress { PROGRESS_NOT_MEASURED, PROGRESS_NONE, PROGRESS_SOME };

struct run_settling {
    bool settled;
    int64_t at_us;
    unsigned line;       /* of evidence.ndjson that says so */
    unsigned n_prepared; /* transactions that a store still held prepared */
    char why[200];       /* not settled: what was missing */
    size_t n_scans;
    struct run_scan *scan;
    enum run_progress progress; /* not settled: were lag or branches still falling at the end */
};

struct run_data {
    char dir[PATH_MAX];
    bool finished; /* false: nothing below `phase` is loaded, and nothing may be judged */

    json_t *config; /* config.yaml as JSON; owned */
    char run[RUN_NAME_SIZE];
    char question[512];
    char approach[RUN_NAME_SIZE];
    char variant[RUN_NAME_SIZE]; /* the approach and what is not its default */
    char workload[RUN_NAME_SIZE];
    char schedule[RUN_NAME_SIZE];
    char durability[8];
    char profile[16];
    int64_t seed;
    int64_t repeat;
    bool transfer;   /* the workload; and then: */
    int64_t balance; /* what was put into each account before the load */
    unsigned n_stores;
    char store[STORES_MAX][STORE_NAME_SIZE];

    unsigned n_phases;
    struct run_phase phase[RUN_PHASES_MAX];

    struct history history;
    struct intern keys;
    struct intern words;
    uint32_t *op_of_word; /* the operation with this request id, or RUN_NONE; n_op_of_word long */
    uint32_t n_op_of_word;
    struct run_op *op;
    struct run_micro *micro;

    size_t n_entries;
    size_t entries_capacity;
    struct run_entry *entry;
    size_t n_states; /* keys.n * n_stores */
    size_t states_capacity;
    struct run_state *state;
    size_t n_reads;
    struct run_read *read;
    bool collected[STORES_MAX]; /* final/ has this store; always so when settled */
    bool places[STORES_MAX];    /* the n of an entry in its journals is evidence: run_reads.c */

    unsigned n_faults;
    struct run_fault fault[RUN_FAULTS_MAX];
    unsigned n_ended; /* more than RUN_ENDED_MAX are not told */
    struct run_ended ended[RUN_ENDED_MAX];
    size_t n_in_doubt;
    struct run_in_doubt *in_doubt; /* in the order of time */
    size_t n_gids;
    struct run_gid *gid;
    size_t n_lags;
    struct run_lag *lag;
    unsigned n_by_hand; /* branches that an operator has settled by hand */
    int64_t n_broken;   /* times that the roles of a broken variant made their mistake */
    int64_t log_end;    /* records in the topic once settled; 0 without a topic */
    size_t n_probes;
    struct run_probe *probe; /* in the order of `op` */
    struct run_settling settling;
};

/*
 * Load a run folder. -ENOENT, -EBADMSG with FILE:LINE, or another -errno. A run that is not
 * finished is no error: ret_run->finished tells. ret_run is to be given to run_data_done() in any
 * case.
 */
__attribute__((warn_unused_result)) int run_data_load(const char *dir, struct run_data *ret_run,
                                                      struct errctx *err);
void run_data_done(struct run_data *run);

/* Did the run in this folder, if there is one, come to its orderly end? */
__attribute__((warn_unused_result)) int run_data_finished(const char *dir, bool *ret_finished,
                                                          struct errctx *err);

/* The balance with which an account begins; false when this state is none. */
bool run_account_begin(const struct run_data *run, uint32_t state, int64_t *ret_balance);

/* When the load began: time 0 of everything that is printed. 0 when it never did. */
int64_t run_load_begin_us(const struct run_data *run);
/* The last arrival's planned time; load begin when there was none. */
int64_t run_load_end_us(const struct run_data *run);
const struct run_phase *run_phase(const struct run_data *run, const char *name); /* or NULL */

/* The first kill of this door or store that was not over at `at_us`, or NULL. */
const struct run_fault *run_next_death(const struct run_data *run, const char *target,
                                       int64_t at_us);

/*
 * The first part of [from_us, to_us) in which this door or store was not dead by a kill. False:
 * there is none.
 */
bool run_living(const struct run_data *run, const char *target, int64_t from_us, int64_t to_us,
                int64_t *ret_from_us, int64_t *ret_to_us);

/* The same of the door at which this operation stood: the one it was last sent to. */
bool run_op_living(const struct run_data *run, const struct history_op *op, int64_t from_us,
                   int64_t to_us, int64_t *ret_from_us, int64_t *ret_to_us);

/* Seconds since the load began. */
double run_seconds(const struct run_data *run, int64_t at_us);

unsigned run_store_of(const struct run_data *run, uint32_t state);
uint32_t run_key_of(const struct run_data *run, uint32_t state);
const char *run_key_name(const struct run_data *run, uint32_t state);
const char *run_store_name(const struct run_data *run, uint32_t state);
const char *run_word(const struct run_data *run, uint32_t word);

/* Applies one entry. What nobody asked for in our words changes nothing. */
void run_fold_entry(const struct run_data *run, const struct run_entry *entry,
                    struct folded *folded);

/* What its journal makes of a state; and is that what the store holds. */
void run_fold(const struct run_data *run, uint32_t state, struct folded *ret_folded);
bool run_state_is_fold(const struct run_data *run, uint32_t state);

/* True when this operation is a transaction that writes; that writes to this store. */
bool run_op_writes(const struct run_data *run, size_t op);
bool run_op_writes_to(const struct run_data *run, size_t op, unsigned store);

/*
 * All that this operation does to a state is to add to it, without a bound: such operations commute
 * with each other, so that nobody can see in which order they took effect.
 */
bool run_op_only_adds(const struct run_data *run, size_t op, uint32_t state);
bool run_entry_commutes(const struct run_data *run, const struct run_entry *entry);

/* An entry that a read can lack: asked for by an operation, its first time, and not without effect.
 */
bool run_entry_shows(const struct run_entry *entry);

/*
 * What became of an operation: HISTORY_OK or HISTORY_FAIL as the client heard it. Of an unknown one
 * (info, open) what evidence says: it happened, it did not, or it stays unknown. An approach's own
 * status answer is no evidence.
 */
enum run_fate { FATE_OK, FATE_FAIL, FATE_HAPPENED, FATE_DID_NOT, FATE_UNKNOWN, FATES };
enum run_fate run_op_fate(const struct run_data *run, size_t op);
bool run_op_happened(const struct run_data *run, size_t op); /* FATE_OK or FATE_HAPPENED */

/* --- for the files that load ------------------------------------------------------------------ */

__attribute__((warn_unused_result)) int run_load_config(struct run_data *run, struct errctx *err);
__attribute__((warn_unused_result)) int run_load_phases(struct run_data *run, struct errctx *err);
__attribute__((warn_unused_result)) int run_load_history(struct run_data *run, struct errctx *err);
__attribute__((warn_unused_result)) int run_load_faults(struct run_data *run, struct errctx *err);
__attribute__((warn_unused_result)) int run_load_samples(struct run_data *run, struct errctx *err);
__attribute__((warn_unused_result)) int run_load_probes(struct run_data *run, struct errctx *err);
__attribute__((warn_unused_result)) int run_load_evidence(struct run_data *run, struct errctx *err);
__attribute__((warn_unused_result)) int run_load_finals(struct run_data *run, struct errctx *err);

/* Micro-operation i is a read that was answered, of a state that its transaction does not write. */
bool run_is_seen(const struct run_data *run, size_t op, unsigned i);

/* Once all is loaded: reads by state, and which stores' journals they agree with. */
void run_index_reads(struct run_data *run);

/* -EBADMSG when the last scan before the run settled is not what was collected. */
__attribute__((warn_unused_result)) int run_check_settling(const struct run_data *run,
                                                           struct errctx *err);

/* The state of a key, known or new, at a store. */
uint32_t run_add_state(struct run_data *run, const char *key, unsigned store);
/* STORES_MAX when the run has no such store. */
unsigned run_find_store(const struct run_data *run, const char *name);
/* The operation with this request id, or RUN_NONE. */
uint32_t run_find_op(const struct run_data *run, const char *request);

#endif
