/*
 * participant_protocol.h - a store as a participant, over lines: what `syncbed participant` speaks.
 * docs/participant.md.
 *
 *   >
 * {"id":1,"prepare":"sb1:me:1:1:c1-1","request":"c1-1","txn":[["incr","pg1","acct:1",-30,{"min":0}]]}
 *   < {"id":1,"ok":true}
 *   > {"id":2,"recover":"sb1:me:"}
 *   < {"id":2,"ok":true,"prepared":[{"gid":"sb1:me:1:1:c1-1","age_ms":12}]}
 *   > {"id":3,"commit":"sb1:me:1:1:c1-1"}
 *   < {"id":3,"ok":false,"code":"nota","detail":"there is no such branch"}
 *
 * Only bytes and structs here, no sockets.
 */
#ifndef SYNCBED_MODEL_PARTICIPANT_PROTOCOL_H
#define SYNCBED_MODEL_PARTICIPANT_PROTOCOL_H

#include "base/buf.h"
#include "base/error.h"
#include "model/names.h"
#include "model/txn.h"

#include <stdint.h>

#define PARTICIPANT_MEMO_SIZE 24

enum participant_verb {
    PARTICIPANT_PREPARE,
    PARTICIPANT_COMMIT,
    PARTICIPANT_ROLLBACK,
    PARTICIPANT_RECOVER,
    PARTICIPANT_STATUS,
    PARTICIPANT_FORGET,
    PARTICIPANT_VERBS
};

struct participant_request {
    enum participant_verb verb;
    int64_t id;         /* -1 when a malformed line had none that could be read */
    char gid[GID_SIZE]; /* RECOVER: a prefix, "" for all */
    int64_t deadline_ms;
    char memo[PARTICIPANT_MEMO_SIZE]; /* STATUS: what the prepare was answered; "" for none */
    struct txn txn; /* PREPARE: the whole transaction; other stores' operations may be in it */
};

/* Take one line (without its newline) apart. -EBADMSG with a sentence; `id` is set if it can be. */
__attribute__((warn_unused_result)) int participant_decode(const char *line, size_t size,
                                                           struct participant_request *ret_request,
                                                           struct errctx *err);

/* The beginning of a reply, without its end: {"id":1,"ok":true */
void participant_begin_reply(struct buf *out, int64_t id);
/* A whole one: {"id":1,"ok":false,"code":…,"detail":…} and its newline. */
void participant_refuse(struct buf *out, int64_t id, const char *code, const char *detail);

#endif
