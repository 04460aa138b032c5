/*
 * Loading a run folder: what is whole loads, what is cut or contradicts itself is refused with
 * FILE:LINE, and a run that did not finish is not judged.
 * Folder: harness
 */
#include "harness/checkers/intern.h"
#include "harness/checkers/run_data.h"
#include "run_builder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static struct built b;

static int setup(void **state)
{
    (void)state;
    built_make_dir(dir);
    built_init(&b);
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 105, HISTORY_OK), BUILT_ALL);
    built_apply(&b, built_write(&b, "c1-1", 1, 110, 115, HISTORY_OK), BUILT_ALL);
    buf_append_str(
        &b.faults,
        "{\"t\":\"armed\",\"fault\":0,\"at\":1050000,\"target\":\"serve1\",\"action\":"
        "\"kill\",\"point\":\"xa-decided\",\"gather\":8}\n"
        "{\"t\":\"begin\",\"fault\":0,\"at\":1060000,\"target\":\"serve1\",\"action\":"
        "\"kill\",\"point\":\"xa-decided\",\"gathered\":8,\"exposure\":{\"xa-decided\":8}"
        "}\n"
        "{\"t\":\"end\",\"fault\":0,\"at\":1090000,\"target\":\"serve1\"}\n"
        "{\"t\":\"skipped\",\"fault\":1,\"at\":1090000,\"target\":\"sink-pg1\",\"why\":"
        "\"xa has no sinks\"}\n");
    buf_append_str(&b.samples,
                   "{\"t\":\"in_doubt\",\"at\":1100000,\"store\":\"pg1\",\"gids\":"
                   "[\"sb1:serve1:1:17:c1-1\"],\"ages_us\":[1200],\"waiters\":2}\n"
                   "{\"t\":\"door\",\"at\":1100000,\"server\":\"serve1\",\"in_flight\":12}\n");
    built_seen(&b, 0, 0, 101, 102);
    built_seen(&b, 0, 1, 0, 0);
    built_save(&b, dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    built_remove_dir(dir);
    built_done(&b);
    return 0;
}

static void load(struct run_data *run)
{
    struct errctx err = {0};

    if (run_data_load(dir, run, &err) < 0)
        fail_msg("%s", err.message);
}

/* Loading must fail with this after the folder's name. */
static void expect_refusal(const char *message)
{
    struct errctx err = {0};
    struct run_data run;

    assert_true(run_data_load(dir, &run, &err) < 0);
    assert_true(strncmp(err.message, dir, strlen(dir)) == 0);
    assert_string_equal(err.message + strlen(dir) + 1, message);
    run_data_done(&run);
}

static void read_all(const char *name, struct buf *ret_text)
{
    char path[256], chunk[4096];
    size_t size;
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    file = fopen(path, "r");
    assert_non_null(file);
    while ((size = fread(chunk, 1, sizeof chunk, file)) > 0)
        buf_append(ret_text, chunk, size);
    (void)fclose(file);
}

static void a_whole_folder_loads(void **state)
{
    struct run_data run;

    (void)state;
    load(&run);
    assert_true(run.finished);
    assert_string_equal(run.approach, "xa");
    assert_string_equal(run.schedule, "none");
    assert_int_equal(run.n_stores, 3);
    assert_int_equal(run.history.n, 2);
    assert_int_equal(run.n_entries, 6);
    assert_int_equal(run.op[1].applied, 7);
    assert_string_equal(run_key_name(&run, run.micro[run.op[1].first].state), "user:1");
    assert_int_equal(run.n_faults, 2);
    assert_string_equal(run.fault[0].point, "xa-decided");
    assert_int_equal(run.fault[0].gathered, 8);
    assert_int_equal(run.fault[0].end_us, 1090000);
    assert_string_equal(run.fault[1].skipped, "xa has no sinks");
    assert_int_equal(run.n_in_doubt, 1);
    assert_int_equal(run.gid[0].op, 1);
    assert_true(run.settling.settled);
    assert_int_equal(json_integer_value(json_object_get(run.config, "seed")), 1);
    run_data_done(&run);
}

static void a_run_without_its_last_word_is_not_finished(void **state)
{
    struct run_data run;

    (void)state;
    b.finished = false;
    built_save(&b, dir);
    load(&run);
    assert_false(run.finished);
    run_data_done(&run);
    built_write_file(dir, "phases.ndjson", "{\"t\":\"begin\",\"phase\":\"loa");
    load(&run);
    assert_false(run.finished);
    run_data_done(&run);
}

/* Whatever is missing at the end of a file that has a closing line is noticed; nothing crashes. */
static void cut_everywhere(const char *name)
{
    struct buf text = {0};

    read_all(name, &text);
    for (size_t size = 0; size + 1 < text.size; size++) {
        char *cut = strndup(text.data, size);
        struct errctx err = {0};
        struct run_data run;

        built_write_file(dir, name, cut);
        assert_int_equal(run_data_load(dir, &run, &err), -EBADMSG);
        assert_non_null(strstr(err.message, name));
        run_data_done(&run);
        free(cut);
    }
    buf_done(&text);
}

