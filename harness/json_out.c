/* Files and lines of JSON: see the header. */
#include "harness/json_out.h"

#include "base/buf.h"
#include "base/file.h"

#include <errno.h>
#include <limits.h>

#define DIGITS 9 /* of a real number: what is measured has fewer */

static int append(const char *text, size_t size, void *arg)
{
    buf_append(arg, text, size);
    return 0;
}

int json_out_file(const char *dir, const char *name, const json_t *json, struct errctx *err)
{
    char path[PATH_MAX + NAME_MAX];
    struct buf text = {0};
    int r;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    if (json_dump_callback(json, append, &text, JSON_INDENT(1) | JSON_REAL_PRECISION(DIGITS)) < 0) {
        r = err_set(err, EINVAL, ERR_FATAL, "%s: cannot be written as JSON", path);
    } else {
        buf_append_char(&text, '\n');
        r = file_replace(path, &text, err);
    }
    buf_done(&text);
    return r;
}

void json_out_line(FILE *out, const json_t *json)
{
    (void)json_dumpf(json, out, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS));
    (void)fputc('\n', out);
}
