/*
 * Unit tests of yaml.h: what is read, each refusal with its line, and what we write reads back.
 * Folder: base
 */
#include "base/buf.h"
#include "base/random.h"
#include "base/yaml.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char path[64];
    struct yaml_file *file;
    const struct yaml_node *root;
    struct errctx err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int fd;

    assert_non_null(f);
    (void)snprintf(f->path, sizeof f->path, "/tmp/syncbed-test-yaml-XXXXXX");
    fd = mkstemp(f->path);
    assert_true(fd >= 0);
    (void)close(fd);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    yaml_close(f->file);
    (void)unlink(f->path);
    free(f);
    return 0;
}

static int open_text(struct fixture *f, const char *text, size_t size)
{
    FILE *out = fopen(f->path, "w");

    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
    yaml_close(f->file);
    f->file = NULL;
    return yaml_open(f->path, &f->file, &f->root, &f->err);
}

static void load(struct fixture *f, const char *text)
{
    if (open_text(f, text, strlen(text)) < 0)
        fail_msg("%s", f->err.message);
}

/* The message without the file's name: "7: …". */
static const char *complaint(const struct fixture *f)
{
    size_t n = strlen(f->path);

    assert_memory_equal(f->err.message, f->path, n);
    return f->err.message + n + 1;
}

static void reads_scalars_sequences_and_mappings(void **state)
{
    struct fixture *f = *state;
    const struct yaml_node *faults, *fault;

    load(f, "# a comment\n"
            "question: What does it leave behind?\n"
            "stores: [pg1, 'pg2', \"redis\"]\n"
            "schedules:\n"
            "  - name: killed\n"
            "    faults: [{at_s: 3, kill: serve1}, {at_s: 4.5}]\n"
            "empty:\n");
    assert_int_equal(yaml_kind(f->root), YAML_MAPPING);
    assert_int_equal(yaml_size(f->root), 4);
    assert_string_equal(yaml_key(f->root, 1), "stores");
    assert_string_equal(yaml_text(yaml_find(f->root, "question")), "What does it leave behind?");
    assert_string_equal(yaml_text(yaml_item(yaml_find(f->root, "stores"), 2)), "redis");
    assert_null(yaml_item(yaml_find(f->root, "stores"), 3));
    assert_null(yaml_find(f->root, "nothing"));
    faults = yaml_find(yaml_item(yaml_find(f->root, "schedules"), 0), "faults");
    fault = yaml_item(faults, 1);
    assert_int_equal(yaml_line(fault), 6);
    assert_string_equal(yaml_text(yaml_find(fault, "at_s")), "4.5");
    assert_int_equal(yaml_kind(yaml_find(f->root, "empty")), YAML_SCALAR);
    assert_string_equal(yaml_text(yaml_find(f->root, "empty")), "");
    assert_string_equal(yaml_text(faults), ""); /* of no scalar */
}

