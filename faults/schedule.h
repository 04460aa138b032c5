/*
 * schedule.h - the faults of a run: what happens when to whom, as written in an experiment file.
 *
 *   - name: server_killed
 *     faults: [{at_s: 3, kill: serve1, at: worst, gather: 8, restart_after_s: 2}]
 *   - name: whenever
 *     faults: [{at_s: 2, kill: serve1, at: random, within_s: 3, restart_after_s: 2}]
 *   - name: store_paused
 *     faults: [{at_s: 3, pause: pg2, for_s: 2}]
 *
 *   - name: server_killed_twice      # the second time while it recovers
 *     faults:
 *       - {at_s: 3, kill: serve1, at: xa-decided, gather: 8, restart_after_s: 1}
 *       - {at_s: 3, kill: serve1, at: xa-start-listed, restart_after_s: 1}
 *
 *   - name: store_killed_while_prepared      # serve1's transactions wait there until it is dead
 *     faults: [{at_s: 3, kill: pg2, at: xa-voted, of: serve1, gather: 8, restart_after_s: 1}]
 *
 *   - name: store_killed_with_prepare_in_its_socket     # a kill ends the pause of what it hits
 *     faults:
 *       - {at_s: 1, pause: pg2, at: xa-first-locked, of: serve1, gather: 8, for_s: 3}
 *       - {at_s: 3, kill: pg2, restart_after_s: 1}
 *
 * Pure data and its validation; the harness carries it out.
 */
#ifndef SYNCBED_FAULTS_SCHEDULE_H
#define SYNCBED_FAULTS_SCHEDULE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/yaml.h"

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_FAULTS_MAX 32
#define FAULT_TARGET_SIZE   32
#define FAULT_POINT_SIZE    40
#define FAULT_REACH_US      INT64_C(2000000) /* a crash point not reached by then: killed anyway */

enum fault_action { FAULT_KILL, FAULT_PAUSE };

struct fault {
    int64_t at_us; /* from the start of the load */
    enum fault_action action;
    char target[FAULT_TARGET_SIZE]; /* serve1, pg2, kafka, or "sink-pg1" */
    char point[FAULT_POINT_SIZE];   /* "" : a plain kill; "worst", "before-worst", or a crash
                                       point's name: arm it at at_us, die when `gather` stand there */
    char of[FAULT_TARGET_SIZE];     /* whose transactions have to stand there; "": the target's own.
                                       They are held until the target is hit, and go on */
    int64_t within_us;              /* at: random: the seed draws a moment of this time from at_us
                                       on, see fault_moment_us(); 0: at at_us */
    unsigned gather;                /* with a point; 1 by default */
    int64_t lasts_us;               /* until restart (kill) or continue (pause); -1: for ever */
    unsigned line;                  /* in the file */
};

struct schedule {
    char name[64];
    unsigned n_faults;
    struct fault fault[SCHEDULE_FAULTS_MAX]; /* in the order of at_us */
};

/*
 * Is its crash point passed while the target starts? It is then armed at at_us for the target's
 * next start, which an earlier fault of the same target brings about.
 */
bool fault_at_start(const struct fault *fault);

/*
 * One item of `schedules:`. `targets` are the valid names; a fault of a role that only some
 * approaches have (a sink) is valid and skipped, with a word, where it does not exist.
 */
__attribute__((warn_unused_result)) int
schedule_parse(const struct yaml_node *node, const char *const *targets, unsigned n_targets,
               struct schedule *ret_schedule, struct errctx *err);
/* When fault `i` of the schedule begins, from the start of the load; the same for every approach.
 */
int64_t fault_moment_us(const struct schedule *schedule, unsigned i, uint64_t seed);

/* As one YAML flow mapping, the form that schedule_parse() reads back. */
void schedule_print(struct buf *out, const struct schedule *schedule);

#endif
