/*
 * The keeper's folder: on a disk, one `up` a user, and a dead keeper's is removed, a living one's
 * is not. And programs that are missing name their package.
 *
 * Folder: servers
 */
#include "base/file.h"
#include "servers/folder.h"
#include "servers/kind.h"
#include "servers/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#define TMPFS 0x01021994 /* statfs(2) */

static char place[] = "/var/tmp/syncbed-test-folder-XXXXXX";

static int make_place(void **state)
{
    (void)state;
    return mkdtemp(place) ? setenv("SYNCBED_DIR", place, 1) : -1;
}

static int remove_place(void **state)
{
    (void)state;
    return file_remove_tree(place, NULL);
}

static struct folder make(bool up)
{
    struct folder folder;
    struct errctx err = {0};

    if (folder_make(up, &folder, &err) < 0)
        fail_msg("%s", err.message);
    return folder;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void refuses_a_folder_in_memory(void **state)
{
    struct folder folder;
    struct errctx err = {0};
    struct statfs fs;

    (void)state;
    if (statfs("/dev/shm", &fs) < 0 || fs.f_type != TMPFS)
        skip();
    assert_int_equal(setenv("SYNCBED_DIR", "/dev/shm", 1), 0);
    assert_int_equal(folder_make(false, &folder, &err), -ENOTSUP);
    assert_non_null(strstr(err.message, "tmpfs"));
    assert_int_equal(setenv("SYNCBED_DIR", place, 1), 0);
}

static void a_second_up_is_told_so(void **state)
{
    struct folder first = make(true), second;
    struct errctx err = {0};

    (void)state;
    assert_int_equal(folder_make(true, &second, &err), -EEXIST);
    assert_non_null(strstr(err.message, "up already"));
    folder_remove(&first);
    first = make(true);
    folder_remove(&first);
}

static void sweeps_the_dead_and_not_the_living(void **state)
{
    struct folder living = make(false), dead = make(false);

    (void)state;
    (void)close(dead.lock); /* as its end does */
    folder_sweep();
    assert_true(exists(living.path));
    assert_false(exists(dead.path));
    folder_remove(&living);
    assert_false(exists(living.path));
}

static void deletes_without_following_links(void **state)
{
    char outside[] = "/var/tmp/syncbed-test-outside-XXXXXX", link[PATH_MAX + 16];
    struct folder folder = make(false);

    (void)state;
    assert_non_null(mkdtemp(outside));
    (void)snprintf(link, sizeof link, "%s/link", folder.path);
    assert_int_equal(symlink(outside, link), 0);
    folder_remove(&folder);
    assert_false(exists(folder.path));
    assert_true(exists(outside));
    assert_int_equal(rmdir(outside), 0);
}

static void a_missing_program_names_its_package(void **state)
{
    const struct server server = {.name = "pg1", .folder = "/nonexistent"};
    struct errctx err = {0};

    (void)state;
    assert_int_equal(setenv("SYNCBED_POSTGRES_BIN", place, 1), 0);
    assert_int_equal(postgres_kind.configure(&server, &err), -ENOENT);
    assert_non_null(strstr(err.message, "postgresql-15"));
    assert_int_equal(unsetenv("SYNCBED_POSTGRES_BIN"), 0);

    assert_int_equal(setenv("SYNCBED_KAFKA_JARS", place, 1), 0);
    assert_int_equal(kafka_kind.configure(&server, &err), -ENOENT);
    assert_non_null(strstr(err.message, "jar"));
    assert_int_equal(unsetenv("SYNCBED_KAFKA_JARS"), 0);
}

static void a_kind_is_known_by_the_names_of_its_instances(void **state)
{
    (void)state;
    assert_ptr_equal(server_kind_of("pg12"), &postgres_kind);
    assert_ptr_equal(server_kind_of("redis"), &redis_kind);
    assert_ptr_equal(server_kind_of("kafka"), &kafka_kind);
    assert_null(server_kind_of("pgx"));
    assert_null(server_kind_of("mariadb1")); /* not yet */
    assert_null(server_kind_of(""));
}

static void each_kind_tells_its_version(void **state)
{
    (void)state;
    for (unsigned i = 0; i < server_kind_count(); i++) {
        char version[SERVER_VERSION_SIZE] = "";
        struct errctx err = {0};

        if (server_kind_at(i)->version(version, &err) < 0)
            fail_msg("%s: %s", server_kind_at(i)->name, err.message);
        assert_true(version[0] >= '1');
        assert_true(version[0] <= '9');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_a_folder_in_memory),
        cmocka_unit_test(a_second_up_is_told_so),
        cmocka_unit_test(sweeps_the_dead_and_not_the_living),
        cmocka_unit_test(deletes_without_following_links),
        cmocka_unit_test(a_missing_program_names_its_package),
        cmocka_unit_test(a_kind_is_known_by_the_names_of_its_instances),
        cmocka_unit_test(each_kind_tells_its_version),
    };

    return cmocka_run_group_tests(tests, make_place, remove_place);
}
