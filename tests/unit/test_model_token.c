/*
 * Tokens: which files hold one, and which lines say it.
 *
 * Folder: model
 */
#include "model/token.h"

#include "base/file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TOKEN "0123456789.abc_DEF-"

static int read_text(const char *text, char ret_token[TOKEN_SIZE])
{
    char path[] = "/tmp/syncbed-token-XXXXXX";
    struct errctx err = {0};
    struct buf content = {0};
    int fd = mkstemp(path);
    int r;

    assert_true(fd >= 0);
    buf_append_str(&content, text);
    assert_int_equal(file_write(path, &content, &err), 0);
    r = token_read(path, ret_token, &err);
    assert_true(r == 0 || strncmp(err.message, path, strlen(path)) == 0);
    buf_done(&content);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
    return r;
}

static void a_file_holds_one_line(void **state)
{
    static const char *const bad[] = {
        "",         "\n",       "0123456789abcde", TOKEN "\n\n", TOKEN " ",
        TOKEN "\"", "\n" TOKEN, TOKEN "\n" TOKEN,  TOKEN "\xc3", TOKEN "\r\n"};
    char token[TOKEN_SIZE] = "", long_text[TOKEN_CHARS_MAX + 2] = "";

    (void)state;
    assert_int_equal(read_text(TOKEN "\n", token), 0);
    assert_string_equal(token, TOKEN);
    assert_int_equal(read_text("0123456789abcdef", token), 0);
    assert_string_equal(token, "0123456789abcdef");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(read_text(bad[i], token), -EINVAL);
    memset(long_text, 'x', TOKEN_CHARS_MAX + 1);
    assert_int_equal(read_text(long_text, token), -EINVAL);
    long_text[TOKEN_CHARS_MAX] = '\0';
    assert_int_equal(read_text(long_text, token), 0);
    assert_string_equal(token, long_text);
}

static bool said(const char *line)
{
    return token_is_said(line, strlen(line), TOKEN);
}

static void a_line_says_it_or_not(void **state)
{
    struct buf hello = {0};

    (void)state;
    token_append_hello(&hello, TOKEN);
    assert_int_equal(hello.data[hello.size - 1], '\n');
    assert_true(token_is_said(hello.data, hello.size - 1, TOKEN));
    assert_false(token_is_said(hello.data, hello.size - 1, TOKEN "x"));
    buf_done(&hello);
    assert_true(said("{\"token\":\"" TOKEN "\",\"more\":1}"));
    assert_false(said("{\"token\":\"" TOKEN "\\u0000\"}"));
    assert_false(said("{\"token\":null}"));
    assert_false(said("{}"));
    assert_false(said("\"" TOKEN "\""));
    assert_false(said(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_holds_one_line),
        cmocka_unit_test(a_line_says_it_or_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
