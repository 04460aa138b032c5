/* Tokens of clients: see the header. */
#include "model/token.h"

#include "base/file.h"
#include "model/field.h"

#include <errno.h>
#include <string.h>

#define CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

int token_read(const char *path, char ret_token[TOKEN_SIZE], struct errctx *err)
{
    struct buf text = {0};
    int r = file_read(path, &text, err);

    if (r == 0) {
        const char *token = buf_str(&text);
        size_t size = strspn(token, CHARS);
        bool whole = token[size] == '\0' || strcmp(token + size, "\n") == 0;

        if (!whole || size < TOKEN_CHARS_MIN || size > TOKEN_CHARS_MAX) {
            r = err_set(err, EINVAL, ERR_ABORT,
                        "%s: a token is one line of %d to %d letters, digits, '.', '_' or '-'",
                        path, TOKEN_CHARS_MIN, TOKEN_CHARS_MAX);
        } else {
            memcpy(ret_token, token, size);
            ret_token[size] = '\0';
        }
    }
    buf_done(&text);
    return r;
}

void token_append_hello(struct buf *out, const char *token)
{
    buf_printf(out, "{\"token\":\"%s\"}\n", token);
}

/* Looks at every character, so that time does not tell how many were right. */
bool token_is(const char *said, const char *token)
{
    size_t size = strlen(said);
    int differ = 0;

    if (size != strlen(token))
        return false;
    for (size_t i = 0; i < size; i++)
        differ |= said[i] ^ token[i];
    return differ == 0;
}

bool token_is_said(const char *line, size_t size, const char *token)
{
    json_t *root;
    const char *said;
    bool is;

    if (field_load(line, size, &root, NULL) < 0)
        return false;
    said = json_string_value(json_object_get(root, "token"));
    is = said && token_is(said, token);
    json_decref(root);
    return is;
}
