/*
 * Fuzz target: lines of the client protocol, read as a request and as a reply.
 *
 * Folder: model
 *
 * What was accepted, written and read again is written as the same bytes.
 */
#include "fuzz.h"

#include "model/protocol.h"

#include <assert.h>
#include <string.h>

static bool same(const struct buf *a, const struct buf *b)
{
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

static void try_request(const char *line, size_t size)
{
    struct request request;
    struct errctx err = {0};
    struct buf first = {0}, second = {0};

    if (protocol_decode_request(line, size, &request, &err) < 0) {
        assert(err.message[0] && request.id >= -1);
        return;
    }
    protocol_encode_request(&first, &request);
    if (first.size <= PROTOCOL_LINE_MAX) { /* escapes may have made it longer */
        int r = protocol_decode_request(first.data, first.size - 1, &request, &err);

        assert(r == 0);
        protocol_encode_request(&second, &request);
        assert(same(&first, &second));
    }
    buf_done(&first);
    buf_done(&second);
}

static void try_reply(const char *line, size_t size)
{
    struct reply reply;
    struct errctx err = {0};
    struct buf first = {0}, second = {0};
    int r;

    if (protocol_decode_reply(line, size, &reply, &err) < 0) {
        assert(err.message[0]);
        return;
    }
    reply.has_reads = false; /* they are written into the transaction asked, and here is none */
    protocol_encode_reply(&first, &reply, NULL);
    r = protocol_decode_reply(first.data, first.size - 1, &reply, &err);
    assert(r == 0);
    protocol_encode_reply(&second, &reply, NULL);
    assert(same(&first, &second));
    buf_done(&first);
    buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_request((const char *)data, size);
    try_reply((const char *)data, size);
    return 0;
}
