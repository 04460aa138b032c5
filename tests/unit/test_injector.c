/*
 * Faults that are over before the load begins, as what an approach does not have is skipped.
 * Folder: harness
 */
#include "harness/run/injector.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char root[] = "/tmp/syncbed-injector-XXXXXX";

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    struct errctx err;

    (void)state;
    return file_remove_tree(root, &err);
}

static struct fault kill_at(const char *target, const char *point)
{
    struct fault fault = {
        .at_us = 100 * US_PER_S, .action = FAULT_KILL, .gather = 1, .lasts_us = US_PER_S};

    (void)snprintf(fault.target, sizeof fault.target, "%s", target);
    (void)snprintf(fault.point, sizeof fault.point, "%s", point);
    return fault;
}

/* Starts the schedule under `dual`; returns the lines that it told. */
static struct buf told_by(const struct schedule *schedule, struct injector *injector)
{
    struct event_base *base = loop_new();
    struct lines faults = {.file = NULL};
    struct errctx err;
    struct buf told = {0};
    char path[64];
    const struct injector_options options = {
        .base = base, .schedule = schedule, .approach = approach_find("dual"), .faults = &faults};

    assert_int_equal(lines_open(&faults, root, "faults.ndjson", &err), 0);
    injector_start(injector, &options, clock_now_us());
    assert_false(injector_over(injector));
    assert_int_equal(injector->fault[schedule->n_faults - 1].state, INJECTED_WAITS);
    injector_stop(injector);
    assert_int_equal(lines_close(&faults, &err), 0);
    (void)snprintf(path, sizeof path, "%s/faults.ndjson", root);
    assert_int_equal(file_read(path, &told, &err), 0);
    event_base_free(base);
    return told;
}

static void what_an_approach_does_not_have_is_skipped_and_the_next_is_not(void **state)
{
    static struct injector injector;
    static struct schedule schedule = {.n_faults = 4};
    struct buf told;

    (void)state;
    schedule.fault[0] = kill_at("serve1", "xa-first-acked");
    schedule.fault[1] = kill_at("sink-pg1", "");
    schedule.fault[2] = kill_at("kafka", "");
    schedule.fault[3] = kill_at("serve1", "worst");
    told = told_by(&schedule, &injector);
    assert_non_null(strstr(buf_str(&told), "\"why\":\"not a step of this approach\""));
    assert_non_null(strstr(buf_str(&told), "\"why\":\"no sinks in this approach\""));
    assert_non_null(strstr(buf_str(&told), "\"why\":\"no log in this approach\""));
    assert_null(strstr(buf_str(&told), "\"fault\":3"));
    buf_done(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_approach_does_not_have_is_skipped_and_the_next_is_not),
    };

    return cmocka_run_group_tests(tests, make_root, remove_root);
}