static void a_history_cut_anywhere_is_refused(void **state)
{
    (void)state;
    cut_everywhere("history.ndjson");
}

static void a_final_state_cut_anywhere_is_refused(void **state)
{
    (void)state;
    cut_everywhere("final/pg2.ndjson");
}

static void what_the_harness_noted_cut_anywhere_is_refused(void **state)
{
    (void)state;
    cut_everywhere("faults.ndjson");
    built_save(&b, dir);
    cut_everywhere("samples.ndjson");
    built_save(&b, dir);
    cut_everywhere("probes.ndjson");
    built_save(&b, dir);
    cut_everywhere("evidence.ndjson");
}

static void a_line_without_an_end_is_refused(void **state)
{
    (void)state;
    built_write_file(dir, "faults.ndjson", "{\"t\":\"skipped\",\"fault\":1,\"at\":1}");
    expect_refusal("faults.ndjson:1: the file is cut: no end of line");
}

/* Cut between two lines, or glued together again without some. */
static void a_file_without_all_its_lines_is_refused(void **state)
{
    (void)state;
    built_write_file(dir, "faults.ndjson", "");
    expect_refusal("faults.ndjson:0: the file is cut: no closing line");
    built_write_file(dir, "faults.ndjson", "{\"t\":\"end\",\"lines\":4}\n");
    expect_refusal("faults.ndjson:1: the file is cut: 0 lines of 4 are here");
    built_save(&b, dir);
    built_write_file(dir, "samples.ndjson",
                     "{\"t\":\"door\",\"at\":1100000,\"server\":\"serve1\",\"in_flight\":12}\n");
    expect_refusal("samples.ndjson:1: the file is cut: no closing line");
}

static void probes_load(void **state)
{
    struct run_data run;

    (void)state;
    load(&run);
    assert_int_equal(run.n_probes, 1);
    assert_int_equal(run.probe[0].op, 0);
    assert_int_equal(run.probe[0].at[0].unseen_us, 1101000);
    assert_int_equal(run.probe[0].at[0].seen_us, 1102000);
    assert_int_equal(run.probe[0].at[1].seen_us, 0);
    assert_int_equal(run.probe[0].at[2].seen_us, 0); /* no line: not looked for */
    run_data_done(&run);
}

static void expect_refused_probe(const char *message, const char *line)
{
    built_write_lines(dir, "probes.ndjson", line);
    expect_refusal(message);
}

#define PROBE(op, store, times)                                                                    \
    "{\"t\":\"probe\",\"op\":" op ",\"store\":\"" store "\"," times "}\n"
#define TIMES(unseen, seen) "\"unseen\":" unseen ",\"seen\":" seen

static void probes_that_cannot_be_are_refused(void **state)
{
    (void)state;
    expect_refused_probe("probes.ndjson:1: operation 1 is no probe of history.ndjson",
                         PROBE("1", "pg1", TIMES("1120000", "1130000")));
    expect_refused_probe("probes.ndjson:1: operation 9 is no probe of history.ndjson",
                         PROBE("9", "pg1", TIMES("1120000", "1130000")));
    expect_refused_probe("probes.ndjson:1: operation 0 does not write to \"pg9\"",
                         PROBE("0", "pg9", TIMES("1120000", "1130000")));
    expect_refused_probe("probes.ndjson:1: operation 0 was looked for before it was sent",
                         PROBE("0", "pg1", TIMES("1099999", "1130000")));
    expect_refused_probe("probes.ndjson:1: operation 0 was looked for before it was sent",
                         PROBE("0", "pg1", TIMES("null", "1099999")));
    expect_refused_probe("probes.ndjson:1: operation 0 is missed after it was seen",
                         PROBE("0", "pg1", TIMES("1130001", "1130000")));
    expect_refused_probe("probes.ndjson:2: operation 0 at pg1 comes twice",
                         PROBE("0", "pg1", TIMES("1120000", "1130000"))
                             PROBE("0", "pg1", TIMES("1120000", "1130000")));
    expect_refused_probe("probes.ndjson:1: \"seen\" is not there, or no integer from 0",
                         PROBE("0", "pg1", "\"unseen\":1120000"));
}

static void probes_without_their_file_are_refused(void **state)
{
    char path[128];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/probes.ndjson", dir);
    assert_int_equal(unlink(path), 0);
    expect_refusal("probes.ndjson: No such file or directory");
}

#define SETTLED(scans)                                                                             \
    "{\"t\":\"settled\",\"at\":13000000,\"settled\":true,\"scans\":[" scans "],\"why\":\"\"}\n"
#define SCAN(equal) "{\"from\":11000000,\"to\":11100000,\"equal\":" equal "}"
#define PREPARED    "{\"t\":\"prepared\",\"store\":\"pg1\",\"gid\":\"sb1:serve1:1:17:c1-1\"}\n"

