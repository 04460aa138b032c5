/*
 * gid.h - the name of a global transaction: sb1:<coordinator>:<epoch>:<seq>:<request>
 *
 * Found at a participant, it tells whose branch it is, of which incarnation, and for which request.
 * The owner is compared as a whole: `serve1` never takes a branch of `serve10` for its own.
 */
#ifndef SYNCBED_COORDINATOR_GID_H
#define SYNCBED_COORDINATOR_GID_H

#include "base/error.h"
#include "model/topology.h"
#include "model/txn.h"
#include "stores/store.h"

#include <stdbool.h>
#include <stdint.h>

#define GID_PREFIX_SIZE (ROLE_NAME_SIZE + 8)

struct gid {
    char coordinator[ROLE_NAME_SIZE];
    int64_t epoch;
    uint64_t seq;
    char request[REQUEST_ID_SIZE];
};

/*
 * Can this coordinator name its transactions in GID_SIZE, whatever the request? -EINVAL: the name
 * is empty, too long for that, or not of [a-z0-9-].
 */
__attribute__((warn_unused_result)) int gid_check_name(const char *coordinator, int64_t epoch,
                                                       struct errctx *err);

void gid_format(char ret_text[GID_SIZE], const struct gid *gid);

/* False: not a gid of ours. */
bool gid_parse(const char *text, struct gid *ret_gid);

/* "sb1:<coordinator>:", which no other coordinator's gids or sessions begin with. */
void gid_prefix(char ret_prefix[GID_PREFIX_SIZE], const char *coordinator);

#endif
