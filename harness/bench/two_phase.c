/*
 * The benchmark `2pc`: our coordinator, the floors under it (bench/floors/floor.c) and the peers
 * beside it (bench/peers/), all under the same load on the same servers, stage by stage.
 *
 * Contenders take turns within each repeat, so that what the machine does meanwhile hits all of
 * them, and ratios are of neighbours in time.
 */
#include "harness/bench/bench.h"

#include "base/clock.h"
#include "base/mem.h"
#include "harness/bench/recovery_time.h"
#include "harness/bench/soak.h"
#include "harness/bench/stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPEATS         5
#define WARM_UP_MS      1500
#define PEER_WARM_UP_MS 4000 /* Java compiles what it runs often */
#define MEASURE_MS      3000
#define QUICK_MS        1000
#define RECOVERY        "recovery"

struct two_phase {
    const struct bench_options *options;
    struct bench *bench;
    struct stage stage;
};

/* --- what is wanted --------------------------------------------------------------------------- */

static bool matches(const struct two_phase *b, const char *name, int number)
{
    char scenario[BENCH_NAME_SIZE];

    two_phase_scenario(name, number, scenario);
    return !b->options->only || strncmp(scenario, b->options->only, strlen(b->options->only)) == 0;
}

/* It was asked for, or what was asked for is compared with it. */
static bool is_wanted(const struct two_phase *b, const struct two_phase_case *c, int number)
{
    bool wanted = matches(b, c->name, number);

    for (unsigned i = 0; i < two_phase_n_cases && !wanted; i++) {
        const struct two_phase_case *other = &two_phase_cases[i];

        wanted = matches(b, other->name, number) &&
                 (strcmp(other->floor, c->name) == 0 || strcmp(other->peer, c->name) == 0);
    }
    return wanted && (c->kind != CONTENDER_PEER || !contest_no_peers());
}

static bool stage_is_wanted(const struct two_phase *b, enum two_phase_stage which)
{
    if (which == STAGE_PLAIN && matches(b, RECOVERY, RECOVERY_BRANCHES))
        return true;
    for (unsigned i = 0; i < two_phase_n_cases; i++) {
        const struct two_phase_case *c = &two_phase_cases[i];

        for (unsigned k = 0; c->stage == which && k < TWO_PHASE_LOADS; k++) {
            if (c->number[k] >= 0 && is_wanted(b, c, c->number[k]))
                return true;
        }
    }
    return false;
}

/* --- measuring -------------------------------------------------------------------------------- */

static void add(struct two_phase *b, const char *scenario, const struct measurement *m)
{
    const struct {
        const char *metric;
        double value;
    } numbers[] = {
        {"tps", m->tps},
        {"p50_ms", m->p50_ms},
        {"p99_ms", m->p99_ms},
        {"fsyncs_per_txn", m->fsyncs_per_txn},
        {"flushes_per_txn", m->flushes_per_txn},
        {"cpu_us_per_txn", m->cpu_us_per_txn},
    };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        bench_add(b->bench, scenario, numbers[i].metric, numbers[i].value);
}

static int run_case(struct two_phase *b, const struct two_phase_case *c, int number,
                    struct errctx *err)
{
    struct contest *contest = &b->stage.contest;
    char scenario[BENCH_NAME_SIZE], floor[BENCH_NAME_SIZE] = "", peer[BENCH_NAME_SIZE] = "";
    struct measurement m;
    int rc;

    two_phase_scenario(c->name, number, scenario);
    if (c->floor[0])
        two_phase_scenario(c->floor, number, floor);
    if (c->peer[0])
        two_phase_scenario(c->peer, number, peer);
    contest->measure_ms = b->options->quick ? QUICK_MS : MEASURE_MS;
    contest->warm_up_ms = c->kind == CONTENDER_PEER ? PEER_WARM_UP_MS : WARM_UP_MS;
    if (b->options->quick)
        contest->warm_up_ms = QUICK_MS;
    stage_set(&b->stage, c->stage, number);
    rc = contest_run(contest, c->kind, c->mode, stage_clients(c->stage, number), &m, err);
    if (rc < 0)
        return rc;
    (void)fprintf(stderr, "%-28s %7.0f/s  p50 %.2f ms  p99 %.2f ms\n", scenario, m.tps, m.p50_ms,
                  m.p99_ms);
    add(b, scenario, &m);
    bench_compare(b->bench, scenario, floor, peer);
    return 0;
}

static int run_recovery(struct two_phase *b, struct errctx *err)
{
    char scenario[BENCH_NAME_SIZE];
    struct recovery_time time;
    int rc = recovery_measure(&b->stage.contest, &time, err);

    if (rc < 0)
        return rc;
    two_phase_scenario(RECOVERY, RECOVERY_BRANCHES, scenario);
    (void)fprintf(stderr, "%-28s %.0f ms from the log, %.0f ms from the start\n", scenario,
                  time.from_log_ms, time.from_start_ms);
    bench_add(b->bench, scenario, "from_log_ms", time.from_log_ms);
    bench_add(b->bench, scenario, "from_start_ms", time.from_start_ms);
    return 0;
}

static int run_repeat(struct two_phase *b, enum two_phase_stage which, struct errctx *err)
{
    int rc = 0;

    for (unsigned k = 0; k < TWO_PHASE_LOADS; k++) {
        for (unsigned i = 0; rc == 0 && i < two_phase_n_cases; i++) {
            const struct two_phase_case *c = &two_phase_cases[i];

            if (c->stage == which && c->number[k] >= 0 && is_wanted(b, c, c->number[k]))
                rc = run_case(b, c, c->number[k], err);
        }
    }
    if (rc == 0 && which == STAGE_PLAIN && matches(b, RECOVERY, RECOVERY_BRANCHES))
        rc = run_recovery(b, err);
    return rc;
}

static int run_stage(struct two_phase *b, enum two_phase_stage which, struct errctx *err)
{
    unsigned repeats = b->options->quick ? 1 : REPEATS;
    int rc = stage_begin(&b->stage, which, b->options->folder, err);

    for (unsigned i = 0; rc == 0 && i < repeats; i++)
        rc = run_repeat(b, which, err);
    stage_end(&b->stage);
    return rc;
}

static int run_soak(struct two_phase *b, struct errctx *err)
{
    int rc = stage_begin(&b->stage, STAGE_PLAIN, b->options->folder, err);

    if (rc == 0)
        rc = soak_measure(&b->stage.contest, b->options->soak_minutes, b->bench, err);
    stage_end(&b->stage);
    return rc;
}

int bench_two_phase(const struct bench_options *options, struct bench *bench, struct errctx *err)
{
    struct two_phase *b = mem_alloc(sizeof *b); /* large */
    bool any = false;
    int rc = 0;

    b->options = options;
    b->bench = bench;
    if (contest_no_peers())
        (void)fprintf(stderr, "peers are left out: %s\n", contest_no_peers());
    if (options->soak_minutes > 0) {
        rc = run_soak(b, err);
        free(b);
        return rc;
    }
    for (unsigned which = 0; rc == 0 && which < TWO_PHASE_STAGES; which++) {
        if (!stage_is_wanted(b, which))
            continue;
        any = true;
        rc = run_stage(b, which, err);
    }
    if (rc == 0 && !any)
        rc = err_set(err, EINVAL, ERR_ABORT, "no case begins with \"%s\"", options->only);
    free(b);
    return rc;
}
