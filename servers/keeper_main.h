/*
 * keeper_main.h - the verb `syncbed keeper`: see keeper.h for what a keeper is.
 *
 *   syncbed keeper                it ends, with everything, when its standard input closes
 *   syncbed keeper --until-down   it stays until `down`: at most one a user
 *
 * Nobody types this: keeper_start() executes it. Once it can be connected to it says
 * {"ready":true,"socket":"/var/tmp/syncbed-k3Xw9a/keeper.sock"} on standard output, or
 * {"ready":false,"error":"…"} and ends with status 1.
 */
#ifndef SYNCBED_SERVERS_KEEPER_MAIN_H
#define SYNCBED_SERVERS_KEEPER_MAIN_H

#include <stdbool.h>

#define KEEPER_VERB       "keeper"
#define KEEPER_UNTIL_FLAG "--until-down"

/* Returns the exit status. */
int keeper_main(bool until_down);

#endif
