/* Lines of JSON: see the header. */
#include "harness/ndjson.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_BUFFER_SIZE (256 * 1024)

int ndjson_open(struct ndjson *in, const char *path, struct errctx *err)
{
    *in = (struct ndjson){.path = path, .file = fopen(path, "re")};
    if (!in->file)
        return err_set(err, errno, ERR_ABORT, "%s: %s", path, strerror(errno));
    (void)setvbuf(in->file, NULL, _IOFBF, STREAM_BUFFER_SIZE); /* only speed depends on it */
    return 0;
}

void ndjson_close(struct ndjson *in)
{
    if (!in)
        return;
    if (in->file)
        (void)fclose(in->file); /* was only read */
    free(in->text);
    *in = (struct ndjson){0};
}

int ndjson_complain(const struct ndjson *in, struct errctx *err, const char *fmt, ...)
{
    char message[300];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof message, fmt, ap); /* a long message is cut */
    va_end(ap);
    return err_set(err, EBADMSG, ERR_ABORT, "%s:%u: %s", in->path, in->line, message);
}

/* 1 with the next line as an object; 0 at the end of the file. */
static int next_object(struct ndjson *in, json_t **ret_object, struct errctx *err)
{
    json_error_t why;
    json_t *object;
    ssize_t size;

    errno = 0;
    size = getline(&in->text, &in->capacity, in->file);
    if (size < 0 && errno)
        return err_set(err, errno, ERR_ABORT, "%s: %s", in->path, strerror(errno));
    if (size < 0)
        return 0;
    in->line++;
    if (in->text[size - 1] != '\n')
        return ndjson_complain(in, err, "the file is cut: no end of line");
    object = json_loadb(in->text, (size_t)size, 0, &why);
    if (!object)
        return ndjson_complain(in, err, "%s", why.text);
    if (!json_is_object(object)) {
        json_decref(object);
        return ndjson_complain(in, err, "no JSON object");
    }
    *ret_object = object;
    return 1;
}

static bool is_closing(const json_t *object)
{
    const char *type = json_string_value(json_object_get(object, "t"));

    return type && strcmp(type, "end") == 0 && json_is_integer(json_object_get(object, "lines"));
}

static int take_closing(struct ndjson *in, const json_t *closing, struct errctx *err)
{
    json_int_t lines = json_integer_value(json_object_get(closing, "lines"));

    if (lines != (json_int_t)in->line - 1)
        return ndjson_complain(in, err, "the file is cut: %u lines of %lld are here", in->line - 1,
                               (long long)lines);
    in->ended = true;
    return 0;
}

int ndjson_next(struct ndjson *in, json_t **ret_object, struct errctx *err)
{
    json_t *object;
    int r = next_object(in, &object, err);

    if (r <= 0)
        return r;
    if (!in->ended && !is_closing(object)) {
        *ret_object = object;
        return 1;
    }
    if (in->ended)
        r = ndjson_complain(in, err, "there is more behind the closing line");
    else
        r = take_closing(in, object, err);
    json_decref(object);
    return r < 0 ? r : ndjson_next(in, ret_object, err); /* once: nothing may follow */
}

int ndjson_whole(const struct ndjson *in, struct errctx *err)
{
    return in->ended ? 0 : ndjson_complain(in, err, "the file is cut: no closing line");
}

int ndjson_each(const char *path, bool whole, ndjson_take take, void *arg, struct errctx *err)
{
    struct ndjson in;
    json_t *object;
    int r = ndjson_open(&in, path, err);

    if (r < 0)
        return r;
    while ((r = ndjson_next(&in, &object, err)) > 0) {
        r = take(arg, &in, object, err);
        json_decref(object);
        if (r < 0)
            break;
    }
    if (r == 0 && whole)
        r = ndjson_whole(&in, err);
    ndjson_close(&in);
    return r;
}

int ndjson_text(const struct ndjson *in, const json_t *object, const char *field,
                const char **ret_text, struct errctx *err)
{
    const char *text = json_string_value(json_object_get(object, field));

    if (!text)
        return ndjson_complain(in, err, "\"%s\" is not there, or no string", field);
    *ret_text = text;
    return 0;
}

int ndjson_int(const struct ndjson *in, const json_t *object, const char *field, int64_t *ret_value,
               struct errctx *err)
{
    const json_t *value = json_object_get(object, field);

    if (!json_is_integer(value))
        return ndjson_complain(in, err, "\"%s\" is not there, or no integer", field);
    *ret_value = json_integer_value(value);
    return 0;
}

int ndjson_count(const struct ndjson *in, const json_t *object, const char *field,
                 int64_t *ret_value, struct errctx *err)
{
    const json_t *value = json_object_get(object, field);

    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return ndjson_complain(in, err, "\"%s\" is not there, or no integer from 0", field);
    *ret_value = json_integer_value(value);
    return 0;
}

int ndjson_bool(const struct ndjson *in, const json_t *object, const char *field, bool *ret_value,
                struct errctx *err)
{
    const json_t *value = json_object_get(object, field);

    if (!json_is_boolean(value))
        return ndjson_complain(in, err, "\"%s\" is not there, or neither true nor false", field);
    *ret_value = json_is_true(value);
    return 0;
}

int ndjson_array(const struct ndjson *in, const json_t *object, const char *field,
                 json_t **ret_array, struct errctx *err)
{
    json_t *array = json_object_get(object, field);

    if (!json_is_array(array))
        return ndjson_complain(in, err, "\"%s\" is not there, or no array", field);
    *ret_array = array;
    return 0;
}
