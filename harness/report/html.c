/* HTML: see the header. */
#include "harness/report/html.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void html_text(struct buf *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            buf_append_str(out, "&amp;");
            break;
        case '<':
            buf_append_str(out, "&lt;");
            break;
        case '>':
            buf_append_str(out, "&gt;");
            break;
        case '"':
            buf_append_str(out, "&quot;");
            break;
        default: /* neither HTML nor XML can hold a control character */
            buf_append_char(out, (unsigned char)*text < ' ' && !isspace(*text) ? '?' : *text);
        }
    }
}

void html_ms(struct buf *out, double ms)
{
    double value = ms >= 1000 ? ms / 1000 : ms;
    int digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;

    if (isinf(ms)) {
        buf_append_str(out, "never");
        return;
    }
    buf_printf(out, "%.*f %s", digits, value, ms >= 1000 ? "s" : "ms");
}

void html_count(struct buf *out, long long n)
{
    char digits[32];
    size_t size;

    (void)snprintf(digits, sizeof digits, "%lld", n < 0 ? -n : n); /* 20 characters at most */
    size = strlen(digits);
    if (n < 0)
        buf_append_str(out, "-");
    for (size_t i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            buf_append_char(out, ',');
        buf_append_char(out, digits[i]);
    }
}

void html_id(struct buf *out, const char *text)
{
    for (; *text; text++)
        buf_append_char(out, isalnum((unsigned char)*text) ? (char)tolower(*text) : '-');
}
