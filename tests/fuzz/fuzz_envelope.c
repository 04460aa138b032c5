/*
 * Fuzz target: records of the log.
 *
 * Folder: model
 *
 * What was accepted, written and read again is written as the same bytes.
 */
#include "fuzz.h"

#include "model/envelope.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct envelope envelope;
    struct errctx err = {0};
    struct buf first = {0}, second = {0};
    int r;

    if (envelope_decode((const char *)data, size, &envelope, &err) < 0) {
        assert(err.message[0]);
        return 0;
    }
    envelope_encode(&first, &envelope);
    r = envelope_decode(first.data, first.size, &envelope, &err);
    assert(r == 0);
    envelope_encode(&second, &envelope);
    assert(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    buf_done(&first);
    buf_done(&second);
    return 0;
}
