/*
 * Experiment files: what is wrong is refused with its line before anything starts; what is right
 * expands into the same runs in the same order every time. Folder: harness
 */
#include "harness/experiment.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct experiment experiment; /* too large for a stack */

static const char *const good[] = {
    "question: What happens?",                                                        /* 1 */
    "stores: [redis, pg1, pg2]",                                                      /* 2 */
    "durability: D3",                                                                 /* 3 */
    "workload: {name: fanout, rate_per_s: 100, duration_s: 8, keys: 10, clients: 4}", /* 4 */
    "approaches: [dual, xa, log]",                                                    /* 5 */
    "schedules:",                                                                     /* 6 */
    "  - {name: none}",                                                               /* 7 */
    "  - name: server_killed",                                                        /* 8 */
    "    faults: [{at_s: 3, kill: serve1, at: worst, restart_after_s: 2}]",           /* 9 */
    "seeds: [1, 2]",                                                                  /* 10 */
};
#define LINES (sizeof good / sizeof *good)

struct change {
    unsigned line; /* from 1; 0: none */
    const char *text;
};

/* Read the good file with two changes; the complaint behind the file's name, or "". */
static void read_changed(struct change a, struct change b, char *ret_said, size_t size)
{
    char path[] = "/tmp/syncbed-experiment-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    struct errctx err = {.message = ""};

    assert_non_null(file);
    for (unsigned i = 1; i <= LINES; i++)
        (void)fprintf(file, "%s\n", i == a.line ? a.text : i == b.line ? b.text : good[i - 1]);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(ret_said, size, "%s", "");
    if (experiment_read(path, &experiment, &err))
        (void)snprintf(ret_said, size, "%s", err.message + strlen(path));
    (void)unlink(path);
}

static void read_with(unsigned line, const char *instead, char *ret_said, size_t size)
{
    read_changed((struct change){line, instead}, (struct change){0, ""}, ret_said, size);
}

static void a_good_file_is_read(void **state)
{
    char said[600];

    (void)state;
    read_with(0, "", said, sizeof said);
    assert_string_equal(said, "");
    assert_int_equal(experiment.n_stores, 3);
    assert_string_equal(experiment.store[0], "pg1");
    assert_string_equal(experiment.store[2], "redis");
    assert_int_equal(experiment.n_approaches, 3);
    assert_int_equal(experiment.n_schedules, 2);
    assert_int_equal(experiment.n_seeds, 2);
    assert_int_equal(experiment.settle_deadline_us, 30000000);
    assert_true(experiment_uses_log(&experiment));
}

static void a_transfer_takes_two_postgres_stores(void **state)
{
    static const char workload[] =
        "workload: {name: transfer, rate_per_s: 100, duration_s: 8, keys: 10}";
    char said[600];

    (void)state;
    read_changed((struct change){2, "stores: [redis, pg1]"}, (struct change){4, workload}, said,
                 sizeof said);
    assert_string_equal(said, ":4: transfer moves money between two SQL stores: stores: [pg1, "
                              "pg2, …]");
}

