/*
 * decision.h - one record of the decision log, and how it lies on disk. Bytes only, no I/O.
 *
 * Presumed abort (Mohan, Lindsay, Obermarck, TODS 11(4) 1986): the only decision that is written is
 * "commit". A transaction without a COMMIT record has been or will be rolled back.
 *
 *   EPOCH    the coordinator starts: its transactions carry this number in their gid; with a random
 *            number, so that two logs which both count from 1 are told apart. Repeated as the first
 *            record of each segment
 *   COMMIT   decided; forced to disk before any participant hears of it
 *   CARRIED  a COMMIT once more, in a later segment, so that the one where it stood can go
 *   END      every participant has committed: the decision is not needed any more; not forced
 *   MARK     a participant has been told how far this log had got (watermark.h); not forced
 *
 * Layout, little-endian; a record begins on a multiple of 8 and is padded with zeros to one:
 *
 *    0  u32  CRC-32C of the bytes from 4 to the record's end
 *    4  u32  length of the record
 *    8  u64  sequence: 1, 2, 3 … through all segments
 *   16  u64  durable: the last sequence that was durable when this record was written
 *   24  u8   kind
 *   25  …    EPOCH: u64 epoch, u64 incarnation
 *            COMMIT, CARRIED: gid, request, u8 n, n times (participant, memo)
 *            END: gid, u64 segment of its COMMIT          a text is u8 length + bytes
 *            MARK: participant, u64 epoch, u64 sequence
 *
 * A participant's memo is what its branch answered to prove its outcome by (store.h,
 * store_outcome): whoever settles the decision later asks with it. Version 1 of the format, which
 * is read still, had no memos, no incarnations, no MARK and no CARRIED.
 *
 * `durable` tells two things apart that look alike after a power cut: a batch of which some pages
 * were written and some were not (a torn tail), and damage to what had been safe (decision_scan.h).
 */
#ifndef SYNCBED_COORDINATOR_DECISION_H
#define SYNCBED_COORDINATOR_DECISION_H

#include "model/txn.h"
#include "stores/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECISION_ALIGN       8
#define DECISION_HEAD_SIZE   25 /* of a record, up to and with its kind */
#define DECISION_SIZE_MAX    448
#define DECISION_OWNER_SIZE  32
#define DECISION_VERSION     2
#define SEGMENT_HEADER_SIZE  128
#define SEGMENT_HEADER_MAGIC "sb1dlog\n" /* 8 bytes, without the NUL */

enum decision_kind {
    DECISION_EPOCH = 1,
    DECISION_COMMIT = 2,
    DECISION_END = 3,
    DECISION_MARK = 4,
};
#define DECISION_CARRIED 5 /* on disk; read as a COMMIT that is `carried` */

struct decision {
    enum decision_kind kind;
    uint64_t segment; /* where it stands, and its number; filled by reading */
    uint64_t sequence;
    int64_t epoch;                 /* EPOCH, MARK */
    uint64_t incarnation;          /* EPOCH; 0: of version 1 */
    uint64_t marked;               /* MARK: the sequence that participant[0] was told */
    char gid[GID_SIZE];            /* COMMIT, END */
    char request[REQUEST_ID_SIZE]; /* COMMIT */
    bool carried;                  /* COMMIT: written again, from a segment that is to go */
    uint64_t commit_segment;       /* END: where its COMMIT stands */
    unsigned n_participants;       /* COMMIT: those that were prepared, 1..STORES_MAX; MARK: 1 */
    char participant[STORES_MAX][STORE_NAME_SIZE];
    char memo[STORES_MAX][STORE_MEMO_SIZE]; /* of participant i; "" where it gave none */
};

/* Encode into `to`; returns the record's length, a multiple of DECISION_ALIGN. */
size_t decision_encode(uint8_t to[DECISION_SIZE_MAX], const struct decision *decision,
                       uint64_t sequence, uint64_t durable);

/*
 * Decode the record at the beginning of `data`, of a segment of `version`. Returns its length, or 0
 * when the bytes are no valid record (zeros, torn, damaged).
 */
size_t decision_decode(const uint8_t *data, size_t size, uint32_t version,
                       struct decision *ret_decision, uint64_t *ret_durable);

/* The first bytes of a segment. */
struct segment_header {
    uint32_t version;
    uint64_t number;          /* of the segment: 1, 2, 3 … */
    int64_t epoch;            /* of the coordinator that made it */
    uint64_t sequence_before; /* of the last record of the segment before */
    char owner[DECISION_OWNER_SIZE];
};

void segment_header_encode(uint8_t to[SEGMENT_HEADER_SIZE], const struct segment_header *header);

/* False when the bytes are no header, of whatever version. */
bool segment_header_decode(const uint8_t from[SEGMENT_HEADER_SIZE],
                           struct segment_header *ret_header);

#endif
