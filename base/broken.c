/* Mistakes on purpose, counted: see the header. */
#include "base/broken.h"

#include <assert.h>
#include <unistd.h>

/* One process, one mistake: like the table of crash points. */
static int report_fd = -1;

void broken_report_to(int fd)
{
    report_fd = fd;
}

void broken_made(void)
{
    /* A count that cannot be written is one too low: the run then says "not exercised". */
    if (report_fd >= 0 && write(report_fd, "!", 1) < 0)
        report_fd = -1;
}

bool broken_here(unsigned carried, unsigned mistake)
{
    assert(mistake != 0);
    if (carried != mistake)
        return false;
    broken_made();
    return true;
}