static void refuses_what_it_does_not_read(void **state)
{
    static const char *const refusals[][2] = {
        {"a: 1\nb: 2\na: 3\n", "3: \"a\" stands here twice"},
        {"a: &x 1\n", "1: anchors and aliases are not used here"},
        {"a: 1\nb: *x\n", "2: anchors and aliases are not used here"},
        {"a: &x [1]\n", "1: anchors and aliases are not used here"},
        {"a: &x {b: 1}\n", "1: anchors and aliases are not used here"},
        {"a: 1\n---\nb: 2\n", "2: a second document"},
        {"? [a]\n: 1\n", "1: a key must be a word"},
        {"a: \"x\\0y\"\n", "1: a text with a NUL byte in it"},
        {"", "1: empty"},
        {"# nothing\n", "1: empty"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        assert_int_equal(open_text(f, refusals[i][0], strlen(refusals[i][0])), -EINVAL);
        assert_string_equal(complaint(f), refusals[i][1]);
        assert_int_equal(f->err.class, ERR_ABORT);
    }
}

static void refuses_what_is_no_yaml_with_its_line(void **state)
{
    static const char *const broken[] = {"a: 1\nb: [1, 2\n", "a: 1\nb: {c: 1\n", "a: 1\n\tb: 2\n",
                                         "a: 1\nb: \"x\n",   "a: 1\nb: \x01\n",  "a: 1\nb: \xff\n"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        assert_int_equal(open_text(f, broken[i], strlen(broken[i])), -EINVAL);
        assert_non_null(strstr(complaint(f), ": not YAML: "));
        assert_in_range(atoi(complaint(f)), 1, 3);
    }
}

static void refuses_files_too_large_too_deep_or_absent(void **state)
{
    struct fixture *f = *state;
    struct buf text = {0};

    for (int i = 0; i < 33; i++)
        buf_append_char(&text, '[');
    assert_int_equal(open_text(f, text.data, text.size), -EINVAL);
    assert_string_equal(complaint(f), "1: nested more than 32 deep");
    while (text.size <= 1024 * 1024)
        buf_append_str(&text, "# comment after comment after comment\n");
    assert_int_equal(open_text(f, text.data, text.size), -EFBIG);
    buf_done(&text);
    (void)unlink(f->path);
    assert_int_equal(yaml_open(f->path, &f->file, &f->root, &f->err), -ENOENT);
    assert_int_equal(yaml_open("/tmp", &f->file, &f->root, &f->err), -EISDIR);
}

static void an_unknown_key_gets_its_line_and_the_nearest(void **state)
{
    static const char *const keys[] = {"at_s", "kill", "pause"};
    struct fixture *f = *state;

    load(f, "at_s: 3\nkil:\n  serve1\n");
    assert_int_equal(yaml_check_keys(f->root, keys, 3, &f->err), -EINVAL);
    assert_string_equal(complaint(f), "2: unknown key \"kil\"; did you mean \"kill\"?");
    assert_int_equal(yaml_check_keys(f->root, keys, 1, &f->err), -EINVAL);
    assert_string_equal(complaint(f), "2: unknown key \"kil\"");
    load(f, "a: {b: [1]}\n");
    assert_int_equal(yaml_check_keys(yaml_find(yaml_find(f->root, "a"), "b"), keys, 3, &f->err),
                     -EINVAL);
    assert_string_equal(complaint(f), "1: a.b: must be a list of \"key: value\"");
    load(f, "[1]\n");
    assert_int_equal(yaml_check_keys(f->root, keys, 3, &f->err), -EINVAL);
    assert_string_equal(complaint(f), "1: must be a list of \"key: value\"");
    load(f, "kill: 1\nat_s: 2\n");
    assert_int_equal(yaml_check_keys(f->root, keys, 3, &f->err), 0);
}

static void numbers_are_numbers_within_their_bounds(void **state)
{
    static const char *const wrong[] = {"fast",  "0x10", "inf", "nan", "1e999",
                                        "1.2.3", "''",   "[1]", "1 2"};
    struct fixture *f = *state;
    double value = 0;

    load(f, "workload:\n  rate: 400.5\n");
    assert_int_equal(
        yaml_to_number(yaml_find(yaml_find(f->root, "workload"), "rate"), 0, 1000, &value, &f->err),
        0);
    assert_true(value > 400.4 && value < 400.6);
    assert_int_equal(
        yaml_to_number(yaml_find(yaml_find(f->root, "workload"), "rate"), 0, 1, &value, &f->err),
        -EINVAL);
    assert_string_equal(complaint(f), "2: workload.rate: 400.5 is not between 0 and 1");
    load(f, "workload:\n  rate: fast\n");
    assert_int_equal(
        yaml_to_number(yaml_find(yaml_find(f->root, "workload"), "rate"), 0, 1, &value, &f->err),
        -EINVAL);
    assert_string_equal(complaint(f), "2: workload.rate: \"fast\" is not a number");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[32];

        (void)snprintf(text, sizeof text, "- [%s]\n", wrong[i]);
        load(f, text);
        assert_int_equal(
            yaml_to_number(yaml_item(yaml_item(f->root, 0), 0), -1e9, 1e9, &value, &f->err),
            -EINVAL);
        assert_non_null(strstr(complaint(f), "1: [0][0]: "));
    }
}

