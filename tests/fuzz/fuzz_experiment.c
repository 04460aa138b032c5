/*
 * Fuzz target: experiment files.
 *
 * Folder: harness
 *
 * A file that is accepted expands to runs, and their config.yaml is YAML whatever the texts in it.
 */
#include "fuzz.h"

#include "base/yaml.h"
#include "harness/experiment.h"

#include <assert.h>
#include <unistd.h>

static void check_config(const struct experiment *e, const struct experiment_run *run)
{
    struct errctx err = {0};
    struct buf config = {0};
    struct yaml_file *file;
    const struct yaml_node *root;
    char path[FUZZ_PATH_SIZE];
    int fd, r;

    experiment_print_config(&config, e, run, &e->workload);
    fd = fuzz_file((const uint8_t *)config.data, config.size, path);
    r = yaml_open(path, &file, &root, &err);
    assert(r == 0);
    assert(yaml_find(root, "seed") && yaml_find(root, "workload"));
    yaml_close(file);
    (void)close(fd);
    buf_done(&config);
}

static void check_runs(const struct experiment *e)
{
    struct errctx err = {0};
    struct experiment_runs runs;

    if (experiment_expand(e, NULL, &runs, &err) < 0) { /* more runs than an experiment may have */
        assert(err.message[0]);
        return;
    }
    assert(runs.n >= 1 && runs.n <= EXPERIMENT_RUNS_MAX);
    check_config(e, &runs.run[0]);
    check_config(e, &runs.run[runs.n - 1]);
    experiment_runs_done(&runs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct experiment experiment;
    struct errctx err = {0};
    char path[FUZZ_PATH_SIZE];
    int fd = fuzz_file(data, size, path);
    int r = experiment_read(path, &experiment, &err);

    (void)close(fd);
    assert(r == 0 || err.message[0]);
    if (r == 0)
        check_runs(&experiment);
    return 0;
}
