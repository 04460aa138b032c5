/* Whole files and whole trees: see the header. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int complain(const char *path, int code, struct errctx *err)
{
    return err_set(err, code, ERR_FATAL, "%s: %s", path, strerror(code));
}

int file_read(const char *path, struct buf *ret_text, struct errctx *err)
{
    FILE *file = fopen(path, "re");
    char chunk[4096];
    size_t size;
    int r = 0;

    if (!file)
        return complain(path, errno, err);
    while ((size = fread(chunk, 1, sizeof chunk, file)) > 0)
        buf_append(ret_text, chunk, size);
    if (ferror(file))
        r = complain(path, errno, err);
    (void)fclose(file); /* was only read */
    return r;
}

/* -errno. */
static int write_all(const char *path, const struct buf *text, bool sync)
{
    FILE *file = fopen(path, "we");
    int r = 0;

    if (!file)
        return -errno;
    if (fwrite(buf_str(text), 1, text->size, file) != text->size || fflush(file) != 0 ||
        (sync && fsync(fileno(file)) < 0))
        r = -errno;
    if (fclose(file) != 0 && r == 0)
        r = -errno;
    return r;
}

int file_write(const char *path, const struct buf *text, struct errctx *err)
{
    int r = write_all(path, text, false);

    return r < 0 ? complain(path, -r, err) : 0;
}

/* --- replacing -------------------------------------------------------------------------------- */

/* In the same folder, so that it can be renamed; a dot in front, so that it is seen to be none. */
static bool draft_of(const char *path, char ret_draft[PATH_MAX])
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    int n = snprintf(ret_draft, PATH_MAX, "%.*s.%s.draft", (int)(name - path), path, name);

    return n > 0 && n < PATH_MAX;
}

/* The new name is durable only with the folder that holds it. -errno. */
static int sync_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    int fd, r = 0;

    (void)snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1,
                   slash ? path : ".");
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fsync(fd) < 0)
        r = -errno;
    (void)close(fd); /* was only read */
    return r;
}

int file_replace(const char *path, const struct buf *text, struct errctx *err)
{
    char draft[PATH_MAX];
    int r;

    if (!draft_of(path, draft))
        return complain(path, ENAMETOOLONG, err);
    r = write_all(draft, text, true);
    if (r == 0 && rename(draft, path) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlink(draft); /* the complaint is about the write */
        return complain(path, -r, err);
    }
    r = sync_folder_of(path);
    return r < 0 ? complain(path, -r, err) : 0;
}

/* --- removing --------------------------------------------------------------------------------- */

static int remove_at(int parent, const char *name);

static int remove_entries(int fd)
{
    DIR *dir = fdopendir(fd);
    const struct dirent *entry;
    int first = 0;

    if (!dir) {
        first = -errno;
        (void)close(fd);
        return first;
    }
    while ((entry = readdir(dir))) {
        int r = 0;

        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = remove_at(dirfd(dir), entry->d_name);
        if (r < 0 && first == 0)
            first = r;
    }
    (void)closedir(dir);
    return first;
}

/* O_NOFOLLOW: another user may own folders in here, and root must not be led astray by him. */
static int remove_at(int parent, const char *name)
{
    int fd, r;

    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return -errno;
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = remove_entries(fd);
    if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && r == 0)
        r = -errno;
    return r;
}

int file_remove_tree(const char *path, struct errctx *err)
{
    int r = remove_at(AT_FDCWD, path);

    return r < 0 ? complain(path, -r, err) : 0;
}
