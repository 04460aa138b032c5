/*
 * The decision log on a disk that loses power. Folder: coordinator
 *
 * Cut at every byte, every bit of the log flipped, every single system call failing, power lost at
 * every one of them; after each the log is opened again, and what was acknowledged must be there.
 * Method: SQLite's "fail the n-th I/O, for n = 1, 2, … until the run ends unharmed".
 */
#include "base/random.h"
#include "coordinator/decision_log.h"
#include "coordinator/decision_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SMALL_SEGMENT 2048 /* about 16 decisions */
#define WAIT_MS       20000

/* --- a folder for each test ------------------------------------------------------------------- */

static char dir[64];

static void empty_dir(void)
{
    DIR *d = opendir(dir);
    char path[512];

    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        assert_int_equal(unlink(path), 0);
    }
    (void)closedir(d);
}

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/test-decision-log-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    empty_dir();
    return rmdir(dir);
}

static size_t read_file(const char *path, uint8_t *to, size_t room)
{
    FILE *f = fopen(path, "rb");
    size_t n;

    assert_non_null(f);
    n = fread(to, 1, room, f);
    assert_int_equal(fclose(f), 0);
    return n;
}

static void write_file(const char *path, const uint8_t *data, size_t size)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static void segment_name(char path[PATH_MAX], uint64_t number)
{
    assert_int_equal(segment_path(path, dir, number), 0);
}

/* --- decisions, and what is found of them ----------------------------------------------------- */

static struct decision commit_number(unsigned i)
{
    struct decision d = {.kind = DECISION_COMMIT, .n_participants = 2};

    (void)snprintf(d.request, sizeof d.request, "c1-%u", i);
    (void)snprintf(d.gid, sizeof d.gid, "sb1:serve1:1:%u:c1-%u", i, i);
    (void)snprintf(d.participant[0], sizeof d.participant[0], "pg1");
    (void)snprintf(d.participant[1], sizeof d.participant[1], "redis");
    (void)snprintf(d.memo[0], sizeof d.memo[0], "%u", 1000 + i);
    return d;
}

struct found {
    unsigned n_commits;
    unsigned n_ends;
    unsigned n_epochs;
    unsigned n_marks;
    uint64_t marked;
    int64_t epoch;
    int64_t incarnation;
    bool commit[8192]; /* by number */
};

static bool of_version_1; /* the decisions looked at: without memos */

static void look(void *arg, const struct decision *d)
{
    struct found *f = arg;
    unsigned i;

    switch (d->kind) {
    case DECISION_EPOCH:
        f->n_epochs++;
        f->epoch = d->epoch;
        f->incarnation = (int64_t)d->incarnation;
        break;
    case DECISION_COMMIT:
        assert_int_equal(sscanf(d->request, "c1-%u", &i), 1);
        assert_true(i < 8192);
        assert_string_equal(d->participant[1], "redis");
        if (!of_version_1)
            assert_int_equal(strtoul(d->memo[0], NULL, 10), 1000 + i);
        assert_string_equal(d->memo[1], "");
        f->commit[i] = true;
        f->n_commits++;
        break;
    case DECISION_END:
        f->n_ends++;
        break;
    case DECISION_MARK:
        f->n_marks++;
        f->marked = d->marked;
        assert_string_equal(d->participant[0], "pg1");
        break;
    }
}

static struct found read_log(void)
{
    struct found f = {0};
    struct errctx err = {.message = ""};

    if (decision_log_read(dir, look, &f, &err) != 0)
        fail_msg("%s", err.message);
    return f;
}

static size_t segments_kept; /* 0: the usual */

static int open_log(const struct decision_io *io, size_t segment_size, struct found *f,
                    struct decision_log **ret_log, struct errctx *err)
{
    struct decision_log_options options = {.dir = dir,
                                           .owner = "serve1",
                                           .io = io,
                                           .segment_size = segment_size,
                                           .segments_kept = segments_kept};

    memset(f, 0, sizeof *f);
    return decision_log_open(&options, look, f, ret_log, err);
}

static struct decision_log *must_open(size_t segment_size, struct found *f)
{
    struct errctx err = {.message = ""};
    struct decision_log *log;

    if (open_log(NULL, segment_size, f, &log, &err) != 0)
        fail_msg("%s", err.message);
    return log;
}

static void count_one(void *arg)
{
    unsigned *n = arg;

    (*n)++;
}

