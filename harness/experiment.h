/*
 * experiment.h - an experiment file: the question, and the runs that answer it.
 *
 * Everything is checked when the file is read, with file:line and the nearest right word, so that
 * nothing is started for an experiment that cannot be carried out. docs/experiments.md describes
 * it.
 */
#ifndef SYNCBED_HARNESS_EXPERIMENT_H
#define SYNCBED_HARNESS_EXPERIMENT_H

#include "approaches/approach.h"
#include "approaches/settings.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/yaml.h"
#include "faults/schedule.h"
#include "harness/workload/workload.h"
#include "model/topology.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define EXPERIMENT_APPROACHES_MAX 16
#define EXPERIMENT_SCHEDULES_MAX  16
#define EXPERIMENT_SEEDS_MAX      64
#define EXPERIMENT_REPEATS_MAX    100
#define EXPERIMENT_RUNS_MAX       4096
#define EXPERIMENT_VARIANT_SIZE   96
#define EXPERIMENT_DOORS          2 /* front doors of every approach: serve1, serve2 */
#define EXPERIMENT_NAME_SIZE      64
#define EXPERIMENT_PARTITIONS     4 /* of the topic: docs/design.md */

struct experiment_approach {
    const struct approach *approach;
    struct settings settings;
    char name[EXPERIMENT_NAME_SIZE]; /* "xa"; "exec:mine.py" for a program, by its file's name */
    const struct approach_break *broken; /* NULL: none */
    /* Its name and what is not at its default, as "xa lock_order=parallel": what tells the runs of
     * one approach apart in results.json, in tables and on the page. */
    char variant[EXPERIMENT_VARIANT_SIZE];
    char program[PATH_MAX]; /* exec: its absolute path; else "" */
    unsigned n_promises;    /* exec: what it is said to keep, beside the row's (none) */
    const char *promise[APPROACH_PROMISES_MAX]; /* names of verdicts */
};

struct experiment {
    char name[64];         /* the file's, without folder and ending */
    char folder[PATH_MAX]; /* the file's, as in "experiments/"; "": the working one */
    char question[256];
    char prediction[512]; /* what its author expects to see; "": nothing said */
    unsigned n_stores;
    char store[STORES_MAX][STORE_NAME_SIZE]; /* in the order of their names */
    char durability[8];                      /* "D3"; "unknown" with attached servers */
    char profile[16];                        /* "local"; "attached" */
    struct workload workload;
    const struct topology *attached; /* servers that were there before us; NULL: none. Borrowed */
    unsigned n_approaches;
    struct experiment_approach approach[EXPERIMENT_APPROACHES_MAX];
    unsigned n_schedules;
    struct schedule schedule[EXPERIMENT_SCHEDULES_MAX];
    unsigned n_seeds;
    uint64_t seed[EXPERIMENT_SEEDS_MAX];
    unsigned repeats;
    int64_t settle_deadline_us;
    int64_t warm_up_us; /* of each approach, before its first run; 0: none */
};

/* The struct is large: keep it on the heap or static. -errno with file:line in `err`. */
__attribute__((warn_unused_result)) int
experiment_read(const char *path, struct experiment *ret_experiment, struct errctx *err);

/*
 * One more approach, with all settings at their defaults, as from the command line: a path is
 * relative to the working directory. -EINVAL: no such approach, or it is there already.
 */
__attribute__((warn_unused_result)) int
experiment_add_approach(struct experiment *experiment, const char *name, struct errctx *err);

/*
 * Give this break to every variant of the approach that has it. -ENOENT when no approach of the
 * experiment has it.
 */
__attribute__((warn_unused_result)) int experiment_break(struct experiment *experiment,
                                                         const char *name, struct errctx *err);

/* Does any approach use the log? */
bool experiment_uses_log(const struct experiment *experiment);

struct experiment_run {
    char name[128];  /* "001-xa-fanout-server_killed-s1", its folder's name */
    unsigned number; /* from 1, in the order in which they are carried out */
    const struct experiment_approach *approach;
    const struct schedule *schedule;
    uint64_t seed;
    unsigned repeat; /* from 1 */
};

struct experiment_runs {
    size_t n;
    struct experiment_run *run;
};

/*
 * All runs, in an order shuffled by the first seed, so that no approach always goes first on a
 * machine that warms up or slows down. `only` (NULL: all) keeps the runs whose name has it as a
 * part, or that are "approach/schedule" or "variant/schedule"; they keep their numbers. -ENOENT
 * when none is left.
 */
__attribute__((warn_unused_result)) int experiment_expand(const struct experiment *experiment,
                                                          const char *only,
                                                          struct experiment_runs *ret_runs,
                                                          struct errctx *err);
void experiment_runs_done(struct experiment_runs *runs);

/* The run's config.yaml (docs/files.md), with this workload (a warm-up has one of its own). */
void experiment_print_config(struct buf *out, const struct experiment *experiment,
                             const struct experiment_run *run, const struct workload *workload);

/* --- for the file that reads ------------------------------------------------------------------ */

/* One item of `approaches:`, added to the others. */
__attribute__((warn_unused_result)) int experiment_parse_approach(const struct yaml_node *node,
                                                                  struct experiment *experiment,
                                                                  struct errctx *err);

#endif
