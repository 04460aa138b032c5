/*
 * The command line: what is wrong gets one line that names the nearest right word, and status 2;
 * help is made from the table and fits 80 columns. Folder: harness
 */
#include "harness/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char ran[512]; /* what the verb saw */

static int verb_do(const struct cli_args *args)
{
    size_t used = (size_t)snprintf(ran, sizeof ran, "%s n=%lld json=%d", cli_text(args, "out", "-"),
                                   (long long)cli_int(args, "n", -1), cli_given(args, "json"));

    for (unsigned i = 0; cli_text_at(args, "set", i); i++)
        used +=
            (size_t)snprintf(ran + used, sizeof ran - used, " set:%s", cli_text_at(args, "set", i));
    for (unsigned i = 0; i < cli_n_arguments(args); i++)
        used += (size_t)snprintf(ran + used, sizeof ran - used, " %s", cli_argument(args, i));
    return 7;
}

static const struct cli_option options[] = {
    {.name = "out",
     .value = "DIR",
     .type = CLI_TEXT,
     .meaning = "where the results of all this "
                "go, which is a long sentence"},
    {.name = "n", .value = "N", .type = CLI_INT, .min = 1, .max = 10, .meaning = "how many"},
    {.name = "json", .type = CLI_FLAG, .meaning = "as JSON"},
    {.name = "set", .value = "KEY=VALUE", .type = CLI_TEXTS, .meaning = "a setting"},
};

static const struct cli_verb verbs[] = {
    {.name = "do",
     .group = CLI_EXPERIMENTS,
     .arguments = "FILE",
     .n_arguments_min = 1,
     .n_arguments_max = 2,
     .summary = "does it",
     .option = options,
     .n_options = sizeof options / sizeof *options,
     .run = verb_do},
    {.name = "check", .group = CLI_SERVERS, .arguments = "", .summary = "checks", .run = verb_do},
};

static void version(struct buf *out)
{
    buf_append_str(out, "version 1\n");
}

static const struct cli cli = {.program = "syncbed",
                               .purpose = "A purpose.",
                               .verb = verbs,
                               .n_verbs = sizeof verbs / sizeof *verbs,
                               .version = version};

/* Run a command line (words apart by spaces); what it printed on `fd`, and its status. */
static int run(const char *line, int fd, char *ret_said, size_t size)
{
    char copy[256];
    const char *argv[32] = {"syncbed"};
    int argc = 1, status;
    FILE *file = tmpfile();
    int saved = dup(fd);
    size_t n;

    assert_non_null(file);
    (void)snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    (void)fflush(NULL);
    assert_true(dup2(fileno(file), fd) >= 0);
    ran[0] = '\0';
    status = cli_main(&cli, argc, argv);
    (void)fflush(NULL);
    assert_true(dup2(saved, fd) >= 0);
    (void)close(saved);
    rewind(file);
    n = fread(ret_said, 1, size - 1, file);
    ret_said[n] = '\0';
    (void)fclose(file);
    return status;
}

static void expect_complaint(const char *line, const char *want)
{
    char said[512];

    assert_int_equal(run(line, STDERR_FILENO, said, sizeof said), 2);
    assert_string_equal(said, want);
    assert_string_equal(ran, ""); /* nothing was done */
}

static void expect_ran(const char *line, const char *want)
{
    char said[512];

    assert_int_equal(run(line, STDOUT_FILENO, said, sizeof said), 7);
    assert_string_equal(said, "");
    assert_string_equal(ran, want);
}

static void a_right_line_reaches_its_verb(void **state)
{
    (void)state;
    expect_ran("do file", "- n=-1 json=0 file");
    expect_ran("do --out x --n=3 a --json b", "x n=3 json=1 a b");
    expect_ran("do --set a=1 f --set b=2", "- n=-1 json=0 set:a=1 set:b=2 f");
    expect_ran("do -- --json", "- n=-1 json=0 --json");
}

static void a_wrong_word_gets_the_nearest_right_one(void **state)
{
    (void)state;
    expect_complaint("chek", "syncbed: no such verb: chek; did you mean check?\n");
    expect_complaint("xyzzy", "syncbed: no such verb: xyzzy; see \"syncbed --help\"\n");
    expect_complaint("do f --jsn", "syncbed: no such option: --jsn; did you mean --json?\n");
    expect_complaint("do f -j", "syncbed: no such option: -j; see \"syncbed do --help\"\n");
    expect_complaint("--versoin", "syncbed: no such verb: --versoin; did you mean --version?\n");
}

static void a_wrong_value_is_named(void **state)
{
    (void)state;
    expect_complaint("do f --n x", "syncbed: --n: \"x\" is not a whole number\n");
    expect_complaint("do f --n 11", "syncbed: --n: 11 is not within 1 to 10\n");
    expect_complaint("do f --n 99999999999999999999",
                     "syncbed: --n: 99999999999999999999 is not within 1 to 10\n");
    expect_complaint("do f --n", "syncbed: --n needs a value: N\n");
    expect_complaint("do f --out=", "syncbed: --out needs a value: DIR\n");
    expect_complaint("do f --json=1", "syncbed: --json takes no value\n");
    expect_complaint("do f --n 1 --n 2", "syncbed: --n is given twice\n");
    expect_complaint("do", "syncbed: do needs FILE; see \"syncbed do --help\"\n");
    expect_complaint("do a b c", "syncbed: do: \"c\" is one argument too many\n");
}

static void help_comes_from_the_table_and_fits(void **state)
{
    static const char *const lines[] = {"--help", "do --help", "do --wrong --help"};
    char said[4096];

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(run(lines[i], STDOUT_FILENO, said, sizeof said), 0);
        for (const char *line = said; *line; line += strcspn(line, "\n") + 1) {
            if (strcspn(line, "\n") > 80)
                fail_msg("wider than 80 columns: %s", line);
        }
        assert_non_null(strstr(said, i == 0 ? "check" : "--set KEY=VALUE"));
    }
}

static void version_is_printed(void **state)
{
    char said[64];

    (void)state;
    assert_int_equal(run("--version", STDOUT_FILENO, said, sizeof said), 0);
    assert_string_equal(said, "version 1\n");
}

static void no_verb_shows_the_help_and_fails(void **state)
{
    char said[4096];

    (void)state;
    assert_int_equal(run("", STDERR_FILENO, said, sizeof said), 2);
    assert_non_null(strstr(said, "usage: syncbed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_line_reaches_its_verb),
        cmocka_unit_test(a_wrong_word_gets_the_nearest_right_one),
        cmocka_unit_test(a_wrong_value_is_named),
        cmocka_unit_test(help_comes_from_the_table_and_fits),
        cmocka_unit_test(version_is_printed),
        cmocka_unit_test(no_verb_shows_the_help_and_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
