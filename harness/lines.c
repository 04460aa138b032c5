/* JSON lines, written as they come: see the header. */
#include "harness/lines.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

int lines_open_path(struct lines *lines, const char *path, struct errctx *err)
{
    const char *slash = strrchr(path, '/');

    *lines = (struct lines){.file = fopen(path, "we")};
    (void)snprintf(lines->name, sizeof lines->name, "%s", slash ? slash + 1 : path);
    if (!lines->file)
        return err_set(err, errno, ERR_FATAL, "%s: %s", path, strerror(errno));
    return 0;
}

int lines_open(struct lines *lines, const char *folder, const char *name, struct errctx *err)
{
    char path[PATH_MAX + sizeof lines->name + 1];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return lines_open_path(lines, path, err);
}

void lines_write(struct lines *lines, json_t *object)
{
    if (json_dumpf(object, lines->file, JSON_COMPACT) || fputc('\n', lines->file) == EOF ||
        fflush(lines->file)) {
        if (!lines->error)
            lines->error = errno ? errno : EIO;
    }
    lines->n++;
    json_decref(object);
}

void lines_end(struct lines *lines)
{
    lines_write(lines, json_pack("{s:s, s:I}", "t", "end", "lines", (json_int_t)lines->n));
}

int lines_close(struct lines *lines, struct errctx *err)
{
    int error = lines->error;

    if (!lines->file)
        return 0;
    if (fclose(lines->file) && !error)
        error = errno;
    lines->file = NULL;
    if (error)
        return err_set(err, error, ERR_FATAL, "writing %s: %s", lines->name, strerror(error));
    return 0;
}
