/*
 * by_hand.h - transactions of this coordinator that an operator has settled against their decision:
 * told when it starts, and counted until they are forgotten.
 *
 * The stores remember what was settled by hand (store_view()), the log what was decided; doubt.h
 * compares. Nothing is done about it: the data are as somebody has wanted them, and recovery has
 * left them so.
 */
#ifndef SYNCBED_COORDINATOR_BY_HAND_H
#define SYNCBED_COORDINATOR_BY_HAND_H

#include "coordinator/coordinator.h"
#include "coordinator/doubt.h"

/* Ask all stores once, and complain of each. After recovery, so that it is in nobody's way. */
void by_hand_look(struct coordinator *co);

/* Count anew, from a view of all stores with this coordinator's log. */
void by_hand_count(struct coordinator *co, const struct doubt *d);

#endif
