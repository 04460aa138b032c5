/*
 * presumed.h - two-phase commit after Mohan, Lindsay, Obermarck, TODS 11(4) 1986, under each of its
 * presumptions: what is the answer about a transaction of which the coordinator knows nothing?
 *
 * For comparison only, nothing in production runs it: the coordinator that does is presumed abort,
 * coordinator/twopc_core.h. So it is small: one transaction, a flat tree, every participant votes
 * yes or has only read, and an abort is the coordinator's own, when a vote does not come.
 *
 *             before PREPARE   commit                         abort
 *   nothing                    COMMITTED forced, acks, END    ABORTED forced, acks, END
 *   abort                      COMMITTED forced, acks, END    nothing is written, no acks
 *   commit    COLLECTING       COMMITTED forced, no acks      ABORTED forced, acks, END
 *
 * A participant forces the record of an outcome that it acknowledges, since nobody will tell it
 * again; of the other it may ask, and writes it whenever it likes. END is forced by none.
 *
 * Pure, as twopc_core is: a word comes in, actions go out. Participants are not made to crash.
 */
#ifndef SYNCBED_SIM_PRESUMED_H
#define SYNCBED_SIM_PRESUMED_H

#include <stdbool.h>
#include <stdint.h>

#define PRESUMED_PARTICIPANTS_MAX 4
#define PRESUMED_ACTIONS_MAX      (PRESUMED_PARTICIPANTS_MAX + 1) /* + a record */

enum presumption { PRESUMED_NOTHING, PRESUMED_ABORT, PRESUMED_COMMIT, PRESUMPTIONS };

/* All in which they differ. */
struct presumed_rules {
    bool collects;        /* a record is forced before the first PREPARE */
    bool logs_abort;      /* … and one of an abort */
    bool acks_commit;     /* participants acknowledge a commit … */
    bool acks_abort;      /* … an abort */
    bool presumes_commit; /* the answer when nothing is known */
};

extern const struct presumed_rules presumed_rules[PRESUMPTIONS];

enum presumed_record {
    PRESUMED_NO_RECORD,
    PRESUMED_COLLECTING,
    PRESUMED_PREPARED,
    PRESUMED_COMMITTED,
    PRESUMED_ABORTED,
    PRESUMED_END,
};

enum presumed_word {
    PRESUMED_SAY_PREPARE,
    PRESUMED_SAY_YES,
    PRESUMED_SAY_READ, /* a vote: I have only read, and am out of it */
    PRESUMED_SAY_COMMIT,
    PRESUMED_SAY_ABORT,
    PRESUMED_SAY_ACK,
    PRESUMED_ASK, /* a participant in doubt */
};

enum presumed_action_type {
    PRESUMED_FORCE, /* durable before the next action */
    PRESUMED_WRITE, /* durable with the next that is forced, or by chance */
    PRESUMED_SEND,
};

struct presumed_action {
    enum presumed_action_type type;
    enum presumed_record record; /* FORCE, WRITE */
    enum presumed_word word;     /* SEND */
    unsigned participant;        /* SEND by the coordinator: to whom, 0-based */
};

/* Filled by each step; in this order. */
struct presumed_actions {
    unsigned n;
    struct presumed_action item[PRESUMED_ACTIONS_MAX];
};

/* --- coordinator ------------------------------------------------------------------------------ */

enum presumed_phase { PRESUMED_VOTING, PRESUMED_COMMITTING, PRESUMED_ABORTING, PRESUMED_FORGOTTEN };

struct presumed_coordinator {
    const struct presumed_rules *rules; /* borrowed */
    unsigned n_participants;
    enum presumed_phase phase;
    uint32_t voted, readers, acknowledged; /* bit of each participant */
};

void presumed_begin(struct presumed_coordinator *c, const struct presumed_rules *rules,
                    unsigned n_participants, struct presumed_actions *ret_actions);

/* What participant `from` says. */
void presumed_hear(struct presumed_coordinator *c, unsigned from, enum presumed_word word,
                   struct presumed_actions *ret_actions);

/* A vote has not come in time. */
void presumed_give_up(struct presumed_coordinator *c, struct presumed_actions *ret_actions);

/* Start again after a crash, from the last record that is durable. */
void presumed_recover(struct presumed_coordinator *c, const struct presumed_rules *rules,
                      unsigned n_participants, enum presumed_record last,
                      struct presumed_actions *ret_actions);

/* --- participant ------------------------------------------------------------------------------ */

enum presumed_branch {
    PRESUMED_IS_ACTIVE,
    PRESUMED_IS_PREPARED, /* in doubt */
    PRESUMED_IS_COMMITTED,
    PRESUMED_IS_ABORTED,
    PRESUMED_HAS_READ,
};

struct presumed_participant {
    const struct presumed_rules *rules; /* borrowed */
    bool reads;
    enum presumed_branch branch;
};

/* What the coordinator says. */
void presumed_obey(struct presumed_participant *p, enum presumed_word word,
                   struct presumed_actions *ret_actions);

/* It has heard nothing for long: asks, if it is in doubt. */
void presumed_wonder(const struct presumed_participant *p, struct presumed_actions *ret_actions);

#endif
