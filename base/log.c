/* Log lines: see the header. */
#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>

void log_line(enum log_level level, const char *fmt, ...)
{
    static const char *const names[] = {"error", "warn", "info"};
    char text[1024];
    va_list ap;
    int64_t now = clock_now_us();

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap); /* a long line is cut */
    va_end(ap);
    (void)fprintf(stderr, "%lld.%06lld %s %s\n", (long long)(now / US_PER_S),
                  (long long)(now % US_PER_S), names[level], text);
}
