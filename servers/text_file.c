/* Configuration and log files: see the header. */
#include "servers/text_file.h"

#include "base/buf.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOIN      " | "
#define TAIL_SIZE 8192 /* of the end of a log, looked through for its last lines */

int text_file_write(const char *folder, const char *name, const char *fmt, struct errctx *err, ...)
{
    char path[PATH_MAX];
    int r = 0;
    va_list ap;
    FILE *file;

    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return err_set(err, ENAMETOOLONG, ERR_FATAL, "%s/%s: path too long", folder, name);
    file = fopen(path, "we");
    if (!file)
        return err_set(err, errno, ERR_FATAL, "%s: %s", path, strerror(errno));
    va_start(ap, err);
    if (vfprintf(file, fmt, ap) < 0)
        r = -EIO;
    va_end(ap);
    if (fchmod(fileno(file), 0644) < 0)
        r = -errno;
    if (fclose(file) != 0)
        r = -errno;
    return r < 0 ? err_set(err, -r, ERR_FATAL, "%s: %s", path, strerror(-r)) : 0;
}

void text_file_append(const char *path, const char *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (fd < 0)
        return;
    if (write(fd, data, size) < 0) {
        /* Dropped: see the header. */
    }
    (void)close(fd);
}

off_t text_file_size(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_size : 0;
}

/* The bytes from `from` on; the caller's. */
static struct buf read_from(const char *path, off_t from)
{
    struct buf text = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char chunk[4096];
    ssize_t n;

    if (fd < 0)
        return text;
    while ((n = pread(fd, chunk, sizeof chunk, from)) > 0) {
        buf_append(&text, chunk, (size_t)n);
        from += n;
    }
    (void)close(fd);
    return text;
}

bool text_file_contains(const char *path, off_t from, const char *text)
{
    struct buf all = read_from(path, from);
    bool found = all.size > 0 && memmem(all.data, all.size, text, strlen(text));

    buf_done(&all);
    return found;
}

/* Where the line that ends before `end` begins. */
static size_t line_start(const char *text, size_t end)
{
    while (end > 0 && text[end - 1] != '\n')
        end--;
    return end;
}

/* Put text[from..to) before what `line` holds; false when it does not fit. */
static bool prepend(char *line, size_t size, const char *text, size_t from, size_t to)
{
    size_t used = strlen(line), n = to - from, gap = used ? strlen(JOIN) : 0;

    if (n + gap + used >= size)
        return false;
    memmove(line + n + gap, line, used + 1);
    memcpy(line, text + from, n);
    memcpy(line + n, JOIN, gap);
    return true;
}

void text_file_last_lines(const char *path, off_t from, char *ret_text, size_t size)
{
    off_t end = text_file_size(path);
    struct buf all = read_from(path, end - from > TAIL_SIZE ? end - TAIL_SIZE : from);
    size_t to = all.size;

    assert(size > 1);
    ret_text[0] = '\0';
    while (to > 0) {
        size_t start;

        if (all.data[to - 1] == '\n') {
            to--;
            continue;
        }
        start = line_start(all.data, to);
        if (!prepend(ret_text, size, all.data, start, to)) {
            if (!ret_text[0])
                (void)prepend(ret_text, size, all.data, to - (size - 1), to);
            break;
        }
        to = start;
    }
    for (char *c = ret_text; *c; c++) {
        if ((unsigned char)*c < ' ')
            *c = ' ';
    }
    buf_done(&all);
}
