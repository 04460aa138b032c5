/* What stands in the files of a disk in memory: the decision log's records on it. */
#include "sim/disk.h"

#include "coordinator/decision.h"

#include <string.h>

/* --- for the properties ----------------------------------------------------------------------- */

static bool file_holds_commit(const struct disk_file *f, const char *gid)
{
    struct decision decision;
    uint64_t durable;
    size_t at = SEGMENT_HEADER_SIZE, length;

    if (!f->exists || strncmp(f->name, "decisions-", 10) != 0)
        return false;
    for (; at < f->size && (length = decision_decode(f->data + at, f->size - at, DECISION_VERSION,
                                                     &decision, &durable)) > 0;
         at += length) {
        if (decision.kind == DECISION_COMMIT && strcmp(decision.gid, gid) == 0)
            return true;
    }
    return false;
}

bool sim_disk_holds_commit(struct sim_disk *d, int64_t now_us, const char *gid)
{
    sim_disk_settle(d, now_us);
    for (int i = 0; i < DISK_FILES_MAX; i++) {
        if (file_holds_commit(&d->platter[i], gid))
            return true;
    }
    return false;
}

/* The first COMMIT of the file that was durable when a later record was written; 0: none. */
static size_t find_buried_commit(const struct disk_file *f)
{
    struct decision decision;
    uint64_t durable, wanted = UINT64_MAX;
    size_t at = SEGMENT_HEADER_SIZE, length, found = 0;

    while (at < f->size && (length = decision_decode(f->data + at, f->size - at, DECISION_VERSION,
                                                     &decision, &durable)) > 0) {
        if (durable >= wanted)
            return found;
        if (found == 0 && decision.kind == DECISION_COMMIT) {
            found = at;
            wanted = decision.sequence;
        }
        at += length;
    }
    return 0;
}

bool sim_disk_flip(struct sim_disk *d, int64_t now_us)
{
    sim_disk_settle(d, now_us);
    for (int i = 0; i < DISK_FILES_MAX; i++) {
        const struct disk_file *f = &d->platter[i];
        size_t at =
            f->exists && strncmp(f->name, "decisions-", 10) == 0 ? find_buried_commit(f) : 0;

        if (at == 0)
            continue;
        d->platter[i].data[at + DECISION_HEAD_SIZE + 2] ^= 1;
        d->file[i].data[at + DECISION_HEAD_SIZE + 2] ^= 1;
        return true;
    }
    return false;
}

/* --- for mutants ------------------------------------------------------------------------------ */

void sim_disk_peek(const struct sim_disk *d, const char *path, size_t at, uint8_t *to, size_t size)
{
    int fd = sim_disk_find(d, path);
    const struct disk_file *f = &d->file[fd < 0 ? 0 : fd];

    if (fd < 0 || at >= f->size)
        return;
    memcpy(to, f->data + at, f->size - at < size ? f->size - at : size);
}

/* True when something else than zeros was cut. */
static bool cut_damage(struct disk_file *f)
{
    struct decision decision;
    uint64_t durable;
    size_t at = SEGMENT_HEADER_SIZE, length;
    bool cut = false;

    while (at < f->size && (length = decision_decode(f->data + at, f->size - at, DECISION_VERSION,
                                                     &decision, &durable)) > 0)
        at += length;
    for (; at < f->size; at++) {
        cut |= f->data[at] != 0;
        f->data[at] = 0;
    }
    return cut;
}

void sim_disk_cut_damage(struct sim_disk *d)
{
    struct disk_file *first = NULL;

    for (int i = 0; i < DISK_FILES_MAX; i++) {
        struct disk_file *f = &d->file[i];

        if (f->exists && strncmp(f->name, "decisions-", 10) == 0 && cut_damage(f) &&
            (!first || strcmp(f->name, first->name) < 0))
            first = f;
    }
    for (int i = 0; i < DISK_FILES_MAX; i++) {
        if (first && d->file[i].exists && strcmp(d->file[i].name, first->name) > 0)
            d->file[i].exists = false;
    }
}
