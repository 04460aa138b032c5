/* An empty file for the tests of a program: see the header. */
#include "temp_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

char temp_path[64];

int temp_file_make(void **state)
{
    (void)state;
    (void)snprintf(temp_path, sizeof temp_path, "/tmp/syncbed-test-XXXXXX");
    int fd = mkstemp(temp_path);

    return fd < 0 ? -1 : close(fd);
}

int temp_file_remove(void **state)
{
    (void)state;
    return unlink(temp_path);
}
