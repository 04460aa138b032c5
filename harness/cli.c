/* The command line: see the header. */
#include "harness/cli.h"

#include "base/suggest.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS   80
#define WORDS_MAX 64

static const char *const group_titles[CLI_GROUPS] = {
    [CLI_EXPERIMENTS] = "experiments",
    [CLI_SERVERS] = "servers that stay",
    [CLI_OPERATOR] = "transactions in doubt (docs/operator.md)",
    [CLI_ROLES] = "roles (processes of a run, started by the harness)",
    [CLI_LAUNCHER] = "the tree (done by its launcher, ./syncbed)",
};

struct given {
    const struct cli_option *option;
    const char *value; /* borrowed from argv; NULL for a flag */
    int64_t number;
};

struct cli_args {
    const struct cli_verb *verb;
    unsigned n_given;
    struct given given[WORDS_MAX];
    unsigned n_arguments;
    const char *argument[WORDS_MAX];
};

/* --- complaints ------------------------------------------------------------------------------- */

int cli_fail(const struct errctx *err)
{
    (void)fprintf(stderr, "syncbed: %s\n", err->message);
    return CLI_EXIT_BAD_INPUT;
}

/* "no such WHAT: WORD", and what was probably meant. */
static int complain_unknown(const char *what, const char *prefix, const char *word,
                            const char *const *valid, size_t n, const char *see, struct errctx *err)
{
    const char *near = suggest_nearest(word, valid, n);

    if (near)
        return err_set(err, EINVAL, ERR_ABORT, "no such %s: %s%s; did you mean %s%s?", what, prefix,
                       word, prefix, near);
    return err_set(err, EINVAL, ERR_ABORT, "no such %s: %s%s; see \"syncbed %s%s--help\"", what,
                   prefix, word, see, *see ? " " : "");
}

/* --- parsing ---------------------------------------------------------------------------------- */

static const struct cli_verb *find_verb(const struct cli *cli, const char *name)
{
    for (unsigned i = 0; i < cli->n_verbs; i++) {
        if (strcmp(cli->verb[i].name, name) == 0)
            return &cli->verb[i];
    }
    return NULL;
}

static int unknown_verb(const struct cli *cli, const char *word, struct errctx *err)
{
    const char *valid[WORDS_MAX] = {"--help", "--version"};
    size_t n = 2;

    for (unsigned i = 0; i < cli->n_verbs && n < WORDS_MAX; i++)
        valid[n++] = cli->verb[i].name;
    return complain_unknown("verb", "", word, valid, n, "", err);
}

static int find_option(const struct cli_verb *verb, const char *name, size_t size,
                       const struct cli_option **ret_option, struct errctx *err)
{
    const char *valid[WORDS_MAX] = {"help"};
    size_t n = 1;
    char word[128];

    for (unsigned i = 0; i < verb->n_options; i++) {
        const struct cli_option *option = &verb->option[i];

        if (strlen(option->name) == size && strncmp(option->name, name, size) == 0) {
            *ret_option = option;
            return 0;
        }
        valid[n++] = option->name;
    }
    (void)snprintf(word, sizeof word, "%.*s", (int)size, name); /* cut in a message is fine */
    return complain_unknown("option", "--", word, valid, n, verb->name, err);
}

static int parse_int(struct given *given, struct errctx *err)
{
    const struct cli_option *option = given->option;
    char *end;
    long long number;

    errno = 0;
    number = strtoll(given->value, &end, 10);
    if (*end || end == given->value)
        return err_set(err, EINVAL, ERR_ABORT, "--%s: \"%s\" is not a whole number", option->name,
                       given->value);
    if (errno == ERANGE || number < option->min || number > option->max)
        return err_set(err, EINVAL, ERR_ABORT, "--%s: %s is not within %lld to %lld", option->name,
                       given->value, (long long)option->min, (long long)option->max);
    given->number = number;
    return 0;
}

static int check_value(struct given *given, struct errctx *err)
{
    switch (given->option->type) {
    case CLI_INT:
        return parse_int(given, err);
    case CLI_TEXT:
    case CLI_TEXTS:
        if (!*given->value)
            return err_set(err, EINVAL, ERR_ABORT, "--%s needs a value: %s", given->option->name,
                           given->option->value);
        return 0;
    case CLI_FLAG:
        break;
    }
    return 0;
}

