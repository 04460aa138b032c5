/*
 * The pure parts of carrying out a run: times of phases, a sink's position, exposure files, and the
 * folder of results, which is never somebody else's. Folder: harness
 */
#include "base/buf.h"
#include "base/file.h"
#include "harness/lines.h"
#include "harness/ndjson.h"
#include "harness/run/exposure.h"
#include "harness/run/files.h"
#include "harness/run/phases.h"
#include "harness/run/position.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char root[] = "/tmp/syncbed-parts-XXXXXX"; /* of one test */

static int make_root(void **state)
{
    (void)state;
    (void)strcpy(root + strlen(root) - 6, "XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    struct errctx err;

    (void)state;
    return file_remove_tree(root, &err);
}

static const char *below(const char *name)
{
    static char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static void put(const char *name, const char *text)
{
    struct buf buf = {0};
    struct errctx err;

    buf_append_str(&buf, text);
    assert_int_equal(file_write(below(name), &buf, &err), 0);
    buf_done(&buf);
}

/* --- phases ----------------------------------------------------------------------------------- */

static void phases_add_up_in_the_order_they_came(void **state)
{
    struct phases phases = {0};
    struct buf out = {0};

    (void)state;
    phases_add_text(&phases, "install=12.34,build=20");
    phases_add(&phases, "load", 1500000);
    phases_add(&phases, "settle", 250000);
    phases_add(&phases, "load", 1500000);
    phases_print(&out, &phases);
    assert_string_equal(buf_str(&out), "  install 12.3 s, build 20.0 s, load 3.0 s, settle 0.2 s, "
                                       "total 35.6 s\n");
    buf_done(&out);
}

static void malformed_phases_of_the_launcher_are_left_out(void **state)
{
    struct phases phases = {0};

    (void)state;
    phases_add_text(&phases, NULL);
    phases_add_text(&phases, "");
    phases_add_text(&phases, ",,=3,x,y=,z=abc,w=-1,v=1s,u=1e9");
    assert_int_equal(phases.n, 0);
    phases_add_text(&phases, "x=1,bad,y=2");
    assert_int_equal(phases.n, 2);
}

static void phases_wrap_at_eighty_columns(void **state)
{
    struct phases phases = {0};
    struct buf out = {0};

    (void)state;
    for (char name[] = "a-long-phase-a"; name[13] < 'k'; name[13]++)
        phases_add(&phases, name, 1000000);
    phases_print(&out, &phases);
    for (const char *line = buf_str(&out); *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 80);
    buf_done(&out);
}

/* --- positions -------------------------------------------------------------------------------- */

static void a_sink_has_reached_what_every_partition_has(void **state)
{
    static const struct {
        const char *reply;
        bool reached;
        int lag, applied;
    } cases[] = {
        {"{\"position\":{\"0\":5,\"1\":7},\"lag\":0}", true, 0, 12},
        {"{\"position\":{\"0\":9,\"1\":9},\"lag\":3}", true, 3, 18},
        {"{\"position\":{\"0\":5,\"1\":6},\"lag\":1}", false, 1, 11},
        {"{\"position\":{\"0\":5},\"lag\":null}", false, -1, 5},
        {"{\"position\":{}}", false, -1, 0},
        {"{}", false, -1, 0},
    };
    const struct position past = {.n = 2, .offset = {5, 7}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *reply = json_loads(cases[i].reply, 0, NULL);

        assert_int_equal(position_reached(reply, &past), cases[i].reached);
        assert_int_equal(position_lag(reply), cases[i].lag);
        assert_int_equal(position_applied(reply), cases[i].applied);
        json_decref(reply);
    }
    assert_int_equal(position_lag(NULL), -1);
}

/* --- exposure --------------------------------------------------------------------------------- */

static void the_last_exposure_since_counts(void **state)
{
    struct errctx err;
    json_t *exposure = NULL;
    int64_t at_us = 0;

    (void)state;
    assert_false(exposure_read(root, "serve1", 0, &at_us, &exposure));
    assert_int_equal(files_make_folder(below("control"), &err), 0);
    put("control/serve1.exposure.ndjson", "");
    assert_false(exposure_read(root, "serve1", 0, &at_us, &exposure));
    put("control/serve1.exposure.ndjson",
        "{\"t\":\"exposure\",\"at\":100,\"standing\":{\"xa-decided\":1}}\n"
        "{\"t\":\"exposure\",\"at\":200,\"standing\":{\"xa-decided\":8}}\n");
    assert_false(exposure_read(root, "serve1", 201, &at_us, &exposure)); /* an earlier death */
    assert_true(exposure_read(root, "serve1", 150, &at_us, &exposure));
    assert_int_equal(at_us, 200);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(exposure, "standing"), "xa-decided")),
        8);
    json_decref(exposure);
}

