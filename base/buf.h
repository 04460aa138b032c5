/* buf.h - a growable byte buffer, always NUL-terminated; consumed from the front. */
#ifndef SYNCBED_BASE_BUF_H
#define SYNCBED_BASE_BUF_H

#include <stddef.h>

struct buf {
    char *data; /* NULL until the first append; owned */
    size_t size;
    size_t capacity;
};

/* Appending ends the process when memory is gone: there is nothing sensible left to do then. */
void buf_append(struct buf *b, const void *data, size_t size);
void buf_append_str(struct buf *b, const char *str);
void buf_append_char(struct buf *b, char c);
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *b, const char *fmt, ...);

/* The text so far; "" when nothing was appended. Valid until the next append. */
const char *buf_str(const struct buf *b);

/* Drop the first `size` bytes, at most b->size. */
void buf_consume(struct buf *b, size_t size);

void buf_clear(struct buf *b); /* keeps the memory */
void buf_done(struct buf *b);

#endif