/* Commit and wait: 0 once durable, or the log's error. */
static int commit_one(struct decision_log *log, unsigned i)
{
    unsigned n_durable = 0;
    struct decision_ticket ticket = {.durable = count_one, .arg = &n_durable};
    struct decision d = commit_number(i);
    struct pollfd p = {.fd = decision_log_fd(log), .events = POLLIN};

    decision_log_commit(log, &d, &ticket);
    decision_log_write(log);
    while (n_durable == 0) {
        assert_int_equal(poll(&p, 1, WAIT_MS), 1);
        int rc = decision_log_collect(log, NULL);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void must_commit(struct decision_log *log, unsigned i, bool end)
{
    struct decision d = commit_number(i);

    assert_int_equal(commit_one(log, i), 0);
    if (end)
        decision_log_end(log, d.gid);
}

/* --- plain ------------------------------------------------------------------------------------ */

static void reads_back_what_was_committed(void **state)
{
    struct found f;
    struct decision_log *log = must_open(0, &f);

    (void)state;
    assert_int_equal(decision_log_epoch(log), 1);
    must_commit(log, 0, true);
    must_commit(log, 1, false);
    decision_log_close(log);
    f = read_log();
    assert_int_equal(f.n_commits, 2);
    assert_int_equal(f.n_ends, 1);
    log = must_open(0, &f);
    assert_int_equal(f.n_commits, 2);
    assert_int_equal(decision_log_epoch(log), 2);
    decision_log_close(log);
}

static void a_folder_without_segments_is_an_empty_log(void **state)
{
    struct found f = read_log();

    (void)state;
    assert_int_equal(f.n_commits + f.n_ends + f.n_epochs, 0);
}

static void a_second_coordinator_of_the_same_name_is_refused(void **state)
{
    struct found f;
    struct errctx err = {.message = ""};
    struct decision_log *log = must_open(SMALL_SEGMENT, &f);
    struct decision_log *second;

    (void)state;
    assert_int_equal(open_log(NULL, SMALL_SEGMENT, &f, &second, &err), -EBUSY);
    assert_non_null(strstr(err.message, "serve1 is running already"));
    decision_log_close(log);
}

static void a_segment_without_room_for_two_records_is_refused(void **state)
{
    size_t least = SEGMENT_HEADER_SIZE + 2 * DECISION_SIZE_MAX;
    struct errctx err = {.message = ""};
    struct decision_log *log;
    struct found f;

    (void)state;
    assert_int_equal(open_log(NULL, least - 1, &f, &log, &err), -EINVAL);
    decision_log_close(must_open(least, &f));
}

static void the_log_of_another_is_refused(void **state)
{
    struct decision_log_options options = {.dir = dir, .owner = "serve2"};
    struct found f;
    struct errctx err = {.message = ""};
    struct decision_log *log = must_open(SMALL_SEGMENT, &f);

    (void)state;
    decision_log_close(log);
    assert_int_equal(decision_log_open(&options, look, &f, &log, &err), -EBADMSG);
    assert_non_null(strstr(err.message, "of serve1, not of serve2"));
}

static void a_newer_format_is_refused(void **state)
{
    uint8_t bytes[SMALL_SEGMENT] = {0};
    struct segment_header header = {.version = DECISION_VERSION + 1, .number = 1, .epoch = 1};
    struct found f = {0};
    struct errctx err = {.message = ""};
    char path[PATH_MAX];

    (void)state;
    segment_header_encode(bytes, &header);
    segment_name(path, 1);
    write_file(path, bytes, sizeof bytes);
    assert_int_equal(decision_log_read(dir, look, &f, &err), -EBADMSG);
    assert_non_null(strstr(err.message, "format version 3, and this program reads 1 to 2"));
}

/* tests/data/decisions-v1: two incarnations, decisions 0 to 23, of which every fourth did not end.
 */
static void a_log_of_version_1_is_read_and_gone_on_with(void **state)
{
    static const char data[] = TEST_DATA "/decisions-v1";
    uint8_t bytes[SMALL_SEGMENT];
    struct found f;
    struct decision_log *log;
    char path[PATH_MAX];

    (void)state;
    for (uint64_t number = 1; number <= 2; number++) {
        assert_int_equal(segment_path(path, data, number), 0);
        assert_int_equal(read_file(path, bytes, sizeof bytes), sizeof bytes);
        segment_name(path, number);
        write_file(path, bytes, sizeof bytes);
    }
    of_version_1 = true;
    for (unsigned opened = 0; opened < 2; opened++) {
        log = must_open(SMALL_SEGMENT, &f);
        assert_int_equal(f.n_commits, 24 + opened);
        assert_int_equal(decision_log_epoch(log), 3 + opened);
        must_commit(log, 24 + opened, false);
        decision_log_close(log);
    }
    assert_int_equal(read_log().n_commits, 26);
    of_version_1 = false;
}

static void each_opening_has_a_number_of_its_own(void **state)
{
    struct found f;
    struct decision_log *log = must_open(SMALL_SEGMENT, &f);
    int64_t first = decision_log_incarnation(log);

    (void)state;
    assert_true(first > 0);
    decision_log_close(log);
    log = must_open(SMALL_SEGMENT, &f);
    assert_int_equal(f.incarnation, first);
    assert_true(decision_log_incarnation(log) != first);
    decision_log_close(log);
}

static void an_epoch_can_be_raised_before_the_first_decision(void **state)
{
    struct found f;
    struct decision_log *log = must_open(SMALL_SEGMENT, &f);

    (void)state;
    assert_int_equal(decision_log_raise(log, 9, NULL), 0);
    assert_int_equal(decision_log_epoch(log), 9);
    must_commit(log, 0, false);
    decision_log_close(log);
    f = read_log();
    assert_int_equal(f.epoch, 9);
    assert_true(f.commit[0]);
    log = must_open(SMALL_SEGMENT, &f);
    assert_int_equal(decision_log_epoch(log), 10);
    decision_log_close(log);
}

static void a_mark_goes_out_with_the_next_commit(void **state)
{
    struct found f;
    struct decision_log *log = must_open(SMALL_SEGMENT, &f);
    uint64_t durable;

    (void)state;
    must_commit(log, 0, false);
    durable = decision_log_durable(log);
    assert_int_equal(durable, 2); /* behind the EPOCH */
    decision_log_mark(log, "pg1", durable);
    must_commit(log, 1, false);
    decision_log_close(log);
    f = read_log();
    assert_int_equal(f.n_marks, 1);
    assert_int_equal(f.marked, durable);
}

/* … so that a log whose first segments are gone still says whose it is. */
static void each_segment_begins_with_its_epoch(void **state)
{
    struct found f;
    struct decision_log *log = must_open(SMALL_SEGMENT, &f);
    struct decision_log_stats stats;
    int64_t incarnation = decision_log_incarnation(log);

    (void)state;
    for (unsigned i = 0; i < 200; i++)
        must_commit(log, i, true);
    decision_log_stats(log, &stats);
    decision_log_close(log);
    f = read_log();
    assert_int_equal(f.n_epochs, DECISION_SEGMENTS_KEPT);
    assert_true(stats.segments_dropped > 0);
    assert_int_equal(f.epoch, 1);
    assert_int_equal(f.incarnation, incarnation);
}

static void a_missing_segment_is_refused(void **state)
{
    struct found f;
    struct errctx err = {.message = ""};
    struct decision_log *log = must_open(SMALL_SEGMENT, &f);
    char path[PATH_MAX];

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        must_commit(log, i, false);
    decision_log_close(log);
    segment_name(path, 2);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(decision_log_read(dir, look, &f, &err), -EBADMSG);
    assert_non_null(strstr(err.message, "segment 2"));
}

static void one_fdatasync_serves_all_that_wait(void **state)
{
    static struct decision_ticket ticket[5000];
    struct found f;
    struct decision_log *log = must_open(0, &f);
    struct pollfd p = {.fd = decision_log_fd(log), .events = POLLIN};
    struct decision_log_stats stats;
    unsigned n_durable = 0;

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        struct decision d = commit_number(i);

        ticket[i] = (struct decision_ticket){.durable = count_one, .arg = &n_durable};
        decision_log_commit(log, &d, &ticket[i]);
        if (i % 100 == 99)
            decision_log_write(log);
        while (i % 100 == 99 && n_durable <= i) {
            assert_int_equal(poll(&p, 1, WAIT_MS), 1);
            assert_int_equal(decision_log_collect(log, NULL), 0);
        }
    }
    decision_log_stats(log, &stats);
    assert_int_equal(stats.records, 5000);
    assert_int_equal(stats.fsyncs, 50);
    assert_int_equal(stats.batch_max, 100);
    decision_log_close(log);
    assert_int_equal(read_log().n_commits, 5000);
}

static void segments_whose_decisions_have_ended_are_dropped(void **state)
{
    struct found f;
    struct decision_log *log = must_open(SMALL_SEGMENT, &f);
    struct decision_log_stats stats;

    (void)state;
    for (unsigned i = 0; i < 200; i++)
        must_commit(log, i, true);
    decision_log_stats(log, &stats);
    assert_true(stats.segments_dropped > 0);
    decision_log_close(log);
    f = read_log();
    assert_true(f.n_commits < 200);
    assert_true(f.commit[199]);
}

static void an_open_decision_is_never_dropped(void **state)
{
    struct found f;
    struct decision_log *log = must_open(SMALL_SEGMENT, &f);

    (void)state;
    must_commit(log, 0, false);
    for (unsigned i = 1; i < 200; i++)
        must_commit(log, i, true);
    decision_log_close(log);
    assert_true(read_log().commit[0]);
    log = must_open(SMALL_SEGMENT, &f); /* known again after reading */
    for (unsigned i = 200; i < 400; i++)
        must_commit(log, i, true);
    decision_log_close(log);
    assert_true(read_log().commit[0]);
}

static unsigned count_segments(void)
{
    DIR *d = opendir(dir);
    unsigned n = 0;

    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e; e = readdir(d))
        n += strncmp(e->d_name, "decisions-", 10) == 0;
    (void)closedir(d);
    return n;
}

