/*
 * disk.h - a disk in memory under virtual time, for the decision log (decision_io.h).
 *
 * What is written is seen at once, as in a page cache, and is durable only when a sync that began
 * after it is over. Until then every change can be taken back:
 *
 *   the process is killed     calls that it had not made yet are taken back, the others stay
 *   power is lost             and of what is not durable each write survives, or not, or in part;
 *                             a rename or unlink survives, or not
 *   a sync fails              what it was to write is as if written, and never will be durable: a
 *                             second try says "done" and does nothing ("fsyncgate")
 *
 * A log writes several calls in a row, each of which would take time. They are carried out at once
 * here, each with the instant at which it would have been made (`at_us`).
 */
#ifndef SYNCBED_SIM_DISK_H
#define SYNCBED_SIM_DISK_H

#include "base/random.h"
#include "coordinator/decision_io.h"

#include <stdbool.h>
#include <stdint.h>

#define DISK_FILES_MAX   16
#define DISK_FILE_SIZE   2560 /* of a segment, and the largest */
#define DISK_NAME_SIZE   32
#define DISK_CHANGES_MAX 64
#define DISK_SAVED_SIZE  32768

struct disk_file {
    char name[DISK_NAME_SIZE];
    bool exists;
    uint32_t size;
    uint8_t data[DISK_FILE_SIZE];
};

enum disk_change_kind { DISK_WRITE, DISK_TRUNCATE, DISK_CREATE, DISK_RENAME, DISK_UNLINK };

/* A change that is not on the platter yet, with all that is needed to make it there. */
struct disk_change {
    enum disk_change_kind kind;
    uint8_t file;
    bool lost;          /* its sync has failed: it never gets to the platter */
    int64_t at_us;      /* when it was made */
    int64_t durable_us; /* INT64_MAX: no sync yet */
    uint32_t offset, size;
    uint32_t saved;            /* WRITE: where its bytes are kept */
    char name[DISK_NAME_SIZE]; /* CREATE, RENAME */
};

enum disk_fault {
    DISK_SOUND,
    DISK_FAILS,       /* with EIO; a sync loses what it was to write */
    DISK_FULL,        /* writes fail with ENOSPC, half done */
    DISK_KILLS,       /* the process is killed at this call, before it */
    DISK_LOSES_POWER, /* in the middle of a sync: see power_us */
    DISK_SLOW,        /* a sync takes a second */
};

struct sim_disk {
    struct disk_file file[DISK_FILES_MAX];    /* as programs see them */
    struct disk_file platter[DISK_FILES_MAX]; /* what is durable */
    unsigned n_changes;
    struct disk_change change[DISK_CHANGES_MAX];
    uint32_t n_saved;
    uint8_t saved[DISK_SAVED_SIZE];
    int64_t at_us; /* the instant of the next call */
    bool gone;     /* the process was killed in the middle, or has lost the disk: no more calls */
    bool retries_sync; /* a mutant's: a failed sync is tried again */
    bool folder_lies;  /* a mutant's: the folder is never synced */
    unsigned calls;    /* that change something */
    unsigned n_syncs;
    unsigned fault_at; /* the call that the fault hits, from 1; 0: none */
    unsigned n_faults; /* how many calls from there on */
    enum disk_fault fault;
    bool killed;      /* DISK_KILLS has struck */
    int64_t power_us; /* DISK_LOSES_POWER has: when; 0: not */
    bool hit;         /* the fault has struck */
    struct rng *rng;
};

/* An empty disk. */
void sim_disk_init(struct sim_disk *d, struct rng *rng);

/* The calls, for a log in a folder of whatever name. */
struct decision_io sim_disk_io(struct sim_disk *d);

/* The process that used it has died at `now_us`. */
void sim_disk_killed(struct sim_disk *d, int64_t now_us);

/* … because power was lost. ret_torn: writes that did not survive as they were. */
void sim_disk_power_lost(struct sim_disk *d, int64_t now_us, unsigned *ret_torn);

/* What is durable at `now_us` goes to the platter. */
void sim_disk_settle(struct sim_disk *d, int64_t now_us);

/* The file of this name, as programs see them; below 0: none. */
int sim_disk_find(const struct sim_disk *d, const char *path);

/* --- disk_records.c --------------------------------------------------------------------------- */

/* Is a COMMIT of `gid` on the platter at `now_us`? Times asked for do not go back. */
bool sim_disk_holds_commit(struct sim_disk *d, int64_t now_us, const char *gid);

/* Damage one bit of a record that others follow; false when there is none. */
bool sim_disk_flip(struct sim_disk *d, int64_t now_us);

/* --- for mutants ------------------------------------------------------------------------------ */

/* The bytes of a file from `at` on, as far as it goes. */
void sim_disk_peek(const struct sim_disk *d, const char *path, size_t at, uint8_t *to, size_t size);

/* Cut each segment at its first damaged record, as if that was a torn tail; later ones are gone. */
void sim_disk_cut_damage(struct sim_disk *d);

#endif
