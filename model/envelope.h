/*
 * envelope.h - one record of the log, version 1: a whole source transaction. docs/design.md.
 *
 *   {"v":1,"id":"serve1-1:17","request":"c3-17","source":"serve1","position":0,"lamport":42,
 *    "ops":[{"store":"pg1","key":"user:42","op":"w","value":"c3-17","old":null}]}
 *
 * Readers ignore fields they do not know and refuse a version above theirs.
 */
#ifndef SYNCBED_MODEL_ENVELOPE_H
#define SYNCBED_MODEL_ENVELOPE_H

#include "base/buf.h"
#include "base/error.h"
#include "model/txn.h"

#include <stdbool.h>
#include <stdint.h>

#define ENVELOPE_VERSION   1
#define ENVELOPE_ID_SIZE   64
#define ENVELOPE_NAME_SIZE 32

enum envelope_kind { ENVELOPE_TXN, ENVELOPE_MARKER };

struct envelope {
    enum envelope_kind kind;
    char id[ENVELOPE_ID_SIZE];       /* unique in the log */
    char source[ENVELOPE_NAME_SIZE]; /* who wrote it: a front door, a relay */
    int64_t source_position;         /* where in the source; 0 for front doors */
    int64_t lamport;                 /* Lamport 1978 */
    struct txn txn; /* request and ops; a marker has none: {"v":1,"marker":"…"} */
};

/* Appends without a newline. */
void envelope_encode(struct buf *out, const struct envelope *envelope);
__attribute__((warn_unused_result)) int
envelope_decode(const char *data, size_t size, struct envelope *ret_envelope, struct errctx *err);

/* The partition of a transaction: CRC-32C of its first key, mod n_partitions. */
unsigned envelope_partition(const char *key, unsigned n_partitions);

#endif
