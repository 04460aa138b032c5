/*
 * world.h - all that a simulated run consists of; private to this folder.
 *
 *   clients ── door (a coordinator's process) ── sessions ── stores
 *                │
 *               disk of the name, which another process of that name may take over
 *
 * A *ghost* is what really became of one global transaction, store by store: the stores' state, and
 * what the properties look at. No door sees it.
 */
#ifndef SYNCBED_SIM_WORLD_H
#define SYNCBED_SIM_WORLD_H

#include "base/random.h"
#include "coordinator/decision_segment.h"
#include "coordinator/key_queue.h"
#include "coordinator/open_decisions.h"
#include "coordinator/recovery_core.h"
#include "coordinator/requests.h"
#include "coordinator/twopc_core.h"
#include "sim/disk.h"
#include "sim/event_queue.h"
#include "sim/sim.h"
#include "stores/store.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SLOTS_MAX     4 /* doors' processes: two a name */
#define GHOSTS_MAX    32
#define SESSIONS_MAX  256
#define MESSAGES_MAX  4096
#define ATTEMPTS_MAX  32
#define TXS_MAX       8
#define VERBS_MAX     512
#define LOG_QUEUE_MAX 32
#define EVENTS_LIMIT  6000 /* a run that needs more does not come to rest */
#define NONE          0xff
#define NO_SESSION    0xffff

#define MS(n) (INT64_C(1000) * (n))

enum event_kind {
    EV_CLIENT_SENDS,   /* who: transaction */
    EV_CLIENT_TIMEOUT, /* what: attempt */
    EV_MESSAGE,        /* what: message */
    EV_TX_BEGINS,      /* who: slot, what: tx */
    EV_TX_TIMER,       /* who: slot, what: tx, more: generation */
    EV_TX_RETRY,       /* who: slot, what: tx, more: branch */
    EV_VERB_TIMEOUT,   /* who: slot, what: verb */
    EV_RECOVERY_RETRY, /* who: slot, what: store, more: generation */
    EV_LOG_OPENED,     /* who: slot */
    EV_LOG_WRITTEN,    /* who: slot */
    EV_SWEEP,          /* who: slot; a mutant's */
    EV_POWER_LOST,     /* who: slot */
    EV_KILLED,         /* who: slot */
    EV_FLUSHED,        /* who: store, what: ghost */
    EV_LOCK_TIMEOUT,   /* who: store, what: ghost, more: its wait */
    EV_DOOR_STARTS,    /* who: name */
    EV_STORE_STARTS,   /* who: store */
    EV_FAULT,          /* what: fault */
    EV_DOOR_RESUMES,   /* who: slot */
    EV_KINDS
};

/* --- messages --------------------------------------------------------------------------------- */

enum message_type {
    MSG_SUBMIT,
    MSG_STATUS,
    MSG_ANSWER,
    MSG_EXECUTE,
    MSG_EXECUTE_PREPARE,
    MSG_PREPARE,
    MSG_RELEASE,
    MSG_COMMIT,
    MSG_ROLLBACK,
    MSG_PROVE, /* what became of it? */
    MSG_END_SESSIONS,
    MSG_FENCE,
    MSG_LIST,
    MSG_REPLY,      /* of a store to any of these from EXECUTE on */
    MSG_RESET_DOOR, /* the door learns that a session is broken */
    MSG_RESET_STORE,
    MSG_TYPES
};

struct message {
    uint8_t type;
    uint8_t slot;
    uint8_t store;
    uint8_t status; /* enum store_status */
    uint8_t ghost;
    uint8_t verb_type;     /* REPLY: to what */
    uint8_t code, outcome; /* ANSWER */
    uint16_t session;      /* NO_SESSION: any */
    uint16_t ends;         /* ROLLBACK: this session is ended first */
    uint16_t verb;
    uint16_t attempt;
    uint32_t door_life;
    uint32_t listed; /* REPLY to LIST: bit of each ghost; to PROVE: enum store_outcome */
    int64_t epoch;   /* FENCE; END_SESSIONS: of earlier ones */
    int64_t sent_us;
};

/* A connection between a door's process and a store, used by one branch. */
struct session {
    uint8_t slot, store;
    uint32_t door_life, store_life;
    bool open_at_door, open_at_store;
    bool cut;           /* nothing passes any more, and nobody knows */
    bool busy;          /* the store works on what came */
    uint16_t queued;    /* the message that waits meanwhile; 0: none */
    int64_t last_us[2]; /* arrival of the last message each way: they stay in order */
};

