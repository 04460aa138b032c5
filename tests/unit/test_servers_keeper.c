/*
 * The keeper and its roles, by its client. This program is also the keeper it starts, the roles,
 * and an owner that is killed: all are "this executable" with a verb.
 *
 * Folder: servers
 */
#include "base/buf.h"
#include "base/file.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "keeper_fixture.h"

struct fixture {
    struct event_base *base;
    struct keeper *keeper;
    struct buf events; /* "ready serve1; exited serve1; " */
    char why[200];     /* of the last exit */
    int signal;
    char log[PATH_MAX];
};

static void on_event(void *arg, const char *what, const char *name, const struct keeper_end *end)
{
    struct fixture *f = arg;

    assert_int_equal(!end, strcmp(what, "exited") != 0);
    if (end) {
        (void)snprintf(f->why, sizeof f->why, "%s", end->why);
        f->signal = end->signal;
    }
    buf_printf(&f->events, "%s %s; ", what, name);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    if (!f)
        return -1;
    *state = f;
    f->base = loop_new();
    f->keeper = fixture_keeper(f->base, on_event, f);
    (void)snprintf(f->log, sizeof f->log, "%s/role.log", fixture_place);
    (void)unlink(f->log);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    keeper_free(f->keeper);
    event_base_free(f->base);
    buf_done(&f->events);
    free(f);
    return 0;
}

__attribute__((warn_unused_result)) static int start_role(struct fixture *f, const char *how,
                                                          uint16_t *ret_port)
{
    const char *const argv[] = {"syncbed", "role", how, NULL};

    return keeper_start_role(f->keeper, "serve1", argv, f->log, ret_port, &err);
}

static void a_role_is_started_when_it_says_so(void **state)
{
    struct fixture *f = *state;
    uint16_t port = 0;

    must(start_role(f, "willing", &port));
    assert_int_equal(port, 12345);
    assert_string_equal(fixture_field(f->keeper, "serve1", "state"), "ready");
    assert_string_equal(buf_str(&f->events), "ready serve1; ");
    must(keeper_signal(f->keeper, "serve1", KEEPER_TERM, &err));
    assert_string_equal(fixture_field(f->keeper, "serve1", "state"), "stopped");
    assert_string_equal(buf_str(&f->events), "ready serve1; exited serve1; ");
    assert_string_equal(f->why, ""); /* it was asked for */
}

static void a_role_that_gives_up_is_quoted(void **state)
{
    struct fixture *f = *state;
    uint16_t port;

    assert_int_equal(start_role(f, "unable", &port), -EREMOTEIO);
    assert_string_equal(err.message, "serve1 ended with status 3 before it was ready; its last "
                                     "lines: reading the plan | no such plan");
    assert_string_equal(fixture_field(f->keeper, "serve1", "state"), "failed");
}

static void a_role_that_does_not_heed_term_is_killed(void **state)
{
    struct fixture *f = *state;
    uint16_t port;
    int64_t from_us;

    must(start_role(f, "deaf", &port));
    from_us = clock_now_us();
    must(keeper_signal(f->keeper, "serve1", KEEPER_TERM, &err));
    assert_true(clock_now_us() - from_us >= 4 * US_PER_S);
    assert_string_equal(fixture_field(f->keeper, "serve1", "pid"), "0");
}

static bool has_exited(void *arg)
{
    const struct fixture *f = arg;

    return strstr(buf_str(&f->events), "exited") != NULL;
}

static void a_role_that_dies_is_told_of_and_restarted(void **state)
{
    struct fixture *f = *state;
    uint16_t port;

    must(start_role(f, "willing", &port));
    assert_int_equal(kill(atoi(fixture_field(f->keeper, "serve1", "pid")), SIGKILL), 0);
    assert_int_equal(loop_until(f->base, has_exited, f, FIXTURE_WAIT_US), 0);
    assert_string_equal(fixture_field(f->keeper, "serve1", "why"), "serve1 ended by signal 9");
    assert_string_equal(f->why, "serve1 ended by signal 9");
    assert_int_equal(f->signal, SIGKILL);
    must(keeper_restart(f->keeper, "serve1", &err));
    assert_string_equal(fixture_field(f->keeper, "serve1", "state"), "ready");
    assert_string_equal(fixture_field(f->keeper, "serve1", "port"), "12345");
}

