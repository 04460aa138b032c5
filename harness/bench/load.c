/* The benchmark `load`: what the harness itself costs; see the header. */
#include "harness/bench/bench.h"

#include "base/clock.h"
#include "base/file.h"
#include "harness/bench/big_run.h"
#include "harness/bench/null_door.h"
#include "harness/results/judge.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPEATS 5

/* --- load and front door ---------------------------------------------------------------------- */

struct scenario {
    const char *name;
    enum arrivals_kind arrivals;
    double rate_per_s; /* 0: closed loop */
    double duration_s;
    unsigned clients;
};

/*
 * `max` plans more than can be done, and all of it is done in the end: operations come as densely
 * as the two processes manage. `closed` has one operation outstanding a client, so that nothing
 * is gained by batching.
 */
static const struct scenario scenarios[] = {
    {"null/max", ARRIVALS_CONSTANT, 1000000, 1, 16},
    {"null/closed-64", ARRIVALS_CLOSED, 0, 3, 64},
    {"null/5000", ARRIVALS_POISSON, 5000, 5, 16},
};

static int run_scenario(const char *folder, const struct scenario *s, bool quick,
                        struct bench *bench, struct errctx *err)
{
    const struct workload workload = {
        .kind = WORKLOAD_FANOUT,
        .arrivals = s->arrivals,
        .rate_per_s = s->rate_per_s,
        .duration_s = quick ? s->duration_s / 10 : s->duration_s,
        .keys = 1000,
        .clients = s->clients,
        .deadline_ms = 60000,
    };
    struct null_door_result result;
    char path[PATH_MAX];
    int r;

    (void)snprintf(path, sizeof path, "%s/null", folder);
    r = file_remove_tree(path, err);
    if (r == 0)
        r = null_door_run(path, &workload, &result, err);
    if (r < 0)
        return r;
    bench_add(bench, s->name, "ops_per_s", result.ops_per_s);
    if (strcmp(s->name, "null/max") == 0) {
        bench_add(bench, s->name, "refused_share", result.refused_share);
    } else if (result.refused_share > 0) {
        return err_set(err, EIO, ERR_FATAL, "%s: operations were refused: %s", s->name, path);
    } else { /* at its limit it says how far the plan was ahead */
        bench_add(bench, s->name, "p50_ms", result.p50_ms);
        bench_add(bench, s->name, "p99_ms", result.p99_ms);
    }
    bench_add(bench, s->name, "load_cpu_us", result.load_cpu_us);
    bench_add(bench, s->name, "serve_cpu_us", result.serve_cpu_us);
    return 0;
}

/* --- checkers --------------------------------------------------------------------------------- */

/* In a process of its own, whose memory can be told: 0 when nothing is wrong with the run. */
static _Noreturn void judge_and_exit(const char *folder)
{
    struct errctx err;
    json_t *run;
    const json_t *verdict;
    const char *name;
    int status = 0;

    if (judge_run(folder, &run, &err) < 0) {
        (void)fprintf(stderr, "syncbed: %s\n", err.message);
        _exit(1);
    }
    json_object_foreach (json_object_get(run, "verdicts"), name, verdict) {
        const char *word = json_string_value(json_object_get(verdict, "verdict"));

        if (word && strcmp(word, "invalid") == 0) {
            (void)fprintf(stderr, "syncbed: %s is invalid in %s\n", name, folder);
            status = 1;
        }
    }
    _exit(status);
}

static double seconds(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / (double)US_PER_S;
}

static int run_check(const char *folder, const char *scenario, struct bench *bench,
                     struct errctx *err)
{
    int64_t began_us = clock_now_us();
    struct rusage used;
    int status;
    pid_t pid = fork();

    if (pid < 0)
        return err_set(err, errno, ERR_FATAL, "fork: %s", strerror(errno));
    if (pid == 0)
        judge_and_exit(folder);
    if (wait4(pid, &status, 0, &used) < 0)
        return err_set(err, errno, ERR_FATAL, "wait4: %s", strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(err, EIO, ERR_FATAL, "the checkers failed on %s", folder);
    bench_add(bench, scenario, "seconds", (double)(clock_now_us() - began_us) / (double)US_PER_S);
    bench_add(bench, scenario, "cpu_s", seconds(&used.ru_utime) + seconds(&used.ru_stime));
    bench_add(bench, scenario, "rss_mb", (double)used.ru_maxrss / 1024);
    return 0;
}

int bench_load(const struct bench_options *options, struct bench *bench, struct errctx *err)
{
    const char *folder = options->folder;
    bool quick = options->quick;
    unsigned repeats = quick ? 1 : REPEATS;
    char path[PATH_MAX];
    int r = 0;

    for (unsigned repeat = 0; repeat < repeats; repeat++) {
        for (size_t i = 0; r == 0 && i < sizeof scenarios / sizeof *scenarios; i++)
            r = run_scenario(folder, &scenarios[i], quick, bench, err);
    }
    (void)snprintf(path, sizeof path, "%s/check", folder);
    if (r == 0)
        r = big_run_write(path, quick ? 100000 : 1000000, err);
    for (unsigned repeat = 0; r == 0 && repeat < repeats; repeat++)
        r = run_check(path, quick ? "check/100000" : "check/1000000", bench, err);
    return r;
}