/* --- stores ----------------------------------------------------------------------------------- */

enum branch_state {
    BRANCH_NONE,
    BRANCH_WAITING, /* for its lock */
    BRANCH_EXECUTED,
    BRANCH_PREPARING,
    BRANCH_PREPARED,
    BRANCH_COMMITTING, /* of prepared ones: the flush goes on */
    BRANCH_ROLLING_BACK,
    BRANCH_COMMITTED,
    BRANCH_ROLLED_BACK, /* after having been prepared */
};

/* A global transaction at one store. */
struct branch {
    uint8_t state;
    uint8_t key;
    bool reads;
    bool until_prepared;
    uint16_t session;
    uint16_t wait;  /* number of its wait for a lock */
    uint16_t reply; /* message to be answered when the flush is over */
    int64_t prepared_us;
    bool by_hand; /* somebody has settled it */
    bool told;    /* … against the decision, and its coordinator has said so */
};

struct sim_store {
    bool up;
    bool mute; /* crashes with this step: nothing leaves any more */
    uint32_t life;
    unsigned steps;
    uint16_t waits;
    int64_t fence[SIM_DOORS];    /* the highest epoch seen of each name; durable */
    int64_t ended_us[SIM_DOORS]; /* when all sessions of a name were ended, and by which process */
    uint8_t ended_by[SIM_DOORS];
    uint32_t ended_by_life[SIM_DOORS];
    int64_t listed_epoch[SIM_DOORS]; /* the last that listed what is in doubt */
};

struct ghost {
    char gid[GID_SIZE];
    uint8_t name, txn, slot;
    uint32_t door_life;
    int64_t epoch;
    uint32_t updaters, readers; /* stores */
    bool decided;               /* its COMMIT record was seen to be durable */
    bool aborting;              /* its own door has decided to abort it */
    bool ended;                 /* its END was queued */
    bool read_lost;             /* a reader's session ended before it was released */
    struct branch at[SIM_STORES_MAX];
};

/* --- doors ------------------------------------------------------------------------------------ */

enum tx_state { TX_FREE, TX_QUEUED, TX_RUNNING, TX_OVER };

/* A transaction in a door. */
struct tx {
    uint8_t state;
    uint8_t txn, ghost;
    bool answered;
    uint16_t timer;   /* its generation: an older one that comes due means nothing */
    uint32_t waiting; /* attempts: bit of each */
    uint32_t voted;   /* a mutant's */
    struct known_request *request;
    struct twopc_txn core;
    struct key_ticket keys;
    unsigned n_branches;
    struct {
        uint8_t store;
        bool resent;   /* a mutant's */
        bool released; /* a mutant's */
        uint16_t session;
    } branch[SIM_STORES_MAX];
};

struct verb {
    uint8_t type; /* enum message_type */
    uint8_t store;
    uint8_t tx, branch; /* NONE: recovery's */
    uint8_t ghost;
    bool commit; /* recovery's */
    bool done;
    uint16_t session;
};

struct log_entry {
    uint8_t ghost;
    uint8_t tx; /* NONE: an END */
    bool end;
};

struct door {
    uint8_t slot, name;
    bool up;
    bool open; /* its log is: it serves */
    bool paused;
    uint32_t life;
    int64_t resumes_us;
    uint64_t seq;
    struct recovery_core recovery;
    uint16_t recovery_timer[SIM_STORES_MAX];
    uint32_t has_listed; /* a mutant's: stores */
    struct open_decisions decisions;
    struct requests requests;
    struct key_queue keys;
    struct segment_writer writer;
    unsigned n_waiting, n_writing;
    struct log_entry waiting[LOG_QUEUE_MAX], writing[LOG_QUEUE_MAX];
    bool is_writing;
    int write_rc;
    struct tx tx[TXS_MAX];
    unsigned n_verbs;
    struct verb verb[VERBS_MAX];
};

/* A coordinator's name: its disk, and which process has it. */
struct name {
    struct sim_disk disk;
    struct decision_io io;
    uint8_t owner; /* slot of the process that has the disk */
    bool refused;  /* the log is damaged: not started any more */
    bool flipped;  /* … on purpose */
    unsigned steps;
    int64_t epoch_max; /* of all that were started */
};

/* --- clients ---------------------------------------------------------------------------------- */

struct attempt {
    uint8_t txn;
    uint8_t slot;
    bool is_status;
    bool open; /* waits for its answer */
    uint8_t n_answers;
    uint32_t door_life;
};