/* --- folders ---------------------------------------------------------------------------------- */

static void a_new_folder_is_claimed_by_one(void **state)
{
    struct errctx err;
    char path[PATH_MAX];
    int lock, second;

    (void)state;
    assert_int_equal(files_claim(below("a/b/c"), path, &lock, &err), 0);
    assert_int_equal(files_claim(below("a/b/c"), path, &second, &err), -EBUSY);
    (void)close(lock);
    assert_int_equal(files_claim(below("a/b/c"), path, &second, &err), 0);
    (void)close(second);
}

static void an_earlier_result_is_removed(void **state)
{
    struct errctx err;
    char path[PATH_MAX];
    int lock;

    (void)state;
    assert_int_equal(files_make_folder(below("out/runs/001-xa/final"), &err), 0);
    put("out/experiment.yaml", "question: x\n");
    put("out/runs/001-xa/final/pg1.ndjson", "{}\n");
    put("out/results.json", "{}\n");
    assert_int_equal(files_claim(below("out"), path, &lock, &err), 0);
    assert_int_equal(access(below("out/results.json"), F_OK), 0); /* not yet */
    assert_int_equal(files_empty(below("out"), &err), 0);
    assert_int_equal(rmdir(below("out")), 0); /* nothing is left in it */
    (void)close(lock);
}

static void what_is_not_ours_is_refused_and_named(void **state)
{
    struct errctx err;
    char path[PATH_MAX];
    int lock;

    (void)state;
    assert_int_equal(files_make_folder(below("out"), &err), 0);
    put("out/thesis.tex", "all my work");
    assert_int_equal(files_claim(below("out"), path, &lock, &err), -ENOTEMPTY);
    assert_non_null(strstr(err.message, "thesis.tex"));
    put("out/experiment.yaml", "question: x\n"); /* even beside a result of ours */
    assert_int_equal(files_claim(below("out"), path, &lock, &err), -ENOTEMPTY);
    assert_int_equal(unlink(below("out/thesis.tex")), 0);
    assert_int_equal(unlink(below("out/experiment.yaml")), 0);
    assert_int_equal(files_make_folder(below("out/runs"), &err), 0); /* anybody's runs */
    assert_int_equal(files_claim(below("out"), path, &lock, &err), -ENOTEMPTY);
    assert_non_null(strstr(err.message, "experiment.yaml"));
}

static void links_are_not_followed(void **state)
{
    struct errctx err;

    (void)state;
    assert_int_equal(files_make_folder(below("precious"), &err), 0);
    put("precious/file", "x");
    assert_int_equal(files_make_folder(below("out"), &err), 0);
    assert_int_equal(symlink("../precious", below("out/runs")), 0);
    assert_int_equal(file_remove_tree(below("out"), &err), 0);
    assert_int_equal(access(below("precious/file"), F_OK), 0);
}