/* One option: "--name", "--name value" or "--name=value". Moves *i over what it uses up. */
static int parse_option(struct cli_args *args, int argc, const char *const *argv, int *i,
                        struct errctx *err)
{
    const char *name = argv[*i] + 2;
    const char *equals = strchr(name, '=');
    size_t size = equals ? (size_t)(equals - name) : strlen(name);
    struct given *given = &args->given[args->n_given];
    const struct cli_option *option = NULL;
    int rc = find_option(args->verb, name, size, &option, err);

    if (rc)
        return rc;
    if (option->type != CLI_TEXTS && cli_given(args, option->name))
        return err_set(err, EINVAL, ERR_ABORT, "--%s is given twice", option->name);
    given->option = option;
    if (option->type == CLI_FLAG) {
        if (equals)
            return err_set(err, EINVAL, ERR_ABORT, "--%s takes no value", option->name);
    } else if (equals) {
        given->value = equals + 1;
    } else {
        if (*i + 1 >= argc)
            return err_set(err, EINVAL, ERR_ABORT, "--%s needs a value: %s", option->name,
                           option->value);
        given->value = argv[++*i];
    }
    args->n_given++;
    return check_value(given, err);
}

static int check_complete(const struct cli_args *args, struct errctx *err)
{
    const struct cli_verb *verb = args->verb;

    if (args->n_arguments < verb->n_arguments_min)
        return err_set(err, EINVAL, ERR_ABORT, "%s needs %s; see \"syncbed %s --help\"", verb->name,
                       verb->arguments, verb->name);
    if (args->n_arguments > verb->n_arguments_max)
        return err_set(err, EINVAL, ERR_ABORT, "%s: \"%s\" is one argument too many", verb->name,
                       args->argument[verb->n_arguments_max]);
    for (unsigned i = 0; i < verb->n_options; i++) {
        if (verb->option[i].required && !cli_given(args, verb->option[i].name))
            return err_set(err, EINVAL, ERR_ABORT, "%s needs --%s %s", verb->name,
                           verb->option[i].name, verb->option[i].value);
    }
    return 0;
}

static int parse_args(const struct cli_verb *verb, int argc, const char *const *argv,
                      struct cli_args *args, struct errctx *err)
{
    bool options = true; /* until "--" */

    args->verb = verb;
    if (argc > WORDS_MAX)
        return err_set(err, E2BIG, ERR_ABORT, "more than %d words", WORDS_MAX);
    for (int i = 0; i < argc; i++) {
        int rc = 0;

        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (options && strncmp(argv[i], "--", 2) == 0)
            rc = parse_option(args, argc, argv, &i, err);
        else if (options && argv[i][0] == '-' && argv[i][1])
            rc = complain_unknown("option", "", argv[i], NULL, 0, verb->name, err);
        else
            args->argument[args->n_arguments++] = argv[i];
        if (rc)
            return rc;
    }
    return check_complete(args, err);
}

/* --- what a verb asks ------------------------------------------------------------------------- */

static const struct given *nth_given(const struct cli_args *args, const char *option, unsigned nth)
{
    for (unsigned i = 0; i < args->n_given; i++) {
        if (strcmp(args->given[i].option->name, option) == 0 && nth-- == 0)
            return &args->given[i];
    }
    return NULL;
}

static const struct given *find_given(const struct cli_args *args, const char *option)
{
    bool known = false;

    for (unsigned i = 0; i < args->verb->n_options; i++)
        known = known || strcmp(args->verb->option[i].name, option) == 0;
    assert(known);
    return nth_given(args, option, 0);
}

bool cli_given(const struct cli_args *args, const char *option)
{
    return find_given(args, option) != NULL;
}

const char *cli_text(const struct cli_args *args, const char *option, const char *otherwise)
{
    const struct given *given = find_given(args, option);

    return given ? given->value : otherwise;
}

int64_t cli_int(const struct cli_args *args, const char *option, int64_t otherwise)
{
    const struct given *given = find_given(args, option);

    return given ? given->number : otherwise;
}

const char *cli_text_at(const struct cli_args *args, const char *option, unsigned i)
{
    const struct given *given = nth_given(args, option, i);

    return given ? given->value : NULL;
}

unsigned cli_n_arguments(const struct cli_args *args)
{
    return args->n_arguments;
}

const char *cli_argument(const struct cli_args *args, unsigned i)
{
    assert(i < args->n_arguments);
    return args->argument[i];
}

/* --- help ------------------------------------------------------------------------------------- */