/* One decision stays open through hundreds of others, several openings, and many segments. */
static void a_decision_that_stays_open_is_carried_and_keeps_no_segment(void **state)
{
    struct found f;
    struct decision_log *log;
    struct decision_log_stats stats;
    struct decision open = commit_number(0);

    (void)state;
    segments_kept = 2;
    for (unsigned opened = 0; opened < 3; opened++) {
        log = must_open(SMALL_SEGMENT, &f);
        if (opened == 0)
            must_commit(log, 0, false);
        assert_true(opened == 0 || f.commit[0]);
        for (unsigned i = 1; i < 300; i++)
            must_commit(log, 1000 * opened + i, true);
        decision_log_stats(log, &stats);
        decision_log_close(log);
        assert_true(stats.carried > 0);
        assert_true(count_segments() <= 2 * segments_kept + 1);
        assert_true(read_log().commit[0]);
    }
    log = must_open(SMALL_SEGMENT, &f);
    decision_log_end(log, open.gid);
    for (unsigned i = 1; i < 100; i++)
        must_commit(log, 3000 + i, true);
    decision_log_close(log);
    assert_false(read_log().commit[0]);
    segments_kept = 0;
}

/* --- damage ----------------------------------------------------------------------------------- */

#define N_WRITTEN 8 /* decisions, each its own batch: record 1 is the EPOCH */