static void folders_are_copied_without_folders(void **state)
{
    struct errctx err;
    struct buf text = {0};

    (void)state;
    assert_int_equal(files_make_folder(below("from/inner"), &err), 0);
    put("from/one", "1");
    assert_int_equal(files_make_folder(below("to"), &err), 0);
    char to[PATH_MAX];
    (void)snprintf(to, sizeof to, "%s", below("to"));
    assert_int_equal(files_copy_folder(below("from"), to, &err), 0);
    assert_int_equal(file_read(below("to/one"), &text, &err), 0);
    assert_string_equal(buf_str(&text), "1");
    assert_int_equal(access(below("to/inner"), F_OK), -1);
    buf_done(&text);
}

/* --- lines ------------------------------------------------------------------------------------ */

static void a_full_disk_is_told_at_the_end(void **state)
{
    struct lines lines;
    struct errctx err;

    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    assert_int_equal(lines_open(&lines, "/dev", "full", &err), 0);
    lines_write(&lines, json_pack("{s:i}", "a", 1));
    lines_write(&lines, json_pack("{s:i}", "b", 2));
    assert_int_equal(lines_close(&lines, &err), -ENOSPC);
    assert_non_null(strstr(err.message, "full"));
}

static void a_file_of_lines_says_how_many_there_were(void **state)
{
    struct lines lines;
    struct ndjson in;
    struct errctx err;
    json_t *object;

    (void)state;
    assert_int_equal(lines_open(&lines, root, "faults.ndjson", &err), 0);
    lines_write(&lines, json_pack("{s:s, s:i}", "t", "end", "fault", 0));
    lines_end(&lines);
    assert_int_equal(lines_close(&lines, &err), 0);
    assert_int_equal(ndjson_open(&in, below("faults.ndjson"), &err), 0);
    assert_int_equal(ndjson_next(&in, &object, &err), 1);
    json_decref(object);
    assert_false(in.ended);
    assert_int_equal(ndjson_next(&in, &object, &err), 0);
    assert_true(in.ended);
    ndjson_close(&in);
}

static void expect_refused(const char *text, const char *why)
{
    struct ndjson in;
    struct errctx err;
    json_t *object;
    int rc;

    put("lines.ndjson", text);
    assert_int_equal(ndjson_open(&in, below("lines.ndjson"), &err), 0);
    while ((rc = ndjson_next(&in, &object, &err)) > 0)
        json_decref(object);
    assert_int_equal(rc, -EBADMSG);
    assert_non_null(strstr(err.message, why));
    ndjson_close(&in);
}

static void lines_that_are_missing_or_too_many_are_noticed(void **state)
{
    (void)state;
    expect_refused("{\"a\":1}\n{\"t\":\"end\",\"lines\":2}\n", ":2: the file is cut: 1 lines of 2");
    expect_refused("{\"t\":\"end\",\"lines\":0}\n{\"a\":1}\n", ":2: there is more behind");
    expect_refused("{\"t\":\"end\",\"lines\":0}\n{\"t\":\"end\",\"lines\":1}\n", "more behind");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_add_up_in_the_order_they_came),
        cmocka_unit_test(malformed_phases_of_the_launcher_are_left_out),
        cmocka_unit_test(phases_wrap_at_eighty_columns),
        cmocka_unit_test(a_sink_has_reached_what_every_partition_has),
        cmocka_unit_test_setup_teardown(the_last_exposure_since_counts, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_new_folder_is_claimed_by_one, make_root, remove_root),
        cmocka_unit_test_setup_teardown(an_earlier_result_is_removed, make_root, remove_root),
        cmocka_unit_test_setup_teardown(what_is_not_ours_is_refused_and_named, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(links_are_not_followed, make_root, remove_root),
        cmocka_unit_test_setup_teardown(folders_are_copied_without_folders, make_root, remove_root),
        cmocka_unit_test(a_full_disk_is_told_at_the_end),
        cmocka_unit_test_setup_teardown(a_file_of_lines_says_how_many_there_were, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(lines_that_are_missing_or_too_many_are_noticed, make_root,
                                        remove_root),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
