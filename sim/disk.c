/* A disk in memory: see the header. */
#include "sim/disk.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define SYNC_MIN_US  80
#define SYNC_MORE_US 320
#define SLOW_SYNC_US 1000000
#define SECTOR       64

/* --- changes ---------------------------------------------------------------------------------- */

static void copy_name(char to[DISK_NAME_SIZE], const char *name)
{
    size_t length = strlen(name);

    assert(length < DISK_NAME_SIZE);
    memcpy(to, name, length + 1);
}

static void apply(struct disk_file *files, const struct disk_change *c, const uint8_t *saved)
{
    struct disk_file *f = &files[c->file];

    switch (c->kind) {
    case DISK_WRITE:
        memcpy(f->data + c->offset, saved + c->saved, c->size);
        if (f->size < c->offset + c->size)
            f->size = c->offset + c->size;
        break;
    case DISK_TRUNCATE:
        memset(f->data + c->size, 0, f->size > c->size ? f->size - c->size : 0);
        f->size = c->size;
        break;
    case DISK_CREATE:
        f->exists = true;
        copy_name(f->name, c->name);
        break;
    case DISK_RENAME:
        copy_name(f->name, c->name);
        break;
    case DISK_UNLINK:
        f->exists = false;
        break;
    }
}

void sim_disk_settle(struct sim_disk *d, int64_t now_us)
{
    unsigned n = 0;

    for (unsigned i = 0; i < d->n_changes; i++) {
        if (d->change[i].durable_us <= now_us)
            apply(d->platter, &d->change[i], d->saved);
        else
            d->change[n++] = d->change[i];
    }
    d->n_changes = n;
    if (n == 0)
        d->n_saved = 0;
}

static struct disk_change *add_change(struct sim_disk *d, enum disk_change_kind kind, int fd)
{
    struct disk_change *c;

    if (d->n_changes == DISK_CHANGES_MAX)
        sim_disk_settle(d, d->at_us);
    assert(d->n_changes < DISK_CHANGES_MAX);
    c = &d->change[d->n_changes++];
    c->kind = kind;
    c->file = (uint8_t)fd;
    c->lost = false;
    c->at_us = d->at_us;
    c->durable_us = INT64_MAX;
    c->offset = c->size = c->saved = 0;
    return c;
}

/* A change is made, and seen at once. */
static void make(struct sim_disk *d, const struct disk_change *c)
{
    apply(d->file, c, d->saved);
}

/* --- faults ----------------------------------------------------------------------------------- */

/* What happens to the next call that changes something. */
static enum disk_fault next_call(struct sim_disk *d)
{
    d->calls++;
    if (d->fault == DISK_SOUND || d->calls < d->fault_at || d->calls >= d->fault_at + d->n_faults)
        return DISK_SOUND;
    d->hit = true;
    if (d->fault == DISK_KILLS)
        d->killed = d->gone = true;
    return d->fault;
}

/* --- the calls -------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

int sim_disk_find(const struct sim_disk *d, const char *path)
{
    const char *name = base_name(path);

    for (int i = 0; i < DISK_FILES_MAX; i++) {
        if (d->file[i].exists && strcmp(d->file[i].name, name) == 0)
            return i;
    }
    return -ENOENT;
}

static int disk_list(void *arg, const char *dir, void (*name)(void *name_arg, const char *file),
                     void *name_arg)
{
    const struct sim_disk *d = arg;

    (void)dir;
    for (int i = 0; i < DISK_FILES_MAX; i++) {
        if (d->file[i].exists)
            name(name_arg, d->file[i].name);
    }
    return 0;
}

static int disk_read(void *arg, const char *path, uint8_t **ret_data, size_t *ret_size)
{
    const struct sim_disk *d = arg;
    int fd = sim_disk_find(d, path);

    if (fd < 0)
        return fd;
    *ret_data = mem_alloc(d->file[fd].size + 1); /* an empty one, too, has an address */
    memcpy(*ret_data, d->file[fd].data, d->file[fd].size);
    *ret_size = d->file[fd].size;
    return 0;
}

static void empty(struct disk_file *f)
{
    f->exists = false;
    f->size = 0;
    memset(f->data, 0, sizeof f->data);
}

/* A place, empty, that no file has, nor may have again after a power cut. What is written there may
 * be durable before its name is. */
static int place(struct sim_disk *d)
{
    sim_disk_settle(d, d->at_us);
    for (int i = 0; i < DISK_FILES_MAX; i++) {
        if (d->file[i].exists || d->platter[i].exists)
            continue;
        empty(&d->file[i]);
        empty(&d->platter[i]);
        return i;
    }
    return -ENOSPC;
}