/* A log of N_WRITTEN commits; returns where its records end. */
static size_t write_log(uint8_t image[SMALL_SEGMENT], char path[PATH_MAX])
{
    struct found f;
    struct decision_log *log;
    size_t end = SMALL_SEGMENT;

    empty_dir();
    log = must_open(SMALL_SEGMENT, &f);
    for (unsigned i = 0; i < N_WRITTEN; i++)
        must_commit(log, i, false);
    decision_log_close(log);
    segment_name(path, 1);
    assert_int_equal(read_file(path, image, SMALL_SEGMENT), SMALL_SEGMENT);
    while (image[end - 1] == 0)
        end--;
    return end;
}

/* The log opens with a prefix of the decisions, goes on, and is sound afterwards. */
static unsigned opens_with_a_prefix(void)
{
    struct found f;
    struct decision_log *log = must_open(SMALL_SEGMENT, &f);
    unsigned n = f.n_commits;

    for (unsigned i = 0; i < n; i++)
        assert_true(f.commit[i]);
    must_commit(log, 100, false);
    decision_log_close(log);
    f = read_log();
    assert_int_equal(f.n_commits, n + 1);
    assert_true(f.commit[100]);
    return n;
}

static void a_log_cut_at_any_byte_opens_with_what_is_whole(void **state)
{
    uint8_t image[SMALL_SEGMENT];
    char path[PATH_MAX];
    size_t end = write_log(image, path);
    unsigned last = 0;

    (void)state;
    for (size_t cut = SEGMENT_HEADER_SIZE; cut <= end + DECISION_ALIGN; cut++) {
        unsigned n;

        write_file(path, image, cut);
        n = opens_with_a_prefix();
        assert_true(n >= last); /* a longer log never holds less */
        last = n;
    }
    assert_int_equal(last, N_WRITTEN);
}

static void a_log_that_ends_in_zeros_at_any_byte_opens_too(void **state)
{
    uint8_t image[SMALL_SEGMENT];
    uint8_t cut_image[SMALL_SEGMENT];
    char path[PATH_MAX];
    size_t end = write_log(image, path);

    (void)state;
    for (size_t cut = SEGMENT_HEADER_SIZE; cut <= end; cut++) {
        memset(cut_image, 0, sizeof cut_image);
        memcpy(cut_image, image, cut);
        write_file(path, cut_image, sizeof cut_image);
        (void)opens_with_a_prefix();
    }
}

static void a_log_cut_in_its_header_is_refused(void **state)
{
    uint8_t image[SMALL_SEGMENT];
    char path[PATH_MAX];
    struct found f = {0};
    struct errctx err;

    (void)state;
    (void)write_log(image, path);
    for (size_t cut = 0; cut < SEGMENT_HEADER_SIZE; cut++) {
        write_file(path, image, cut);
        assert_int_equal(decision_log_read(dir, look, &f, &err), -EBADMSG);
    }
}

/* Where record number `n` (1 is the EPOCH) begins. */
static size_t record_offset(const uint8_t *image, unsigned n)
{
    struct decision d;
    uint64_t durable;
    size_t at = SEGMENT_HEADER_SIZE;

    for (unsigned i = 1; i < n; i++)
        at += decision_decode(image + at, SMALL_SEGMENT - at, DECISION_VERSION, &d, &durable);
    return at;
}

static void any_flipped_bit_is_refused_or_cut_never_believed(void **state)
{
    uint8_t image[SMALL_SEGMENT];
    char path[PATH_MAX];
    size_t end = write_log(image, path);
    size_t last_record = record_offset(image, N_WRITTEN + 1);

    (void)state;
    for (size_t at = 0; at < end; at++) {
        struct found f = {0};
        struct errctx err = {.message = ""};
        int rc;

        image[at] ^= (uint8_t)(1U << at % 8);
        write_file(path, image, sizeof image);
        image[at] ^= (uint8_t)(1U << at % 8);
        rc = decision_log_read(dir, look, &f, &err);
        if (at < last_record) { /* durable when the next was written */
            assert_int_equal(rc, -EBADMSG);
            assert_non_null(strstr(err.message, "damaged"));
        } else { /* the last batch: cannot be told from one that was being written */
            assert_int_equal(rc, 0);
            assert_int_equal(f.n_commits, N_WRITTEN - 1);
        }
    }
}