static void a_settled_run_holds_nothing_prepared(void **state)
{
    struct run_data run;

    (void)state;
    built_write_lines(dir, "evidence.ndjson", PREPARED SETTLED(SCAN("true") "," SCAN("true")));
    expect_refusal("evidence.ndjson:2: settled, and still prepared somewhere");
    built_write_lines(dir, "evidence.ndjson", SETTLED(SCAN("true") "," SCAN("true")) PREPARED);
    expect_refusal("evidence.ndjson:2: settled, and still prepared somewhere");
    b.settled = false;
    buf_append_str(&b.evidence, PREPARED);
    built_save(&b, dir);
    load(&run);
    assert_int_equal(run.settling.n_prepared, 1);
    run_data_done(&run);
}

static void a_settled_run_was_scanned_twice_and_as_it_is(void **state)
{
    struct run_data run;

    (void)state;
    built_write_lines(dir, "evidence.ndjson", SETTLED(SCAN("true")));
    expect_refusal("evidence.ndjson:1: settled after 1 scans: at least 2 are needed");
    built_write_lines(dir, "evidence.ndjson", SETTLED(SCAN("true") "," SCAN("false")));
    expect_refusal("evidence.ndjson:1: the last scan found the stores unequal, final/ does not");
    built_write_lines(dir, "evidence.ndjson", SETTLED(SCAN("false") "," SCAN("true")));
    load(&run);
    run_data_done(&run);
    built_append(&b, 0, 1, "c0-0", "1 w other");
    built_save_finals(&b, dir);
    expect_refusal("evidence.ndjson:1: the last scan found the stores equal, final/ does not");
    built_write_lines(dir, "evidence.ndjson", SETTLED(SCAN("false") "," SCAN("false")));
    load(&run);
    run_data_done(&run);
}

static void what_is_malformed_is_named(void **state)
{
    (void)state;
    built_write_file(dir, "final/pg1.ndjson",
                     "{\"key\":\"user:0\",\"value\":\"x\",\"n\":1,\"journal\":[[1,\"c0-0\"]]}\n");
    expect_refusal("final/pg1.ndjson:1: a journal entry is not [n, request, operation]");
    built_write_file(dir, "final/pg1.ndjson",
                     "{\"key\":\"user:0\",\"value\":\"x\",\"n\":0,\"journal\":[]}\n"
                     "{\"key\":\"user:0\",\"value\":\"x\",\"n\":0,\"journal\":[]}\n"
                     "{\"t\":\"end\",\"keys\":2}\n");
    expect_refusal("final/pg1.ndjson:2: key user:0 stands twice");
    built_write_file(dir, "final/pg1.ndjson", "{\"t\":\"end\",\"keys\":2}\n");
    expect_refusal("final/pg1.ndjson:1: 2 keys said, 0 there");
    built_save_finals(&b, dir);
    built_write_lines(dir, "evidence.ndjson", "{\"t\":\"marker\",\"partition\":0,\"offset\":9}\n");
    expect_refusal("evidence.ndjson: no line \"settled\"");
    built_write_file(dir, "samples.ndjson",
                     "{\"t\":\"lag\",\"at\":5,\"store\":\"pg9\",\"records\":1}\n");
    expect_refusal("samples.ndjson:1: no store \"pg9\" in config.yaml");
    built_write_file(dir, "samples.ndjson", "[]\n");
    expect_refusal("samples.ndjson:1: no JSON object");
}

static void a_request_twice_in_a_history_is_refused(void **state)
{
    (void)state;
    (void)built_write(&b, "c0-0", 0, 200, 205, HISTORY_FAIL);
    built_save(&b, dir);
    expect_refusal("history.ndjson: operations 0 and 2 are both request c0-0");
}

static void equal_strings_have_equal_numbers(void **state)
{
    struct intern table = {0};
    char text[32];

    (void)state;
    assert_int_equal(intern_find(&table, "x"), INTERN_NONE);
    for (unsigned i = 0; i < 100000; i++) {
        (void)snprintf(text, sizeof text, "c%u-%u", i % 7, i);
        assert_int_equal(intern_add(&table, text), i);
    }
    for (unsigned i = 0; i < 100000; i++) {
        (void)snprintf(text, sizeof text, "c%u-%u", i % 7, i);
        assert_int_equal(intern_add(&table, text), i);
        assert_string_equal(intern_text(&table, i), text);
    }
    assert_int_equal(intern_find(&table, "c0-1"), INTERN_NONE);
    intern_done(&table);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_folder_loads),
        TEST(a_run_without_its_last_word_is_not_finished),
        TEST(a_history_cut_anywhere_is_refused),
        TEST(a_final_state_cut_anywhere_is_refused),
        TEST(what_the_harness_noted_cut_anywhere_is_refused),
        TEST(a_line_without_an_end_is_refused),
        TEST(a_file_without_all_its_lines_is_refused),
        TEST(probes_load),
        TEST(probes_that_cannot_be_are_refused),
        TEST(probes_without_their_file_are_refused),
        TEST(a_settled_run_holds_nothing_prepared),
        TEST(a_settled_run_was_scanned_twice_and_as_it_is),
        TEST(what_is_malformed_is_named),
        TEST(a_request_twice_in_a_history_is_refused),
        cmocka_unit_test(equal_strings_have_equal_numbers),
    };

    return cmocka_run_group_tests_name("run data", tests, NULL, NULL);
}
