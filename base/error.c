/* Errors: see the header. */
#include "base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct errctx *err, int code, enum err_class class, const char *fmt, ...)
{
    va_list ap;

    assert(code > 0);
    if (!err)
        return -code;
    err->class = class;
    va_start(ap, fmt);
    (void)vsnprintf(err->message, sizeof err->message, fmt, ap); /* a long message is cut */
    va_end(ap);
    return -code;
}

int err_prefix(struct errctx *err, int code, const char *fmt, ...)
{
    char old[sizeof err->message];
    va_list ap;
    int used;

    assert(code < 0);
    if (!err)
        return code;
    memcpy(old, err->message, sizeof old);
    va_start(ap, fmt);
    used = vsnprintf(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    if (used >= 0 && (size_t)used < sizeof err->message)
        (void)snprintf(err->message + used, sizeof err->message - (size_t)used, ": %s", old);
    return code;
}