static void what_a_role_forked_dies_with_it(void **state)
{
    struct fixture *f = *state;
    char mark[PATH_MAX];
    struct tree tree = {.mark = mark};
    uint16_t port;

    fixture_mark(f->keeper, mark);
    must(start_role(f, "fruitful", &port));
    assert_int_equal(tree_signal(&tree, 0), 2);
    must(keeper_signal(f->keeper, "serve1", KEEPER_KILL, &err));
    assert_false(tree_alive(&tree));
}

static char state_of(int pid, int *ret_parent)
{
    char path[64], state = '?';
    FILE *file;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    file = fopen(path, "re");
    if (!file || fscanf(file, "%*d %*s %c %d", &state, ret_parent) != 2)
        fail_msg("%s can't be read", path);
    (void)fclose(file);
    return state;
}

static void a_paused_role_stands_still(void **state)
{
    struct fixture *f = *state;
    uint16_t port;
    int pid, parent;

    must(start_role(f, "willing", &port));
    pid = atoi(fixture_field(f->keeper, "serve1", "pid"));
    must(keeper_signal(f->keeper, "serve1", KEEPER_PAUSE, &err));
    assert_int_equal(state_of(pid, &parent), 'T');
    assert_string_equal(fixture_field(f->keeper, "serve1", "state"), "paused");
    must(keeper_signal(f->keeper, "serve1", KEEPER_CONTINUE, &err));
    assert_int_not_equal(state_of(pid, &parent), 'T');
    must(keeper_signal(f->keeper, "serve1", KEEPER_PAUSE, &err));
    must(keeper_signal(f->keeper, "serve1", KEEPER_TERM, &err)); /* hears it all the same */
}

static void what_makes_no_sense_is_refused(void **state)
{
    struct fixture *f = *state;
    const char *const unknown[] = {"cassandra1"};
    uint16_t port;

    assert_int_equal(keeper_servers_up(f->keeper, unknown, 1, &err), -EREMOTEIO);
    assert_non_null(strstr(err.message, "cassandra1"));
    assert_int_equal(keeper_restart(f->keeper, "serve7", &err), -EREMOTEIO);
    assert_non_null(strstr(err.message, "serve7"));
    must(start_role(f, "willing", &port));
    assert_int_equal(start_role(f, "willing", &port), -EREMOTEIO);
    assert_string_equal(err.message, "serve1 runs already (ready)");
    assert_int_equal(keeper_restart(f->keeper, "serve1", &err), -EREMOTEIO);
    must(keeper_signal(f->keeper, "serve1", KEEPER_KILL, &err));
    must(keeper_signal(f->keeper, "serve1", KEEPER_KILL, &err)); /* it is as asked */
    assert_int_equal(keeper_signal(f->keeper, "serve1", KEEPER_PAUSE, &err), -EREMOTEIO);
    assert_string_equal(err.message, "serve1 is stopped");
}

static void ports_and_folders_stay(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX], again[PATH_MAX];
    uint16_t port, port_again;

    must(keeper_port(f->keeper, "serve1", &port, &err));
    must(keeper_port(f->keeper, "serve1", &port_again, &err));
    assert_int_equal(port, port_again);
    must(keeper_folder(f->keeper, "serve1", path, &err));
    must(keeper_folder(f->keeper, "serve1", again, &err));
    assert_string_equal(path, again);
    assert_int_equal(access(path, W_OK), 0);
}

static void on_done(void *arg, const char *error)
{
    struct fixture *f = arg;

    buf_printf(&f->events, "done %s; ", error ? error : "well");
}

