/* Shared by the fuzz targets; see the header. */
#include "fuzz.h"

#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

int fuzz_file(const uint8_t *data, size_t size, char ret_path[FUZZ_PATH_SIZE])
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    ssize_t written;

    assert(fd >= 0);
    written = pwrite(fd, data, size, 0);
    assert(written >= 0 && (size_t)written == size);
    (void)snprintf(ret_path, FUZZ_PATH_SIZE, "/proc/self/fd/%d", fd); /* fits for any int */
    return fd;
}
