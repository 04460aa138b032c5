/*
 * token.h - what a client has to know to be let in where a front door listens to other machines.
 *
 * The first line of a connection is then {"token":"…"}, answered
 * {"id":null,"ok":true,"level":"none"}. Any other first line, or another token, is refused and ends
 * the connection. The token travels in the clear: it keeps strangers out, not those who can listen;
 * for them there are tunnels.
 */
#ifndef SYNCBED_MODEL_TOKEN_H
#define SYNCBED_MODEL_TOKEN_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define TOKEN_CHARS_MIN 16
#define TOKEN_CHARS_MAX 128
#define TOKEN_SIZE      (TOKEN_CHARS_MAX + 1)

/* The only line of a file: 16 to 128 of [A-Za-z0-9._-]. -EINVAL for another text. */
__attribute__((warn_unused_result)) int token_read(const char *path, char ret_token[TOKEN_SIZE],
                                                   struct errctx *err);

/* The line that a client begins with, its newline included. */
void token_append_hello(struct buf *out, const char *token);

/* Is what somebody says this token? Takes as long for any text of that length. */
bool token_is(const char *said, const char *token);

/* Does this line, without its newline, say this token? Takes as long for any token of that length.
 */
bool token_is_said(const char *line, size_t size, const char *token);

#endif
