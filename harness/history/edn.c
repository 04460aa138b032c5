/* EDN as JSON; see the header. A recursive descent, bounded in depth; it believes nothing. */
#include "harness/history/edn.h"

#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATOM_MAX 512 /* bytes of a number, keyword, symbol or tag */

static int read_form(struct edn *in, unsigned depth, json_t **ret_form, struct errctx *err);

int edn_complain(const struct edn *in, struct errctx *err, const char *fmt, ...)
{
    char message[300];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return err_set(err, EBADMSG, ERR_ABORT, "%s:%u: %s", in->path, in->line, message);
}

/* --- between forms ------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',';
}

static void skip_space(struct edn *in)
{
    bool comment = false;

    for (; in->at < in->end && (comment || is_space(*in->at) || *in->at == ';'); in->at++) {
        if (*in->at == '\n') {
            in->line++;
            comment = false;
        } else if (*in->at == ';') {
            comment = true;
        }
    }
}

/* Space, comments, and forms discarded by "#_". */
static int skip(struct edn *in, unsigned depth, struct errctx *err)
{
    for (;;) {
        json_t *discarded;

        skip_space(in);
        if (in->end - in->at < 2 || in->at[0] != '#' || in->at[1] != '_')
            return 0;
        in->at += 2;
        int r = read_form(in, depth + 1, &discarded, err);

        if (r < 0)
            return r;
        json_decref(discarded);
    }
}

/* --- atoms --------------------------------------------------------------------------------- */

/* Up to the next space or bracket. */
static int take_atom(struct edn *in, char ret_text[ATOM_MAX], struct errctx *err)
{
    size_t n = 0;

    while (in->at + n < in->end && !is_space(in->at[n]) && !strchr("()[]{}\";", in->at[n]))
        n++;
    if (n == 0)
        return edn_complain(in, err, "'%c' begins nothing", *in->at);
    if (n >= ATOM_MAX)
        return edn_complain(in, err, "a word of more than %d bytes", ATOM_MAX - 1);
    memcpy(ret_text, in->at, n);
    ret_text[n] = '\0';
    in->at += n;
    return 0;
}

static int to_number(const struct edn *in, const char *text, json_t **ret_form, struct errctx *err)
{
    char *end;

    errno = 0;
    long long integer = strtoll(text, &end, 10);

    if (errno == 0 && (*end == '\0' || strcmp(end, "N") == 0)) {
        *ret_form = json_integer(integer);
        return 0;
    }
    double real = strtod(text, &end);

    *ret_form = *end == '\0' || strcmp(end, "M") == 0 ? json_real(real) : NULL;
    if (*ret_form && strpbrk(text, ".eE")) /* an integer that does not fit would become another */
        return 0;
    json_decref(*ret_form);
    return edn_complain(in, err, "\"%s\" is no number that can be kept", text);
}

static int read_atom(struct edn *in, json_t **ret_form, struct errctx *err)
{
    char text[ATOM_MAX];
    int r = take_atom(in, text, err);
    const char *digits = text + (text[0] == '-' || text[0] == '+');

    if (r < 0)
        return r;
    if (*digits >= '0' && *digits <= '9')
        return to_number(in, text, ret_form, err);
    if (strcmp(text, "nil") == 0)
        *ret_form = json_null();
    else if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        *ret_form = json_boolean(text[0] == 't');
    else
        *ret_form = json_string(text);
    return *ret_form ? 0 : edn_complain(in, err, "a word that is not UTF-8");
}

/* The character that `\c` stands for in a string; 0: none. */
static char unescape(char c)
{
    static const char from[] = "\"\\nrtbf";
    static const char to[] = "\"\\\n\r\t\b\f";
    const char *found = c ? strchr(from, c) : NULL;

    return found ? to[found - from] : '\0';
}

