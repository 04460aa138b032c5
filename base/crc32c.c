/* CRC-32C: see the header. */
#include "base/crc32c.h"

#include <assert.h>
#include <isa-l/crc.h>
#include <limits.h>

uint32_t crc32c(const void *data, size_t size)
{
    union {
        const void *in;
        unsigned char *out; /* ISA-L only reads, but its parameter is not const */
    } p = {.in = data};

    assert(size <= INT_MAX);
    return ~crc32_iscsi(p.out, (int)size, UINT32_MAX);
}
