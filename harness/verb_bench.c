/* bench: what syncbed itself costs, measured. */
#include "base/file.h"
#include "base/mem.h"
#include "harness/bench/bench.h"
#include "harness/json_out.h"
#include "harness/results/machine.h"
#include "harness/run/files.h"
#include "harness/verbs.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Benchmarks by name; a new one is a row here. */
static const struct {
    const char *name;
    int (*run)(const struct bench_options *options, struct bench *bench, struct errctx *err);
    void (*show)(FILE *to, const struct bench *bench);
} benchmarks[] = {
    {"load", bench_load, bench_show},
    {"2pc", bench_two_phase, bench_two_phase_show},
};
#define BENCHMARKS (sizeof benchmarks / sizeof *benchmarks)

static void show(size_t which, const struct bench *bench, const json_t *rows, const char *out,
                 bool as_json)
{
    json_t *machine = machine_describe();

    (void)fputs("machine: ", stdout);
    (void)json_dumpf(machine, stdout, 0); /* a terminal that is gone is nobody's loss */
    (void)fputs("\n\n", stdout);
    json_decref(machine);
    benchmarks[which].show(stdout, bench);
    (void)printf("\nresults: %s/bench.json\n", out);
    if (as_json)
        json_out_line(stdout, rows);
}

/* What a benchmark leaves in its folder is of no use once its numbers are written. */
static int measure(size_t which, const char *out, const struct cli_args *args, struct errctx *err)
{
    struct bench *bench = mem_alloc(sizeof *bench);
    char folder[PATH_MAX], path[PATH_MAX];
    const struct bench_options options = {.folder = path,
                                          .quick = cli_given(args, "quick"),
                                          .only = cli_text(args, "only", NULL),
                                          .soak_minutes = (unsigned)cli_int(args, "soak", 0)};
    json_t *rows;
    int r;

    bench->name = benchmarks[which].name;
    (void)snprintf(folder, sizeof folder, "%s/work", out);
    r = files_make_folder(folder, err);
    if (r == 0 && !realpath(folder, path)) /* roles have a working directory of their own */
        r = err_set(err, errno, ERR_FATAL, "%s: %s", folder, strerror(errno));
    if (r == 0)
        r = benchmarks[which].run(&options, bench, err);
    rows = bench_json(bench);
    if (r == 0)
        r = json_out_file(out, "bench.json", rows, err);
    if (r == 0)
        show(which, bench, rows, out, cli_given(args, "json"));
    if (r == 0)
        r = file_remove_tree(folder, err);
    json_decref(rows);
    free(bench);
    return r;
}

int verb_bench(const struct cli_args *args)
{
    const char *name = cli_argument(args, 0);
    struct errctx err;

    for (size_t i = 0; i < BENCHMARKS; i++) {
        char usual[64];

        if (strcmp(benchmarks[i].name, name) != 0)
            continue;
        (void)snprintf(usual, sizeof usual, "out/bench-%s", name);
        return measure(i, cli_text(args, "out", usual), args, &err) ? cli_fail(&err) : 0;
    }
    (void)err_set(&err, ENOENT, ERR_ABORT, "no benchmark is named \"%s\"; there are: load, 2pc",
                  name);
    return cli_fail(&err);
}
