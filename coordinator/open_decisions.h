/*
 * open_decisions.h - decisions that some participant may not have heard of, or has ended otherwise:
 * every COMMIT of a decision log that has no END.
 */
#ifndef SYNCBED_COORDINATOR_OPEN_DECISIONS_H
#define SYNCBED_COORDINATOR_OPEN_DECISIONS_H

#include "coordinator/decision.h"

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

struct open_decision {
    char gid[GID_SIZE];
    unsigned n_participants;
    char participant[STORES_MAX][STORE_NAME_SIZE];
    char memo[STORES_MAX][STORE_MEMO_SIZE];
    /* Bit i: participant i is known to have committed; has ended the other way; has lost it. With
     * one of the last two it stays open, as evidence. */
    uint32_t committed;
    uint32_t contradicted;
    uint32_t lost;
    UT_hash_handle hh;
};

/* Zeroed at first. */
struct open_decisions {
    struct open_decision *by_gid; /* a hash */
};

void open_decisions_done(struct open_decisions *open);

/* The next record of the log: a COMMIT opens a decision, its END closes it. */
void open_decisions_note(struct open_decisions *open, const struct decision *decision);

/* NULL: there is none of this gid. */
struct open_decision *open_decisions_find(const struct open_decisions *open, const char *gid);

/* It is freed. */
void open_decisions_remove(struct open_decisions *open, struct open_decision *decision);

#endif
