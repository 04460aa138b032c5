/* Growable buffer: see the header. */
#include "base/buf.h"

#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reserve(struct buf *b, size_t more)
{
    size_t need = b->size + more + 1;

    if (need <= b->capacity)
        return;
    b->capacity = need < 256 ? 256 : need + need / 2;
    b->data = mem_realloc(b->data, b->capacity);
}

void buf_append(struct buf *b, const void *data, size_t size)
{
    reserve(b, size);
    if (size > 0)
        memcpy(b->data + b->size, data, size);
    b->size += size;
    b->data[b->size] = '\0';
}

void buf_append_str(struct buf *b, const char *str)
{
    buf_append(b, str, strlen(str));
}

void buf_append_char(struct buf *b, char c)
{
    buf_append(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    int size;

    va_start(ap, fmt);
    va_copy(again, ap);
    size = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    assert(size >= 0);
    reserve(b, (size_t)size);
    (void)vsnprintf(b->data + b->size, (size_t)size + 1, fmt, again);
    va_end(again);
    b->size += (size_t)size;
}

const char *buf_str(const struct buf *b)
{
    return b->data ? b->data : "";
}

void buf_consume(struct buf *b, size_t size)
{
    assert(size <= b->size);
    if (size == 0)
        return;
    b->size -= size;
    memmove(b->data, b->data + size, b->size);
    b->data[b->size] = '\0';
}

void buf_clear(struct buf *b)
{
    b->size = 0;
    if (b->data)
        b->data[0] = '\0';
}

void buf_done(struct buf *b)
{
    if (!b)
        return;
    free(b->data);
    *b = (struct buf){0};
}