/* Append `text` from column `column` on, its further lines indented by `indent`. */
static void append_wrapped(struct buf *out, size_t column, size_t indent, const char *text)
{
    while (*text) {
        size_t size = strcspn(text, " ");

        if (column + size > COLUMNS && column > indent) {
            buf_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        buf_append(out, text, size);
        column += size;
        text += size;
        if (*text == ' ') {
            text++;
            if (column + 1 + strcspn(text, " ") <= COLUMNS)
                buf_append_char(out, ' ');
            column++;
        }
    }
    buf_append_char(out, '\n');
}

void cli_wrap(struct buf *out, size_t indent, const char *text)
{
    buf_printf(out, "%*s", (int)indent, "");
    append_wrapped(out, indent, indent, text);
}

/* "  left side     right side, wrapped" */
static void append_row(struct buf *out, size_t width, const char *left, const char *right)
{
    size_t column = 2 + width + 2;

    buf_printf(out, "  %-*s  ", (int)width, left);
    if (strlen(left) > width)
        buf_printf(out, "\n%*s", (int)column, "");
    append_wrapped(out, column, column, right);
}

static void help_program(const struct cli *cli, struct buf *out)
{
    buf_printf(out, "usage: %s VERB [ARGUMENTS] [OPTIONS]\n\n", cli->program);
    append_wrapped(out, 0, 0, cli->purpose);
    for (int group = 0; group < CLI_GROUPS; group++) {
        buf_printf(out, "\n%s\n", group_titles[group]);
        for (unsigned i = 0; i < cli->n_verbs; i++) {
            const struct cli_verb *verb = &cli->verb[i];
            char left[64];

            if ((int)verb->group != group)
                continue;
            (void)snprintf(left, sizeof left, "%s%s%s", verb->name, *verb->arguments ? " " : "",
                           verb->arguments);
            append_row(out, 19, left, verb->summary);
        }
    }
    buf_printf(out, "\n\"%s VERB --help\" tells more, \"%s --version\" what it is made of.\n",
               cli->program, cli->program);
}

static void help_option(const struct cli_option *option, struct buf *out)
{
    char left[64];
    struct buf right = {0};

    (void)snprintf(left, sizeof left, "--%s%s%s", option->name, option->value ? " " : "",
                   option->value ? option->value : "");
    buf_append_str(&right, option->meaning);
    if (option->type == CLI_INT && option->max < INT32_MAX)
        buf_printf(&right, "; %lld to %lld", (long long)option->min, (long long)option->max);
    if (option->type == CLI_TEXTS)
        buf_append_str(&right, "; may be repeated");
    if (option->required)
        buf_append_str(&right, "; required");
    append_row(out, 20, left, buf_str(&right));
    buf_done(&right);
}

static void help_verb(const struct cli *cli, const struct cli_verb *verb, struct buf *out)
{
    buf_printf(out, "usage: %s %s%s%s [OPTIONS]\n\n", cli->program, verb->name,
               *verb->arguments ? " " : "", verb->arguments);
    append_wrapped(out, 0, 0, verb->summary);
    if (verb->detail) {
        buf_append_char(out, '\n');
        append_wrapped(out, 0, 0, verb->detail);
    }
    buf_append_str(out, "\noptions\n");
    for (unsigned i = 0; i < verb->n_options; i++)
        help_option(&verb->option[i], out);
    append_row(out, 20, "--help", "this text");
    if (verb->more)
        verb->more(out);
}

/* --- main ------------------------------------------------------------------------------------- */

static int print(struct buf *out, FILE *to, int status)
{
    (void)fputs(buf_str(out), to);
    buf_done(out);
    return status;
}

static bool asks_for_help(int argc, const char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return true;
    }
    return false;
}

int cli_main(const struct cli *cli, int argc, const char *const *argv)
{
    struct cli_args args = {.n_given = 0};
    const struct cli_verb *verb;
    struct buf out = {0};
    struct errctx err;

    if (argc < 2) {
        help_program(cli, &out);
        return print(&out, stderr, CLI_EXIT_BAD_INPUT);
    }
    if (strcmp(argv[1], "--help") == 0) {
        help_program(cli, &out);
        return print(&out, stdout, 0);
    }
    if (strcmp(argv[1], "--version") == 0) {
        cli->version(&out);
        return print(&out, stdout, 0);
    }
    verb = find_verb(cli, argv[1]);
    if (!verb) {
        (void)unknown_verb(cli, argv[1], &err); /* always an error: its message is what we want */
        return cli_fail(&err);
    }
    if (asks_for_help(argc - 2, argv + 2)) {
        help_verb(cli, verb, &out);
        return print(&out, stdout, 0);
    }
    if (parse_args(verb, argc - 2, argv + 2, &args, &err))
        return cli_fail(&err);
    return verb->run(&args);
}
