/* Somebody else's program as an approach: see the header. */
#include "approaches/exec.h"

#include <string.h>

#define PREFIX "exec:"

const struct approach exec_approach = {
    .name = "exec",
    .summary = "a program of your own that speaks the client protocol",
    .ops = UINT32_MAX, /* what it does not do, it says so itself: unsupported */
    .native = LEVEL_EVERYWHERE,
    .worst = CRASH_NONE,
    .before_worst = CRASH_NONE,
};

const char *exec_program(const char *name)
{
    return strncmp(name, PREFIX, strlen(PREFIX)) == 0 ? name + strlen(PREFIX) : NULL;
}