static void what_is_wrong_is_refused_with_its_line(void **state)
{
    static const struct {
        unsigned line;
        const char *instead;
        const char *where; /* the complaint begins so */
        const char *what;  /* and has this in it */
    } bad[] = {
        {1, "qestion: x", ":1:", "\"question\""},
        {1, "question: ''", ":1:", "a text of 1 to 255 bytes"},
        {1, "question: x\nprediction: ''", ":2:", "a text of 1 to 511 bytes"},
        {2, "stores: []", ":2:", "a list of at least one"},
        {2, "stores: pg1", ":2:", "a list of at least one"},
        {2, "stores: [pg1, pg]]", ":2:", ""},
        {2, "stores: [pg1, rediss]", ":2:", "did you mean \"redis\"?"},
        {2, "stores: [pg1, kafka]", ":2:", "no such store"},
        {2, "stores: [pg1, pg1]", ":2:", "twice"},
        {2, "stores: [pg1, pg2, pg3, pg4, pg5, pg6, pg7, pg8, pg9]", ":2:", "more than 8"},
        {3, "durability: D4", ":3:", "D3"},
        {3, "profile: lan", ":3:", "local"},
        {3, "settle_deadline_s: soon", ":3:", "not a number"},
        {3, "warm_up_s: -1", ":3:", "-1"},
        {4, "workload: {name: fanuot, rate_per_s: 1, duration_s: 8, keys: 1, clients: 1}",
         ":4:", "fanout"},
        {4, "workload: {name: fanout, rate_per_s: fast, duration_s: 8, keys: 1, clients: 1}",
         ":4:", "rate_per_s"},
        {4, "workload: {name: fanout, rate_per_s: 1, duration_s: 2, keys: 1, clients: 1}",
         ":9:", "the fault comes after the load's end"},
        {4, "workload: {name: append, bound: true, rate_per_s: 1, duration_s: 8, keys: 1}",
         ":4:", "transfer only"},
        {5, "approaches: [dual, ax]", ":5:", "xa"},
        {5, "approaches: [dual, dual]", ":5:", "twice"},
        {5, "approaches: [{lock_order: sorted}]", ":5:", "needs a name"},
        {5, "approaches: [\"exec:./not-there.py\"]", ":5:", "not-there.py: No such file"},
        {5, "approaches: [\"exec:/dev/null\"]", ":5:", "not an executable file"},
        {5, "approaches: [\"exec:/etc/passwd\"]", ":5:", "not an executable file"},
        {5, "approaches: [\"exec:/usr/bin/[\"]", ":5:", "no name for a program"},
        {5, "approaches: [\"exec:/bin/sh\", \"exec:/usr/bin/sh\"]", ":5:", "twice"},
        {5, "approaches: [{name: \"exec:/bin/sh\", promises: [atomic]}]", ":5:", "atomicity"},
        {5, "approaches: [{name: \"exec:/bin/sh\", promises: order}]", ":5:", "a list"},
        {5, "approaches: [{name: xa, promises: [order]}]", ":5:", "promises"},
        {5, "approaches: [{name: xa, lock_ordr: sorted}]", ":5:", "lock_order"},
        {5, "approaches: [{name: xa, lock_order: sorte}]", ":5:", "sorted"},
        {7, "  - {name: server_killed}", ":8:", "twice"},
        {7, "  - {faults: []}", ":7:", "needs a name"},
        {9, "    faults: [{at_s: 3, kill: serve3}]", ":9:", "serve"},
        {9, "    faults: [{at_s: 3, kill: pg2, at: worst}]", ":9:", "has no crash points"},
        {9, "    faults: [{at_s: 3, kill: serve1, at: sink-sent}]", ":9:", "never stands at"},
        {9, "    faults: [{at_s: 3, kill: sink-pg1, at: xa-decided}]", ":9:", "never stands at"},
        {9, "    faults: [{at_s: 8, kill: serve1}]", ":9:", "after the load's end"},
        {9, "    faults: [{at_s: 3, kill: serve1, at: xa-decidet}]",
         ":9:", "\"xa-decidet\" is not known; did you mean \"xa-decided\"?"},
        {5, "approaches: [{name: xa, break: no-is-yess}]",
         ":5:", "xa has no break \"no-is-yess\"; did you mean \"no-is-yes\"?"},
        {9, "    faults: [{at_s: 3, kill: load}]", ":9:", "load"},
        {10, "seeds: [x]", ":10:", "x"},
        {10, "seeds: []", ":10:", "a list of at least one"},
        {10, "repeats: 0", ":10:", "0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char said[600];

        read_with(bad[i].line, bad[i].instead, said, sizeof said);
        if (strncmp(said, bad[i].where, strlen(bad[i].where)) != 0 || !strstr(said, bad[i].what))
            fail_msg("%s\n  says: \"%s\"\n  not:  \"%s … %s\"", bad[i].instead, said, bad[i].where,
                     bad[i].what);
    }
}

static void the_log_and_its_sinks_are_targets_only_where_there_is_one(void **state)
{
    char said[600];

    (void)state;
    read_with(9, "    faults: [{at_s: 3, kill: kafka}]", said, sizeof said);
    assert_string_equal(said, "");
    read_with(9, "    faults: [{at_s: 3, kill: sink-pg1, at: worst}]", said, sizeof said);
    assert_string_equal(said, "");
    read_changed((struct change){5, "approaches: [dual]"},
                 (struct change){9, "    faults: [{at_s: 1, kill: kafka}]"}, said, sizeof said);
    assert_non_null(strstr(said, "kafka"));
}

static void a_program_is_found_beside_the_file_and_says_what_it_promises(void **state)
{
    char said[600];
    struct errctx err;

    (void)state;
    read_with(5, "approaches: [{name: \"exec:../bin/cat\", promises: [order, atomicity]}]", said,
              sizeof said); /* the file is in /tmp */
    assert_string_equal(said, "");
    assert_string_equal(experiment.approach[0].name, "exec:cat");
    assert_string_equal(experiment.approach[0].variant, "exec:cat");
    assert_int_equal(experiment.approach[0].program[0], '/');
    assert_int_equal(experiment.approach[0].n_promises, 2);
    assert_string_equal(experiment.approach[0].promise[1], "atomicity");
    assert_int_equal(experiment_add_approach(&experiment, "exec:/bin/cat", &err), -EINVAL);
    assert_int_equal(experiment_add_approach(&experiment, "exec:/bin/ls", &err), 0);
    assert_int_equal(experiment_add_approach(&experiment, "magic", &err), -EINVAL);
    assert_int_equal(experiment.n_approaches, 2);
}

static void append_names(struct buf *out, const struct experiment_runs *runs)
{
    for (size_t i = 0; i < runs->n; i++)
        buf_printf(out, "%s\n", runs->run[i].name);
}

static void expand(const char *only, struct buf *out)
{
    struct experiment_runs runs;
    struct errctx err;

    assert_int_equal(experiment_expand(&experiment, only, &runs, &err), 0);
    append_names(out, &runs);
    experiment_runs_done(&runs);
}

static void the_order_is_shuffled_by_the_seed_alone(void **state)
{
    struct buf first = {0}, again = {0}, other = {0};
    char said[600];

    (void)state;
    read_with(0, "", said, sizeof said);
    expand(NULL, &first);
    expand(NULL, &again);
    assert_string_equal(buf_str(&first), buf_str(&again));
    experiment.seed[0] = 3;
    expand(NULL, &other);
    assert_string_not_equal(buf_str(&first), buf_str(&other));
    buf_done(&first);
    buf_done(&again);
    buf_done(&other);
}

static void every_run_is_there_once(void **state)
{
    struct experiment_runs runs;
    struct errctx err;
    char said[600];

    (void)state;
    read_with(0, "", said, sizeof said);
    experiment.repeats = 2;
    assert_int_equal(experiment_expand(&experiment, NULL, &runs, &err), 0);
    assert_int_equal(runs.n, 3 * 2 * 2 * 2);
    for (size_t i = 0; i < runs.n; i++) {
        assert_int_equal(runs.run[i].number, i + 1);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(runs.run[i].name + 4, runs.run[j].name + 4);
    }
    experiment_runs_done(&runs);
}

static void only_keeps_names_and_numbers(void **state)
{
    struct buf out = {0};
    struct experiment_runs runs;
    struct errctx err;
    char said[600];

    (void)state;
    read_with(10, "", said, sizeof said);
    expand("xa/none", &out);
    assert_non_null(strstr(buf_str(&out), "-xa-fanout-none-s1\n"));
    assert_int_equal(strlen(buf_str(&out)), strlen("001-xa-fanout-none-s1\n"));
    buf_clear(&out);
    expand("server_killed", &out);
    assert_non_null(strstr(buf_str(&out), "-dual-fanout-server_killed-s1\n"));
    assert_null(strstr(buf_str(&out), "-none-"));
    assert_int_equal(experiment_expand(&experiment, "nothing", &runs, &err), -ENOENT);
    assert_non_null(strstr(err.message, "nothing"));
    buf_done(&out);
}

static void settings_show_in_names_and_config(void **state)
{
    struct experiment_runs runs;
    struct errctx err;
    struct buf config = {0};
    char said[600];

    (void)state;
    read_with(5, "approaches: [xa, {name: xa, lock_order: parallel}]", said, sizeof said);
    assert_string_equal(said, "");
    assert_int_equal(experiment_expand(&experiment, "xa lock_order=parallel/none", &runs, &err), 0);
    assert_int_equal(runs.n, 2);
    assert_non_null(strstr(runs.run[0].name, "-xa-lock_order-parallel-fanout-none-s"));
    experiment_print_config(&config, &experiment, &runs.run[0], &experiment.workload);
    assert_non_null(strstr(buf_str(&config),
                           "lock_order: parallel, log: local, mode: default, requests: door}\n"));
    assert_non_null(strstr(buf_str(&config), "variant: \"xa lock_order=parallel\"\n"));
    assert_non_null(strstr(buf_str(&config), "stores: [pg1, pg2, redis]\n"));
    buf_done(&config);
    experiment_runs_done(&runs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_read),
        cmocka_unit_test(a_transfer_takes_two_postgres_stores),
        cmocka_unit_test(what_is_wrong_is_refused_with_its_line),
        cmocka_unit_test(a_program_is_found_beside_the_file_and_says_what_it_promises),
        cmocka_unit_test(the_log_and_its_sinks_are_targets_only_where_there_is_one),
        cmocka_unit_test(the_order_is_shuffled_by_the_seed_alone),
        cmocka_unit_test(every_run_is_there_once),
        cmocka_unit_test(only_keeps_names_and_numbers),
        cmocka_unit_test(settings_show_in_names_and_config),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
