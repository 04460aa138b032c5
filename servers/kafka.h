/* kafka.h - the listeners of our broker. */
#ifndef SYNCBED_SERVERS_KAFKA_H
#define SYNCBED_SERVERS_KAFKA_H

#include "model/topology.h"

/*
 * Kafka's clients go on where the broker advertises, so a proxy before one kind of role needs a
 * listener of that kind's own: the index into server.port of the one for `kind`. Index 0 is for
 * whoever administers.
 */
unsigned kafka_listener(enum role_kind kind);

#endif