enum told { TOLD_NOTHING, TOLD_COMMITTED = 1, TOLD_ABORTED = 2, TOLD_EVERYWHERE = 4 };

struct client {
    uint8_t told;
    uint8_t n_attempts;
};

/* ---------------------------------------------------------------------------------------------- */

struct sim_world {
    struct sim_schedule schedule;
    struct sim_options options;
    struct sim_result *result;
    struct rng rng;
    struct rng disk_rng; /* a stream of its own: a sync more shifts no message */
    int64_t now_us;
    bool healed; /* no more faults */
    FILE *trace; /* or NULL */
    struct event_queue queue;
    unsigned n_messages;
    struct message message[MESSAGES_MAX];
    unsigned n_sessions;
    struct session session[SESSIONS_MAX];
    unsigned links[SIM_DOORS][SIM_STORES_MAX]; /* messages so far */
    int64_t cut_until_us[SIM_DOORS][SIM_STORES_MAX];
    unsigned n_ghosts;
    struct ghost ghost[GHOSTS_MAX];
    struct sim_store store[SIM_STORES_MAX];
    struct name name[SIM_DOORS];
    struct door door[SLOTS_MAX];
    unsigned n_attempts;
    struct attempt attempt[ATTEMPTS_MAX];
    struct client client[SIM_TXNS_MAX];
    struct txn txn[SIM_TXNS_MAX]; /* for the key queues */
};

/* --- run.c ------------------------------------------------------------------------------------ */

/* Something will happen after `delay_us`, to a process in its present life. */
void sim_after(struct sim_world *w, int64_t delay_us, struct sim_event ev);

/* Uniform in [from, from + range). */
int64_t sim_draw(struct sim_world *w, int64_t from, int64_t range);

bool sim_chance(struct sim_world *w, unsigned one_in);

/* Which ghost has this gid; n_ghosts: none. */
unsigned sim_ghost_of(const struct sim_world *w, const char *gid);

/* A fault takes effect. */
void sim_struck(struct sim_world *w, const struct sim_fault *f);

/* --- properties.c ----------------------------------------------------------------------------- */

/* The first one is kept; the run then ends. */
__attribute__((format(printf, 3, 4))) void sim_violated(struct sim_world *w, enum sim_property p,
                                                        const char *fmt, ...);

/* The COMMIT record of this ghost is durable now. */
bool sim_decided(struct sim_world *w, unsigned ghost);

void sim_check_prepared(struct sim_world *w, unsigned ghost, unsigned store);
void sim_check_resolved(struct sim_world *w, unsigned ghost, unsigned store, bool commit,
                        const struct message *m);
void sim_check_released(struct sim_world *w, unsigned ghost);
void sim_check_logged(struct sim_world *w, unsigned ghost);
void sim_check_ended(struct sim_world *w, unsigned ghost);
void sim_check_answer(struct sim_world *w, unsigned txn, const struct message *answer);
void sim_check_at_rest(struct sim_world *w);
uint64_t sim_outcome_digest(const struct sim_world *w);

/* --- network.c -------------------------------------------------------------------------------- */

/* Put a message on its way; copied. Returns its index. */
void sim_net_send(struct sim_world *w, const struct message *m);

/* … which nothing happens to: to a client, or to oneself. */
void sim_net_send_surely(struct sim_world *w, const struct message *m);

/* A new session; NO_SESSION when the store is not there. */
uint16_t sim_net_connect(struct sim_world *w, const struct door *d, unsigned store);

/* One end closes all its sessions by dying. */
void sim_net_door_died(struct sim_world *w, const struct door *d);
void sim_net_store_died(struct sim_world *w, unsigned store);

/* --- store.c ---------------------------------------------------------------------------------- */

void sim_part_takes(struct sim_world *w, const struct message *m);
void sim_part_reset_by_door(struct sim_world *w, uint16_t session);
void sim_part_flushed(struct sim_world *w, unsigned store, unsigned ghost);
void sim_part_lock_timeout(struct sim_world *w, unsigned store, unsigned ghost, unsigned wait);

/* A lock was released: whoever waited longest for it may go on. */
void sim_part_pass_locks_on(struct sim_world *w, unsigned store);

/* --- store_crash.c ---------------------------------------------------------------------------- */

/* A step is a message or a flush; a crash comes before it (false), or after it and before its
 * answer. */
bool sim_part_begin_step(struct sim_world *w, unsigned store, const struct sim_fault **ret_crash);
void sim_part_end_step(struct sim_world *w, unsigned store, const struct sim_fault *crash);
void sim_part_starts(struct sim_world *w, unsigned store);

