/* topic_record.h - one record of the decision topic (topic_log.h), as a line of JSON. */
#ifndef SYNCBED_APPROACHES_TOPIC_RECORD_H
#define SYNCBED_APPROACHES_TOPIC_RECORD_H

#include "base/buf.h"
#include "model/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOPIC_INCARNATION_SIZE 20

enum topic_record_type {
    TOPIC_RECORD_HELLO,
    TOPIC_RECORD_EPOCH,
    TOPIC_RECORD_ALIVE,
    TOPIC_RECORD_COMMIT,
    TOPIC_RECORD_ABORT,
    TOPIC_RECORD_END,
    TOPIC_RECORDS
};

struct topic_record {
    enum topic_record_type type;
    char by[ROLE_NAME_SIZE]; /* the coordinator that writes it, its epoch and incarnation */
    int64_t epoch;           /* HELLO: 0 */
    char incarnation[TOPIC_INCARNATION_SIZE];
    char gid[GID_SIZE];            /* COMMIT, ABORT, END */
    char request[REQUEST_ID_SIZE]; /* COMMIT */
};

void topic_record_encode(const struct topic_record *record, struct buf *into);

/* False: none of ours, or of a later version. */
bool topic_record_decode(const char *data, size_t size, struct topic_record *ret_record);

#endif