static bool two_done(void *arg)
{
    const struct fixture *f = arg;
    const char *first = strstr(buf_str(&f->events), "done");

    return first && strstr(first + 1, "done");
}

/* A restart asked for while it is being killed waits for the end of the old one. */
static void kill_and_restart_without_waiting(void **state)
{
    struct fixture *f = *state;
    uint16_t port;

    must(start_role(f, "willing", &port));
    buf_clear(&f->events);
    keeper_signal_async(f->keeper, "serve1", KEEPER_KILL, on_done, f);
    keeper_restart_async(f->keeper, "serve1", on_done, f);
    assert_int_equal(loop_until(f->base, two_done, f, FIXTURE_WAIT_US), 0);
    assert_string_equal(buf_str(&f->events), "exited serve1; done well; ready serve1; done well; ");
}

static void its_end_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct keeper *keeper = fixture_keeper(f->base, NULL, NULL);
    const char *const argv[] = {"syncbed", "role", "fruitful", NULL};
    char mark[PATH_MAX];
    uint16_t port;

    fixture_mark(keeper, mark);
    must(keeper_start_role(keeper, "serve1", argv, f->log, &port, &err));
    assert_false(fixture_is_gone(mark));
    keeper_free(keeper);
    assert_true(fixture_is_gone(mark));
}

/* The keeper is killed, while a child of a role is stopped and so does not notice anything. */
static void a_killed_keeper_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct keeper *keeper = fixture_keeper(f->base, NULL, NULL);
    const char *const argv[] = {"syncbed", "role", "fruitful", NULL};
    char mark[PATH_MAX];
    int parent = 0;
    uint16_t port;

    fixture_mark(keeper, mark);
    must(keeper_start_role(keeper, "serve1", argv, f->log, &port, &err));
    must(keeper_signal(keeper, "serve1", KEEPER_PAUSE, &err));
    assert_int_equal(state_of(atoi(fixture_field(keeper, "serve1", "pid")), &parent), 'T');
    assert_int_equal(kill(parent, SIGKILL), 0);
    keeper_free(keeper);
    assert_true(fixture_is_gone(mark));
}

static void up_is_found_again_and_only_once(void **state)
{
    struct fixture *f = *state;
    struct keeper *first, *second, *third;
    const char *const argv[] = {"syncbed", "role", "willing", NULL};
    uint16_t port, port_again;
    char mark[PATH_MAX];

    assert_int_equal(keeper_attach(f->base, NULL, NULL, &first, &err), -ENOENT);
    must(keeper_start(f->base, KEEPER_UNTIL_DOWN, NULL, NULL, &first, &err));
    fixture_mark(first, mark);
    must(keeper_port(first, "pg1", &port, &err));
    keeper_free(first); /* it stays */
    must(keeper_attach(f->base, NULL, NULL, &second, &err));
    must(keeper_port(second, "pg1", &port_again, &err));
    assert_int_equal(port, port_again);
    must(keeper_start_role(second, "serve1", argv, f->log, &port, &err));
    assert_int_equal(keeper_start(f->base, KEEPER_UNTIL_DOWN, NULL, NULL, &third, &err),
                     -EREMOTEIO);
    assert_non_null(strstr(err.message, "up already"));
    assert_string_equal(fixture_field(second, "serve1", "state"), "ready"); /* undisturbed */
    must(keeper_down(second, &err));
    assert_true(fixture_is_gone(mark));
    keeper_free(second);
    assert_int_equal(keeper_attach(f->base, NULL, NULL, &first, &err), -ENOENT);
}

/* The place is open to all, so somebody else may have made what we would trust. */
static void up_of_somebody_else_is_not_trusted(void **state)
{
    struct fixture *f = *state;
    struct keeper *keeper;
    char folder[PATH_MAX];

    if (geteuid() != 0)
        skip(); /* nobody else's folder can be made */
    folder_of_up(folder);
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(chown(folder, 65534, 65534), 0);
    assert_int_equal(keeper_attach(f->base, NULL, NULL, &keeper, &err), -EPERM);
    assert_int_equal(rmdir(folder), 0);
}

