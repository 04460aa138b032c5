/* Bytes in, lines out; see the header. */
#include "base/line_split.h"

#include <string.h>

static void drop_partial(struct line_split *split)
{
    buf_done(&split->partial);
    split->given = false;
}

void line_split_feed(struct line_split *split, const char *data, size_t size)
{
    split->input = data;
    split->left = size;
}

enum line_found line_split_next(struct line_split *split, const char **ret_line, size_t *ret_size)
{
    if (split->given)
        drop_partial(split);
    while (split->left > 0) {
        const char *data = split->input;
        const char *newline = memchr(data, '\n', split->left);
        size_t taken = newline ? (size_t)(newline - data) + 1 : split->left;
        bool skipped = split->skipping;

        split->input += taken;
        split->left -= taken;
        if (skipped || split->partial.size + taken > split->max) {
            drop_partial(split);
            split->skipping = !newline;
            if (!skipped)
                return LINE_TOO_LONG;
        } else if (!newline) {
            buf_append(&split->partial, data, taken);
        } else if (split->partial.size > 0) {
            buf_append(&split->partial, data, taken - 1);
            split->given = true;
            *ret_line = split->partial.data;
            *ret_size = split->partial.size;
            return LINE_WHOLE;
        } else {
            *ret_line = data;
            *ret_size = taken - 1;
            return LINE_WHOLE;
        }
    }
    return LINE_NONE;
}

void line_split_done(struct line_split *split)
{
    drop_partial(split);
    split->skipping = false;
    split->left = 0;
}