static int create(struct sim_disk *d, const char *path)
{
    int fd = place(d);
    struct disk_change *c;

    if (fd < 0)
        return fd;
    c = add_change(d, DISK_CREATE, fd);
    copy_name(c->name, base_name(path));
    make(d, c);
    return fd;
}

static int disk_open(void *arg, const char *path, int flags)
{
    struct sim_disk *d = arg;
    enum disk_fault fault;
    int fd;

    if (d->gone)
        return -ESTALE;
    fd = sim_disk_find(d, path);
    if (!(flags & O_CREAT))
        return fd;
    fault = next_call(d);
    if (fault == DISK_FAILS || fault == DISK_FULL || fault == DISK_KILLS)
        return fault == DISK_FULL ? -ENOSPC : -EIO;
    if (fd < 0)
        return create(d, path);
    make(d, add_change(d, DISK_TRUNCATE, fd));
    return fd;
}

static void disk_close(void *arg, int fd)
{
    (void)arg;
    (void)fd;
}

static ssize_t disk_pread(void *arg, int fd, void *to, size_t size, off_t offset)
{
    const struct sim_disk *d = arg;
    const struct disk_file *f = &d->file[fd];

    if (d->gone)
        return -ESTALE;
    if (offset > f->size)
        return 0;
    if (size > f->size - (size_t)offset)
        size = f->size - (size_t)offset;
    memcpy(to, f->data + offset, size);
    return (ssize_t)size;
}

static ssize_t disk_pwrite(void *arg, int fd, const void *data, size_t size, off_t offset)
{
    struct sim_disk *d = arg;
    struct disk_change *c;
    enum disk_fault fault;

    if (d->gone)
        return -ESTALE;
    fault = next_call(d);
    if (fault == DISK_FAILS || fault == DISK_KILLS)
        return -EIO;
    if (fault == DISK_FULL)
        size /= 2;
    assert((size_t)offset + size <= DISK_FILE_SIZE && (size_t)offset <= d->file[fd].size);
    if (d->n_saved + size > DISK_SAVED_SIZE)
        return -ENOSPC;
    c = add_change(d, DISK_WRITE, fd);
    c->offset = (uint32_t)offset;
    c->size = (uint32_t)size;
    c->saved = d->n_saved;
    memcpy(d->saved + d->n_saved, data, size);
    d->n_saved += c->size;
    make(d, c);
    return fault == DISK_FULL ? -ENOSPC : (ssize_t)size;
}

static int disk_ftruncate(void *arg, int fd, off_t size)
{
    struct sim_disk *d = arg;
    struct disk_change *c;

    if (d->gone)
        return -ESTALE;
    if (next_call(d) == DISK_FAILS || d->gone)
        return -EIO;
    assert(size <= d->file[fd].size);
    c = add_change(d, DISK_TRUNCATE, fd);
    c->size = (uint32_t)size;
    make(d, c);
    return 0;
}

static bool of_folder(enum disk_change_kind kind)
{
    return kind == DISK_CREATE || kind == DISK_RENAME || kind == DISK_UNLINK;
}

/* What was changed in the file (-1: in the folder) becomes durable, or never will. */
static void sync_changes(struct sim_disk *d, int fd, bool lost)
{
    for (unsigned i = 0; i < d->n_changes; i++) {
        struct disk_change *c = &d->change[i];
        bool concerned = fd < 0 ? of_folder(c->kind) : !of_folder(c->kind) && c->file == fd;

        if (!concerned || c->durable_us != INT64_MAX || c->lost)
            continue;
        if (!lost)
            c->durable_us = d->at_us;
        else if (fd >= 0) /* a folder's changes stand in the file system's own journal */
            c->lost = true;
    }
}

static int sync_once(struct sim_disk *d, int fd)
{
    enum disk_fault fault = next_call(d);

    if (fault == DISK_KILLS)
        return -EIO;
    if (fault == DISK_FAILS) {
        sync_changes(d, fd, true);
        return -EIO;
    }
    if (fault == DISK_LOSES_POWER)
        d->power_us = d->at_us + (int64_t)rng_below(d->rng, SYNC_MIN_US);
    d->at_us += fault == DISK_SLOW
                    ? SLOW_SYNC_US
                    : SYNC_MIN_US + (int64_t)((rng_next(d->rng) >> 32) * SYNC_MORE_US >> 32);
    sync_changes(d, fd, false);
    return 0;
}

static int sync_file(struct sim_disk *d, int fd)
{
    int rc;

    if (d->gone)
        return -ESTALE;
    d->n_syncs++;
    rc = sync_once(d, fd);
    if (rc < 0 && d->retries_sync && !d->gone)
        rc = sync_once(d, fd);
    return rc;
}

static int disk_fdatasync(void *arg, int fd)
{
    return sync_file(arg, fd);
}