/* An operator settles the first branch that is in doubt. */
void sim_part_by_hand(struct sim_world *w, unsigned store, bool commit);

/* --- door.c ----------------------------------------------------------------------------------- */

bool sim_broken(const struct sim_world *w, enum sim_break mistake);
struct door *sim_door_serving(struct sim_world *w, unsigned name); /* or NULL */
void sim_door_starts(struct sim_world *w, unsigned name);
void sim_door_log_opened(struct sim_world *w, struct door *d);

/* The process ends; `power`: its machine does. It starts again after `down_us`. */
void sim_door_dies(struct sim_world *w, struct door *d, bool power, int64_t down_us);
void sim_door_free(struct sim_world *w, struct door *d); /* what it holds, without a word */

/* It goes on when the disk is done; or is dead by then, or before. */
void sim_door_disk_used(struct sim_world *w, struct door *d, enum event_kind then);

/* One step more; false: it was its last. */
bool sim_door_step(struct sim_world *w, struct door *d);
void sim_door_takes(struct sim_world *w, struct door *d, const struct message *m);

/* Send a verb; of `m` the session is filled in. */
void sim_door_ask(struct sim_world *w, struct door *d, const struct verb *v, struct message *m);

/* Nothing is sent, and this is the verb's answer. */
void sim_door_answer_itself(struct sim_world *w, struct door *d, const struct verb *v,
                            enum store_status status);
void sim_door_verb_timeout(struct sim_world *w, struct door *d, unsigned verb);
void sim_door_answer(struct sim_world *w, struct door *d, unsigned attempt, enum code code,
                     enum level level);

/* --- door_log.c ------------------------------------------------------------------------------- */

/* Open the log and make a new epoch durable; 0 or the log's error. */
int sim_door_log_open(struct sim_world *w, struct door *d, struct errctx *err);
void sim_door_log_queue(struct sim_world *w, struct door *d, const struct log_entry *e);
void sim_door_log_written(struct sim_world *w, struct door *d);

/* --- door_tx.c -------------------------------------------------------------------------------- */

void sim_tx_timer(struct sim_world *w, struct door *d, struct tx *t);
void sim_tx_feed(struct sim_world *w, struct door *d, struct tx *t, struct twopc_event ev);
void sim_tx_reply(struct sim_world *w, struct door *d, const struct verb *v,
                  enum store_status status, enum store_outcome outcome);
void sim_tx_logged(struct sim_world *w, struct door *d, struct tx *t);

/* It fires sim_tx_timer; an earlier one is replaced. */
void sim_tx_set_timer(struct sim_world *w, struct door *d, struct tx *t, int64_t delay_us);

/* Whoever waits for it is answered, once. */
void sim_tx_answer(struct sim_world *w, struct door *d, struct tx *t, enum code code,
                   enum level level);
void sim_tx_over(struct sim_world *w, struct door *d, struct tx *t, enum outcome outcome);

/* --- door_request.c --------------------------------------------------------------------------- */

void sim_tx_submit(struct sim_world *w, struct door *d, unsigned attempt);
void sim_tx_begins(struct sim_world *w, struct door *d, struct tx *t);

/* Before its first step. */
void sim_tx_give_up(struct sim_world *w, struct door *d, struct tx *t, enum code code);

/* --- door_recovery.c -------------------------------------------------------------------------- */

void sim_recovery_begin(struct sim_world *w, struct door *d);
void sim_recovery_event(struct sim_world *w, struct door *d, struct recovery_event ev);
void sim_recovery_reply(struct sim_world *w, struct door *d, const struct verb *v,
                        enum store_status status, uint32_t listed);
void sim_recovery_sweep_by_age(struct sim_world *w, struct door *d);

/* --- client.c --------------------------------------------------------------------------------- */

void sim_client_sends(struct sim_world *w, unsigned txn);
void sim_client_timeout(struct sim_world *w, unsigned attempt);
void sim_client_hears(struct sim_world *w, const struct message *m);
void sim_client_door_died(struct sim_world *w, const struct door *d);

/* --- trace.c ---------------------------------------------------------------------------------- */

void sim_trace_begin(struct sim_world *w);
void sim_trace_message(struct sim_world *w, const struct message *m, const char *fate);
__attribute__((format(printf, 3, 4))) void sim_trace_door(struct sim_world *w, unsigned slot,
                                                          const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void sim_trace_store(struct sim_world *w, unsigned store,
                                                           const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void sim_trace_all(struct sim_world *w, const char *fmt, ...);

#endif
