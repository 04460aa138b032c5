/*
 * Unit tests of crash_point.h. Dying is tested in forked children.
 * Folder: base
 */
#include "base/crash_point.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static char resumed[32]; /* the order in which held transactions went on */

static void on_resume(void *arg)
{
    strcat(resumed, arg);
}

static void every_point_has_a_name_and_a_sentence(void **state)
{
    (void)state;
    for (unsigned i = CRASH_NONE + 1; i < CRASH_POINTS; i++) {
        const struct crash_point_info *info = crash_point_info((enum crash_point)i);

        assert_int_equal(crash_point_find(info->name), i);
        assert_memory_equal(info->name, info->approach, strlen(info->approach));
        assert_int_equal(info->sentence[strlen(info->sentence) - 1], '.');
    }
    assert_int_equal(crash_point_find("xa-decidde"), CRASH_NONE);
    assert_int_equal(crash_point_find("none"), CRASH_NONE);
}

static void counts_who_stands_where(void **state)
{
    struct crash_stand a = {0}, b = {0};

    (void)state;
    assert_false(crash_point_reach(&a, CRASH_XA_RECEIVED, on_resume, NULL));
    assert_false(crash_point_reach(&b, CRASH_XA_RECEIVED, on_resume, NULL));
    assert_int_equal(crash_point_standing(CRASH_XA_RECEIVED), 2);
    assert_false(crash_point_reach(&a, CRASH_XA_DECIDED, on_resume, NULL));
    assert_int_equal(crash_point_standing(CRASH_XA_RECEIVED), 1);
    assert_int_equal(crash_point_standing(CRASH_XA_DECIDED), 1);
    crash_point_leave(&a);
    crash_point_leave(&a); /* standing nowhere, leaving again is nothing */
    crash_point_leave(&b);
    assert_int_equal(crash_point_standing(CRASH_XA_RECEIVED), 0);
    assert_int_equal(crash_point_standing(CRASH_XA_DECIDED), 0);
    assert_int_equal(crash_point_reached(CRASH_XA_RECEIVED), 2);
    assert_int_equal(crash_point_reached(CRASH_XA_DECIDED), 1);
}

static void disarming_lets_the_held_go_on_in_order(void **state)
{
    struct crash_stand a = {0}, b = {0}, c = {0}, d = {0};
    char name_a[] = "a", name_b[] = "b", name_c[] = "c";

    (void)state;
    resumed[0] = '\0';
    crash_point_arm(CRASH_LOG_ACKNOWLEDGED, 5);
    assert_true(crash_point_reach(&a, CRASH_LOG_ACKNOWLEDGED, on_resume, name_a));
    assert_true(crash_point_reach(&b, CRASH_LOG_ACKNOWLEDGED, on_resume, name_b));
    assert_true(crash_point_reach(&c, CRASH_LOG_ACKNOWLEDGED, on_resume, name_c));
    assert_false(crash_point_reach(&d, CRASH_LOG_PRODUCED, on_resume, name_a)); /* not armed */
    assert_true(a.held);
    crash_point_leave(&b); /* gone by its deadline, while held */
    crash_point_disarm();
    assert_string_equal(resumed, "ac");
    assert_false(a.held);
    assert_int_equal(crash_point_standing(CRASH_LOG_ACKNOWLEDGED), 2);
    crash_point_leave(&a);
    crash_point_leave(&c);
    crash_point_leave(&d);
    crash_point_disarm();
    assert_string_equal(resumed, "ac");
}

/* In a child: n transactions reach the point that is armed with `gather`. Never returns. */
static void on_full(void *arg)
{
    ++*(unsigned *)arg;
}

/* Somebody else is hit while they stand there. */
static void gathering_holds_and_tells_once_and_nobody_dies(void **state)
{
    struct crash_stand stands[3] = {{0}};
    unsigned n_full = 0;
    char name[] = "a";

    (void)state;
    resumed[0] = '\0';
    crash_point_gather(CRASH_XA_VOTED, 2, on_full, &n_full);
    assert_true(crash_point_reach(&stands[0], CRASH_XA_VOTED, on_resume, name));
    assert_int_equal(n_full, 0);
    assert_true(crash_point_reach(&stands[1], CRASH_XA_VOTED, on_resume, name));
    assert_int_equal(n_full, 1);
    assert_true(crash_point_reach(&stands[2], CRASH_XA_VOTED, on_resume, name));
    assert_int_equal(n_full, 1);
    assert_string_equal(resumed, "");
    crash_point_disarm();
    assert_string_equal(resumed, "aaa");
    for (unsigned i = 0; i < 3; i++)
        crash_point_leave(&stands[i]);
}

_Noreturn static void gather_in_child(unsigned gather, unsigned n, int report_fd)
{
    static struct crash_stand stand[16], other;

    crash_point_report_to(report_fd);
    (void)crash_point_reach(&other, CRASH_XA_PREPARE_SENT, on_resume, NULL);
    crash_point_arm(CRASH_XA_DECIDED, gather);
    for (unsigned i = 0; i < n; i++) {
        stand[i].request = i == 2 ? NULL : "c0-1"; /* one is no transaction */
        (void)crash_point_reach(&stand[i], CRASH_XA_DECIDED, on_resume, NULL);
    }
    _exit(0);
}

static int status_of_child(unsigned gather, unsigned n, int report_fd)
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        gather_in_child(gather, n, report_fd);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void dies_by_sigkill_at_the_kth_and_says_who_stood_where(void **state)
{
    char path[] = "/tmp/syncbed-test-crash-XXXXXX";
    int fd = mkstemp(path);
    json_t *exposure, *standing, *held;
    int status;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
    status = status_of_child(8, 7, fd);
    assert_true(WIFEXITED(status)); /* seven are not enough */
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    status = status_of_child(8, 16, fd);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);

    exposure = json_load_file(path, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(exposure, "t")), "exposure");
    assert_string_equal(json_string_value(json_object_get(exposure, "point")), "xa-decided");
    assert_true(json_integer_value(json_object_get(exposure, "at")) > 0);
    standing = json_object_get(exposure, "standing");
    assert_int_equal(json_object_size(standing), 2);
    assert_int_equal(json_integer_value(json_object_get(standing, "xa-decided")), 8);
    assert_int_equal(json_integer_value(json_object_get(standing, "xa-prepare-sent")), 1);
    held = json_object_get(exposure, "held");
    assert_int_equal(json_array_size(held), 7);
    assert_string_equal(json_string_value(json_array_get(held, 6)), "c0-1");
    json_decref(exposure);
    (void)close(fd);
    (void)unlink(path);
}

static void a_report_that_cannot_be_written_does_not_save_it(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    assert_true(WIFSIGNALED(status_of_child(1, 1, fd)));
    assert_true(WIFSIGNALED(status_of_child(1, 1, -1)));
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_point_has_a_name_and_a_sentence),
        cmocka_unit_test(counts_who_stands_where),
        cmocka_unit_test(disarming_lets_the_held_go_on_in_order),
        cmocka_unit_test(gathering_holds_and_tells_once_and_nobody_dies),
        cmocka_unit_test(dies_by_sigkill_at_the_kth_and_says_who_stood_where),
        cmocka_unit_test(a_report_that_cannot_be_written_does_not_save_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