/* `line` in one go, so that no reader sees half of it. */
static void say(const char *line)
{
    if (write(STDOUT_FILENO, line, strlen(line)) < 0)
        _exit(1);
}

static void killed_owner(int *ret_pid, char ret_mark[PATH_MAX])
{
    int line[2];
    ssize_t n;
    pid_t pid;

    assert_int_equal(pipe(line), 0);
    pid = fork();
    if (pid == 0) {
        (void)dup2(line[1], STDOUT_FILENO);
        (void)close(line[0]);
        (void)close(line[1]);
        (void)execl("/proc/self/exe", "syncbed", "owner", (char *)NULL);
        _exit(127);
    }
    (void)close(line[1]);
    n = read(line[0], ret_mark, PATH_MAX - 1);
    assert_true(n > 0);
    ret_mark[n] = '\0';
    (void)close(line[0]);
    *ret_pid = pid;
}

static void a_killed_owner_leaves_nothing(void **state)
{
    char mark[PATH_MAX];
    int pid;

    (void)state;
    killed_owner(&pid, mark);
    assert_false(fixture_is_gone(mark));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    fixture_await(fixture_is_gone, mark, "the end of a killed owner's keeper");
}

/* Says where its keeper lives, once a role runs; then waits to be killed. */
static int be_owner(void)
{
    struct event_base *base = loop_new();
    const char *const argv[] = {"syncbed", "role", "fruitful", NULL};
    char mark[PATH_MAX];
    struct keeper *keeper;
    uint16_t port;

    if (keeper_start(base, KEEPER_OF_CALLER, NULL, NULL, &keeper, &err) < 0 ||
        keeper_folder(keeper, "mark", mark, &err) < 0 ||
        keeper_start_role(keeper, "serve1", argv, "/dev/null", &port, &err) < 0)
        return 1;
    *(strstr(mark, "folders/mark")) = '\0';
    say(mark);
    return loop_for(base, 3600 * US_PER_S);
}

static int be_role(const char *how)
{
    if (strcmp(how, "unable") == 0) {
        (void)fprintf(stderr, "reading the plan\nno such plan\n");
        return 3;
    }
    if (strcmp(how, "deaf") == 0)
        (void)signal(SIGTERM, SIG_IGN);
    if (strcmp(how, "fruitful") == 0 && fork() == 0)
        return pause();
    say("{\"ready\":true,\"port\":12345}\n");
    for (;;)
        (void)pause();
}

static int make_place(void **state)
{
    (void)state;
    return fixture_make_place();
}

static int remove_place(void **state)
{
    (void)state;
    return file_remove_tree(fixture_place, NULL);
}

#define keeper_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        keeper_test(a_role_is_started_when_it_says_so),
        keeper_test(a_role_that_gives_up_is_quoted),
        keeper_test(a_role_that_does_not_heed_term_is_killed),
        keeper_test(a_role_that_dies_is_told_of_and_restarted),
        keeper_test(what_a_role_forked_dies_with_it),
        keeper_test(a_paused_role_stands_still),
        keeper_test(what_makes_no_sense_is_refused),
        keeper_test(ports_and_folders_stay),
        keeper_test(kill_and_restart_without_waiting),
        keeper_test(its_end_leaves_nothing),
        keeper_test(a_killed_keeper_leaves_nothing),
        keeper_test(up_is_found_again_and_only_once),
        keeper_test(up_of_somebody_else_is_not_trusted),
        keeper_test(a_killed_owner_leaves_nothing),
    };

    if (argc > 1 && strcmp(argv[1], KEEPER_VERB) == 0)
        return keeper_main(argc > 2);
    if (argc > 2 && strcmp(argv[1], "role") == 0)
        return be_role(argv[2]);
    if (argc > 1 && strcmp(argv[1], "owner") == 0)
        return be_owner();
    return cmocka_run_group_tests(tests, make_place, remove_place);
}