/* Pages of one batch reach the disk in any order: the hole is no damage. */
static void a_hole_in_the_last_batch_is_a_torn_tail(void **state)
{
    uint8_t image[SMALL_SEGMENT];
    char path[PATH_MAX];
    size_t at, hole = 0;
    uint64_t durable = N_WRITTEN + 1;

    (void)state;
    (void)write_log(image, path);
    at = record_offset(image, N_WRITTEN + 2);
    for (unsigned i = 0; i < 3; i++) {
        struct decision d = commit_number(N_WRITTEN + i);

        if (i == 1)
            hole = at;
        at += decision_encode(image + at, &d, durable + 1 + i, durable);
    }
    memset(image + hole, 0, 40);
    write_file(path, image, sizeof image);
    assert_int_equal(opens_with_a_prefix(), N_WRITTEN + 1);
}

static void a_record_that_vanished_before_the_next_segment_is_refused(void **state)
{
    uint8_t image[SMALL_SEGMENT];
    struct found f;
    struct errctx err = {.message = ""};
    struct decision_log *log = must_open(SMALL_SEGMENT, &f);
    char path[PATH_MAX];
    size_t at = SEGMENT_HEADER_SIZE;
    size_t last = at;
    size_t length;
    struct decision d;
    uint64_t durable;

    (void)state;
    for (unsigned i = 0; i < 30; i++)
        must_commit(log, i, false);
    decision_log_close(log);
    segment_name(path, 1);
    assert_int_equal(read_file(path, image, sizeof image), sizeof image);
    while ((length = decision_decode(image + at, sizeof image - at, DECISION_VERSION, &d,
                                     &durable)) > 0) {
        last = at;
        at += length;
    }
    memset(image + last, 0, at - last);
    write_file(path, image, sizeof image);
    assert_int_equal(decision_log_read(dir, look, &f, &err), -EBADMSG);
    assert_non_null(strstr(err.message, "damaged"));
}

/* --- a disk that fails, and loses power ------------------------------------------------------- */

#define SECTOR      512
#define UNDO_MAX    4096
#define FILES_MAX   256
#define N_COMMITS   64
#define N_INSTANCES 2

enum fault {
    FAULT_ERROR,       /* the call does nothing and fails, like all after it */
    FAULT_ERROR_AFTER, /* it does what it should, and fails */
    FAULT_SHORT,       /* of a write half is done */
    FAULT_POWER,       /* power is lost: of what was not synced anything may be there */
    FAULT_ONCE,        /* the call fails, and none after it */
    FAULTS
};

/* What a sector held before a write that has not been synced. */
struct undo {
    int fd;
    off_t offset;
    size_t size;
    uint8_t before[SECTOR];
};

struct disk {
    unsigned calls;   /* so far */
    unsigned fail_at; /* the call that fails, from 1; all later ones fail, too, but for ONCE */
    bool full;        /* no file can be made or grow */
    enum fault fault;
    bool failed;
    struct rng rng;
    size_t n_undo;
    struct undo undo[UNDO_MAX];
    int copy[1024]; /* of a descriptor, for undoing after it was closed; 0: none */
    char from[PATH_MAX], to[PATH_MAX]; /* a rename whose folder was not synced; "" none */
    size_t n_closed;
    int closed[FILES_MAX]; /* copies whose descriptors were closed */
    size_t n_gone;
    char gone[FILES_MAX][PATH_MAX]; /* unlinked, and the folder not synced: now PATH.gone */
};

/* True when this call has to fail. */
static bool count_call(struct disk *d)
{
    d->calls++;
    d->failed |= d->calls == d->fail_at;
    return d->fault == FAULT_ONCE ? d->calls == d->fail_at : d->failed;
}

static int disk_open(void *arg, const char *path, int flags)
{
    struct disk *d = arg;
    int fd;

    if (count_call(d))
        return -EIO;
    if (d->full && (flags & O_CREAT))
        return -ENOSPC;
    fd = open(path, flags | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && fd < 1024);
    return fd;
}

/* What was written through it can still be undone. */
static void disk_close(void *arg, int fd)
{
    struct disk *d = arg;

    if (d->copy[fd] > 0) {
        assert_true(d->n_closed < FILES_MAX);
        d->closed[d->n_closed++] = d->copy[fd];
        d->copy[fd] = 0;
    }
    assert_int_equal(close(fd), 0);
}

