/* utf8.h - one character of UTF-8 (RFC 3629) at a time: no surrogates, no overlong forms. */
#ifndef SYNCBED_MODEL_UTF8_H
#define SYNCBED_MODEL_UTF8_H

#include <stddef.h>

/* Bytes of the character at `text` (NUL-terminated): 1 to 4; 0 when it is not UTF-8 or the end. */
size_t utf8_char_size(const char *text);

/* The longest prefix of `text` that has at most `size` bytes and ends between two characters. */
size_t utf8_cut(const char *text, size_t size);

#endif
