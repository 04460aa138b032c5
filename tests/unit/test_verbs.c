/*
 * The table of verbs and the launcher at the root of the tree agree: what a verb needs is what
 * ./syncbed installs for it, and what the launcher does itself is named by --help. Folder: harness
 */
#include "base/buf.h"
#include "harness/verbs.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The launcher is sought by the name of a file beside it: there are other things named syncbed. */
static void find_launcher(char ret_path[PATH_MAX])
{
    static const char beside[] = "CONTRIBUTING.md";
    size_t size;

    assert_true(verb_find_file(beside, ret_path));
    size = strlen(ret_path) - strlen(beside);
    (void)snprintf(ret_path + size, PATH_MAX - size, "syncbed");
}

/* What the launcher's own functions say of `verb`: "build", "report", "run" or "test". */
static void needs_by_launcher(const char *verb, char *ret_needs, size_t size)
{
    static const char script[] = "eval \"$(sed -n '/^asks_for_help()/,/^}/p; /^needs_of()/,/^}/p' "
                                 "'%s')\"; needs_of %s";
    char launcher[PATH_MAX], command[PATH_MAX + 256];
    FILE *said;

    find_launcher(launcher);
    (void)snprintf(command, sizeof command, script, launcher, verb);
    assert_int_equal(setenv("ASKED", command, 1), 0);
    said = popen("bash -c \"$ASKED\"", "re");
    assert_non_null(said);
    if (!fgets(ret_needs, (int)size, said))
        fail_msg("the launcher says nothing of %s", verb);
    assert_int_equal(pclose(said), 0);
    ret_needs[strcspn(ret_needs, "\n")] = '\0';
}

static void the_launcher_installs_what_each_verb_needs(void **state)
{
    static const char *const word[] = {
        [CLI_NEEDS_PROGRAM] = "build", [CLI_NEEDS_DRAWING] = "report", [CLI_NEEDS_SERVERS] = "run"};

    (void)state;
    for (unsigned i = 0; i < syncbed_cli.n_verbs; i++) {
        const struct cli_verb *verb = &syncbed_cli.verb[i];
        char needs[64];

        if (verb->needs == CLI_NEEDS_UNSAID)
            fail_msg("the table does not say what %s needs", verb->name);
        if (verb->group == CLI_LAUNCHER)
            continue;
        needs_by_launcher(verb->name, needs, sizeof needs);
        if (strcmp(needs, word[verb->needs]) != 0)
            fail_msg("%s needs %s, but the launcher prepares %s", verb->name, word[verb->needs],
                     needs);
    }
}

static void help_needs_no_servers(void **state)
{
    char needs[64];

    (void)state;
    needs_by_launcher("run --help", needs, sizeof needs);
    assert_string_equal(needs, "build");
}

/* Each "NAME)" of the launcher's last `case`, but its rest and help. */
static void what_the_launcher_does_is_in_the_table(void **state)
{
    char launcher[PATH_MAX], line[256];
    FILE *file;
    bool inside = false;
    unsigned n = 0, listed = 0;

    (void)state;
    find_launcher(launcher);
    file = fopen(launcher, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        char name[32];
        bool known = false;

        inside = inside || strcmp(line, "case $verb in\n") == 0;
        if (!inside || sscanf(line, "%31[a-z])", name) != 1 || line[strlen(name)] != ')')
            continue;
        for (unsigned i = 0; i < syncbed_cli.n_verbs; i++)
            known = known || (syncbed_cli.verb[i].group == CLI_LAUNCHER &&
                              strcmp(syncbed_cli.verb[i].name, name) == 0);
        if (!known)
            fail_msg("--help does not name the launcher's %s", name);
        n++;
    }
    (void)fclose(file);
    for (unsigned i = 0; i < syncbed_cli.n_verbs; i++)
        listed += syncbed_cli.verb[i].group == CLI_LAUNCHER;
    assert_int_equal(n, listed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_launcher_installs_what_each_verb_needs),
        cmocka_unit_test(help_needs_no_servers),
        cmocka_unit_test(what_the_launcher_does_is_in_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