static void whole_numbers_are_whole_and_fit(void **state)
{
    static const char *const wrong[] = {"4.0", "0x10", "", "1e3", "12a", "9999999999999999999999",
                                        "-1",  "101"};
    struct fixture *f = *state;
    int64_t value = 0;

    load(f, "[100]\n");
    assert_int_equal(yaml_to_int(yaml_item(f->root, 0), 0, 100, &value, &f->err), 0);
    assert_int_equal(value, 100);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[64];

        (void)snprintf(text, sizeof text, "n: %s\n", wrong[i]);
        load(f, text);
        assert_int_equal(yaml_to_int(yaml_find(f->root, "n"), 0, 100, &value, &f->err), -EINVAL);
        assert_int_equal(value, 100);
    }
}

static void a_choice_names_the_choices_and_the_nearest(void **state)
{
    static const char *const valid[] = {"fanout", "transfer"};
    struct fixture *f = *state;
    size_t index = 9;

    load(f, "name: transfer\n");
    assert_int_equal(yaml_to_choice(yaml_find(f->root, "name"), valid, 2, &index, &f->err), 0);
    assert_int_equal(index, 1);
    load(f, "name: fanuot\n");
    assert_int_equal(yaml_to_choice(yaml_find(f->root, "name"), valid, 2, &index, &f->err),
                     -EINVAL);
    assert_string_equal(complaint(f), "1: name: \"fanuot\" is not known; did you mean \"fanout\"? "
                                      "There are fanout, transfer");
    load(f, "name: [x]\n");
    assert_int_equal(yaml_to_choice(yaml_find(f->root, "name"), valid, 2, &index, &f->err),
                     -EINVAL);
    assert_string_equal(complaint(f), "1: name: one of fanout, transfer was expected here");
}

static void complaints_carry_file_and_line(void **state)
{
    struct fixture *f = *state;

    load(f, "a:\n  - 1\n  - 2\n");
    assert_int_equal(
        yaml_complain(yaml_item(yaml_find(f->root, "a"), 1), &f->err, "%d is too many", 2),
        -EINVAL);
    assert_string_equal(complaint(f), "3: 2 is too many");
}

static void check_quoting(struct fixture *f, const char *text)
{
    struct buf out = {0};

    buf_append_str(&out, "- {a: ");
    yaml_quote(&out, text);
    buf_append_str(&out, ", b: [");
    yaml_quote(&out, text);
    buf_append_str(&out, "]}\n");
    load(f, buf_str(&out));
    assert_string_equal(yaml_text(yaml_find(yaml_item(f->root, 0), "a")), text);
    assert_string_equal(yaml_text(yaml_item(yaml_find(yaml_item(f->root, 0), "b"), 0)), text);
    buf_done(&out);
}

static void what_is_quoted_reads_back(void **state)
{
    static const char *const texts[] = {"plain",
                                        "",
                                        " ",
                                        "true",
                                        "No",
                                        "12",
                                        "a: b",
                                        "#x",
                                        "-",
                                        "/",
                                        "/path/of/a.yaml",
                                        "say \"hi\" \\ bye",
                                        "line\nline",
                                        "\x01\x7f",
                                        "Zürich",
                                        "\xc2\x85",
                                        "\xc2\x80",
                                        "\xe2\x80\xa8",
                                        "\xe2\x80\xa9",
                                        "\xe2\x80\xa6",
                                        "{[,]}",
                                        "serve1->pg1",
                                        "*a",
                                        "&a",
                                        "!x",
                                        "%TAG",
                                        "'",
                                        "a "};
    static const char alphabet[] = "ab1 :#-?,[]{}&*!|>'\"%@`\\\n\t";
    struct fixture *f = *state;
    struct rng rng = rng_new(1, "yaml");

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_quoting(f, texts[i]);
    for (int i = 0; i < 500; i++) {
        char text[12] = "";
        size_t n = rng_below(&rng, sizeof text);

        for (size_t k = 0; k < n; k++)
            text[k] = alphabet[rng_below(&rng, sizeof alphabet - 1)];
        check_quoting(f, text);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_scalars_sequences_and_mappings),
        TEST(refuses_what_it_does_not_read),
        TEST(refuses_what_is_no_yaml_with_its_line),
        TEST(refuses_files_too_large_too_deep_or_absent),
        TEST(an_unknown_key_gets_its_line_and_the_nearest),
        TEST(numbers_are_numbers_within_their_bounds),
        TEST(whole_numbers_are_whole_and_fit),
        TEST(a_choice_names_the_choices_and_the_nearest),
        TEST(complaints_carry_file_and_line),
        TEST(what_is_quoted_reads_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