static int disk_sync_dir(void *arg, const char *path)
{
    struct sim_disk *d = arg;

    (void)path;
    return d->folder_lies ? 0 : sync_file(d, -1);
}

static int disk_rename(void *arg, const char *from, const char *to)
{
    struct sim_disk *d = arg;
    struct disk_change *c;
    int fd;

    if (d->gone)
        return -ESTALE;
    if (next_call(d) == DISK_FAILS || d->gone)
        return -EIO;
    fd = sim_disk_find(d, from);
    assert(fd >= 0 && sim_disk_find(d, to) < 0);
    c = add_change(d, DISK_RENAME, fd);
    copy_name(c->name, base_name(to));
    make(d, c);
    return 0;
}

static int disk_unlink(void *arg, const char *path)
{
    struct sim_disk *d = arg;
    int fd;

    if (d->gone)
        return -ESTALE;
    if (next_call(d) == DISK_FAILS || d->gone)
        return -EIO;
    fd = sim_disk_find(d, path);
    if (fd < 0)
        return fd;
    make(d, add_change(d, DISK_UNLINK, fd));
    return 0;
}

/* ---------------------------------------------------------------------------------------------- */

void sim_disk_init(struct sim_disk *d, struct rng *rng)
{
    for (int i = 0; i < DISK_FILES_MAX; i++) {
        d->file[i].exists = d->platter[i].exists = false;
        d->file[i].size = d->platter[i].size = 0;
    }
    d->n_changes = 0;
    d->n_saved = 0;
    d->at_us = 0;
    d->gone = d->retries_sync = d->folder_lies = d->killed = d->hit = false;
    d->calls = d->n_syncs = d->fault_at = d->n_faults = 0;
    d->power_us = 0;
    d->fault = DISK_SOUND;
    d->rng = rng;
}

struct decision_io sim_disk_io(struct sim_disk *d)
{
    return (struct decision_io){.list = disk_list,
                                .read = disk_read,
                                .open = disk_open,
                                .close = disk_close,
                                .pread = disk_pread,
                                .pwrite = disk_pwrite,
                                .fdatasync = disk_fdatasync,
                                .ftruncate = disk_ftruncate,
                                .rename = disk_rename,
                                .unlink = disk_unlink,
                                .sync_dir = disk_sync_dir,
                                .arg = d};
}

static void copy_files(struct disk_file *to, const struct disk_file *from)
{
    for (int i = 0; i < DISK_FILES_MAX; i++) {
        to[i].exists = from[i].exists;
        if (from[i].exists || from[i].size > 0)
            to[i] = from[i];
    }
}

void sim_disk_killed(struct sim_disk *d, int64_t now_us)
{
    unsigned n = 0;

    sim_disk_settle(d, now_us);
    while (n < d->n_changes && d->change[n].at_us <= now_us)
        n++;
    if (n < d->n_changes) {
        d->n_changes = n;
        copy_files(d->file, d->platter);
        for (unsigned i = 0; i < n; i++)
            apply(d->file, &d->change[i], d->saved);
    }
    for (unsigned i = 0; i < n; i++) /* its sync was never asked for, or goes on */
        d->change[i].durable_us = INT64_MAX;
    d->gone = false;
}

/* Only its beginning has reached the platter, or some of its sectors. */
static void apply_torn(struct sim_disk *d, struct disk_change c)
{
    uint32_t size = c.size;

    if (c.kind != DISK_WRITE || size == 0) {
        apply(d->platter, &c, d->saved);
        return;
    }
    if (rng_below(d->rng, 2) == 0) {
        c.size = (uint32_t)rng_below(d->rng, size);
        apply(d->platter, &c, d->saved);
        return;
    }
    for (uint32_t done = 0; done < size; done += SECTOR, c.offset += SECTOR, c.saved += SECTOR) {
        c.size = size - done < SECTOR ? size - done : SECTOR;
        if (rng_below(d->rng, 2) == 0)
            apply(d->platter, &c, d->saved);
    }
}

void sim_disk_power_lost(struct sim_disk *d, int64_t now_us, unsigned *ret_torn)
{
    *ret_torn = 0;
    sim_disk_killed(d, now_us);
    for (unsigned i = 0; i < d->n_changes; i++) {
        const struct disk_change *c = &d->change[i];
        uint64_t fate = c->lost ? 0 : rng_below(d->rng, 3);

        *ret_torn += c->kind == DISK_WRITE && fate < 2;
        if (fate == 1)
            apply_torn(d, *c);
        else if (fate == 2)
            apply(d->platter, c, d->saved);
    }
    d->n_changes = 0;
    d->n_saved = 0;
    copy_files(d->file, d->platter);
}
