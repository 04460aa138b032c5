/* Records as bytes: see the header. */
#include "coordinator/decision.h"

#include "base/crc32c.h"

#include <assert.h>
#include <string.h>

#define CRC_OFFSET (SEGMENT_HEADER_SIZE - 4) /* of a segment's header: its last four bytes */

/* The longest record is a COMMIT; a text takes its length's byte instead of its NUL. */
_Static_assert(DECISION_HEAD_SIZE + GID_SIZE + REQUEST_ID_SIZE + 1 +
                       STORES_MAX * (STORE_NAME_SIZE + STORE_MEMO_SIZE) <=
                   DECISION_SIZE_MAX,
               "every record fits");
_Static_assert(DECISION_SIZE_MAX % DECISION_ALIGN == 0, "and does so when padded");

/* --- integers and texts ----------------------------------------------------------------------- */

static void put(uint8_t *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get(const uint8_t *from, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)from[i] << 8 * i;
    return value;
}

static uint8_t *put_text(uint8_t *to, const char *text)
{
    size_t size = strlen(text);

    assert(size <= UINT8_MAX);
    *to++ = (uint8_t)size;
    memcpy(to, text, size);
    return to + size;
}

/* The record's body while it is taken apart. */
struct body {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static uint64_t take(struct body *b, unsigned bytes)
{
    uint64_t value;

    if (b->bad || b->end - b->at < bytes) {
        b->bad = true;
        return 0;
    }
    value = get(b->at, bytes);
    b->at += bytes;
    return value;
}

static void take_text(struct body *b, char *ret_text, size_t room)
{
    size_t size = take(b, 1);

    if (b->bad || size >= room || (size_t)(b->end - b->at) < size) {
        b->bad = true;
        return;
    }
    memcpy(ret_text, b->at, size);
    ret_text[size] = '\0';
    b->at += size;
}

/* --- records ---------------------------------------------------------------------------------- */

static uint8_t *put_commit(uint8_t *to, const struct decision *d)
{
    assert(d->n_participants >= 1 && d->n_participants <= STORES_MAX);
    to = put_text(to, d->gid);
    to = put_text(to, d->request);
    *to++ = (uint8_t)d->n_participants;
    for (unsigned i = 0; i < d->n_participants; i++) {
        to = put_text(to, d->participant[i]);
        to = put_text(to, d->memo[i]);
    }
    return to;
}

size_t decision_encode(uint8_t to[DECISION_SIZE_MAX], const struct decision *decision,
                       uint64_t sequence, uint64_t durable)
{
    uint8_t *at = to + DECISION_HEAD_SIZE;
    size_t size;

    memset(to, 0, DECISION_SIZE_MAX);
    switch (decision->kind) {
    case DECISION_EPOCH:
        put(at, (uint64_t)decision->epoch, 8);
        put(at + 8, decision->incarnation, 8);
        at += 16;
        break;
    case DECISION_COMMIT:
        at = put_commit(at, decision);
        break;
    case DECISION_END:
        at = put_text(at, decision->gid);
        put(at, decision->commit_segment, 8);
        at += 8;
        break;
    case DECISION_MARK:
        at = put_text(at, decision->participant[0]);
        put(at, (uint64_t)decision->epoch, 8);
        put(at + 8, decision->marked, 8);
        at += 16;
        break;
    }
    size = (size_t)(at - to);
    size = (size + DECISION_ALIGN - 1) / DECISION_ALIGN * DECISION_ALIGN;
    assert(size <= DECISION_SIZE_MAX);
    put(to + 4, size, 4);
    put(to + 8, sequence, 8);
    put(to + 16, durable, 8);
    to[24] = decision->carried ? DECISION_CARRIED : (uint8_t)decision->kind;
    put(to, crc32c(to + 4, size - 4), 4);
    return size;
}

static void take_commit(struct body *b, uint32_t version, struct decision *d)
{
    take_text(b, d->gid, sizeof d->gid);
    take_text(b, d->request, sizeof d->request);
    d->n_participants = (unsigned)take(b, 1);
    if (d->n_participants < 1 || d->n_participants > STORES_MAX)
        b->bad = true;
    for (unsigned i = 0; i < d->n_participants && !b->bad; i++) {
        take_text(b, d->participant[i], sizeof d->participant[i]);
        if (version > 1)
            take_text(b, d->memo[i], sizeof d->memo[i]);
    }
}

static void take_mark(struct body *b, struct decision *d)
{
    take_text(b, d->participant[0], sizeof d->participant[0]);
    d->n_participants = 1;
    d->epoch = (int64_t)take(b, 8);
    d->marked = take(b, 8);
}

static bool take_record(const uint8_t *data, size_t size, uint32_t version, struct decision *d)
{
    struct body b = {.at = data + DECISION_HEAD_SIZE, .end = data + size};

    uint8_t kind = data[DECISION_HEAD_SIZE - 1];

    *d = (struct decision){.kind = (enum decision_kind)kind};
    if (kind == DECISION_CARRIED)
        *d = (struct decision){.kind = DECISION_COMMIT, .carried = true};
    switch (d->kind) {
    case DECISION_EPOCH:
        d->epoch = (int64_t)take(&b, 8);
        if (version > 1)
            d->incarnation = take(&b, 8);
        return !b.bad && d->epoch > 0;
    case DECISION_COMMIT:
        take_commit(&b, version, d);
        return !b.bad;
    case DECISION_END:
        take_text(&b, d->gid, sizeof d->gid);
        d->commit_segment = take(&b, 8);
        return !b.bad;
    case DECISION_MARK:
        take_mark(&b, d);
        return !b.bad;
    }
    return false;
}

size_t decision_decode(const uint8_t *data, size_t size, uint32_t version,
                       struct decision *ret_decision, uint64_t *ret_durable)
{
    struct decision d;
    size_t length;

