/* Text as a YAML scalar: see yaml.h. */
#include "base/buf.h"
#include "base/yaml.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Readable by any YAML reader as the same text without quotes. */
static bool is_plain(const char *text)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no",
                                        "on",   "off",   "y",    "n"};
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789_./-";
    bool starts_well = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
                       (*text == '/' && text[1] != '\0');

    if (!starts_well || strspn(text, safe) != strlen(text))
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(text, words[i]) == 0)
            return false;
    }
    return true;
}

/* The escape for what stands at `text`, with how many bytes it replaces; NULL: none is needed. */
static const char *escape_of(const unsigned char *text, char buffer[8], size_t *ret_size)
{
    *ret_size = 1;
    if (*text == '"' || *text == '\\') {
        (void)snprintf(buffer, 8, "\\%c", *text);
        return buffer;
    }
    if (*text < 0x20 || *text == 0x7f) {
        (void)snprintf(buffer, 8, "\\x%02x", *text);
        return buffer;
    }
    if (text[0] == 0xc2 && text[1] >= 0x80 && text[1] < 0xa0) { /* U+0080 to U+009F */
        *ret_size = 2;
        (void)snprintf(buffer, 8, "\\x%02x", text[1]);
        return buffer;
    }
    if (text[0] == 0xe2 && text[1] == 0x80 && (text[2] == 0xa8 || text[2] == 0xa9)) {
        *ret_size = 3; /* U+2028 and U+2029 are line breaks to YAML */
        return text[2] == 0xa8 ? "\\L" : "\\P";
    }
    return NULL;
}

void yaml_quote(struct buf *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    if (is_plain(text)) {
        buf_append_str(out, text);
        return;
    }
    buf_append_char(out, '"');
    while (*at) {
        char buffer[8];
        size_t size;
        const char *escape = escape_of(at, buffer, &size);

        if (escape)
            buf_append_str(out, escape);
        else
            buf_append(out, at, size);
        at += size;
    }
    buf_append_char(out, '"');
}