static void remember(struct disk *d, int fd, size_t size, off_t offset)
{
    uint8_t before[SECTOR];

    for (size_t done = 0; done < size;) {
        size_t chunk = size - done < SECTOR ? size - done : SECTOR;
        ssize_t n;
        int reading = d->copy[fd];

        if (reading == 0) {
            char path[64];

            (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
            reading = open(path, O_RDWR | O_CLOEXEC);
            assert_true(reading > 0);
            d->copy[fd] = reading;
        }
        memset(before, 0, sizeof before);
        n = pread(reading, before, chunk, offset + (off_t)done);
        assert_true(n >= 0 && d->n_undo < UNDO_MAX);
        d->undo[d->n_undo] =
            (struct undo){.fd = reading, .offset = offset + (off_t)done, .size = chunk};
        memcpy(d->undo[d->n_undo++].before, before, sizeof before);
        done += chunk;
    }
}

static ssize_t disk_pwrite(void *arg, int fd, const void *data, size_t size, off_t offset)
{
    struct disk *d = arg;
    bool fails = count_call(d);
    ssize_t n;

    if (fails && (d->fault == FAULT_ERROR || d->fault == FAULT_ONCE))
        return -EIO;
    if (fails && d->fault == FAULT_SHORT)
        size = size / 2;
    remember(d, fd, size, offset);
    n = pwrite(fd, data, size, offset);
    return fails ? -ENOSPC : n;
}

static int disk_fdatasync(void *arg, int fd)
{
    struct disk *d = arg;
    bool fails = count_call(d);
    size_t kept = 0;

    if (fails && d->fault != FAULT_ERROR_AFTER)
        return -EIO;
    for (size_t i = 0; i < d->n_undo; i++) {
        if (d->undo[i].fd != d->copy[fd])
            d->undo[kept++] = d->undo[i];
    }
    d->n_undo = kept;
    return fails ? -EIO : 0;
}

static int disk_ftruncate(void *arg, int fd, off_t size)
{
    if (count_call(arg))
        return -EIO;
    return ftruncate(fd, size) < 0 ? -errno : 0;
}

static int disk_rename(void *arg, const char *from, const char *to)
{
    struct disk *d = arg;
    bool fails = count_call(d);

    if (fails && d->fault != FAULT_ERROR_AFTER)
        return -EIO;
    (void)snprintf(d->from, sizeof d->from, "%s", from);
    (void)snprintf(d->to, sizeof d->to, "%s", to);
    assert_int_equal(rename(from, to), 0);
    return fails ? -EIO : 0;
}

static void gone_path(const struct disk *d, size_t i, char ret_path[PATH_MAX])
{
    assert_true(snprintf(ret_path, PATH_MAX, "%s.gone", d->gone[i]) < PATH_MAX);
}

static int disk_unlink(void *arg, const char *path)
{
    struct disk *d = arg;
    bool fails = count_call(d);
    char aside[PATH_MAX];

    if (fails && d->fault != FAULT_ERROR_AFTER)
        return -EIO;
    assert_true(d->n_gone < FILES_MAX);
    (void)snprintf(d->gone[d->n_gone], PATH_MAX, "%s", path);
    gone_path(d, d->n_gone, aside);
    if (rename(path, aside) < 0)
        return -errno;
    d->n_gone++;
    return fails ? -EIO : 0;
}

static int disk_sync_dir(void *arg, const char *path)
{
    struct disk *d = arg;
    char aside[PATH_MAX];

    (void)path;
    if (count_call(d))
        return -EIO;
    d->to[0] = '\0';
    for (size_t i = 0; i < d->n_gone; i++) {
        gone_path(d, i, aside);
        assert_int_equal(unlink(aside), 0);
    }
    d->n_gone = 0;
    return 0;
}

/* Power is lost: what was not synced may be gone, sector by sector. */
static void lose_power(struct disk *d)
{
    for (size_t i = d->n_undo; i-- > 0;) {
        const struct undo *u = &d->undo[i];

        if (rng_below(&d->rng, 2) == 0)
            assert_int_equal(pwrite(u->fd, u->before, u->size, u->offset), u->size);
    }
    if (d->to[0] && rng_below(&d->rng, 2) == 0)
        assert_int_equal(rename(d->to, d->from), 0);
    for (size_t i = 0; i < d->n_gone; i++) {
        char aside[PATH_MAX];

        gone_path(d, i, aside);
        if (rng_below(&d->rng, 2) == 0)
            assert_int_equal(rename(aside, d->gone[i]), 0);
    }
}

static void disk_done(struct disk *d)
{
    for (size_t fd = 0; fd < 1024; fd++) {
        if (d->copy[fd] > 0)
            (void)close(d->copy[fd]);
    }
    for (size_t i = 0; i < d->n_closed; i++)
        (void)close(d->closed[i]);
}

static struct decision_io disk_io(struct disk *d)
{
    return (struct decision_io){.list = decision_io_system.list,
                                .read = decision_io_system.read,
                                .open = disk_open,
                                .close = disk_close,
                                .pread = decision_io_system.pread,
                                .pwrite = disk_pwrite,
                                .fdatasync = disk_fdatasync,
                                .ftruncate = disk_ftruncate,
                                .rename = disk_rename,
                                .unlink = disk_unlink,
                                .sync_dir = disk_sync_dir,
                                .arg = d};
}

struct acknowledged {
    int64_t epoch;
    bool commit[N_COMMITS * N_INSTANCES];
    bool ended[N_COMMITS * N_INSTANCES];
    uint64_t carried, dropped;
};

/* One incarnation on the failing disk, until it ends or the log says that it failed. */
static void live_once(const struct decision_io *io, unsigned first, struct acknowledged *ack)
{
    struct found f;
    struct errctx err;
    struct decision_log *log;
    struct decision_log_stats stats;

    if (open_log(io, SMALL_SEGMENT, &f, &log, &err) != 0)
        return;
    ack->epoch = decision_log_epoch(log);
    for (unsigned i = first; i < first + N_COMMITS; i++) {
        struct decision d = commit_number(i);

        if (commit_one(log, i) != 0)
            break;
        ack->commit[i] = true;
        if (i % 16 != 0) {
            decision_log_end(log, d.gid);
            ack->ended[i] = true;
        }
    }
    decision_log_stats(log, &stats);
    decision_log_close(log);
    ack->carried += stats.carried;
    ack->dropped += stats.segments_dropped;
}

static void check_recovered(const struct acknowledged *ack, unsigned n, enum fault fault)
{
    struct found f;
    struct errctx err = {.message = ""};
    struct decision_log *log;

    if (open_log(NULL, SMALL_SEGMENT, &f, &log, &err) != 0)
        fail_msg("fault %d at call %u: %s", (int)fault, n, err.message);
    if (decision_log_epoch(log) <= ack->epoch)
        fail_msg("fault %d at call %u: an epoch was given twice", (int)fault, n);
    for (unsigned i = 0; i < N_COMMITS * N_INSTANCES; i++) {
        if (ack->commit[i] && !ack->ended[i] && !f.commit[i])
            fail_msg("fault %d at call %u: decision %u is lost", (int)fault, n, i);
    }
    must_commit(log, 1000, false);
    decision_log_close(log);
    assert_true(read_log().commit[1000]);
}

/* True when the run ended unharmed: it made fewer than n calls. */
static bool survive(unsigned n, enum fault fault)
{
    static struct disk disk;
    struct decision_io io = disk_io(&disk);
    struct acknowledged ack = {0};

    empty_dir();
    memset(&disk, 0, sizeof disk);
    disk.fail_at = n;
    disk.fault = fault;
    disk.rng = rng_new(n, "power");
    for (unsigned i = 0; i < N_INSTANCES && !disk.failed; i++) {
        disk_done(&disk);
        memset(disk.copy, 0, sizeof disk.copy);
        disk.n_undo = disk.n_closed = 0;
        live_once(&io, i * N_COMMITS, &ack);
    }
    if (disk.failed && fault == FAULT_POWER)
        lose_power(&disk);
    disk_done(&disk);
    check_recovered(&ack, n, fault);
    if (!disk.failed) {
        assert_true(ack.carried > 0);
        assert_true(ack.dropped > 0);
    }
    return !disk.failed;
}

static void every_single_failing_call_is_survived(void **state)
{
    (void)state;
    segments_kept = 2;
    for (int fault = 0; fault < FAULTS; fault++) {
        unsigned n = 1;

        while (!survive(n, (enum fault)fault))
            n++;
        assert_true(n > 2 * N_COMMITS * N_INSTANCES); /* it did reach the disk */
    }
    segments_kept = 0;
}

/* --- a full disk ------------------------------------------------------------------------------ */

/* The next segment cannot be made. What has reserved fits, what comes then is refused before it
 * begins; and once there is space again, it goes on. */
static void a_full_disk_refuses_before_it_breaks_a_promise(void **state)
{
    static struct disk disk;
    struct decision_io io = disk_io(&disk);
    struct decision_ticket promised[4], refused = {.reserved = false};
    struct errctx err = {.message = ""};
    struct decision_log *log;
    struct found f;
    unsigned n_promised = 0, i = 0, n_durable = 0;
    struct pollfd p = {.events = POLLIN};

    (void)state;
    memset(&disk, 0, sizeof disk);
    memset(promised, 0, sizeof promised);
    disk.full = false;
    assert_int_equal(open_log(&io, SMALL_SEGMENT, &f, &log, &err), 0);
    disk.full = true; /* its first segment is there */
    p.fd = decision_log_fd(log);
    while (n_promised < 4 && decision_log_reserve(log, &promised[n_promised], &err) == 0)
        n_promised++;
    assert_true(n_promised > 0);
    assert_int_equal(decision_log_reserve(log, &refused, &err), -ENOSPC);
    for (; i < n_promised; i++) {
        struct decision d = commit_number(i);

        promised[i].durable = count_one;
        promised[i].arg = &n_durable;
        decision_log_commit(log, &d, &promised[i]);
        decision_log_write(log);
        while (n_durable <= i) {
            assert_int_equal(poll(&p, 1, WAIT_MS), 1);
            assert_int_equal(decision_log_collect(log, NULL), 0);
        }
    }
    while (decision_log_reserve(log, &refused, &err) == 0) { /* records are shorter than promised */
        decision_log_unreserve(log, &refused);
        must_commit(log, i++, true);
    }
    assert_non_null(strstr(err.message, "the decision log has no room"));
    disk.full = false;
    while (decision_log_reserve(log, &refused, &err) != 0)
        (void)poll(NULL, 0, 1);
    must_commit(log, i, false);
    decision_log_close(log);
    assert_true(read_log().commit[i]);
    disk_done(&disk);
}

/* As long as a record can be. */
static struct decision longest_commit(unsigned i)
{
    struct decision d = {.kind = DECISION_COMMIT, .n_participants = STORES_MAX};

    (void)snprintf(d.request, sizeof d.request, "%032u", i);
    (void)snprintf(d.gid, sizeof d.gid, "sb1:serve1:1:%051u", i);
    for (unsigned p = 0; p < STORES_MAX; p++) {
        (void)snprintf(d.participant[p], sizeof d.participant[p], "%015u", p);
        (void)snprintf(d.memo[p], sizeof d.memo[p], "%023u", p);
    }
    return d;
}

static void ends_take_nothing_of_what_is_reserved(void **state)
{
    static struct disk disk;
    struct decision_io io = disk_io(&disk);
    struct decision_ticket promised[4];
    struct errctx err = {.message = ""};
    struct decision_log *log;
    struct found f;
    unsigned n_promised = 0, n_durable = 0;
    struct pollfd p = {.events = POLLIN};

    (void)state;
    memset(&disk, 0, sizeof disk);
    memset(promised, 0, sizeof promised);
    assert_int_equal(open_log(&io, SMALL_SEGMENT, &f, &log, &err), 0);
    disk.full = true; /* its first segment is there */
    p.fd = decision_log_fd(log);
    while (n_promised < 4 && decision_log_reserve(log, &promised[n_promised], &err) == 0)
        n_promised++;
    assert_true(n_promised > 2);
    for (unsigned i = 0; i < 10; i++)
        (void)decision_log_end(log, longest_commit(100 + i).gid);
    for (unsigned i = 0; i < n_promised; i++) {
        struct decision d = longest_commit(i);

        promised[i].durable = count_one;
        promised[i].arg = &n_durable;
        decision_log_commit(log, &d, &promised[i]);
        decision_log_write(log);
        while (n_durable <= i) {
            assert_int_equal(poll(&p, 1, WAIT_MS), 1);
            assert_int_equal(decision_log_collect(log, &err), 0);
        }
    }
    decision_log_close(log);
    disk_done(&disk);
}

int main(void)
{
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(reads_back_what_was_committed),
        IN_A_FOLDER(a_folder_without_segments_is_an_empty_log),
        IN_A_FOLDER(a_second_coordinator_of_the_same_name_is_refused),
        IN_A_FOLDER(a_segment_without_room_for_two_records_is_refused),
        IN_A_FOLDER(the_log_of_another_is_refused),
        IN_A_FOLDER(a_newer_format_is_refused),
        IN_A_FOLDER(a_log_of_version_1_is_read_and_gone_on_with),
        IN_A_FOLDER(each_opening_has_a_number_of_its_own),
        IN_A_FOLDER(an_epoch_can_be_raised_before_the_first_decision),
        IN_A_FOLDER(a_mark_goes_out_with_the_next_commit),
        IN_A_FOLDER(each_segment_begins_with_its_epoch),
        IN_A_FOLDER(a_missing_segment_is_refused),
        IN_A_FOLDER(one_fdatasync_serves_all_that_wait),
        IN_A_FOLDER(segments_whose_decisions_have_ended_are_dropped),
        IN_A_FOLDER(an_open_decision_is_never_dropped),
        IN_A_FOLDER(a_decision_that_stays_open_is_carried_and_keeps_no_segment),
        IN_A_FOLDER(a_log_cut_at_any_byte_opens_with_what_is_whole),
        IN_A_FOLDER(a_log_that_ends_in_zeros_at_any_byte_opens_too),
        IN_A_FOLDER(a_log_cut_in_its_header_is_refused),
        IN_A_FOLDER(any_flipped_bit_is_refused_or_cut_never_believed),
        IN_A_FOLDER(a_hole_in_the_last_batch_is_a_torn_tail),
        IN_A_FOLDER(a_record_that_vanished_before_the_next_segment_is_refused),
        IN_A_FOLDER(every_single_failing_call_is_survived),
        IN_A_FOLDER(a_full_disk_refuses_before_it_breaks_a_promise),
        IN_A_FOLDER(ends_take_nothing_of_what_is_reserved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
