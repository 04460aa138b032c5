/* Reading a decision log: see the header. */
#include "coordinator/decision_scan.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int segment_path(char ret_path[PATH_MAX], const char *dir, uint64_t number)
{
    int n = snprintf(ret_path, PATH_MAX, "%s/decisions-%010" PRIu64 ".log", dir, number);

    return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* --- the folder ------------------------------------------------------------------------------- */

static bool segment_number(const char *name, uint64_t *ret_number)
{
    int used = 0;

    return sscanf(name, "decisions-%10" SCNu64 ".log%n", ret_number, &used) == 1 && used > 0 &&
           name[used] == '\0';
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* What list_segments() has found so far. */
struct listing {
    struct decision_scan *scan;
    size_t capacity;
};

static void note_segment(void *arg, const char *name)
{
    struct listing *l = arg;
    struct decision_scan *scan = l->scan;
    uint64_t number;

    if (!segment_number(name, &number))
        return;
    scan->segment = mem_grow(scan->segment, scan->n_segments, &l->capacity, sizeof number);
    scan->segment[scan->n_segments++] = number;
}

static int list_segments(const struct decision_io *io, const char *dir, struct decision_scan *scan,
                         struct errctx *err)
{
    struct listing listing = {.scan = scan};
    int rc = io->list(io->arg, dir, note_segment, &listing);

    if (rc < 0)
        return err_set(err, -rc, ERR_FATAL, "%s: %s", dir, strerror(-rc));
    if (scan->n_segments == 0)
        return 0;
    qsort(scan->segment, scan->n_segments, sizeof scan->segment[0], compare_numbers);
    for (size_t i = 1; i < scan->n_segments; i++) {
        if (scan->segment[i] != scan->segment[i - 1] + 1)
            return err_set(err, EBADMSG, ERR_FATAL,
                           "%s: segment %" PRIu64 " of the decision log is missing", dir,
                           scan->segment[i - 1] + 1);
    }
    return 0;
}

/* --- one segment ------------------------------------------------------------------------------ */

struct image {
    char path[PATH_MAX];
    uint8_t *data; /* owned */
    size_t size;
    struct segment_header header;
};

static int image_read(const struct decision_io *io, struct image *image, struct errctx *err)
{
    int rc = io->read(io->arg, image->path, &image->data, &image->size);

    return rc < 0 ? err_set(err, -rc, ERR_FATAL, "%s: %s", image->path, strerror(-rc)) : 0;
}

static int check_header(struct image *image, const char *owner, uint64_t number,
                        const struct decision_scan *scan, struct errctx *err)
{
    struct segment_header *h = &image->header;

    if (image->size < SEGMENT_HEADER_SIZE || !segment_header_decode(image->data, h))
        return err_set(err, EBADMSG, ERR_FATAL,
                       "%s: damaged at byte 0: no header of a decision log", image->path);
    if (h->version < 1 || h->version > DECISION_VERSION)
        return err_set(err, EBADMSG, ERR_FATAL,
                       "%s: format version %u, and this program reads 1 to %d: written by a later "
                       "syncbed, which has to read it",
                       image->path, h->version, DECISION_VERSION);
    if (owner && strcmp(h->owner, owner) != 0)
        return err_set(err, EBADMSG, ERR_FATAL, "%s: the decision log of %s, not of %s",
                       image->path, h->owner, owner);
    if (h->number != number)
        return err_set(err, EBADMSG, ERR_FATAL, "%s: segment %" PRIu64 " under a wrong name",
                       image->path, h->number);
    if (number != scan->segment[0] && h->sequence_before != scan->sequence)
        return err_set(err, EBADMSG, ERR_FATAL,
                       "%s: begins after record %" PRIu64
                       ", but the segment before ends with %" PRIu64 ": it is damaged",
                       image->path, h->sequence_before, scan->sequence);
    return 0;
}

static bool all_zero(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

/* A sound record behind offset `bad` that was written after `sequence` had been durable, or 0. */
static size_t find_written_after(const struct image *image, size_t bad, uint64_t sequence)
{
    struct decision d;
    uint64_t durable;

    for (size_t at = bad; at < image->size; at += DECISION_ALIGN) {
        if (decision_decode(image->data + at, image->size - at, image->header.version, &d,
                            &durable) > 0 &&
            d.sequence > sequence && durable >= sequence)
            return at;
    }
    return 0;
}

/* What stands at `end` is no record: is that the end of the log? */
static int judge_end(const struct image *image, bool is_last, struct decision_scan *scan,
                     struct errctx *err)
{
    size_t sound;

    scan->file_size = image->size;
    scan->torn = !all_zero(image->data + scan->end, image->size - scan->end);
    if (!scan->torn)
        return 0;
    sound = find_written_after(image, scan->end, scan->sequence + 1);
    if (sound == 0 && is_last)
        return 0;
    return err_set(err, EBADMSG, ERR_FATAL,
                   "%s: record %" PRIu64
                   " at byte %zu is damaged, and sound ones were written after "
                   "it: not a torn tail. Not started, since what it decided cannot be guessed",
                   image->path, scan->sequence + 1, scan->end);
}

static int scan_segment(struct image *image, bool is_last, decision_visit visit, void *arg,
                        struct decision_scan *scan, struct errctx *err)
{
    struct decision d;
    uint64_t durable;
    size_t length;

    if (image->header.epoch > scan->epoch)
        scan->epoch = image->header.epoch;
    scan->version = image->header.version;
    scan->sequence = image->header.sequence_before;
    scan->end = scan->last_batch = SEGMENT_HEADER_SIZE;
    while ((length = decision_decode(image->data + scan->end, image->size - scan->end,
                                     scan->version, &d, &durable)) > 0 &&
           d.sequence == scan->sequence + 1) {
        if (d.kind == DECISION_EPOCH && d.epoch > scan->epoch)
            scan->epoch = d.epoch;
        if (durable == d.sequence - 1)
            scan->last_batch = scan->end;
        d.segment = image->header.number;
        visit(arg, &d);
        scan->sequence = d.sequence;
        scan->end += length;
    }
    return judge_end(image, is_last, scan, err);
}

/* ---------------------------------------------------------------------------------------------- */

int decision_scan(const struct decision_io *io, const char *dir, const char *owner,
                  decision_visit visit, void *arg, struct decision_scan *ret_scan,
                  struct errctx *err)
{
    int rc;

    *ret_scan = (struct decision_scan){0};
    rc = list_segments(io, dir, ret_scan, err);
    for (size_t i = 0; i < ret_scan->n_segments && rc == 0; i++) {
        struct image image = {.data = NULL};

        rc = segment_path(image.path, dir, ret_scan->segment[i]);
        if (rc < 0) {
            err_set(err, ENAMETOOLONG, ERR_FATAL, "%s: the path is too long", dir);
            break;
        }
        rc = image_read(io, &image, err);
        if (rc == 0)
            rc = check_header(&image, owner, ret_scan->segment[i], ret_scan, err);
        if (rc == 0)
            rc = scan_segment(&image, i + 1 == ret_scan->n_segments, visit, arg, ret_scan, err);
        free(image.data);
    }
    return rc;
}

void decision_scan_done(struct decision_scan *scan)
{
    if (!scan)
        return;
    free(scan->segment);
    *scan = (struct decision_scan){0};
}

int decision_log_read(const char *dir, decision_visit visit, void *arg, struct errctx *err)
{
    struct decision_scan scan;
    int rc = decision_scan(&decision_io_system, dir, NULL, visit, arg, &scan, err);

    decision_scan_done(&scan);
    return rc;
}