static int read_string(struct edn *in, json_t **ret_form, struct errctx *err)
{
    struct buf text = {0};
    int r = 0;

    for (in->at++; r == 0 && in->at < in->end && *in->at != '"'; in->at++) {
        char c = *in->at;

        if (c == '\\' && in->at + 1 < in->end) {
            c = unescape(*++in->at);
            r = c ? 0 : edn_complain(in, err, "\\%c in a string", *in->at);
        }
        in->line += *in->at == '\n';
        buf_append_char(&text, c);
    }
    if (r == 0 && in->at == in->end)
        r = edn_complain(in, err, "a string without an end");
    if (r == 0) {
        in->at++;
        *ret_form = json_stringn(buf_str(&text), text.size);
        r = *ret_form ? 0 : edn_complain(in, err, "a string that is not UTF-8");
    }
    buf_done(&text);
    return r;
}

/* --- collections --------------------------------------------------------------------------- */

/* Forms up to `close`, into an array. */
static int read_many(struct edn *in, unsigned depth, char close, json_t **ret_array,
                     struct errctx *err)
{
    json_t *array = json_array();
    json_t *form;
    int r;

    in->at++;
    while ((r = skip(in, depth, err)) == 0 && in->at < in->end && *in->at != close) {
        r = read_form(in, depth + 1, &form, err);
        if (r < 0)
            break;
        json_array_append_new(array, form);
    }
    if (r == 0 && in->at == in->end)
        r = edn_complain(in, err, "cut: '%c' is missing", close);
    if (r < 0) {
        json_decref(array);
        return r;
    }
    in->at++;
    *ret_array = array;
    return 0;
}

static int put(const struct edn *in, json_t *map, const json_t *key, json_t *value,
               struct errctx *err)
{
    char number[24];
    const char *text = json_string_value(key);

    if (json_is_integer(key)) {
        (void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(key));
        text = number;
    }
    if (!text)
        return edn_complain(in, err, "a map's key is a word, a string or an integer");
    if (json_object_get(map, text))
        return edn_complain(in, err, "a map has %s twice", text);
    json_object_set(map, text, value);
    return 0;
}

static int read_map(struct edn *in, unsigned depth, json_t **ret_form, struct errctx *err)
{
    json_t *pairs = NULL;
    json_t *map = json_object();
    int r = read_many(in, depth, '}', &pairs, err);

    if (r == 0 && json_array_size(pairs) % 2 != 0)
        r = edn_complain(in, err, "a map with a key that has no value");
    for (size_t i = 0; r == 0 && i < json_array_size(pairs); i += 2)
        r = put(in, map, json_array_get(pairs, i), json_array_get(pairs, i + 1), err);
    json_decref(pairs);
    if (r < 0)
        json_decref(map);
    else
        *ret_form = map;
    return r;
}

/* "#{…}" or "#tag form" */
static int read_dispatched(struct edn *in, unsigned depth, json_t **ret_form, struct errctx *err)
{
    char tag[ATOM_MAX];

    in->at++;
    if (in->at < in->end && *in->at == '{')
        return read_many(in, depth, '}', ret_form, err);
    if (in->at == in->end)
        return edn_complain(in, err, "cut behind #");
    int r = take_atom(in, tag, err);

    return r < 0 ? r : read_form(in, depth + 1, ret_form, err);
}

static int read_form(struct edn *in, unsigned depth, json_t **ret_form, struct errctx *err)
{
    int r;

    if (depth > EDN_DEPTH_MAX)
        return edn_complain(in, err, "more than %d forms in each other", EDN_DEPTH_MAX);
    r = skip(in, depth, err);
    if (r < 0)
        return r;
    if (in->at == in->end)
        return edn_complain(in, err, "cut: a form is missing");
    switch (*in->at) {
    case '(':
        return read_many(in, depth, ')', ret_form, err);
    case '[':
        return read_many(in, depth, ']', ret_form, err);
    case '{':
        return read_map(in, depth, ret_form, err);
    case '"':
        return read_string(in, ret_form, err);
    case '#':
        return read_dispatched(in, depth, ret_form, err);
    default:
        return read_atom(in, ret_form, err);
    }
}

int edn_next(struct edn *in, json_t **ret_form, struct errctx *err)
{
    int r = skip(in, 0, err);

    if (r < 0 || in->at == in->end)
        return r;
    r = read_form(in, 0, ret_form, err);
    return r < 0 ? r : 1;
}
