/*
 * Process trees: sessions of their own, orphans and titles are found; what is stopped stays
 * stopped, what is killed is gone, and strangers are left alone.
 *
 * Folder: servers
 */
#include "base/clock.h"
#include "servers/process_tree.h"
#include "servers/spawn.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define MARK    "/nonexistent/syncbed-test-tree"
#define WAIT_US (10 * US_PER_S)

static int become_subreaper(void **state)
{
    (void)state;
    return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* `argv0` NULL: a shell that runs `script`, else `sleep` under that name. */
static pid_t start(const char *mark, const char *argv0, const char *script)
{
    struct spawn_plan plan = {.program = spawn_text("%s", argv0 ? "/bin/sleep" : "/bin/sh"),
                              .output = spawn_text("/dev/null"),
                              .mark = mark ? spawn_text("%s", mark) : NULL};
    struct errctx err = {0};
    pid_t pid = 0;

    spawn_arg(&plan, "%s", argv0 ? argv0 : "sh");
    if (!argv0)
        spawn_arg(&plan, "-c");
    spawn_arg(&plan, "%s", argv0 ? "1000" : script);
    if (spawn_child(&plan, NULL, &pid, &err) < 0)
        fail_msg("%s", err.message);
    spawn_done(&plan);
    return pid;
}

static void reap(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0) {
        /* orphans as well: we are the subreaper */
    }
}

static void pause_briefly(void)
{
    const struct timespec ms = {.tv_nsec = 1000000};

    reap();
    (void)nanosleep(&ms, NULL);
}

/* The scripts take a moment to have forked all. */
static void await_size(const struct tree *tree, unsigned n)
{
    int64_t until_us = clock_now_us() + WAIT_US;

    while (tree_signal(tree, 0) != n) {
        if (clock_now_us() > until_us)
            fail_msg("the tree has %u processes, not %u", tree_signal(tree, 0), n);
        pause_briefly();
    }
}

static void kill_all(const struct tree *tree)
{
    int64_t until_us = clock_now_us() + WAIT_US;

    while (tree_alive(tree)) {
        if (clock_now_us() > until_us)
            fail_msg("something is left");
        (void)tree_signal(tree, SIGKILL);
        pause_briefly();
    }
}

/* Also when a test failed: nothing may be left running. */
static int kill_descendants(void **state)
{
    struct tree tree = {.root = getpid(), .mark = NULL};

    (void)state;
    kill_all(&tree);
    return 0;
}

static void finds_sessions_of_their_own(void **state)
{
    pid_t root = start(MARK, NULL, "setsid sleep 1000 & sh -c 'setsid sleep 1000 & wait' & wait");
    struct tree tree = {.root = root, .mark = NULL};

    (void)state;
    await_size(&tree, 4);
    kill_all(&tree);
}

static void finds_by_its_mark_what_a_dead_parent_left(void **state)
{
    pid_t root = start(MARK, NULL, "sleep 1000 & sleep 1000 & wait");
    struct tree tree = {.root = root, .mark = MARK}, orphans = {.mark = MARK};

    (void)state;
    await_size(&tree, 3);
    (void)kill(root, SIGKILL);
    await_size(&orphans, 2);
    kill_all(&orphans);
}

static void finds_a_title_of_postgres(void **state)
{
    struct tree tree = {.mark = MARK}, folder = {.mark = "/nonexistent/"};

    (void)state;
    (void)start(NULL, "postgres: " MARK ": checkpointer", NULL);
    await_size(&tree, 1);
    await_size(&folder, 1);
    kill_all(&tree);
}

/* pg1 is no part of pg10, nor is whoever has only its name on the command line. */
static void leaves_strangers_alone(void **state)
{
    struct tree tree = {.mark = MARK}, other = {.mark = MARK "0"};
    pid_t stranger = start(NULL, MARK, NULL);

    (void)state;
    (void)start(MARK "0", NULL, "exec sleep 1000");
    (void)start(NULL, "postgres: " MARK "0: walwriter", NULL);
    await_size(&other, 2);
    assert_false(tree_alive(&tree));
    kill_all(&other);
    assert_int_equal(kill(stranger, 0), 0);
}

/* A process that forks all the time is the hard one: its children must not get away. */
static void stops_all_of_one_that_forks_on(void **state)
{
    struct tree tree = {.mark = MARK};

    (void)state;
    tree.root = start(MARK, NULL, "while :; do sleep 0.01; done");
    await_size(&tree, 2);
    assert_true(tree_stop(&tree));
    assert_true(tree_alive(&tree));
    assert_true(tree_rss_kb(&tree) > 0);
    (void)tree_signal(&tree, SIGKILL);
    kill_all(&tree);
}

static void a_child_inherits_no_descriptor(void **state)
{
    struct spawn_plan plan = {.program = spawn_text("/bin/sh"), .output = spawn_text("/dev/null")};
    struct errctx err = {0};
    char text[64];
    ssize_t n;
    pid_t pid;
    int out;

    (void)state;
    assert_true(dup2(STDERR_FILENO, 77) == 77); /* not close-on-exec */
    spawn_arg(&plan, "sh");
    spawn_arg(&plan, "-c");
    spawn_arg(&plan,
              "for f in /proc/self/fd/*; do test -e $f && echo ${f##*/}; done | tr '\\n' ' '");
    if (spawn_child(&plan, &out, &pid, &err) < 0)
        fail_msg("%s", err.message);
    spawn_done(&plan);
    (void)close(77);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    n = read(out, text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_string_equal(text, "0 1 2 ");
    (void)close(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(finds_sessions_of_their_own, kill_descendants),
        cmocka_unit_test_teardown(finds_by_its_mark_what_a_dead_parent_left, kill_descendants),
        cmocka_unit_test_teardown(finds_a_title_of_postgres, kill_descendants),
        cmocka_unit_test_teardown(leaves_strangers_alone, kill_descendants),
        cmocka_unit_test_teardown(stops_all_of_one_that_forks_on, kill_descendants),
        cmocka_unit_test_teardown(a_child_inherits_no_descriptor, kill_descendants),
    };

    return cmocka_run_group_tests(tests, become_subreaper, NULL);
}
