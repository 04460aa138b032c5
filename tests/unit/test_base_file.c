/*
 * Whole files and whole trees.
 * Folder: base
 */
#include "base/file.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];

static int make_root(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/syncbed-test-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    return file_remove_tree(root, NULL);
}

/* Each call has a buffer of its own, four of them. */
static const char *below(const char *name)
{
    static char path[4][PATH_MAX];
    static unsigned next;

    next = (next + 1) % 4;
    (void)snprintf(path[next], sizeof path[next], "%s/%s", root, name);
    return path[next];
}

static int put(int (*how)(const char *, const struct buf *, struct errctx *), const char *name,
               const char *text, struct errctx *err)
{
    struct buf buf = {0};
    int r;

    buf_append_str(&buf, text);
    r = how(below(name), &buf, err);
    buf_done(&buf);
    return r;
}

static void expect(const char *name, const char *text)
{
    struct errctx err = {0};
    struct buf buf = {0};

    assert_int_equal(file_read(below(name), &buf, &err), 0);
    assert_string_equal(buf_str(&buf), text);
    buf_done(&buf);
}

static void a_file_is_written_and_read_whole(void **state)
{
    struct errctx err = {0};
    struct buf buf = {0};
    char text[10001];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(put(file_write, "long", text, &err), 0);
    expect("long", text);
    assert_int_equal(put(file_write, "long", "", &err), 0);
    expect("long", "");
    assert_int_equal(file_read(below("none"), &buf, &err), -ENOENT);
    assert_non_null(strstr(err.message, "/none: No such file"));
    assert_int_equal(put(file_write, "none/below", "x", &err), -ENOENT);
    assert_int_equal(put(file_write, ".", "x", &err), -EISDIR);
    buf_done(&buf);
}

static void a_full_disk_is_told(void **state)
{
    struct errctx err = {0};
    struct buf buf = {0};

    (void)state;
    buf_append_str(&buf, "x");
    assert_int_equal(file_write("/dev/full", &buf, &err), -ENOSPC);
    assert_string_equal(err.message, "/dev/full: No space left on device");
    buf_done(&buf);
}

static void a_replaced_file_leaves_no_draft(void **state)
{
    struct errctx err = {0};

    (void)state;
    assert_int_equal(put(file_replace, "file", "old", &err), 0);
    assert_int_equal(put(file_replace, "file", "new", &err), 0);
    expect("file", "new");
    assert_int_equal(access(below(".file.draft"), F_OK), -1);
}

static void what_cannot_be_replaced_stays(void **state)
{
    struct errctx err = {0};
    char name[NAME_MAX + 1];

    (void)state;
    assert_int_equal(mkdir(below("folder"), 0755), 0);
    assert_int_equal(put(file_write, "folder/file", "x", &err), 0);
    assert_int_equal(put(file_replace, "folder", "new", &err), -EISDIR);
    expect("folder/file", "x");
    assert_int_equal(access(below(".folder.draft"), F_OK), -1);
    memset(name, 'x', sizeof name - 1); /* a good name, but its draft's is too long */
    name[sizeof name - 1] = '\0';
    assert_int_equal(put(file_replace, name, "new", &err), -ENAMETOOLONG);
}

static void a_tree_is_removed_and_links_are_not_followed(void **state)
{
    struct errctx err = {0};

    (void)state;
    assert_int_equal(mkdir(below("precious"), 0755), 0);
    assert_int_equal(put(file_write, "precious/file", "x", &err), 0);
    assert_int_equal(mkdir(below("tree"), 0755), 0);
    assert_int_equal(mkdir(below("tree/inner"), 0755), 0);
    assert_int_equal(put(file_write, "tree/inner/file", "x", &err), 0);
    assert_int_equal(symlink("../../precious", below("tree/inner/link")), 0);
    assert_int_equal(file_remove_tree(below("tree"), &err), 0);
    assert_int_equal(access(below("tree"), F_OK), -1);
    expect("precious/file", "x");
    assert_int_equal(file_remove_tree(below("tree"), &err), 0);
}

static void a_file_in_the_way_of_a_path_is_told(void **state)
{
    struct errctx err = {0};

    (void)state;
    assert_int_equal(put(file_write, "file", "x", &err), 0);
    assert_int_equal(file_remove_tree(below("file/below"), &err), -ENOTDIR);
    assert_non_null(strstr(err.message, "/file/below: Not a directory"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_written_and_read_whole),
        TEST(a_full_disk_is_told),
        TEST(a_replaced_file_leaves_no_draft),
        TEST(what_cannot_be_replaced_stays),
        TEST(a_tree_is_removed_and_links_are_not_followed),
        TEST(a_file_in_the_way_of_a_path_is_told),
    };

    return cmocka_run_group_tests_name("base_file", tests, NULL, NULL);
}
