/*
 * twopc_answers.h - what the stores answer to a transaction's branches, as events for its core; and
 * the proof of what became of one that is not prepared any more. Private to this folder: the other
 * half of twopc_driver.c, which sends.
 */
#ifndef SYNCBED_COORDINATOR_TWOPC_ANSWERS_H
#define SYNCBED_COORDINATOR_TWOPC_ANSWERS_H

#include "coordinator/transaction.h"

/* Each is a store_done; `arg` is the struct branch. */
void twopc_executed(void *arg, const struct store_reply *reply);
void twopc_prepared(void *arg, const struct store_reply *reply);
void twopc_executed_and_prepared(void *arg, const struct store_reply *reply);
void twopc_released(void *arg, const struct store_reply *reply);
void twopc_committed(void *arg, const struct store_reply *reply);
void twopc_rolled_back(void *arg, const struct store_reply *reply);

/* Ask what became of the branch; the core hears PROVED. */
void twopc_prove(struct branch *b);

/* It has ended against what was decided, or its store has lost it: counted, logged, remembered. */
void twopc_tell_heuristic(struct branch *b);
void twopc_tell_lost(struct branch *b);

/* Its session goes back to the others. */
void twopc_free_branch(struct branch *b);

/* twopc_driver.c's: give the core an event and carry out what it decides. */
void twopc_driver_feed(struct transaction *t, struct twopc_event ev);

#endif
