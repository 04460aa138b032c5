/* crc32c.h - CRC-32C (Castagnoli, RFC 3720), by ISA-L: the decision log's and the partitioner's. */
#ifndef SYNCBED_BASE_CRC32C_H
#define SYNCBED_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc32c("123456789", 9) is 0xe3069283. `size` is at most INT_MAX. */
uint32_t crc32c(const void *data, size_t size);

#endif
