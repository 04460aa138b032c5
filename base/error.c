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
    char old[sizeof err->message], prefix[sizeof err->message];
    va_list ap;
    int size;

    assert(code < 0);
    if (!err)
        return code;
    memcpy(old, err->message, sizeof old);
    va_start(ap, fmt);
    (void)vsnprintf(prefix, sizeof prefix, fmt, ap);
    va_end(ap);
    size = snprintf(err->message, sizeof err->message, "%s: %s", prefix, old);
    assert(size >= 0); /* a long message is cut */
    return code;
}
