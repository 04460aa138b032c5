/* exhaustive_state.h - a state of one transaction, all of it; private to exhaustive*.c. */
#ifndef SYNCBED_SIM_EXHAUSTIVE_STATE_H
#define SYNCBED_SIM_EXHAUSTIVE_STATE_H

#include "coordinator/recovery_core.h"
#include "sim/exhaustive.h"

#define STORES 3
#define FLIGHT 24

enum log_word { LOG_NOTHING, LOG_WRITTEN, LOG_DURABLE };
enum branch_word { NONE, PREPARED, COMMITTED, ROLLED_BACK };
enum told_word { TOLD_NOTHING, TOLD_COMMITTED, TOLD_ABORTED, TOLD_UNKNOWN };
enum verb { EXECUTE_PREPARE, COMMIT, ROLLBACK, PROVE, FENCE, END_SESSIONS, LIST };

/* On its way: a verb to a store, or its answer. */
struct flying {
    uint8_t verb, store, life;
    bool is_answer;
    uint8_t answer; /* of the verb: a core's */
};

struct state {
    bool up;
    uint8_t life; /* of the coordinator, its epoch, too: 1, 2 … */
    bool timer;   /* of the transaction runs */
    uint8_t log, told, crashes, losses;
    struct twopc_txn core; /* of life 1 */
    struct recovery_core recovery;
    struct open_decision decision;
    bool open; /* the decision is */
    uint8_t branch[STORES];
    uint8_t asked[STORES]; /* 1 + the verb whose answer is waited for */
    unsigned n_flying;
    struct flying flying[FLIGHT];
};

struct search {
    const struct exhaustive_options *options;
    struct exhaustive_result *result;
    uint64_t *seen; /* a hash set; 0: free. Owned */
    uint64_t capacity;
};

/* True when it was not visited before. Counts it. */
bool exhaustive_add(struct search *s, const struct state *st);

#endif