    if (size < DECISION_HEAD_SIZE)
        return 0;
    length = get(data + 4, 4);
    if (length <= DECISION_HEAD_SIZE || length > DECISION_SIZE_MAX || length > size ||
        length % DECISION_ALIGN != 0)
        return 0;
    if (get(data, 4) != crc32c(data + 4, length - 4) || !take_record(data, length, version, &d))
        return 0;
    d.sequence = get(data + 8, 8);
    *ret_decision = d;
    *ret_durable = get(data + 16, 8);
    return length;
}

/* --- a segment's header: magic, u32 version, u64 number, epoch, sequence, owner, u32 CRC ------ */

void segment_header_encode(uint8_t to[SEGMENT_HEADER_SIZE], const struct segment_header *header)
{
    memset(to, 0, SEGMENT_HEADER_SIZE);
    memcpy(to, SEGMENT_HEADER_MAGIC, 8);
    put(to + 8, header->version, 4);
    put(to + 16, header->number, 8);
    put(to + 24, (uint64_t)header->epoch, 8);
    put(to + 32, header->sequence_before, 8);
    memcpy(to + 40, header->owner, strnlen(header->owner, DECISION_OWNER_SIZE - 1));
    put(to + CRC_OFFSET, crc32c(to, CRC_OFFSET), 4);
}

bool segment_header_decode(const uint8_t from[SEGMENT_HEADER_SIZE],
                           struct segment_header *ret_header)
{
    struct segment_header h;

    if (memcmp(from, SEGMENT_HEADER_MAGIC, 8) != 0)
        return false;
    if (get(from + CRC_OFFSET, 4) != crc32c(from, CRC_OFFSET))
        return false;
    h = (struct segment_header){.version = (uint32_t)get(from + 8, 4),
                                .number = get(from + 16, 8),
                                .epoch = (int64_t)get(from + 24, 8),
                                .sequence_before = get(from + 32, 8)};
    memcpy(h.owner, from + 40, DECISION_OWNER_SIZE - 1);
    *ret_header = h;
    return true;
}
