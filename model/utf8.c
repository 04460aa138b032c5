/* UTF-8: see the header. */
#include "model/utf8.h"

#include <stdbool.h>
#include <string.h>

static bool in(unsigned char byte, unsigned char low, unsigned char high)
{
    return byte >= low && byte <= high;
}

/* RFC 3629 §4, the table of well-formed sequences; a NUL is never a continuation, so it ends all.
 */
size_t utf8_char_size(const char *text)
{
    const unsigned char *b = (const unsigned char *)text;

    if (in(b[0], 0x01, 0x7f))
        return 1;
    if (in(b[0], 0xc2, 0xdf))
        return in(b[1], 0x80, 0xbf) ? 2 : 0;
    if (in(b[0], 0xe0, 0xef)) {
        unsigned char low = b[0] == 0xe0 ? 0xa0 : 0x80;
        unsigned char high = b[0] == 0xed ? 0x9f : 0xbf;

        return in(b[1], low, high) && in(b[2], 0x80, 0xbf) ? 3 : 0;
    }
    if (in(b[0], 0xf0, 0xf4)) {
        unsigned char low = b[0] == 0xf0 ? 0x90 : 0x80;
        unsigned char high = b[0] == 0xf4 ? 0x8f : 0xbf;

        return in(b[1], low, high) && in(b[2], 0x80, 0xbf) && in(b[3], 0x80, 0xbf) ? 4 : 0;
    }
    return 0;
}

size_t utf8_cut(const char *text, size_t size)
{
    size_t whole = strnlen(text, size + 1);

    if (whole <= size)
        return whole;
    while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--;
    return size;
}
