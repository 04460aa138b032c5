/*
 * names.h - what stores know us by.
 *
 *   a session              sb1:<role>:<part>
 *   a global transaction   sb1:<coordinator>:<epoch>:<seq>:<request>
 *
 * Found at a participant, the name of a transaction (*gid*) tells whose branch it is, of which
 * incarnation, and for which request; the coordinator is the role it runs in. What belongs to a
 * role begins with the role's prefix, and nobody else's does: `serve1` never takes a branch or a
 * session of `serve10` for its own.
 */
#ifndef SYNCBED_MODEL_NAMES_H
#define SYNCBED_MODEL_NAMES_H

#include "base/error.h"
#include "model/topology.h"
#include "model/txn.h"

#include <stdbool.h>
#include <stdint.h>

#define GID_SIZE          65 /* 64 bytes (MariaDB's limit) and the NUL */
#define SESSION_NAME_SIZE 64 /* PostgreSQL's limit, with the NUL */
#define ROLE_PREFIX_SIZE  (ROLE_NAME_SIZE + 8)

#define NAMES_PREFIX "sb1:" /* all of ours begin so, in the first version of these names */

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

/* 1 to GID_SIZE - 1 of [A-Za-z0-9._:-], so that a gid can stand in a statement as it is. */
bool gid_valid(const char *gid);

/* False: not a gid of ours. */
bool gid_parse(const char *text, struct gid *ret_gid);

/* "sb1:<role>:", with which all of this role's sessions and gids begin, and no other's. */
void role_prefix(char ret_prefix[ROLE_PREFIX_SIZE], const char *role);

/* `part` tells the role's own sessions apart: "dual", an epoch; at most 24 bytes. */
void session_name(char ret_name[SESSION_NAME_SIZE], const char *role, const char *part);

#endif
